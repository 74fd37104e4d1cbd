# A machine in QEMU boots a prebuilt medium, which installs unattended to the one
# blank disk and powers off; then the disk boots. Needs KVM.
{
  self,
  nixpkgs,
  pkgs,
}:
let
  inherit (nixpkgs) lib;
  system = "x86_64-linux";

  host = {
    targetHost = "vm";
    prebuilt = true;
    labels = {
      efi = "VM-EFI";
      root = "VM-ROOT";
      swap = "VM-SWAP";
    };
    swap = {
      enable = true;
      size = "256M";
    };
  };

  target = lib.nixosSystem {
    inherit system;
    modules = [
      (self.lib.layout host)
      (
        { modulesPath, ... }:
        {
          imports = [
            "${modulesPath}/profiles/qemu-guest.nix"
            "${modulesPath}/testing/test-instrumentation.nix"
          ];
          boot.loader.systemd-boot.enable = true;
          documentation.enable = false;
          system.stateVersion = "26.05";
        }
      )
    ];
  };

  medium =
    (lib.nixosSystem {
      inherit system;
      modules = [
        self.nixosModules.installer
        {
          autoInstaller = host // {
            inherit target;
            source = self.outPath;
            unattended.enable = true;
          };
          isoImage.squashfsCompression = "zstd -Xcompression-level 3";
        }
      ];
    }).config.autoInstaller.medium;

  qemu = "${pkgs.qemu_test}/bin/qemu-system-x86_64 -machine accel=kvm:tcg -cpu max";
in
pkgs.testers.runNixOSTest {
  name = "install";
  nodes = { };
  skipTypeCheck = true;
  testScript = ''
    import os
    import subprocess

    folder = os.getcwd()
    disk, variables = f"{folder}/disk.qcow2", f"{folder}/variables.fd"
    subprocess.run(["${pkgs.qemu_test}/bin/qemu-img", "create", "-f", "qcow2", disk, "8G"], check=True)
    subprocess.run(["cp", "--no-preserve=mode", "${pkgs.OVMF.variables}", variables], check=True)
    start = " ".join([
        "${qemu} -m 3072",
        "-drive if=pflash,format=raw,unit=0,readonly=on,file=${pkgs.OVMF.firmware}",
        f"-drive if=pflash,format=raw,unit=1,file={variables}",
        f"-drive if=virtio,format=qcow2,file={disk},serial=TARGET",
    ])

    stick = create_machine(start + " -cdrom $(echo ${medium}/iso/*.iso)")
    stick.start()
    stick.wait_for_shutdown()

    installed = create_machine(start)
    installed.start()
    installed.wait_for_unit("multi-user.target")
    installed.succeed("test $(hostname) = vm")
    installed.succeed("test $(findmnt -no LABEL /) = VM-ROOT")
    installed.succeed("swapon --show=NAME | grep /dev/")
    installed.succeed("ls /var/log/auto-installer/* >&2")
    installed.shutdown()
  '';
}
