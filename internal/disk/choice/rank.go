package choice

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"auto-installer/internal/boot/efi"
	"auto-installer/internal/disk/block"
)

type Verdict struct {
	Device    block.Device `json:"device"`
	Candidate bool         `json:"candidate"`
	Rank      int          `json:"rank,omitempty"`    // of candidates, 1 is first
	Reasons   []string     `json:"reasons,omitempty"` // for its rank
	Refused   string       `json:"refused,omitempty"` // why it can never be chosen
	// ByNameOnly: neither ranked nor refused; the user may name it.
	ByNameOnly bool     `json:"byNameOnly,omitempty"`
	HoldsData  bool     `json:"holdsData"`
	Holds      []string `json:"holds,omitempty"` // what is on it
	Blank      bool     `json:"blank"`           // empty, as far as Survey can see
	// PathTo is the path that stands for the disk, if this is another path to it
	// and nothing else speaks against it.
	PathTo string `json:"pathTo,omitempty"`

	merit merit
}

// merit orders candidates, best first. Only the user chooses between two disks of
// the same merit.
type merit struct {
	boot       int  // place in the firmware's boot order, from 0; or noBoot
	esp        bool // has an EFI system partition
	partitions int
	size       int64 // bytes
}

const noBoot = 1 << 16 // there are fewer entries

func (a merit) compare(b merit) int {
	has := map[bool]int{true: 1}
	return cmp.Or(cmp.Compare(a.boot, b.boot), cmp.Compare(has[b.esp], has[a.esp]),
		cmp.Compare(b.partitions, a.partitions), cmp.Compare(b.size, a.size))
}

// verdicts judges every device for a purpose, by path.
func verdicts(inv *block.Inventory, use purpose) []Verdict {
	var all []Verdict
	for _, d := range inv.Devices {
		v := Verdict{Device: d, Holds: holds(d), Refused: refuse(d, inv.Boot, use)}
		v.HoldsData = len(v.Holds) > 0
		v.Blank = !v.HoldsData && d.Size > 0 && notADisk(d) == ""
		all = append(all, v)
	}
	joinPaths(all)
	return all
}

// Rank judges every device: candidates by rank, then disks that only the user may
// choose, then refused disks, then devices that are not disks.
func Rank(inv *block.Inventory) []Verdict {
	all := verdicts(inv, toInstall)
	for i := range all {
		v := &all[i]
		var reasons []string
		switch {
		case v.Refused != "":
			continue
		case v.Device.Removable:
			v.ByNameOnly = true
			reasons = []string{"removable: used only if named"}
		default:
			v.Candidate = true
			v.merit, reasons = judge(v.Device, inv.Boot)
		}
		v.Reasons = append(reasons, v.Reasons...)
	}
	group := func(v Verdict) int {
		switch {
		case v.Candidate:
			return 0
		case v.ByNameOnly:
			return 1
		case notADisk(v.Device) == "":
			return 2
		}
		return 3
	}
	slices.SortStableFunc(all, func(a, b Verdict) int {
		return cmp.Or(cmp.Compare(group(a), group(b)), a.merit.compare(b.merit), cmp.Compare(a.Device.Path, b.Device.Path))
	})
	for i := range all {
		if all[i].Candidate {
			all[i].Rank = i + 1
		}
	}
	return all
}

func judge(d block.Device, boot efi.Boot) (merit, []string) {
	m := merit{boot: noBoot, partitions: len(d.Partitions), size: d.Size}
	var reasons []string
	for place, number := range boot.Order {
		e, ok := boot.Entry(number)
		isCurrent := boot.Current != nil && *boot.Current == number
		if ok && e.Active && !isCurrent && hasPartition(d, e.PartUUID) {
			m.boot = place
			reasons = append(reasons, fmt.Sprintf("the firmware boots from it: %s %q, number %d in its order", e.Name(), e.Description, place+1))
			break
		}
	}
	if slices.ContainsFunc(d.Partitions, block.Device.IsESP) {
		m.esp = true
		reasons = append(reasons, "has an EFI system partition")
	}
	switch m.partitions {
	case 0:
		reasons = append(reasons, "no partitions")
	case 1:
		reasons = append(reasons, "1 partition")
	default:
		reasons = append(reasons, fmt.Sprintf("%d partitions", m.partitions))
	}
	return m, append(reasons, block.FormatSize(d.Size))
}

func hasPartition(d block.Device, partUUID string) bool {
	return partUUID != "" && slices.ContainsFunc(d.Partitions, func(p block.Device) bool { return p.PartUUID == partUUID })
}

// holds says what is on a disk: one text for each partition or signature.
func holds(d block.Device) []string {
	var all []string
	if d.FSType != "" {
		all = append(all, words(d.FSType, d.Label))
	}
	if d.Content != "" {
		all = append(all, d.Content)
	}
	for _, p := range d.Partitions {
		kind := cmp.Or(p.FSType, "unknown content")
		if p.IsESP() {
			kind = strings.TrimSpace("ESP " + p.FSType)
		}
		all = append(all, words(kind, cmp.Or(p.Label, p.PartLabel), block.FormatSize(p.Size)))
	}
	return all
}

func words(w ...string) string {
	return strings.Join(slices.DeleteFunc(w, func(s string) bool { return s == "" }), " ")
}

// member is the kind of the array, pool or group that a disk is a part of, or
// empty. Erasing a member may destroy the data on the other disks.
func member(d block.Device) string {
	for _, p := range slices.Concat([]block.Device{d}, d.Partitions) {
		if strings.HasSuffix(p.FSType, "_member") || slices.Contains([]string{"bcache", "drbd", "ceph_bluestore"}, p.FSType) {
			return p.FSType
		}
	}
	return ""
}
