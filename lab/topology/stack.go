package topology

import (
	"fmt"
	"slices"

	"pgregory.net/rapid"
)

// free lists the disks and partitions without a use, in a random order.
func (d *draw) free() []*Node {
	var slots []*Node
	for _, n := range d.m.Disks() {
		if len(n.Parts) == 0 {
			slots = append(slots, n)
		}
		slots = append(slots, n.Parts...)
	}
	slots = slices.DeleteFunc(slots, func(n *Node) bool { return n.used })
	if len(slots) == 0 {
		return nil
	}
	return rapid.Permutation(slots).Draw(d.t, "free")
}

// sign puts a signature on nodes, which are then in use.
func sign(signature string, nodes ...*Node) {
	for _, n := range nodes {
		n.FSType, n.used = signature, true
		if len(n.Below) == 0 {
			n.PTType, n.PTUUID, n.Content = "", "", 0
		}
	}
}

// use puts something on the first node, or on the first few.
func (d *draw) use(slots []*Node, depth int) {
	if len(slots) == 0 {
		return
	}
	kinds := []string{"mount", "swap", "crypt", "lvm", "md", "bcache", "btrfs", "zfs", "drbd", "hidden", "odd", "multipath"}
	if depth > 0 {
		kinds = []string{"mount", "swap", "crypt", "lvm", "none"}
	}
	one, some := slots[:1], slots[:min(len(slots), 1+d.upTo("more members", 2))]
	switch kind := pick(d, "use", kinds...); kind {
	case "mount":
		sign("ext4", one...)
		d.mount(Mount{On: one, FS: "ext4", Point: pick(d, "point", "/mnt/old", "/media/my\\040disk", "/srv")})
	case "swap":
		sign("swap", one...)
		d.m.Swaps = append(d.m.Swaps, one[0])
		one[0].forbid(Swap)
	case "crypt":
		sign("crypto_LUKS", one...)
		d.inner(d.build(&Node{Kind: "dm-", Type: "crypt", Mapper: pick(d, "mapper", "cryptroot", "stygiancrypt", "luks-data")}, one...), depth)
	case "lvm":
		sign("LVM2_member", some...)
		for range 1 + d.upTo("volumes", 1) {
			d.inner(d.build(&Node{Kind: "dm-", Type: "lvm", Mapper: fmt.Sprintf("vg%d-root", d.next())}, some...), depth)
		}
	case "md":
		sign("linux_raid_member", some...)
		md := d.build(&Node{Kind: "md", Type: pick(d, "level", "raid1", "raid0", "raid5", "linear", "md")}, some...)
		if d.chance("partitions on md", 3) {
			d.table(md)
			md.Parts = []*Node{d.partition(md, 1)}
			md = md.Parts[0]
		}
		d.inner(md, depth)
	case "bcache":
		sign("bcache", one...)
		d.inner(d.build(&Node{Kind: "bcache", Type: "disk"}, one...), depth)
	case "btrfs":
		sign("btrfs", some...)
		d.mount(Mount{On: some, FS: "btrfs", Point: "/srv/pool"})
	case "zfs":
		d.zfs(some)
	case "drbd": // holds the devices below it, and sysfs does not show it
		sign("drbd", one...)
		one[0].disks()[0].Busy = true
		d.top(&Node{Kind: "drbd", Type: "disk", Size: gib})
	case "hidden": // a mount in another namespace, an unmounted but busy file system
		one[0].used = true
		one[0].disks()[0].Busy = true
	case "odd":
		one[0].used = true
		d.inner(d.build(&Node{Kind: "dm-", Type: pick(d, "type", "dm", "part", "era"), Mapper: fmt.Sprintf("odd%d", d.next())}, one...), depth)
	case "multipath":
		d.multipath()
	}
}

// build puts a new node upon others.
func (d *draw) build(n *Node, below ...*Node) *Node {
	d.mapper(n)
	n.Below, n.Size, n.Sector = slices.Clone(below), below[0].Size, below[0].Sector
	for _, b := range below {
		b.Upon = append(b.Upon, n)
	}
	n.forbid(Held)
	return n
}

// mapper makes a mapper's name unique.
func (d *draw) mapper(n *Node) {
	if slices.ContainsFunc(d.m.All(), func(o *Node) bool { return n.Mapper != "" && o.Mapper == n.Mapper }) {
		n.Mapper = fmt.Sprintf("%s-%d", n.Mapper, d.next())
	}
}

// inner puts something into the new device.
func (d *draw) inner(n *Node, depth int) {
	if depth < 2 {
		d.use([]*Node{n}, depth+1)
	}
}

