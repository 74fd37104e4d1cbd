# Plain, with swap; and the same with the labels that relabel
# gives.
{ lib, ... }:
{
  imports = [ ../../lab.nix ];
  environment.etc."host.toml".source = ./host.toml;
  specialisation.second.configuration = {
    fileSystems."/".device = lib.mkForce "/dev/disk/by-label/NEW-ROOT";
    fileSystems."/boot".device = lib.mkForce "/dev/disk/by-label/NEW-EFI";
    swapDevices = lib.mkForce [ { device = "/dev/disk/by-label/NEW-SWAP"; } ];
  };
}
