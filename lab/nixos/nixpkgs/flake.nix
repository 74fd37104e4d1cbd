# Stands where a user's flake has nixpkgs: the same modules, and packages made of
# Debian's files. lab/nixos/build completes it.
{
  inputs.nixpkgs = {
    url = "path:NIXPKGS";
    flake = false;
  };

  outputs =
    { nixpkgs, ... }:
    let
      lib = import (nixpkgs + "/lib");
      pkgs = import ./packages.nix {
        inherit nixpkgs;
        inherit (lib.importJSON ./debian.json) tree kernelVersion;
        tools = ./bin/tools;
        installer = ./bin/auto-installer;
      };
    in
    {
      lib = lib // {
        nixosSystem =
          args:
          import (nixpkgs + "/nixos/lib/eval-config.nix") (
            removeAttrs args [ "system" ]
            // {
              inherit lib;
              system = null;
              modules = args.modules ++ [
                { nixpkgs.pkgs = pkgs; }
                ./debian.nix
              ];
            }
          );
      };
      legacyPackages.x86_64-linux = pkgs;
    };
}
