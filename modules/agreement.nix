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
    concatMap
    elem
    filter
    head
    split
    ;
  inherit (lib)
    any
    concatStringsSep
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
  isEncrypted = host.luks.enable;
  container = [
    (byPartLabel host.labels.luks)
    (byLabel host.labels.luks)
  ];
  # The name under which the host opens the container that is made.
  opened =
    let
      names = filter (n: elem (canonical facts.luksDevices.${n}.device) container) (attrNames facts.luksDevices);
    in
    if !isEncrypted || facts.luksDevices ? ${host.luks.mapperName} || names == [ ] then host.luks.mapperName else head names;
  mapper = "/dev/mapper/${opened}";
  # What disko defines, only mkForce overrides.
  force = value: (if facts.disko then "lib.mkForce " else "") + value;
  there = " in the host's configuration";

  # What file systems know of mount options, and more of that kind.
  mounts = builtins.fromJSON (builtins.readFile ./mounts.json);
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
        [ "ID=" "/dev/disk/by-id/" ]
      ];
      form = lib.findFirst (f: hasPrefix (head f) device) null forms;
    in
    if device == null || form == null then
      device
    else if lib.hasSuffix "=" (head form) then
      lib.last form + unquoted (lib.removePrefix (head form) device)
    else
      lib.last form + lib.removePrefix (head form) device;
  # The value of a tag may be in quotes.
  unquoted =
    value:
    let
      m = builtins.match "\"(.*)\"|'(.*)'" value;
    in
    if m == null then value else toString (lib.findFirst (v: v != null) "" m);
  # zram is the kernel's own.
  isDevice = device: device != null && hasPrefix "/dev/" (canonical device) && !hasPrefix "/dev/zram" device;
  isUUID = device: hasPrefix "/dev/disk/by-uuid/" device || hasPrefix "/dev/disk/by-partuuid/" device;
  isName =
    device: hasPrefix "/dev/disk/by-label/" device || hasPrefix "/dev/disk/by-partlabel/" device || hasPrefix "/dev/mapper/" device;

  # One device option against the names that what is made answers to.
  compareDevice =
    name: key: makes: other: device:
    let
      set = "set ${name} = ${force (quote (head makes))}${there}";
      fix = if other == null then set else other;
    in
    if elem (canonical device) makes then
      [ ]
    else if device == null || device == "" then
      [ (bad "${name} is not set; ${key} makes it ${head makes}" fix) ]
    else if isUUID (canonical device) then
      [ (bad "${name} is ${quote device}; ${key} makes it ${head makes}: a UUID is new with every install" fix) ]
    else if isName (canonical device) then
      [ (bad "${name} is ${quote device}; ${key} makes it ${head makes}" (if other == null then "${set}, or change ${key} in host.toml" else fix)) ]
    else
      [
        (bad "${name} is ${quote device}; ${key} makes it ${head makes}: that name may be another disk's at the next start" fix)
      ];

  # What is said of one of the two that are made.
  fileSystem =
    point: key: makes: fsType:
    let
      fs = facts.fileSystems.${point} or null;
      name = "fileSystems.${quote point}";
      fits = elem fs.fsType [ fsType "auto" ];
    in
    if fs == null then
      [
        (bad "the host has no ${name}; the installer makes it, as ${head makes}" (
          if facts.disko then whole else "set ${name}.device = ${quote (head makes)} and fsType = ${quote fsType}${there}"
        ))
      ]
    else
      optionals (isDevice fs.device || fits) (
        compareDevice "${name}.device" key makes (if fits then null else whole) fs.device
      )
      ++ optional (!fits) (bad "${name}.fsType is ${quote fs.fsType}; the installer makes ${fsType}" whole)
      ++ mountOptions point fsType fs (if fits || !facts.disko then null else whole);

  # Where a device or a type alone does not help.
  whole =
    let
      rootIs = ''"/" = { device = "${byLabel host.labels.root}"; fsType = "ext4"; }'';
      bootIs = ''"/boot" = { device = "${byLabel host.labels.efi}"; fsType = "vfat"; }'';
      made = "this installer makes one ext4 root and an ESP, with swap and LUKS as host.toml says, and no other file system";
    in
    if facts.disko then
      "set fileSystems = lib.mkForce { ${rootIs}; ${bootIs}; }${there}, with what it mounts of other disks and of servers: ${made}"
    else
      "set fileSystems.${rootIs} and fileSystems.${bootIs}${there}, and remove what else it mounts of that disk: ${made}";
  without =
    point:
    if facts.disko then whole else "remove fileSystems.${quote point} from the host's configuration: ${point} is on the ext4 root then";

  # Options that stand in one string are taken apart; in quotes, a comma is part
  # of a value.
  flat = options: concatMap (o: if hasInfix "\"" o then [ o ] else lib.splitString "," o) options;
  has = fs: names: any (o: elem o names) (flat fs.options);
  mountOptions =
    point: fsType: fs: fix:
    let
      key = o: if hasInfix "=" o then head (split "=" o) + "=" else o;
      isComment = o: o == "" || hasPrefix "x-" o || hasPrefix "X-" o || key o == "comment=" || hasInfix "\"" o;
      strangers = filter (o: !isComment o && !elem (key o) (mounts.generic ++ mounts.${fsType})) (flat fs.options);
      stops = strangers == [ ] && point == "/" && has fs [ "noexec" ] && !has fs [ "exec" ];
      subdir = filter (hasPrefix "X-mount.subdir=") (flat fs.options);
      isBelow = strangers == [ ] && point == "/" && !stops && subdir != [ ];
      odd =
        if stops then
          [ "noexec" ]
        else if isBelow then
          subdir
        else
          strangers;
      left = filter (o: !elem o odd && !hasPrefix "x-initrd." o) (flat fs.options);
      quoted = between: words: concatStringsSep between (map quote words);
    in
    optional (odd != [ ]) (
      bad "fileSystems.${quote point}.options has ${quoted ", " odd}, ${
        if stops then
          "so that nothing on the root could start"
        else if isBelow then
          "and the installer puts the system at the top of the root: the host would not find it"
        else
          "which ${fsType} does not know: the mount would fail"
      }" (
        if fix != null then
          fix
        else if facts.disko then
          "set fileSystems.${quote point}.options = lib.mkForce [ ${
            quoted " " (if left == [ ] then [ "defaults" ] else left)
          } ]${there}"
        else
          "remove ${quoted " and " odd} from fileSystems.${quote point}.options${there}"
      )
    );

  # What else the host mounts. Whether a disk with it is attached, only the
  # program can tell.
  otherFileSystem =
    point:
    let
      fs = facts.fileSystems.${point};
      name = "fileSystems.${quote point}";
      pool = device: if device == null then null else "pool ${head (lib.splitString "/" device)}";
      # A device in one form, or null; of a ZFS dataset its pool.
      identity =
        fs:
        if isDevice fs.device then
          if hasPrefix "/dev/zvol/" fs.device then pool (lib.removePrefix "/dev/zvol/" fs.device) else canonical fs.device
        else if fs.fsType == "zfs" && fs.device != "" then
          pool fs.device
        else
          null;
      is = identity fs;
      on = toString fs.device;
      theirs = facts.fileSystems."/" or null;
      isRoot = is != null && (elem is root || theirs != null && is == identity theirs);
      needed = elem point mounts.neededForBoot || elem point facts.neededForBoot;
      optionalMount =
        (!needed || facts.initrd.systemd) && has fs [ "nofail" "noauto" "x-systemd.automount" ] || !needed && has fs [ "_netdev" ];
      # A mount that fails, and that a start does without.
      mayFail = map (
        b:
        if b ? bad && optionalMount && !has fs [ "x-systemd.automount" ] then
          note "has a mount that fails, and starts without it: ${b.bad}"
        else
          b
      );
      isStore = elem point mounts.store;
      isNetwork =
        elem fs.fsType mounts.network
        || has fs [ "_netdev" ]
        || fs.fsType == "auto" && (hasInfix ":/" on || hasPrefix "//" on);
      isPseudo = elem fs.fsType mounts.pseudo || hasPrefix "fuse." fs.fsType;
      isPlain = elem fs.fsType [ "ext4" "auto" ];
      hides = any (p: point == p || hasPrefix "${p}/" point) mounts.filled;
      hasSubdir = any (hasPrefix "X-mount.subdir=") (flat fs.options);
    in
    if optionalMount && has fs [ "noauto" ] && !has fs [ "x-systemd.automount" ] then
      [ ]
    else if has fs [ "bind" "rbind" ] then
      optional (isStore && fs.device != point) (
        note "has ${quote on} at ${point}, where the installer puts the store on the root: extraPostMountCommands must bind it too"
      )
    else if isNetwork && is == null then
      [ ]
    else if isRoot && !isPlain then
      mayFail [
        (bad "${name} is ${fs.fsType} on ${quote on}; the installer makes one ext4 file system there" (without point))
      ]
    else if isRoot && hides && !hasSubdir then
      [
        (bad
          "${name} is ${fs.fsType} on ${quote on}, which is the root: it would show the root itself, and hide what is at ${point}"
          (without point)
        )
      ]
    else if isRoot then
      optional hasSubdir (
        note "shows a folder of the root at ${point} (X-mount.subdir): extraMountDirs must make it"
      )
      ++ mayFail (mountOptions point "ext4" fs null)
    else if elem is esp && elem fs.fsType [ "vfat" "auto" ] then
      mayFail (mountOptions point "vfat" fs null)
    else if isStore && (is != null || fs.fsType == "tmpfs" || !isPseudo) then
      [
        (bad
          "${name} is ${fs.fsType} on ${quote on}, and the installer puts the store on the root: the host would not find it"
          (without point)
        )
      ]
    else if optionalMount || isPseudo && is == null || point == facts.loader.efiSysMountPoint then
      [ ]
    else if is == null && elem fs.device [ null "" ] then
      [ (bad "${name}.device is not set" "set ${name}.device${there}, or remove it") ]
    else if hasPrefix "/nix/store/" on then
      [ ]
    else
      [ (note "mounts ${quote on} at ${point}, which the installer does not make: a disk with it must be attached") ];
  others = filter (p: p != "/" && p != "/boot") (attrNames facts.fileSystems);

  esp = [
    (byLabel host.labels.efi)
    (byPartLabel host.labels.efi)
  ];
  root = [ (byLabel host.labels.root) ] ++ [ (if isEncrypted then mapper else byPartLabel host.labels.root) ];

  luks =
    let
      devices = facts.luksDevices;
      ours = devices.${opened};
      name = "boot.initrd.luks.devices.${quote opened}.device";
      foreign = filter (n: !isEncrypted || n != opened) (attrNames devices);
      rootIsMapped = hasPrefix "/dev/mapper/" (toString (canonical (facts.fileSystems."/".device or null)));
      differs = opened != host.luks.mapperName && elem (canonical ours.device) container;
    in
    (
      if !isEncrypted then
        [ ]
      else if devices ? ${opened} then
        compareDevice name "labels.luks" container null ours.device
        ++ optional (differs && rootIsMapped) (
          bad "the host opens ${ours.device} as ${quote opened}; luks.mapperName makes it ${quote host.luks.mapperName}"
            "set luks.mapperName = ${quote opened} in host.toml, or rename it in the host's configuration"
        )
        ++ optional (ours.header != null) (
          bad "boot.initrd.luks.devices.${quote opened}.header is ${quote ours.header}; the installer keeps the header in the container"
            "remove its header from the host's configuration"
        )
      else
        [
          (bad
            "the host opens no LUKS device as ${quote host.luks.mapperName}${
              lib.optionalString (devices != { }) ", only as ${concatStringsSep ", " (attrNames devices)}"
            }; luks.mapperName makes it that, from ${head container}"
            "set ${name} = ${force (quote (head container))}${there}"
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
          compareDevice "swapDevices.*.device" "labels.swap" makes (
            if facts.disko then
              "set swapDevices = lib.mkForce [ { device = ${quote (head makes)};${
                lib.optionalString isRandomSwap " randomEncryption.enable = true;"
              } } ]${there}"
            else
              null
          ) s.device
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

  resume =
    let
      device = facts.resumeDevice;
      is = canonical device;
      isSwap = host.swap.enable && elem is [ (byLabel host.labels.swap) (byPartLabel host.labels.swap) ];
    in
    if device == null || !isDevice device || isSwap && !isRandomSwap || elem is root then
      [ ]
    else if isSwap then
      [ (note "has boot.resumeDevice = ${quote device}: swap that has a new key at each start cannot be resumed from") ]
    else
      [ (note "has boot.resumeDevice = ${quote device}, which the installer does not make: a start may wait for it") ];

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
      disks = filter (d: d != "nodev") l.grub.devices;
    in
    optional (!elem l.efiSysMountPoint [ null "" "/boot" ]) (
      bad "boot.loader.efi.efiSysMountPoint is ${quote l.efiSysMountPoint}; the installer mounts the ESP at /boot"
        ''set boot.loader.efi.efiSysMountPoint = "/boot"${there}${
          lib.optionalString (facts.fileSystems ? ${l.efiSysMountPoint}) ", and remove fileSystems.${quote l.efiSysMountPoint}"
        }''
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
            "boot.loader.grub writes to ${concatStringsSep ", " disks} as well; the installer writes to no disk but the one that was chosen"
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
    ++ fileSystem "/boot" "labels.efi" esp "vfat"
    ++ concatMap otherFileSystem others
    ++ luks
    ++ swap
    ++ resume
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
