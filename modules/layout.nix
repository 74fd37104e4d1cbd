# The filesystems, swap, container and keymap that the installer makes of a
# host.toml, as a NixOS module for the host itself. All are defaults.
#
#   imports = [ (auto-installer.lib.layout ./host.toml) ];
host:
{ lib, ... }:
let
  inherit (lib) mkDefault mkIf;
  inherit (host) labels;
  isEncrypted = host.luks.enable or false;
  hasSwap = host.swap.enable or false;
  mapper = host.luks.mapperName or "cryptroot";
in
{
  networking.hostName = mkDefault host.targetHost;
  console.keyMap = mkDefault (host.keymap or "us");
  fileSystems."/" = {
    device = mkDefault (if isEncrypted then "/dev/mapper/${mapper}" else "/dev/disk/by-label/${labels.root}");
    fsType = mkDefault "ext4";
  };
  fileSystems."/boot" = {
    device = mkDefault "/dev/disk/by-label/${labels.efi}";
    fsType = mkDefault "vfat";
    # Only root may read the boot loader's random seed.
    options = mkDefault [
      "fmask=0077"
      "dmask=0077"
    ];
  };
  boot.initrd.luks.devices = mkIf isEncrypted {
    ${mapper} = {
      device = mkDefault "/dev/disk/by-partlabel/${labels.luks}";
      allowDiscards = mkDefault true;
    };
  };
  swapDevices = mkIf hasSwap [
    (
      if isEncrypted then
        {
          # A new key at each boot: swapped memory is unreadable after it.
          device = "/dev/disk/by-partlabel/${labels.swap}";
          randomEncryption.enable = true;
        }
      else
        { device = "/dev/disk/by-label/${labels.swap}"; }
    )
  ];
}
