package tui

import (
	"context"
	"slices"

	tea "charm.land/bubbletea/v2"

	"auto-installer/steps"
)

// network is shown only if the plan needs a network and there is none.
type network struct {
	*session
	state   steps.NetworkState
	known   string // name of the host that the state belongs to
	looking bool
	ticks   int
	auto    bool // went on by itself once
	aps     []steps.AccessPoint
	scanned bool
	at      int
	asking  bool // for the passphrase of the access point under the cursor
	pass    secret
	show    bool
	note    string
	bad     bool
}

func newNetwork(s *session) *network { return &network{session: s} }

func (n *network) name() string { return "Network" }

func (n *network) typing() bool { return n.asking }

// skip is for hosts that need none, and where it is there already.
func (n *network) skip() bool {
	return n.chosen && (n.host().Prebuilt || n.sees() && n.state.Reachable)
}

// sees tells whether the network has been looked at for this host.
func (n *network) sees() bool { return n.known != "" && n.known == n.host().TargetHost }

var (
	keyRetry = bind("r", "look again", "r").explained("look again now; it also does by itself")
	keyScan  = bind("s", "scan Wi-Fi", "s").explained("look for Wi-Fi networks")
	keyGo    = bind("c", "go on anyway", "c").explained("go on without; the install will stop before the first write if there is none by then")
)

func (n *network) keys() []binding {
	if n.asking {
		return []binding{bind("Enter", "join", "enter"), keyShow, keyErase, keyBack.explained("another network")}
	}
	ks := []binding{keyRetry, keyGo, keyBack}
	if n.state.WiFi != "" {
		ks = slices.Concat([]binding{bind("Enter", "join", "enter").explained("join this network")}, moves, []binding{keyScan}, ks)
	}
	return ks
}

type (
	networkMsg struct {
		host  string
		state steps.NetworkState
	}
	apsMsg struct {
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
	return func() tea.Msg { return networkMsg{h.TargetHost, b.Network(context.Background(), h)} }
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
			n.known, n.state.Reachable = msg.host, true
		}
	case networkMsg:
		return n.found(msg)
	case apsMsg:
		if n.asking { // it is typed for the one under the cursor
			return nil, stay
		}
		n.scanned, n.note = true, ""
		n.list(msg.aps)
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
		if n.ticks++; n.ticks%lookEvery == 0 && n.sees() && !n.state.Reachable {
			return n.look(), stay
		}
	case tea.PasteMsg:
		if n.asking {
			n.pass.insert(msg.Content)
		}
	case tea.KeyPressMsg:
		return n.key(msg)
	}
	return nil, stay
}

// list takes what was found. The cursor stays on the network that it is on: they
// are in the order of their signals, which changes.
func (n *network) list(aps []steps.AccessPoint) {
	on := ""
	if n.at < len(n.aps) {
		on = n.aps[n.at].Name()
	}
	n.aps, n.at = aps, min(n.at, max(0, len(aps)-1))
	if i := slices.IndexFunc(aps, func(ap steps.AccessPoint) bool { return ap.Name() == on }); i >= 0 {
		n.at = i
	}
}

func (n *network) say(err error) {
	n.note, n.bad = inWords(err), true
}

// lookEvery is how many ticks pass between two looks.
const lookEvery = 8

// found goes on by itself when the network is there.
func (n *network) found(msg networkMsg) (tea.Cmd, turn) {
	n.looking = false
	if msg.host != n.host().TargetHost {
		return n.look(), stay
	}
	s := msg.state
	n.state, n.known = s, msg.host
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
		return n.look(), stay
	case keyScan.is(msg) && n.state.WiFi != "":
		return n.scan(), stay
	case keyGo.is(msg):
		return nil, next
	case keyNext.is(msg) && n.at < len(n.aps):
		if n.aps[n.at].Secured {
			n.asking, n.show, n.note = true, false, ""
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
	case keyShow.is(msg):
		n.show = !n.show
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
