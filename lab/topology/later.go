package topology

import (
	"fmt"
	"slices"

	"pgregory.net/rapid"
)

// Later draws what happens next to the machine and to disk n, and returns the
// changed machine and the event.
func (m *Machine) Later(t *rapid.T, n *Node) (later *Machine, what string) {
	later, all := m.copy()
	d := &draw{t: t, m: later, serial: 5000}
	target := all[n]
	place := slices.Index(later.Tops, target)
	what = pick(d, "happens", "nothing", "nothing", "another attached before", "in another order", "unplugged", "replaced", "partitioned", "wiped",
		"mounted", "opened", "read-only", "busy", "other in use")
	switch what {
	case "another attached before":
		other := d.disk()
		if d.chance("like it", 2) {
			other = d.like(target)
		}
		later.Tops = slices.Insert(later.Tops, 0, other)
	case "in another order": // all were detached and attached again
		later.Tops = rapid.Permutation(later.Tops).Draw(t, "order")
		for _, n := range later.Tops {
			n.Seq = 0
		}
	case "unplugged":
		if len(target.Upon)+len(target.Parts) > 0 {
			break
		}
		later.Tops = slices.Delete(later.Tops, place, place+1)
	case "replaced":
		later.Tops[place] = d.like(target)
	case "partitioned":
		d.table(target)
	case "wiped":
		target.PTType, target.PTUUID, target.Parts = "", "", nil
	case "mounted":
		d.mount(Mount{On: []*Node{last(target)}, FS: "ext4", Point: "/media/auto"})
	case "opened":
		d.build(&Node{Kind: "dm-", Type: "crypt", Mapper: "late"}, last(target))
	case "read-only":
		target.RO = true
		target.forbid(ReadOnly)
	case "busy":
		target.Busy = true
	case "other in use":
		d.use(d.free(), 0)
	}
	later.twins()
	return later, what
}

func last(n *Node) *Node { return append([]*Node{n}, n.Parts...)[len(n.Parts)] }

// like is another disk that looks nearly or exactly like n.
func (d *draw) like(n *Node) *Node {
	o := &Node{
		Kind: n.Kind, Type: "disk", Body: d.next(), Tran: n.Tran, Model: n.Model, Serial: n.Serial, Size: n.Size, Sector: n.Sector,
		RM: n.RM, Hotplug: n.Hotplug, Card: n.Card,
	}
	switch pick(d, "differs by", "nothing", "serial", "size", "content") {
	case "serial":
		o.Serial = fmt.Sprintf("S%04d", o.Body)
	case "size":
		o.Size += gib
	case "content":
		o.FSType = "ext4"
	}
	if n.PTUUID != "" && d.chance("a clone", 2) {
		o.PTType, o.PTUUID = n.PTType, n.PTUUID
	}
	return o
}

// copy returns an independent copy of the machine, and the copy of each node.
func (m *Machine) copy() (*Machine, map[*Node]*Node) {
	all := map[*Node]*Node{}
	for _, n := range m.All() {
		c := *n
		c.Why = nil
		for why := range n.Why {
			if c.Why == nil {
				c.Why = map[Why]bool{}
			}
			c.Why[why] = true
		}
		all[n] = &c
	}
	each := func(ns []*Node) []*Node {
		var cs []*Node
		for _, n := range ns {
			cs = append(cs, all[n])
		}
		return cs
	}
	for _, c := range all {
		c.Parts, c.Upon, c.Below = each(c.Parts), each(c.Upon), each(c.Below)
		c.Beside = all[c.Beside]
	}
	l := *m
	l.Tops, l.Swaps = each(m.Tops), each(m.Swaps)
	l.Mounts = slices.Clone(m.Mounts)
	for i := range l.Mounts {
		l.Mounts[i].On = each(l.Mounts[i].On)
	}
	return &l, all
}
