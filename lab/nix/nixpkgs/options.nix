# The options of NixOS that the project's modules set, by their real names and
# types, so that a misspelt name or a value of the wrong type fails here too.
{ lib, config, ... }:
let
  inherit (lib) mkOption types;
  option = type: default: mkOption { inherit type default; };
  optional = type: option (types.nullOr type) null;
  bool = option types.bool false;
  lines = option types.lines "";
  strings = option (types.listOf types.str) [ ];
  packages = option (types.listOf types.package) [ ];
  # Values of unit files: text, numbers, switches, or lists of these.
  unitValue =
    let
      atom = types.oneOf [
        types.bool
        types.int
        types.str
        types.path
      ];
    in
    types.either atom (types.listOf atom);
  unitSection = option (types.attrsOf unitValue) { };
  service = types.submodule {
    options = {
      enable = option types.bool true;
      description = option types.str "";
      wantedBy = strings;
      requiredBy = strings;
      wants = strings;
      requires = strings;
      after = strings;
      before = strings;
      conflicts = strings;
      aliases = strings;
      environment = option (types.attrsOf (types.nullOr (types.either types.str types.path))) { };
      path = option (types.listOf (types.either types.package types.str)) [ ];
      script = lines;
      restartIfChanged = option types.bool true;
      unitConfig = unitSection;
      serviceConfig = unitSection;
    };
  };
  file = types.submodule {
    options = {
      source = optional types.path;
      text = optional types.lines;
      mode = option types.str "symlink";
    };
  };
  contents = types.submodule {
    options = {
      source = mkOption { type = types.path; };
      target = mkOption { type = types.str; };
    };
  };
in
{
  options = {
    assertions = option (types.listOf types.unspecified) [ ];
    warnings = strings;
    boot = {
      consoleLogLevel = option types.int 4;
      kernelParams = strings;
      initrd = {
        kernelModules = strings;
        availableKernelModules = strings;
        postDeviceCommands = lines;
        luks.devices = option (types.attrsOf (
          types.submodule {
            options = {
              device = mkOption { type = types.str; };
              keyFile = optional types.str;
              header = optional types.str;
              allowDiscards = bool;
            };
          }
        )) { };
        systemd = {
          enable = option types.bool true;
          services = option (types.attrsOf service) { };
        };
      };
      loader = {
        systemd-boot.enable = bool;
        grub = {
          enable = bool;
          efiSupport = bool;
          efiInstallAsRemovable = bool;
          device = option types.str "";
          devices = strings;
          mirroredBoots = option (types.listOf (
            types.submodule {
              options = {
                path = mkOption { type = types.str; };
                devices = strings;
              };
            }
          )) [ ];
        };
        limine = {
          enable = bool;
          efiSupport = option types.bool true;
          biosSupport = bool;
          biosDevice = option types.str "nodev";
        };
        efi.canTouchEfiVariables = bool;
        efi.efiSysMountPoint = option types.str "/boot";
      };
    };
    console.keyMap = option (types.either types.str types.path) "us";
    environment = {
      etc = option (types.attrsOf file) { };
      systemPackages = packages;
    };
    fileSystems = option (types.attrsOf (
      types.submodule {
        options = {
          device = optional types.str;
          fsType = option types.str "auto";
          options = option (types.listOf types.str) [ "defaults" ];
        };
      }
    )) { };
    swapDevices = option (types.listOf (
      types.submodule {
        options = {
          device = option types.str "";
          randomEncryption.enable = bool;
        };
      }
    )) [ ];
    hardware.enableAllFirmware = bool;
    image.baseName = option types.str "nixos";
    isoImage = {
      contents = option (types.listOf contents) [ ];
      storeContents = packages;
      volumeID = option types.str "nixos";
    };
    networking.hostName = option (types.strMatching "^$|^[[:alnum:]]([[:alnum:]_-]{0,61}[[:alnum:]])?$") "nixos";
    networking.networkmanager.enable = bool;
    nix.settings = {
      experimental-features = strings;
      substituters = strings;
      trusted-public-keys = strings;
    };
    nixpkgs.config = option (types.attrsOf types.raw) { };
    services = {
      getty = {
        autologinUser = optional types.str;
        greetingLine = option types.str "";
        helpLine = lines;
      };
      hardware.bolt.enable = bool;
      openssh.enable = bool;
    };
    system = {
      activationScripts = option (types.attrsOf (
        types.submodule {
          options = {
            deps = strings;
            text = mkOption { type = types.lines; };
          };
        }
      )) { };
      build = option (types.attrsOf types.raw) { };
      stateVersion = option types.str "26.05";
    };
    systemd = {
      ctrlAltDelUnit = option types.str "reboot.target";
      services = option (types.attrsOf service) { };
      targets = option (types.attrsOf (types.submodule { options.description = option types.str ""; })) { };
    };
    users.users = option (types.attrsOf (
      types.submodule {
        options = {
          uid = optional types.int;
          # NixOS derives it from isNormalUser and the name.
          home = option types.str "";
          isNormalUser = bool;
          extraGroups = strings;
          initialPassword = optional types.str;
          openssh.authorizedKeys.keys = strings;
        };
      }
    )) { };
  };

  # Like NixOS, refuse to build with a failed assertion.
  config.system.build =
    let
      failed = map (a: a.message) (builtins.filter (a: !a.assertion) config.assertions);
      checked =
        name:
        if failed != [ ] then
          throw "\nFailed assertions:\n${lib.concatMapStringsSep "\n" (m: "- ${m}") failed}"
        else
          lib.foldl' (value: warning: builtins.trace "warning: ${warning}" value) {
            type = "derivation";
            inherit name;
            outPath = "/nix/store/00000000000000000000000000000000-${name}";
            drvPath = "/nix/store/00000000000000000000000000000000-${name}.drv";
          } config.warnings;
    in
    {
      toplevel = checked "nixos-system-${config.networking.hostName}";
      isoImage = checked "${config.image.baseName}.iso";
    };
}
