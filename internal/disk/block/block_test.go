package block_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/disk/block/blocktest"
	"auto-installer/internal/sys"
)

func find(t *testing.T, inv *block.Inventory, name string) block.Device {
	t.Helper()
	for _, d := range inv.Devices {
		for _, b := range d.Below() {
			if b.Name == name {
				return b
			}
		}
	}
	t.Fatalf("no device %s", name)
	return block.Device{}
}

func TestSurvey(t *testing.T) {
	inv := blocktest.Inventory(t, "laptop")
	if inv.Boot.Current == nil || *inv.Boot.Current != 3 || len(inv.Boot.Problems) > 0 {
		t.Errorf("%+v", inv.Boot)
	}
	root := find(t, inv, "nvme0n1p2")
	if root.Number != 2 || root.Start != 2048*512 || root.Label != "UV-ROOT" || root.DevNo != "259:2" || len(root.Live) > 0 {
		t.Errorf("%+v", root)
	}
	disk := find(t, inv, "nvme0n1")
	if disk.ByID != "/dev/disk/by-id/nvme-Samsung_SSD_990_PRO_1TB_S6Z1NX0T123456A" || len(disk.Partitions) != 3 || len(disk.Live) > 0 {
		t.Errorf("%+v", disk)
	}
	// The live medium, through overlay, loop device and partition.
	stick := find(t, inv, "sda")
	if !slices.Equal(stick.Live, []string{"/iso", "/nix/.ro-store", "/nix/store"}) {
		t.Errorf("%q", stick.Live)
	}
	if z := find(t, inv, "zram0"); !z.Swap || len(z.Mountpoints) > 0 {
		t.Errorf("%+v", z)
	}
}

func TestSurveyFollowsEverything(t *testing.T) {
	inv := blocktest.Inventory(t, "server")
	if n := len(inv.Devices); n != 17 {
		t.Errorf("%d devices at the top", n)
	}
	for name, points := range map[string][]string{
		"dm-0": {"/mnt/old"},
		"sdi":  {"/srv"}, "sdj": {"/srv"}, // a btrfs of two
	} {
		if d := find(t, inv, name); !slices.Equal(d.Mountpoints, points) {
			t.Errorf("%s: %q", name, d.Mountpoints)
		}
	}
	if d := find(t, inv, "dm-2"); !d.Swap {
		t.Errorf("%+v", d)
	}
	if d := find(t, inv, "sdk1"); !slices.Contains(d.Holders, "ZFS pool tank") {
		t.Errorf("%q", d.Holders)
	}
	if d := find(t, inv, "md127"); len(d.Slaves) != 2 || len(d.Children) != 1 {
		t.Errorf("%+v", d)
	}
}

