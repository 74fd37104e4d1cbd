# What every host of the lab has: a password from an agenix secret, a serial line, and
# the program.
{
  config,
  lib,
  pkgs,
  ...
}:
{
  environment.systemPackages = [ pkgs.auto-installer ];
  age.secrets.password.file = ./secrets/password.age;
  users.users.me = {
    initialPassword = lib.mkForce null;
    hashedPasswordFile = config.age.secrets.password.path;
  };
  boot.kernelParams = [
    "console=tty0"
    "console=ttyS0"
  ];
}
