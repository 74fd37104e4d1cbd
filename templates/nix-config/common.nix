# The configuration of all hosts.
{ modulesPath, ... }:
{
  imports = [ (modulesPath + "/installer/scan/not-detected.nix") ];

  boot.loader.systemd-boot.enable = true;
  boot.loader.efi.canTouchEfiVariables = true;
  boot.initrd.availableKernelModules = [
    "nvme"
    "xhci_pci"
    "ahci"
    "usb_storage"
    "sd_mod"
  ];

  nix.settings.experimental-features = [
    "nix-command"
    "flakes"
  ];
  services.openssh.enable = true;
  networking.networkmanager.enable = true;

  users.users.me = {
    isNormalUser = true;
    uid = 1000;
    extraGroups = [ "wheel" ];
    # Change it after the first login.
    initialPassword = "change me";
  };

  system.stateVersion = "26.05";
}
