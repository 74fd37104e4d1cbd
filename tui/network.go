package tui

import (
	"context"
	"strings"

	tea "charm.land/bubbletea/v2"

	"auto-installer/steps"
)

// network is shown only if the plan needs a network and there is none.
type network struct {
	*session
	state   steps.NetworkState
	known   bool
	looking bool
	auto    bool // went on by itself once
	aps     []steps.AccessPoint
	scanned bool
	at      int
	asking  bool // for the passphrase of the access point under the cursor
	pass    secret
	note    string
	bad     bool
}

func newNetwork(s *session) *network { return &network{session: s} }

func (n *network) name() string { return "Network" }

func (n *network) typing() bool { return n.asking }

// skip is for hosts that need none, and where it is there already.
func (n *network) skip() bool {
	return n.chosen && (n.host().Prebuilt || n.known && n.state.Reachable)
}

var (
	keyRetry = bind("r", "look again", "r").explained("look again now; it also does by itself")
	keyScan  = bind("s", "scan Wi-Fi", "s").explained("look for Wi-Fi networks")
	keyGo    = bind("g", "go on anyway", "g").explained("go on without; the install will stop before the first write if there is none by then")
)

func (n *network) keys() []binding {
	if n.asking {
		return []binding{bind("Enter", "join", "enter"), keyBack.explained("another network")}
	}
	ks := []binding{keyRetry, keyGo, keyBack}
	if n.state.WiFi != "" {
		ks = append([]binding{keyNext.explained("join this network"), keyUp, keyDown, keyScan}, ks...)
	}
	return ks
}

type (
	networkMsg steps.NetworkState
	apsMsg     struct {
		aps []steps.AccessPoint
		err error
	}
	joinedMsg struct{ err error }
)

func (n *network) enter() tea.Cmd {
	n.auto, n.asking, n.note = false, false, ""
	return n.look()
}

func (n *network) look() tea.Cmd {
	if n.looking {
		return nil
	}
	n.looking = true
	b, h := n.backend, n.host()
	return func() tea.Msg { return networkMsg(b.Network(context.Background(), h)) }
}

func (n *network) scan() tea.Cmd {
	n.note, n.bad = "looking for Wi-Fi networks", false
	b := n.backend
	return func() tea.Msg {
		aps, err := b.ScanWiFi(context.Background())
		return apsMsg{aps, err}
	}
}

func (n *network) update(msg tea.Msg) (tea.Cmd, turn) {
	switch msg := msg.(type) {
	case checkMsg:
		// The welcome screen's check has looked already.
		if msg.name == "network" && msg.checked.State == steps.CheckGood {
			n.known, n.state.Reachable = true, true
		}
	case networkMsg:
		return n.found(steps.NetworkState(msg))
	case apsMsg:
		n.scanned, n.aps, n.note = true, msg.aps, ""
		n.at = min(n.at, max(0, len(n.aps)-1))
		if msg.err != nil {
			n.say(msg.err)
		} else if len(n.aps) == 0 {
			n.note = "no Wi-Fi network found"
		}
	case joinedMsg:
		if msg.err != nil {
			n.say(msg.err)
			return nil, stay
		}
		n.note = "joined"
		return n.look(), stay
	case tickMsg:
		// A cable may be plugged in at any time.
		if n.known && !n.state.Reachable {
			return n.look(), stay
		}
	case tea.KeyPressMsg:
		return n.key(msg)
	}
	return nil, stay
}

func (n *network) say(err error) {
	e := steps.NewError("", err)
	n.note, n.bad = e.Cause+"; "+e.Hint, true
}

// found goes on by itself when the network is there.
func (n *network) found(s steps.NetworkState) (tea.Cmd, turn) {
	n.state, n.known, n.looking = s, true, false
	if s.Reachable && !n.auto {
		n.auto = true
		return nil, next
	}
	if s.WiFi != "" && !n.scanned {
		n.scanned = true
		return n.scan(), stay
	}
	return nil, stay
}

