package savelog

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/moby/sys/mountinfo"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/disk/block/blocktest"
	"auto-installer/internal/disk/gpt"
)

func short(ps []Place) (s []string) {
	for _, p := range ps {
		s = append(s, p.Device)
	}
	return s
}

func TestPlacesOnMachines(t *testing.T) {
	for _, c := range []struct {
		machine, target string
		want            []string
	}{
		// The stick's own EFI partition is a part of the image.
		{"laptop", "/dev/nvme0n1", nil},
		{"fivedisks", "/dev/vda", []string{
			"/dev/sdc2", "/dev/sdd1", "/dev/sdd2", "/dev/sdd3", "/dev/sdd4", "/dev/sdd5", "/dev/sde1", "/dev/sdc1",
		}},
		{"fivedisks", "/dev/disk/by-id/ata-WDC_WD40EFRX-68N32N0_WD-WCC7K0AAAAAA", []string{
			"/dev/sdc2", "/dev/sde1", "/dev/sdc1",
		}},
	} {
		fake, root := blocktest.Machine(t, c.machine)
		got, err := Places(t.Context(), fake, root, c.target)
		if err != nil || !slices.Equal(short(got), c.want) {
			t.Errorf("%s, %s: %q, %v", c.machine, c.target, short(got), err)
		}
	}
	fake, root := blocktest.Machine(t, "fivedisks")
	if err := os.Remove(filepath.Join(root, "proc/self/mountinfo")); err != nil {
		t.Fatal(err)
	}
	if _, err := Places(t.Context(), fake, root, ""); err == nil {
		t.Error("no error without mountinfo")
	}
}

func TestPlaces(t *testing.T) {
	const mib = 1 << 20
	part := func(name, fs string, change func(*block.Device)) block.Device {
		d := block.Device{Name: name, Path: "/dev/" + name, Type: block.TypePart, Size: mib, FSType: fs, Label: "L-" + name}
		if change != nil {
			change(&d)
		}
		return d
	}
	inv := &block.Inventory{Devices: []block.Device{
		{Name: "sda", Path: "/dev/sda", Type: block.TypeDisk, Size: 9 * mib, Model: "Target", Partitions: []block.Device{
			part("sda1", "vfat", nil),
			part("sda2", "crypto_LUKS", func(d *block.Device) {
				d.Children = []block.Device{{Name: "dm-0", Path: "/dev/mapper/t", Type: "crypt", FSType: "ext4", Size: mib, Mountpoints: []string{"/mnt"}}}
			}),
		}},
		{Name: "dm-0", Path: "/dev/mapper/t", Type: "crypt", FSType: "ext4", Size: mib, Mountpoints: []string{"/mnt"}},
		{Name: "dm-1", Path: "/dev/mapper/home", Type: "lvm", FSType: "xfs", Size: mib, Mountpoints: []string{"/home"}},
		{Name: "dm-2", Path: "/dev/mapper/idle", Type: "lvm", FSType: "xfs", Size: mib},
		{Name: "loop0", Path: "/dev/loop0", Type: "loop", FSType: "ext4", Size: mib},
		{Name: "zram1", Path: "/dev/zram1", Type: block.TypeDisk, FSType: "ext4", Size: mib, Mountpoints: []string{"/tmp"}},
		{Name: "sdb", Path: "/dev/sdb", Type: block.TypeDisk, Size: 9 * mib, Model: "Disk", Partitions: []block.Device{
			part("sdb1", "vfat", func(d *block.Device) { d.PartType = gpt.TypeESP }),
			part("sdb2", "ext4", func(d *block.Device) { d.Holders = []string{"md0"} }),
			part("sdb3", "ext4", func(d *block.Device) { d.ReadOnly = true }),
			part("sdb4", "ext4", func(d *block.Device) { d.Mountpoints = []string{"/ro"} }),
			part("sdb5", "ntfs", nil),
			part("sdb6", "btrfs", func(d *block.Device) { d.Mountpoints = []string{"/ro", "/data"} }),
			part("sdb7", "ext3", func(d *block.Device) { d.Live = []string{"/iso"} }),
			part("sdb8", "xfs", nil),
			part("sdb9", "swap", func(d *block.Device) { d.Swap = true }),
		}},
		{Name: "sdc", Path: "/dev/sdc", Type: block.TypeDisk, Size: mib, Model: "Stick", FSType: "exfat", Label: "KEY", Transport: "usb"},
		{Name: "sdd", Path: "/dev/sdd", Type: block.TypeDisk, Size: 9 * mib, Model: "ISO", FSType: "iso9660", Removable: true, Partitions: []block.Device{
			part("sdd1", "iso9660", func(d *block.Device) { d.Mountpoints = []string{"/iso"} }),
			part("sdd2", "vfat", func(d *block.Device) { d.PartType = "0xef" }),
			part("sdd3", "vfat", nil),
		}},
	}}
	writable := map[string]bool{"/data": true, "/mnt": true, "/home": true, "/tmp": true}
	got := places(inv, "/dev/sda", writable)
	want := []Place{
		{Device: "/dev/sdc", Label: "KEY", FSType: "exfat", Disk: "Stick", Size: mib},
		{Device: "/dev/sdd3", Label: "L-sdd3", FSType: "vfat", Disk: "ISO", Size: mib},
		{Device: "/dev/mapper/home", FSType: "xfs", Size: mib, rank: 1},
		{Device: "/dev/sdb6", Label: "L-sdb6", FSType: "btrfs", Disk: "Disk", Size: mib, rank: 1},
		{Device: "/dev/sdb8", Label: "L-sdb8", FSType: "xfs", Disk: "Disk", Size: mib, rank: 1},
		{Device: "/dev/sdb1", Label: "L-sdb1", FSType: "vfat", Disk: "Disk", Size: mib, rank: 3},
	}
	if !slices.Equal(got, want) {
		for _, p := range got {
			t.Logf("%+v", p)
		}
		t.Error("unexpected places")
	}
	for _, target := range []string{"/dev/sdb", "/dev/sdc", ""} {
		for _, p := range places(inv, target, writable) {
			if target != "" && len(p.Device) >= len(target) && p.Device[:len(target)] == target {
				t.Errorf("%s is on the target", p.Device)
			}
		}
	}
}

func TestWritable(t *testing.T) {
	mounts, err := mountinfo.GetMountsFromReader(strings.NewReader(`24 1 0:24 / / rw,relatime shared:1 - tmpfs tmpfs rw,size=4G
25 24 8:1 / /iso ro,relatime - iso9660 /dev/sda1 rw
26 24 8:2 / /a\040b rw - vfat /dev/sda2 rw,errors=remount-ro
27 24 8:3 / /c rw - ext4 /dev/sda3 ro
28 24 8:4 / /d rw - ext4 /dev/sda4 rw
29 24 8:4 / /d ro - ext4 /dev/sda4 rw
30 24 8:5 / /rwx rwx - ext4 /dev/sda5 rwx
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	got := writable(mounts)
	want := map[string]bool{"/": true, "/iso": false, "/a b": true, "/c": false, "/d": false, "/rwx": false}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v", got)
	}
}
