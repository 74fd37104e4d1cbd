# The installer of ultraviolet; host.toml says what it makes.
{ lib, ... }:
{
  imports = [ ../../modules/installer.nix ];
  autoInstaller = lib.importTOML ./host.toml;
}
