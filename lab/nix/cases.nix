# The cases of lab/nix-check beside those that Go has too.
{
  lib,
  pkgs,
  root,
  installer,
  evaluate,
}:
let
  inherit (builtins)
    attrNames
    elemAt
    fromJSON
    fromTOML
    head
    length
    readFile
    removeAttrs
    stringLength
    toJSON
    ;
  inherit (lib) recursiveUpdate;

  base = {
    targetHost = "demo";
    repoRemote = "https://example.org/nix-config.git";
    labels = {
      efi = "DEMO-EFI";
      root = "DEMO-ROOT";
    };
    revision = "0123456789abcdef0123456789abcdef01234567";
  };
  luks = recursiveUpdate base {
    labels.luks = "DEMO-LUKS";
    luks.enable = true;
  };
  swap = recursiveUpdate base {
    labels.swap = "DEMO-SWAP";
    swap.enable = true;
  };
  both = recursiveUpdate luks swap;

  # A host's own configuration: what layout.nix makes of the options, changed.
  targetOf = settings: changes: {
    config = evaluate [
      (import (root + "/modules/layout.nix") settings)
      { boot.loader.systemd-boot.enable = lib.mkDefault true; }
      changes
    ];
  };
  force = lib.mkForce;
  on =
    settings: changes:
    settings
    // {
      target = targetOf settings changes;
    };
  says = name: set: messages: {
    inherit name set;
    says = map (m: "autoInstaller.${m}") messages;
  };
  fitting = m: "autoInstaller.target: nixosConfigurations.demo does not fit: ${m}";
  differs = name: set: message: {
    inherit name set;
    says = [ (fitting message) ];
  };
  gives = name: set: of: is: { inherit name set of is; };
  same = got: want: if got == want then true else "got ${toJSON got}, want ${toJSON want}";
  # The way out where another device or type alone does not help.
  madeHere = "this installer makes one ext4 root and an ESP, with swap and LUKS as host.toml says, and no other file system";
  rootIs = ''"/" = { device = "/dev/disk/by-label/DEMO-ROOT"; fsType = "ext4"; }'';
  bootIs = ''"/boot" = { device = "/dev/disk/by-label/DEMO-EFI"; fsType = "vfat"; }'';
  whole = "set fileSystems.${rootIs} and fileSystems.${bootIs} in the host's configuration, and remove what else it mounts of that disk: ${madeHere}";
  forced = "set fileSystems = lib.mkForce { ${rootIs}; ${bootIs}; } in the host's configuration, with what it mounts of other disks and of servers: ${madeHere}";
  without = point: "remove fileSystems.\"${point}\" from the host's configuration: ${point} is on the ext4 root then";
  mount = device: fsType: options: { inherit device fsType options; };
  # A host whose file systems disko defines.
  onDisko =
    settings: changes:
    settings
    // {
      target.config = (targetOf settings changes).config // {
        disko.devices.disk.main = { };
      };
    };
  storeName = name: "/nix/store/00000000000000000000000000000000-${name}";
  long = "a-name-that-is-as-long-as-the-name-of-a-host-may-be-at-the-most";
  prebuilt = base // {
    prebuilt = true;
    source = "/nix/store/source";
    target = targetOf base { };
    bundle = "/nix/store/bundle.age";
  };

  # What host.toml says, and what the module renders of it, are the same.
  hostNames = attrNames (
    lib.filterAttrs (_: type: type == "directory") (
      removeAttrs (builtins.readDir (root + "/hosts")) [ "testdata" ]
    )
  );
  defaults = {
    prebuilt = false;
    labels.luks = "";
    labels.swap = "";
    luks.enable = false;
    luks.mapperName = "cryptroot";
    swap.enable = false;
    swap.size = "8G";
    extraMountDirs = [ ];
    extraPostMountCommands = [ ];
    repoRemote = "";
    repoRef = "";
    repoClonePath = "/mnt/nix-config";
    powerOff = true;
    extraInitrdKernelModules = [ ];
    extraPackages = [ ];
    extraBootCommands = "";
    bannerText = "";
    targetUser = "";
    targetUid = 1000;
    targetGid = 100;
    keymap = "us";
  };
  host = name: {
    name = "hosts/${name} is rendered as it is written";
    check =
      let
        toml = fromTOML (readFile (root + "/hosts/${name}/host.toml"));
        file = (installer toml).autoInstaller.hostFile;
      in
      same (fromTOML file.text) (recursiveUpdate defaults toml);
  };

  # What agenix declares and age-identity sets.
  agenix =
    { lib, ... }:
    {
      options.age = {
        secrets = lib.mkOption {
          type = lib.types.attrsOf lib.types.raw;
          default = { };
        };
        identityPaths = lib.mkOption { type = lib.types.listOf lib.types.str; };
      };
      config.system.activationScripts.agenixInstall.text = "age --decrypt";
    };
