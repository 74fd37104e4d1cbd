package relabel

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"auto-installer/internal/disk/gpt"
	"auto-installer/internal/engine/enginetest"
	"auto-installer/internal/sys"
)

func TestFindPlain(t *testing.T) {
	t.Parallel()
	f, fs := plain().fake(t)
	probed(f, "/dev/nvme0n1p1", "vfat", "FAT32", "OLD-EFI")
	probed(f, "/dev/nvme0n1p2", "ext4", "1.0", "OLD-ROOT")
	probed(f, "/dev/nvme0n1p3", "swap", "1", "")
	o := plainFind
	o.FS = fs
	l, err := o.Run(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	const table = `
        device                          is        will be
  ESP   /dev/nvme0n1p1  FAT label       OLD-EFI   T-EFI
  root  /dev/nvme0n1p2  ext4 label      OLD-ROOT  T-ROOT
  swap  /dev/nvme0n1p3  swap label      (none)    T-SWAP
  ESP   /dev/nvme0n1p1  partition name  old esp   T-EFI
  root  /dev/nvme0n1p2  partition name  (none)    T-ROOT
  swap  /dev/nvme0n1p3  partition name  T-SWAP    (the same)
`
	if got := "\n" + l.Table(); got != table {
		t.Errorf("the table is%s", got)
	}
	if want := (Mount{Device: "/dev/nvme0n1p1", Point: "/boot", Options: "rw,nosuid,relatime,fmask=0077,errors=remount-ro"}); l.Mount != want {
		t.Errorf("the ESP is mounted as %+v", l.Mount)
	}
	if l.Swap == nil || l.Swap.Priority != 5 {
		t.Errorf("the swap is %+v", l.Swap)
	}
	if want := []string{
		`fileSystems."/".device = "/dev/disk/by-label/T-ROOT";`,
		`fileSystems."/boot".device = "/dev/disk/by-label/T-EFI";`,
		`swapDevices = [ { device = "/dev/disk/by-label/T-SWAP"; } ];`,
	}; !slices.Equal(l.Config, want) {
		t.Errorf("the lines are %q", l.Config)
	}
	// A reboot now would find no root.
	if len(l.Warnings) != 1 || !strings.Contains(l.Warnings[0], "by-label/OLD-ROOT") {
		t.Errorf("the warnings are %q", l.Warnings)
	}
}

func TestFindLUKS(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"1", "2"} {
		t.Run("LUKS"+version, func(t *testing.T) {
			t.Parallel()
			f, fs := encrypted().fake(t)
			probed(f, "/dev/nvme0n1p1", "vfat", "FAT32", "T-EFI")
			probed(f, "/dev/mapper/crypt", "ext4", "1.0", "")
			probed(f, "/dev/nvme0n1p2", "crypto_LUKS", version, "")
			if version == "2" {
				probed(f, "/dev/nvme0n1p2", "crypto_LUKS", version, "")
			}
			o := luksFind
			o.FS = fs
			l, err := o.Run(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, label := range l.Changes() {
				got = append(got, label.String())
			}
			want := []string{
				"ext4 label of /dev/mapper/crypt: (none) → T-ROOT",
				"LUKS label of /dev/nvme0n1p2: (none) → T-LUKS",
				"partition name of /dev/nvme0n1p2: (none) → T-LUKS",
				"partition name of /dev/nvme0n1p3: (none) → T-SWAP",
			}
			by := "by-label"
			if version == "1" {
				want, by = slices.Delete(want, 1, 2), "by-partlabel"
				if len(l.Warnings) != 1 || !strings.Contains(l.Warnings[0], "LUKS1") {
					t.Errorf("the warnings are %q", l.Warnings)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("the changes are\n%s", strings.Join(got, "\n"))
			}
			if l.Labels[1].Node != "/dev/dm-0" {
				t.Errorf("the root's node is %s", l.Labels[1].Node)
			}
			if want := []string{
				`swapDevices = [ { device = "/dev/disk/by-partlabel/T-SWAP"; randomEncryption.enable = true; } ];`,
				`boot.initrd.luks.devices."crypt".device = "/dev/disk/` + by + `/T-LUKS";`,
			}; !slices.Equal(l.Config[2:], want) {
				t.Errorf("the lines are %q", l.Config)
			}
		})
	}
}

// The host is mounted elsewhere, with its swap off and its ESP not mounted.
func TestFindMountedElsewhere(t *testing.T) {
	t.Parallel()
	m := plain()
	m.mounts = "1 0 0:2 / / rw - tmpfs tmpfs rw\n" + strings.Replace(rootMount, " / / ", " / /mnt ", 1)
	m.swaps = header
	l := findOf(t, m, "/mnt")
	if len(l.Labels) != 6 || l.Mount.Point != "" || len(released(l)) > 0 || !strings.Contains(l.Config[1], `"/boot"`) {
		t.Errorf("%+v", l)
	}
}

// released are the commands that end the uses of the devices.
func released(l *Layout) [][]string {
	release, _ := l.uses()
	return enginetest.Commands(enginetest.Shown(release...))
}

// findOf looks at a machine with the plain layout.
func findOf(t *testing.T, m machine, at string) *Layout {
	t.Helper()
	f, fs := m.fake(t)
	probed(f, "/dev/nvme0n1p1", "vfat", "FAT32", "OLD-EFI")
	probed(f, "/dev/nvme0n1p2", "ext4", "1.0", "OLD-ROOT")
	probed(f, "/dev/nvme0n1p3", "swap", "1", "")
	o := plainFind
	o.FS, o.At = fs, at
	l, err := o.Run(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestAutomounted(t *testing.T) {
	t.Parallel()
	m := plain()
	m.mounts = rootMount + "29 24 0:40 / /boot rw - autofs systemd-1 rw\n" + bootMount
	if l := findOf(t, m, "/"); !l.Mount.Auto {
		t.Errorf("%+v", l)
	}
}

// An ESP at an unusual mount point is unmounted too.
func TestFindESPElsewhere(t *testing.T) {
	t.Parallel()
	m := plain()
	m.mounts = rootMount + strings.Replace(bootMount, "/boot", "/boot/esp", 1)
	l := findOf(t, m, "/")
	if l.Mount.Point != "/boot/esp" || !strings.Contains(l.Config[1], `"/boot/esp"`) {
		t.Errorf("%+v", l)
	}
	if got := released(l); len(got) == 0 || !slices.Equal(got[0], []string{"umount", "/boot/esp"}) {
		t.Errorf("%+v", got)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	stick := func(label, partLabel string) string {
		return "," + dev("sda", "8:0", "disk", "", "", "", "", dev("sda1", "8:1", "part", "ext4", label, data, partLabel))
	}
	without := func(f Find, set func(*Find)) Find { set(&f); return f }
	noSwap := func(f *Find) { f.Swap = "" }
	for _, c := range []struct {
		name   string
		m      machine
		change func(*machine)
		o      Find
		words  string
		hint   string
		code   sys.Code
	}{
		{"a live system", plain(), func(m *machine) { m.mounts = "1 0 0:2 / / rw - tmpfs tmpfs rw\n" }, plainFind, "is on no disk: it is tmpfs", "--root", sys.CodeContract},
		{"nothing mounted there", plain(), nil, without(plainFind, func(f *Find) { f.At = "/mnt" }), "nothing is mounted at /mnt", "mount", sys.CodeUsage},
		{"btrfs", plain(), func(m *machine) { m.mounts = strings.Replace(m.mounts, "ext4", "btrfs", 1) }, plainFind, "is btrfs, not ext4", "by the tools of btrfs", sys.CodeContract},
		{"f2fs", plain(), func(m *machine) { m.mounts = strings.Replace(m.mounts, "ext4", "f2fs", 1) }, plainFind, "is f2fs", "f2fs", sys.CodeContract},
		{"no LUKS", plain(), nil, luksFind, "is encrypted, and /dev/nvme0n1p2 is not", "luks.enable", sys.CodeContract},
		{"LUKS after all", encrypted(), nil, without(luksFind, func(f *Find) { f.LUKS = "" }), "the root is encrypted", "luks.enable", sys.CodeContract},
		{"LUKS over something", encrypted(), func(m *machine) { m.slaves["dm-0"] = "md0" }, luksFind, "not a LUKS container on a partition", "by hand", sys.CodeContract},
		{"root on a whole disk", plain(), func(m *machine) { m.mounts = strings.Replace(m.mounts, "259:2", "259:0", 1) }, plainFind, "is disk and not a partition", "by hand", sys.CodeContract},
		{"no ESP", plain(), func(m *machine) {
			m.lsblk = strings.Replace(m.lsblk, esp, data, 1)
			m.mounts = rootMount
		}, plainFind, "the ESP was not found", "/boot", sys.CodeContract},
		{"two ESPs", plain(), func(m *machine) {
			m.lsblk = strings.Replace(m.lsblk, `"ext4","label":"OLD-ROOT","parttype":"`+data, `"vfat","label":"OLD-ROOT","parttype":"`+esp, 1)
			m.mounts = rootMount
		}, plainFind, "could be any of /dev/nvme0n1p1, /dev/nvme0n1p2", "/boot", sys.CodeContract},
		{"/boot is no ESP", plain(), func(m *machine) { m.lsblk = strings.Replace(m.lsblk, esp, data, 1) }, plainFind, "is not an ESP", "", sys.CodeContract},
		{"ESP mounted twice", plain(), func(m *machine) { m.mounts += strings.Replace(bootMount, "/boot", "/efi", 1) }, plainFind, "more than once: at /boot and /efi", "only one", sys.CodeGate},
		{"something below the ESP", plain(), func(m *machine) { m.mounts += "40 30 0:50 / /boot/x rw - tmpfs tmpfs rw\n" }, plainFind, "/boot/x is mounted below", "unmount /boot/x", sys.CodeGate},
		{"no swap", plain(), func(m *machine) { m.lsblk, m.swaps = strings.Replace(m.lsblk, gpt.TypeSwap, data, 1), header }, plainFind, "the swap partition was not found", "swap.enable", sys.CodeContract},
		{"plain swap beside LUKS", encrypted(), func(m *machine) { m.swaps = header + "/dev/nvme0n1p3 partition 1 0 -2\n" }, luksFind, "is not encrypted", "randomEncryption", sys.CodeContract},
		{"encrypted swap without LUKS", plain(), func(m *machine) {
			m.lsblk = strings.Replace(m.lsblk, `"partlabel":"T-SWAP","mountpoints":[null],"children":[`,
				`"partlabel":"T-SWAP","mountpoints":[null],"children":[`+dev("swap", "254:1", "crypt", "swap", "", "", ""), 1)
			m.lsblk = strings.Replace(m.lsblk, `"fstype":"swap","label":"","parttype":"`+gpt.TypeSwap, `"fstype":"","label":"","parttype":"`+gpt.TypeSwap, 1)
			m.swaps = header + "/dev/dm-1 partition 1 0 -2\n"
		}, plainFind, "the swap on /dev/nvme0n1p3 is encrypted", "", sys.CodeContract},
		{"no GPT", plain(), func(m *machine) { m.names = nil }, plainFind, "reading the partition table of /dev/nvme0n1", "GPT", sys.CodeContract},
		{"more swapped than fits", plain(), func(m *machine) { m.swaps = strings.Replace(m.swaps, " 8 ", " 1800000 ", 1) }, plainFind, "the 1.7 GiB in it would not fit in the 2 GiB", "end programs", sys.CodeGate},
		{"the label on another disk", plain(), func(m *machine) { m.lsblk += stick("T-ROOT", "") }, without(plainFind, noSwap), "/dev/sda1 (T-ROOT)", "remove that disk", sys.CodeDisk},
		{"the name on another disk", plain(), func(m *machine) { m.lsblk += stick("", "T-EFI") }, without(plainFind, noSwap), "/dev/sda1 (T-EFI)", "remove that disk", sys.CodeDisk},
		{"the label elsewhere on this disk", plain(), nil, without(plainFind, func(f *Find) { f.Root, f.Swap = "T-SWAP", "" }), "/dev/nvme0n1p3 (T-SWAP)", "", sys.CodeDisk},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.change != nil {
				c.change(&c.m)
			}
			f, fs := c.m.fake(t)
			s := &blkid{Fake: f}
			c.o.FS = fs
			l, err := c.o.Run(t.Context(), s)
			fault, ok := errors.AsType[*sys.Fault](err)
			if !ok {
				t.Fatalf("not refused: %+v, %v", l, err)
			}
			if !strings.Contains(fault.Cause, c.words) || !strings.Contains(fault.Hint, c.hint) || fault.Hint == "" || fault.Code != c.code {
				t.Errorf("code %d\nerror: %s\nhint: %s", fault.Code, fault.Cause, fault.Hint)
			}
		})
	}
}

// Another part of the same host may have the label now.
func TestLabelsThatChangePlaces(t *testing.T) {
	t.Parallel()
	f, fs := plain().fake(t)
	o := plainFind
	o.FS, o.Root, o.Swap = fs, "T-SWAP", "OLD-ROOT"
	if _, err := o.Run(t.Context(), &blkid{Fake: f}); err != nil {
		t.Error(err)
	}
}

func TestSwapThatTheHostHasNot(t *testing.T) {
	t.Parallel()
	f, fs := plain().fake(t)
	o := plainFind
	o.FS, o.Swap = fs, ""
	l, err := o.Run(t.Context(), &blkid{Fake: f})
	if err != nil || len(l.Labels) != 4 || !slices.ContainsFunc(l.Warnings, func(w string) bool { return strings.Contains(w, "stays as it is") }) {
		t.Errorf("%+v, %v", l, err)
	}
}

func TestProbe(t *testing.T) {
	t.Parallel()
	got := parseProbe("ID_FS_LABEL=a_b_c__\nID_FS_LABEL_ENC=a\\x20b\\x22c\\x5c\\x0\nID_FS_SUBSYSTEM=s\nID_FS_TYPE=crypto_LUKS\nID_FS_VERSION=2\n")
	if want := (signature{"2", "a b\"c\\\\x0", "s"}); got != want {
		t.Errorf("%q", got)
	}
}
