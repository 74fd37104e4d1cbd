# The outputs of the stand-in for nixpkgs, with a given lib.
nixpkgsLib:
let
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
}
