package gate

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/engine/enginetest"
	"auto-installer/internal/sys"
)

// lsblk is the inventory of one disk. Its path is that of a file, which opens
// exclusively like a disk that is not in use.
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
		Hold: func(_ context.Context, path string) (block.Facts, error) {
			if _, err := os.Stat(path); err != nil {
				return block.Facts{}, err
			}
			return block.Facts{DevNo: "259:7", Size: 8 << 30, LogicalSector: 512, Serial: "S1", WWN: "eui.1"}, nil
		},
		Read: func(context.Context) error { return nil },
	}
}

// opens makes the open disk differ from the survey.
func opens(change func(*block.Facts)) func(*Options) {
	return func(o *Options) {
		hold := o.Hold
		o.Hold = func(ctx context.Context, path string) (block.Facts, error) {
			f, err := hold(ctx, path)
			change(&f)
			return f, err
		}
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
		{name: "gone", change: map[string]any{"path": "/dev/other", "serial": "S2"}, bad: "cannot find the confirmed disk again"},
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
			o.Hold = func(context.Context, string) (block.Facts, error) { return block.Facts{}, errors.New("it is in use") }
		}, bad: "is in use"},
		{name: "what is open is another device", options: opens(func(f *block.Facts) { f.DevNo = "259:8" }), bad: "device number is 259:8"},
		{name: "what is open is larger", options: opens(func(f *block.Facts) { f.Size++ }), bad: "its size in bytes"},
		{name: "what is open has another serial", options: opens(func(f *block.Facts) { f.Serial = "S2" }), bad: "its serial number is S2"},
		{name: "what is open has another WWN", options: opens(func(f *block.Facts) { f.WWN = "eui.2" }), bad: "its WWN is eui.2"},
		{name: "what is open cannot be written to", options: opens(func(f *block.Facts) { f.ReadOnly = true }), bad: "write-protected"},
		{name: "it cannot be read", options: func(o *Options) {
			o.Read = func(context.Context) error { return errors.New("input/output error") }
		}, bad: "cannot be read: input/output error"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "disk")
			if err := os.WriteFile(path, []byte("content"), 0o600); err != nil {
				t.Fatal(err)
			}
			o := confirmed(path)
			asked := ""
			o.Refusal = func(_ *block.Inventory, path string) string { asked = path; return "" }
			if c.options != nil {
				c.options(&o)
			}
			f := sys.NewFake(t)
			f.Expect(block.Lsblk.Argv...).Prints(lsblk(t, path, c.change))
			err := enginetest.Check(t.Context(), f, Ops(o)...)
			if c.bad == "" {
				if err != nil || asked != path || !strings.Contains(strings.Join(f.Logged, "\n"), path+" (device 259:7) is the confirmed disk") {
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
	isShut(t, enginetest.Check(t.Context(), f, Ops(confirmed(path))...), "no such file")
}

// A gate that cannot survey the disks stops the plan.
func TestDisksThatCannotBeListed(t *testing.T) {
	f := sys.NewFake(t)
	f.Expect(block.Lsblk.Argv...).Fails(1, "no sysfs")
	isShut(t, enginetest.Check(t.Context(), f, Ops(confirmed("/dev/x"))...), "no sysfs")
	f = sys.NewFake(t)
	f.Expect(block.Lsblk.Argv...).Prints("not JSON")
	isShut(t, enginetest.Check(t.Context(), f, Ops(confirmed("/dev/x"))...), "lsblk")
}

func TestActionsNameTheDisk(t *testing.T) {
	as := enginetest.Shown(Ops(confirmed("/dev/x"))...)
	if len(as) != 1 || as[0].Argv != nil || !strings.Contains(as[0].Does, "/dev/x") {
		t.Errorf("%+v", as)
	}
}
