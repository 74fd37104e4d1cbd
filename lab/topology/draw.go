package topology

import (
	"fmt"

	"pgregory.net/rapid"
)

const (
	gib = 1 << 30
	esp = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
)

// draw makes one machine.
type draw struct {
	t      *rapid.T
	m      *Machine
	serial int // makes a name differ from all others
}

// Draw draws a random machine.
func Draw(t *rapid.T) *Machine {
	d := &draw{t: t, m: &Machine{First: map[string]int{}}}
	d.m.OldLinux = d.chance("old Linux", 4)
	d.m.Blind = d.chance("blind lsblk", 4)
	for _, kind := range []string{"sd", "nvme", "dm-", "md"} {
		d.m.First[kind] = pick(d, "first "+kind, 0, 0, 1, 9, 24)
	}
	for range d.upTo("disks", 5) {
		d.m.Tops = append(d.m.Tops, d.disk())
	}
	d.copies()
	for range d.upTo("stacks", 3) {
		d.use(d.free(), 0)
	}
	d.m.mirror()
	d.noDisks()
	d.live()
	d.firmware()
	for _, n := range d.m.Disks() {
		d.inherent(n)
	}
	d.m.twins()
	return d.m
}

// Labels that hosts use, and others.
var labels = []string{"", "", "UV-EFI", "UV-ROOT", "DEMO-ROOT", "DEMO-EFI", "STYGIAN-LUKS", "data", "it's \"mine\"", "\x1b[31mred"}

func (d *draw) disk() *Node {
	n := &Node{Type: "disk", Body: d.next()}
	bus := pick(d, "bus", "sata", "sata", "nvme", "nvme", "usb", "usb", "virtio", "mmc", "fc")
	n.Kind = map[string]string{"sata": "sd", "usb": "sd", "fc": "sd", "nvme": "nvme", "virtio": "vd", "mmc": "mmcblk"}[bus]
	n.Tran = bus
	if bus != "usb" && d.chance("unknown bus", 6) {
		n.Tran = ""
	}
	n.Sector = pick(d, "sector size", 512, 512, 4096)
	n.Size = pick[int64](d, "size", 16*gib, 16*gib, 64*gib, 500*gib, 3000*gib, 2*gib)
	n.RM = bus == "usb" && d.chance("removable", 3)
	n.Card = bus == "mmc" && d.chance("card", 2)
	n.Hotplug = bus == "usb" || d.chance("hot-plug", 4)
	n.Model = pick(d, "model", "Lab Disk", "Lab Disk", "Samsung SSD 990 PRO", "", "evil\x1b[2J\x07 disk")
	n.Serial = pick(d, "serial", fmt.Sprintf("S%04d", n.Body), fmt.Sprintf("S%04d", n.Body), "", "0123456789AB")
	n.WWN = pick(d, "wwn", fmt.Sprintf("0x5000%012d", n.Body), "", "", "eui.0000000000000001", "0x0000000000000000")
	d.fill(n)
	return n
}

// fill puts something on a disk, or nothing.
func (d *draw) fill(n *Node) {
	switch pick(d, "content", "partitions", "partitions", "partitions", "blank", "blank", "whole", "unknown", "table") {
	case "partitions":
		d.table(n)
		for i := range 1 + d.upTo("partitions", 5) {
			n.Parts = append(n.Parts, d.partition(n, i+1))
		}
	case "whole":
		n.FSType, n.Label = d.signature(), pick(d, "label", labels...)
	case "unknown":
		n.Content = 0xa5
	case "table":
		d.table(n)
		n.Content = pick[byte](d, "content behind the table", 0, 0xa5)
	}
}

func (d *draw) table(n *Node) {
	n.PTType = pick(d, "table", "gpt", "gpt", "gpt", "dos")
	n.PTUUID = d.guid()
	if n.PTType == "dos" {
		n.PTUUID = fmt.Sprintf("%08x", d.next())
	}
}

