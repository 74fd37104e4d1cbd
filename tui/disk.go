package tui

import (
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"auto-installer/steps"
)

// diskScreen shows every disk, and lets the operator choose one that is not
// refused.
type diskScreen struct {
	*session
	details bool
	looking bool // at what was begun on the disk that was chosen
	err     error
}

func newDisk(s *session) *diskScreen { return &diskScreen{session: s} }

func (d *diskScreen) name() string { return "Disk" }

var keyDetails = bind("d", "details", "d", "space").explained("more about this disk; also Space")

func (d *diskScreen) keys() []binding {
	return append(slices.Clone(moves),
		keyNext.explained("choose this disk; nothing is written yet"), keyDetails, keyBack)
}

// foundDisks takes a new list. If the disk that was chosen is gone or refused
// by now, the screens go back to the choice and say why.
func (m *model) foundDisks(msg disksMsg) tea.Cmd {
	d := m.screens[stateDisk].(*diskScreen)
	d.err = msg.err
	if msg.err != nil {
		return nil
	}
	m.disks, m.listed = msg.disks, true
	if _, ok := m.verdict(m.diskAt); !ok && len(m.disks) > 0 {
		m.diskAt = m.disks[0].Device.Path
	}
	chosen := m.answers.Disk.Path
	if chosen == "" || m.state <= stateDisk || m.state >= stateInstall {
		return nil
	}
	why := ""
	if v, ok := m.verdict(chosen); !ok {
		why = chosen + " is gone"
	} else if v.Refused != "" && v.PathTo == "" {
		why = chosen + " cannot be used any more: " + clean(v.Refused)
	} else if !m.answers.Disk.Same(v) {
		why = chosen + " is another disk now"
	}
	if why == "" {
		return nil
	}
	m.answers.Disk, m.plan = steps.Disk{}, nil
	m.notice = why
	return m.set(stateDisk)
}

func (d *diskScreen) enter() tea.Cmd {
	d.looking = false
	return listDisks(d.backend)
}

func (d *diskScreen) at() int {
	for i, v := range d.disks {
		if v.Device.Path == d.diskAt {
			return i
		}
	}
	return 0
}

func (d *diskScreen) update(msg tea.Msg) (tea.Cmd, turn) {
	if msg, ok := msg.(begunMsg); ok && d.looking && msg.disk == d.answers.Disk.Path {
		d.begun, d.looking = msg.begun, false
		return nil, next
	}
	key, ok := msg.(tea.KeyPressMsg)
	if !ok {
		return nil, stay
	}
	if to := moved(key, d.at(), len(d.disks)); len(d.disks) > 0 && to != d.at() {
		d.looking = false
		d.diskAt = d.disks[to].Device.Path
		return nil, stay
	}
	switch {
	case keyBack.is(key):
		d.notice, d.looking = "", false
		return nil, back
	case keyDetails.is(key):
		d.details = !d.details
	case keyNext.is(key):
		v, ok := d.verdict(d.diskAt)
		if !ok {
			return nil, stay
		}
		if v.Refused != "" {
			why, _, _ := strings.Cut(clean(v.Refused), ";") // the box has all of it
			d.notice = v.Device.Path + " cannot be used: " + why
			return nil, stay
		}
		d.notice = ""
		d.answers.Disk = steps.DiskOf(v)
		d.begun = nil
		d.resume(false)
		d.looking = true
		return d.lookForBegun(), stay
	}
	return nil, stay
}

func (d *diskScreen) view(c canvas) (string, *tea.Cursor) {
	p := newPage(c)
	p.head("Which disk?", "Nothing is written to a disk until you confirm.")
	if d.notice != "" {
		p.marked("!", c.warn, cut(d.notice, 2*c.w-10))
		p.gap()
	}
	if d.looking {
		p.add(c.dim.Render(c.spin() + " looking at what was begun on it"))
		p.gap()
	}
	switch {
	case d.err != nil:
		p.para(c.bad, "The disks cannot be listed: "+clean(d.err.Error()))
	case !d.listed:
		p.add(c.dim.Render(c.spin() + " looking for disks"))
	case len(d.disks) == 0:
		p.para(c.warn, "There is no disk. Plug one in: it shows up here by itself.")
		p.para(c.text, "One that should be there may need a driver, or another mode of its controller in the firmware's setup.")
	default:
		d.list(p)
	}
	return p.String(), nil
}

