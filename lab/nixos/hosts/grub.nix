# GRUB for EFI, installed from the network.
{ lib, ... }:
{
  imports = [ ../../lab.nix ];
  boot.loader.systemd-boot.enable = lib.mkForce false;
  boot.loader.grub = {
    enable = true;
    efiSupport = true;
    device = "nodev";
  };
}
