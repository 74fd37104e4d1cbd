package tui

import (
	"context"
	"slices"

	"auto-installer/hosts"
	"auto-installer/tui/machine"
)

// network is shown only if the plan needs a network and the machine has none.
type network struct {
	*session
	looking bool
	ticks   int
	went    bool // on by itself, once
	aps     []machine.AccessPoint
	scanned bool
	at      int
	asking  bool // for the passphrase of the access point under the cursor
	pass    field
	show    bool
}

func (n *network) input() *field {
	if n.asking {
		return &n.pass
	}
	return nil
}

func (n *network) skip() bool {
	return n.chosen && (n.host().Prebuilt || n.looked() && n.network.Reachable)
}

func (n *network) enter() {
	n.went, n.asking = false, false
	n.look()
}

func (n *network) look() {
	if n.looking {
		return
	}
	n.looking = true
	h := n.host()
	ask(n, func() machine.NetworkState { return n.backend.Network(context.Background(), h) },
		func(state machine.NetworkState) { n.found(h, state) })
}

// found goes on by itself if the network is there.
func (n *network) found(h hosts.Host, state machine.NetworkState) {
	n.looking = false
	if h.TargetHost != n.host().TargetHost {
		n.look()
		return
	}
	n.network, n.networkOf = state, h.TargetHost
	switch {
	case state.Reachable && !n.went:
		n.went = true
		n.goTo(next)
	case state.WiFi && !n.scanned:
		n.scanned = true
		n.scan()
	}
}

// networkEvery is how many ticks pass between two looks: a cable may be plugged in
// at any time.
const networkEvery = 8

func (n *network) tick() {
	if n.ticks++; n.ticks%networkEvery == 0 && n.looked() && !n.network.Reachable {
		n.look()
	}
}

func (n *network) scan() {
	n.note.set(nil, "looking for Wi-Fi networks")
	askTwo(n, func() ([]machine.AccessPoint, error) { return n.backend.ScanWiFi(context.Background()) }, n.heard)
}

// heard takes the access points of a scan. They are in the order of their
// signals, which changes; the cursor stays on its network.
func (n *network) heard(aps []machine.AccessPoint, err error) {
	if n.asking { // the passphrase belongs to the network under the cursor
		return
	}
	on := ""
	if n.at < len(n.aps) {
		on = n.aps[n.at].Name()
	}
	n.aps, n.at = aps, min(n.at, max(0, len(aps)-1))
	if i := slices.IndexFunc(aps, func(ap machine.AccessPoint) bool { return ap.Name() == on }); i >= 0 {
		n.at = i
	}
	n.note.set(err, "")
	if err == nil && len(aps) == 0 {
		n.note.set(nil, "no Wi-Fi network found")
	}
}

func (n *network) keys() []binding {
	join := bind("Enter", "join", "enter").explained("join this network")
	if n.asking {
		return []binding{
			join.does(n.join), shows(&n.show), keyErase,
			keyBack.explained("choose another network").does(func() {
				n.asking = false
				n.pass.wipe()
			}),
		}
	}
	var wifi []binding
	if n.network.WiFi {
		wifi = slices.Concat([]binding{join.does(n.choose)}, moves(&n.at, len(n.aps), nil),
			[]binding{bind("s", "scan Wi-Fi", "s").explained("look for Wi-Fi networks").does(n.scan)})
	}
	return append(wifi,
		bind("r", "look again", "r").explained("look for a network now; the screen also looks by itself").does(n.look),
		bind("c", "go on anyway", "c").goes(next).
			explained("go on without; the install stops before the first write if it has no network"),
		keyBack)
}

// choose joins the network under the cursor, or asks for its passphrase first.
func (n *network) choose() {
	n.pass.wipe()
	switch {
	case n.at >= len(n.aps):
	case n.aps[n.at].Secured:
		n.asking, n.show, n.note = true, false, note{}
	default:
		n.join()
	}
}

// join copies the passphrase; both copies are wiped.
func (n *network) join() {
	ap, pass := n.aps[n.at], slices.Clone(n.pass.bytes())
	n.asking = false
	n.pass.wipe()
	n.note.set(nil, "joining "+ap.Name())
	ask(n, func() error {
		defer clear(pass)
		return n.backend.JoinWiFi(context.Background(), ap, pass)
	}, func(err error) {
		if n.note.set(err, "joined "+ap.Name()); err == nil {
			n.look()
		}
	})
}

func (n *network) view(p *page) {
	p.head("This machine has no network", "To build "+n.host().TargetHost+
		", the installer must fetch its flake. Plug in a cable or join a Wi-Fi network; the installer then goes on.")
	if !n.looked() {
		p.wait("looking for a network")
		return
	}
	if !n.asking || !p.low() {
		n.viewState(p)
	}
	n.viewWiFi(p)
	p.note(n.note)
}

func (n *network) viewState(p *page) {
	most := max(2, p.left()/2)
	if p.low() {
		most = 2
	}
	var lines []string
	for _, f := range n.network.Interfaces {
		lines = append(lines, p.dim(pad(clean(f.Name), 12))+cut(clean(f.About), p.w-12))
	}
	p.add(few(lines, most, func(n int) string { return p.dim(andMore(n)) })...)
	if problem := clean(n.network.Problem); problem != "" {
		p.marked("!", p.warn, cut(problem, 2*p.w-24))
	}
	p.gap()
}

func (n *network) viewWiFi(p *page) {
	if !n.network.WiFi {
		p.para(p.text, "No Wi-Fi: the machine has no adapter, or NetworkManager does not run.")
		return
	}
	from, to := window(n.at, len(n.aps), max(2, p.left()-6))
	name := max(10, min(34, p.w-18))
	for i := from; i < to; i++ {
		ap := n.aps[i]
		mark, style := p.mark(i == n.at)
		lock := "open"
		switch {
		case ap.InUse:
			lock = "joined"
		case ap.Secured:
			lock = "secured"
		}
		p.add(style(mark+pad(or(ap.Name(), "(no name)"), name)) + " " +
			bar(p.good, ratio(int64(ap.Signal), 100), 5) + " " + p.dim(lock))
	}
	if n.asking {
		p.gap()
		p.field("passphrase", &n.pass, n.show, true)
	}
}
