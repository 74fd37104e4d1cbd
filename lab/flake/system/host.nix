# One host: its NixOS-shaped option values and its toplevel.
{
  rev,
  # A folder with kernel, initial RAM disk and programs; Nix copies it to the store.
  parts,
  # The secrets that the host decrypts at its start; null: the repo's secrets for it.
  secrets ? null,
}:
name: toml:
let
  labels = {
    luks = "";
    swap = "";
  } // (toml.labels or { });
  luks = {
    enable = false;
    mapperName = "cryptroot";
  } // (toml.luks or { });
  swap = {
    enable = false;
    size = "8G";
  } // (toml.swap or { });
  keymap = toml.keymap or "us";
  user = toml.targetUser or "root";
  repoPath = stripMnt (toml.repoClonePath or "/mnt/nix-config");
  stripMnt = p: builtins.substring 4 (-1) p;

  # Swap beside LUKS is always encrypted, with a new random key each boot, so it has no
  # label.
  randomSwap = swap.enable && luks.enable;

  fileSystems = {
    "/" = {
      device = "/dev/disk/by-label/${labels.root}";
      fsType = "ext4";
      options = [ "defaults" ];
    };
    "/boot" = {
      device = "/dev/disk/by-label/${labels.efi}";
      fsType = "vfat";
      options = [
        "fmask=0077"
        "dmask=0077"
      ];
    };
  };
  swapDevices =
    if swap.enable then
      [
        {
          device =
            if randomSwap then "/dev/disk/by-partlabel/${labels.swap}" else "/dev/disk/by-label/${labels.swap}";
          randomEncryption.enable = randomSwap;
        }
      ]
    else
      [ ];
  luksDevices =
    if luks.enable then
      {
        ${luks.mapperName} = {
          device = "/dev/disk/by-partlabel/${labels.luks}";
          allowDiscards = true;
        };
      }
    else
      { };

  # As with agenix: secrets.nix says who may read what, and the host decrypts at its
  # start the files that are encrypted to its key.
  secretsDir = ../secrets;
  rules =
    if builtins.pathExists (secretsDir + "/secrets.nix") then import (secretsDir + "/secrets.nix") else { };
  ownKey = builtins.head (import (secretsDir + "/keys.nix")).${name};
  ownSecrets = builtins.listToAttrs (
    map (file: {
      name = builtins.head (builtins.split "\\.age$" file);
      value.file = secretsDir + "/${file}";
    }) (builtins.filter (file: builtins.elem ownKey rules.${file}.publicKeys) (builtins.attrNames rules))
  );

  hostSecrets = if secrets == null then ownSecrets else secrets;

  boot = "${parts}/boot";
  tools = "${parts}/tools";
  busybox = "${tools}/bin/busybox";

  run =
    drvName: script:
    derivation {
      name = drvName;
      system = "x86_64-linux";
      builder = busybox;
      args = [
        "sh"
        "-euc"
        ''
          ${busybox} mkdir -p "$TMPDIR/bin"
          ${busybox} --install -s "$TMPDIR/bin"
          export PATH="$TMPDIR/bin"
          echo "building ${drvName}"
          ${script}
        ''
      ];
    };

  # Shell assignments for initrd and init.
  facts = builtins.toFile "${name}-facts" ''
    host='${toml.targetHost}'
    root_label='${labels.root}'
    efi_label='${labels.efi}'
    luks_label='${if luks.enable then labels.luks else ""}'
    mapper='${luks.mapperName}'
    swap_kind='${
      if !swap.enable then
        ""
      else if randomSwap then
        "random"
      else
        "plain"
    }'
    swap_label='${labels.swap}'
    keymap='${keymap}'
    repo='${repoPath}'
    user='${user}'
    uid='${toString (toml.targetUid or 1000)}'
    gid='${toString (toml.targetGid or 100)}'
    dirs='${toString (toml.extraMountDirs or [ ])}'
    rev='${rev}'
    secrets='${toString (builtins.attrValues (builtins.mapAttrs (n: s: "${n}=${s.file}") hostSecrets))}'
  '';

  # As NixOS writes it: what the running system mounts.
  fstab = builtins.toFile "${name}-fstab" (
    builtins.concatStringsSep "" (
      map (
        at:
        let
          fs = fileSystems.${at};
        in
        "${fs.device} ${at} ${fs.fsType} ${builtins.concatStringsSep "," fs.options} 0 ${if at == "/" then "1" else "2"}\n"
      ) (builtins.attrNames fileSystems)
      ++ map (
        s: "${if randomSwap then "/dev/mapper/swap" else s.device} none swap defaults 0 0\n"
      ) swapDevices
    )
  );

  script = file: ''
    sed -e "s|@busybox@|${busybox}|g" -e "s|@tools@|${tools}|g" \
        -e "s|@facts@|${facts}|g" -e "s|@out@|$out|g" ${../system + "/${file}"}'';

  initrd = run "initrd-${name}" ''
    mkdir -p root/etc $out
    cp ${facts} root/etc/facts
    if [ -e ${boot}/keymaps/${keymap}.bmap ]; then
      cp ${boot}/keymaps/${keymap}.bmap root/etc/keymap.bmap
    fi
    (cd root && find . | sort | cpio -o -H newc) > $out/initrd
    # The kernel needs a compressed archive to start at a multiple of four.
    truncate -s $(( ($(stat -c %s $out/initrd) + 511) / 512 * 512 )) $out/initrd
    cat ${boot}/initrd >> $out/initrd
  '';

  path = run "system-path" ''
    mkdir -p $out/bin
    ${busybox} --install -s $out/bin
    # Debian's programs, each with its own libraries.
    for tool in ${tools}/libexec/*; do
      name=$(basename $tool)
      rm -f $out/bin/$name
      printf '#!%s sh\nexec %s --library-path %s --argv0 %s %s "$@"\n' ${busybox} \
        ${tools}/lib/ld-linux-x86-64.so.2 ${tools}/lib $name $tool > $out/bin/$name
      chmod 555 $out/bin/$name
    done
    ln -sf bash $out/bin/sh
  '';

  toplevel = run "nixos-system-${name}-lab" ''
    mkdir -p $out/bin
    ${script "activate"} > $out/activate
    ${script "init"} > $out/init
    ${script "switch-to-configuration"} > $out/bin/switch-to-configuration
    chmod 555 $out/activate $out/init $out/bin/switch-to-configuration
    ln -s ${boot}/kernel $out/kernel
    ln -s ${initrd}/initrd $out/initrd
    ln -s ${path} $out/sw
    ln -s ${boot}/systemd $out/systemd
    cp ${facts} $out/facts
    mkdir $out/etc
    cp ${fstab} $out/etc/fstab
    echo -n "console=tty1 console=ttyS0,115200 quiet loglevel=3 panic=1" > $out/kernel-params
    echo -n "lab" > $out/nixos-version
    echo -n "x86_64-linux" > $out/system
    echo "${name} is ready"
  '';
in
{
  config = {
    inherit fileSystems swapDevices;
    networking.hostName = toml.targetHost;
    console.keyMap = keymap;
    boot.initrd.luks.devices = luksDevices;
    boot.initrd.availableKernelModules = toml.extraInitrdKernelModules or [ ];
    boot.loader.systemd-boot.enable = true;
    boot.loader.efi.efiSysMountPoint = "/boot";
    users.users.${user} = {
      uid = if user == "root" then 0 else toml.targetUid or 1000;
      home = if user == "root" then "/root" else "/home/${user}";
    };
    age.secrets = hostSecrets;
    system.build.toplevel = toplevel;
  };
}
