// Package topology draws whole machines for property tests: disks of all kinds,
// their contents, the devices upon them, the running system, and the firmware's
// variables. A machine shows itself as a real one does, by lsblk, /proc, /sys,
// /dev and EFI variables. It also knows the truth, which tests compare with.
package topology

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Why is a reason for which a disk must not be touched.
type Why string

// All reasons.
const (
	Live     Why = "the running system stands on it"
	Started  Why = "this session was started from it"
	Medium   Why = "it is an installation medium"
	Mounted  Why = "it or something upon it is mounted"
	Swap     Why = "it or something upon it is swap in use"
	Held     Why = "something is built upon it"
	OnePath  Why = "it is one path of a multipath device"
	Twin     Why = "it is another path to such a disk"
	ReadOnly Why = "it is read-only"
	Empty    Why = "there is no medium in it"
	NoDisk   Why = "it is not a disk"
)

// Node is a block device: a disk, a partition, or a device upon them.
type Node struct {
	Kind   string // the kernel's name begins with it: sd, nvme, dm-, md
	Suffix string // of what belongs to another: boot0 of mmcblk0boot0
	Beside *Node  // that other
	Type   string // lsblk's
	Mapper string // of a dm- node: its name in /dev/mapper

	// Its identity. Seq is the kernel's disk sequence number, which is never
	// used twice; Lay sets it where it is 0.
	Tran, Model, Serial, WWN string
	Seq                      int
	Size                     int64 // bytes
	Sector                   int   // bytes
	RO, RM, Hotplug          bool
	Card                     bool // a memory card in a slot

	// Its contents.
	PTType, PTUUID, FSType, Label string
	Content                       byte // what its first byte is

	// Of a partition.
	Number                        int
	PartUUID, PartType, PartLabel string

	Parts, Upon []*Node // its partitions, and the devices upon it
	Below       []*Node // its disk, or the devices below it
	Backing     string  // file of a loop device
	used        bool    // something uses it

	// The truth. Nodes of one physical disk have the same Body.
	Body int
	Why  map[Why]bool
	// Busy: the kernel refuses to open it exclusively.
	Busy bool
	// Hidden: the running system was started from it, and nothing shows it.
	Hidden bool

	// Set by Lay.
	Name, Path, DevNo string
}

// Mount is a line of mountinfo.
type Mount struct {
	On     []*Node // the devices of a file system; the first is named
	Source string  // if it is on none
	FS     string
	Point  string
	Super  string // options of the file system
}

// Machine is a random machine.
type Machine struct {
	// Tops are the devices that are neither partitions nor upon another, in the
	// order of attaching.
	Tops     []*Node
	Mounts   []Mount
	Swaps    []*Node
	Pools    []string // imported ZFS pools
	Firmware *Firmware
	OldLinux bool           // one without disk sequence numbers
	Blind    bool           // lsblk shows no mounts and no swap, only /proc does
	First    map[string]int // number of the first device of a kind

	seq int // the newest disk sequence number
}

// IsDisk reports whether a node is a whole disk that a system can be installed
// to.
func (n *Node) IsDisk() bool { return n.Type == "disk" && n.Below == nil && !n.Why[NoDisk] }

// Is reports whether o is the same physical disk as n, or indistinguishable from
// it.
func (m *Machine) Is(n, o *Node) bool {
	return n.Body == o.Body || m.OldLinux && n.Serial == o.Serial && n.WWN == o.WWN && n.Model == o.Model && n.Size == o.Size &&
		n.Sector == o.Sector && n.PTUUID == o.PTUUID
}

// External reports whether a disk is one that people plug and unplug.
func (n *Node) External() bool { return n.Tran == "usb" || n.Card }

// Takable reports whether nothing speaks against writing to a disk.
func (n *Node) Takable() bool { return len(n.Why) == 0 }

// Blank reports whether a disk is empty.
func (n *Node) Blank() bool {
	return n.FSType == "" && n.Content == 0 && len(n.Parts)+len(n.Upon) == 0
}

// IsMember reports whether a disk or a partition of it belongs to an array, a
// pool or a group of volumes.
func (n *Node) IsMember() bool {
	signatures := []string{"LVM2_member", "linux_raid_member", "zfs_member", "mpath_member", "bcache", "drbd"}
	return slices.ContainsFunc(append([]*Node{n}, n.Parts...), func(p *Node) bool { return slices.Contains(signatures, p.FSType) })
}

