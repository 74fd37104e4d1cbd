package choice

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/sys"
)

// Choose returns the disk to install to. Want is the one that the user named,
// after block.Resolve, or empty: then the first candidate is taken, but only
// if nobody could be surprised by that.
//
// The error is a *sys.Fault with sys.CodeDisk.
func Choose(all []Verdict, want string) (Verdict, error) {
	if want != "" {
		return named(all, want)
	}
	var candidates []Verdict
	for _, v := range all {
		if v.Candidate {
			candidates = append(candidates, v)
		}
	}
	slices.SortStableFunc(candidates, func(a, b Verdict) int { return cmp.Compare(a.Rank, b.Rank) })
	if len(candidates) == 0 {
		return Verdict{}, none(all)
	}
	first, others := candidates[0], candidates[1:]
	if len(others) == 0 {
		return lone(first)
	}
	ask := func(other Verdict, why string) (Verdict, error) {
		return Verdict{}, fault(nameOne(first, other), "the disk is not clear: %s or %s: %s", describe(first), describe(other), why)
	}
	if first.merit.compare(others[0].merit) == 0 {
		return ask(others[0], "they rank the same")
	}
	if i := slices.IndexFunc(others, func(v Verdict) bool { return v.Blank }); i >= 0 && first.HoldsData {
		return ask(others[i], "the first holds data and the other is blank")
	}
	if m := member(first.Device); m != "" {
		return ask(others[0], fmt.Sprintf("the first is part of an array or pool (%s)", m))
	}
	if i := slices.IndexFunc(others, func(v Verdict) bool { return !external(v) }); i >= 0 && external(first) {
		return ask(others[i], "the first is attached from outside and the other is not")
	}
	if external(first) && first.HoldsData { // it may be the medium of a system that runs in memory
		return ask(others[0], "the first is attached from outside and holds data")
	}
	return first, nil
}

// lone is for the only candidate: the disk that is meant may be hidden from us.
func lone(v Verdict) (Verdict, error) {
	why := ""
	if m := member(v.Device); m != "" {
		why = fmt.Sprintf("it is part of an array or pool (%s)", m)
	} else if external(v) && v.HoldsData {
		why = "it is attached from outside and holds data"
	}
	if why != "" {
		return Verdict{}, fault(nameOne(v), "the only disk is %s, and %s", describe(v), why)
	}
	return v, nil
}

// external tells if a disk is one that people plug and unplug. Many such disks
// call themselves not removable.
func external(v Verdict) bool {
	return slices.Contains([]string{"usb", "ieee1394", block.TransportCard}, v.Device.Transport)
}

// named finds the disk that the user asked for, by whichever path.
func named(all []Verdict, want string) (Verdict, error) {
	for _, v := range all {
		if v.PathTo != "" && v.Device.Is(want) {
			want = v.PathTo
			break
		}
	}
	for _, v := range all {
		if !v.Device.Is(want) {
			continue
		}
		if v.Refused != "" {
			return Verdict{}, fault(others(all), "%s cannot be taken: %s", describe(v), v.Refused)
		}
		return v, nil
	}
	for _, v := range all {
		for _, p := range v.Device.Partitions {
			if p.Is(want) {
				hint := "partitions are made anew, so name a whole disk"
				if v.Refused == "" {
					hint += ": --disk " + byID(v.Device)
				}
				return Verdict{}, fault(hint, "%s is partition %d of %s", want, p.Number, describe(v))
			}
		}
	}
	return Verdict{}, fault(others(all), "there is no disk %s", want)
}

// none says why there is no candidate.
func none(all []Verdict) error {
	disks := slices.DeleteFunc(slices.Clone(all), func(v Verdict) bool { return notADisk(v.Device) != "" })
	if len(disks) == 0 {
		return fault("look at the cables, the firmware's settings (RAID or VMD mode hides disks) and dmesg", "no disk was found")
	}
	var lines []string
	for _, v := range disks {
		lines = append(lines, describe(v)+": "+cmp.Or(v.Refused, strings.Join(v.Reasons, ", ")))
	}
	hint := "free a disk (unmount, swapoff, vgchange -an, mdadm --stop, cryptsetup close) or attach another one"
	for _, v := range disks {
		if v.ByNameOnly {
			hint = "to take a removable disk, name it: --disk " + byID(v.Device)
			break
		}
	}
	return fault(hint, "no disk can be taken\n  %s", strings.Join(lines, "\n  "))
}

// others is the hint that lists the disks which could be named instead.
func others(all []Verdict) string {
	var paths []string
	for _, v := range all {
		if v.Refused == "" {
			paths = append(paths, byID(v.Device))
		}
	}
	if len(paths) == 0 {
		return "no disk of this machine can be taken: see auto-installer disks"
	}
	return "what can be taken: " + strings.Join(paths, ", ") + "; see auto-installer disks"
}

func nameOne(vs ...Verdict) string {
	var ways []string
	for _, v := range vs {
		ways = append(ways, "--disk "+byID(v.Device))
	}
	return "name the disk: " + strings.Join(ways, " or ") + ", or set INSTALL_DISK"
}

// byID is the path that stays the same over a reboot, if there is one.
func byID(d block.Device) string { return cmp.Or(d.ByID, d.Path) }

// describe names a disk so that a person can tell it from another.
func describe(v Verdict) string {
	d := v.Device
	serial := ""
	if d.Serial != "" {
		serial = "serial " + d.Serial
	}
	about := slices.DeleteFunc([]string{d.Model, serial, block.FormatSize(d.Size)}, func(s string) bool { return s == "" })
	return fmt.Sprintf("%s (%s)", d.Path, strings.Join(about, ", "))
}

func fault(hint, format string, args ...any) *sys.Fault {
	return sys.Faultf(sys.CodeDisk, hint, format, args...)
}
