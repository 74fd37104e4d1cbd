# What lab/nix-check evaluates with a whole nixpkgs: the outputs of this flake and of the
# template, and installers with every kind of option. Each value is the path of a .drv,
# or true, or text that says what is wrong.
{
  # The project's top folder.
  root,
  # A checkout of nixpkgs.
  nixpkgs,
}:
let
  called = path: inputs: extra: fix (self: (import (path + "/flake.nix")).outputs (inputs // { inherit self; }) // { outPath = path; } // extra);
  fix = f: let self = f self; in self;
  version = {
    lastModifiedDate = "20260101000000";
    shortRev = "0000000";
    rev = "0000000000000000000000000000000000000000";
    narHash = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
  };
  whole = called nixpkgs { } version;
  inherit (whole) lib;
  # Haskell's package set is not in every checkout; writeShellApplication wants this.
  overlay =
    final: prev:
    lib.genAttrs [ "shellcheck" "shellcheck-minimal" ] (
      _: prev.hello // { compiler.bootstrapAvailable = false; meta = prev.hello.meta // { mainProgram = "shellcheck"; }; }
    );
  system = "x86_64-linux";
  from = whole // {
    legacyPackages = lib.mapAttrs (_: pkgs: pkgs.extend overlay) whole.legacyPackages;
    lib = lib // {
      nixosSystem = args: lib.nixosSystem (args // { modules = args.modules ++ [ { nixpkgs.overlays = [ overlay ]; } ]; });
    };
  };
  own = called root { nixpkgs = from; nix-config = own; } version;
  agenix = (import ./template/agenix/flake.nix).outputs { };
  template = called (root + "/templates/nix-config") { nixpkgs = from; auto-installer = own; inherit agenix; } version;

  evaluated = modules: from.lib.nixosSystem { inherit system modules; };
  base = {
    targetHost = "demo";
    repoRemote = "https://example.org/nix-config.git";
    labels.efi = "DEMO-EFI";
    labels.root = "DEMO-ROOT";
  };
  luks = lib.recursiveUpdate base { labels.luks = "DEMO-LUKS"; luks.enable = true; };
  swap = lib.recursiveUpdate base { labels.swap = "DEMO-SWAP"; swap.enable = true; };
  target = settings: module: evaluated [
    (own.lib.layout settings)
    { boot.loader.systemd-boot.enable = lib.mkDefault true; system.stateVersion = lib.trivial.release; }
    module
  ];
  prebuilt = settings: settings // { prebuilt = true; source = root; revision = version.rev; target = target settings { }; };
  image = modules: (evaluated ([ own.nixosModules.installer ] ++ modules)).config;
  with' = settings: { autoInstaller = settings; };

  # An installer without a warning of ours, as the .drv of its image.
  quiet = config: if config.warnings == [ ] then config.system.build.isoImage.drvPath else toString config.warnings;
  facts = module: import (root + "/modules/contract.nix") (target base module).config;
  same = got: want: if got == want then true else "got ${builtins.toJSON got}, want ${builtins.toJSON want}";
in
lib.concatMapAttrs (name: config: lib.optionalAttrs (lib.hasSuffix "-installer" name) { "the image of ${name}" = quiet config.config; }) own.nixosConfigurations
// lib.mapAttrs' (name: check: lib.nameValuePair "checks.${name}" check.drvPath) own.checks.${system}
// lib.mapAttrs' (name: package: lib.nameValuePair "packages.${name}" package.drvPath) own.packages.${system}
// {
  "devShells.default" = own.devShells.${system}.default.drvPath;
  "the package for aarch64" = own.packages.aarch64-linux.default.drvPath;
  "the template's host" = template.nixosConfigurations.sample.config.system.build.toplevel.drvPath;
  "the template's installer" = quiet template.nixosConfigurations.sample-installer.config;
  "without a kiosk" = quiet (image [ (with' (base // { kiosk.enable = false; })) ]);
  "unattended" = quiet (image [ (with' (base // { unattended.enable = true; unattended.noAgeIdentity = true; })) ]);
  "prebuilt" = quiet (image [ (with' (prebuilt base)) ]);
  "prebuilt, LUKS" = quiet (image [ (with' (prebuilt luks)) ]);
  "prebuilt, swap" = quiet (image [ (with' (prebuilt swap)) ]);
  "commands in a systemd initrd" = quiet (image [ (with' (base // { extraBootCommands = "true"; })) { boot.initrd.systemd.enable = true; } ]);
  "aarch64" = quiet (from.lib.nixosSystem { system = "aarch64-linux"; modules = [ own.nixosModules.installer (with' base) ]; }).config;

  "the facts of systemd-boot" = same (facts { }).loader.systemdBoot true;
  "the facts of GRUB" = same
    (facts {
      boot.loader.systemd-boot.enable = false;
      boot.loader.grub = { enable = true; efiSupport = true; device = "nodev"; };
    }).loader.grub
    { enable = true; efiSupport = true; efiInstallAsRemovable = false; devices = [ "nodev" ]; };
}