func (n *network) key(msg tea.KeyPressMsg) (tea.Cmd, turn) {
	if n.asking {
		return n.passKey(msg)
	}
	if to := moved(msg, n.at, len(n.aps)); to != n.at {
		n.at = to
		return nil, stay
	}
	switch {
	case keyBack.is(msg):
		return nil, back
	case keyRetry.is(msg):
		n.looking = false
		return n.look(), stay
	case keyScan.is(msg) && n.state.WiFi != "":
		return n.scan(), stay
	case keyGo.is(msg):
		return nil, next
	case keyNext.is(msg) && n.at < len(n.aps):
		if n.aps[n.at].Secured {
			n.asking = true
			n.pass.wipe()
			return nil, stay
		}
		return n.join(nil), stay
	}
	return nil, stay
}

func (n *network) passKey(msg tea.KeyPressMsg) (tea.Cmd, turn) {
	switch {
	case keyBack.is(msg):
		n.asking = false
		n.pass.wipe()
	case keyNext.is(msg):
		n.asking = false
		return n.join(n.pass.bytes()), stay
	default:
		n.pass.key(msg)
	}
	return nil, stay
}

// join copies the passphrase; both copies are wiped.
func (n *network) join(pass []byte) tea.Cmd {
	b, ap := n.backend, n.aps[n.at]
	secret := append([]byte(nil), pass...)
	n.pass.wipe()
	n.note, n.bad = "joining "+ap.Name(), false
	return func() tea.Msg {
		defer clear(secret)
		return joinedMsg{b.JoinWiFi(context.Background(), ap, secret)}
	}
}

func (n *network) view(c canvas) (string, *tea.Cursor) {
	p := newPage(c)
	p.head("There is no network yet", n.host().TargetHost+" is built from its flake, and that must be fetched. Plug in a cable, or join a Wi-Fi network; this goes on by itself.")
	if !n.known {
		p.add(c.dim.Render(spinner[c.tick%len(spinner)] + " looking"))
		return p.String(), nil
	}
	for _, i := range n.state.Interfaces {
		p.add(c.dim.Render(pad(i.Name, 12)) + cut(i.About, c.w-12))
	}
	for _, l := range wrap(n.state.Problem, c.w-2) {
		if l != "" {
			p.add(c.warn.Render("! " + l))
		}
	}
	p.gap()
	cursor := n.viewWiFi(p)
	if n.note != "" {
		style := c.accent
		if n.bad {
			style = c.bad
		}
		for _, l := range wrap(n.note, c.w) {
			p.add(style.Render(l))
		}
	}
	return p.String(), cursor
}

func (n *network) viewWiFi(p *page) *tea.Cursor {
	c := p.c
	if n.state.WiFi == "" {
		p.add(c.dim.Render("no Wi-Fi: no adapter, or neither NetworkManager nor iwd runs"))
		return nil
	}
	from, to := window(n.at, len(n.aps), max(2, p.left()-5))
	for i := from; i < to; i++ {
		ap := n.aps[i]
		mark, style := "  ", c.text
		if i == n.at {
			mark, style = glyphCursor+" ", c.selected
		}
		full, empty := bar(int64(ap.Signal), 100, 5)
		lock := "open"
		if ap.Secured {
			lock = "secured"
		}
		p.add(style.Render(mark+pad(ap.Name(), 34)) + c.good.Render(full) + c.rule.Render(empty) + " " + c.dim.Render(lock))
	}
	if !n.asking {
		return nil
	}
	text, at := n.pass.view(min(40, c.w-20), false)
	cursor := tea.NewCursor(14+at, p.row())
	p.add(c.accent.Render(glyphCursor+" passphrase  ") + text)
	p.add(strings.Repeat(" ", 14) + c.rule.Render(strings.Repeat(glyphLine, min(40, c.w-20))))
	return cursor
}
