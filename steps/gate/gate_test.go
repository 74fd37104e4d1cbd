package gate

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"auto-installer/steps/internal/block"
	"auto-installer/steps/internal/sys"
)

// lsblk is the inventory of one disk, whose path is that of a file: that opens
// exclusively as a disk does that nothing uses.
func lsblk(t *testing.T, path string, change map[string]any) string {
	t.Helper()
	disk := map[string]any{
		"name": "no-such-disk", "path": path, "maj:min": "259:7", "type": "disk", "size": 8 << 30, "log-sec": 512,
		"serial": "S1", "wwn": "eui.1", "model": "M", "ptuuid": "aaaa", "ro": false, "rm": false,
	}
	for k, v := range change {
		disk[k] = v
	}
	out, err := json.Marshal(map[string]any{"blockdevices": []any{disk}})
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func confirmed(path string) Options {
	return Options{
		Disk: block.Identity{
			Path: path, DevNo: "259:7", Size: 8 << 30, LogicalSector: 512, Serial: "S1", WWN: "eui.1", Model: "M", PTUUID: "aaaa",
		},
		Refusal: func(*block.Inventory, string) string { return "" },
		Busy:    block.Busy,
	}
}

func TestGate(t *testing.T) {
	for _, c := range []struct {
		name    string
		change  map[string]any // of what lsblk says now
		options func(*Options)
		bad     string
	}{
		{name: "the very disk"},
		{name: "gone", change: map[string]any{"path": "/dev/other", "serial": "S2"}, bad: "is not found again"},
		{name: "another disk at its path", change: map[string]any{"serial": "S2"}, bad: "serial number was S1 and is S2"},
		{name: "another WWN", change: map[string]any{"wwn": "eui.2"}, bad: "WWN"},
		{name: "another size", change: map[string]any{"size": 1 << 30}, bad: "size"},
		{name: "other sectors", change: map[string]any{"log-sec": 4096}, bad: "sector size"},
		{name: "partitioned meanwhile", change: map[string]any{"ptuuid": "bbbb"}, bad: "partition table"},
		{name: "wiped meanwhile", change: map[string]any{"ptuuid": nil}, bad: "partition table was aaaa and is none"},
		{name: "at another path", change: map[string]any{"path": "/dev/moved"}, bad: "is now /dev/moved"},
		{name: "refused by now", options: func(o *Options) {
			o.Refusal = func(*block.Inventory, string) string { return "it is mounted at /data" }
		}, bad: "cannot be written to: it is mounted at /data"},
		{name: "held by something unseen", options: func(o *Options) {
			o.Busy = func(string) (bool, error) { return true, nil }
		}, bad: "is in use"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "disk")
			if err := os.WriteFile(path, []byte("content"), 0o600); err != nil {
				t.Fatal(err)
			}
			o := confirmed(path)
			asked := ""
			if c.options != nil {
				c.options(&o)
			} else {
				o.Refusal = func(inv *block.Inventory, path string) string { asked = path; return "" }
			}
			f := sys.NewFake(t)
			f.Expect(block.Lsblk.Argv...).Prints(lsblk(t, path, c.change))
			err := Run(t.Context(), f, o)
			if c.bad == "" {
				if err != nil || asked != path || !strings.Contains(strings.Join(f.Logged, "\n"), path+" is the disk that was confirmed") {
					t.Errorf("%v, asked for %q, logged %q", err, asked, f.Logged)
				}
			} else {
				isShut(t, err, c.bad)
			}
			if got, err := os.ReadFile(path); err != nil || string(got) != "content" {
				t.Errorf("the gate wrote: %q, %v", got, err)
			}
		})
	}
}

func isShut(t *testing.T, err error, say string) {
	t.Helper()
	f, ok := errors.AsType[*sys.Fault](err)
	if !ok || f.Code != sys.CodeGate || f.Hint == "" || !strings.Contains(f.Cause, say) {
		t.Errorf("%+v, want %q", err, say)
	}
}

func TestDiskThatCannotBeOpened(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gone")
	f := sys.NewFake(t)
	f.Expect(block.Lsblk.Argv...).Prints(lsblk(t, path, nil))
	isShut(t, Run(t.Context(), f, confirmed(path)), "cannot be opened")
}

// A gate that cannot look is shut.
func TestDisksThatCannotBeListed(t *testing.T) {
	f := sys.NewFake(t)
	f.Expect(block.Lsblk.Argv...).Fails(1, "no sysfs")
	isShut(t, Run(t.Context(), f, confirmed("/dev/x")), "no sysfs")
	f = sys.NewFake(t)
	f.Expect(block.Lsblk.Argv...).Prints("not JSON")
	isShut(t, Run(t.Context(), f, confirmed("/dev/x")), "lsblk")
}

func TestActionsNameTheDisk(t *testing.T) {
	as := Actions(confirmed("/dev/x"))
	if len(as) != 1 || as[0].Argv != nil || !strings.Contains(as[0].Does, "/dev/x") {
		t.Errorf("%+v", as)
	}
}
