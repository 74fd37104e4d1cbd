package relabel

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"auto-installer/hosts/facts"
	"auto-installer/internal/disk/block"
	"auto-installer/internal/sys"
)

// alone refuses a label that another device has: the host boots by label, and might
// take the other one. A second path to the host's own disk is not another device.
func (f *finder) alone() error {
	own := func(is func(name string) bool) bool {
		return slices.ContainsFunc(f.l.Labels, func(l Label) bool { return is(filepath.Base(l.Node)) })
	}
	var found []string
	for _, top := range f.inv.Devices {
		if own(func(name string) bool { return block.SameDisk(top, f.diskOf[name]) }) {
			continue
		}
		for _, d := range top.Below() {
			for _, has := range []string{d.Label, d.PartLabel} {
				wanted := has != "" && slices.ContainsFunc(f.l.Labels, func(l Label) bool { return l.To == has })
				if wanted && !own(func(name string) bool { return name == d.Name }) {
					found = append(found, fmt.Sprintf("%s (%s)", d.Path, has))
				}
			}
		}
	}
	if len(found) == 0 {
		return nil
	}
	slices.Sort(found)
	return sys.Faultf(sys.CodeDisk, "remove that disk, or give it another label: the host could boot from the wrong one",
		"another device has one of the labels: %s", strings.Join(slices.Compact(found), ", "))
}

// config makes the lines for the host's hardware-configuration.nix, and warns where
// the present one refers to a label that changes.
func (f *finder) config() {
	boot := "/boot"
	if at, err := filepath.Rel(f.o.At, f.l.Mount.Point); err == nil && filepath.IsLocal(at) {
		boot = "/" + at
	}
	line := func(format string, args ...any) { f.l.Config = append(f.l.Config, fmt.Sprintf(format, args...)) }
	line("fileSystems.%q.device = %q;", "/", "/dev/disk/by-label/"+f.o.Root)
	line("fileSystems.%q.device = %q;", boot, "/dev/disk/by-label/"+f.o.EFI)
	switch {
	case f.o.Swap == "":
	case f.o.LUKS != "":
		line("swapDevices = [ { device = %q; randomEncryption.enable = true; } ];", "/dev/disk/by-partlabel/"+f.o.Swap)
	default:
		line("swapDevices = [ { device = %q; } ];", "/dev/disk/by-label/"+f.o.Swap)
	}
	if f.o.LUKS != "" {
		by := "by-partlabel"
		if slices.ContainsFunc(f.l.Labels, func(l Label) bool { return l.Kind == LUKS }) {
			by = "by-label"
		}
		line("boot.initrd.luks.devices.%q.device = %q;", f.o.Mapper, "/dev/disk/"+by+"/"+f.o.LUKS)
	}
	for _, l := range f.l.Changes() {
		if spec := f.inFstab(l); spec != "" {
			f.l.Warnings = append(f.l.Warnings, fmt.Sprintf(
				"the host mounts %s, which will be gone: it boots again only once it is rebuilt with the lines below", spec))
		}
	}
}

// inFstab is the name of the device in the host's fstab, if that refers to its
// present label. NixOS makes the fstab and the initrd from the same option.
func (f *finder) inFstab(l Label) string {
	file, err := block.Resolve(filepath.Join(f.o.FS, f.o.At), "/etc/fstab")
	if err != nil || l.From == "" {
		return ""
	}
	data, err := os.ReadFile(filepath.Join(f.o.FS, f.o.At, file))
	if err != nil {
		return ""
	}
	is := facts.Reference{Kind: facts.ByLabel, Name: l.From}
	if l.Kind == Name {
		is.Kind = facts.ByPartLabel
	}
	for line := range strings.Lines(string(data)) {
		if words := strings.Fields(line); len(words) > 0 && facts.Refer(words[0]) == is {
			return words[0]
		}
	}
	return ""
}
