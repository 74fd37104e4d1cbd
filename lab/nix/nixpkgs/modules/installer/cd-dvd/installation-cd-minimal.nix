# What the installation CD sets itself and an installer must win against.
{ lib, ... }:
{
  services.getty.autologinUser = "nixos";
  services.getty.helpLine = "The \"nixos\" and \"root\" accounts have empty passwords.";
  services.openssh.enable = lib.mkDefault true;
  image.baseName = "nixos-minimal";
  systemd.services."serial-getty@" = {
    serviceConfig.ExecStart = [
      ""
      "agetty %I"
    ];
    restartIfChanged = false;
  };
}
