# Where a host's options and its own configuration differ: what will be made, and
# what the host expects (the facts of contract.nix). The program compares the
# same in the same words, steps/contract/compare.go, and more: it sees the disks
# that are attached. What only they can tell is a note here.
{ lib }:
host: facts:
let
  inherit (builtins)
    attrNames
    concatLists
    elem
    filter
    head
    ;
  inherit (lib)
    any
    hasInfix
    hasPrefix
    optional
    optionals
    ;
  inherit (import ./text.nix { inherit lib; }) quote;

  bad = problem: fix: { bad = "${problem}; to fix it, ${fix}"; };
  note = text: { note = text; };

  byLabel = label: "/dev/disk/by-label/${label}";
  byPartLabel = label: "/dev/disk/by-partlabel/${label}";
  mapper = "/dev/mapper/${host.luks.mapperName}";
  isEncrypted = host.luks.enable;
  # Swap beside LUKS is left for a new key at each start: no label but the
  # partition's.
  isRandomSwap = isEncrypted && host.swap.enable;

  # What fstab(5) and crypttab(5) take for a device, as the path of it.
  canonical =
    device:
    let
      forms = [
        [ "LABEL=" "/dev/disk/by-label/" ]
        [ "PARTLABEL=" "/dev/disk/by-partlabel/" ]
        [ "UUID=" "/dev/disk/by-uuid/" ]
        [ "PARTUUID=" "/dev/disk/by-partuuid/" ]
        [ "/dev/disk/by-id/dm-name-" "/dev/mapper/" ]
      ];
      form = lib.findFirst (f: hasPrefix (head f) device) null forms;
    in
    if device == null || form == null then device else lib.last form + lib.removePrefix (head form) device;
  isDevice = device: device != null && hasPrefix "/dev/" (canonical device);
  isUUID = device: hasPrefix "/dev/disk/by-uuid/" device || hasPrefix "/dev/disk/by-partuuid/" device;
  isName =
    device: hasPrefix "/dev/disk/by-label/" device || hasPrefix "/dev/disk/by-partlabel/" device || hasPrefix "/dev/mapper/" device;

  # One device option against the names that what is made answers to.
  compareDevice =
    name: key: makes: device:
    let
      fix = "set ${name} = ${quote (head makes)} in the host's configuration";
    in
    if elem (canonical device) makes then
      [ ]
    else if device == null || device == "" then
      [ (bad "${name} is not set; ${key} makes it ${head makes}" fix) ]
    else if isUUID (canonical device) then
      [ (bad "${name} is ${quote device}; ${key} makes it ${head makes}: a UUID is new with every install" fix) ]
    else if isName (canonical device) then
      [ (bad "${name} is ${quote device}; ${key} makes it ${head makes}" "${fix}, or change ${key} in host.toml") ]
    else
      [
        (bad "${name} is ${quote device}; ${key} makes it ${head makes}: that name may be another disk's at the next start" fix)
      ];

  fileSystem =
    point: key: makes: fsType:
    let
      fs = facts.fileSystems.${point} or null;
      name = "fileSystems.${quote point}";
    in
    if fs == null then
      [
        (bad "the host has no ${name}; the installer makes it, as ${head makes}"
          "set ${name}.device = ${quote (head makes)} and fsType = ${quote fsType} in the host's configuration"
        )
      ]
    else
      optionals (isDevice fs.device || fs.fsType == fsType) (compareDevice "${name}.device" key makes fs.device)
      ++ optional (!elem fs.fsType [ fsType "auto" ]) (
        bad "${name}.fsType is ${quote fs.fsType}; the installer makes ${fsType}"
          "set ${name}.fsType = ${quote fsType} in the host's configuration"
      );

  root = [ (byLabel host.labels.root) ] ++ [ (if isEncrypted then mapper else byPartLabel host.labels.root) ];

  luks =
    let
      makes = [
        (byPartLabel host.labels.luks)
        (byLabel host.labels.luks)
      ];
      devices = facts.luksDevices;
      name = "boot.initrd.luks.devices.${quote host.luks.mapperName}.device";
      others = filter (n: elem (canonical devices.${n}.device) makes) (attrNames devices);
      foreign = filter (n: !isEncrypted || n != host.luks.mapperName && !elem n others) (attrNames devices);
    in
    (
      if !isEncrypted then
        [ ]
      else if devices ? ${host.luks.mapperName} then
        compareDevice name "labels.luks" makes devices.${host.luks.mapperName}.device
        ++ optional (devices.${host.luks.mapperName}.header != null) (
          bad "boot.initrd.luks.devices.${quote host.luks.mapperName}.header is ${quote devices.${host.luks.mapperName}.header}; the installer keeps the header in the container"
            "remove its header from the host's configuration"
        )
      else if others != [ ] then
        [
          (bad
            "the host opens ${devices.${head others}.device} as ${quote (head others)}; luks.mapperName makes it ${quote host.luks.mapperName}"
            "set luks.mapperName = ${quote (head others)} in host.toml, or rename it in the host's configuration"
          )
        ]
      else
        [
          (bad
            "the host opens no LUKS device as ${quote host.luks.mapperName}${
              lib.optionalString (devices != { }) ", only as ${lib.concatStringsSep ", " (attrNames devices)}"
            }; luks.mapperName makes it that, from ${head makes}"
            "set ${name} = ${quote (head makes)} in the host's configuration"
          )
        ]
    )
    ++ map (
      n: note "opens boot.initrd.luks.devices.${quote n}, which the installer does not make: a disk with it must be attached"
    ) foreign;

  swap =
    let
      partitions = filter (s: isDevice s.device) facts.swapDevices;
      label = host.labels.swap;
      # By either name; which of them is right is a question of its own.
      isOurs = s: host.swap.enable && elem (canonical s.device) [ (byLabel label) (byPartLabel label) ];
      makes = if isRandomSwap then [ (byPartLabel label) ] else [ (byLabel label) (byPartLabel label) ];
      ours =
        s:
        if !elem (canonical s.device) makes then
          compareDevice "swapDevices.*.device" "labels.swap" makes s.device
        else if isRandomSwap && !s.randomEncryption then
          [
            (bad "swapDevices has ${quote s.device} without randomEncryption; beside LUKS the installer leaves it unformatted"
              "set its randomEncryption.enable = true in the host's configuration"
            )
          ]
        else if s.randomEncryption && canonical s.device == byLabel label then
          [
            (bad
              "swapDevices has ${quote s.device} with randomEncryption, which erases that label at the first start; labels.swap is the partition's label too"
              "set its device = ${quote (byPartLabel label)} in the host's configuration"
            )
          ]
        else
          [ ];
    in
    concatLists (map ours (filter isOurs partitions))
    ++ optional (host.swap.enable && !any isOurs partitions) (
      bad "the host's swapDevices do not use ${head makes}, which labels.swap makes"
        "add { device = ${quote (head makes)}; } to swapDevices in the host's configuration, or set swap.enable = false in host.toml"
    )
    ++ map (
      s: note "has ${quote s.device} in swapDevices, which the installer does not make: a disk with it must be attached"
    ) (filter (s: !isOurs s) partitions);

  keymap =
    let
      theirs = facts.keymap;
    in
    if theirs == null || theirs == host.keymap || hasInfix "/" theirs then
      [ ]
    else if isEncrypted then
      [
        (bad "console.keyMap is ${quote theirs}; keymap makes it ${quote host.keymap}, and the passphrase is typed with both"
          "set keymap = ${quote theirs} in host.toml, or console.keyMap = ${quote host.keymap} in the host's configuration"
        )
      ]
    else
      [ (note "has console.keyMap = ${quote theirs}, and the installer's keymap is ${quote host.keymap}") ];

  loader =
    let
      l = facts.loader;
      use = "set boot.loader.systemd-boot.enable = true";
      there = " in the host's configuration";
      disks = filter (d: d != "nodev") l.grub.devices;
    in
    optional (!elem l.efiSysMountPoint [ null "" "/boot" ]) (
      bad "boot.loader.efi.efiSysMountPoint is ${quote l.efiSysMountPoint}; the installer mounts the ESP at /boot"
        ''set boot.loader.efi.efiSysMountPoint = "/boot"${there}''
    )
    ++ (
      if l.systemdBoot then
        [ ]
      else if l.lanzaboote then
        [ (note "has boot.lanzaboote, which signs what it installs: without its keys on the target, that fails") ]
      else if l.limine && !l.limineEfiSupport then
        [
          (bad "the host starts by Limine for BIOS (boot.loader.limine.efiSupport is false); the installer makes a disk for UEFI"
            "set boot.loader.limine.efiSupport = true${there}"
          )
        ]
      else if l.limine && !elem l.limineBiosDevice [ null "nodev" ] then
        [
          (bad
            "boot.loader.limine writes to ${l.limineBiosDevice} as well; the installer writes to no disk but the one that was chosen"
            "set boot.loader.limine.biosSupport = false${there}"
          )
        ]
      else if l.limine || l.refind || l.external then
        [ (note "starts by another boot loader than systemd-boot or GRUB: what the firmware starts is proven as far as that is known") ]
      else if l.grub.enable && !l.grub.efiSupport then
        [
          (bad "the host starts by GRUB for BIOS (boot.loader.grub.efiSupport is false); the installer makes a disk for UEFI"
            ''${use}${there}, or boot.loader.grub.efiSupport = true with device = "nodev"''
          )
        ]
      else if l.grub.enable then
        optional (disks != [ ]) (
          bad
            "boot.loader.grub writes to ${lib.concatStringsSep ", " disks} as well; the installer writes to no disk but the one that was chosen"
            ''set boot.loader.grub.device = "nodev"${there}''
        )
        ++ optional (!l.grub.efiInstallAsRemovable && !l.canTouchEfiVariables) (
          bad
            "boot.loader.grub is neither to be installed as removable nor to make a boot entry; the firmware would not find it on the new disk"
            "set boot.loader.grub.efiInstallAsRemovable = true, or boot.loader.efi.canTouchEfiVariables = true,${there}"
        )
      else if l.extlinux then
        [
          (bad "the host starts by extlinux (boot.loader.generic-extlinux-compatible); the installer makes a disk for UEFI"
            "${use}${there}"
          )
        ]
      else
        [ (bad "the host has no boot loader on; the installer makes a disk that UEFI firmware starts" "${use}${there}") ]
    );

  user =
    let
      name = host.targetUser;
      option = "users.users.${quote name}";
      found = facts.users.${name} or null;
      # Who may get the user's number if NixOS chooses it, as in the program.
      others = filter (n: n != name) (attrNames facts.users);
      named = filter (n: facts.users.${n}.uid == host.targetUid) others;
      chosen = filter (n: found.normal && facts.users.${n}.normal && facts.users.${n}.uid == null) others;
      rival =
        if found.normal && host.targetUid != 1000 then
          "NixOS begins with 1000"
        else if named != [ ] && (chosen == [ ] || head named < head chosen) then
          "users.users.${quote (head named)} has ${toString host.targetUid}"
        else if chosen != [ ] then
          "nor is that of users.users.${quote (head chosen)}"
        else
          null;
      home = "/home/${name}";
    in
    if name == "" || name == "root" || facts.users == { } then
      [ ]
    else if found == null then
      [
        (bad "the host has no ${option}; targetUser gives it a home"
          "add ${option} to the host's configuration, or change targetUser in host.toml"
        )
      ]
    else
      optional (found.uid != null && found.uid != host.targetUid) (
        bad "${option}.uid is ${toString found.uid}; targetUid makes it ${toString host.targetUid}"
          "set targetUid = ${toString found.uid} in host.toml"
      )
      ++ optional (found.uid == null && rival != null) (
        bad "${option}.uid is not set, and ${rival}; targetUid makes it ${toString host.targetUid}, so its files could be another's"
          "set ${option}.uid = ${toString host.targetUid} in the host's configuration"
      )
      ++ optional (found.home != null && found.home != "" && found.home != home) (
        bad "${option}.home is ${quote found.home}; targetUser makes it ${quote home}"
          "set ${option}.home = ${quote home} in the host's configuration, or leave targetUser out"
      );

  all =
    fileSystem "/" "labels.root" root "ext4"
    ++ fileSystem "/boot" "labels.efi" [ (byLabel host.labels.efi) (byPartLabel host.labels.efi) ] "vfat"
    ++ luks
    ++ swap
    ++ loader
    ++ keymap
    ++ user;
in
{
  # What would keep the host from starting, each with the way out.
  bad = map (x: x.bad) (filter (x: x ? bad) all);
  # What the operator should know.
  notes = map (x: x.note) (filter (x: x ? note) all);
}
