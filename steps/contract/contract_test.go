package contract

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"auto-installer/hosts"
	"auto-installer/hosts/facts"
	"auto-installer/internal/disk/block"
	"auto-installer/internal/engine/enginetest"
	"auto-installer/internal/sys"
)

func made() hosts.Host {
	h := hosts.Default()
	h.Labels = hosts.Labels{EFI: "T-EFI", Root: "T-ROOT", LUKS: "T-LUKS", Swap: "T-SWAP"}
	h.LUKS, h.Swap.Enable, h.Keymap, h.TargetUser = hosts.LUKS{Enable: true, MapperName: "crypt"}, true, "de", "ann"
	return h
}

// fitting is a configuration that fits made.
func fitting() *facts.Facts {
	return &facts.Facts{
		FileSystems: map[string]facts.FileSystem{
			"/":     {Device: "/dev/disk/by-label/T-ROOT", FSType: "ext4"},
			"/boot": {Device: "/dev/disk/by-label/T-EFI", FSType: "vfat"},
		},
		SwapDevices: []facts.SwapDevice{{Device: "/dev/disk/by-partlabel/T-SWAP", RandomEncryption: true}},
		LUKSDevices: map[string]facts.LUKSDevice{"crypt": {Device: "/dev/disk/by-partlabel/T-LUKS"}},
		Keymap:      "de",
		Loader:      facts.Loader{SystemdBoot: true, EFISysMountPoint: "/boot"},
		Users:       map[string]facts.User{"ann": {Home: "/home/ann"}},
	}
}

// withRoot changes the root.
func withRoot(f *facts.Facts, device, fsType string) *facts.Facts {
	f.FileSystems["/"] = facts.FileSystem{Device: device, FSType: fsType}
	return f
}

// inventory has the target, /dev/x, and a disk with labels, if any.
func inventory(labels string) string {
	return fmt.Sprintf(`{"blockdevices":[{"name":"x","path":"/dev/x","type":"disk","size":1,"serial":"X"},`+
		`{"name":"no-such-y","path":"/dev/no-such-y","type":"disk","size":1,"children":[{"name":"no-such-y1","path":"/dev/no-such-y1","type":"part"%s}]}]}`, labels)
}

func options(t *testing.T, f *facts.Facts) Options {
	t.Helper()
	data, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	return Options{
		Disk: block.Identity{Path: "/dev/x", Serial: "X", Size: 1}, Host: made(), Labels: []string{"T-EFI", "T-ROOT", "T-SWAP", "T-LUKS"},
		Evaluated: &data, Found: &facts.Facts{},
	}
}

func run(t *testing.T, o Options, calls ...func(*sys.Fake)) (string, error) {
	t.Helper()
	return runWith(t, o, "", calls...)
}

// runWith runs the step on a machine whose other disk has labels, as lsblk prints them.
func runWith(t *testing.T, o Options, labels string, calls ...func(*sys.Fake)) (string, error) {
	t.Helper()
	f := sys.NewFake(t)
	f.Expect(block.Lsblk.Argv...).Prints(inventory(labels))
	for _, c := range calls {
		c(f)
	}
	err := enginetest.Check(t.Context(), f, Ops(o)...)
	return strings.Join(f.Logged, "\n"), err
}

func TestFits(t *testing.T) {
	o := options(t, fitting())
	said, err := run(t, o)
	if err != nil {
		t.Fatal(err)
	}
	if o.Found.Keymap != "de" {
		t.Errorf("found %+v", o.Found)
	}
	for _, words := range []string{"the host's own configuration fits", "no other disk carries one of the labels"} {
		if !strings.Contains(said, words) {
			t.Errorf("no %q in\n%s", words, said)
		}
	}
}

// All mismatches are reported together.
func TestReportsAll(t *testing.T) {
	f := fitting()
	withRoot(f, "/dev/disk/by-label/A", "btrfs").FileSystems["/boot"] = facts.FileSystem{Device: "/dev/disk/by-label/B", FSType: "vfat"}
	f.Keymap, f.Loader = "us", facts.Loader{}
	said, err := runWith(t, options(t, f), `,"label":"T-ROOT"`)
	fault, ok := errors.AsType[*sys.Fault](err)
	if !ok || fault.Code != sys.CodeContract || !strings.HasPrefix(fault.Cause, "5 mismatches: ") {
		t.Fatalf("%+v", err)
	}
	for _, words := range []string{"by-label/A", `"btrfs"`, "by-label/B", "console.keyMap", "no boot loader"} {
		if !strings.Contains(fault.Cause, words) || !strings.Contains(said, words) {
			t.Errorf("no %q in %s\n%s", words, fault.Cause, said)
		}
	}
}

