{ nixpkgs, tree, tools, installer }:
let
  pkgs = import ./packages.nix { inherit nixpkgs tree tools installer; };
in
import (nixpkgs + "/nixos/lib/eval-config.nix") {
  system = null;
  modules = [
    ./debian.nix
    {
      nixpkgs.pkgs = pkgs;
      fileSystems."/" = { device = "/dev/disk/by-label/R"; fsType = "ext4"; };
      fileSystems."/boot" = { device = "/dev/disk/by-label/E"; fsType = "vfat"; };
      boot.loader.systemd-boot.enable = true;
      system.stateVersion = "26.11";
    }
  ];
}
