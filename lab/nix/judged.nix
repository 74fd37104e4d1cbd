# Hosts whose check lab/nix-check builds. Its build succeeds, or fails with these
# words of the program.
{
  # A folder with bin/auto-installer.
  program,
}:
let
  root = ../..;
  nixpkgs = import ./nixpkgs/outputs.nix (import ./lib.nix);
  inherit (nixpkgs) lib;
  evaluate =
    modules:
    (lib.nixosSystem {
      system = "x86_64-linux";
      inherit modules;
    }).config;

  base = {
    targetHost = "demo";
    repoRemote = "https://example.org/nix-config.git";
    labels = {
      efi = "DEMO-EFI";
      root = "DEMO-ROOT";
      luks = "DEMO-LUKS";
      swap = "DEMO-SWAP";
    };
    luks.enable = true;
    swap.enable = true;
    revision = "0123456789abcdef0123456789abcdef01234567";
  };
  # The host's own configuration: what layout.nix makes of base, changed.
  target = changes: {
    config = evaluate [
      (import (root + "/modules/layout.nix") base)
      { boot.loader.systemd-boot.enable = lib.mkDefault true; }
      changes
    ];
  };
  package = {
    type = "derivation";
    name = "auto-installer";
    outPath = "${program}";
  };
  case = settings: says: {
    inherit says;
    inherit
      (
        (evaluate [
          (root + "/modules/installer.nix")
          { autoInstaller = settings // { inherit package; }; }
        ]).autoInstaller.hostFile
      )
      built
      ;
  };
in
{
  fit = case (base // { target = target { }; }) [ ];
  unfitHost = case (lib.recursiveUpdate base { labels.efi = "demo"; keymap = ""; }) [
    "error: keymap: is required, but not set"
    ''labels.efi: "demo" has 'd'; allowed: at most 11 of A-Z 0-9 _ -''
    "hint: correct these 2 options of the host's definition"
  ];
  unfitMedium = case (removeAttrs base [ "revision" ] // { dirtyRevision = "0123456-dirty"; bundle = ./judged.nix; }) [
    "error: revision: the config repo has uncommitted changes (0123456-dirty)"
    "bundle: not an age file"
    "hint: commit and push them"
  ];
  unfitConfiguration =
    case
      (
        base
        // {
          target = target {
            fileSystems."/".device = lib.mkForce "/dev/disk/by-uuid/9";
            boot.loader.systemd-boot.enable = false;
            boot.initrd.luks.devices.data.device = "/dev/sdb1";
          };
        }
      )
      [
        ''warning: boot.initrd.luks.devices."data".device is "/dev/sdb1", which the installer does not make''
        ''error: fileSystems."/".device is "/dev/disk/by-uuid/9"; labels.root makes it /dev/disk/by-label/DEMO-ROOT''
        "the host enables no boot loader"
        ''hint: set fileSystems."/".device = "/dev/disk/by-label/DEMO-ROOT"''
      ];
}
