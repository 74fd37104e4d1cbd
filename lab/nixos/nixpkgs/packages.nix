# A whole nixpkgs whose packages are made of Debian's files. NixOS is packages, which
# need upstream's sources and hours, and configuration: units, /etc, the initrd, the
# activation, the boot loader's scripts, the image. The second kind is what an installer
# depends on, and it is built from nixpkgs as it is.
#
# Our packages live in one more stage of the stdenv, after nixpkgs' own: there they
# replace what the configuration uses, and nothing that nixpkgs bootstraps with.
{
  # A checkout of nixpkgs.
  nixpkgs,
  # What lab/nixos/debian prints: a folder outside the store.
  tree,
  # The version of its one kernel.
  kernelVersion,
  # The program of lab/nixos/tools.
  tools,
  # The installer, built.
  installer,
}:
let
  system = "x86_64-linux";
  config = {
    allowUnfree = true;
    allowAliases = true;
  };
  lib = import (nixpkgs + "/lib");

  # The one build that needs this machine: the others use the programs in it, and so
  # an installer can make them too.
  debian = derivation {
    name = "debian";
    inherit system tree;
    shell = "/bin/bash";
    builder = "/bin/bash";
    args = [ ./tree.sh ];
    PATH = "/usr/bin:/bin:/usr/sbin:/sbin";
  };
  shell = "${debian}/usr/bin/bash";

  # Attributes of nixpkgs, and the Debian packages in their place.
  debs =
    lib.genAttrs [
      "acl" "age" "attr" "bash" "bash-completion" "btrfs-progs" "bzip2" "coreutils" "cpio" "curl"
      "dash" "dbus-broker" "diffutils" "dosfstools" "e2fsprogs" "efibootmgr" "file" "findutils"
      "fontconfig" "fuse3" "gawk" "gettext" "git" "gzip" "iproute2" "iptables" "jq" "kbd"
      "kexec-tools" "kmod" "less" "logrotate" "man-db" "mdadm" "mtools" "nano" "openresolv"
      "openssl" "parted" "patch" "pciutils" "procps" "rsync" "sed" "strace" "sudo" "time" "tzdata"
      "unzip" "usbutils" "w3m" "xauth" "xorriso" "zstd"
    ] (name: [ name ])
    // lib.mapAttrs (_: lib.splitString " ") {
      bashInteractive = "bash";
      bashNonInteractive = "bash";
      bind = "bind9-dnsutils bind9-host";
      cacert = "ca-certificates";
      coreutils-full = "coreutils";
      cryptsetup = "cryptsetup-bin";
      dbus = "dbus dbus-bin dbus-daemon dbus-system-bus-common dbus-session-bus-common";
      dhcpcd = "dhcpcd-base";
      fuse = "fuse3";
      getopt = "util-linux";
      gitMinimal = "git";
      glibcLocales = "locales";
      gnugrep = "grep";
      gnused = "sed";
      gnutar = "tar";
      gnupatch = "patch";
      gptfdisk = "gdisk";
      iana-etc = "netbase";
      hostname-debian = "hostname";
      iputils = "iputils-ping";
      libcap = "libcap2-bin";
      libfido2 = "libfido2-1";
      libxslt = "xsltproc";
      lvm2 = "lvm2 dmsetup";
      mailcap = "media-types";
      mkpasswd = "whois";
      ncurses = "ncurses-bin ncurses-base ncurses-term";
      nix = "nix-bin nix-setup-systemd";
      nsncd = "nscd";
      openssh = "openssh-client openssh-common openssh-server openssh-sftp-server";
      pam = "libpam-modules libpam-modules-bin libpam-systemd";
      perl = "perl perl-base";
      python3 = "python3 python3-minimal python3.14 python3.14-minimal";
      shadow = "passwd login";
      sqlite = "sqlite3";
      systemd = "systemd systemd-sysv systemd-boot systemd-boot-tools systemd-boot-efi systemd-container systemd-coredump systemd-cryptsetup systemd-repart systemd-timesyncd systemd-tpm udev libsystemd-shared libnss-systemd";
      systemdMinimal = "systemd udev";
      util-linux = "util-linux mount bsdutils bsdextrautils fdisk login";
      util-linuxMinimal = "util-linux mount bsdutils fdisk";
      which = "debianutils";
      busybox = "busybox-static";
      efivar = "efibootmgr";
      grub2 = "grub2-common grub-common grub-efi-amd64-bin";
      grub2_efi = "grub2-common grub-common grub-efi-amd64-bin grub-efi-amd64-unsigned";
      networkmanager = "network-manager libnm0";
      qemu_kvm = "qemu-guest-agent";
      polkit = "polkitd libpolkit-agent-1-0 libpolkit-gobject-1-0";
      vim = "vim-tiny vim-common";
      wpa_supplicant = "wpasupplicant";
      xz = "xz-utils";
      squashfsTools = "squashfs-tools";
      libisoburn = "xorriso";
      libossp_uuid = "uuid";
      glibc = "libc-bin libc6";
    };

  sh = ''ln -s "$debian/usr/bin/bash" "$out/bin/sh"'';
  # More that a package has.
  extra = {
    bash = sh;
    bashInteractive = sh;
    bashNonInteractive = sh;
    # Links of update-alternatives, which no package lists.
    iptables = ''
      for p in iptables ip6tables; do
        for q in "" -save -restore; do ln -s "$debian/usr/sbin/$p-nft$q" "$out/bin/$p$q"; done
      done
    '';
    "bash-completion" = ''mkdir -p "$out/etc/profile.d"; ln -s "$debian/usr/share/bash-completion/bash_completion" "$out/etc/profile.d/bash_completion.sh"'';
    # Of a group that NixOS does not have.
    nix = "rm -f $out/lib/tmpfiles.d/nix-daemon.conf";
    cacert = ''mkdir -p $out/etc/ssl/certs; ln -s $debian/etc/ssl/certs/ca-certificates.crt $out/etc/ssl/certs/ca-bundle.crt'';
    glibcLocales = ''mkdir -p $out/lib/locale; ln -s $debian/usr/lib/locale/C.utf8 $out/lib/locale/'';
    # It finds its modules by its own path, which Debian compiled in.
    perl = ''
      rm $out/bin/perl
      printf '#!%s\nexport PERL5LIB=%s\nexec %s "$@"\n' "$debian/usr/bin/bash" \
        "$(echo $debian/usr/share/perl5 $debian/usr/lib/x86_64-linux-gnu/{perl5/*,perl/5.*,perl-base} $debian/usr/share/perl/5.* | tr ' ' :)" \
        "$debian/usr/bin/perl" >$out/bin/perl
      chmod +x $out/bin/perl
    '';
    git = ''
      rm $out/bin/git
      printf '#!%s\nexport GIT_EXEC_PATH=%s GIT_TEMPLATE_DIR=%s\nexec %s "$@"\n' "$debian/usr/bin/bash" \
        "$debian/usr/lib/git-core" "$debian/usr/share/git-core/templates" "$debian/usr/bin/git" >$out/bin/git
      chmod +x $out/bin/git
    '';
    # Debian has no gfxterm_menu, a module of GRUB's own tests.
    grub2_efi = ''
      rm $out/bin/grub-mkimage
      printf '#!%s\nfor a; do [ "$a" = gfxterm_menu ] || set -- "$@" "$a"; shift; done\nexec %s "$@"\n' \
        $debian/usr/bin/bash $debian/usr/bin/grub-mkimage >$out/bin/grub-mkimage
      chmod +x $out/bin/grub-mkimage
    '';
    # Debian has another program for it.
    systemd = ''
      sed -i "s|$out/bin/modprobe|$debian/usr/sbin/modprobe|" $out/example/systemd/system/modprobe@.service
      install -m 755 ${./vconsole-setup.sh} $out/lib/systemd/systemd-vconsole-setup
      sed -i "1s|.*|#!$debian/usr/bin/bash|; s|@kbd@|$debian/usr/bin|" $out/lib/systemd/systemd-vconsole-setup
      cat >$out/example/systemd/system/systemd-vconsole-setup.service <<END
      [Unit]
      Description=Virtual Console Setup
      DefaultDependencies=no
      Before=initrd-switch-root.target shutdown.target
      After=systemd-udev-trigger.service
      ConditionPathExists=/dev/tty0
      Conflicts=shutdown.target
      [Service]
      Type=oneshot
      RemainAfterExit=yes
      ExecStart=$out/lib/systemd/systemd-vconsole-setup
      END
      echo 'ACTION=="add", SUBSYSTEM=="vtconsole", KERNEL=="vtcon*", RUN+="'$debian'/usr/bin/systemctl --no-block restart systemd-vconsole-setup.service"' \
        >$out/lib/udev/rules.d/90-vconsole.rules
    '';
    iana-etc = ''mkdir -p $out/etc; cp $tree/etc/{protocols,services} $out/etc/'';
  };

  ours =
    vanilla: final: prev:
    let
      bare = import (nixpkgs + "/pkgs/stdenv/generic") { defaultConfig = vanilla.config; } {
        name = "stdenv-debian";
        inherit (vanilla.stdenv) buildPlatform hostPlatform targetPlatform;
        inherit (vanilla) config;
        initialPath = [ "${debian}/usr" ];
        inherit shell;
        hasCC = false;
        cc = null;
        fetchurlBoot = throw "the lab fetches nothing";
        preHook = ''
          export NIX_ENFORCE_PURITY=
          export NIX_ENFORCE_NO_NATIVE=0
        '';
      };
      make =
        name: outputs: variables:
        derivation (
          {
            inherit name system outputs tree shell;
            builder = shell;
            PATH = "${debian}/usr/bin:${debian}/usr/sbin";
          }
          // variables
        );
      # nix kills a builder that closes its output before it exits, as the programs of
      # coreutils do: bash must stay, so its last command is its own.
      script = text: [ "-c" "${text}\nexit" ];

      # A derivation in place of nixpkgs' package, with its name, version and passthru.
      inPlace =
        name: variables:
        let
          from = vanilla.${name};
          outputs = from.outputs or [ "out" ];
          drv = make (from.name or name) outputs variables;
          self =
            drv
            // removeAttrs (from.passthru or { }) [ "override" "overrideAttrs" "withPackages" ]
            // lib.optionalAttrs (lib.hasPrefix "grub" name) { grubTarget = "x86_64-efi"; }
            # systemd names its own.
            // lib.optionalAttrs (from ? passthru.kmod) { inherit (final) kbd kmod util-linux; }
            // {
              inherit (from) meta;
              pname = from.pname or name;
              version = from.version or "0";
              override = _: self;
              overrideAttrs = _: self;
              withPackages = _: self;
            }
            // lib.genAttrs outputs (
              output:
              self
              // {
                inherit (drv.${output}) outPath outputName;
                outputSpecified = true;
              }
            );
        in
        self;
      package =
        name: list:
        inPlace name {
          args = [ ./package.sh ];
          inherit debian;
          debs = lib.concatStringsSep " " list;
          extra = extra.${name} or "";
          # NixOS picks systemd's units from here; from any other package it takes all.
          units = if name == "systemd" || name == "systemdMinimal" then "example" else "lib";
        };
      # A package that the lab does without.
      empty = name: inPlace name {
        args = script ''for output in $outputs; do mkdir -p "''${!output}"/{bin,lib}; done; touch $out/modprobe.conf'';
      };
      # Our own programs in place of nixpkgs', which are written in Rust.
      tool =
        name: programs:
        inPlace name {
          args = script "mkdir -p $out/bin; for p in ${programs}; do cp ${tools} $out/bin/$p; done";
        };
      version = kernelVersion;
      kernel =
        make "linux-${version}" [ "out" ] {
          args = script ''
            mkdir -p $out/lib/modules
            cp $tree/boot/vmlinuz-${version} $out/bzImage
            cp $tree/boot/config-${version} $out/config
            cp -r $tree/usr/lib/modules/${version} $out/lib/modules/
            rm -f $out/lib/modules/*/{build,source}
          '';
        }
        // rec {
          inherit version;
          modDirVersion = version;
          pname = "linux";
          kernelOlder = lib.versionOlder version;
          kernelAtLeast = lib.versionAtLeast version;
          target = "bzImage";
          features = {
            efiBootStub = true;
            ia32Emulation = true;
          };
          stdenv = bare;
          commonMakeFlags = [ ];
          configfile = "${kernel}/config";
          config = {
            isSet = _: true;
            isYes = _: true;
            isNo = _: false;
            isModule = _: false;
            isEnabled = _: true;
            isDisabled = _: false;
          };
          modules = kernel;
          dev = kernel;
          override = _: kernel;
          overrideAttrs = _: kernel;
          passthru = { };
          meta.platforms = [ system ];
          isZen = false;
          isHardened = false;
          isLibre = false;
          buildDTBs = false;
        };
    in
    {
      debianFiles = debian;
      stdenvNoCC = bare;
      stdenv = prev.stdenv // {
        inherit (bare) mkDerivation;
        shellDryRun = "${shell} -n -O extglob";
        cc = prev.stdenv.cc // {
          libc = final.glibc;
        };
      };
      buildPackages = final;
      pkgsBuildBuild = final;
      pkgsBuildHost = final;
      linuxPackages = final.linuxPackagesFor kernel;
      makeInitrdNGTool = tool "makeInitrdNGTool" "make-initrd-ng";
      rustPlatform = vanilla.rustPlatform // {
        # Of pkgs.formats.toml.
        buildRustPackage = _: make "json2x" [ "out" ] {
          args = script "mkdir -p $out/bin; cp ${tools} $out/bin/json2x";
        };
      };
      buildGoModule =
        { pname, version, meta, ... }:
        make "${pname}-${version}" [ "out" ] { args = script "mkdir -p $out/bin; cp ${installer} $out/bin/auto-installer"; }
        // {
          inherit pname version meta;
        };
      auto-installer = final.buildGoModule {
        pname = "auto-installer";
        version = "0";
        meta.mainProgram = "auto-installer";
      };
      nixos-init = tool "nixos-init" "resolve-in-root env-generator find-etc";
      # Of its actions, an install needs the one that runs the boot loader's script.
      switch-to-configuration-ng = final.writeShellScriptBin "switch-to-configuration" ''
        case $1 in
        boot) exec "$INSTALL_BOOTLOADER" "$TOPLEVEL" ;;
        *) echo "the lab's switch-to-configuration only knows boot, not $1" >&2; exit 1 ;;
        esac
      '';
      lndir = final.writeShellScriptBin "lndir" ''
        while [ "''${1#-}" != "$1" ]; do shift; done
        exec cp --recursive --symbolic-link --no-clobber -- "$1/." "''${2:-.}/"
      '';
      kmod-debian-aliases = final.emptyFile;
      libfaketime = final.writeShellScriptBin "faketime" ''
        while [ "''${1#-}" != "$1" ]; do shift; done
        shift # the time
        exec "$@"
      '';
      refind = final.runCommand "refind" { } ''
        mkdir -p $out/share/refind
        touch $out/share/refind/refind_x64.efi
      '';
      makeBinaryWrapper = final.makeWrapper;
      # The scripts of nixpkgs are checked by nixpkgs.
      mypy = final.writeShellScriptBin "mypy" "";
      python3Packages = vanilla.python3Packages // {
        flake8 = final.writeShellScriptBin "flake8" "";
      };
      shellcheck-minimal = final.shellcheck;
      # writeShellApplication runs it; Haskell is far away.
      shellcheck =
        final.runCommand "shellcheck" { meta.mainProgram = "shellcheck"; } ''
          mkdir -p $out/bin
          printf '#!/bin/sh\n' >$out/bin/shellcheck
          chmod +x $out/bin/shellcheck
        ''
        // {
          compiler.bootstrapAvailable = true;
        };
    }
    // lib.mapAttrs package debs
    // lib.genAttrs [
      "bcache-tools" "ccrypt" "ddrescue" "desktop-file-utils" "gnupg" "groff" "hdparm" "hicolor-icon-theme" "kmod-blacklist-ubuntu"
      "krb5" "libpcap" "libressl" "libxcrypt" "linux-firmware" "modemmanager" "ms-sys" "nix-bash-completions"
      "nix-info" "nixos-rebuild-ng" "nvme-cli" "screen" "sdparm" "shared-mime-info" "smartmontools" "socat" "sound-theme-freedesktop" "sshfs"
      "sshfs-fuse" "syslinux" "tcpdump" "terminus_font" "testdisk" "tpm2-tss" "zip" "zlib"
    ] empty;

  names = lib.attrNames (ours null null null);
in
import nixpkgs {
  inherit system config;
  stdenvStages =
    args:
    import (nixpkgs + "/pkgs/stdenv") (args // { overlays = [ ]; })
    ++ [
      (vanilla: {
        inherit (vanilla) config;
        overlays = [ (ours vanilla) ];
        stdenv = vanilla.stdenv.override {
          overrides = self: super: removeAttrs (vanilla.stdenv.overrides self super) names;
        };
      })
    ];
}
