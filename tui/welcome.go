package tui

import (
	"context"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"auto-installer/hosts"
	"auto-installer/tui/machine"
)

// welcome shows what the install will do, checks the machine in the background,
// and offers the choice of a host if the medium has several.
type welcome struct {
	*session
	at      int
	checks  map[string]machine.Checked
	checked string // name of the host that the checks are for
}

// checkNames are the checks of the welcome screen, in order.
var checkNames = []string{"firmware", "memory", hostCheck, "clock", "power"}

// hostCheck is the one whose result depends on the host.
const hostCheck = "network"

func (w *welcome) enter() {
	if len(w.hosts) > 0 && w.checked != w.focused().TargetHost {
		w.check(checkNames...)
	}
}

// check starts checks; each is ticked off when it is done.
func (w *welcome) check(names ...string) {
	h := w.focused()
	w.checked = h.TargetHost
	for _, name := range names {
		delete(w.checks, name)
		ask(w, func() machine.Checked { return w.backend.Check(context.Background(), name, h) }, func(got machine.Checked) {
			if name != hostCheck || h.TargetHost == w.checked {
				w.checks[name] = got
			}
			if name == hostCheck && got.State == machine.CheckGood {
				w.networkOf, w.network.Reachable = h.TargetHost, true
			}
		})
	}
}

func (w *welcome) keys() []binding {
	ks := []binding{
		keyNext.explained("start; nothing is written until you confirm").does(func() { w.setHost(w.hosts[w.at]) }).goes(next),
		bind("r", "check again", "r").explained("repeat the checks").does(func() { w.check(checkNames...) }),
	}
	switch n := len(w.hosts); n {
	case 0:
		return nil
	case 1:
		return ks
	default:
		return slices.Insert(ks, 1, moves(&w.at, n, func() { w.check(hostCheck) })...)
	}
}

func (w *welcome) view(p *page) {
	need := 13 // rows below the art
	if len(w.hosts) > 1 {
		need += 2 + min(len(w.hosts), 5)
	}
	if !p.banner(w.focused().BannerText, need) && !p.banner(w.opts.Banner, need) {
		p.gap()
	}
	if len(w.hosts) == 0 {
		p.para(p.bad, "This medium defines no host.")
		p.para(p.text, "Make one with `auto-installer new-host`, or name one with --host.")
	}
	if len(w.hosts) > 1 {
		room := 3
		if !p.low() {
			room = max(3, p.left()-14)
		}
		p.add(p.title("Which host?"))
		p.list(w.at, len(w.hosts), room, func(i int) (label, about string) { return w.hosts[i].TargetHost, "" })
		p.gap()
	}
	if len(w.hosts) == 1 || len(w.hosts) > 1 && !p.low() {
		p.host(w.focused())
	}
	p.gap()
	w.viewChecks(p)
	if room := p.left(); room > 0 {
		p.add(strings.Repeat("\n", room-1) + p.dim(cut(w.version(" "+glyphSmall+" "), p.w)))
	}
}

// focused is the host under the cursor.
func (w *welcome) focused() hosts.Host {
	if w.at < len(w.hosts) {
		return w.hosts[w.at]
	}
	return w.host()
}

// banner draws the art in the middle, cut to the screen's width. It reports false
// if the rest, which needs that many rows, leaves no room for it.
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
	if wide -= margin; wide <= 0 || len(lines) > p.h-need {
		return false
	}
	p.gap()
	left := blanks((p.w - wide) / 2)
	for _, l := range lines {
		p.add(left + p.accent(ansi.Truncate(l[min(margin, len(l)):], p.w, "")))
	}
	p.gap()
	return true
}

// host appends what the install of a host does, a line each.
func (p *page) host(h hosts.Host) {
	p.fact("host", p.strong(h.TargetHost))
	from := "built from " + h.RepoRemote
	if h.Prebuilt {
		from = "prebuilt, on this medium; needs no network"
	}
	p.fact("system", from)
	if h.RepoRef != "" {
		p.fact("revision", h.RepoRef)
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
	p.fact("disk", disk)
	p.fact("then", powerVerb(!h.PowerOff))
}

func (w *welcome) viewChecks(p *page) {
	if len(w.hosts) == 0 {
		return
	}
	for _, name := range checkNames {
		got, ok := w.checks[name]
		mark, style := p.dim(p.spin()), p.dim
		switch {
		case !ok:
			got.Saw = "checking"
		case got.State == machine.CheckGood:
			mark, style = p.good(glyphDone), p.text
		case got.State == machine.CheckWarn:
			mark, style = p.warn("!"), p.warn
		default:
			mark, style = p.bad(glyphBad), p.bad
		}
		p.add(mark + " " + p.dim(pad(name, 9)) + style(cut(clean(got.Saw), p.w-12)))
	}
}
