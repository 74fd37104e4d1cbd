package choice_test

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/disk/block/blocktest"
	"auto-installer/internal/disk/choice"
	"auto-installer/internal/disk/gpt"
	"auto-installer/internal/sys"
)

var update = flag.Bool("update", false, "write what Table prints to testdata")

// TestTable compares all ranks, reasons and refusals of the made-up machines
// with testdata, and checks that no line is too long.
func TestTable(t *testing.T) {
	for _, name := range []string{"laptop", "fivedisks", "server", "plain", "copytoram", "paths"} {
		golden := filepath.Join("testdata", name+".txt")
		got := choice.Table(choice.Rank(blocktest.Inventory(t, name)), 100)
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
		}
		for line := range strings.Lines(got) {
			if len([]rune(line)) > 101 {
				t.Errorf("%s: longer than 100 columns: %s", name, line)
			}
		}
	}
}

func TestChoose(t *testing.T) {
	type want struct {
		disk  string   // chosen, or
		cause []string // what the cause must say
		hint  []string
	}
	for _, c := range []struct {
		machine, named string
		want           want
	}{
		{"laptop", "", want{disk: "nvme0n1"}},
		{"laptop", "/dev/disk/by-id/nvme-eui.0025384131b0a1c2", want{disk: "nvme0n1"}},
		{"laptop", "/dev/sda", want{
			cause: []string{"/dev/sda (Cruzer Blade, serial 4C530001230504107, 14.4 GiB) cannot be used: the running system stands on it (/iso, "},
			hint:  []string{"nvme-Samsung_SSD_990_PRO_1TB_S6Z1NX0T123456A"},
		}},
		{"laptop", "/dev/disk/by-id/nvme-Samsung_SSD_990_PRO_1TB_S6Z1NX0T123456A-part2", want{
			cause: []string{"/dev/nvme0n1p2 is partition 2 of /dev/nvme0n1 (Samsung SSD 990 PRO 1TB, serial S6Z1NX0T123456A, 931.5 GiB)"},
			hint:  []string{"--disk /dev/disk/by-id/nvme-Samsung_SSD_990_PRO_1TB_S6Z1NX0T123456A"},
		}},
		{"laptop", "/dev/sda2", want{cause: []string{"/dev/sda2 is partition 2 of /dev/sda"}, hint: []string{"whole disk"}}},
		{"laptop", "/dev/sdz", want{cause: []string{"there is no disk /dev/sdz"}, hint: []string{"nvme-Samsung_SSD_990_PRO_1TB_S6Z1NX0T123456A"}}},
		{"laptop", "/dev/loop0", want{cause: []string{"a loop device, not a disk"}}},
		{"laptop", "/dev/zram0", want{cause: []string{"compressed memory"}}},

		{"fivedisks", "", want{
			cause: []string{
				"/dev/sdc (KINGSTON SA400S37240G, serial 50026B7782B1C0DE, 223.6 GiB)", "/dev/vda (serial TARGET01, 20 GiB)",
				"the first holds data and the other is blank",
			},
			hint: []string{"--disk /dev/disk/by-id/ata-KINGSTON_SA400S37240G_50026B7782B1C0DE or --disk /dev/disk/by-id/virtio-TARGET01", "INSTALL_DISK"},
		}},
		{"fivedisks", "/dev/disk/by-id/virtio-TARGET01", want{disk: "vda"}},
		{"fivedisks", "/dev/sdc", want{disk: "sdc"}},
		{"fivedisks", "/dev/sde", want{cause: []string{"/dev/sde1 is mounted at /media/backup"}}},

		{"server", "", want{disk: "sdf"}}, // nothing is blank; more partitions than the other
		{"server", "/dev/mapper/vg0-root", want{cause: []string{"an LVM volume, not a whole disk"}}},
		{"server", "/dev/dm-1", want{cause: []string{"an open LUKS volume, not a whole disk"}}},
		{"server", "/dev/sda", want{cause: []string{"is mounted at /mnt/old", "in use by the md array /dev/md127"}}},
		{"server", "/dev/sdc", want{cause: []string{"in use by the open LUKS volume /dev/mapper/cryptdata"}}},
		{"server", "/dev/sdd", want{cause: []string{"/dev/mapper/vg1-swap is swap in use"}}},
		{"server", "/dev/sdg", want{cause: []string{"in use by the multipath device /dev/mapper/mpatha"}}},
		{"server", "/dev/sdj", want{cause: []string{"/dev/sdj is mounted at /srv"}}},
		{"server", "/dev/sdk", want{cause: []string{"in use by ZFS pool tank"}}},
		{"server", "/dev/sr0", want{cause: []string{"an optical drive"}}},
		{"server", "/dev/sde", want{disk: "sde"}}, // an inactive LVM member, but named

		{"plain", "", want{cause: []string{"/dev/vda (64 GiB) or /dev/vdb (64 GiB): they rank the same"}, hint: []string{"--disk /dev/vda or --disk /dev/vdb"}}},
		{"plain", "/dev/sda", want{disk: "sda"}}, // removable, but named
		{"plain", "/dev/sdb", want{cause: []string{"no medium in it (size 0)"}}},
		{"plain", "/dev/sdc", want{cause: []string{"it is read-only"}}},
		{"plain", "/dev/mmcblk0boot0", want{cause: []string{"hidden area"}}},

		{"paths", "/dev/disk/by-id/usb-Dock_AAA2-0:0", want{disk: "sdb"}}, // another bay of the dock, with the same WWN of zeros
		{"paths", "/dev/sdd", want{disk: "sdd"}},                          // another, with the same serial number too
		{"paths", "/dev/nvme0n2", want{disk: "nvme0n2"}},                  // another namespace
		{"paths", "/dev/disk/by-id/scsi-SAN_LUN7", want{disk: "sde"}},     // a second path
		{"paths", "", want{
			cause: []string{"/dev/sde (SAN, serial LUN7, 1 TiB) or /dev/nvme0n2", "the first holds data and the other is blank"},
			hint:  []string{"--disk /dev/disk/by-id/scsi-SAN_LUN7"},
		}},

		{"copytoram", "", want{disk: "nvme0n1"}},
		{"copytoram", "/dev/sda", want{cause: []string{"it is an installation medium (iso9660 nixos-minimal)"}}},
		{"copytoram", "/dev/sdb", want{cause: []string{`this session was started from it (Boot0004 "UEFI Ventoy")`}}},
	} {
		t.Run(c.machine+" "+c.named, func(t *testing.T) {
			fake, root := blocktest.Machine(t, c.machine)
			found, err := choice.Run(t.Context(), fake, root, c.named)
			if c.want.disk != "" {
				if err != nil || found.Chosen.Device.Name != c.want.disk {
					t.Fatalf("chose %q, %v", found.Chosen.Device.Name, err)
				}
				return
			}
			f, ok := errors.AsType[*sys.Fault](err)
			if !ok || f.Code != sys.CodeDisk || f.Hint == "" || found.Chosen.Device.Name != "" {
				t.Fatalf("chose %q, %#v", found.Chosen.Device.Name, err)
			}
			for _, say := range c.want.cause {
				if !strings.Contains(f.Cause, say) {
					t.Errorf("the cause lacks %q: %s", say, f.Cause)
				}
			}
			for _, say := range c.want.hint {
				if !strings.Contains(f.Hint, say) {
					t.Errorf("the hint lacks %q: %s", say, f.Hint)
				}
			}
			if len(found.Verdicts) == 0 {
				t.Error("what was found is not returned with the error")
			}
		})
	}
}

