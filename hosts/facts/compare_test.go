package facts

import (
	"slices"
	"strings"
	"testing"

	"auto-installer/hosts"
)

func TestWhatFits(t *testing.T) {
	alike := func(change func(*Facts)) *Facts {
		f := fitting()
		change(f)
		return f
	}
	for name, c := range map[string]struct {
		made  hosts.Host
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
		"no user":                          {with(made(), func(m *hosts.Host) { m.TargetUser = "" }), alike(func(f *Facts) { f.Users = nil })},
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

func TestNotes(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*hosts.Host, *Facts)
		words  string
	}{
		"keyFile": {func(_ *hosts.Host, f *Facts) {
			f.LUKSDevices["crypt"] = LUKSDevice{Device: "/dev/disk/by-partlabel/T-LUKS", KeyFile: "/key"}
		}, `keyFile is "/key"`},
		"the store bound from elsewhere": {func(_ *hosts.Host, f *Facts) { f.set("/nix", "/persist/nix", "none", "bind") }, "extraPostMountCommands must bind it too"},
		"a folder of the root": {func(_ *hosts.Host, f *Facts) {
			f.set("/home", "/dev/disk/by-label/T-ROOT", "ext4", "X-mount.subdir=users")
		}, "extraMountDirs must make it"},
		"btrfs that may fail": {func(_ *hosts.Host, f *Facts) {
			f.set("/home", "/dev/disk/by-label/T-ROOT", "btrfs", "subvol=home", "nofail")
		}, "the host starts without that mount"},
		"a subvolume that may fail": {func(_ *hosts.Host, f *Facts) {
			f.set("/persist", "/dev/disk/by-label/T-ROOT", "ext4", "subvol=persist", "nofail")
		}, "the host starts without that mount"},
		"a file": {func(_ *hosts.Host, f *Facts) { f.set("/data", "/persist/disk.img", "ext4", "loop") }, `is the file "/persist/disk.img"`},
		"in a container, perhaps": {func(_ *hosts.Host, f *Facts) {
			f.set("/data", "UUID=77", "ext4").LUKSDevices["x"] = LUKSDevice{Device: "/dev/disk/by-uuid/0000-DATA"}
		}, "it may be in a container"},
		"the container's other name": {func(_ *hosts.Host, f *Facts) {
			f.LUKSDevices = map[string]LUKSDevice{"ours": {Device: "/dev/disk/by-partlabel/T-LUKS"}}
		}, `as "ours" and the installer as "crypt"`},
		"keymap unknown":       {func(_ *hosts.Host, f *Facts) { f.Keymap = "" }, "does not say which console keymap"},
		"keymap made by Nix":   {func(_ *hosts.Host, f *Facts) { f.Keymap = "/nix/store/x-keymap" }, "/nix/store/x-keymap"},
		"lanzaboote":           {func(_ *hosts.Host, f *Facts) { f.Loader = Loader{Lanzaboote: true} }, "boot.lanzaboote"},
		"limine":               {func(_ *hosts.Host, f *Facts) { f.Loader = Loader{Limine: true} }, "not systemd-boot or GRUB"},
		"resume, nowhere":      {func(_ *hosts.Host, f *Facts) { f.ResumeDevice = "/dev/disk/by-uuid/1" }, "boot.resumeDevice"},
		"resume, random":       {func(_ *hosts.Host, f *Facts) { f.ResumeDevice = "/dev/disk/by-partlabel/T-SWAP" }, "new key at each start"},
		"keymap without LUKS":  {func(m *hosts.Host, f *Facts) { *m, *f = plainMade(), *plainFitting(); f.Keymap = "us" }, `the installer's keymap is "de"`},
		"a loader of the host": {func(_ *hosts.Host, f *Facts) { f.Loader = Loader{External: true} }, "not systemd-boot or GRUB"},
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
