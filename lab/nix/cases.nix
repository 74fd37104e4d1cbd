# The cases of lab/nix-check. The rules for hosts are the program's, with tests in
# Go.
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
  # A host's own configuration: what layout.nix makes of the options, changed.
  targetOf = settings: changes: {
    config = evaluate [
      (import (root + "/modules/layout.nix") settings)
      { boot.loader.systemd-boot.enable = lib.mkDefault true; }
      changes
    ];
  };
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
  gives = name: set: of: is: { inherit name set of is; };
  same = got: want: if got == want then true else "got ${toJSON got}, want ${toJSON want}";
  storeName = name: "/nix/store/00000000000000000000000000000000-${name}";
  long = "a-name-that-is-as-long-as-the-name-of-a-host-may-be-at-the-most";
  prebuilt = base // {
    prebuilt = true;
    source = "/nix/store/source";
    target = targetOf base { };
    bundle = "/nix/store/bundle.age";
  };

  # The module renders host.toml as it is.
  hostNames = builtins.filter (name: builtins.pathExists (root + "/hosts/${name}/host.toml")) (
    attrNames (builtins.readDir (root + "/hosts"))
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
      same (fromTOML file.env.file.text) (recursiveUpdate defaults toml);
  };

  # Forces every value.
  unattended =
    set:
    let
      value = (installer (base // { unattended = set; })).autoInstaller.unattended;
    in
    builtins.deepSeq value value;

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
    (says "a private deploy key" (base // { deployPublicKey = "-----BEGIN OPENSSH PRIVATE KEY-----"; }) [
      "deployPublicKey: not a public key; allowed: one line of an OpenSSH public key, such as ssh-ed25519 AAAA…"
    ])
    (says "a login key that is no key" (base // { authorizedKeys = [ "ssh-ed25519 AAAAC3Nz me" "nonsense" ]; }) [
      "authorizedKeys: not a public key; allowed: one line of an OpenSSH public key, such as ssh-ed25519 AAAA…"
    ])
    (says "public keys" (base // { authorizedKeys = [ "ssh-ed25519 AAAAC3Nz me" ]; deployPublicKey = "ssh-ed25519 AAAAC3Nz demo\n"; }) [ ])
  ];

  values = [
    (gives "the consoles are the installer's" base (c: {
      program = c.systemd.services.auto-installer.serviceConfig.ExecStart;
      tty = c.systemd.services.auto-installer.serviceConfig.TTYPath;
      wanted = c.systemd.services.auto-installer.wantedBy;
      serial = length c.systemd.services."serial-getty@".serviceConfig.ExecStart;
      rescue = c.systemd.services.auto-installer-rescue.serviceConfig.TTYPath;
      log = c.systemd.services.auto-installer-log.serviceConfig.TTYPath;
      first = map (s: s.serviceConfig.ExecStart) [ c.boot.initrd.systemd.services.auto-installer-loading c.systemd.services.auto-installer-starting ];
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
      first = [
        ''"/bin/echo" "Loading the system from the installer medium..."''
        ''"/run/current-system/sw/bin/echo" "Starting the installer..."''
      ];
      logins = [ false false false ];
      quiet = 1;
      autologinUser = "root";
    })
    (gives "without the kiosk there are logins" (base // { kiosk.enable = false; }) (c: {
      services = attrNames c.systemd.services ++ attrNames c.boot.initrd.systemd.services;
      login = c.services.getty.autologinUser;
      help = c.services.getty.helpLine;
    }) {
      services = [ "serial-getty@" ];
      login = "root";
      help = "`auto-installer` starts the installer.";
    })
    (gives "Ctrl+Alt+Del does not restart" (base // { kiosk.enable = false; }) (c: {
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
    (gives "an unattended install without a disk" (base // { unattended.enable = true; }) (c:
      lib.hasSuffix ''"/etc/auto-installer/hosts/demo"'' c.systemd.services.auto-installer-unattended.serviceConfig.ExecStart
    ) true)
    (gives "no unattended install by default" base (c: c.systemd.services ? auto-installer-unattended) false)

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
    (gives "what the program judges of a medium" (
      on luks { } // {
        bundle = "/nix/store/bundle.age";
        deployPublicKey = "ssh-ed25519 AAAAC3Nz demo";
        unattended = { enable = true; passphraseFile = "/run/keys/luks"; };
      }
    ) (c: {
      medium = fromJSON c.autoInstaller.hostFile.env.medium.text;
      facts = fromJSON c.autoInstaller.hostFile.env.facts.text == import (root + "/modules/contract.nix") (targetOf luks { }).config;
    }) {
      medium = {
        target = true;
        source = false;
        inherit (base) revision;
        dirtyRevision = null;
        bundle = "/nix/store/bundle.age";
        deployKey = true;
        unattended = {
          enable = true;
          disk = null;
          passphraseFile = "/run/keys/luks";
          bundlePassphraseFile = null;
          ageIdentityFile = null;
          noAgeIdentity = false;
        };
      };
      facts = true;
    })
    (gives "no facts without a target" base (c: c.autoInstaller.hostFile.env.facts) "")

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
    (gives "no boot commands, no service" base (c: attrNames c.boot.initrd.systemd.services) [ "auto-installer-loading" ])
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
      # To agetty, a backslash begins an escape.
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
    (gives "no key logs in over the network by default" base (c: c.users.users.root.openssh.authorizedKeys.keys) [ ])
    (gives "the build log has the deploy key" (on base { } // { deployPublicKey = "ssh-ed25519 AAAAC3Nz demo-installer\n"; }) (c: {
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
      name = "a cross build runs the program of the build platform";
      check =
        let
          cross = pkgs // {
            stdenv = pkgs.stdenv // {
              buildPlatform.canExecute = _: false;
            };
            buildPackages.callPackage = _: _: {
              type = "derivation";
              outPath = "/program-of-the-build-platform";
              meta.mainProgram = "auto-installer";
            };
          };
          c = lib.nixosSystem {
            system = "aarch64-linux";
            specialArgs.pkgs = cross;
            modules = [
              (root + "/modules/installer.nix")
              { autoInstaller = base; }
            ];
          };
        in
        lib.hasInfix "/program-of-the-build-platform" c.config.autoInstaller.hostFile.script;
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

  # Each stops the evaluation, with these words of nix.
  errors = {
    passphraseOfFlake = {
      value = unattended { passphraseFile = root + "/LICENSE"; };
      says = "not of type `null or string that is an absolute path outside the Nix store'";
    };
    passphraseInStore = {
      value = unattended { passphraseFile = "/nix/store/x-passphrase"; };
      says = "not of type `null or string that is an absolute path outside the Nix store'";
    };
    relativePassphrase = {
      value = unattended { passphraseFile = "passphrase"; };
      says = "not of type `null or string that is an absolute path outside the Nix store'";
    };
    diskByKernelName = {
      value = unattended { disk = "/dev/sda"; };
      says = "not of type `null or string matching the pattern /dev/disk/by-id/.+'";
    };
    missing = {
      value = (installer (removeAttrs base [ "targetHost" ])).autoInstaller.hostFile.env.file.text;
      says = "The option `autoInstaller.targetHost' was accessed but has no value defined. Try setting the option.";
    };
    type = {
      value = (installer (base // { targetHost = 1; })).autoInstaller.hostFile.env.file.text;
      says = "A definition for option `autoInstaller.targetHost' is not of type `string'.";
    };
    unknown = {
      value = (installer (base // { targetHots = "demo"; })).autoInstaller.hostFile.env.file.text;
      says = "The option `autoInstaller.targetHots' does not exist.";
    };
    package = {
      value = map (p: p.name) (installer (base // { extraPackages = [ "no-such" ]; })).environment.systemPackages;
      says = "autoInstaller.extraPackages: nixpkgs has no package no-such";
    };
    privateKey = {
      value = (installer (base // { deployPublicKey = "nonsense"; })).system.build.isoImage.name;
      says = "- autoInstaller.deployPublicKey: not a public key";
    };
  };
}