// Another path to the disk that is written is that disk, and what LVM or ZFS
// made of other disks is found by each of its names.
func TestFinder(t *testing.T) {
	path := func(name string) block.Device {
		d := block.Device{Name: name, Path: "/dev/" + name, Type: block.TypeDisk, Size: 1 << 40, WWN: "0x5000c500a1b2c3d4", Serial: "S1"}
		d.Partitions = []block.Device{{Name: name + "1", Path: "/dev/" + name + "1", Type: block.TypePart, FSType: "ext4", Label: "OLD"}}
		return d
	}
	target, again := path("no-such-a"), path("no-such-b")
	other := block.Device{Name: "no-such-c", Path: "/dev/no-such-c", Type: block.TypeDisk, Size: 1 << 40, WWN: "0x5000c500a1b2c3d5", FSType: "zfs_member", Label: "tank"}
	volume := block.Device{Name: "dm-77", Path: "/dev/mapper/my--vg-home", Type: "lvm", FSType: "xfs"}
	find := finder(&block.Inventory{Devices: []block.Device{target, again, other, volume}}, block.IdentityOf(target))
	for device, want := range map[string]facts.Place{
		"LABEL=OLD": facts.OnTarget, "LABEL=gone": facts.Nowhere, "/dev/no-such-c": facts.Attached, "/dev/my-vg/home": facts.Attached, "/dev/mapper/my--vg-home": facts.Attached,
		"/dev/zvol/tank/home": facts.Attached, "/dev/zvol/gone/home": facts.Nowhere, "/dev/no-such-a1": facts.OnTarget,
	} {
		if got := find(facts.Refer(device)); got != want {
			t.Errorf("%s: %v", device, got)
		}
	}
	if got := find(facts.PoolOf("tank/home")); got != facts.Attached {
		t.Error(got)
	}
}

func TestCarriers(t *testing.T) {
	const byFS, byPart = `,"label":"T-ROOT"`, `,"partlabel":"T-ROOT"`
	for name, c := range map[string]struct {
		facts   *facts.Facts
		labels  string
		refused bool
	}{
		"the host goes by it":     {fitting(), byFS, true},
		"the host does not":       {fitting(), byPart, false},
		"root is the mapper":      {withRoot(fitting(), "/dev/mapper/crypt", "ext4"), byFS, false},
		"swap's, by its part":     {fitting(), `,"partlabel":"T-SWAP"`, true},
		"swap's, by file system":  {fitting(), `,"label":"T-SWAP"`, false},
		"the container's by part": {fitting(), `,"partlabel":"T-LUKS"`, true},
	} {
		t.Run(name, func(t *testing.T) {
			const where = "/dev/no-such-y1 (on /dev/no-such-y) has the "
			said, err := runWith(t, options(t, c.facts), c.labels)
			fault, ok := errors.AsType[*sys.Fault](err)
			switch {
			case c.refused && (!ok || fault.Code != sys.CodeContract || !strings.Contains(fault.Cause, where) || !strings.Contains(fault.Hint, "unplug")):
				t.Errorf("%+v", err)
			case !c.refused && (err != nil || !strings.Contains(said, where)):
				t.Errorf("%v\n%s", err, said)
			}
		})
	}
}

