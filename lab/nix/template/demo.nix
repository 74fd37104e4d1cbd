# For a config repo in the lab, beside the stand-in for nixpkgs: a host's
# toplevel is the demo system, which boots, with the host's own secrets.
{ lib, config, ... }:
let
  name = config.networking.hostName;
  toml = ../../hosts + "/${name}/host.toml";
  demo = import ./demo/system/host.nix {
    rev = "template";
    parts = ./demo/parts;
    secrets = config.age.secrets or { };
  };
in
{
  config = lib.mkIf (builtins.pathExists toml) {
    system.build.toplevel = lib.mkForce (demo name (lib.importTOML toml)).config.system.build.toplevel;
  };
}
