# The options of an installer medium, and their types. Those of hostOptions are
# the keys of host.toml, with the names, types and defaults of hosts/host.go; the
# program reads them on the medium. The others are about the medium. The program
# checks the values in the build (hosts/).
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) literalExpression mkOption types;

  text = default: description: mkOption {
    type = types.str;
    inherit default description;
  };
  required = description: mkOption {
    type = types.str;
    inherit description;
  };
  switch = default: description: mkOption {
    type = types.bool;
    inherit default description;
  };
  lines = description: mkOption {
    type = types.lines;
    default = "";
    inherit description;
  };
  list = type: description: mkOption {
    type = types.listOf type;
    default = [ ];
    inherit description;
  };
  number = default: description: mkOption {
    type = types.int;
    inherit default description;
  };
  optional = type: description: mkOption {
    type = types.nullOr type;
    default = null;
    inherit description;
  };

  # Everyone can read the store, and Nix copies paths of the flake into it. This is
  # a type since the build would be too late.
  secretPath =
    types.addCheck types.str (file: lib.hasPrefix "/" file && !lib.hasPrefix "${builtins.storeDir}/" file)
    // {
      description = "string that is an absolute path outside the Nix store";
    };
  secretFile =
    what:
    mkOption {
      type = types.nullOr secretPath;
      default = null;
      example = "/run/keys/secret";
      description = ''
        File with ${what}, on the running medium: put there by a second stick, for
        instance, and readable by root alone. Never a file of the Nix store.
      '';
    };

  hostOptions = {
    targetHost = required "Name in `nixosConfigurations` to install.";
    prebuilt = switch false ''
      Put the whole system of the host on the medium and install that, offline,
      instead of building it from the flake on the target. Needs `target`.
    '';
    labels = {
      efi = required "Label of the ESP, also its partition's name: at most 11 of `A-Z 0-9 _ -`.";
      root = required "Label of the root filesystem, also its partition's name unless there is LUKS.";
      luks = text "" "Label of the LUKS container, also its partition's name. Set if and only if `luks.enable`.";
      swap = text "" "Label of the swap, also its partition's name. Set if and only if `swap.enable`.";
    };
    luks = {
      enable = switch false "Put the root filesystem into a LUKS2 container.";
      mapperName = text "cryptroot" "Name of the opened container in `/dev/mapper`.";
    };
    swap = {
      enable = switch false ''
        Make a swap partition at the end of the disk. Beside LUKS it is left
        unformatted, for `swapDevices.*.randomEncryption`.
      '';
      size = text "8G" "Size of the swap partition: a whole number with K, M, G, T or P (1024-based).";
    };
    extraMountDirs = list types.str "Folders to make below `/mnt` after mounting: `persist` or `/mnt/persist`.";
    extraPostMountCommands = list types.str "Shell commands to run, in order, once all is mounted at `/mnt`.";
    repoRemote = text "" "Git URL of the config repo. Required unless `prebuilt`. A run-time `REPO_REMOTE` wins.";
    repoRef = text "" ''
      Branch, tag or commit to install. Empty means `revision`, the one that
      the medium was built from; if that is not known, the remote's HEAD.
    '';
    repoClonePath = text "/mnt/nix-config" "Where the config repo is cloned to, below `/mnt`.";
    powerOff = switch true "Power off at the end rather than reboot.";
    extraInitrdKernelModules = list types.str "Kernel modules to load in the medium's initrd.";
    extraPackages = mkOption {
      type = types.listOf (types.either types.str types.package);
      default = [ ];
      example = literalExpression ''[ "bolt" pkgs.smartmontools ]'';
      description = "Packages to put on the medium, as attribute names of nixpkgs or as packages.";
    };
    extraBootCommands = lines ''
      Shell commands for the medium's initrd, run once its devices are there:
      a service of a systemd initrd, `postDeviceCommands` of a scripted one.
    '';
    bannerText = lines "Lines above the first screen, at most 132 columns wide; a narrower console shows their left part.";
    targetUser = text "" "User who gets the deploy key and owns the clone in their home. May be empty.";
    targetUid = number 1000 "Numeric user ID of `targetUser`.";
    targetGid = number 100 "Numeric group ID of `targetUser`.";
    keymap = text "us" "Console keymap, in which the LUKS passphrase is typed too.";
  };

  mediumOptions = {
    package = mkOption {
      type = types.package;
      default = pkgs.callPackage ./package.nix { };
      defaultText = literalExpression "auto-installer.packages.\${system}.auto-installer";
      description = "The installer itself.";
    };
    target = mkOption {
      type = types.nullOr types.raw;
      default = null;
      example = literalExpression "self.nixosConfigurations.ultraviolet";
      description = ''
        The host's own configuration, as it stands in `nixosConfigurations`. The
        build of the medium compares it with the options above; `prebuilt` puts its
        system on the medium.
      '';
    };
    source = mkOption {
      type = types.nullOr types.path;
      default = null;
      example = literalExpression "self";
      description = ''
        The config repo's source. A prebuilt medium carries it, and the target clones
        nothing over the network. Either a plain tree, which becomes a repo of one
        commit, or a git repo with its history.
      '';
    };
    revision = optional types.str "Commit that `source` is at, as `self.rev` has it: what an install without `repoRef` checks out.";
    dirtyRevision = optional types.str ''
      Name of a `source` with uncommitted changes, as `self.dirtyRev` has it. Only
      a prebuilt medium can be made of one, since no clone would have the changes.
    '';
    bundle = optional types.path ''
      The host's sealed bundle, `hosts/<name>/bundle.age`: its age identity and
      deploy key, encrypted, as `auto-installer new-host` makes it.
    '';
    deployPublicKey = optional types.str "Public half of the deploy key, printed when the medium is built.";
    authorizedKeys = list types.str "SSH public keys that may log in to the medium as root.";
    substituters = list types.str "Further binary caches, for the installer's own nix.";
    trustedPublicKeys = list types.str "Public keys of these caches.";
    kiosk.enable = switch true ''
      Start the installer on tty1 and on the serial consoles, and again whenever
      it ends. tty2 is a root shell, tty3 shows the log.
    '';
    unattended = {
      enable = switch false ''
        Install at once when the medium has booted, without any question.
        EVERYTHING ON THE DISK IS LOST. A disk is taken only if it is blank or named
        by `unattended.disk`, and does not hold the host already.
      '';
      disk = mkOption {
        type = types.nullOr (types.strMatching "/dev/disk/by-id/.+");
        default = null;
        example = "/dev/disk/by-id/nvme-Samsung_SSD_980_1TB_S64ENX0T123456";
        description = ''
          The disk to install to, by its name in `/dev/disk/by-id`: any other name may
          be another disk's after the next boot. Null: the blank one that
          `auto-installer disks` ranks first; if two rank the same, the installer
          refuses.
        '';
      };
      passphraseFile = secretFile "the LUKS passphrase";
      bundlePassphraseFile = secretFile "the passphrase of `bundle`, for the age identity and the deploy key in it";
      ageIdentityFile = secretFile "the host's age identity, in place of `bundle`";
      noAgeIdentity = switch false ''
        Do not wait for an age identity where none was given. The host cannot open
        its secrets until it has one.
      '';
    };
    settings = mkOption {
      type = types.attrs;
      internal = true;
      readOnly = true;
      description = "The values of host.toml.";
    };
    hostFile = mkOption {
      type = types.package;
      internal = true;
      readOnly = true;
      description = "host.toml. Its build fails with the program's words if anything of the host or its medium is wrong.";
    };
    medium = mkOption {
      type = types.package;
      internal = true;
      readOnly = true;
      description = "The image in `iso/`, with its checksum; its build log has the deploy key.";
    };
  };

  # The values of the options that hostOptions declares, and of no other.
  pick = options: values: builtins.mapAttrs (
    name: option: if option._type or "" == "option" then values.${name} else pick option values.${name}
  ) options;
in
{
  options.autoInstaller = hostOptions // mediumOptions;

  config.autoInstaller.settings =
    let
      cfg = config.autoInstaller;
    in
    pick hostOptions cfg
    // {
      # The program checks names; it has no use for a package.
      extraPackages = builtins.filter builtins.isString cfg.extraPackages;
    };
}