// GoString identifies a node in the output of a failed test.
func (n *Node) GoString() string {
	return strings.TrimSpace(n.Kind + n.Name + " " + n.Type + " " + n.FSType)
}

// String draws the machine as a tree.
func (m *Machine) String() string {
	var b strings.Builder
	var walk func(n *Node, indent string)
	walk = func(n *Node, indent string) {
		fmt.Fprintf(&b, "%s%s %s %q %d B, %s %q %q %q, disk %d, blank %v %v busy %v\n", indent, n.Path, n.Type, n.Tran, n.Size, n.PTType, n.FSType, n.Label,
			n.PartUUID, n.Body, n.Blank(), slices.Collect(maps.Keys(n.Why)), n.Busy)
		for _, c := range slices.Concat(n.Parts, n.Upon) {
			walk(c, indent+"  ")
		}
	}
	for _, n := range m.Tops {
		walk(n, "")
	}
	for _, s := range m.Swaps {
		fmt.Fprintf(&b, "swap on %s\n", s.Path)
	}
	if m.Firmware != nil {
		fmt.Fprintf(&b, "%+v\n", *m.Firmware)
	}
	return b.String() + m.mountinfo()
}

// All lists the node and everything on it, each once.
func (n *Node) All() []*Node {
	all := []*Node{n}
	for i := 0; i < len(all); i++ {
		for _, c := range slices.Concat(all[i].Parts, all[i].Upon) {
			if !slices.Contains(all, c) {
				all = append(all, c)
			}
		}
	}
	return all
}

// disks are the whole disks that a node is on.
func (n *Node) disks() []*Node {
	if len(n.Below) == 0 {
		return []*Node{n}
	}
	var all []*Node
	for _, b := range n.Below {
		for _, d := range b.disks() {
			if !slices.Contains(all, d) {
				all = append(all, d)
			}
		}
	}
	return all
}

// forbid records why the disks of a node must not be touched.
func (n *Node) forbid(why Why) {
	for _, d := range n.disks() {
		if d.Why == nil {
			d.Why = map[Why]bool{}
		}
		d.Why[why] = true
		if why == Mounted || why == Swap || why == Held {
			d.Busy = true
		}
	}
}

// Disks are the devices that a person would call disks.
func (m *Machine) Disks() []*Node {
	return slices.DeleteFunc(slices.Clone(m.Tops), func(n *Node) bool { return !n.IsDisk() })
}

// All is every node of the machine, each once.
func (m *Machine) All() []*Node {
	return (&Node{Parts: m.Tops}).All()[1:]
}

// At is the node that has a path or a kernel name, or nil.
func (m *Machine) At(path string) *Node {
	for _, n := range m.All() {
		if n.Path == path || "/dev/"+n.Name == path {
			return n
		}
	}
	return nil
}

// mirror copies what is on a disk to the other paths to it. All paths to a disk
// in use are refused, whatever they show.
func (m *Machine) mirror() {
	disks := m.Disks()
	for i, a := range disks {
		for _, b := range disks[i+1:] {
			if a.Body != b.Body || !a.Takable() || !b.Takable() {
				continue
			}
			one, other := append([]*Node{a}, a.Parts...), append([]*Node{b}, b.Parts...)
			for i, from := range one {
				to := other[i]
				if !from.used {
					from, to = to, from
				}
				to.FSType, to.Label, to.PTType, to.PTUUID, to.Content = from.FSType, from.Label, from.PTType, from.PTUUID, from.Content
			}
		}
	}
}

// Stands is the path that stands for a disk with several paths.
func (m *Machine) Stands(n *Node) *Node {
	for _, o := range m.Disks() {
		if o.Body == n.Body && o.Size == n.Size && o.Takable() && o.Path < n.Path {
			n = o
		}
	}
	return n
}

// twins forbids the other paths to a forbidden disk: a write to one is a write
// to all.
func (m *Machine) twins() {
	var found []*Node
	for _, a := range m.Disks() {
		for _, b := range m.Disks() {
			if a.Body == b.Body && a.Size == b.Size && a.Takable() && !b.Takable() {
				found = append(found, a)
			}
		}
	}
	for _, d := range found {
		d.forbid(Twin)
	}
}
