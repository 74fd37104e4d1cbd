{
  description = "Installer media that turn a machine into a NixOS host of your flake";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";
    # Where the hosts' own nixosConfigurations are: this flake has none, so it
    # stands for itself until it is overridden. A prebuilt host needs it:
    #   nix build .#stygianlibraryInstallerIso --override-input nix-config github:me/nix-config
    nix-config.follows = "";
  };

  outputs =
    {
      self,
      nixpkgs,
      nix-config,
    }:
    let
      inherit (nixpkgs) lib;
      systems = [
        "x86_64-linux"
        "aarch64-linux"
      ];
      forSystems = lib.genAttrs systems;
      pkgsOf = system: nixpkgs.legacyPackages.${system};
      version = "${builtins.substring 0 8 (self.lastModifiedDate or "19700101")}-${self.shortRev or self.dirtyShortRev or "dirty"}";

      autoInstallerOf = system: (pkgsOf system).callPackage ./modules/package.nix { inherit version; };
      own = import ./modules/lib.nix {
        inherit nixpkgs;
        autoInstaller = self;
      };
      isOwn = nix-config.outPath == self.outPath;
      installers = own.mkInstallers {
        # Alone, this flake knows of no config repo: nothing to compare with, no
        # revision to pin to.
        self = if isOwn then { } else nix-config;
        hosts = ./hosts;
      };
    in
    {
      lib = own;

      nixosModules = {
        installer =
          { lib, pkgs, ... }:
          {
            key = "auto-installer/installer";
            imports = [ ./modules/installer.nix ];
            autoInstaller.package = lib.mkDefault self.packages.${pkgs.stdenv.hostPlatform.system}.auto-installer;
          };
        age-identity = ./modules/age-identity.nix;
        default = self.nixosModules.installer;
      };

      nixosConfigurations = installers.nixosConfigurations;

      packages = forSystems (
        system:
        {
          auto-installer = autoInstallerOf system;
          default = self.packages.${system}.auto-installer;
        }
        // installers.packages.${system} or { }
      );

      templates.default = {
        path = ./templates/nix-config;
        description = "A minimal nix-config with one host, its installer and its secrets";
      };
    };
}
