package topology

import (
	"slices"

	"pgregory.net/rapid"
)

// Firmware is the contents of the EFI variables.
type Firmware struct {
	Entries []Entry
	Order   []uint16
	Current *uint16
	Loader  string // the boot loader's partition, or empty
	Garbage bool   // there is an entry that cannot be read

	started *Node // the partition that started this session, if the variables say so
}

// Entry is a boot entry. Without a partition it boots from something else.
type Entry struct {
	Number   uint16
	Active   bool
	PartUUID string
}

// firmware draws the variables, or none for a machine in BIOS mode.
func (d *draw) firmware() {
	f := d.m.Firmware
	if f == nil {
		if d.chance("BIOS", 5) {
			return
		}
		f = &Firmware{}
		d.m.Firmware = f
	}
	var guids []string
	for _, n := range d.m.Disks() {
		if n.PTType == "gpt" {
			for _, p := range n.Parts {
				guids = append(guids, p.PartUUID)
			}
		}
	}
	guids = append(guids, "", "ffffffff-1111-4222-8333-444455556666") // the network; a disk that is gone
	for i := range d.upTo("entries", 5) {
		f.Entries = append(f.Entries, Entry{Number: uint16(i + pick(d, "number", 0, 0, 0x1a)), Active: !d.chance("inactive", 4), PartUUID: pick(d, "partition", guids...)})
	}
	f.Garbage = d.chance("garbage", 10)
	if f.started != nil && f.started.disks()[0].PTType == "gpt" {
		f.Entries = append(f.Entries, Entry{Number: 0x2001, Active: true, PartUUID: f.started.PartUUID})
	}
	slices.SortFunc(f.Entries, func(a, b Entry) int { return int(a.Number) - int(b.Number) })
	f.Entries = slices.CompactFunc(f.Entries, func(a, b Entry) bool { return a.Number == b.Number })
	for _, e := range f.Entries {
		f.Order = append(f.Order, e.Number)
	}
	f.Order = append(f.Order, 0x3000) // an entry that is gone
	f.Order = rapid.Permutation(f.Order).Draw(d.t, "order")[:d.upTo("length of the order", len(f.Order))]
	d.started(f)
}

// started decides what started this session, and whether the variables say so.
func (d *draw) started(f *Firmware) {
	switch {
	case f.started == nil:
		if len(f.Entries) > 0 && d.chance("current", 3) {
			number := pick(d, "current entry", f.Entries...).Number
			f.Current = &number
		}
		if d.chance("loader", 8) {
			f.Loader = pick(d, "loader's partition", append(f.guids(), "ffffffff-1111-4222-8333-444455556666")...)
		}
	case f.started.disks()[0].PTType == "gpt" && d.chance("by the current entry", 2):
		number := uint16(0x2001)
		f.Current = &number
	default:
		f.Loader = f.started.PartUUID
	}
	current := ""
	for _, e := range f.Entries {
		if f.Current != nil && e.Number == *f.Current {
			current = e.PartUUID
		}
	}
	for _, n := range d.m.Disks() {
		for _, p := range n.Parts { // each clone may be the one
			if p.PartUUID != "" && (p.PartUUID == current || p.PartUUID == f.Loader) {
				n.forbid(Started)
			}
		}
	}
}

func (f *Firmware) guids() []string {
	var all []string
	for _, e := range f.Entries {
		all = append(all, e.PartUUID)
	}
	return all
}
