# Cases of modules/contract.nix: a configuration, and the facts that it decides. A
# failed case shows what it got.
let
  contract = import ../../modules/contract.nix;
  absent = contract { };
  cases = [
    {
      name = "an empty configuration";
      is = absent;
      want = {
        hostName = null;
        fileSystems = { };
        neededForBoot = [ ];
        swapDevices = [ ];
        luksDevices = { };
        crypttab = [ ];
        resumeDevice = "";
        keymap = null;
        loader = {
          systemdBoot = false;
          lanzaboote = false;
          limine = false;
          limineEfiSupport = true;
          limineBiosDevice = null;
          refind = false;
          extlinux = false;
          external = false;
          grub = {
            enable = false;
            efiSupport = false;
            efiInstallAsRemovable = false;
            devices = [ ];
          };
          efiSysMountPoint = "/boot";
          canTouchEfiVariables = false;
        };
        initrd = {
          systemd = false;
          availableKernelModules = [ ];
          kernelModules = [ ];
        };
        secrets = null;
        ageIdentityPaths = null;
        users = { };
        disko = false;
      };
    }
    {
      name = "file systems by device and by label";
      is =
        (contract {
          fileSystems."/" = {
            device = null;
            label = "ROOT";
            fsType = "ext4";
            options = [ "defaults" ];
          };
          fileSystems.esp = {
            mountPoint = "/boot";
            device = "/dev/disk/by-label/EFI";
          };
          fileSystems."/none" = { };
        }).fileSystems;
      want = {
        "/" = {
          device = "/dev/disk/by-label/ROOT";
          fsType = "ext4";
          options = [ "defaults" ];
        };
        "/boot" = {
          device = "/dev/disk/by-label/EFI";
          fsType = "auto";
          options = [ ];
        };
        "/none" = {
          device = null;
          fsType = "auto";
          options = [ ];
        };
      };
    }
    {
      name = "swap, whose label has no default in NixOS";
      is =
        (contract {
          swapDevices = [
            {
              device = "/dev/disk/by-label/SWAP";
              label = throw "accessed but has no value defined";
              randomEncryption.enable = true;
            }
            {
              device = "/swapfile";
              options = [ "nofail" ];
              randomEncryption = false;
            }
            { label = "S"; }
          ];
        }).swapDevices;
      want = [
        {
          device = "/dev/disk/by-label/SWAP";
          options = [ ];
          randomEncryption = true;
        }
        {
          device = "/swapfile";
          options = [ "nofail" ];
          randomEncryption = false;
        }
        {
          device = "/dev/disk/by-label/S";
          options = [ ];
          randomEncryption = false;
        }
      ];
    }
    {
      name = "what else the initrd mounts";
      is =
        (contract {
          fileSystems."/".neededForBoot = false;
          fileSystems.persist = {
            mountPoint = "/persist";
            neededForBoot = true;
          };
        }).neededForBoot;
      want = [ "/persist" ];
    }
    {
      name = "containers that crypttab opens";
      is =
        (contract {
          environment.etc.crypttab.text = "# a comment\n\ndata UUID=7 /key\n  more\t/dev/sdb - nofail\n";
        }).crypttab;
      want = [
        "data"
        "more"
      ];
    }
    {
      name = "no crypttab";
      is = (contract { environment.etc.crypttab.text = null; }).crypttab;
      want = [ ];
    }
    {
      name = "disko, where it defines file systems";
      is =
        map (d: (contract { disko = d; }).disko) [
          { devices.disk.main = throw "not looked at"; }
          { devices.nodev."/" = throw "not looked at"; }
          {
            devices.disk = { };
            devices.nodev = { };
          }
          {
            enableConfig = false;
            devices.disk.main = throw "not looked at";
          }
        ];
      want = [
        true
        true
        false
        false
      ];
    }
    {
      name = "LUKS";
      is =
        (contract {
          boot.initrd.luks.devices.crypt = {
            device = "/dev/disk/by-partlabel/L";
            keyFile = null;
            header = ./contract-cases.nix;
          };
        }).luksDevices;
      want.crypt = {
        device = "/dev/disk/by-partlabel/L";
        keyFile = null;
        header = toString ./contract-cases.nix;
      };
    }
    {
      name = "a keymap by name";
      is = (contract { console.keyMap = "de"; }).keymap;
      want = "de";
    }
    {
      name = "a keymap that Nix makes";
      is = (contract { console.keyMap.outPath = "/nix/store/x-keymap"; }).keymap;
      want = "/nix/store/x-keymap";
    }
    {
      name = "no console";
      is =
        (contract {
          console.enable = false;
          console.keyMap = "de";
        }).keymap;
      want = "us";
    }
    {
      name = "GRUB on mirrored disks";
      is =
        (contract {
          boot.loader.grub = {
            devices = [ "nodev" ];
            mirroredBoots = [
              {
                path = "/boot";
                devices = [ "nodev" ];
              }
              {
                path = "/boot2";
                devices = [ "/dev/sdb" ];
              }
            ];
          };
        }).loader.grub.devices;
      want = [
        "nodev"
        "/dev/sdb"
      ];
    }
    {
      name = "Limine for BIOS";
      is =
        (contract {
          boot.loader.limine = {
            efiSupport = false;
            biosSupport = true;
            biosDevice = "/dev/sda";
          };
        }).loader.limineBiosDevice;
      want = "/dev/sda";
    }
    {
      name = "GRUB with one device";
      is =
        (contract {
          boot.loader.grub = {
            enable = true;
            device = "nodev";
            devices = [ ];
          };
        }).loader.grub;
      want = {
        enable = true;
        efiSupport = false;
        efiInstallAsRemovable = false;
        devices = [ "nodev" ];
      };
    }
    {
      name = "initrd modules as a list and as a set";
      is = map (m: (contract { boot.initrd.availableKernelModules = m; }).initrd.availableKernelModules) [
        [ "nvme" ]
        {
          nvme = true;
          ahci = false;
        }
      ];
      want = [
        [ "nvme" ]
        [ "nvme" ]
      ];
    }
    {
      name = "secrets, by their files alone";
      is =
        (contract {
          age.secrets.wifi = {
            file = "${builtins.storeDir}/0123456789abcdfghijklmnpqrsvwxyz-source/secrets/wifi.age";
            path = throw "not looked at";
          };
          age.secrets.local.file = ./contract-cases.nix;
          age.secrets.rooted.file = "/mnt${builtins.storeDir}/0123456789abcdfghijklmnpqrsvwxyz-source/a.age";
        }).secrets;
      want = [
        {
          name = "local";
          file = toString ./contract-cases.nix;
          inSource =
            let
              m = builtins.match ".*${builtins.storeDir}/[^/]+/(.+)" (toString ./contract-cases.nix);
            in
            if m == null then null else builtins.head m;
        }
        {
          name = "rooted";
          file = "/mnt${builtins.storeDir}/0123456789abcdfghijklmnpqrsvwxyz-source/a.age";
          inSource = "a.age";
        }
        {
          name = "wifi";
          file = "${builtins.storeDir}/0123456789abcdfghijklmnpqrsvwxyz-source/secrets/wifi.age";
          inSource = "secrets/wifi.age";
        }
      ];
    }
    {
      name = "agenix without secrets";
      is = (contract { age.secrets = { }; }).secrets;
      want = [ ];
    }
    {
      name = "users without their passwords";
      is =
        (contract {
          users.users.ann = {
            uid = null;
            home = "/home/ann";
            hashedPassword = throw "not looked at";
          };
        }).users;
      want.ann = {
        uid = null;
        normal = false;
        home = "/home/ann";
      };
    }
  ];
  failed = builtins.filter (c: c.is != c.want) cases;
in
{
  passed = builtins.length cases - builtins.length failed;
  failed = map (c: "${c.name}: ${builtins.toJSON c.is}") failed;
}
