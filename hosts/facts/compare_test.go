package facts

import (
	"slices"
	"strings"
	"testing"
)

// made has everything that can be made at once.
func made() Made {
	return Made{
		ESP: "T-EFI", Root: "T-ROOT", LUKS: "T-LUKS", Mapper: "crypt", Swap: "T-SWAP", RandomSwap: true,
		Keymap: "de", User: "ann", UID: 1000, Home: "/home/ann",
	}
}

func plainMade() Made {
	m := made()
	m.LUKS, m.Mapper, m.RandomSwap = "", "cryptroot", false
	return m
}

func problems(c *Comparison) (all []string) {
	for _, m := range c.Mismatches {
		all = append(all, m.Problem)
	}
	return all
}

func fixes(c *Comparison) (all []string) {
	for _, m := range c.Mismatches {
		if !slices.Contains(all, m.Fix) {
			all = append(all, m.Fix)
		}
	}
	return all
}

func uid(n int) *int { return &n }

// fitting is a configuration that fits made.
func fitting() *Facts {
	return &Facts{
		FileSystems: map[string]FileSystem{
			"/":     {Device: "/dev/disk/by-label/T-ROOT", FSType: "ext4"},
			"/boot": {Device: "/dev/disk/by-label/T-EFI", FSType: "vfat"},
		},
		SwapDevices: []SwapDevice{{Device: "/dev/disk/by-partlabel/T-SWAP", RandomEncryption: true}},
		LUKSDevices: map[string]LUKSDevice{"crypt": {Device: "/dev/disk/by-partlabel/T-LUKS"}},
		Keymap:      "de",
		Loader:      Loader{SystemdBoot: true, EFISysMountPoint: "/boot"},
		Users:       map[string]User{"ann": {UID: uid(1000), Home: "/home/ann"}},
	}
}

func plainFitting() *Facts {
	f := fitting()
	f.LUKSDevices = nil
	f.SwapDevices = []SwapDevice{{Device: "/dev/disk/by-label/T-SWAP"}}
	return f
}

func (f *Facts) set(point, device, fsType string, options ...string) *Facts {
	f.FileSystems[point] = FileSystem{device, fsType, options}
	return f
}

// there are the devices of other disks, and of the one to be erased.
func there(r Reference) Place {
	switch r.Name {
	case "DATA", "0000-DATA":
		return Attached
	case "OLD":
		return OnTarget
	}
	return Nowhere
}

