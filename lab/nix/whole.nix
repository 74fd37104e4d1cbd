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
  failed = config: map (a: a.message) (lib.filter (a: !a.assertion) config.assertions);
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

  "assertions fail in our words" = same (failed (image [ (with' (base // { deployPublicKey = "-----BEGIN OPENSSH PRIVATE KEY-----"; })) ])) [
    "deployPublicKey: not a public key; allowed: one line of an OpenSSH public key, such as ssh-ed25519 AAAA…"
  ];

  "the facts of systemd-boot" = same (facts { }).loader.systemdBoot true;
  "the facts of GRUB" = same
    (facts {
      boot.loader.systemd-boot.enable = false;
      boot.loader.grub = { enable = true; efiSupport = true; device = "nodev"; };
    }).loader.grub
    { enable = true; efiSupport = true; efiInstallAsRemovable = false; devices = [ "nodev" ]; };
  "the facts of GRUB for BIOS" = same
    (facts {
      boot.loader.systemd-boot.enable = false;
      boot.loader.grub = { enable = true; mirroredBoots = [ { path = "/boot"; devices = [ "/dev/sda" ]; } ]; };
    }).loader.grub.devices
    [ "/dev/sda" ];
  "the facts of lanzaboote" = same
    (facts {
      options.boot.lanzaboote.enable = lib.mkEnableOption "lanzaboote";
      config = {
        boot.loader.systemd-boot.enable = false;
        boot.lanzaboote.enable = true;
      };
    }).loader.lanzaboote
    true;
  "the facts of LUKS" =
    let
      f = facts {
        boot.initrd.luks.devices.crypt = { device = "/dev/disk/by-uuid/0"; keyFile = "/key"; };
        environment.etc.crypttab.text = "data /dev/sdb1 none nofail";
      };
    in
    same [ f.luksDevices f.crypttab ] [ { crypt = { device = "/dev/disk/by-uuid/0"; keyFile = "/key"; header = null; }; } [ "data" ] ];
  "the facts of swap" = same
    (facts { swapDevices = [ { label = "SWAP"; } { device = "/dev/sdb1"; randomEncryption.enable = true; } ]; }).swapDevices
    [
      { device = "/dev/disk/by-label/SWAP"; options = [ "defaults" ]; randomEncryption = false; }
      { device = "/dev/mapper/dev-sdb1"; options = [ "defaults" ]; randomEncryption = true; }
    ];
  "the facts of btrfs" = same
    (facts {
      fileSystems."/" = lib.mkForce { device = "/dev/disk/by-uuid/0"; fsType = "btrfs"; options = [ "subvol=root" ]; };
    }).fileSystems."/"
    { device = "/dev/disk/by-uuid/0"; fsType = "btrfs"; options = [ "x-initrd.mount" "subvol=root" ]; };
  "the facts of ZFS" = same
    (facts {
      networking.hostId = "00000001";
      fileSystems."/" = lib.mkForce { device = "tank/root"; fsType = "zfs"; };
    }).fileSystems."/"
    { device = "tank/root"; fsType = "zfs"; options = [ "x-initrd.mount" "defaults" ]; };
  "the facts of a tmpfs root" =
    let
      f = facts {
        fileSystems."/" = lib.mkForce { device = "none"; fsType = "tmpfs"; };
        fileSystems."/nix" = { device = "/dev/disk/by-label/NIX"; fsType = "ext4"; };
        fileSystems."/persist" = { device = "/dev/disk/by-label/PERSIST"; fsType = "ext4"; neededForBoot = true; };
      };
    in
    same [ f.fileSystems."/".fsType f.fileSystems."/nix".device f.neededForBoot ] [ "tmpfs" "/dev/disk/by-label/NIX" [ "/persist" ] ];
  "the facts of a host with agenix" =
    let
      f = import (root + "/modules/contract.nix") template.nixosConfigurations.sample.config;
    in
    same [ f.hostName f.secrets f.ageIdentityPaths ] [ "sample" [ ] [ "/etc/age/sample.agekey" ] ];
}
