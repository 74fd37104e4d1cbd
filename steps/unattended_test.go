package steps

import (
	"errors"
	"strings"
	"testing"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/sys"
)

func TestUnattendable(t *testing.T) {
	disk := func(holds []string, below ...block.Device) Disk {
		d := DiskOf(Verdict{Device: block.Device{Name: "sda", Path: "/dev/sda", Size: 1 << 40, ByID: "/dev/disk/by-id/ata-X", Partitions: below}})
		d.holds = strings.Join(holds, ", ")
		return d
	}
	luks := load(t, "stygianlibrary")
	for _, c := range []struct {
		name, named string
		disk        Disk
		luks        bool
		words       string // of the refusal
	}{
		{"blank, chosen by rank", "", disk(nil), false, ""},
		{"blank, by its path", "/dev/sda", disk(nil), false, ""},
		{"data, chosen by rank", "", disk([]string{"ext4 photos"}), false, "ext4 photos"},
		{"data, by its path", "/dev/sda", disk([]string{"ext4 photos"}), false, "holds data and was not named by"},
		{"data, by another link", "/dev/disk/by-path/pci-1", disk([]string{"ext4 photos"}), false, "holds data"},
		{"data, by a trick", "/dev/disk/by-id/../../sda", disk([]string{"ext4 photos"}), false, "holds data"},
		{"data, by id", "/dev/disk/by-id/ata-X", disk([]string{"ext4 photos"}), false, ""},
		{"installed already", "/dev/disk/by-id/ata-X", disk([]string{"ext4"}, block.Device{Name: "sda2", Label: "DEMO-ROOT"}), false, "demo is installed there already"},
		{"unfinished", "/dev/disk/by-id/ata-X", disk([]string{"a table"}, block.Device{Name: "sda2", PartLabel: "DEMO-ROOT"}), false, "or its install is unfinished"},
		{"another host's", "/dev/disk/by-id/ata-X", disk([]string{"ext4"}, block.Device{Name: "sda2", Label: "OTHER-ROOT"}), false, ""},
		{"installed with LUKS", "/dev/disk/by-id/ata-X", disk([]string{"LUKS"}, block.Device{Name: "sda2", Label: luks.Labels.LUKS}), true, "installed there already"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := Answers{Host: load(t, "demo"), Disk: c.disk}
			if c.luks {
				a.Host = luks
			}
			err := a.Unattendable(c.named)
			if c.words == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			e, ok := errors.AsType[*sys.Fault](err)
			if !ok || e.Code != sys.CodeDisk || e.Hint == "" || !strings.Contains(e.Cause, c.words) {
				t.Errorf("%+v", err)
			}
		})
	}
}