func TestWhatFits(t *testing.T) {
	alike := func(change func(*Facts)) *Facts {
		f := fitting()
		change(f)
		return f
	}
	for name, c := range map[string]struct {
		made  Made
		facts *Facts
	}{
		"all at once":                      {made(), fitting()},
		"plain":                            {plainMade(), plainFitting()},
		"root by its mapper":               {made(), fitting().set("/", "/dev/mapper/crypt", "ext4")},
		"root by dm-name":                  {made(), fitting().set("/", "/dev/disk/by-id/dm-name-crypt", "ext4")},
		"root by LABEL=":                   {made(), fitting().set("/", "LABEL=T-ROOT", "auto")},
		"root by partlabel":                {plainMade(), plainFitting().set("/", "/dev/disk/by-partlabel/T-ROOT", "ext4")},
		"ESP by PARTLABEL=":                {made(), fitting().set("/boot", "PARTLABEL=T-EFI", "vfat")},
		"LUKS by its label":                {made(), alike(func(f *Facts) { f.LUKSDevices["crypt"] = LUKSDevice{Device: "/dev/disk/by-label/T-LUKS"} })},
		"another LUKS, there":              {made(), alike(func(f *Facts) { f.LUKSDevices["x"] = LUKSDevice{Device: "/dev/disk/by-uuid/0000-data"} })},
		"swap file beside":                 {made(), alike(func(f *Facts) { f.SwapDevices = append(f.SwapDevices, SwapDevice{Device: "/var/swap"}) })},
		"swap elsewhere":                   {made(), alike(func(f *Facts) { f.SwapDevices = append(f.SwapDevices, SwapDevice{Device: "LABEL=DATA"}) })},
		"tmpfs":                            {made(), fitting().set("/tmp", "tmpfs", "tmpfs")},
		"bind":                             {made(), fitting().set("/a", "/persist/a", "none", "bind")},
		"network":                          {made(), fitting().set("/n", "server:/x", "nfs")},
		"data, attached":                   {made(), fitting().set("/data", "/dev/disk/by-label/DATA", "ext4")},
		"data by UUID":                     {made(), fitting().set("/data", "/dev/disk/by-uuid/0000-DATA", "xfs")},
		"data, may be missing":             {made(), fitting().set("/data", "/dev/disk/by-label/GONE", "ext4", "nofail")},
		"data, on demand":                  {made(), fitting().set("/data", "/dev/disk/by-label/GONE", "ext4", "x-systemd.automount")},
		"root twice":                       {made(), fitting().set("/again", "/dev/disk/by-label/T-ROOT", "ext4")},
		"uid is chosen":                    {made(), alike(func(f *Facts) { f.Users["ann"] = User{Home: "/home/ann", Normal: true} })},
		"uid is chosen beside a service's": {made(), alike(func(f *Facts) { f.Users["ann"], f.Users["git"] = User{Normal: true}, User{} })},
		"no user":                          {Made{}.with(made(), func(m *Made) { m.User = "" }), alike(func(f *Facts) { f.Users = nil })},
		"root with its options": {made(), fitting().set("/", "/dev/disk/by-label/T-ROOT", "ext4",
			"x-initrd.mount", "noatime,nodiratime", "errors=remount-ro", "commit=60", "data=ordered", "discard", "lazytime", "x-systemd.growfs",
			"X-fstrim.notrim", "comment=ours", "user_xattr", "stripe=32", "barrier=1", "nofail", "_netdev", `context="system_u:object_r:usr_t:s0:c1,c2"`)},
		"ESP with its options": {made(), fitting().set("/boot", "/dev/disk/by-label/T-EFI", "vfat",
			"fmask=0077", "dmask=0077", "umask=0077", "uid=0", "iocharset=utf8", "shortname=mixed", "utf8", "noauto", "x-systemd.automount", "x-systemd.idle-timeout=1min", "noexec")},
		"root by label in a container of another name": {made(), alike(func(f *Facts) {
			f.LUKSDevices = map[string]LUKSDevice{"ours": {Device: "/dev/disk/by-partlabel/T-LUKS"}}
		})},
		"data in a container that is there": {made(), alike(func(f *Facts) {
			f.set("/data", "/dev/mapper/x", "ext4").LUKSDevices["x"] = LUKSDevice{Device: "/dev/disk/by-uuid/0000-data"}
		})},
		"data that crypttab opens":             {made(), alike(func(f *Facts) { f.set("/data", "/dev/mapper/x", "ext4").Crypttab = []string{"x"} })},
		"data on a pool":                       {made(), fitting().set("/data", "DATA/home", "zfs", "zfsutil")},
		"data on a pool, optional":             {made(), fitting().set("/data", "gone/home", "zfs", "nofail")},
		"a pool, later":                        {made(), fitting().set("/nix", "gone/nix", "zfs", "noauto")},
		"the store, may be missing":            {made(), fitting().set("/nix", "/dev/disk/by-label/GONE", "ext4", "nofail")},
		"data of several disks":                {made(), fitting().set("/data", "/dev/disk/by-label/DATA:/dev/disk/by-uuid/0000-data", "bcachefs")},
		"bind over the store":                  {made(), fitting().set("/nix/store", "/nix/store", "none", "bind", "ro")},
		"overlay over the store":               {made(), fitting().set("/nix/store", "overlay", "overlay")},
		"home, bound":                          {made(), fitting().set("/home", "/persist/home", "none", "bind")},
		"home from a server":                   {made(), fitting().set("/home", "//server/home", "cifs")},
		"home from a server, by mount's guess": {made(), fitting().set("/home", "server:/home", "auto")},
		"home by sshfs":                        {made(), fitting().set("/home", "ann@server:/home", "fuse.sshfs")},
		"home on 9p":                           {made(), fitting().set("/home", "home", "9p", "trans=virtio")},
		"home, pooled":                         {made(), fitting().set("/home", "/a:/b", "fuse.mergerfs")},
		"root by a quoted tag":                 {made(), fitting().set("/", "LABEL='T-ROOT'", "ext4")},
		"data by a quoted UUID":                {made(), fitting().set("/data", `UUID="0000-data"`, "ext4")},
		"data by a quoted PARTUUID":            {made(), fitting().set("/data", "PARTUUID='0000-DATA'", "ext4")},
		"data by an escaped UUID":              {made(), fitting().set("/data", `/dev/disk/by-uuid/0000\x2dDATA`, "ext4")},
		"a disk of the network":                {made(), fitting().set("/data", "/dev/disk/by-uuid/1", "ext4", "_netdev")},
		"fuse as of old":                       {made(), fitting().set("/home", "sshfs#ann@server:/home", "fuse")},
		"zram":                                 {made(), alike(func(f *Facts) { f.SwapDevices = append(f.SwapDevices, SwapDevice{Device: "/dev/zram0"}) })},
		"an image of the store":                {made(), fitting().set("/firmware", "/nix/store/x-firmware.squashfs", "squashfs", "loop")},
		"ESP twice":                            {made(), fitting().set("/efi", "/dev/disk/by-label/T-EFI", "vfat", "umask=0077")},
		"swap that may be missing": {made(), alike(func(f *Facts) {
			f.SwapDevices = append(f.SwapDevices, SwapDevice{Device: "/dev/disk/by-uuid/7", Options: []string{"nofail"}})
		})},
		"swap in a container that is there": {made(), alike(func(f *Facts) {
			f.LUKSDevices["x"] = LUKSDevice{Device: "/dev/disk/by-uuid/0000-data"}
			f.SwapDevices = append(f.SwapDevices, SwapDevice{Device: "/dev/mapper/x"})
		})},
		"GRUB, removable": {made(), alike(func(f *Facts) {
			f.Loader = Loader{Grub: Grub{Enable: true, EFISupport: true, EFIInstallAsRemovable: true, Devices: []string{"nodev"}}}
		})},
		"GRUB, boot entry": {made(), alike(func(f *Facts) {
			f.Loader = Loader{CanTouchEFIVariables: true, Grub: Grub{Enable: true, EFISupport: true}}
		})},
		"GRUB beside systemd-boot": {made(), alike(func(f *Facts) { f.Loader.Grub.Enable = true })},
	} {
		t.Run(name, func(t *testing.T) {
			got := Compare(c.made, c.facts, upper)
			notes := slices.DeleteFunc(got.Notes, func(n string) bool { return strings.Contains(n, "so both work") })
			if len(problems(got))+len(notes) > 0 {
				t.Errorf("%q, %q", problems(got), notes)
			}
		})
	}
}

