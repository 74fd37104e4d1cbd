package facts

import "testing"

func TestFileSystems(t *testing.T) {
	testMismatches(t, map[string]mismatch{
		"root label": {
			facts: func(f *Facts) { f.set("/", "/dev/disk/by-label/NIXOS", "ext4") },
			host:  `fileSystems."/".device is "/dev/disk/by-label/NIXOS"`, makes: "labels.root makes it /dev/disk/by-label/T-ROOT",
			fix: `set fileSystems."/".device = "/dev/disk/by-label/T-ROOT"`,
		},
		"root UUID": {
			facts: func(f *Facts) { f.set("/", "/dev/disk/by-uuid/1234", "ext4") },
			host:  "by-uuid/1234", makes: "by-label/T-ROOT", fix: "by-label/T-ROOT", others: []string{"a UUID is new with every install"},
		},
		"root PARTUUID": {
			facts: func(f *Facts) { f.set("/", "PARTUUID=1234", "ext4") },
			host:  "PARTUUID=1234", makes: "by-label/T-ROOT", fix: "by-label/T-ROOT", others: []string{"a UUID is new with every install"},
		},
		"root by kernel name": {
			facts: func(f *Facts) { f.set("/", "/dev/nvme0n1p2", "ext4") },
			host:  "/dev/nvme0n1p2", makes: "by-label/T-ROOT", fix: "by-label/T-ROOT", others: []string{"another disk's"},
		},
		"root by the container's partition label": {
			facts: func(f *Facts) { f.set("/", "/dev/disk/by-partlabel/T-ROOT", "ext4") },
			host:  "by-partlabel/T-ROOT", makes: "by-label/T-ROOT", fix: "by-label/T-ROOT",
		},
		"root by another mapper": {
			facts: func(f *Facts) { f.set("/", "/dev/mapper/cryptroot", "ext4") },
			host:  "/dev/mapper/cryptroot", makes: "by-label/T-ROOT", fix: "by-label/T-ROOT",
		},
		"root by mapper without LUKS": {
			plain: true, facts: func(f *Facts) { f.set("/", "/dev/mapper/cryptroot", "ext4") },
			host: "/dev/mapper/cryptroot", makes: "by-label/T-ROOT", fix: "by-label/T-ROOT",
		},
		"root without device": {
			facts: func(f *Facts) { f.set("/", "", "ext4") },
			host:  `fileSystems."/".device is not set`, makes: "by-label/T-ROOT", fix: "by-label/T-ROOT",
		},
		"root without device, of any type": {
			facts: func(f *Facts) { f.set("/", "", "auto") },
			host:  `fileSystems."/".device is not set`, makes: "by-label/T-ROOT", fix: "by-label/T-ROOT",
		},
		"no root": {
			facts: func(f *Facts) { delete(f.FileSystems, "/") },
			host:  `no fileSystems."/"`, makes: "by-label/T-ROOT", fix: `fsType = "ext4"`,
		},
		"root is btrfs": {
			facts: func(f *Facts) { f.set("/", "/dev/disk/by-label/T-ROOT", "btrfs") },
			host:  `fileSystems."/".fsType is "btrfs"`, makes: "the installer makes ext4", fix: `fsType = "ext4"`,
		},
		"root is tmpfs": {
			facts: func(f *Facts) { f.set("/", "none", "tmpfs") },
			host:  `fileSystems."/".fsType is "tmpfs"`, makes: "ext4", fix: `fsType = "ext4"`,
		},
		"ESP label": {
			facts: func(f *Facts) { f.set("/boot", "/dev/disk/by-label/BOOT", "vfat") },
			host:  `fileSystems."/boot".device is "/dev/disk/by-label/BOOT"`, makes: "labels.efi makes it /dev/disk/by-label/T-EFI", fix: "by-label/T-EFI",
		},
		"ESP elsewhere": {
			facts: func(f *Facts) {
				f.Loader.EFISysMountPoint = "/efi"
			},
			host: `efiSysMountPoint is "/efi"`, makes: "/boot", fix: `efiSysMountPoint = "/boot"`,
		},
		"no ESP": {
			facts: func(f *Facts) { delete(f.FileSystems, "/boot") },
			host:  `no fileSystems."/boot"`, makes: "by-label/T-EFI", fix: `fsType = "vfat"`,
		},
		"a file system that is erased": {
			facts: func(f *Facts) { f.set("/home", "/dev/disk/by-label/OLD", "ext4") },
			host:  `fileSystems."/home".device is "/dev/disk/by-label/OLD"`, makes: "the disk that will be erased", fix: "choose another disk",
		},
		"a file system that is nowhere": {
			facts: func(f *Facts) { f.set("/home", "/dev/disk/by-label/HOME", "ext4") },
			host:  `fileSystems."/home".device is "/dev/disk/by-label/HOME"`, makes: "the installer does not make it", fix: `"nofail"`,
		},
		"a subvolume of root": {
			facts: func(f *Facts) { f.set("/home", "/dev/disk/by-label/T-ROOT", "btrfs", "subvol=home") },
			host:  `fileSystems."/home" is btrfs on "/dev/disk/by-label/T-ROOT"`, makes: "ext4", fix: "ext4",
		},
		"root with the options of btrfs": {
			facts: func(f *Facts) {
				f.set("/", "/dev/disk/by-label/T-ROOT", "ext4", "x-initrd.mount", "subvol=root", "compress=zstd", "noatime")
			},
			host: `fileSystems."/".options has "subvol=root", "compress=zstd"`, makes: "ext4 does not know", fix: `remove "subvol=root" and "compress=zstd" from fileSystems."/".options`,
		},
		"root with the options of a tmpfs": {
			facts: func(f *Facts) { f.set("/", "LABEL=T-ROOT", "auto", "defaults,size=2G,mode=755") },
			host:  `"size=2G", "mode=755"`, makes: "ext4 does not know", fix: `remove "size=2G" and "mode=755"`,
		},
		"root with a value that the option does not take": {
			facts: func(f *Facts) { f.set("/", "LABEL=T-ROOT", "ext4", "discard=async") },
			host:  `"discard=async"`, makes: "ext4 does not know", fix: "remove",
		},
		"root with a journal elsewhere": {
			facts: func(f *Facts) { f.set("/", "LABEL=T-ROOT", "ext4", "journal_path=/dev/sdb1") },
			host:  `"journal_path=/dev/sdb1"`, makes: "ext4 does not know", fix: "remove",
		},
		"root below its top": {
			facts: func(f *Facts) { f.set("/", "LABEL=T-ROOT", "ext4", "X-mount.subdir=@") },
			host:  `fileSystems."/".options has "X-mount.subdir=@"`, makes: "the installer puts the system at the top of the root", fix: `remove "X-mount.subdir=@"`,
		},
		"a disk of the network that the initrd mounts": {
			facts: func(f *Facts) { f.set("/var/lib", "/dev/disk/by-uuid/1", "ext4", "_netdev") },
			host:  `fileSystems."/var/lib".device is "/dev/disk/by-uuid/1"`, makes: "no disk here has it", fix: "attach the disk",
		},
		"btrfs that is mounted on demand": {
			facts: func(f *Facts) { f.set("/home", "/dev/disk/by-label/T-ROOT", "btrfs", "nofail", "x-systemd.automount") },
			host:  `fileSystems."/home" is btrfs`, makes: "the installer makes one ext4 file system", fix: `remove fileSystems."/home"`,
		},
		"root from which nothing starts": {
			facts: func(f *Facts) { f.set("/", "LABEL=T-ROOT", "ext4", "noexec") },
			host:  `fileSystems."/".options has "noexec"`, makes: "nothing on the root could start", fix: `remove "noexec"`,
		},
		"ESP with the options of ext4": {
			facts: func(f *Facts) { f.set("/boot", "LABEL=T-EFI", "vfat", "umask=0077", "data=journal") },
			host:  `fileSystems."/boot".options has "data=journal"`, makes: "vfat does not know", fix: `remove "data=journal"`,
		},
		"ESP again, with the options of ext4": {
			facts: func(f *Facts) { f.set("/efi", "LABEL=T-EFI", "vfat", "errors=remount-ro", "acl") },
			host:  `fileSystems."/efi".options has "acl"`, makes: "vfat does not know", fix: `remove "acl"`,
		},
		"root again, with the options of btrfs": {
			facts: func(f *Facts) { f.set("/again", "LABEL=T-ROOT", "ext4", "subvolid=5") },
			host:  `fileSystems."/again".options has "subvolid=5"`, makes: "ext4 does not know", fix: `remove "subvolid=5"`,
		},
		"the store on a pool": {
			facts: func(f *Facts) { f.set("/nix", "rpool/nix", "zfs") },
			host:  `fileSystems."/nix" is zfs on "rpool/nix"`, makes: "the installer puts the store on the root", fix: `remove fileSystems."/nix"`,
		},
		"the store on another disk": {
			facts: func(f *Facts) { f.set("/nix", "LABEL=DATA", "ext4", "nofail") },
			host:  `fileSystems."/nix" is ext4 on "LABEL=DATA"`, makes: "the installer puts the store on the root", fix: `remove fileSystems."/nix"`,
		},
		"the store in memory": {
			facts: func(f *Facts) { f.set("/nix", "tmpfs", "tmpfs") },
			host:  `fileSystems."/nix" is tmpfs`, makes: "the installer puts the store on the root", fix: `remove fileSystems."/nix"`,
		},
		"the store on the root's label": {
			facts: func(f *Facts) { f.set("/nix", "/dev/disk/by-label/T-ROOT", "ext4") },
			host:  `fileSystems."/nix" is ext4 on "/dev/disk/by-label/T-ROOT"`, makes: "would show the root itself", fix: `remove fileSystems."/nix"`,
		},
		"the store on the root's mapper": {
			facts: func(f *Facts) { f.set("/nix/store", "/dev/mapper/crypt", "ext4", "nofail") },
			host:  `fileSystems."/nix/store" is ext4`, makes: "would show the root itself", fix: `remove fileSystems."/nix/store"`,
		},
		"home on the root's label": {
			facts: func(f *Facts) { f.set("/home", "LABEL=T-ROOT", "auto") },
			host:  `fileSystems."/home" is auto`, makes: "would show the root itself", fix: `remove fileSystems."/home"`,
		},
		"home on a pool": {
			facts: func(f *Facts) { f.set("/home", "rpool/home", "zfs") },
			host:  `fileSystems."/home".device is "rpool/home"`, makes: "no disk here has it", fix: `"nofail"`,
		},
		"home on a pool that is erased": {
			facts: func(f *Facts) { f.set("/home", "OLD/home", "zfs") },
			host:  `fileSystems."/home".device is "OLD/home"`, makes: "the disk that will be erased", fix: "choose another disk",
		},
		"home on btrfs by LABEL=": {
			facts: func(f *Facts) { f.set("/home", "LABEL=HOME", "btrfs", "subvol=home") },
			host:  `fileSystems."/home".device is "LABEL=HOME"`, makes: "no disk here has it", fix: `"nofail"`,
		},
		"home on bcachefs by UUID=": {
			facts: func(f *Facts) { f.set("/home", "UUID=77", "bcachefs") },
			host:  `fileSystems."/home".device is "UUID=77"`, makes: "no disk here has it", fix: `"nofail"`,
		},
		"home on bcachefs of two disks": {
			facts: func(f *Facts) { f.set("/home", "/dev/disk/by-label/DATA:/dev/sdz", "bcachefs") },
			host:  `fileSystems."/home".device is "/dev/sdz"`, makes: "no disk here has it", fix: `"nofail"`,
		},
		"home on a volume": {
			facts: func(f *Facts) { f.set("/home", "/dev/zvol/rpool/home", "ext4") },
			host:  `fileSystems."/home".device is "/dev/zvol/rpool/home"`, makes: "no disk here has it", fix: `"nofail"`,
		},
		"home on what no file system is called": {
			facts: func(f *Facts) { f.set("/home", "rpool/home", "auto") },
			host:  `fileSystems."/home".device is "rpool/home"`, makes: "no disk here has it", fix: `"nofail"`,
		},
		"home without a device": {
			facts: func(f *Facts) { f.set("/home", "", "ext4") },
			host:  `fileSystems."/home".device is not set`, makes: "", fix: `set fileSystems."/home".device`,
		},
		"home that may be missing, which the initrd asks for": {
			facts: func(f *Facts) {
				f.set("/home", "LABEL=HOME", "ext4", "nofail").NeededForBoot, f.Initrd.Systemd = []string{"/home"}, new(false)
			},
			host: `fileSystems."/home".device is "LABEL=HOME"`, makes: "no disk here has it", fix: `remove fileSystems."/home"`,
		},
		"a mapper that the host does not open": {
			facts: func(f *Facts) { f.set("/home", "/dev/mapper/home", "ext4") },
			host:  `fileSystems."/home".device is "/dev/mapper/home"`, makes: "no disk here has it", fix: `"nofail"`,
		},
		"root by label under disko": {
			facts: func(f *Facts) { f.set("/", "/dev/disk/by-partlabel/disk-main-root", "ext4").Disko = true },
			host:  "disk-main-root", makes: "by-label/T-ROOT", fix: `set fileSystems."/".device = lib.mkForce "/dev/disk/by-label/T-ROOT"`,
		},
		"root of btrfs under disko": {
			facts: func(f *Facts) { f.set("/", "LABEL=T-ROOT", "btrfs").Disko = true },
			host:  `fsType is "btrfs"`, makes: "ext4",
			fix: `set fileSystems = lib.mkForce { "/" = { device = "/dev/disk/by-label/T-ROOT"; fsType = "ext4"; }; "/boot" = { device = "/dev/disk/by-label/T-EFI"; fsType = "vfat"; }; }`,
		},
		"options under disko": {
			facts: func(f *Facts) { f.set("/", "LABEL=T-ROOT", "ext4", "noatime", "ssd").Disko = true },
			host:  `options has "ssd"`, makes: "ext4 does not know", fix: `set fileSystems."/".options = lib.mkForce [ "noatime" ]`,
		},
		"a container under disko": {
			facts: func(f *Facts) {
				f.Disko, f.LUKSDevices["crypt"] = true, LUKSDevice{Device: "/dev/disk/by-partlabel/disk-main-luks"}
			},
			host: "disk-main-luks", makes: "by-partlabel/T-LUKS", fix: `device = lib.mkForce "/dev/disk/by-partlabel/T-LUKS"`,
		},
		"swap under disko": {
			facts: func(f *Facts) { f.Disko, f.SwapDevices[0].Device = true, "/dev/disk/by-partlabel/disk-main-swap" },
			host:  "disk-main-swap", makes: "by-partlabel/T-SWAP",
			fix: `set swapDevices = lib.mkForce [ { device = "/dev/disk/by-partlabel/T-SWAP"; randomEncryption.enable = true; } ]`,
		},
	})
}
