{
  description = "Installer media that turn a machine into a NixOS host of your flake";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";
    # Where the hosts' own nixosConfigurations are. This flake has none, so it
    # stands for itself until another is named. A prebuilt host needs it:
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
      forSystems = lib.genAttrs [
        "x86_64-linux"
        "aarch64-linux"
      ];
      pkgsOf = system: nixpkgs.legacyPackages.${system};
      programOf = system: self.packages.${system}.auto-installer;

      own = import ./modules/lib.nix {
        inherit nixpkgs;
        autoInstaller = self;
      };
      # Alone, this flake has no config repo: nothing to compare with, no revision to
      # pin to, and no system for the medium of a prebuilt host.
      alone = nix-config.outPath == self.outPath;
      all = own.mkInstallers {
        self = if alone then { } else nix-config;
        hosts = ./hosts;
      };
      isPrebuilt = name: all.nixosConfigurations."${name}-installer".config.autoInstaller.prebuilt;
      made = suffix: lib.filterAttrs (name: _: !(alone && isPrebuilt (lib.removeSuffix suffix name)));
    in
    {
      lib = own;

      nixosModules = {
        installer =
          { lib, pkgs, ... }:
          {
            key = "auto-installer/installer";
            imports = [ ./modules/installer.nix ];
            autoInstaller.package = lib.mkDefault (programOf pkgs.stdenv.hostPlatform.system);
          };
        age-identity =
          { lib, pkgs, ... }:
          {
            key = "auto-installer/age-identity";
            imports = [ ./modules/age-identity.nix ];
            ageIdentity.package = lib.mkDefault (programOf pkgs.stdenv.hostPlatform.system);
          };
        default = self.nixosModules.installer;
      };

      nixosConfigurations = made "-installer" all.nixosConfigurations;

      packages = forSystems (
        system:
        {
          auto-installer = (pkgsOf system).callPackage ./modules/package.nix { };
          default = programOf system;
        }
        // made "InstallerIso" (all.packages.${system} or { })
      );

      apps = forSystems (system: {
        default = {
          type = "app";
          program = lib.getExe (programOf system);
          meta.description = "The installer";
        };
      });

      checks = forSystems (
        system:
        {
          program = programOf system;
          modules = import ./lab/nix/flake-check.nix {
            inherit lib;
            pkgs = pkgsOf system;
          };
        }
        // made "-installer" (all.checks.${system} or { })
        // lib.optionalAttrs (system == "x86_64-linux") {
          # Needs KVM.
          install = import ./lab/nix/vm-test.nix {
            inherit self nixpkgs;
            pkgs = pkgsOf system;
          };
        }
      );

      devShells = forSystems (
        system:
        let
          pkgs = pkgsOf system;
        in
        {
          default = pkgs.mkShell {
            packages = [
              pkgs.deadnix
              pkgs.go
              pkgs.gopls
              pkgs.just
              pkgs.nixfmt-tree
              pkgs.shellcheck
              pkgs.statix
            ];
          };
        }
      );

      formatter = forSystems (system: (pkgsOf system).nixfmt-tree);

      templates.default = {
        path = ./templates/nix-config;
        description = "A nix-config with one host, its installer and its secrets";
      };
    };
}