// upper takes UUIDs in either case, as udev's and a person's.
func upper(r Reference) Place {
	r.Name = strings.ToUpper(r.Name)
	return there(r)
}

func (Made) with(m Made, change func(*Made)) Made {
	change(&m)
	return m
}

// Each mismatch is refused, both sides and a way out are named, and nothing
// else is complained of.
func TestWhatDoesNotFit(t *testing.T) {
	for name, c := range map[string]struct {
		made   func(*Made)
		facts  func(*Facts)
		plain  bool
		host   string // what the host's side says
		makes  string // what host.toml's side says
		fix    string
		others []string // further words of the message
	}{
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
		"LUKS label": {
			facts: func(f *Facts) { f.LUKSDevices["crypt"] = LUKSDevice{Device: "/dev/disk/by-partlabel/X"} },
			host:  `boot.initrd.luks.devices."crypt".device is "/dev/disk/by-partlabel/X"`, makes: "labels.luks makes it /dev/disk/by-partlabel/T-LUKS",
			fix: "by-partlabel/T-LUKS",
		},
		"LUKS UUID": {
			facts: func(f *Facts) { f.LUKSDevices["crypt"] = LUKSDevice{Device: "/dev/disk/by-uuid/12"} },
			host:  "by-uuid/12", makes: "by-partlabel/T-LUKS", fix: "by-partlabel/T-LUKS", others: []string{"a UUID is new"},
		},
		"no LUKS": {
			facts: func(f *Facts) { f.LUKSDevices = nil },
			host:  `opens no LUKS device as "crypt"`, makes: "luks.mapperName makes it that", fix: "by-partlabel/T-LUKS",
		},
		"LUKS under another name": {
			facts: func(f *Facts) {
				f.LUKSDevices = map[string]LUKSDevice{"cryptroot": {Device: "/dev/disk/by-partlabel/T-LUKS"}}
				f.set("/", "/dev/mapper/cryptroot", "ext4")
			},
			host: `opens /dev/disk/by-partlabel/T-LUKS as "cryptroot"`, makes: `luks.mapperName makes it "crypt"`, fix: `luks.mapperName = "cryptroot"`,
		},
		"detached header": {
			facts: func(f *Facts) {
				f.LUKSDevices["crypt"] = LUKSDevice{Device: "/dev/disk/by-partlabel/T-LUKS", Header: "/h.img"}
			},
			host: `header is "/h.img"`, makes: "the installer keeps the header", fix: "remove its header",
		},
		"LUKS is not made": {
			plain: true, facts: func(f *Facts) { f.LUKSDevices = map[string]LUKSDevice{"x": {Device: "/dev/disk/by-partlabel/X"}} },
			host: `boot.initrd.luks.devices."x".device is "/dev/disk/by-partlabel/X"`, makes: "luks.enable is false", fix: "luks.enable = true",
		},
		"another LUKS that is nowhere": {
			facts: func(f *Facts) { f.LUKSDevices["data"] = LUKSDevice{Device: "/dev/disk/by-uuid/77"} },
			host:  `boot.initrd.luks.devices."data".device is "/dev/disk/by-uuid/77"`, makes: "the installer does not make it", fix: "attach the disk",
		},
		"swap label": {
			facts: func(f *Facts) { f.SwapDevices[0].Device = "/dev/disk/by-partlabel/SW" },
			host:  `swapDevices.*.device is "/dev/disk/by-partlabel/SW"`, makes: "labels.swap makes it /dev/disk/by-partlabel/T-SWAP", fix: "by-partlabel/T-SWAP",
		},
		"swap UUID": {
			plain: true, facts: func(f *Facts) { f.SwapDevices[0].Device = "/dev/disk/by-uuid/5" },
			host: "by-uuid/5", makes: "by-label/T-SWAP", fix: "by-label/T-SWAP", others: []string{"a UUID is new"},
		},
		"no swap": {
			facts: func(f *Facts) { f.SwapDevices = nil },
			host:  "swapDevices do not use /dev/disk/by-partlabel/T-SWAP", makes: "labels.swap makes", fix: "swap.enable = false",
		},
		"plain swap beside LUKS": {
			facts: func(f *Facts) { f.SwapDevices[0].RandomEncryption = false },
			host:  "without randomEncryption", makes: "the installer leaves it unformatted", fix: "randomEncryption.enable = true",
		},
		"random swap by a label that it erases": {
			plain: true, facts: func(f *Facts) { f.SwapDevices[0].RandomEncryption = true },
			host: `"/dev/disk/by-label/T-SWAP" with randomEncryption`, makes: "labels.swap is the partition's label too", fix: "by-partlabel/T-SWAP",
		},
		"swap is not made": {
			plain: true, made: func(m *Made) { m.Swap = "" },
			host: `swapDevices has "/dev/disk/by-label/T-SWAP"`, makes: "swap.enable is false", fix: "swap.enable = true",
		},
		"BIOS GRUB": {
			facts: func(f *Facts) { f.Loader = Loader{Grub: Grub{Enable: true, Devices: []string{"/dev/sda"}}} },
			host:  "efiSupport is false", makes: "a disk for UEFI", fix: "systemd-boot.enable = true",
		},
		"GRUB writes to another disk": {
			facts: func(f *Facts) {
				f.Loader = Loader{Grub: Grub{Enable: true, EFISupport: true, EFIInstallAsRemovable: true, Devices: []string{"/dev/sda"}}}
			},
			host: "boot.loader.grub writes to /dev/sda", makes: "the installer writes to the chosen disk only", fix: `"nodev"`,
		},
		"GRUB that nothing starts": {
			facts: func(f *Facts) { f.Loader = Loader{Grub: Grub{Enable: true, EFISupport: true}} },
			host:  "neither installs itself as removable", makes: "the new disk", fix: "efiInstallAsRemovable = true",
		},
		"Limine writes to another disk": {
			facts: func(f *Facts) { f.Loader = Loader{Limine: true, LimineBIOSDevice: "/dev/sda"} },
			host:  "boot.loader.limine writes to /dev/sda", makes: "the installer writes to the chosen disk only", fix: "biosSupport = false",
		},
		"Limine for BIOS": {
			facts: func(f *Facts) { f.Loader = Loader{Limine: true, LimineEFISupport: new(false)} },
			host:  "efiSupport is false", makes: "a disk for UEFI", fix: "efiSupport = true",
		},
		"uid beside another that is chosen": {
			facts: func(f *Facts) { f.Users["ann"], f.Users["abe"] = User{Normal: true}, User{Normal: true} },
			host:  `users.users."ann".uid is not set, and neither is that of users.users."abe"`, makes: "targetUid makes it 1000", fix: `users.users."ann".uid = 1000`,
		},
		"uid of another": {
			facts: func(f *Facts) { f.Users["ann"], f.Users["abe"] = User{}, User{UID: uid(1000)} },
			host:  `users.users."abe" has 1000`, makes: "targetUid makes it 1000", fix: `users.users."ann".uid = 1000`,
		},
		"uid is chosen, and it is not the first": {
			made: func(m *Made) { m.UID = 1001 }, facts: func(f *Facts) { f.Users["ann"] = User{Normal: true} },
			host: "NixOS begins with 1000", makes: "targetUid makes it 1001", fix: `users.users."ann".uid = 1001`,
		},
		"extlinux": {
			facts: func(f *Facts) { f.Loader = Loader{Extlinux: true} },
			host:  "generic-extlinux-compatible", makes: "a disk for UEFI", fix: "systemd-boot",
		},
		"no loader": {
			facts: func(f *Facts) { f.Loader = Loader{} },
			host:  "no boot loader", makes: "UEFI firmware starts", fix: "systemd-boot",
		},
		"keymap": {
			facts: func(f *Facts) { f.Keymap = "us" },
			host:  `console.keyMap is "us"`, makes: `keymap makes it "de"`, fix: `keymap = "us"`,
		},
		"no such user": {
			facts: func(f *Facts) { f.Users = map[string]User{"bob": {}} },
			host:  `no users.users."ann"`, makes: "targetUser gives it a home", fix: "targetUser",
		},
		"uid": {
			facts: func(f *Facts) { f.Users["ann"] = User{UID: uid(1001), Home: "/home/ann"} },
			host:  "uid is 1001", makes: "targetUid makes it 1000", fix: "targetUid = 1001",
		},
		"home": {
			facts: func(f *Facts) { f.Users["ann"] = User{Home: "/srv/ann"} },
			host:  `home is "/srv/ann"`, makes: `targetUser makes it "/home/ann"`, fix: "/home/ann",
		},
	} {
		t.Run(name, func(t *testing.T) {
			m, f := made(), fitting()
			if c.plain {
				m, f = plainMade(), plainFitting()
			}
			if c.made != nil {
				c.made(&m)
			}
			if c.facts != nil {
				c.facts(f)
			}
			got := Compare(m, f, there)
			if len(problems(got)) != 1 || len(fixes(got)) != 1 {
				t.Fatalf("%q, %q", problems(got), fixes(got))
			}
			for _, words := range append([]string{c.host, c.makes}, c.others...) {
				if !strings.Contains(problems(got)[0], words) {
					t.Errorf("no %q in %q", words, problems(got)[0])
				}
			}
			if !strings.Contains(fixes(got)[0], c.fix) {
				t.Errorf("no %q in %q", c.fix, fixes(got)[0])
			}
		})
	}
}

