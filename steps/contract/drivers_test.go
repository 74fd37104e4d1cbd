package contract

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"auto-installer/hosts/facts"
)

// A disk behind Intel's VMD, as sysfs shows it.
func TestDrivers(t *testing.T) {
	root := t.TempDir()
	pci := filepath.Join(root, "sys/devices/pci0000:00/0000:00:0e.0")
	disk := filepath.Join(pci, "pci10000:e0/10000:e1:00.0/nvme/nvme0/nvme0n1")
	var errs []error
	errs = append(errs, os.MkdirAll(disk, 0o755), os.MkdirAll(filepath.Join(root, "sys/class/block"), 0o755))
	errs = append(errs, os.Symlink(disk, filepath.Join(root, "sys/class/block/nvme0n1")))
	for driver, at := range map[string]string{"nvme": filepath.Join(pci, "pci10000:e0/10000:e1:00.0"), "vmd": pci} {
		dir := filepath.Join(root, "sys/bus/pci/drivers", driver)
		errs = append(errs, os.MkdirAll(dir, 0o755), os.Symlink("../../../../module/"+driver, filepath.Join(dir, "module")),
			os.Symlink(dir, filepath.Join(at, "driver")))
	}
	builtIn := filepath.Join(root, "sys/bus/pci/drivers/pcieport")
	errs = append(errs, os.MkdirAll(builtIn, 0o755), os.Symlink(builtIn, filepath.Join(pci, "pci10000:e0/driver")))
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if got := modulesOf(root, "nvme0n1"); !slices.Equal(got, []string{"nvme", "vmd"}) {
		t.Errorf("%q", got)
	}
	if got := modulesOf(root, "gone"); got != nil {
		t.Errorf("%q", got)
	}
}

func TestDriversThatTheInitrdLacks(t *testing.T) {
	for _, c := range []struct {
		has   facts.Initrd
		lacks []string
	}{
		{facts.Initrd{}, nil},
		{facts.Initrd{Available: []string{"ahci", "nvme"}}, []string{"virtio_pci", "vmd"}},
		{facts.Initrd{Available: []string{"nvme", "virtio-pci"}, Loaded: []string{"vmd"}}, nil},
	} {
		got := &facts.Comparison{}
		lacks(got, c.has, []string{"nvme", "virtio_pci", "vmd"}, "/dev/nvme0n1")
		if len(got.Mismatches) > 0 || len(got.Notes) != len(c.lacks) {
			t.Fatalf("%+v: %v, %q", c.has, got.Mismatches, got.Notes)
		}
		for i, m := range c.lacks {
			if !strings.Contains(got.Notes[i], "needs the kernel module "+m+",") {
				t.Errorf("%q", got.Notes[i])
			}
		}
	}
}
