# The facts of a host's own configuration: its file systems, boot loader, keymap,
# users and secrets. The program judges them (hosts/facts), when a medium is built
# and before an install writes. modules/installer.nix puts them on the medium;
# without them there, the program evaluates this function on the config repo:
#
#   nix eval --json FLAKE#nixosConfigurations.HOST.config --apply "$(cat contract.nix)"
#
# It needs no nixpkgs, accepts missing options, and returns what builtins.toJSON
# can write, without string contexts. It names the secrets' encrypted files, and
# contains no secret.
config:
let
  inherit (builtins)
    attrNames
    concatMap
    elem
    filter
    foldl'
    head
    isString
    listToAttrs
    map
    mapAttrs
    match
    split
    storeDir
    unsafeDiscardStringContext
    ;

  # A path, a derivation or a string, as text. toString does not copy a path
  # into the store.
  text = v: if v == null then null else unsafeDiscardStringContext (toString v);
  texts = map text;

  # NixOS derives device from label; a bare configuration may have the label only.
  device =
    d:
    if (d.device or null) != null then
      text d.device
    else if (d.label or null) != null then
      "/dev/disk/by-label/${text d.label}"
    else
      null;

  # The path of a file in its flake: what follows the store path of the source,
  # which may be below another root.
  inSource =
    file:
    let
      m = match ".*${storeDir}/[^/]+/(.+)" file;
    in
    if m == null then null else head m;

  keymap =
    let
      k = config.console.keyMap or null;
    in
    # A name for loadkeys, or the derivation that console.useXkbConfig makes.
    if !(config.console.enable or true) then
      "us"
    else if k == null || isString k then
      text k
    else
      toString (text k);

  fileSystems = config.fileSystems or { };
  grub = config.boot.loader.grub or { };
  limine = config.boot.loader.limine or { };
in
{
  hostName = config.networking.hostName or null;

  # By mount point, which may differ from the attribute's name.
  fileSystems = listToAttrs (
    map (name: {
      name = fileSystems.${name}.mountPoint or name;
      value = {
        device = device fileSystems.${name};
        fsType = fileSystems.${name}.fsType or "auto";
        options = texts (fileSystems.${name}.options or [ ]);
      };
    }) (attrNames fileSystems)
  );

  # The mount points that the initrd mounts in addition to NixOS' own.
  neededForBoot = filter (point: point != null) (
    map (name: if fileSystems.${name}.neededForBoot or false then fileSystems.${name}.mountPoint or name else null) (
      attrNames fileSystems
    )
  );

  swapDevices = map (s: {
    device = device s;
    options = texts (s.options or [ ]);
    randomEncryption =
      let
        r = s.randomEncryption or false;
      in
      if r == true || r == false then r else r.enable or false;
  }) (config.swapDevices or [ ]);

  luksDevices = mapAttrs (_: l: {
    device = text (l.device or null);
    keyFile = text (l.keyFile or null);
    header = text (l.header or null);
  }) (config.boot.initrd.luks.devices or { });

  # The names of the containers that the host opens after the initrd.
  crypttab =
    let
      crypttab = text (config.environment.etc.crypttab.text or null);
      lines = if crypttab == null then [ ] else filter isString (split "\n" crypttab);
      name = line: match "[[:space:]]*([^#[:space:]]+).*" line;
    in
    concatMap (line: if name line == null then [ ] else name line) lines;

  resumeDevice = text (config.boot.resumeDevice or "");

  inherit keymap;

  loader = {
    systemdBoot = config.boot.loader.systemd-boot.enable or false;
    lanzaboote = config.boot.lanzaboote.enable or false;
    limine = limine.enable or false;
    limineEfiSupport = limine.efiSupport or true;
    # The disk to which it writes a boot loader for BIOS.
    limineBiosDevice = if limine.biosSupport or false then text (limine.biosDevice or null) else null;
    refind = config.boot.loader.refind.enable or false;
    extlinux = config.boot.loader.generic-extlinux-compatible.enable or false;
    # A boot loader of the host's own.
    external = config.boot.loader.external.enable or false;
    grub = {
      enable = grub.enable or false;
      efiSupport = grub.efiSupport or false;
      efiInstallAsRemovable = grub.efiInstallAsRemovable or false;
      # NixOS installs to mirroredBoots, which includes the others.
      devices = foldl' (ds: d: if elem d ds then ds else ds ++ [ d ]) [ ] (
        texts (
          (grub.devices or [ ])
          ++ (if (grub.device or "") != "" then [ grub.device ] else [ ])
          ++ concatMap (m: m.devices or [ ]) (grub.mirroredBoots or [ ])
        )
      );
    };
    efiSysMountPoint = text (config.boot.loader.efi.efiSysMountPoint or "/boot");
    canTouchEfiVariables = config.boot.loader.efi.canTouchEfiVariables or false;
  };

  initrd =
    let
      # A list, or since NixOS 25.11 also a set of name = bool.
      names = m: if builtins.isAttrs m then filter (n: m.${n} == true) (attrNames m) else texts m;
    in
    {
      systemd = config.boot.initrd.systemd.enable or false;
      availableKernelModules = names (config.boot.initrd.availableKernelModules or [ ]);
      kernelModules = names (config.boot.initrd.kernelModules or [ ]);
    };

  # agenix: what activation decrypts, and with which identities. null without
  # agenix.
  secrets =
    if config ? age.secrets then
      map (
        name:
        let
          file = text config.age.secrets.${name}.file;
        in
        {
          inherit name file;
          inSource = inSource file;
        }
      ) (attrNames config.age.secrets)
    else
      null;
  ageIdentityPaths = if config ? age.identityPaths then texts config.age.identityPaths else null;

  # Whether disko defines file systems, containers and swap. A host overrides them
  # with lib.mkForce.
  disko =
    (config.disko.enableConfig or true)
    && attrNames (config.disko.devices.disk or { }) ++ attrNames (config.disko.devices.nodev or { }) != [ ];

  # uid is null where NixOS chooses it: from 1000 on for normal users, in the order
  # of their names.
  users = mapAttrs (_: u: {
    uid = u.uid or null;
    normal = u.isNormalUser or false;
    home = text (u.home or null);
  }) (config.users.users or { });
}
