# LUKS, a password from an agenix secret, and a system for the next generation.
{ config, lib, ... }:
{
  age.secrets.password.file = ../../secrets/password.age;
  users.users.me = {
    initialPassword = lib.mkForce null;
    hashedPasswordFile = config.age.secrets.password.path;
  };
  boot.kernelParams = [
    "console=tty0"
    "console=ttyS0"
  ];
  specialisation.second.configuration.environment.etc.second.text = "";
}
