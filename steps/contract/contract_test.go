package contract

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"auto-installer/steps/internal/block"
	"auto-installer/steps/internal/sys"
)

const inventory = `{"blockdevices":[{"name":"no-such-disk","path":"/dev/no-such-disk","type":"disk","size":1}]}`

func options(found []string) (*Options, *Options) {
	asked := &Options{}
	return &Options{
		Disk: block.Identity{Path: "/dev/x"}, Labels: []string{"T-EFI", "T-ROOT"},
		Carriers: func(inv *block.Inventory, disk block.Identity, labels []string) []string {
			asked.Disk, asked.Labels = disk, labels
			if len(inv.Devices) != 1 || inv.Devices[0].Path != "/dev/no-such-disk" {
				return []string{"wrong inventory"}
			}
			return found
		},
	}, asked
}

func TestRun(t *testing.T) {
	for _, found := range [][]string{nil, {"/dev/y1 (on /dev/y) has the filesystem label T-ROOT", "/dev/z1"}} {
		o, asked := options(found)
		f := sys.NewFake(t)
		f.Expect(block.Lsblk.Argv...).Prints(inventory)
		if err := Run(t.Context(), f, *o); err != nil {
			t.Fatal(err)
		}
		if asked.Disk != o.Disk || !slices.Equal(asked.Labels, o.Labels) {
			t.Errorf("asked for %+v", asked)
		}
		said := strings.Join(f.Logged, "\n")
		if len(found) == 0 && !strings.Contains(said, "no other disk carries the labels T-EFI, T-ROOT") {
			t.Errorf("%q", said)
		}
		for _, carrier := range found {
			if !strings.Contains(said, carrier+": unplug that disk") {
				t.Errorf("%q does not warn of %q", said, carrier)
			}
		}
	}
}

func TestActionsNameTheLabels(t *testing.T) {
	o, _ := options(nil)
	as := Actions(*o)
	if len(as) != 1 || as[0].Argv != nil || !strings.Contains(as[0].Does, "T-EFI, T-ROOT") {
		t.Errorf("%+v", as)
	}
}

func TestDisksThatCannotBeListed(t *testing.T) {
	o, asked := options(nil)
	f := sys.NewFake(t)
	f.Expect(block.Lsblk.Argv...).Fails(1, "no sysfs")
	err := Run(t.Context(), f, *o)
	if _, ok := errors.AsType[*sys.ExitError](err); !ok || asked.Labels != nil {
		t.Errorf("%v, asked %+v", err, asked)
	}
}
