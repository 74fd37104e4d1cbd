# A stand-in for nixpkgs that lab/nix-check evaluates the flake with: nixpkgs'
# own lib if there is one (in lib/), else the small one in lab/nix/lib.nix; the
# options that the modules set, with their real names and types; and packages
# that are names only.
{
  outputs =
    _:
    let
      nixpkgsLib = import (if builtins.pathExists ./lib then ./lib else ./lib.nix);
      packages = system: import ./packages.nix { inherit lib system; };
      lib = nixpkgsLib // {
        nixosSystem =
          {
            system,
            modules,
            specialArgs ? { },
          }:
          nixpkgsLib.evalModules {
            specialArgs = {
              modulesPath = toString ./modules;
              pkgs = packages system;
            }
            // specialArgs;
            modules = [ ./options.nix ] ++ modules;
          };
      };
    in
    {
      inherit lib;
      legacyPackages = builtins.listToAttrs (
        map
          (system: {
            name = system;
            value = packages system;
          })
          [
            "x86_64-linux"
            "aarch64-linux"
          ]
      );
    };
}
