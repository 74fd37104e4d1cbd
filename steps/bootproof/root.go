package bootproof

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"auto-installer/hosts/facts"
	"auto-installer/internal/boot/bls"
	"auto-installer/internal/disk/block"
	"auto-installer/internal/disk/choice"
	"auto-installer/internal/sys"
)

// survey lists the attached devices, once for all checks.
func (p *proof) survey(ctx context.Context, s sys.System) error {
	if p.devices != nil {
		return nil
	}
	inv, err := block.Survey(ctx, s, "/")
	if err == nil {
		p.devices = every(inv, p.o.ESP)
	}
	return err
}

// mounts resolves root= and the system's fstab to devices: each must name
// exactly one attached device, the right one.
func (p *proof) mounts(ctx context.Context, s sys.System) (string, error) {
	if err := p.survey(ctx, s); err != nil {
		return "", err
	}
	fstab, known, err := p.fstab()
	if err != nil {
		return "", err
	}
	var errs []error
	var saw []string
	rootKnown := false
	is := func(what, spec, want string) {
		rootKnown = rootKnown || want == p.o.RootFS
		if err := resolves(p.devices, spec, want); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", what, err))
			return
		}
		if link, ok := strings.CutPrefix(spec, "/dev/disk/by-"); ok {
			spec = strings.Replace(link, "/", " ", 1)
		}
		saw = append(saw, what+" by "+spec)
	}
	switch root := bls.Param(p.line, "root"); root {
	case "", "fstab": // fstab has it
	case "gpt-auto":
		s.Warn("root=gpt-auto: that the initrd finds the root by its partition type is not proven")
	default:
		is("root=", root, p.o.RootFS)
	}
	for _, m := range fstab {
		switch {
		case m.at == "/":
			is("/", m.spec, p.o.RootFS)
		case m.at == "/boot" || m.at == "/efi":
			is(m.at, m.spec, p.o.ESP)
		case m.needed:
			if n := len(find(p.devices, m.spec)); n != 1 {
				s.Warn(fmt.Sprintf("not proven: %s of the installed system is on %s, which names %d attached devices", m.at, m.spec, n))
			}
		}
	}
	if !rootKnown && errs == nil {
		// Nothing names the root. The installer prepared it for its label.
		if known {
			s.Warn("the system's fstab has no root: where the system will look for it is not proven")
		} else {
			s.Log("the system has no etc/fstab that names its root")
		}
		is("/", "LABEL="+p.o.RootLabel, p.o.RootFS)
	}
	return "found on this disk alone: " + strings.Join(saw, ", "), errors.Join(errs...)
}

// initrdOpens compares the containers that the initrd will open with the
// installed one.
func (p *proof) initrdOpens(ctx context.Context, s sys.System) (string, error) {
	// The installer may have opened it under another name. A host that needs its own name
	// was refused by the contract.
	opened, ok := p.o.Facts.LUKSDevices[p.o.Facts.Opens(p.o.Host)]
	if !ok {
		names := slices.Sorted(maps.Keys(p.o.Facts.LUKSDevices))
		return "", fmt.Errorf("it opens %q; the installer opened the container as %s", names, p.o.Mapper)
	}
	if err := p.survey(ctx, s); err != nil {
		return "", err
	}
	if err := resolves(p.devices, opened.Device, p.o.LUKS); err != nil {
		return "", fmt.Errorf("%s: %w", p.o.Mapper, err)
	}
	return fmt.Sprintf("the initrd opens %s as %s", p.o.LUKS, p.o.Mapper), nil
}

// fsLine is a line of fstab(5).
type fsLine struct {
	spec, at string
	needed   bool // the system does not start without this device
}

// fstab reads the system's fstab, if it has one.
func (p *proof) fstab() (lines []fsLine, known bool, err error) {
	f, err := p.own("etc/fstab")
	if f == nil || err != nil {
		return nil, false, err
	}
	text, err := readText("etc/fstab", f)
	return parseFstab(text), true, err
}

func parseFstab(text string) []fsLine {
	var lines []fsLine
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 3 || strings.HasPrefix(f[0], "#") {
			continue
		}
		options := strings.Split(append(f, "")[3], ",")                // they may be missing
		optional := slices.ContainsFunc(options, func(o string) bool { // systemd.mount(5)
			return slices.Contains([]string{"bind", "nofail", "noauto", "x-systemd.automount"}, o)
		})
		lines = append(lines, fsLine{f[0], f[1], facts.Refer(f[0]).Kind != facts.NotDevice && f[2] != "swap" && !optional})
	}
	return lines
}

// every lists each attached device once, partitions and mappers included. It
// leaves out other paths to the disk that has the ESP.
func every(inv *block.Inventory, esp string) []block.Device {
	var disk block.Device
	for _, top := range inv.Devices {
		if slices.ContainsFunc(top.Partitions, func(p block.Device) bool { return p.Is(esp) }) {
			disk = top
		}
	}
	list := disk.Below()
	for d := range choice.Others(inv, disk) {
		list = append(list, d)
	}
	return list
}

// find lists the devices that a spec of root= or fstab names.
func find(devices []block.Device, spec string) []block.Device {
	has := choice.Named(facts.Refer(spec))
	return slices.DeleteFunc(slices.Clone(devices), func(d block.Device) bool { return !has(d) })
}

// resolves checks that a spec names one attached device, the wanted one.
func resolves(devices []block.Device, spec, want string) error {
	found := find(devices, spec)
	switch {
	case len(found) == 0:
		return fmt.Errorf("no attached device is %s", spec)
	case len(found) > 1:
		var paths []string
		for _, d := range found {
			paths = append(paths, d.Path)
		}
		return fmt.Errorf("%s names %d devices, %s: the system may start from the wrong one", spec, len(found), strings.Join(paths, " and "))
	case !found[0].Is(want):
		return fmt.Errorf("%s is %s, not %s", spec, found[0].Path, want)
	}
	return nil
}
