# The NixOS installer medium of one host: it boots into auto-installer. A host's
# own file imports this and sets autoInstaller from its host.toml:
#
#   { lib, ... }:
#   {
#     imports = [ ../../modules/installer.nix ];
#     autoInstaller = lib.importTOML ./host.toml;
#   }
{
  config,
  lib,
  modulesPath,
  options,
  pkgs,
  ...
}:
let
  cfg = config.autoInstaller;
  host = cfg.settings;

  inherit (lib) getExe mkDefault mkForce mkIf mkMerge optional optionals optionalAttrs;

  facts = import ./contract.nix cfg.target.config;
  toplevel = cfg.target.config.system.build.toplevel;

  kiosk = import ./kiosk.nix { program = getExe cfg.package; };

  # A package by its attribute name, python3Packages.requests.
  packageOf =
    entry:
    if !builtins.isString entry then
      entry
    else
      lib.attrByPath (lib.splitString "." entry) (throw "autoInstaller.extraPackages: nixpkgs has no package ${entry}") pkgs;

  revisionText =
    if cfg.revision != null then
      cfg.revision
    else if cfg.dirtyRevision != null then
      cfg.dirtyRevision
    else
      "";

  # A word of ExecStart (systemd.service(5), COMMAND LINES).
  word = argument: builtins.toJSON (builtins.replaceStrings [ "%" "$" ] [ "%%" "$$" ] argument);

  # The program for the platform that builds the medium.
  judge =
    if pkgs.stdenv.buildPlatform.canExecute pkgs.stdenv.hostPlatform then
      cfg.package
    else
      pkgs.buildPackages.callPackage ./package.nix { };

  # What the program judges of the medium's options (hosts/medium.go).
  mediumFacts = {
    target = cfg.target != null;
    source = cfg.source != null;
    deployKey = cfg.deployPublicKey != null;
    inherit (cfg) revision dirtyRevision bundle unattended;
  };

  isPublicKey = key: builtins.match "((sk-)?(ssh|ecdsa)-[a-z0-9@.-]+) [A-Za-z0-9+/=]+( [^\n]*)?\n?" key != null;
  publicKey = option: keys: {
    assertion = builtins.all isPublicKey keys;
    message = "autoInstaller.${option}: not a public key; allowed: one line of an OpenSSH public key, such as ssh-ed25519 AAAA…";
  };

  # Unattended, the program takes a blank disk or one named by its ID, and refuses
  # a disk with the host on it.
  unattendedArguments = [
    "install"
    "--unattended"
    "--host"
    "/etc/auto-installer/hosts/${cfg.targetHost}"
  ]
  ++ flag "--disk" cfg.unattended.disk
  ++ flag "--passphrase-file" cfg.unattended.passphraseFile
  ++ flag "--bundle-passphrase-file" cfg.unattended.bundlePassphraseFile
  ++ flag "--age-identity" cfg.unattended.ageIdentityFile
  ++ optional cfg.unattended.noAgeIdentity "--no-age-identity";
  flag =
    name: file:
    optionals (file != null) [
      name
      (toString file)
    ];