// mount mounts a file system and records which disks that uses.
func (d *draw) mount(m Mount) {
	d.m.Mounts = append(d.m.Mounts, m)
	for _, n := range m.On {
		n.forbid(Mounted)
	}
}

// zfs draws a pool: exported, imported, or imported and mounted.
func (d *draw) zfs(members []*Node) {
	pool := fmt.Sprintf("tank%d", d.next())
	sign("zfs_member", members...)
	for _, n := range members {
		n.Label = pool
	}
	state := pick(d, "pool", "exported", "imported", "mounted")
	if state == "exported" {
		return
	}
	d.m.Pools = append(d.m.Pools, pool)
	for _, n := range members {
		n.forbid(Held)
	}
	if state == "mounted" {
		m := Mount{Source: pool + "/home", FS: "zfs", Point: "/tank"}
		d.m.Mounts = append(d.m.Mounts, m)
		for _, n := range members {
			n.forbid(Mounted)
		}
	}
	d.top(&Node{Kind: "zd", Type: "disk", Size: gib}) // a volume of the pool
}

// multipath makes a second path to a blank disk, with or without the mapper
// over both.
func (d *draw) multipath() {
	var blank []*Node
	for _, n := range d.m.Disks() {
		isAlone := !slices.ContainsFunc(d.m.Disks(), func(o *Node) bool { return o != n && o.Body == n.Body })
		if len(n.Parts) == 0 && !n.used && n.Kind == "sd" && isAlone {
			blank = append(blank, n)
		}
	}
	if len(blank) == 0 {
		return
	}
	a := pick(d, "multipath", blank...)
	sign("mpath_member", a)
	a.Tran, a.RM, a.WWN = "fc", false, fmt.Sprintf("0x6005%012d", a.Body)
	b := clone(a)
	d.m.Tops = append(d.m.Tops, b)
	if d.chance("not claimed", 3) {
		return
	}
	mp := d.build(&Node{Kind: "dm-", Type: "mpath", Mapper: fmt.Sprintf("mpath%d", d.next())}, a, b)
	if d.chance("kpartx", 2) { // makes partitions that are mappers
		mp = d.build(&Node{Kind: "dm-", Type: "part", Mapper: mp.Mapper + "1"}, mp)
	}
	d.inner(mp, 1)
}

// noDisks are devices that lsblk lists among the disks and that are not disks.
func (d *draw) noDisks() {
	all := []Node{
		{Kind: "zram", Type: "disk", Size: 4 * gib},
		{Kind: "loop", Type: "loop", Size: gib, Backing: "/root/file.img"},
		{Kind: "sr", Type: "rom", RM: true, Size: gib},
		{Kind: "nbd", Type: "disk", Size: 100 * gib},
		{Kind: "ram", Type: "disk", Size: gib / 16},
		{Kind: "zd", Type: "disk", Size: 100 * gib},
		{Kind: "rbd", Type: "disk", Size: 100 * gib},
		{Kind: "nullb", Type: "disk", Size: 250 * gib},
		{Kind: "unheardof", Type: "disk", Size: 250 * gib}, // of a future driver
		{Kind: "fd", Type: "disk", Size: 1440 << 10, RM: true},
		{Kind: "mtdblock", Type: "disk", Size: 16 << 20},
		{Kind: "st", Type: "tape", Size: gib},
		{Kind: "dm-", Type: "dm", Mapper: "lonely", Size: gib},
		{Kind: "md", Type: "raid1", Size: gib},
	}
	for range d.upTo("no disks", 3) {
		n := all[d.upTo("no disk", len(all)-1)]
		if n.Kind == "loop" && d.chance("of a file on a disk", 2) {
			n.Backing = "/srv/file.img"
		}
		d.top(&n)
	}
	for _, n := range d.m.Disks() {
		if n.Kind == "mmcblk" && !n.Card {
			for _, area := range []string{"boot0", "boot1"} {
				d.top(&Node{Kind: n.Kind, Beside: n, Suffix: area, Type: "disk", Size: 4 << 20, RO: true})
			}
			if d.chance("general purpose area", 3) {
				d.top(&Node{Kind: n.Kind, Beside: n, Suffix: "gp0", Type: "disk", Size: gib})
			}
		}
	}
}

// top adds a device that is not a disk.
func (d *draw) top(n *Node) *Node {
	if n.Sector == 0 {
		n.Sector = 512
	}
	d.mapper(n)
	n.forbid(NoDisk)
	d.m.Tops = append(d.m.Tops, n)
	return n
}