// Roots of other kinds: everything is said at once, and who does all of it has
// a host that fits.
func TestOtherRoots(t *testing.T) {
	for name, c := range map[string]struct {
		facts *Facts
		bad   []string // beginnings
	}{
		"btrfs with subvolumes": {
			fitting().set("/", "UUID=9", "btrfs", "subvol=root", "compress=zstd").set("/nix", "UUID=9", "btrfs", "subvol=nix").
				set("/home", "UUID=9", "btrfs", "subvol=home").set("/boot", "UUID=7-7", "vfat"),
			[]string{
				`fileSystems."/".device is "UUID=9"`, `fileSystems."/".fsType is "btrfs"`, `fileSystems."/".options has "subvol=root", "compress=zstd"`,
				`fileSystems."/boot".device is "UUID=7-7"`, `fileSystems."/home" is btrfs on "UUID=9"`, `fileSystems."/nix" is btrfs on "UUID=9"`,
			},
		},
		"ZFS": {
			fitting().set("/", "rpool/root", "zfs", "zfsutil").set("/nix", "rpool/nix", "zfs").set("/var/lib", "rpool/var", "zfs").set("/home", "DATA/home", "zfs"),
			[]string{
				`fileSystems."/".fsType is "zfs"`, `fileSystems."/".options has "zfsutil"`, `fileSystems."/nix" is zfs on "rpool/nix"`, `fileSystems."/var/lib" is zfs on "rpool/var"`,
			},
		},
		"tmpfs": {
			fitting().set("/", "none", "tmpfs", "size=2G", "mode=755").set("/nix", "UUID=9", "ext4").set("/persist", "UUID=9", "ext4").set("/etc/nixos", "/persist/etc/nixos", "none", "bind"),
			[]string{
				`fileSystems."/".fsType is "tmpfs"`, `fileSystems."/".options has "size=2G", "mode=755"`, `fileSystems."/nix" is ext4 on "UUID=9"`, `fileSystems."/persist".device is "UUID=9"`,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := Compare(made(), c.facts, there)
			if len(problems(got)) != len(c.bad) {
				t.Errorf("%q", problems(got))
			}
			for i := range min(len(problems(got)), len(c.bad)) {
				if !strings.HasPrefix(problems(got)[i], c.bad[i]) {
					t.Errorf("%q is not %q", problems(got)[i], c.bad[i])
				}
			}
			if !slices.ContainsFunc(fixes(got), func(f string) bool { return strings.Contains(f, "this installer makes one ext4 root and an ESP") }) {
				t.Errorf("%q", fixes(got))
			}
			done := fitting() // what the hint says
			for point, fs := range c.facts.FileSystems {
				if point != "/" && point != "/boot" && !slices.ContainsFunc(problems(got), func(b string) bool { return strings.HasPrefix(b, `fileSystems."`+point+`"`) }) {
					done.FileSystems[point] = fs
				}
			}
			if again := Compare(made(), done, there); len(problems(again)) > 0 {
				t.Errorf("still %q", problems(again))
			}
		})
	}
}

