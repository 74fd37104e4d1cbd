package tui

import (
	"fmt"
	"strings"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/disk/choice"
	"auto-installer/steps"
)

// diskScreen shows every disk, and offers the choice of one that is not refused.
type diskScreen struct {
	*session
	details bool
	looking bool // for an unfinished install on the chosen disk
}

func (d *diskScreen) enter() {
	d.looking = false
	d.listDisks()
}

func (d *diskScreen) at() int { return max(0, d.diskIndex(d.diskAt)) }

func (d *diskScreen) keys() []binding {
	at := d.at()
	return append(
		moves(&at, len(d.disks), func() { d.looking, d.diskAt = false, d.disks[at].Device.Path }),
		keyNext.explained("choose this disk; nothing is written yet").does(d.choose),
		bind("d", "details", "d", "space").explained("show more or less about this disk; also Space").
			does(func() { d.details = !d.details }),
		keyBack.does(func() { d.notice, d.looking = "", false }).goes(back))
}

// choose takes the disk under the cursor, and goes on when it knows whether an
// unfinished install is on it.
func (d *diskScreen) choose() {
	v, ok := d.verdict(d.diskAt)
	if !ok {
		return
	}
	if v.Refused != "" {
		why, _, _ := strings.Cut(clean(v.Refused), ";") // the box has all of it
		d.notice = v.Device.Path + " cannot be used: " + why
		return
	}
	d.notice, d.interrupted = "", nil
	d.answers.Disk = steps.DiskOf(v)
	d.resume(false)
	d.looking = true
	a := d.answers
	ask(d, func() *steps.Unfinished { return d.backend.Unfinished(a) },
		func(interrupted *steps.Unfinished) { d.looked(a.Disk.Path, interrupted) })
}

// looked goes on, unless another disk was chosen in the meantime.
func (d *diskScreen) looked(disk string, interrupted *steps.Unfinished) {
	if d.looking && disk == d.answers.Disk.Path {
		d.interrupted, d.looking = interrupted, false
		d.goTo(next)
	}
}

func (d *diskScreen) view(p *page) {
	p.head("Which disk?", "Nothing is written to a disk until you confirm.")
	if d.notice != "" {
		p.marked("!", p.warn, cut(d.notice, 2*p.w-10))
		p.gap()
	}
	if d.looking {
		p.wait("looking for an unfinished install on it")
		p.gap()
	}
	switch {
	case d.disksErr != nil:
		p.para(p.bad, "The disks cannot be listed: "+clean(d.disksErr.Error()))
	case !d.listed:
		p.wait("looking for disks")
	case len(d.disks) == 0:
		p.para(p.warn, "This machine has no disk. Plug one in: it appears here by itself.")
		p.para(p.text, "A disk that is missing here may need a driver, or another mode of its controller in the firmware's setup.")
	default:
		d.list(p)
	}
}

// list draws the rows and, below, what is on the disk under the cursor. bubbles'
// table cuts with an ellipsis, which the console's font lacks, and has one style
// for all rows, where refused disks are grey.
func (d *diskScreen) list(p *page) {
	info := 7
	if d.details {
		info = min(14, p.left()-4)
	}
	if !p.low() {
		p.add(p.dim(p.columns("  disk", "size", "bus", "model", "serial", "what it is")))
	} else {
		info = 5
	}
	room := max(3, p.left()-info)
	from, to := window(d.at(), len(d.disks), room)
	for i := from; i < to; i++ {
		p.add(d.row(p.canvas, d.disks[i]))
	}
	if to-from < len(d.disks) && !p.low() {
		p.add(p.dim(fmt.Sprintf("  %d to %d of %d", from+1, to, len(d.disks))))
	}
	if v, ok := d.verdict(d.diskAt); ok && p.left() >= 5 {
		p.gap()
		lines := few(p.contents(v, d.details), max(1, p.left()-2), func(int) string { return p.dim("and more") })
		title := clean(strings.TrimPrefix(or(v.Device.ByID, v.Device.Path), "/dev/disk/by-id/"))
		p.add(p.box(title, p.w, lines...)...)
	}
}

