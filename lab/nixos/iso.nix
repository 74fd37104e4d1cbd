{ nixpkgs, tree, tools, installer, root }:
let
  pkgs = import ./packages.nix { inherit nixpkgs tree tools installer; };
  nixpkgsFlake = {
    outPath = nixpkgs;
    lib = import (nixpkgs + "/lib") // {
      nixosSystem = args: import (nixpkgs + "/nixos/lib/eval-config.nix") ({ system = null; } // removeAttrs args [ "system" ] // {
        modules = args.modules ++ [ { nixpkgs.pkgs = pkgs; } ./debian.nix ];
      });
    };
    legacyPackages.x86_64-linux = pkgs;
  };
  self = (import (root + "/flake.nix")).outputs { self = self // { outPath = root; }; nixpkgs = nixpkgsFlake; nix-config = self // { outPath = root; }; } // { outPath = root; };
in
{
  inherit pkgs self;
  host = (import ./hosts.nix { inherit nixpkgs tree tools installer; });
}
