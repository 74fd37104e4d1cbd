# The installer of stygianlibrary; host.toml says what it makes. The machine is on
# Thunderbolt: extraBootCommands in host.toml authorise what is attached at boot, bolt
# what is attached later.
{ lib, ... }:
{
  imports = [ ../../modules/installer.nix ];
  autoInstaller = lib.importTOML ./host.toml;
  services.hardware.bolt.enable = true;
}
