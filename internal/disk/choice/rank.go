// Package choice decides which disk to install to: it ranks the disks, says
// of each why it stands where it stands or why it is refused, and never
// chooses silently where a person could be surprised.
package choice

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"auto-installer/internal/boot/efi"
	"auto-installer/internal/disk/block"
)

// Verdict is what was found of one block device.
type Verdict struct {
	Device    block.Device `json:"device"`
	Candidate bool         `json:"candidate"`
	Rank      int          `json:"rank,omitempty"`    // of candidates, 1 is first
	Reasons   []string     `json:"reasons,omitempty"` // why it stands there
	Refused   string       `json:"refused,omitempty"` // why it can never be taken
	// ByNameOnly: neither ranked nor refused, taken only if the user names it.
	ByNameOnly bool     `json:"byNameOnly,omitempty"`
	HoldsData  bool     `json:"holdsData"`
	Holds      []string `json:"holds,omitempty"` // what is on it
	Blank      bool     `json:"blank"`           // nothing on it, as far as one can see
	// PathTo is the path that stands for this disk, if this is another path to
	// it and nothing else speaks against it.
	PathTo string `json:"pathTo,omitempty"`

	merit merit
}

// merit is what candidates are ordered by, best first. Two disks of the same
// merit are never told apart silently.
type merit struct {
	boot       int  // place in the firmware's boot order, from 0; noBoot if none
	esp        bool // has an EFI system partition
	partitions int
	size       int64 // bytes
}

const noBoot = 1 << 16 // there are fewer entries

func (a merit) compare(b merit) int {
	has := func(esp bool) int {
		if esp {
			return 0
		}
		return 1
	}
	return cmp.Or(cmp.Compare(a.boot, b.boot), cmp.Compare(has(a.esp), has(b.esp)),
		cmp.Compare(b.partitions, a.partitions), cmp.Compare(b.size, a.size))
}

// Rank judges every device: candidates by rank, then what is taken by name
// only, then the disks that are refused, then what is no disk at all.
func Rank(inv *block.Inventory) []Verdict {
	var all []Verdict
	for _, d := range inv.Devices {
		v := Verdict{Device: d}
		v.Holds = holds(d)
		v.HoldsData = len(v.Holds) > 0
		v.Blank = !v.HoldsData && d.Size > 0 && notADisk(d) == ""
		v.Refused = refuse(d, inv.Boot)
		switch {
		case v.Refused != "":
		case d.Removable:
			v.ByNameOnly = true
			v.Reasons = []string{"removable: taken only if it is named"}
		default:
			v.Candidate = true
			v.merit, v.Reasons = judge(d, inv.Boot)
		}
		all = append(all, v)
	}
	joinPaths(all)
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

// judge measures a candidate, and says it in words.
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

// holds says what is on a disk, one text for each partition or signature.
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

// member names the array, pool or group that a disk is a part of, or "". Its
// loss may take the data on other disks along.
func member(d block.Device) string {
	for _, p := range slices.Concat([]block.Device{d}, d.Partitions) {
		if strings.HasSuffix(p.FSType, "_member") || slices.Contains([]string{"bcache", "drbd", "ceph_bluestore"}, p.FSType) {
			return p.FSType
		}
	}
	return ""
}

// Carrier is a partition or volume that carries a label.
type Carrier struct {
	Disk  string `json:"disk"`  // path of the whole disk
	Path  string `json:"path"`  // path of what carries it
	Label string `json:"label"` // one of those that were asked for
	Kind  string `json:"kind"`  // "filesystem label" or "partition label"
}

func (c Carrier) String() string {
	return fmt.Sprintf("%s (on %s) has the %s %s", c.Path, c.Disk, c.Kind, c.Label)
}

// CarriesLabel finds the labels that are planned for a disk on other disks: the
// installed system mounts by label and could get the wrong one. Another path to
// the same disk is not another disk.
func CarriesLabel(inv *block.Inventory, except block.Device, labels []string) []Carrier {
	var found []Carrier
	own, seen := map[string]bool{}, map[string]bool{}
	for _, d := range except.Below() {
		own[d.Name] = true
	}
	for _, disk := range inv.WithoutOtherPaths(except) {
		for _, d := range disk.Below() {
			if own[d.Name] || seen[d.Name] {
				continue
			}
			seen[d.Name] = true
			if d.Label != "" && slices.Contains(labels, d.Label) {
				found = append(found, Carrier{disk.Path, d.Path, d.Label, "filesystem label"})
			}
			if d.PartLabel != "" && slices.Contains(labels, d.PartLabel) {
				found = append(found, Carrier{disk.Path, d.Path, d.PartLabel, "partition label"})
			}
		}
	}
	return found
}
