# For a config repo in the lab, beside the stand-in for nixpkgs: a host's
# toplevel is the demo system, which boots, with the host's own secrets.
# Of what it is made is an input, which lies in the live system's store already.
parts:
{ lib, config, ... }:
let
  name = config.networking.hostName;
  toml = ../../hosts + "/${name}/host.toml";
  demo = import ./demo/system/host.nix {
    rev = "template";
    inherit parts;
    secrets = config.age.secrets or { };
  };
in
{
  config = lib.mkIf (builtins.pathExists toml) {
    system.build.toplevel = lib.mkForce (demo name (lib.importTOML toml)).config.system.build.toplevel;
  };
}