func TestFactsOfTheMedium(t *testing.T) {
	name := filepath.Join(t.TempDir(), "contract.json")
	data, err := json.Marshal(fitting())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, data, words string
	}{
		{"good", string(data), ""},
		{"newer", strings.Replace(string(data), "{", `{"what is new":[1],`, 1), ""},
		{"null", "null", "empty"},
		{"nothing", "", "contract.json"},
		{"cut off", string(data[:50]), "contract.json"},
		{"another type", `{"fileSystems":[]}`, "contract.json"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := os.WriteFile(name, []byte(c.data), 0o600); err != nil {
				t.Fatal(err)
			}
			o := options(t, &facts.Facts{}) // which fits nothing
			o.Medium = name
			if c.words == "" {
				if said, err := run(t, o); err != nil || o.Found.Keymap != "de" {
					t.Errorf("%v\n%s", err, said)
				}
				return
			}
			err := enginetest.Check(t.Context(), sys.NewFake(t), Ops(o)...)
			fault, ok := errors.AsType[*sys.Fault](err)
			if !ok || fault.Code != sys.CodeContract || fault.Hint == "" || !strings.Contains(fault.Cause, c.words) {
				t.Errorf("%+v", err)
			}
		})
	}
	o := options(t, nil)
	o.Medium = filepath.Join(t.TempDir(), "gone")
	if err := enginetest.Check(t.Context(), sys.NewFake(t), Ops(o)...); err == nil {
		t.Error("a missing contract.json is no error")
	}
}

func TestWithoutFacts(t *testing.T) {
	o := options(t, nil)
	o.Evaluated = &[]byte{} // the evaluation has failed
	err := enginetest.Check(t.Context(), sys.NewFake(t), Ops(o)...)
	if fault, ok := errors.AsType[*sys.Fault](err); !ok || fault.Code != sys.CodeContract || !strings.Contains(fault.Cause, "is unknown") {
		t.Errorf("%v", err)
	}
}

func TestTyped(t *testing.T) {
	o := options(t, fitting())
	o.Typed = []Typed{{"passphrase", []byte("a bé")}, {"recovery key", []byte("a")}}
	loadkeys := []string{"loadkeys", "--unicode", "--bkeymap", "de"}
	// A keymap with the letter a on key 30 and the space bar on 57.
	table := make([]byte, 7+256+256)
	copy(table, "bkeymap\x01")
	table[7+256+2*30], table[7+256+2*30+1], table[7+256+2*57] = 'a', 0x0b, ' '
	said, err := run(t, o, func(f *sys.Fake) { f.Expect(loadkeys...).Prints(string(table)) })
	fault, ok := errors.AsType[*sys.Fault](err)
	if !ok || fault.Code != sys.CodeContract || !strings.Contains(fault.Cause, "no key of the keymap de gives 2 characters of the passphrase") {
		t.Errorf("%+v", err)
	}
	if !strings.Contains(said, "every character of the recovery key is on a key") {
		t.Error(said)
	}
	if strings.Contains(said+fault.Cause+fault.Hint, "bé") {
		t.Errorf("the passphrase is shown: %s", said)
	}
	// Without loadkeys nothing is refused, and that is said.
	said, err = run(t, o, func(f *sys.Fake) { f.Expect(loadkeys...).Fails(1, "no such keymap") })
	if err != nil || !strings.Contains(said, "the keymap de cannot be read") || !strings.Contains(said, "no such keymap") {
		t.Errorf("%v\n%s", err, said)
	}
}

func TestShown(t *testing.T) {
	o := options(t, fitting())
	o.Typed = []Typed{{"passphrase", nil}}
	var said []string
	for _, a := range enginetest.Shown(Ops(o)...) {
		if a.Argv != nil {
			t.Errorf("%+v", a)
		}
		said = append(said, a.Does)
	}
	for _, words := range []string{"T-EFI, T-ROOT", "what the config repo evaluates to", "passphrase can be typed with the keymap de"} {
		if !strings.Contains(strings.Join(said, "\n"), words) {
			t.Errorf("no %q in %q", words, said)
		}
	}
	o.Medium = "/etc/contract.json"
	if as := enginetest.Shown(Ops(o)...); !strings.Contains(as[0].Does, "/etc/contract.json") {
		t.Errorf("%q", as[0].Does)
	}
}

func TestDisksThatCannotBeListed(t *testing.T) {
	o := options(t, fitting())
	f := sys.NewFake(t)
	f.Expect(block.Lsblk.Argv...).Fails(1, "no sysfs")
	if err := enginetest.Check(t.Context(), f, Ops(o)...); err == nil || !strings.Contains(err.Error(), "no sysfs") {
		t.Errorf("%v", err)
	}
}