in
{
  messages = [
    # --- the label contract ---
    (says "a host that fits" (on base { }) [ ])
    (says "a host with LUKS that fits" (on luks { }) [ ])
    (says "a host with swap that fits" (on swap { }) [ ])
    (says "a host with both that fits" (on both { }) [ ])
    (says "root by partition label" (on base { fileSystems."/".device = force "/dev/disk/by-partlabel/DEMO-ROOT"; }) [ ])
    (differs "root by UUID" (on base { fileSystems."/".device = force "/dev/disk/by-uuid/8a2f"; })
      ''fileSystems."/".device is "/dev/disk/by-uuid/8a2f"; labels.root makes it /dev/disk/by-label/DEMO-ROOT: a UUID is new with every install; to fix it, set fileSystems."/".device = "/dev/disk/by-label/DEMO-ROOT" in the host's configuration''
    )
    (differs "root by another label" (on base { fileSystems."/".device = force "/dev/disk/by-label/nixos"; })
      ''fileSystems."/".device is "/dev/disk/by-label/nixos"; labels.root makes it /dev/disk/by-label/DEMO-ROOT; to fix it, set fileSystems."/".device = "/dev/disk/by-label/DEMO-ROOT" in the host's configuration, or change labels.root in host.toml''
    )
    (differs "root by its kernel name" (on base { fileSystems."/".device = force "/dev/sda2"; })
      ''fileSystems."/".device is "/dev/sda2"; labels.root makes it /dev/disk/by-label/DEMO-ROOT: that name may be another disk's at the next start; to fix it, set fileSystems."/".device = "/dev/disk/by-label/DEMO-ROOT" in the host's configuration''
    )
    {
      name = "no root, no ESP";
      set = base // { target.config.boot.loader.systemd-boot.enable = true; };
      says = map fitting [
        ''the host has no fileSystems."/"; the installer makes it, as /dev/disk/by-label/DEMO-ROOT; to fix it, set fileSystems."/".device = "/dev/disk/by-label/DEMO-ROOT" and fsType = "ext4" in the host's configuration''
        ''the host has no fileSystems."/boot"; the installer makes it, as /dev/disk/by-label/DEMO-EFI; to fix it, set fileSystems."/boot".device = "/dev/disk/by-label/DEMO-EFI" and fsType = "vfat" in the host's configuration''
      ];
    }
    (differs "root of another type" (on base { fileSystems."/".fsType = force "btrfs"; })
      ''fileSystems."/".fsType is "btrfs"; the installer makes ext4; to fix it, ${whole}''
    )
    (differs "root with the options of btrfs"
      (on base { fileSystems."/".options = force [ "subvol=root" "compress=zstd" "noatime" "x-initrd.mount" ]; })
      ''fileSystems."/".options has "subvol=root", "compress=zstd", which ext4 does not know: the mount would fail; to fix it, remove "subvol=root" and "compress=zstd" from fileSystems."/".options in the host's configuration''
    )
    (says "root and ESP with their options"
      (on base {
        fileSystems."/".options = force [ "noatime,errors=remount-ro" "commit=60" "x-systemd.growfs" "comment=x" ];
        fileSystems."/boot".options = force [ "umask=0077" "nofail" ];
      })
      [ ]
    )
    (differs "root from which nothing starts" (on base { fileSystems."/".options = force [ "noexec" ]; })
      ''fileSystems."/".options has "noexec", so that nothing on the root could start; to fix it, remove "noexec" from fileSystems."/".options in the host's configuration''
    )
    (differs "root below its top" (on base { fileSystems."/".options = force [ "X-mount.subdir=@" ]; })
      ''fileSystems."/".options has "X-mount.subdir=@", and the installer puts the system at the top of the root: the host would not find it; to fix it, remove "X-mount.subdir=@" from fileSystems."/".options in the host's configuration''
    )
    (says "root by a quoted tag" (on base { fileSystems."/".device = force "LABEL='DEMO-ROOT'"; }) [ ])
    (says "fuse as of old" (on base { fileSystems."/mnt" = mount "sshfs#ann@server:/home" "fuse" [ ]; }) [ ])
    (differs "ESP with the options of ext4" (on base { fileSystems."/boot".options = force [ "data=journal" ]; })
      ''fileSystems."/boot".options has "data=journal", which vfat does not know: the mount would fail; to fix it, remove "data=journal" from fileSystems."/boot".options in the host's configuration''
    )
    {
      name = "a root of btrfs with subvolumes, all at once";
      set = on base {
        fileSystems."/" = force (mount "/dev/disk/by-uuid/9" "btrfs" [ "subvol=root" ]);
        fileSystems."/nix" = mount "/dev/disk/by-uuid/9" "btrfs" [ "subvol=nix" ];
        fileSystems."/home" = mount "UUID=9" "btrfs" [ "subvol=home" ];
      };
      says = map fitting [
        ''fileSystems."/".device is "/dev/disk/by-uuid/9"; labels.root makes it /dev/disk/by-label/DEMO-ROOT: a UUID is new with every install; to fix it, ${whole}''
        ''fileSystems."/".fsType is "btrfs"; the installer makes ext4; to fix it, ${whole}''
        ''fileSystems."/".options has "subvol=root", which ext4 does not know: the mount would fail; to fix it, remove "subvol=root" from fileSystems."/".options in the host's configuration''
        ''fileSystems."/home" is btrfs on "UUID=9"; the installer makes one ext4 file system there; to fix it, ${without "/home"}''
        ''fileSystems."/nix" is btrfs on "/dev/disk/by-uuid/9"; the installer makes one ext4 file system there; to fix it, ${without "/nix"}''
      ];
    }
    {
      name = "a root of ZFS, all at once";
      set = on base {
        fileSystems."/" = force (mount "rpool/root" "zfs" [ "zfsutil" ]);
        fileSystems."/var" = mount "rpool/var" "zfs" [ "defaults" ];
        fileSystems."/data" = mount "tank/data" "zfs" [ "defaults" ];
      };
      says = map fitting [
        ''fileSystems."/".fsType is "zfs"; the installer makes ext4; to fix it, ${whole}''
        ''fileSystems."/".options has "zfsutil", which ext4 does not know: the mount would fail; to fix it, remove "zfsutil" from fileSystems."/".options in the host's configuration''
        ''fileSystems."/var" is zfs on "rpool/var"; the installer makes one ext4 file system there; to fix it, ${without "/var"}''
      ];
    }
    {
      name = "a root in memory, all at once";
      set = on base {
        fileSystems."/" = force (mount "none" "tmpfs" [ "size=2G" "mode=755" ]);
        fileSystems."/nix" = mount "/dev/disk/by-label/NIX" "ext4" [ "defaults" ];
      };
      says = map fitting [
        ''fileSystems."/".fsType is "tmpfs"; the installer makes ext4; to fix it, ${whole}''
        ''fileSystems."/".options has "size=2G", "mode=755", which ext4 does not know: the mount would fail; to fix it, remove "size=2G" and "mode=755" from fileSystems."/".options in the host's configuration''
        ''fileSystems."/nix" is ext4 on "/dev/disk/by-label/NIX", and the installer puts the store on the root: the host would not find it; to fix it, ${without "/nix"}''
      ];
    }
    (differs "the store on a pool" (on base { fileSystems."/nix" = mount "rpool/nix" "zfs" [ "defaults" ]; })
      ''fileSystems."/nix" is zfs on "rpool/nix", and the installer puts the store on the root: the host would not find it; to fix it, ${without "/nix"}''
    )
    (differs "the store on the root's label" (on base { fileSystems."/nix" = mount "/dev/disk/by-label/DEMO-ROOT" "ext4" [ "defaults" ]; })
      ''fileSystems."/nix" is ext4 on "/dev/disk/by-label/DEMO-ROOT", which is the root: it would show the root itself, and hide what is at /nix; to fix it, ${without "/nix"}''
    )
    (differs "home on a subvolume of the root" (on base { fileSystems."/home" = mount "LABEL=DEMO-ROOT" "btrfs" [ "subvol=home" ]; })
      ''fileSystems."/home" is btrfs on "LABEL=DEMO-ROOT"; the installer makes one ext4 file system there; to fix it, ${without "/home"}''
    )
    (differs "home on no device" (on base { fileSystems."/home" = mount "" "ext4" [ "defaults" ]; })
      ''fileSystems."/home".device is not set; to fix it, set fileSystems."/home".device in the host's configuration, or remove it''
    )
    (says "mounts that no disk of the installer is for"
      (on base {
        fileSystems."/tmp" = mount "tmpfs" "tmpfs" [ "size=2G" ];
        fileSystems."/srv" = mount "server:/srv" "nfs" [ "defaults" ];
        fileSystems."/media" = mount "//server/media" "cifs" [ "defaults" ];
        fileSystems."/etc/nixos" = mount "/persist/etc/nixos" "none" [ "bind" ];
        fileSystems."/nix/store" = mount "/nix/store" "none" [ "bind" "ro" ];
        fileSystems."/efi" = mount "/dev/disk/by-label/DEMO-EFI" "vfat" [ "umask=0077" ];
        fileSystems."/again" = mount "/dev/disk/by-label/DEMO-ROOT" "ext4" [ "defaults" ];
        fileSystems."/home" = mount "/dev/disk/by-label/DEMO-ROOT" "ext4" [ "X-mount.subdir=home" ];
        fileSystems."/old" = mount "rpool/nix" "zfs" [ "noauto" ];
      })
      [ ]
    )
    (says "mounts of other disks, which the program looks for"
      (on base {
        fileSystems."/data" = mount "/dev/disk/by-uuid/7" "xfs" [ "defaults" ];
        fileSystems."/tank" = mount "tank" "zfs" [ "defaults" ];
        fileSystems."/home" = mount "/dev/mapper/home" "ext4" [ "defaults" ];
      })
      [ ]
    )
    (differs "root by a partition label of disko's"
      (onDisko base { fileSystems."/".device = force "/dev/disk/by-partlabel/disk-main-root"; })
      ''fileSystems."/".device is "/dev/disk/by-partlabel/disk-main-root"; labels.root makes it /dev/disk/by-label/DEMO-ROOT; to fix it, set fileSystems."/".device = lib.mkForce "/dev/disk/by-label/DEMO-ROOT" in the host's configuration, or change labels.root in host.toml''
    )
    (differs "options of a root that disko defines"
      (onDisko base { fileSystems."/".options = force [ "ssd" "noatime" "x-initrd.mount" ]; })
      ''fileSystems."/".options has "ssd", which ext4 does not know: the mount would fail; to fix it, set fileSystems."/".options = lib.mkForce [ "noatime" ] in the host's configuration''
    )
    {
      name = "a root of btrfs that disko defines";
      set = onDisko base {
        fileSystems."/" = force (mount "/dev/disk/by-label/DEMO-ROOT" "btrfs" [ "subvol=root" "noatime" ]);
        fileSystems."/nix" = mount "/dev/disk/by-label/DEMO-ROOT" "btrfs" [ "subvol=nix" ];
      };
      says = map fitting [
        ''fileSystems."/".fsType is "btrfs"; the installer makes ext4; to fix it, ${forced}''
        ''fileSystems."/".options has "subvol=root", which ext4 does not know: the mount would fail; to fix it, ${forced}''
        ''fileSystems."/nix" is btrfs on "/dev/disk/by-label/DEMO-ROOT"; the installer makes one ext4 file system there; to fix it, ${forced}''
      ];
    }
    (differs "a container of disko's"
      (onDisko luks { boot.initrd.luks.devices = force { cryptroot.device = "/dev/disk/by-partlabel/disk-main-luks"; }; })
      ''boot.initrd.luks.devices."cryptroot".device is "/dev/disk/by-partlabel/disk-main-luks"; labels.luks makes it /dev/disk/by-partlabel/DEMO-LUKS; to fix it, set boot.initrd.luks.devices."cryptroot".device = lib.mkForce "/dev/disk/by-partlabel/DEMO-LUKS" in the host's configuration, or change labels.luks in host.toml''
    )
    (differs "another ESP" (on base { fileSystems."/boot".device = force "/dev/disk/by-label/EFI"; })
      ''fileSystems."/boot".device is "/dev/disk/by-label/EFI"; labels.efi makes it /dev/disk/by-label/DEMO-EFI; to fix it, set fileSystems."/boot".device = "/dev/disk/by-label/DEMO-EFI" in the host's configuration, or change labels.efi in host.toml''
    )
    (says "another mapper of a root that goes by its label"
      (on luks {
        fileSystems."/".device = force "/dev/disk/by-label/DEMO-ROOT";
        boot.initrd.luks.devices = force { crypt.device = "/dev/disk/by-partlabel/DEMO-LUKS"; };
      })
      [ ]
    )
    (differs "another mapper"
      (on luks {
        fileSystems."/".device = force "/dev/mapper/crypt";
        boot.initrd.luks.devices = force { crypt.device = "/dev/disk/by-partlabel/DEMO-LUKS"; };
      })
      ''the host opens /dev/disk/by-partlabel/DEMO-LUKS as "crypt"; luks.mapperName makes it "cryptroot"; to fix it, set luks.mapperName = "crypt" in host.toml, or rename it in the host's configuration''
    )
    (differs "no container" (on luks { boot.initrd.luks.devices = force { }; })
      ''the host opens no LUKS device as "cryptroot"; luks.mapperName makes it that, from /dev/disk/by-partlabel/DEMO-LUKS; to fix it, set boot.initrd.luks.devices."cryptroot".device = "/dev/disk/by-partlabel/DEMO-LUKS" in the host's configuration''
    )
    (differs "another container"
      (on luks { boot.initrd.luks.devices = force { cryptroot.device = "/dev/disk/by-uuid/7b"; }; })
      ''boot.initrd.luks.devices."cryptroot".device is "/dev/disk/by-uuid/7b"; labels.luks makes it /dev/disk/by-partlabel/DEMO-LUKS: a UUID is new with every install; to fix it, set boot.initrd.luks.devices."cryptroot".device = "/dev/disk/by-partlabel/DEMO-LUKS" in the host's configuration''
    )
    (differs "a header elsewhere" (on luks { boot.initrd.luks.devices.cryptroot.header = "/dev/sdb1"; })
      ''boot.initrd.luks.devices."cryptroot".header is "/dev/sdb1"; the installer keeps the header in the container; to fix it, remove its header from the host's configuration''
    )
    (differs "LUKS under a root without"
      (on luks { fileSystems."/".device = force "/dev/disk/by-partlabel/DEMO-ROOT"; })
      ''fileSystems."/".device is "/dev/disk/by-partlabel/DEMO-ROOT"; labels.root makes it /dev/disk/by-label/DEMO-ROOT; to fix it, set fileSystems."/".device = "/dev/disk/by-label/DEMO-ROOT" in the host's configuration, or change labels.root in host.toml''
    )
    (differs "no swap" (on swap { swapDevices = force [ ]; })
      ''the host's swapDevices do not use /dev/disk/by-label/DEMO-SWAP, which labels.swap makes; to fix it, add { device = "/dev/disk/by-label/DEMO-SWAP"; } to swapDevices in the host's configuration, or set swap.enable = false in host.toml''
    )
    (says "devices as fstab writes them"
      (on swap {
        fileSystems."/".device = force "LABEL=DEMO-ROOT";
        fileSystems."/boot".device = force "PARTLABEL=DEMO-EFI";
        swapDevices = force [ { device = "LABEL=DEMO-SWAP"; } ];
      })
      [ ]
    )
    (differs "no boot loader" (on base { boot.loader.systemd-boot.enable = false; })
      "the host has no boot loader on; the installer makes a disk that UEFI firmware starts; to fix it, set boot.loader.systemd-boot.enable = true in the host's configuration"
    )
    (differs "GRUB for BIOS"
      (on base {
        boot.loader.systemd-boot.enable = false;
        boot.loader.grub.enable = true;
      })
      ''the host starts by GRUB for BIOS (boot.loader.grub.efiSupport is false); the installer makes a disk for UEFI; to fix it, set boot.loader.systemd-boot.enable = true in the host's configuration, or boot.loader.grub.efiSupport = true with device = "nodev"''
    )
    (differs "GRUB that the firmware does not find"
      (on base {
        boot.loader.systemd-boot.enable = false;
        boot.loader.grub = {
          enable = true;
          efiSupport = true;
          device = "nodev";
        };
      })
      "boot.loader.grub is neither to be installed as removable nor to make a boot entry; the firmware would not find it on the new disk; to fix it, set boot.loader.grub.efiInstallAsRemovable = true, or boot.loader.efi.canTouchEfiVariables = true, in the host's configuration"
    )
    (differs "GRUB that writes to another disk"
      (on base {
        boot.loader.systemd-boot.enable = false;
        boot.loader.efi.canTouchEfiVariables = true;
        boot.loader.grub = {
          enable = true;
          efiSupport = true;
          device = "/dev/sda";
        };
      })
      ''boot.loader.grub writes to /dev/sda as well; the installer writes to no disk but the one that was chosen; to fix it, set boot.loader.grub.device = "nodev" in the host's configuration''
    )
    (differs "GRUB that writes to a mirrored disk"
      (on base {
        boot.loader.systemd-boot.enable = false;
        boot.loader.efi.canTouchEfiVariables = true;
        boot.loader.grub = {
          enable = true;
          efiSupport = true;
          mirroredBoots = [
            {
              path = "/boot";
              devices = [ "/dev/sdb" ];
            }
          ];
        };
      })
      ''boot.loader.grub writes to /dev/sdb as well; the installer writes to no disk but the one that was chosen; to fix it, set boot.loader.grub.device = "nodev" in the host's configuration''
    )
    (differs "Limine that writes to another disk"
      (on base {
        boot.loader.systemd-boot.enable = false;
        boot.loader.limine = {
          enable = true;
          biosSupport = true;
          biosDevice = "/dev/sda";
        };
      })
      "boot.loader.limine writes to /dev/sda as well; the installer writes to no disk but the one that was chosen; to fix it, set boot.loader.limine.biosSupport = false in the host's configuration"
    )
    (differs "an ESP elsewhere" (on base { boot.loader.efi.efiSysMountPoint = "/efi"; })
      ''boot.loader.efi.efiSysMountPoint is "/efi"; the installer mounts the ESP at /boot; to fix it, set boot.loader.efi.efiSysMountPoint = "/boot" in the host's configuration''
    )
    (says "a swap file" (on base { swapDevices = [ { device = "/var/swap"; } ]; }) [ ])
    (differs "swap in the clear beside LUKS"
      (on both { swapDevices = force [ { device = "/dev/disk/by-partlabel/DEMO-SWAP"; } ]; })
      ''swapDevices has "/dev/disk/by-partlabel/DEMO-SWAP" without randomEncryption; beside LUKS the installer leaves it unformatted; to fix it, set its randomEncryption.enable = true in the host's configuration''
    )
    (differs "swap with a new key, by the label that it erases"
      (on swap {
        swapDevices = force [
          {
            device = "/dev/disk/by-label/DEMO-SWAP";
            randomEncryption.enable = true;
          }
        ];
      })
      ''swapDevices has "/dev/disk/by-label/DEMO-SWAP" with randomEncryption, which erases that label at the first start; labels.swap is the partition's label too; to fix it, set its device = "/dev/disk/by-partlabel/DEMO-SWAP" in the host's configuration''
    )
    (differs "another keymap with a passphrase" (on luks { console.keyMap = force "de"; })
      ''console.keyMap is "de"; keymap makes it "us", and the passphrase is typed with both; to fix it, set keymap = "de" in host.toml, or console.keyMap = "us" in the host's configuration''
    )
    (says "another keymap without" (on base { console.keyMap = force "de"; }) [ ])
    (differs "a user who is not there"
      (on (base // { targetUser = "me"; }) { users.users.you.isNormalUser = true; })
      ''the host has no users.users."me"; targetUser gives it a home; to fix it, add users.users."me" to the host's configuration, or change targetUser in host.toml''
    )
    (differs "a number of the user that may be another's"
      (on (base // { targetUser = "me"; }) {
        users.users.me.isNormalUser = true;
        users.users.abe.isNormalUser = true;
      })
      ''users.users."me".uid is not set, and nor is that of users.users."abe"; targetUid makes it 1000, so its files could be another's; to fix it, set users.users."me".uid = 1000 in the host's configuration''
    )
    (says "the only user's number" (on (base // { targetUser = "me"; }) { users.users.me.isNormalUser = true; }) [ ])
    (differs "another number of the user"
      (on (base // { targetUser = "me"; }) {
        users.users.me = {
          isNormalUser = true;
          uid = 1001;
          home = "/home/me";
        };
      })
      ''users.users."me".uid is 1001; targetUid makes it 1000; to fix it, set targetUid = 1001 in host.toml''
    )
    (differs "another home of the user"
      (on (base // { targetUser = "me"; }) {
        users.users.me = {
          isNormalUser = true;
          home = "/me";
        };
      })
      ''users.users."me".home is "/me"; targetUser makes it "/home/me"; to fix it, set users.users."me".home = "/home/me" in the host's configuration, or leave targetUser out''
    )

    # --- prebuilt, revision ---
    (says "prebuilt without a system" (base // { prebuilt = true; source = "/nix/store/source"; }) [
      "prebuilt: is true, but target is not set, so there is no system to put on the medium; set autoInstaller.target = self.nixosConfigurations.demo"
    ])
    (says "prebuilt without a source" (on base { } // { prebuilt = true; }) [
      "prebuilt: is true, but source is not set, so that the config repo would have to be cloned over the network; set autoInstaller.source = self"
    ])
    (says "a dirty tree" (base // { revision = null; dirtyRevision = "0123456-dirty"; }) [
      "revision: the config repo has uncommitted changes (0123456-dirty), which a clone on the target would not have; commit and push them, or set repoRef to what is to be installed"
    ])
    (says "a dirty tree with a ref" (base // { revision = null; dirtyRevision = "0123456-dirty"; repoRef = "main"; }) [ ])

    # --- keys, unattended ---
    (says "a private deploy key" (base // { deployPublicKey = "-----BEGIN OPENSSH PRIVATE KEY-----"; }) [
      "deployPublicKey: is no public key; allowed: one line of an OpenSSH public key, such as ssh-ed25519 AAAA…"
    ])
    (says "a login key that is none" (base // { authorizedKeys = [ "ssh-ed25519 AAAAC3Nz me" "nonsense" ]; }) [
      "authorizedKeys: one of them is no public key; allowed: one line of an OpenSSH public key, such as ssh-ed25519 AAAA…"
    ])
    (says "a passphrase as a path of the flake" (luks // { unattended = { enable = true; passphraseFile = root + "/LICENSE"; }; }) [
      ''unattended.passphraseFile: is in the Nix store, which everyone can read and which goes onto the medium; allowed: the path, as a string, of a file on the running medium, such as "/run/keys/secret"''
    ])
    (says "a passphrase in the store" (luks // { unattended = { enable = true; passphraseFile = "/nix/store/x-passphrase"; }; }) [
      ''unattended.passphraseFile: is in the Nix store, which everyone can read and which goes onto the medium; allowed: the path, as a string, of a file on the running medium, such as "/run/keys/secret"''
    ])
    (says "a passphrase file that is not absolute" (luks // { unattended = { enable = true; passphraseFile = "passphrase"; }; }) [
      ''unattended.passphraseFile: "passphrase" is not absolute; allowed: the path of a file on the running medium''
    ])
    (says "LUKS, unattended, without a passphrase" (luks // { unattended.enable = true; }) [
      "unattended.passphraseFile: is required by luks.enable, but not set; allowed: the path of a file on the running medium"
    ])
    (says "a passphrase that protects nothing" (base // { unattended = { enable = true; passphraseFile = "/run/p"; }; }) [
      "unattended.passphraseFile: is set, but luks.enable is false, so that it would protect nothing; allowed: luks.enable = true, or no passphraseFile"
    ])
    (says "a disk by its kernel name" (base // { unattended = { enable = true; disk = "/dev/sda"; }; }) [
      ''unattended.disk: "/dev/sda" may be another disk after the next boot; allowed: a name in /dev/disk/by-id, which is always the same disk''
    ])
    (says "a passphrase for no bundle" (base // { unattended = { enable = true; bundlePassphraseFile = "/run/p"; }; }) [
      "unattended.bundlePassphraseFile: is set, but bundle is not, so that there is nothing to open; allowed: bundle = ./bundle.age, or no bundlePassphraseFile"
    ])
    (says "two age identities" (base // { unattended = { enable = true; ageIdentityFile = "/run/p"; noAgeIdentity = true; }; }) [
      "unattended: the age identity is given in more than one way, by ageIdentityFile and noAgeIdentity; allowed: one of them"
    ])
    (says "unattended that fits" (luks // { unattended = { enable = true; disk = "/dev/disk/by-id/nvme-x"; passphraseFile = "/run/p"; }; }) [ ])
  ];

  values = [
    (gives "the consoles are the installer's" base (c: {
      program = c.systemd.services.auto-installer.serviceConfig.ExecStart;
      tty = c.systemd.services.auto-installer.serviceConfig.TTYPath;
      wanted = c.systemd.services.auto-installer.wantedBy;
      serial = length c.systemd.services."serial-getty@".serviceConfig.ExecStart;
      rescue = c.systemd.services.auto-installer-rescue.serviceConfig.TTYPath;
      log = c.systemd.services.auto-installer-log.serviceConfig.TTYPath;
      logins = map (t: c.systemd.services."autovt@${t}".enable) [ "tty1" "tty2" "tty3" ];
      quiet = c.boot.consoleLogLevel;
      inherit (c.services.getty) autologinUser;
    }) {
      program = ''"${storeName "auto-installer"}/bin/auto-installer" "--kiosk"'';
      tty = "/dev/tty1";
      wanted = [ "multi-user.target" ];
      serial = 2;
      rescue = "/dev/tty2";
      log = "/dev/tty3";
      logins = [ false false false ];
      quiet = 1;
      autologinUser = "root";
    })
    (gives "without the kiosk there are logins" (base // { kiosk.enable = false; }) (c: {
      services = attrNames c.systemd.services;
      login = c.services.getty.autologinUser;
      help = c.services.getty.helpLine;
    }) {
      services = [ "serial-getty@" ];
      login = "root";
      help = "`auto-installer` starts the installer.";
    })
    (gives "Ctrl+Alt+Del starts nothing that is there to restart" (base // { kiosk.enable = false; }) (c: {
      inherit (c.systemd) ctrlAltDelUnit;
      targets = attrNames c.systemd.targets;
    }) {
      ctrlAltDelUnit = "auto-installer-ctrl-alt-del.target";
      targets = [ "auto-installer-ctrl-alt-del" ];
    })
    (gives "an unattended install" (luks // {
      prebuilt = true;
      source = "/nix/store/source";
      target = targetOf luks { };
      unattended = {
        enable = true;
        disk = "/dev/disk/by-id/nvme-x";
        passphraseFile = "/run/keys/100%";
        ageIdentityFile = "/run/keys/age";
      };
    }) (c: {
      inherit (c.systemd.services.auto-installer-unattended) after before wantedBy;
      inherit (c.systemd.services.auto-installer-unattended.serviceConfig) ExecStart Type;
    }) {
      after = [ ];
      before = [ "auto-installer.service" ];
      wantedBy = [ "multi-user.target" ];
      Type = "exec";
      ExecStart = "${storeName "auto-installer"}/bin/auto-installer \"install\" \"--unattended\" \"--host\" \"/etc/auto-installer/hosts/demo\" \"--disk\" \"/dev/disk/by-id/nvme-x\" \"--passphrase-file\" \"/run/keys/100%%\" \"--age-identity\" \"/run/keys/age\"";
    })
    (gives "an unattended install without a disk names none" (base // { unattended.enable = true; }) (c:
      lib.hasSuffix ''"/etc/auto-installer/hosts/demo"'' c.systemd.services.auto-installer-unattended.serviceConfig.ExecStart
    ) true)
    (gives "what is not unattended starts nothing" base (c: c.systemd.services ? auto-installer-unattended) false)

    (gives "the medium" base (c: {
      contents = map (x: { inherit (x) target; inherit (x.source) text; }) c.isoImage.contents;
      inherit (c.isoImage) storeContents volumeID;
      inherit (c.image) baseName;
      etc = attrNames c.environment.etc;
    }) {
      contents = [ { target = "/auto-installer/revision"; text = "${base.revision}\n"; } ];
      storeContents = [ ];
      volumeID = "INSTALL-DEMO";
      baseName = "demo-installer";
      etc = [ "auto-installer/hosts/demo/host.toml" ];
    })
    (gives "a prebuilt medium" prebuilt (c: {
      targets = map (x: x.target) c.isoImage.contents;
      toplevel = (elemAt c.isoImage.contents 1).source.text;
      store = map toString c.isoImage.storeContents;
      etc = attrNames c.environment.etc;
      contract = fromJSON c.environment.etc."auto-installer/hosts/demo/contract.json".text == import (root + "/modules/contract.nix") (targetOf base { }).config;
    }) {
      targets = [ "/auto-installer/revision" "/auto-installer/toplevel/demo" "/auto-installer/nix-config" ];
      toplevel = "${storeName "nixos-system-demo"}\n";
      store = [ (storeName "nixos-system-demo") ];
      etc = [
        "auto-installer/hosts/demo/bundle.age"
        "auto-installer/hosts/demo/contract.json"
        "auto-installer/hosts/demo/host.toml"
      ];
      contract = true;
    })
    (gives "a dirty tree is named on a prebuilt medium" (prebuilt // { revision = null; dirtyRevision = "0123456-dirty"; })
      (c: (head c.isoImage.contents).source.text) "0123456-dirty\n")
    (gives "the program pins to the revision, unless there is a ref" (base // { repoRef = "main"; }) (c: [
      c.autoInstaller.settings.repoRef
      (head c.isoImage.contents).source.text
    ]) [ "main" "${base.revision}\n" ])
    (gives "a host's name of any length" (base // { targetHost = long; }) (c: {
      name = stringLength c.networking.hostName;
      volume = stringLength c.isoImage.volumeID;
    }) { name = 63; volume = 32; })
    (gives "warnings say what nobody checked" (removeAttrs base [ "revision" ]) (c: length c.warnings) 2)
    (gives "notes of what the installer does not make" (on base {
      console.keyMap = force "de";
      swapDevices = [ { device = "/dev/sda3"; } ];
      boot.initrd.luks.devices.data.device = "/dev/sdb1";
    }) (c: c.warnings) [
      ''nixosConfigurations.demo opens boot.initrd.luks.devices."data", which the installer does not make: a disk with it must be attached.''
      ''nixosConfigurations.demo has "/dev/sda3" in swapDevices, which the installer does not make: a disk with it must be attached.''
      ''nixosConfigurations.demo has console.keyMap = "de", and the installer's keymap is "us".''
    ])
    (gives "no warning where all is known" (on base { }) (c: c.warnings) [ ])
    (gives "a deploy key for no user, a repo without a remote" (
      on base { } // { deployPublicKey = "ssh-ed25519 AAAAC3Nz demo"; prebuilt = true; source = ./.; repoRemote = ""; }
    ) (c: c.warnings) [
      "autoInstaller.targetUser is not set: on demo no user gets the deploy key, and root owns the clone; set targetUser in its host.toml."
      "autoInstaller.repoRemote is not set: the config repo on demo has no remote to pull from; set repoRemote in its host.toml."
    ])
    (gives "a deploy key for a user" (
      on (base // { targetUser = "me"; }) { users.users.me.isNormalUser = true; } // { deployPublicKey = "ssh-ed25519 AAAAC3Nz demo"; }
    ) (c: c.warnings) [ ])

    (gives "packages by name and as they are" (base // {
      extraPackages = [ "bolt" "python3Packages.requests" pkgs.smartmontools ];
    }) (c: {
      installed = map (p: p.name) c.environment.systemPackages;
      rendered = c.autoInstaller.settings.extraPackages;
    }) {
      installed = [ "auto-installer" "bolt" "requests" "smartmontools" ];
      rendered = [ "bolt" "python3Packages.requests" ];
    })
    (gives "boot commands in a systemd initrd" (base // { extraBootCommands = "echo hi"; }) (c: {
      inherit (c.boot.initrd) postDeviceCommands;
      script = lib.hasInfix "echo hi" c.boot.initrd.systemd.services.auto-installer-boot-commands.script;
    }) { postDeviceCommands = ""; script = true; })
    {
      name = "boot commands in a scripted initrd";
      check = same (
        let
          c = evaluate [
            (root + "/modules/installer.nix")
            {
              autoInstaller = base // { extraBootCommands = "echo hi"; };
              boot.initrd.systemd.enable = false;
            }
          ];
        in
        [ c.boot.initrd.postDeviceCommands (c.boot.initrd.systemd.services == { }) ]
      ) [ "echo hi" true ];
    }
    (gives "no boot commands, no service" base (c: c.boot.initrd.systemd.services) { })
    (gives "the rest of the live system" (base // {
      substituters = [ "https://cache.example.org" ];
      trustedPublicKeys = [ "cache.example.org:AAAA" ];
      authorizedKeys = [ "ssh-ed25519 AAAAC3Nz me@example.org" ];
      extraInitrdKernelModules = [ "thunderbolt" ];
      keymap = "de";
      bannerText = "a\\b\n";
    }) (c: {
      inherit (c.nix) settings;
      ssh = c.services.openssh.enable;
      keys = c.users.users.root.openssh.authorizedKeys.keys;
      modules = c.boot.initrd.kernelModules;
      inherit (c.console) keyMap;
      # agetty takes a backslash for an escape of its own.
      banner = lib.hasPrefix "a\\\\b\n" c.services.getty.greetingLine;
    }) {
      settings = {
        experimental-features = [ "nix-command" "flakes" ];
        substituters = [ "https://cache.example.org" ];
        trusted-public-keys = [ "cache.example.org:AAAA" ];
      };
      ssh = true;
      keys = [ "ssh-ed25519 AAAAC3Nz me@example.org" ];
      modules = [ "thunderbolt" ];
      keyMap = "de";
      banner = true;
    })
    (gives "nobody logs in over the network by default" base (c: c.users.users.root.openssh.authorizedKeys.keys) [ ])
    (gives "the build log tells the deploy key" (on base { } // { deployPublicKey = "ssh-ed25519 AAAAC3Nz demo-installer\n"; }) (c: {
      inherit (c.autoInstaller.medium) name;
      inherit (c.autoInstaller.medium.env) host key;
      says = lib.hasInfix ''echo "INSTALLER SSH PUBLIC KEY for $host:"'' c.autoInstaller.medium.script;
    }) {
      name = "demo-installer-iso";
      host = "demo";
      key = "ssh-ed25519 AAAAC3Nz demo-installer";
      says = true;
    })
  ];

  others = map host hostNames ++ [
    {
      name = "host.toml with a byte order mark and CRLF";
      check =
        let
          own = import (root + "/modules/lib.nix") {
            nixpkgs = { inherit lib; };
            autoInstaller.nixosModules.installer = root + "/modules/installer.nix";
          };
          installer = own.mkInstaller {
            self = { };
            dir = root + "/lab/nix/windows";
          };
        in
        same (with installer.config.autoInstaller; "${targetHost} ${bannerText}") "windows first\nsecond\n";
    }
    {
      name = "age-identity comes before agenix";
      check = same (
        let
          c = evaluate [
            (root + "/modules/age-identity.nix")
            agenix
            {
              networking.hostName = "demo";
              ageIdentity.recipients = [ "age1demo" ];
              age.secrets.wifi = { };
            }
          ];
        in
        {
          inherit (c.system.activationScripts.agenixInstall) deps;
          inherit (c.age) identityPaths;
          file = lib.hasInfix "identity=/etc/age/demo.agekey\n" c.system.activationScripts.ageIdentity.text;
          known = lib.hasInfix "known=age1demo\n" c.system.activationScripts.ageIdentity.text;
        }
      ) {
        deps = [ "ageIdentity" ];
        identityPaths = [ "/etc/age/demo.agekey" "/etc/ssh/ssh_host_ed25519_key" ];
        file = true;
        known = true;
      };
    }
    {
      name = "age-identity without agenix";
      check = same (attrNames
        (evaluate [ (root + "/modules/age-identity.nix") ]).system.activationScripts
      ) [ "ageIdentity" ];
    }
  ];

  # Each stops the evaluation, and nix says this at the end.
  errors = {
    missing = {
      value = (installer (removeAttrs base [ "targetHost" ])).autoInstaller.hostFile.text;
      says = "The option `autoInstaller.targetHost' was accessed but has no value defined. Try setting the option.";
    };
    type = {
      value = (installer (base // { targetHost = 1; })).autoInstaller.hostFile.text;
      says = "A definition for option `autoInstaller.targetHost' is not of type `string'.";
    };
    unknown = {
      value = (installer (base // { targetHots = "demo"; })).autoInstaller.hostFile.text;
      says = "The option `autoInstaller.targetHots' does not exist.";
    };
    package = {
      value = map (p: p.name) (installer (base // { extraPackages = [ "no-such" ]; })).environment.systemPackages;
      says = "autoInstaller.extraPackages: nixpkgs has no package no-such";
    };
    failed = {
      value = (installer (base // { labels = { efi = "demo"; root = "R"; }; })).system.build.isoImage.name;
      says = "- autoInstaller.labels.efi: \"demo\" has 'd'; allowed: at most 11 of A-Z 0-9 _ -";
    };
  };
}