// TestLiveThroughMappers has the root file system on LVM on LUKS on md.
func TestLiveThroughMappers(t *testing.T) {
	fake, root := blocktest.Machine(t, "server")
	mountinfo := filepath.Join(root, "proc/self/mountinfo")
	if err := os.WriteFile(mountinfo, []byte("30 1 253:0 / / rw - ext4 /dev/mapper/vg0-root rw\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	inv, err := block.Survey(t.Context(), fake, root)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range inv.Devices {
		want := slices.Contains([]string{"dm-0", "md127", "sda", "sdb"}, d.Name)
		if got := len(d.Live) > 0; got != want {
			t.Errorf("%s: the root stands on it: %v", d.Name, got)
		}
	}
}

// bare is a machine whose lsblk prints next to nothing: the rest is in files.
func bare(t *testing.T, names ...string) (*sys.Fake, string) {
	t.Helper()
	root := t.TempDir()
	var disks []string
	for _, name := range names {
		disks = append(disks, fmt.Sprintf(`{"name":%q,"type":"disk","size":8388608,"pttype":"gpt"}`, name))
		if err := os.MkdirAll(filepath.Join(root, "sys/class/block", name, "device"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	fake := sys.NewFake(t)
	fake.Expect(block.Lsblk.Argv...).Prints(`{"blockdevices":[` + strings.Join(disks, ",") + `]}`)
	if err := errors.Join(os.MkdirAll(filepath.Join(root, "proc/self"), 0o700), os.Mkdir(filepath.Join(root, "dev"), 0o700),
		os.WriteFile(filepath.Join(root, "proc/self/mountinfo"), []byte("1 0 0:2 / / rw - tmpfs tmpfs rw\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	return fake, root
}

// TestSysfs: a disk's sequence number, a card in a slot, and a device without
// hardware.
func TestSysfs(t *testing.T) {
	fake, root := bare(t, "vda", "mmcblk0", "mmcblk1", "new0")
	class := filepath.Join(root, "sys/class/block")
	home := filepath.Join(root, "sys/devices/virtual/block/new0")
	if err := errors.Join(
		os.WriteFile(filepath.Join(class, "vda/diskseq"), []byte("12\n"), 0o600),
		os.WriteFile(filepath.Join(class, "mmcblk0/device/type"), []byte("SD\n"), 0o600),
		os.WriteFile(filepath.Join(class, "mmcblk1/device/type"), []byte("MMC\n"), 0o600),
		os.MkdirAll(filepath.Dir(home), 0o700), os.Rename(filepath.Join(class, "new0"), home),
		os.Symlink("../../devices/virtual/block/new0", filepath.Join(class, "new0")),
	); err != nil {
		t.Fatal(err)
	}
	inv, err := block.Survey(t.Context(), fake, root)
	if err != nil {
		t.Fatal(err)
	}
	if a := find(t, inv, "vda"); a.DiskSeq != 12 || block.IdentityOf(a).DiskSeq != 12 || a.Virtual {
		t.Errorf("%+v", a)
	}
	if n := find(t, inv, "new0"); n.DiskSeq != 0 || !n.Virtual {
		t.Errorf("%+v", n)
	}
	if card, chip := find(t, inv, "mmcblk0"), find(t, inv, "mmcblk1"); card.Transport != block.TransportCard || chip.Transport != "" {
		t.Errorf("%+v, %+v", card, chip)
	}
}

// TestEmptyTable: data behind a table without partitions counts, the table itself
// does not.
func TestEmptyTable(t *testing.T) {
	fake, root := bare(t, "vda", "vdb")
	behind := make([]byte, 1<<20+1)
	behind[1<<20] = 1
	if err := errors.Join(os.WriteFile(filepath.Join(root, "dev/vda"), behind, 0o600),
		os.WriteFile(filepath.Join(root, "dev/vdb"), []byte("the table"), 0o600)); err != nil {
		t.Fatal(err)
	}
	inv, err := block.Survey(t.Context(), fake, root)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := find(t, inv, "vda"), find(t, inv, "vdb"); a.Content != block.ContentUnknown || b.Content != "" {
		t.Errorf("%q, %q", a.Content, b.Content)
	}
}

func TestSurveyFailsRatherThanGuess(t *testing.T) {
	for name, spoil := range map[string]func(root string) error{
		"no mountinfo":     func(root string) error { return os.Remove(filepath.Join(root, "proc/self/mountinfo")) },
		"empty mountinfo":  func(root string) error { return os.Truncate(filepath.Join(root, "proc/self/mountinfo"), 0) },
		"broken mountinfo": func(root string) error { return os.Truncate(filepath.Join(root, "proc/self/mountinfo"), 9) },
		"no sysfs":         func(root string) error { return os.RemoveAll(filepath.Join(root, "sys/class")) },
	} {
		fake, root := blocktest.Machine(t, "laptop")
		if err := spoil(root); err != nil {
			t.Fatal(err)
		}
		_, err := block.Survey(t.Context(), fake, root)
		if f, ok := errors.AsType[*sys.Fault](err); !ok || f.Code != sys.CodeMachine {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParseLsblk(t *testing.T) {
	ds, err := block.ParseLsblk([]byte(`{"blockdevices": [
		{"name": "sda", "size": 1000, "ro": false, "rm": true, "hotplug": true, "model": "A\u001b[31mB\n ", "mountpoints": [null, "/a", "[SWAP]"], "x": {}},
		{"name": "cciss/c0d0", "kname": "cciss/c0d0", "size": -5, "ro": true, "rm": null, "mountpoints": ["/b"], "log-sec": 4096, "ptuuid": "ABCD"},
		{"name": "vg-a", "kname": "dm-0", "path": "/dev/mapper/vg-a", "size": null}]}`))
	if err != nil {
		t.Fatal(err)
	}
	a, b, c := ds[0], ds[1], ds[2]
	if a.Size != 1000 || a.ReadOnly || !a.Removable || !a.Hotplug || a.Model != `A\e[31mB` || !a.Swap || !slices.Equal(a.Mountpoints, []string{"/a"}) {
		t.Errorf("%+v", a)
	}
	if b.Size != 0 || !b.ReadOnly || b.Removable || !slices.Equal(b.Mountpoints, []string{"/b"}) || b.LogicalSector != 4096 || b.PTUUID != "abcd" || b.Path != "/dev/cciss/c0d0" {
		t.Errorf("%+v", b)
	}
	if c.Name != "dm-0" || c.Size != 0 || !c.Is("/dev/dm-0") || !c.Is("/dev/mapper/vg-a") || c.Is("/dev/dm-1") || c.Is("") {
		t.Errorf("%+v", c)
	}
	for _, bad := range []string{
		"", "null", "{}", `{"blockdevices": 3}`, `{"blockdevices": [3]}`, `{"blockdevices": [{}]}`, `{"blockdevices": [{"name": "a", "size": "1.5T"}]}`,
		`{"blockdevices": [{"name": "a", "ro": "what"}]}`,
	} {
		if _, err := block.ParseLsblk([]byte(bad)); err == nil {
			t.Errorf("accepted: %.40s", bad)
		}
	}
}

func FuzzParseLsblk(f *testing.F) {
	// Short ones: the fuzzer is slow to shorten what it finds.
	for _, seed := range []string{
		`{"blockdevices":[{"name":"a","size":5,"ro":false,"rm":true,"mountpoints":[null,"/a","[SWAP]"],"children":[{"name":"b","type":"part"}]}]}`,
		`{"blockdevices":[{"name":"a","kname":"b","path":"/c","maj:min":"8:0","size":5,"ro":false,"mountpoints":["/a"],"model":"\u001bx\n"}]}`,
		`{"blockdevices":[{"name":7,"size":{},"rm":[],"ptuuid":null}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		ds, err := block.ParseLsblk(b)
		if err != nil {
			return
		}
		for _, d := range ds {
			for _, b := range d.Below() {
				if b.Name == "" || b.Size < 0 || strings.ContainsAny(b.Name+b.Model+b.Serial+b.Label, "\x00\x1b\n\r") {
					t.Fatalf("%+v", b)
				}
			}
		}
	})
}

func TestResolve(t *testing.T) {
	fake, root := blocktest.Machine(t, "laptop")
	if _, err := block.Survey(t.Context(), fake, root); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/dev/nvme0n1": "/dev/nvme0n1",
		"/dev/disk/by-id/nvme-eui.0025384131b0a1c2":                          "/dev/nvme0n1",
		"/dev/disk/by-id/nvme-Samsung_SSD_990_PRO_1TB_S6Z1NX0T123456A-part2": "/dev/nvme0n1p2",
		"/dev/../dev/./sda": "/dev/sda",
	} {
		if got, err := block.Resolve(root, path); got != want || err != nil {
			t.Errorf("%s: %s, %v", path, got, err)
		}
	}
	if _, err := block.Resolve(root, "/dev/disk/by-id/nothing"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if err := os.Symlink("/dev/loop", filepath.Join(root, "dev/loop")); err != nil {
		t.Fatal(err)
	}
	if _, err := block.Resolve(root, "/dev/loop"); err == nil || !strings.Contains(err.Error(), "too many symbolic links") {
		t.Error(err)
	}
}

func TestPartitionPath(t *testing.T) {
	for want, in := range map[string]struct {
		disk string
		n    int
	}{
		"/dev/sda1": {"/dev/sda", 1}, "/dev/nvme0n1p2": {"/dev/nvme0n1", 2}, "/dev/mmcblk0p1": {"/dev/mmcblk0", 1},
		"/dev/loop0p3": {"/dev/loop0", 3}, "/dev/vdaa12": {"/dev/vdaa", 12}, "disk.img1": {"disk.img", 1}, "disk2p1": {"disk2", 1},
	} {
		if got := block.PartitionPath(in.disk, in.n); got != want {
			t.Errorf("%s, not %s", got, want)
		}
	}
}

func TestFormatSize(t *testing.T) {
	for bytes, want := range map[int64]string{0: "0 B", 1 << 30: "1 GiB", 1000204886016: "931.5 GiB", 1<<30 - 1: "1 GiB", 4000787030016: "3.6 TiB"} {
		if got := block.FormatSize(bytes); got != want {
			t.Errorf("%d: %s, not %s", bytes, got, want)
		}
	}
}

func TestIdentity(t *testing.T) {
	id := block.Identity{Path: "/dev/sda", WWN: "w", Serial: "s", Model: "m", Size: 5, LogicalSector: 512, PTUUID: "p", DevNo: "8:0", DiskSeq: 7}
	moved := id
	moved.Path, moved.DevNo = "/dev/sdb", "8:16"
	if ok, why := id.Same(moved); !ok {
		t.Error(why)
	}
	for says, change := range map[string]func(*block.Identity){
		"WWN was w and is none":          func(i *block.Identity) { i.WWN = "" },
		"serial number was s and is t":   func(i *block.Identity) { i.Serial = "t" },
		"model":                          func(i *block.Identity) { i.Model = "" },
		"size was 5 bytes and is 6":      func(i *block.Identity) { i.Size = 6 },
		"sector size was 512":            func(i *block.Identity) { i.LogicalSector = 4096 },
		"partition table was p and is q": func(i *block.Identity) { i.PTUUID = "q" },
		"attached in its place":          func(i *block.Identity) { i.DiskSeq = 8 },
	} {
		other := id
		change(&other)
		if ok, why := id.Same(other); ok || !strings.Contains(why, says) {
			t.Errorf("%s: %v %s", says, ok, why)
		}
		if ok, _ := other.Same(id); ok {
			t.Errorf("%s: same the other way round", says)
		}
	}
	again := id
	again.DiskSeq = 8 // after a restart
	if ok, why := id.Lasting().Same(again); !ok {
		t.Error(why)
	}
	bare := block.Identity{Path: "/dev/vda", Size: 5, DevNo: "254:0"}
	other := bare
	other.Path = "/dev/vdb"
	if ok, why := bare.Same(other); ok || !strings.Contains(why, "path") {
		t.Error(ok, why)
	}
}

func TestFind(t *testing.T) {
	adapter := block.Device{Name: "sda", Path: "/dev/sda", DevNo: "8:0", Serial: "0123456789ABCDEF", Size: 5}
	twin := adapter
	twin.Name, twin.Path, twin.DevNo = "sdb", "/dev/sdb", "8:16"
	inv := &block.Inventory{Devices: []block.Device{twin, adapter}}
	if d, err := inv.Find(block.IdentityOf(adapter)); err != nil || d.Name != "sda" {
		t.Error(d.Name, err)
	}
	gone := block.IdentityOf(adapter)
	gone.Path, gone.DevNo = "/dev/sdc", "8:32"
	if _, err := inv.Find(gone); err == nil || !strings.Contains(err.Error(), "several") {
		t.Error(err)
	}
	changed := block.IdentityOf(adapter)
	changed.Size = 6
	if _, err := inv.Find(changed); err == nil || !strings.Contains(err.Error(), "size") {
		t.Error(err)
	}
}
