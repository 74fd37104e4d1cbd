package tui

import (
	"context"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

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
var checkNames = []string{"firmware", "memory", "network", "clock", "power"}

func newWelcome(s *session) *welcome {
	return &welcome{session: s, checks: map[string]steps.Checked{}}
}

func (w *welcome) name() string { return "Welcome" }

func (w *welcome) keys() []binding {
	ks := []binding{keyNext, keyUp, keyDown, bind("r", "check again", "r")}
	if len(w.hosts) < 2 {
		ks = slices.Delete(ks, 1, 3)
	}
	return ks
}

type checkMsg struct {
	host, name string
	checked    steps.Checked
}

func (w *welcome) enter() tea.Cmd {
	if w.chosen && w.running != w.host().TargetHost {
		return w.check()
	}
	return nil
}

// check starts all checks; each ticks off when it is done.
func (w *welcome) check() tea.Cmd {
	w.running = w.host().TargetHost
	clear(w.checks)
	b, h := w.backend, w.host()
	var cmds []tea.Cmd
	for _, name := range checkNames {
		cmds = append(cmds, func() tea.Msg {
			return checkMsg{h.TargetHost, name, b.Check(context.Background(), name, h)}
		})
	}
	return tea.Batch(cmds...)
}

func (w *welcome) update(msg tea.Msg) (tea.Cmd, turn) {
	switch msg := msg.(type) {
	case checkMsg:
		if msg.host == w.running {
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
		return nil, stay
	}
	switch {
	case msg.String() == "r" && w.chosen:
		return w.check(), stay
	case keyNext.is(msg):
		if len(w.hosts) == 0 {
			return nil, stay
		}
		if h := w.hosts[w.at]; !w.chosen || h.TargetHost != w.host().TargetHost {
			w.setHost(h)
			return w.check(), next
		}
		return nil, next
	}
	return nil, stay
}

func (w *welcome) view(c canvas) (string, *tea.Cursor) {
	p := newPage(c)
	if !p.banner(w.shown().BannerText) && !p.banner(w.opts.Banner) {
		p.gap()
	}
	if len(w.hosts) > 1 {
		w.viewHosts(p)
	}
	if w.chosen || len(w.hosts) > 0 {
		w.viewHost(p, w.shown())
	} else {
		p.add(c.bad.Render("no host is defined on this medium"))
	}
	p.gap()
	w.viewChecks(p)
	if room := p.left() - 1; room > 0 {
		p.add(strings.Repeat("\n", room-1) + c.dim.Render(w.about()))
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

// banner draws the art in the middle and tells whether there was room for it:
// the checks and the summary are worth more than the art.
func (p *page) banner(art string) bool {
	lines := strings.Split(strings.Trim(art, "\n"), "\n")
	width := 0
	for _, l := range lines {
		width = max(width, ansi.StringWidth(l))
	}
	if width == 0 || width > p.c.w+2 || len(lines) > p.c.h-13 {
		return false
	}
	p.gap()
	left := strings.Repeat(" ", max(0, (p.c.w-width)/2))
	for _, l := range lines {
		p.add(left + p.c.accent.Render(strings.TrimRight(l, " ")))
	}
	p.gap()
	return true
}

func (w *welcome) viewHosts(p *page) {
	p.add(p.c.title.Render("Which host?"))
	from, to := window(w.at, len(w.hosts), max(3, p.left()-10))
	for i := from; i < to; i++ {
		h := w.hosts[i]
		mark, style := "  ", p.c.text
		if i == w.at {
			mark, style = glyphCursor+" ", p.c.selected
		}
		p.add(style.Render(mark + pad(h.TargetHost, p.c.w-2)))
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
	if !w.chosen {
		return
	}
	for _, name := range checkNames {
		got, ok := w.checks[name]
		mark, style := p.c.dim.Render(spinner[p.c.tick%len(spinner)]), p.c.dim
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
		p.add(mark + " " + p.c.dim.Render(pad(name, 9)) + style.Render(cut(got.Saw, p.c.w-12)))
	}
}

func (w *welcome) about() string {
	s := "auto-installer " + w.opts.Version
	if w.opts.Revision != "" {
		s += " " + glyphSmall + " medium built from " + w.opts.Revision
	}
	return s
}
