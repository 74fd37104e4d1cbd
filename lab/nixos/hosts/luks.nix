# LUKS, systemd-boot, the systemd initrd, and a system for the next generation.
{
  imports = [ ../../lab.nix ];
  specialisation.second.configuration.environment.etc.second.text = "";
}