func TestNotes(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Made, *Facts)
		words  string
	}{
		"keyFile": {func(_ *Made, f *Facts) {
			f.LUKSDevices["crypt"] = LUKSDevice{Device: "/dev/disk/by-partlabel/T-LUKS", KeyFile: "/key"}
		}, `keyFile is "/key"`},
		"the store bound from elsewhere": {func(_ *Made, f *Facts) { f.set("/nix", "/persist/nix", "none", "bind") }, "extraPostMountCommands must bind it too"},
		"a folder of the root": {func(_ *Made, f *Facts) {
			f.set("/home", "/dev/disk/by-label/T-ROOT", "ext4", "X-mount.subdir=users")
		}, "extraMountDirs must make it"},
		"btrfs that may fail": {func(_ *Made, f *Facts) {
			f.set("/home", "/dev/disk/by-label/T-ROOT", "btrfs", "subvol=home", "nofail")
		}, "the host starts without that mount"},
		"a subvolume that may fail": {func(_ *Made, f *Facts) {
			f.set("/persist", "/dev/disk/by-label/T-ROOT", "ext4", "subvol=persist", "nofail")
		}, "the host starts without that mount"},
		"a file": {func(_ *Made, f *Facts) { f.set("/data", "/persist/disk.img", "ext4", "loop") }, `is the file "/persist/disk.img"`},
		"in a container, perhaps": {func(_ *Made, f *Facts) {
			f.set("/data", "UUID=77", "ext4").LUKSDevices["x"] = LUKSDevice{Device: "/dev/disk/by-uuid/0000-DATA"}
		}, "it may be in a container"},
		"the container's other name": {func(_ *Made, f *Facts) {
			f.LUKSDevices = map[string]LUKSDevice{"ours": {Device: "/dev/disk/by-partlabel/T-LUKS"}}
		}, `as "ours" and the installer as "crypt"`},
		"keymap unknown":       {func(_ *Made, f *Facts) { f.Keymap = "" }, "does not say which console keymap"},
		"keymap made by Nix":   {func(_ *Made, f *Facts) { f.Keymap = "/nix/store/x-keymap" }, "/nix/store/x-keymap"},
		"lanzaboote":           {func(_ *Made, f *Facts) { f.Loader = Loader{Lanzaboote: true} }, "boot.lanzaboote"},
		"limine":               {func(_ *Made, f *Facts) { f.Loader = Loader{Limine: true} }, "not systemd-boot or GRUB"},
		"resume, nowhere":      {func(_ *Made, f *Facts) { f.ResumeDevice = "/dev/disk/by-uuid/1" }, "boot.resumeDevice"},
		"resume, random":       {func(_ *Made, f *Facts) { f.ResumeDevice = "/dev/disk/by-partlabel/T-SWAP" }, "new key at each start"},
		"keymap without LUKS":  {func(m *Made, f *Facts) { *m, *f = plainMade(), *plainFitting(); f.Keymap = "us" }, `the installer's keymap is "de"`},
		"a loader of the host": {func(_ *Made, f *Facts) { f.Loader = Loader{External: true} }, "not systemd-boot or GRUB"},
	} {
		t.Run(name, func(t *testing.T) {
			m, f := made(), fitting()
			c.change(&m, f)
			got := Compare(m, f, there)
			if len(problems(got)) != 0 || len(got.Notes) != 1 || !strings.Contains(got.Notes[0], c.words) {
				t.Errorf("%q, %q", problems(got), got.Notes)
			}
		})
	}
}