// list draws the rows and, below, what is on the disk under the cursor.
func (d *diskScreen) list(p *page) {
	c := p.c
	info := 7
	if d.details {
		info = min(14, p.left()-4)
	}
	if !c.low() {
		p.add(c.dim.Render(d.columns(c, "  disk", "size", "bus", "model", "serial", "what it is")))
	} else {
		info = 5
	}
	room := max(3, p.left()-info)
	from, to := window(d.at(), len(d.disks), room)
	for i := from; i < to; i++ {
		p.add(d.row(c, d.disks[i]))
	}
	if to-from < len(d.disks) && !c.low() {
		p.add(c.dim.Render(fmt.Sprintf("  %d to %d of %d", from+1, to, len(d.disks))))
	}
	if v, ok := d.verdict(d.diskAt); ok && p.left() >= 5 {
		p.gap()
		lines := about(c, v, d.details)
		if most := max(1, p.left()-2); len(lines) > most {
			lines = append(lines[:most-1], c.dim.Render("and more"))
		}
		p.add(c.box(title(v), c.w, lines...)...)
	}
}

func title(v steps.Verdict) string {
	return clean(strings.TrimPrefix(or(v.Device.ByID, v.Device.Path), "/dev/disk/by-id/"))
}

// row is one disk: path, size, bus, model, serial, and what is on it.
func (d *diskScreen) row(c canvas, v steps.Verdict) string {
	dev := v.Device
	mark, style := "  ", c.text
	if v.Refused != "" {
		mark, style = glyphBad+" ", c.dim
	}
	if dev.Path == d.diskAt {
		mark, style = glyphCursor+" ", c.selected
	}
	return style.Render(d.columns(c, mark+clean(strings.TrimPrefix(dev.Path, "/dev/")), steps.Size(dev.Size),
		clean(dev.Transport), clean(dev.Model), tail(clean(dev.Serial), 8), clean(summary(v))))
}

// columns lines up what is told of a disk; a narrow screen has no room for
// bus, model and serial, which the box below tells.
func (d *diskScreen) columns(c canvas, name, size, bus, model, serial, what string) string {
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
	if sys := steps.GuessSystem(v); sys != "" {
		return sys
	}
	if n := len(v.Device.Partitions); n == 1 {
		return "1 partition"
	} else if n > 1 {
		return fmt.Sprintf("%d partitions", n)
	}
	return strings.Join(v.Holds, ", ")
}

// about is what the box below the list says of a disk.
func about(c canvas, v steps.Verdict, details bool) []string {
	w := c.w - 4
	var lines []string
	if v.Refused != "" {
		for _, l := range wrap("cannot be used: "+clean(v.Refused), w) {
			lines = append(lines, c.warn.Render(l))
		}
	}
	if c.w < 60 {
		lines = append(lines, cut(or(clean(v.Device.Model), "no model")+"  "+clean(v.Device.Serial), w))
	}
	if len(v.Device.Partitions) > 0 {
		lines = append(lines, diskBar(c, v, w))
	}
	if why := clean(strings.Join(v.Reasons, ", ")); why != "" {
		if v.Rank == 1 {
			why = "first choice: " + why
		}
		lines = append(lines, wrap(why, w)...)
	}
	if details {
		d := v.Device
		lines = append(lines, c.dim.Render(cut(fmt.Sprintf("%s  %s  serial %s  wwn %s", clean(d.Path), clean(d.Model),
			or(clean(d.Serial), "none"), or(clean(d.WWN), "none")), w)),
			c.dim.Render(fmt.Sprintf("%d bytes, sectors of %d bytes, table %s", d.Size, d.LogicalSector, or(clean(d.PTType), "none"))))
	}
	for _, h := range v.Holds {
		lines = append(lines, c.dim.Render(cut(glyphSmall+" "+clean(h), w)))
	}
	if len(v.Holds) == 0 && v.Refused == "" {
		lines = append(lines, c.dim.Render("nothing that is known is on it"))
	}
	return lines
}

// diskBar shows the partitions to scale; every partition has at least a cell.
func diskBar(c canvas, v steps.Verdict, w int) string {
	shades := []string{glyphFull, glyphMid, glyphDark}
	var b strings.Builder
	used := 0
	for i, p := range v.Device.Partitions {
		n := max(1, int(float64(p.Size)/float64(max(1, v.Device.Size))*float64(w)))
		n = min(n, w-used)
		b.WriteString(strings.Repeat(shades[i%len(shades)], n))
		used += n
	}
	return c.key.Render(b.String()) + c.dim.Render(strings.Repeat(glyphLight, w-used))
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
