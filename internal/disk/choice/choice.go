// Package choice chooses the disk to install to, and judges the disks that an
// image can be written to. It ranks the disks, says why each has its rank or is
// refused, and leaves the choice to the user if its own could surprise.
package choice

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/sys"
)

// Found is all disks, and the chosen one if there is one.
type Found struct {
	Verdicts []Verdict
	Chosen   Verdict
}

// Run lists the disks of the machine below root and chooses one. want is --disk or
// INSTALL_DISK as given: a device, a link to one, or an image file; if it is empty,
// Choose chooses. If it cannot choose, the error is a *sys.Fault with sys.CodeDisk, and
// Found has the disks all the same.
func Run(ctx context.Context, s sys.System, root, want string) (Found, error) {
	inv, err := block.Survey(ctx, s, root)
	if err != nil {
		return Found{}, err
	}
	f := Found{Verdicts: Rank(inv)}
	if info, err := os.Stat(want); err == nil && info.Mode().IsRegular() {
		f.Chosen, err = image(want)
		return f, err
	}
	if real, err := block.Resolve(root, want); want != "" && err == nil {
		want = real
	}
	f.Chosen, err = Choose(f.Verdicts, want)
	return f, err
}

func image(path string) (Verdict, error) {
	d, err := block.Image(path)
	if err != nil {
		return Verdict{}, fault("name a block device or a readable image file", "%w", err)
	}
	v := Rank(&block.Inventory{Devices: []block.Device{d}})[0]
	if v.Refused != "" {
		return Verdict{}, fault("make it as large as a disk first: truncate --size 8G FILE", "%s cannot be used: %s", path, v.Refused)
	}
	v.Reasons = append([]string{"an image file, as named"}, v.Reasons...)
	return v, nil
}

// Choose returns the disk to install to, of those that Rank has judged: the one that the
// user named, after block.Resolve, or the first candidate if want is empty and no user
// could be surprised. The error is a *sys.Fault with sys.CodeDisk.
func Choose(all []Verdict, want string) (Verdict, error) {
	if want != "" {
		return named(all, want)
	}
	candidates := slices.DeleteFunc(slices.Clone(all), func(v Verdict) bool { return !v.Candidate })
	if len(candidates) == 0 {
		return Verdict{}, noCandidate(all)
	}
	first, others := candidates[0], candidates[1:]
	if len(others) == 0 {
		// The user may mean a disk that the kernel does not show.
		if why := doubt(first); why != "" {
			return Verdict{}, fault(nameOne(first), "the only disk is %s, and it %s", describe(first.Device), why)
		}
		return first, nil
	}
	ask := func(other Verdict, why string) (Verdict, error) {
		return Verdict{}, fault(nameOne(first, other), "it is not clear which disk to use: %s or %s: %s", describe(first.Device), describe(other.Device), why)
	}
	if first.merit.compare(others[0].merit) == 0 {
		return ask(others[0], "they rank the same")
	}
	if i := slices.IndexFunc(others, func(v Verdict) bool { return v.Blank }); i >= 0 && first.HoldsData {
		return ask(others[i], "the first holds data and the other is blank")
	}
	if i := slices.IndexFunc(others, func(v Verdict) bool { return !external(v.Device) }); i >= 0 && external(first.Device) && member(first.Device) == "" {
		return ask(others[i], "the first is attached from outside and the other is not")
	}
	if why := doubt(first); why != "" {
		return ask(others[0], "the first "+why)
	}
	return first, nil
}

// doubt says why only the user may choose a disk, or is empty.
func doubt(v Verdict) string {
	if m := member(v.Device); m != "" {
		return fmt.Sprintf("is part of an array or pool (%s)", m)
	}
	if external(v.Device) && v.HoldsData { // the medium of a system that runs in memory looks like this
		return "is attached from outside and holds data"
	}
	return ""
}

// lookup finds a device by its path, or by that of a partition of it, which has a number.
func lookup(all []Verdict, path string) (v Verdict, partition int, found bool) {
	for _, v := range all {
		if v.Device.Is(path) {
			return v, 0, true
		}
		for _, p := range v.Device.Partitions {
			if p.Is(path) {
				return v, p.Number, true
			}
		}
	}
	return Verdict{}, 0, false
}

// named finds the disk that the user asked for, by any of its paths.
func named(all []Verdict, want string) (Verdict, error) {
	v, partition, found := lookup(all, want)
	if v.PathTo != "" && partition == 0 {
		v, _, found = lookup(all, v.PathTo)
	}
	switch {
	case !found:
		return Verdict{}, fault(others(all), "there is no disk %s", want)
	case partition > 0:
		hint := "name a whole disk: the installer makes its own partitions"
		if v.Refused == "" {
			hint += ": --disk " + byID(v.Device)
		}
		return Verdict{}, fault(hint, "%s is partition %d of %s", want, partition, describe(v.Device))
	case v.Refused != "":
		return Verdict{}, fault(others(all), "%s cannot be used: %s", describe(v.Device), v.Refused)
	}
	return v, nil
}

func noCandidate(all []Verdict) error {
	disks := slices.DeleteFunc(slices.Clone(all), func(v Verdict) bool { return notADisk(v.Device) != "" })
	if len(disks) == 0 {
		return fault("check the cables, the firmware's settings (RAID or VMD mode hides disks) and dmesg", "no disk was found")
	}
	var lines []string
	hint := ""
	for _, v := range disks {
		lines = append(lines, describe(v.Device)+": "+cmp.Or(v.Refused, strings.Join(v.Reasons, ", ")))
		if v.ByNameOnly && hint == "" {
			hint = "to use a removable disk, name it: --disk " + byID(v.Device)
		}
	}
	hint = cmp.Or(hint, "free a disk (umount, swapoff, vgchange -an, mdadm --stop, cryptsetup close) or attach another one")
	return fault(hint, "no disk can be used\n  %s", strings.Join(lines, "\n  "))
}

// usable lists the paths that the user could name.
func usable(all []Verdict) (paths []string) {
	for _, v := range all {
		if v.Refused == "" {
			paths = append(paths, byID(v.Device))
		}
	}
	return paths
}

func others(all []Verdict) string {
	paths := usable(all)
	if len(paths) == 0 {
		return "no disk of this machine can be used: see auto-installer disks"
	}
	return "name one of " + strings.Join(paths, ", ") + "; see auto-installer disks"
}

func nameOne(vs ...Verdict) string {
	var ways []string
	for _, v := range vs {
		ways = append(ways, "--disk "+byID(v.Device))
	}
	return "name the disk: " + strings.Join(ways, " or ") + ", or set INSTALL_DISK"
}

// byID is the path that stays the same over a restart, if there is one.
func byID(d block.Device) string { return cmp.Or(d.ByID, d.Path) }

// describe names a disk so that a person can recognize it.
func describe(d block.Device, more ...string) string {
	about := []string{d.Model}
	if d.Serial != "" {
		about = append(about, "serial "+d.Serial)
	}
	about = slices.Concat(about, []string{block.FormatSize(d.Size)}, more)
	about = slices.DeleteFunc(about, func(s string) bool { return s == "" })
	return fmt.Sprintf("%s (%s)", d.Path, strings.Join(about, ", "))
}

func fault(hint, format string, args ...any) *sys.Fault {
	return sys.Faultf(sys.CodeDisk, hint, format, args...)
}