// disk is a whole disk of some GiB with partitions of these signatures.
func disk(name string, size int64, signatures ...string) block.Device {
	d := block.Device{Name: name, Path: "/dev/" + name, Type: block.TypeDisk, Size: size << 30, Model: "M", Serial: "S" + name}
	for i, s := range signatures {
		path := block.PartitionPath(d.Path, i+1)
		p := block.Device{Name: filepath.Base(path), Path: path, Type: block.TypePart, Number: i + 1, Size: 1 << 30, FSType: s, PartUUID: path}
		if s == "vfat" {
			p.PartType = gpt.TypeESP
		}
		d.Partitions = append(d.Partitions, p)
	}
	return d
}

func TestOrder(t *testing.T) {
	outside := disk("sdu", 500, "vfat", "ext4")
	outside.Transport = "usb"
	stick := disk("sdr", 500)
	stick.Removable = true
	busy := disk("sdm", 9, "ext4")
	busy.WWN, busy.Partitions[0].Mountpoints = "wwn", []string{"/x"}
	twin := disk("sdn", 9, "ext4")
	twin.WWN, twin.Serial = busy.WWN, busy.Serial
	path := disk("sdl", 9, "ext4")
	path.WWN, path.Serial = "wwn", "S1"
	second := disk("sdk", 9, "ext4")
	second.WWN, second.Serial = "wwn", "S1"
	card := disk("mmcblk0", 500, "vfat", "ext4")
	card.Transport = block.TransportCard
	external := func(d block.Device) block.Device {
		d.Transport = "usb"
		return d
	}
	for name, c := range map[string]struct {
		disks  []block.Device
		first  string // of the ranking
		chosen bool
		says   string // in the fault
	}{
		"an ESP before more partitions":    {[]block.Device{disk("sda", 9, "ext4", "ext4", "ext4"), disk("sdb", 1, "vfat")}, "sdb", true, ""},
		"more partitions before the size":  {[]block.Device{disk("sda", 9, "ext4"), disk("sdb", 1, "ext4", "ext4")}, "sdb", true, ""},
		"the largest of blank ones":        {[]block.Device{disk("sda", 1), disk("sdb", 9)}, "sdb", true, ""},
		"data before blank":                {[]block.Device{disk("sda", 1), disk("sdb", 9, "ext4")}, "sdb", false, "the first holds data and the other is blank"},
		"data before data before blank":    {[]block.Device{disk("sda", 1), disk("sdb", 9, "ext4"), disk("sdc", 3, "ext4")}, "sdb", false, "or /dev/sda"},
		"a tie":                            {[]block.Device{disk("sdb", 9, "ext4"), disk("sda", 9, "xfs")}, "sda", false, "they rank the same"},
		"an old array member":              {[]block.Device{disk("sda", 9, "linux_raid_member"), disk("sdb", 1, "ext4")}, "sda", false, "(linux_raid_member)"},
		"an old LVM member":                {[]block.Device{disk("sda", 9, "LVM2_member"), disk("sdb", 1, "ext4")}, "sda", false, "(LVM2_member)"},
		"an exported ZFS pool":             {[]block.Device{disk("sda", 9, "zfs_member"), disk("sdb", 1, "ext4")}, "sda", false, "(zfs_member)"},
		"one alone, with data":             {[]block.Device{disk("sda", 9, "ext4")}, "sda", true, ""},
		"a USB disk before an inner one":   {[]block.Device{outside, disk("sda", 9, "ext4")}, "sdu", false, "attached from outside"},
		"a USB disk before another":        {[]block.Device{outside, external(disk("sdw", 9, "ext4"))}, "sdu", false, "attached from outside and holds data"},
		"a card before an inner disk":      {[]block.Device{card, disk("sda", 9, "ext4")}, "mmcblk0", false, "attached from outside"},
		"a card alone, with data":          {[]block.Device{card}, "mmcblk0", false, "attached from outside and holds data"},
		"blank USB disks alone":            {[]block.Device{external(disk("sdv", 500)), external(disk("sdx", 9))}, "sdv", true, ""},
		"only a removable one":             {[]block.Device{stick}, "sdr", false, "removable: used only if named"},
		"a removable one is not in line":   {[]block.Device{stick, disk("sda", 1, "ext4")}, "sda", true, ""},
		"none":                             {nil, "", false, "no disk was found"},
		"a second path to a disk in use":   {[]block.Device{busy, twin}, "sdm", false, "it is the same disk as /dev/sdm by another path: /dev/sdm1 is mounted at /x"},
		"a second path beside a free disk": {[]block.Device{busy, twin, disk("sda", 1)}, "sda", true, ""},
		"two paths to a free disk":         {[]block.Device{path, second}, "sdk", true, ""},
		"two paths before a smaller disk":  {[]block.Device{disk("sda", 1), path, second}, "sdk", false, "/dev/sda (M, serial Ssda, 1 GiB): the first holds data and the other is blank"},
	} {
		t.Run(name, func(t *testing.T) {
			vs := choice.Rank(&block.Inventory{Devices: c.disks})
			if c.first != "" && vs[0].Device.Name != c.first {
				t.Errorf("first is %s", vs[0].Device.Name)
			}
			v, err := choice.Choose(vs, "")
			if c.chosen {
				if err != nil || v.Device.Name != c.first {
					t.Errorf("chose %s, %v", v.Device.Name, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("chose %s, %v", v.Device.Name, err)
			}
		})
	}
}

// TestNoDisks has devices that lsblk wrongly calls disks.
func TestNoDisks(t *testing.T) {
	software := disk("unheardof0", 9)
	software.Virtual = true
	for words, d := range map[string]block.Device{
		"floppy":           disk("fd0", 1),
		"ZFS":              disk("zd16", 9),
		"network":          disk("rbd0", 9),
		"this machine":     disk("drbd1", 9),
		"hidden area":      disk("mmcblk0gp1", 9),
		"made by software": software,
	} {
		if v := choice.Rank(&block.Inventory{Devices: []block.Device{d}})[0]; !strings.Contains(v.Refused, words) || v.Candidate {
			t.Errorf("%s: %+v", d.Name, v)
		}
	}
}

// TestThirdPath: which of two refused paths is named does not depend on their
// order, and a path is not refused on account of itself.
func TestThirdPath(t *testing.T) {
	path := func(name string, mounted bool) block.Device {
		d := disk(name, 9, "ext4")
		d.WWN, d.Serial = "wwn", "S1"
		if mounted {
			d.Partitions[0].Mountpoints = []string{"/x"}
		}
		return d
	}
	a, b, c := path("sda", false), path("sdb", true), path("sdc", false)
	want := "it is the same disk as /dev/sdb by another path: /dev/sdb1 is mounted at /x"
	for _, order := range [][]block.Device{{a, b, c}, {c, b, a}, {b, c, a}} {
		for _, v := range choice.Rank(&block.Inventory{Devices: order}) {
			if v.Device.Name != "sdb" && v.Refused != want {
				t.Errorf("%s: %s", v.Device.Name, v.Refused)
			}
		}
	}
}

// TestOneDiskOrTwo: a disk is refused as another path to one in use only if it
// is that disk, and a disk with two paths is one: in the list, by either name,
// and where labels of other disks are looked for.
func TestOneDiskOrTwo(t *testing.T) {
	const real = "0x5000c500a1b2c3d4"
	for name, c := range map[string]struct {
		wwn, serial [2]string
		change      func(b *block.Device)
		one         bool
	}{
		"a WWN of zeros, two serials":               {[2]string{"0x0000000000000000", "0x0000000000000000"}, [2]string{"AAA1", "AAA2"}, nil, false},
		"a WWN of zeros, one serial":                {[2]string{"0x0000000000000000", "0x0000000000000000"}, [2]string{"AAA1", "AAA1"}, nil, false},
		"a WWN of zeros, no serial":                 {[2]string{"0x0000000000000000", "0x0000000000000000"}, [2]string{"", ""}, nil, false},
		"a WWN of ones":                             {[2]string{"0xffffffffffffffff", "0xffffffffffffffff"}, [2]string{"", ""}, nil, false},
		"a WWN that counts":                         {[2]string{"eui.0123456789abcdef", "eui.0123456789abcdef"}, [2]string{"", ""}, nil, false},
		"an EUI-64 of one":                          {[2]string{"eui.0000000000000001", "eui.0000000000000001"}, [2]string{"", ""}, nil, false},
		"an NGUID of zeros":                         {[2]string{"eui.00000000000000000000000000000000", "eui.00000000000000000000000000000000"}, [2]string{"", ""}, nil, false},
		"a maker's number alone":                    {[2]string{"0x5000c50000000000", "0x5000c50000000000"}, [2]string{"", ""}, nil, false},
		"no WWN, one serial":                        {[2]string{"", ""}, [2]string{"AAA1", "AAA1"}, nil, false},
		"a dock's WWN, two serials":                 {[2]string{real, real}, [2]string{"AAA1", "AAA2"}, nil, false},
		"a dock's serial, two WWNs":                 {[2]string{real, "0x5000c500a1b2c3d5"}, [2]string{"AAA1", "AAA1"}, nil, false},
		"namespaces of an NVMe disk":                {[2]string{"eui.002538b1a1c2d3e4", "eui.002538b1a1c2d3e5"}, [2]string{"S6Z1", "S6Z1"}, nil, false},
		"another size":                              {[2]string{real, real}, [2]string{"", ""}, func(b *block.Device) { b.Size++ }, false},
		"another model":                             {[2]string{real, real}, [2]string{"", ""}, func(b *block.Device) { b.Model = "N" }, false},
		"two paths":                                 {[2]string{real, real}, [2]string{"AAA1", "AAA1"}, nil, true},
		"two paths, no serial":                      {[2]string{real, real}, [2]string{"", ""}, nil, true},
		"two paths, one serial unknown":             {[2]string{real, real}, [2]string{"AAA1", ""}, nil, true},
		"two paths, a placeholder for a serial":     {[2]string{real, real}, [2]string{"AAA1", "000000000000"}, nil, true},
		"two paths, QEMU's placeholder":             {[2]string{real, real}, [2]string{"AAA1", "QEMU HARDDISK"}, nil, true},
		"two paths, the WWN in upper case":          {[2]string{real, strings.ToUpper(real)}, [2]string{"AAA1", "aaa1"}, nil, true},
		"two paths, as sysfs writes one":            {[2]string{real, "naa." + real[2:]}, [2]string{"AAA1", "AAA1"}, nil, true},
		"two paths, one model unknown":              {[2]string{real, real}, [2]string{"AAA1", "AAA1"}, func(b *block.Device) { b.Model = "" }, true},
		"two paths of a disk with a long number":    {[2]string{"0x600140512345678900000000000000ab", "0x600140512345678900000000000000ab"}, [2]string{"", ""}, nil, true},
		"two disks that differ at the number's end": {[2]string{"0x600140512345678900000000000000ab", "0x600140512345678900000000000000ac"}, [2]string{"", ""}, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := disk("sda", 9, "ext4"), disk("sdb", 9, "ext4")
			a.WWN, a.Serial, b.WWN, b.Serial = c.wwn[0], c.serial[0], c.wwn[1], c.serial[1]
			b.Partitions[0].Label = "DEMO-ROOT"
			if c.change != nil {
				c.change(&b)
			}
			for _, devices := range [][]block.Device{{a, b}, {b, a}} {
				inv := &block.Inventory{Devices: devices}
				candidates := 0
				for _, v := range choice.Rank(inv) {
					if v.Candidate {
						candidates++
					}
				}
				if (candidates == 1) != c.one {
					t.Errorf("%d candidates", candidates)
				}
				v, err := choice.Choose(choice.Rank(inv), "/dev/sdb")
				if want := map[bool]string{true: "/dev/sda", false: "/dev/sdb"}[c.one]; err != nil || v.Device.Path != want {
					t.Errorf("/dev/sdb is %s: %v", v.Device.Path, err)
				}
				if found := choice.CarriesLabel(inv, a, []string{"DEMO-ROOT"}); (len(found) == 0) != c.one {
					t.Errorf("%v", found)
				}
				a := a
				a.Partitions = slices.Clone(a.Partitions)
				a.Partitions[0].Mountpoints = []string{"/x"}
				_, err = choice.Choose(choice.Rank(&block.Inventory{Devices: []block.Device{b, a}}), "/dev/sdb")
				if (err != nil) != c.one {
					t.Errorf("beside a mounted /dev/sda: %v", err)
				}
			}
		})
	}
}

// TestUnknownContent has two disks without a signature; one is not blank.
func TestUnknownContent(t *testing.T) {
	fake, root := blocktest.Machine(t, "plain")
	if err := os.WriteFile(filepath.Join(root, "dev/vda"), []byte("\x00veracrypt"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(root, "dev/vdc")); err != nil {
		t.Fatal(err)
	}
	found, _ := choice.Run(t.Context(), fake, root, "")
	for _, v := range found.Verdicts {
		want := map[string]string{"vda": block.ContentUnknown, "vdc": block.ContentUnreadable}[v.Device.Name]
		if v.Device.Content != want || want != "" && (v.Blank || !v.HoldsData || v.Holds[0] != want) {
			t.Errorf("%s: %+v", v.Device.Name, v)
		}
	}
}

func TestImage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "disk.img")
	if err := os.WriteFile(path, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	fake, root := blocktest.Machine(t, "laptop")
	found, err := choice.Run(t.Context(), fake, root, path)
	d := found.Chosen.Device
	if err != nil || d.Type != block.TypeFile || d.Size != 1<<20 || d.LogicalSector != 512 || !found.Chosen.Blank {
		t.Errorf("%+v, %v", found.Chosen, err)
	}
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	fake, root = blocktest.Machine(t, "laptop")
	if _, err := choice.Run(t.Context(), fake, root, path); err == nil {
		t.Error("an empty file was taken")
	}
}

func TestCarriesLabel(t *testing.T) {
	inv := blocktest.Inventory(t, "fivedisks")
	target := func(name string) block.Device {
		for _, d := range inv.Devices {
			if d.Name == name {
				return d
			}
		}
		return block.Device{}
	}
	labels := []string{"DEMO-EFI", "DEMO-ROOT"}
	var got []string
	for _, c := range choice.CarriesLabel(inv, target("vda"), labels) {
		got = append(got, c.Where)
	}
	want := "/dev/sdc1 (on /dev/sdc) has the filesystem label DEMO-EFI, /dev/sdc1 (on /dev/sdc) has the partition label DEMO-EFI, " +
		"/dev/sdc2 (on /dev/sdc) has the filesystem label DEMO-ROOT, /dev/sdc2 (on /dev/sdc) has the partition label DEMO-ROOT"
	if s := strings.Join(got, ", "); s != want {
		t.Error(s)
	}
	if c := choice.CarriesLabel(inv, target("sdc"), labels); len(c) > 0 {
		t.Errorf("the target's own labels: %v", c)
	}
}

func TestVerdictJSON(t *testing.T) {
	b, err := json.Marshal(choice.Rank(blocktest.Inventory(t, "laptop"))[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{`"candidate":true`, `"rank":1`, `"holdsData":true`, `"blank":false`, `"logicalSector":512`, `"byID":"/dev`, `"partUUID":`} {
		if !strings.Contains(string(b), key) {
			t.Errorf("no %s in %s", key, b)
		}
	}
}
