package tui

import (
	"context"
	"strings"

	tea "charm.land/bubbletea/v2"

	"auto-installer/hosts"
	"auto-installer/steps"
)

// welcome shows what will happen, checks the machine in the background, and
// lets the operator choose a host if the medium has several.
type welcome struct {
	*session
	at      int
	checks  map[string]steps.Checked
	running string // name of the host that the checks belong to
}

// checkNames are the checks of the welcome screen, in order.
var checkNames = []string{"firmware", "memory", hostCheck, "clock", "power"}

// hostCheck is the one whose result depends on the host.
const hostCheck = "network"

func newWelcome(s *session) *welcome {
	return &welcome{session: s, checks: map[string]steps.Checked{}}
}

func (w *welcome) name() string { return "Welcome" }

func (w *welcome) keys() []binding {
	if len(w.hosts) == 0 {
		return nil
	}
	ks := []binding{keyNext.explained("begin; nothing is written before you have confirmed it")}
	if len(w.hosts) > 1 {
		ks = append(ks, moves...)
	}
	return append(ks, keyAgain)
}

var keyAgain = bind("r", "check again", "r").explained("make the checks again")

type checkMsg struct {
	host, name string
	checked    steps.Checked
}

func (w *welcome) enter() tea.Cmd {
	if len(w.hosts) > 0 && w.running != w.shown().TargetHost {
		return w.check(checkNames...)
	}
	return nil
}

// check starts checks; each ticks off when it is done.
func (w *welcome) check(names ...string) tea.Cmd {
	b, h := w.backend, w.shown()
	w.running = h.TargetHost
	var cmds []tea.Cmd
	for _, name := range names {
		delete(w.checks, name)
		cmds = append(cmds, func() tea.Msg {
			return checkMsg{h.TargetHost, name, b.Check(context.Background(), name, h)}
		})
	}
	return tea.Batch(cmds...)
}

func (w *welcome) update(msg tea.Msg) (tea.Cmd, turn) {
	switch msg := msg.(type) {
	case checkMsg:
		if msg.host == w.running || msg.name != hostCheck {
			w.checks[msg.name] = msg.checked
		}
	case tea.KeyPressMsg:
		return w.key(msg)
	}
	return nil, stay
}

func (w *welcome) key(msg tea.KeyPressMsg) (tea.Cmd, turn) {
	if to := moved(msg, w.at, len(w.hosts)); to != w.at {
		w.at = to
		return w.check(hostCheck), stay
	}
	switch {
	case keyAgain.is(msg) && len(w.hosts) > 0:
		return w.check(checkNames...), stay
	case keyNext.is(msg) && len(w.hosts) > 0:
		w.setHost(w.hosts[w.at])
		return nil, next
	}
	return nil, stay
}

func (w *welcome) view(c canvas) (string, *tea.Cursor) {
	p := newPage(c)
	need := 13 // rows below the art
	if len(w.hosts) > 1 {
		need += 2 + min(len(w.hosts), 5)
	}
	if !p.banner(w.shown().BannerText, need) && !p.banner(w.opts.Banner, need) {
		p.gap()
	}
	switch {
	case len(w.hosts) == 0:
		p.para(c.bad, "No host is defined on this medium.")
		p.para(c.text, "Make one with `auto-installer new-host`, or name one with --host.")
	case len(w.hosts) > 1 && c.low():
		w.viewHosts(p, 3)
	case len(w.hosts) > 1:
		w.viewHosts(p, max(3, p.left()-14))
		fallthrough
	default:
		w.viewHost(p, w.shown())
	}
	p.gap()
	w.viewChecks(p)
	if room := p.left(); room > 0 {
		p.add(strings.Repeat("\n", room-1) + c.dim.Render(cut(w.about(" "+glyphSmall+" "), c.w)))
	}
	return p.String(), nil
}

// shown is the host that the screen tells about.
func (w *welcome) shown() hosts.Host {
	if w.at < len(w.hosts) {
		return w.hosts[w.at]
	}
	return w.host()
}

// banner draws the art in the middle, cut to the screen's width, and tells
// whether there was room for it: the rows that the rest needs are worth more
// than the art.
func (p *page) banner(art string, need int) bool {
	lines := strings.Split(strings.Trim(art, "\n"), "\n")
	wide, margin := 0, len(art)
	for i, l := range lines {
		lines[i] = strings.TrimRight(clean(l), " ")
		if lines[i] != "" {
			margin = min(margin, len(lines[i])-len(strings.TrimLeft(lines[i], " ")))
			wide = max(wide, width(lines[i]))
		}
	}
	if wide -= margin; wide <= 0 || len(lines) > p.c.h-need {
		return false
	}
	p.gap()
	left := blanks((p.c.w - wide) / 2)
	for _, l := range lines {
		p.add(left + p.c.accent.Render(crop(l[min(margin, len(l)):], p.c.w)))
	}
	p.gap()
	return true
}

func (w *welcome) viewHosts(p *page, room int) {
	p.add(p.c.title.Render("Which host?"))
	from, to := window(w.at, len(w.hosts), room)
	for i := from; i < to; i++ {
		p.option(i == w.at, w.hosts[i].TargetHost, p.c.text)
	}
	p.gap()
}

// viewHost says in a line each what will happen.
func (w *welcome) viewHost(p *page, h hosts.Host) {
	p.add(p.c.dim.Render("host     ") + p.c.strong.Render(h.TargetHost))
	from := "built from " + h.RepoRemote
	if h.Prebuilt {
		from = "prebuilt, from this medium; no network is needed"
	}
	p.add(p.c.dim.Render("system   ") + cut(from, p.c.w-9))
	if h.RepoRef != "" {
		p.add(p.c.dim.Render("revision ") + cut(h.RepoRef, p.c.w-9))
	}
	disk := "ESP and root"
	if h.LUKS.Enable {
		disk = "ESP and root, encrypted with LUKS2"
	}
	if h.Swap.Enable {
		disk += ", " + h.Swap.Size + " swap"
		if h.SwapIsRandomEncrypted() {
			disk += " (new key at each start)"
		}
	}
	p.add(p.c.dim.Render("disk     ") + cut(disk, p.c.w-9))
	end := "powers off"
	if !h.PowerOff {
		end = "restarts"
	}
	p.add(p.c.dim.Render("then     ") + end)
}

func (w *welcome) viewChecks(p *page) {
	if len(w.hosts) == 0 {
		return
	}
	for _, name := range checkNames {
		got, ok := w.checks[name]
		mark, style := p.c.dim.Render(p.c.spin()), p.c.dim
		switch {
		case !ok:
			got.Saw = "looking"
		case got.State == steps.CheckGood:
			mark, style = p.c.good.Render(glyphDone), p.c.text
		case got.State == steps.CheckWarn:
			mark, style = p.c.warn.Render("!"), p.c.warn
		default:
			mark, style = p.c.bad.Render(glyphBad), p.c.bad
		}
		p.add(mark + " " + p.c.dim.Render(pad(name, 9)) + style.Render(cut(clean(got.Saw), p.c.w-12)))
	}
}

// about is the program's version and the commit that the medium was built from.
func (s *session) about(between string) string {
	text := "auto-installer " + s.opts.Version
	if s.opts.Revision != "" {
		text += between + "medium built from " + clean(s.opts.Revision)
	}
	return text
}