func TestRefer(t *testing.T) {
	for device, want := range map[string]Reference{
		"/dev/disk/by-label/A":                {ByLabel, "A"},
		`/dev/disk/by-label/a\x20b`:           {ByLabel, "a b"},
		`LABEL=a\040b`:                        {ByLabel, "a b"},
		`LABEL="A"`:                           {ByLabel, "A"},
		`/dev/disk/by-label/a\zz`:             {ByLabel, `a\zz`},
		"/dev/disk/by-partlabel/A":            {ByPartLabel, "A"},
		"PARTLABEL=A":                         {ByPartLabel, "A"},
		"/dev/disk/by-uuid/A":                 {ByUUID, "A"},
		"UUID=A":                              {ByUUID, "A"},
		"/dev/disk/by-partuuid/A":             {ByPartUUID, "A"},
		"PARTUUID=A":                          {ByPartUUID, "A"},
		"/dev/mapper/A":                       {ByMapper, "A"},
		"/dev/disk/by-id/dm-name-A":           {ByMapper, "A"},
		"/dev/disk/by-id/nvme-A-part2":        {ByOther, "disk/by-id/nvme-A-part2"},
		"/dev/sda2":                           {ByOther, "sda2"},
		"tmpfs":                               {NotDevice, "tmpfs"},
		"/persist/home":                       {NotDevice, "/persist/home"},
		"":                                    {NotDevice, ""},
		"server:/x":                           {NotDevice, "server:/x"},
		"/dev/disk/by-label/":                 {ByLabel, ""},
		`/dev/disk/by-label/` + `a\x2fb\x5cc`: {ByLabel, `a/b\c`},
	} {
		if got := Refer(device); got != want {
			t.Errorf("%q: %q", device, got)
		}
	}
}