func (d *diskScreen) row(c canvas, v steps.Verdict) string {
	dev := v.Device
	here := dev.Path == d.diskAt
	mark, style := c.mark(here)
	if v.Refused != "" && !here {
		mark, style = glyphBad+" ", c.dim
	}
	return style(c.columns(mark+clean(strings.TrimPrefix(dev.Path, "/dev/")), block.FormatSize(dev.Size),
		clean(dev.Transport), clean(dev.Model), tail(clean(dev.Serial), 8), clean(summary(v))))
}

// columns aligns the facts of a disk; a narrow screen has no room for bus, model
// and serial, which the box below has too.
func (c canvas) columns(name, size, bus, model, serial, what string) string {
	line := pad(name, 10) + " " + padLeft(size, 9) + "  "
	if c.w >= 60 {
		line += pad(bus, 6) + " " + pad(model, max(15, min(30, c.w/4-4))) + " " + pad(serial, 8) + "  "
	}
	return pad(line+cut(what, c.w-width(line)), c.w)
}

// summary says in a few words what a disk is.
func summary(v steps.Verdict) string {
	switch {
	case v.Refused != "":
		return v.Refused
	case v.Blank:
		return "blank"
	case v.ByNameOnly:
		return "removable"
	}
	if sys := choice.GuessSystem(v); sys != "" {
		return sys
	}
	if n := len(v.Device.Partitions); n > 0 {
		return count(n, "partition")
	}
	return strings.Join(v.Holds, ", ")
}

// contents are the lines of the box below the list.
func (c canvas) contents(v steps.Verdict, details bool) []string {
	w, d := c.w-4, v.Device
	var lines []string
	if v.Refused != "" {
		for _, l := range wrap("cannot be used: "+clean(v.Refused), w) {
			lines = append(lines, c.warn(l))
		}
	}
	if c.w < 60 {
		lines = append(lines, cut(or(clean(d.Model), "no model")+"  "+clean(d.Serial), w))
	}
	if len(d.Partitions) > 0 {
		lines = append(lines, c.partitions(v, w))
	}
	if why := clean(strings.Join(v.Reasons, ", ")); why != "" {
		if v.Rank == 1 {
			why = "first choice: " + why
		}
		lines = append(lines, wrap(why, w)...)
	}
	if details {
		lines = append(lines, c.dim(cut(fmt.Sprintf("%s  %s  serial %s  wwn %s", clean(d.Path), clean(d.Model),
			or(clean(d.Serial), "none"), or(clean(d.WWN), "none")), w)),
			c.dim(fmt.Sprintf("%d bytes, sectors of %d bytes, table %s", d.Size, d.LogicalSector, or(clean(d.PTType), "none"))))
	}
	if v.Refused == "" || len(v.Holds) > 0 {
		lines = append(lines, c.holds(v, glyphSmall, c.dim, len(v.Holds))...)
	}
	return lines
}

// holds lists what is on a disk in at most room rows.
func (c canvas) holds(v steps.Verdict, mark string, style ink, room int) []string {
	var lines []string
	switch {
	case v.Blank:
		lines = append(lines, c.good("empty"))
	case len(v.Holds) == 0:
		lines = append(lines, c.warn(unknownContents))
	}
	for _, h := range v.Holds {
		lines = append(lines, style(mark+" "+clean(h)))
	}
	return few(lines, max(1, room), func(n int) string { return style(andMore(n)) })
}

// unknownContents is what the screens say of a disk without known content: it is
// blank only if it was seen to be.
const unknownContents = "no known content; it may hold other data"

// partitions draws the partitions to scale; each has at least one cell.
func (c canvas) partitions(v steps.Verdict, w int) string {
	shades := []string{glyphFull, glyphMid, glyphDark}
	var b strings.Builder
	used := 0
	for i, p := range v.Device.Partitions {
		n := max(1, int(float64(w)*ratio(p.Size, v.Device.Size)))
		n = min(n, w-used)
		b.WriteString(strings.Repeat(shades[i%len(shades)], n))
		used += n
	}
	return c.key(b.String()) + c.dim(strings.Repeat(glyphLight, w-used))
}
