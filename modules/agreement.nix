# Where a host's options and its own configuration disagree: what would be
# created, and what the host expects (the facts of contract.nix). Each message
# names both sides. The program looks at the same before it writes anything.
{ lib }:
host: facts:
let
  inherit (builtins) attrNames concatLists elem filter;
  inherit (lib) any optional;
  inherit (import ./text.nix { inherit lib; }) quote;

  configuration = "nixosConfigurations.${host.targetHost}";
  # What one side makes, what the other expects, and the way out.
  differ = made: expected: fix: "${made}, but ${configuration} ${expected}; ${fix}";

  byLabel = label: "/dev/disk/by-label/${label}";
  byPartLabel = label: "/dev/disk/by-partlabel/${label}";
  # The names under which udev links a partition that the installer makes.
  names = label: [
    (byLabel label)
    (byPartLabel label)
  ];
  say = value: if value == null then "nothing" else quote value;

  mapper = "/dev/mapper/${host.luks.mapperName}";
  # The root's filesystem lies in the container, whose partition has its label.
  rootNames = if host.luks.enable then [ mapper (byLabel host.labels.root) ] else names host.labels.root;

  mount =
    point: option: label: expected: fsType:
    let
      fs = facts.fileSystems.${point} or null;
      made = "${option} is ${quote label}";
    in
    if fs == null then
      [ (differ made "has no fileSystems.${quote point}" "add one with device = ${quote (builtins.head expected)}") ]
    else
      optional (!elem fs.device expected) (
        differ made "mounts ${point} from ${say fs.device}" "set fileSystems.${quote point}.device = ${quote (builtins.head expected)}, or change ${option}"
      )
      ++ optional (!elem fs.fsType [ fsType "auto" ]) (
        differ "${option} is made as ${fsType}" "mounts ${point} as ${fs.fsType}" ''set fileSystems.${quote point}.fsType = "${fsType}"''
      );

  luks =
    let
      devices = facts.luksDevices;
      found = devices.${host.luks.mapperName} or null;
    in
    if host.luks.enable && found == null then
      [
        (differ "luks.mapperName is ${quote host.luks.mapperName}" (
          if devices == { } then
            "opens no LUKS container"
          else
            "opens ${lib.concatMapStringsSep ", " quote (attrNames devices)}"
        ) "name it boot.initrd.luks.devices.${host.luks.mapperName}, or change luks.mapperName")
      ]
    else if host.luks.enable then
      optional (!elem found.device (names host.labels.luks)) (
        differ "labels.luks is ${quote host.labels.luks}" "opens ${quote host.luks.mapperName} from ${say found.device}"
          "set boot.initrd.luks.devices.${host.luks.mapperName}.device = ${quote (byPartLabel host.labels.luks)}, or change labels.luks"
      )
    else
      optional (devices != { }) (
        differ "luks.enable is false" "opens ${lib.concatMapStringsSep ", " quote (attrNames devices)}"
          "set luks.enable, or remove boot.initrd.luks.devices"
      );

  swap =
    let
      devices = map (s: s.device) facts.swapDevices;
      # A swap file lies in the root filesystem, and is the host's own affair.
      partitions = filter (s: s.device == null || lib.hasPrefix "/dev/" s.device) facts.swapDevices;
      isRandom = host.luks.enable;
      expected = if isRandom then [ (byPartLabel host.labels.swap) ] else names host.labels.swap;
      mine = filter (s: elem s.device expected) partitions;
      wish = "swapDevices = [ { device = ${quote (builtins.head expected)};${lib.optionalString isRandom " randomEncryption.enable = true;"} } ]";
    in
    if !host.swap.enable then
      optional (partitions != [ ]) (
        differ "swap.enable is false" "swaps on ${lib.concatMapStringsSep ", " (s: say s.device) partitions}"
          "set swap.enable, or remove it from swapDevices"
      )
    else if mine == [ ] then
      [
        (differ "labels.swap is ${quote host.labels.swap}" (
          if devices == [ ] then "has no swapDevices" else "swaps on ${lib.concatMapStringsSep ", " say devices}"
        ) "set ${wish}, or change labels.swap")
      ]
    else
      optional (any (s: s.randomEncryption != isRandom) mine) (
        differ
          "swap.enable ${if isRandom then "leaves swap beside LUKS for a random key" else "formats swap without LUKS, with its label"}"
          (if isRandom then "uses it in the clear" else "encrypts it with a random key, which removes the label")
          "set ${wish}"
      );

  keymap =
    optional (facts.keymap != null && !lib.hasPrefix "/" facts.keymap && facts.keymap != host.keymap) (
      differ "keymap is ${quote host.keymap}" "has console.keyMap = ${quote facts.keymap}"
        "make them the same, or the passphrase may not be typable at boot"
    );
in
concatLists [
  (mount "/" "labels.root" host.labels.root rootNames "ext4")
  (mount "/boot" "labels.efi" host.labels.efi (names host.labels.efi) "vfat")
  luks
  swap
  keymap
]
