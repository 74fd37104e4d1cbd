# The cases of lab/nix-check beside those that Go has too.
{
  lib,
  pkgs,
  root,
  installer,
  evaluate,
}:
let
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
  where = "nixosConfigurations.demo";
in
{
  messages = [
    # --- the label contract ---
    (says "a host that fits" (on base { }) [ ])
    (says "a host with LUKS that fits" (on luks { }) [ ])
    (says "a host with swap that fits" (on swap { }) [ ])
    (says "a host with both that fits" (on both { }) [ ])
    (says "root by partition label" (on base { fileSystems."/".device = force "/dev/disk/by-partlabel/DEMO-ROOT"; }) [ ])
    (says "root by UUID" (on base { fileSystems."/".device = force "/dev/disk/by-uuid/8a2f"; }) [
      ''labels.root is "DEMO-ROOT", but ${where} mounts / from "/dev/disk/by-uuid/8a2f"; set fileSystems."/".device = "/dev/disk/by-label/DEMO-ROOT", or change labels.root''
    ])
    (says "no root" (base // { target.config = { }; }) [
      ''labels.root is "DEMO-ROOT", but ${where} has no fileSystems."/"; add one with device = "/dev/disk/by-label/DEMO-ROOT"''
      ''labels.efi is "DEMO-EFI", but ${where} has no fileSystems."/boot"; add one with device = "/dev/disk/by-label/DEMO-EFI"''
    ])
    (says "root of another type" (on base { fileSystems."/".fsType = force "btrfs"; }) [
      ''labels.root is made as ext4, but ${where} mounts / as btrfs; set fileSystems."/".fsType = "ext4"''
    ])
    (says "another ESP" (on base { fileSystems."/boot".device = force "/dev/disk/by-label/EFI"; }) [
      ''labels.efi is "DEMO-EFI", but ${where} mounts /boot from "/dev/disk/by-label/EFI"; set fileSystems."/boot".device = "/dev/disk/by-label/DEMO-EFI", or change labels.efi''
    ])
    (says "another mapper" (on luks { boot.initrd.luks.devices = force { crypt.device = "/dev/disk/by-partlabel/DEMO-LUKS"; }; }) [
      ''luks.mapperName is "cryptroot", but ${where} opens "crypt"; name it boot.initrd.luks.devices.cryptroot, or change luks.mapperName''
    ])
    (says "no container" (on luks { boot.initrd.luks.devices = force { }; }) [
      ''luks.mapperName is "cryptroot", but ${where} opens no LUKS container; name it boot.initrd.luks.devices.cryptroot, or change luks.mapperName''
    ])
    (says "another container"
      (on luks { boot.initrd.luks.devices = force { cryptroot.device = "/dev/disk/by-uuid/7b"; }; })
      [
        ''labels.luks is "DEMO-LUKS", but ${where} opens "cryptroot" from "/dev/disk/by-uuid/7b"; set boot.initrd.luks.devices.cryptroot.device = "/dev/disk/by-partlabel/DEMO-LUKS", or change labels.luks''
      ]
    )
    (says "a container that nobody makes" (on base { boot.initrd.luks.devices.crypt.device = "/dev/sda2"; }) [
      ''luks.enable is false, but ${where} opens "crypt"; set luks.enable, or remove boot.initrd.luks.devices''
    ])
    (says "LUKS under a root without" (on luks { fileSystems."/".device = force "/dev/disk/by-partlabel/DEMO-ROOT"; }) [
      ''labels.root is "DEMO-ROOT", but ${where} mounts / from "/dev/disk/by-partlabel/DEMO-ROOT"; set fileSystems."/".device = "/dev/mapper/cryptroot", or change labels.root''
    ])
    (says "no swap" (on swap { swapDevices = force [ ]; }) [
      ''labels.swap is "DEMO-SWAP", but ${where} has no swapDevices; set swapDevices = [ { device = "/dev/disk/by-label/DEMO-SWAP"; } ], or change labels.swap''
    ])
    (says "another swap" (on swap { swapDevices = force [ { device = "/dev/sda3"; } ]; }) [
      ''labels.swap is "DEMO-SWAP", but ${where} swaps on "/dev/sda3"; set swapDevices = [ { device = "/dev/disk/by-label/DEMO-SWAP"; } ], or change labels.swap''
    ])
    (says "swap that nobody makes" (on base { swapDevices = [ { device = "/dev/sda3"; } ]; }) [
      ''swap.enable is false, but ${where} swaps on "/dev/sda3"; set swap.enable, or remove it from swapDevices''
    ])
    (says "a swap file" (on base { swapDevices = [ { device = "/var/swap"; } ]; }) [ ])
    (says "swap in the clear beside LUKS"
      (on both { swapDevices = force [ { device = "/dev/disk/by-partlabel/DEMO-SWAP"; } ]; })
      [
        ''swap.enable leaves swap beside LUKS for a random key, but ${where} uses it in the clear; set swapDevices = [ { device = "/dev/disk/by-partlabel/DEMO-SWAP"; randomEncryption.enable = true; } ]''
      ]
    )
    (says "another keymap" (on base { console.keyMap = force "de"; }) [
      ''keymap is "us", but ${where} has console.keyMap = "de"; make them the same, or the passphrase may not be typable at boot''
    ])

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
      ''unattended.passphraseFile: is in the Nix store, which everyone can read and which goes onto the medium; name, as a string, a file that the running medium will have, such as "/run/keys/passphrase"''
    ])
    (says "a passphrase in the store" (luks // { unattended = { enable = true; passphraseFile = "/nix/store/x-passphrase"; }; }) [
      ''unattended.passphraseFile: is in the Nix store, which everyone can read and which goes onto the medium; name, as a string, a file that the running medium will have, such as "/run/keys/passphrase"''
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
    (says "unattended that fits" (luks // { unattended = { enable = true; disk = "/dev/disk/by-id/nvme-x"; passphraseFile = "/run/p"; }; }) [ ])
  ];

  values = [ ];
  others = [ ];
  errors = { };
}
