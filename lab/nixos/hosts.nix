{ nixpkgs, tree, tools }:
let
  pkgs = import ./packages.nix { inherit nixpkgs tree tools; };
in
import (nixpkgs + "/nixos/lib/eval-config.nix") {
  system = null;
  modules = [
    {
      nixpkgs.pkgs = pkgs;
      boot.kernelPackages = pkgs.linuxPackages;
      fileSystems."/" = { device = "/dev/disk/by-label/R"; fsType = "ext4"; };
      fileSystems."/boot" = { device = "/dev/disk/by-label/E"; fsType = "vfat"; };
      boot.loader.systemd-boot.enable = true;
      documentation.enable = false;
      system.stateVersion = "26.11";
      security.enableWrappers = false;
      environment.stub-ld.enable = false;
      systemd.tpm2.enable = false;
      boot.initrd.systemd.tpm2.enable = false;
      xdg.mime.enable = false;
      systemd.oomd.enable = false;
      # Debian's systemd is newer, and built without these.
      systemd.suppressedSystemUnits = [
        "systemd-quotacheck.service"
        "systemd-tpm2-clear.service"
        "systemd-update-utmp.service"
      ];
    }
  ];
}