func (d *draw) partition(n *Node, number int) *Node {
	p := &Node{
		Type: "part", Number: number, Below: []*Node{n}, Sector: n.Sector, Size: gib, RO: n.RO, RM: n.RM, WWN: n.WWN,
		PartUUID: d.guid(), PartType: "0fc63daf-8483-4772-8e79-3d69d8477de4", PartLabel: pick(d, "partition label", labels...),
	}
	p.FSType = d.signature()
	if p.FSType != "" {
		p.Label = pick(d, "label", labels...)
	}
	if p.FSType == "vfat" && d.chance("ESP", 2) {
		p.PartType = esp
	}
	if n.PTType == "dos" {
		p.PartUUID, p.PartLabel = fmt.Sprintf("%s-%02x", n.PTUUID, number), ""
		if p.PartType == esp {
			p.PartType = "0xef"
		} else {
			p.PartType = "0x83"
		}
	}
	return p
}

func (d *draw) signature() string {
	return pick(d, "signature", "ext4", "vfat", "vfat", "", "swap", "crypto_LUKS", "LVM2_member", "linux_raid_member", "ntfs", "zfs_member", "btrfs", "bcache", "iso9660")
}

// copies makes disks that look like another: clones, and second paths to the
// same disk.
func (d *draw) copies() {
	disks := d.m.Disks()
	if len(disks) == 0 || !d.chance("copy", 4) {
		return
	}
	of := pick(d, "copy of", disks...)
	c := clone(of)
	switch pick(d, "copy", "path", "clone", "same", "dock") {
	case "path":
		of.Kind, of.Tran, of.RM, of.Card = "sd", "fc", false, false
		of.WWN = fmt.Sprintf("0x6000%012d", of.Body)
		c = clone(of)
	case "clone": // by dd, onto another disk
		c.Body = d.next()
		c.Serial, c.WWN = fmt.Sprintf("S%04d", c.Body), ""
	case "same": // a cheap disk without a number of its own
		c.Body = d.next()
		c.PTUUID, c.WWN, of.WWN = "", "", ""
		c.Parts, c.FSType, c.PTType = nil, "", ""
		d.fill(c)
	case "dock": // whose bays report the WWN of the bridge, and each disk's own serial number
		c.Body = d.next()
		of.Serial, c.Serial = fmt.Sprintf("S%04d", of.Body), fmt.Sprintf("S%04d", c.Body)
		of.WWN = fmt.Sprintf("0x5000%012d", of.Body)
		c.PTUUID, c.Parts, c.FSType, c.PTType, c.WWN = "", nil, "", "", of.WWN
		d.fill(c)
	}
	d.m.Tops = append(d.m.Tops, c)
}

func clone(n *Node) *Node {
	c := *n
	c.Parts = nil
	for _, p := range n.Parts {
		q := *p
		q.Below, q.WWN = []*Node{&c}, c.WWN
		c.Parts = append(c.Parts, &q)
	}
	return &c
}

// inherent finds disks that are forbidden by their own nature.
func (d *draw) inherent(n *Node) {
	switch {
	case d.chance("read-only", 25):
		n.RO = true
		n.forbid(ReadOnly)
	case d.chance("no medium", 20) && len(n.All()) == 1 && n.Takable():
		*n = Node{
			Type: n.Type, Kind: n.Kind, Tran: n.Tran, Model: n.Model, Serial: n.Serial, WWN: n.WWN, Sector: n.Sector,
			RM: n.RM, Hotplug: n.Hotplug, Body: n.Body,
		}
		n.forbid(Empty)
	}
	for _, p := range append([]*Node{n}, n.Parts...) {
		if p.FSType == "iso9660" {
			n.forbid(Medium)
		}
	}
	if n.FSType == "mpath_member" && len(n.Upon) == 0 {
		n.forbid(OnePath)
	}
}

// pick draws one of several. The first is the simplest.
func pick[T any](d *draw, what string, from ...T) T {
	return rapid.SampledFrom(from).Draw(d.t, what)
}

// chance is true once in so many draws.
func (d *draw) chance(what string, in int) bool {
	return rapid.IntRange(0, in-1).Draw(d.t, what) == in-1
}

func (d *draw) upTo(what string, n int) int { return rapid.IntRange(0, n).Draw(d.t, what) }

func (d *draw) next() int {
	d.serial++
	return d.serial
}

func (d *draw) guid() string { return fmt.Sprintf("%08x-1111-4222-8333-444455556666", d.next()) }
