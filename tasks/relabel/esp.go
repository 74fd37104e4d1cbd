package relabel

import (
	"context"
	"path/filepath"
	"strings"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/sys"
)

// espPoints are where an ESP is mounted (systemd: bootctl(1), --esp-path).
var espPoints = []string{"boot", "efi", "boot/efi"}

// esp finds the ESP: the one at a usual mount point, or the only one of the root's
// disk.
func (f *finder) esp(ctx context.Context) error {
	var found []block.Device
	for _, p := range espPoints {
		m, d, ok := f.mountedAt(filepath.Join(f.o.At, p))
		if ok && m.FSType == "vfat" {
			f.l.Mount = mountOf(m, d)
			found = append(found, d)
			break
		}
	}
	if len(found) == 0 {
		found = f.partitions(func(p block.Device) bool { return p.IsESP() && p.FSType == "vfat" })
	}
	if len(found) != 1 {
		return misfit("mount the host's ESP at "+filepath.Join(f.o.At, "boot"), "%s", several("the ESP", found))
	}
	d := found[0]
	if !d.IsESP() {
		return misfit("mount the host's ESP at "+filepath.Join(f.o.At, "boot"), "%s is mounted at %s and is not an ESP", d.Path, f.l.Mount.Point)
	}
	if err := f.partition("ESP", d, f.o.EFI); err != nil {
		return err
	}
	if err := f.add(ctx, "ESP", FAT, d, f.o.EFI); err != nil {
		return err
	}
	for _, m := range f.mounts { // it may be mounted elsewhere
		if m.DevNo == d.DevNo && f.l.Mount.Point == "" {
			f.l.Mount = mountOf(m, d)
		}
	}
	if !f.l.Labels[0].Differs() || f.l.Mount.Point == "" {
		return nil
	}
	return f.mountedOnce(d)
}

func mountOf(m block.Mount, d block.Device) Mount {
	return Mount{Device: d.Path, Point: m.Point, Options: strings.Join(m.Options, ",")}
}

// mountedOnce refuses an ESP that cannot be unmounted with one command.
func (f *finder) mountedOnce(d block.Device) error {
	var at []string
	for _, m := range f.mounts {
		if m.DevNo == d.DevNo {
			at = append(at, m.Point)
		}
		if m.Point == f.l.Mount.Point && m.FSType == "autofs" {
			f.l.Mount.Auto = true
		}
		if strings.HasPrefix(m.Point, f.l.Mount.Point+"/") {
			return sys.Faultf(sys.CodeGate, "unmount "+m.Point,
				"%s must be unmounted for its label, and %s is mounted below it", f.l.Mount.Point, m.Point)
		}
	}
	if len(at) > 1 {
		return sys.Faultf(sys.CodeGate, "leave only one of them", "%s is mounted more than once: at %s", d.Path, strings.Join(at, " and "))
	}
	return nil
}
