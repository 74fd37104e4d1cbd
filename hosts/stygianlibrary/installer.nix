# The installer of stygianlibrary; host.toml says what it makes. The machine is
# reached over Thunderbolt: extraBootCommands there authorise what is attached
# at boot, bolt what comes later.
{ lib, ... }:
{
  imports = [ ../../modules/installer.nix ];
  autoInstaller = lib.importTOML ./host.toml;
  services.hardware.bolt.enable = true;
}
