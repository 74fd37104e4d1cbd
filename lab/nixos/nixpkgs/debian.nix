# What is different about a NixOS whose packages are Debian's files.
{
  lib,
  options,
  pkgs,
  ...
}:
{
  config = lib.mkMerge [
    {
      boot.kernelPackages = lib.mkForce pkgs.linuxPackages;
      # Debian's systemd has these paths compiled in.
      boot.initrd.systemd.contents = lib.genAttrs [
        "/usr/lib/systemd/system-generators"
        "/usr/lib/systemd/systemd-executor"
        "/usr/lib/udev/ata_id"
        "/usr/lib/udev/cdrom_id"
        "/usr/lib/udev/fido_id"
        "/usr/lib/udev/rules.d/99-systemd.rules"
        "/usr/lib/udev/scsi_id"
        "/usr/lib/systemd/systemd-makefs"
        "/usr/lib/systemd/systemd-growfs"
        "/usr/lib/systemd/systemd-fsck"
        "/usr/lib/x86_64-linux-gnu/cryptsetup"
      ] (path: { source = "${pkgs.debianFiles}${path}"; });
      # Of Debian's /usr/lib/systemd only the programs and what they read: its units and
      # settings would be in systemd's search path.
      system.activationScripts.debian = ''
        mkdir -p /usr/lib/systemd /usr/lib/x86_64-linux-gnu /usr/bin /usr/sbin /lib
        ln -sfn ${pkgs.debianFiles}/usr/lib/resolvconf /usr/lib/
        for file in ${pkgs.debianFiles}/usr/lib/systemd/systemd* ${pkgs.debianFiles}/usr/lib/systemd/{catalog,network,system-generators}; do
          ln -sfn "$file" /usr/lib/systemd/
        done
        ln -sfn ${pkgs.systemd}/lib/udev ${pkgs.debianFiles}/usr/lib/openssh /usr/lib/
        ln -sfn /run/booted-system/kernel-modules/lib/modules /usr/lib/
        ln -sfn /run/booted-system/kernel-modules/lib/modules /lib/
        mkdir -p /usr/share && ln -sfn /etc/dbus-1 /usr/share/
        ln -sfn ${pkgs.debianFiles}/usr/lib/x86_64-linux-gnu/xtables /usr/lib/x86_64-linux-gnu/
        ln -sfn ${pkgs.debianFiles}/usr/bin/{dbus-broker,mount,umount,systemctl,systemd-cryptsetup,systemd-tty-ask-password-agent} /usr/bin/
        ln -sfn ${pkgs.debianFiles}/usr/sbin/{swapon,swapoff,sulogin,nologin} /usr/sbin/
      '';
      # The lab's eyes and hands.
      services.qemuGuest.enable = true;
      systemd.services.qemu-guest-agent.path = [
        "/usr/local"
        "/run/current-system/sw"
      ];
      # Debian's programs want these.
      systemd.services.sshd.serviceConfig.RuntimeDirectory = "sshd";
      services.dbus.packages = [
        (pkgs.writeTextDir "share/dbus-1/system.d/wpa_supplicant-user.conf" ''
          <!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
          <busconfig>
            <policy user="wpa_supplicant"><allow own="fi.w1.wpa_supplicant1"/></policy>
          </busconfig>
        '')
      ];
      # An emulated machine takes minutes for its devices.
      boot.kernelParams = [ "systemd.default_device_timeout_sec=600" ];
      # Debian has glibc's nscd, not the one that NixOS configures.
      services.nscd.enable = false;
      system.nssModules = lib.mkForce [ ];
      boot.initrd.allowMissingModules = true;
      # They need a C compiler.
      security.enableWrappers = false;
      environment.stub-ld.enable = false;
      xdg.mime.enable = false;
      hardware.enableAllFirmware = lib.mkForce false;
      hardware.wirelessRegulatoryDatabase = lib.mkForce false;
      hardware.enableRedistributableFirmware = lib.mkForce false;
      boot.supportedFilesystems = lib.mkForce [
        "ext4"
        "vfat"
      ];
      documentation.enable = lib.mkForce false;
      documentation.nixos.enable = lib.mkForce false;
      # Debian's systemd is newer, and built without these.
      systemd.tpm2.enable = false;
      boot.initrd.systemd.tpm2.enable = false;
      systemd.oomd.enable = false;
      systemd.suppressedSystemUnits = [
        "systemd-quotacheck.service"
        "systemd-tpm2-clear.service"
        "systemd-update-utmp.service"
      ];
    }
    (lib.optionalAttrs (options ? isoImage) {
      isoImage.makeBiosBootable = false;
      # Debian's kernel knows no threads= of squashfs.
      fileSystems = lib.mkImageMediaOverride {
        "/nix/.ro-store" = lib.mkImageMediaOverride {
      options = lib.mkForce [
        "loop"
        "x-initrd.mount"
      ];
        };
      };
      boot.loader.timeout = lib.mkForce 1;
      isoImage.grubTheme = null;
      isoImage.splashImage = null;
      isoImage.efiSplashImage = pkgs.emptyFile;
      isoImage.squashfsCompression = "zstd -Xcompression-level 3";
    })
  ];
}