in
{
  imports = [
    "${modulesPath}/installer/cd-dvd/installation-cd-minimal.nix"
    ./options.nix
  ];

  config = mkMerge [
    {
      # The image depends on this file, so no unfit host gets one.
      autoInstaller.hostFile =
        pkgs.runCommand "host.toml"
          {
            file = (pkgs.formats.toml { }).generate "host.toml" host;
            medium = pkgs.writeText "medium.json" (builtins.toJSON mediumFacts);
            facts = if cfg.target == null then "" else pkgs.writeText "facts.json" (builtins.toJSON facts);
          }
          ''
            ${getExe judge} hosts --medium "$medium" ''${facts:+--facts "$facts"} "$file"
            cp "$file" "$out"
          '';

      # Evaluation refuses these, since the build would be too late: a private key
      # must not reach the store, and a type's message would show it.
      assertions = [
        (publicKey "deployPublicKey" (optional (cfg.deployPublicKey != null) cfg.deployPublicKey))
        (publicKey "authorizedKeys" cfg.authorizedKeys)
      ];

      # --- the program's files on the medium ---
      environment.systemPackages = [ cfg.package ] ++ map packageOf cfg.extraPackages;
      environment.etc =
        let
          folder = "auto-installer/hosts/${cfg.targetHost}";
        in
        {
          "${folder}/host.toml".source = cfg.hostFile;
        }
        // optionalAttrs (cfg.target != null) { "${folder}/contract.json".text = builtins.toJSON facts; }
        // optionalAttrs (cfg.bundle != null) { "${folder}/bundle.age".source = cfg.bundle; };
      isoImage.contents =
        optional (revisionText != "") {
          source = pkgs.writeText "revision" "${revisionText}\n";
          target = "/auto-installer/revision";
        }
        ++ optionals (cfg.prebuilt && cfg.target != null) [
          {
            source = pkgs.writeText "toplevel-${cfg.targetHost}" "${toplevel}\n";
            target = "/auto-installer/toplevel/${cfg.targetHost}";
          }
        ]
        ++ optional (cfg.prebuilt && cfg.source != null) {
          # The program makes a repo of a plain tree.
          source = cfg.source;
          target = "/auto-installer/nix-config";
        };
      isoImage.storeContents = optional (cfg.prebuilt && cfg.target != null) toplevel;

      # --- the image ---
      image.baseName = mkForce "${cfg.targetHost}-installer";
      isoImage.volumeID = builtins.substring 0 32 (lib.toUpper "install-${cfg.targetHost}");
      autoInstaller.medium = import ./medium.nix {
        inherit lib pkgs;
        inherit (cfg) targetHost deployPublicKey;
        image = config.system.build.isoImage;
      };

      # --- the live system ---
      networking.hostName = mkDefault "${builtins.substring 0 53 cfg.targetHost}-installer";
      console.keyMap = mkDefault cfg.keymap;
      # A flake that gives its own pkgs has set their config.
      nixpkgs = mkIf (!options.nixpkgs.pkgs.isDefined) { config.allowUnfree = true; };
      hardware.enableAllFirmware = mkDefault (pkgs.config.allowUnfree or true);
      boot.initrd.kernelModules = cfg.extraInitrdKernelModules;
      # Ctrl+Alt+Del would restart the machine during an install, so it starts an
      # empty target. Ctrl+C in the screens offers a restart; the keys still restart
      # when pressed seven times within 2 s (systemd-system.conf(5),
      # CtrlAltDelBurstAction=).
      systemd.targets.auto-installer-ctrl-alt-del.description = "Ctrl+Alt+Del, which the installer ignores";
      systemd.ctrlAltDelUnit = mkDefault "auto-installer-ctrl-alt-del.target";
      # Kernel messages would go over the screens; the log has them.
      boot.consoleLogLevel = mkDefault 1;
      boot.kernelParams = [
        (if pkgs.stdenv.hostPlatform.isAarch64 then "console=ttyAMA0,115200" else "console=ttyS0,115200")
        "console=tty0" # the last one is /dev/console
      ];
      nix.settings = {
        experimental-features = [
          "nix-command"
          "flakes"
        ];
        inherit (cfg) substituters;
        trusted-public-keys = cfg.trustedPublicKeys;
      };
      services.openssh.enable = true;
      users.users.root.openssh.authorizedKeys.keys = cfg.authorizedKeys;
      services.getty = {
        autologinUser = mkForce "root";
        # agetty's own escapes begin with a backslash.
        greetingLine = mkForce "${
          builtins.replaceStrings [ "\\" ] [ "\\\\" ] cfg.bannerText
        }\nInstaller for the NixOS host ${cfg.targetHost}";
        helpLine = mkForce (
          if cfg.kiosk.enable then
            "The installer is on tty1, its log on tty3; `auto-installer` starts it here too."
          else
            "`auto-installer` starts the installer."
        );
      };
    }

    (mkIf cfg.kiosk.enable {
      boot.kernelParams = kiosk.kernelParams;
      systemd.services = {
        auto-installer = kiosk.service;
        auto-installer-rescue = kiosk.rescue;
        auto-installer-log = kiosk.log;
        auto-installer-starting = kiosk.says "/run/current-system/sw/bin/echo" "Starting the installer...";
        "serial-getty@" = lib.recursiveUpdate kiosk.serial {
          serviceConfig.ExecStart = mkForce kiosk.serial.serviceConfig.ExecStart;
        };
      }
      // lib.genAttrs kiosk.autovt (_: {
        enable = false;
      });
    })

    (mkIf (cfg.kiosk.enable && config.boot.initrd.systemd.enable) {
      boot.initrd.systemd.services.auto-installer-loading = kiosk.says "/bin/echo" "Loading the system from the installer medium...";
    })

    (mkIf cfg.unattended.enable {
      systemd.services.auto-installer-unattended = {
        description = "Unattended install of ${cfg.targetHost}";
        wantedBy = [ "multi-user.target" ];
        wants = optional (!cfg.prebuilt) "network-online.target";
        after = optional (!cfg.prebuilt) "network-online.target";
        # The screens follow it once it runs.
        before = [ "auto-installer.service" ];
        restartIfChanged = false;
        path = [
          "/run/wrappers"
          "/run/current-system/sw"
        ];
        environment.HOME = "/root";
        serviceConfig = {
          Type = "exec";
          ExecStart = "${getExe cfg.package} ${lib.concatMapStringsSep " " word unattendedArguments}";
          StandardOutput = "journal";
          KillMode = "mixed";
          TasksMax = "infinity";
          OOMPolicy = "continue";
        };
      };
    })

    (mkIf (cfg.extraBootCommands != "" && config.boot.initrd.systemd.enable) {
      boot.initrd.systemd.services.auto-installer-boot-commands = {
        description = "Boot commands of the installer for ${cfg.targetHost}";
        wantedBy = [ "initrd.target" ];
        before = [
          "initrd.target"
          "shutdown.target"
        ];
        conflicts = [ "shutdown.target" ];
        after = [
          "systemd-modules-load.service"
          "systemd-udev-trigger.service"
        ];
        unitConfig.DefaultDependencies = false;
        serviceConfig.Type = "oneshot";
        script = ''
          udevadm settle --timeout=10 || true
          ${cfg.extraBootCommands}
        '';
      };
    })
    (mkIf (cfg.extraBootCommands != "" && !config.boot.initrd.systemd.enable) {
      boot.initrd.postDeviceCommands = cfg.extraBootCommands;
    })
  ];
}
