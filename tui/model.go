// Package tui is the screens: a state machine over the same plan as the
// headless install. Every screen fills the answers; none of them checks
// anything that the plan does not check too.
package tui

import (
	"context"
	"time"

	tea "charm.land/bubbletea/v2"

	"auto-installer/hosts"
	"auto-installer/steps"
)

// state is which screen is shown.
type state int

// The screens, in the order in which an install goes through them.
const (
	stateWelcome state = iota
	stateKeyboard
	stateBundle
	stateNetwork
	stateDisk
	stateUnfinished
	statePlan
	statePassphrase
	stateRecovery
	stateConfirm
	stateInstall
	stateFailure
	stateDone
	states // how many
)

// screen is one screen. It keeps its own answers between visits.
type screen interface {
	// enter is called each time that the screen is shown.
	enter() tea.Cmd
	// update handles a message, and says where to go.
	update(msg tea.Msg) (tea.Cmd, turn)
	// view draws the body; the cursor is relative to it, or nil.
	view(c canvas) (string, *tea.Cursor)
	// keys are what the screen does with keys, for help and handling.
	keys() []binding
	// name is what the header calls it.
	name() string
}

// turn is where a screen wants to go.
type turn struct {
	kind turnKind
	to   state
}

type turnKind int

const (
	kindStay turnKind = iota
	kindNext
	kindBack
	kindTo
)

var (
	stay = turn{}
	next = turn{kind: kindNext}
	back = turn{kind: kindBack}
)

func goTo(s state) turn { return turn{kind: kindTo, to: s} }

// Options is what the program starts with.
type Options struct {
	Banner  string
	Version string
	// Revision of the config repo that the medium was built from, or empty.
	Revision string
	Hosts    []hosts.Host
	// Fill puts the answers that the flags gave into fresh answers.
	Fill func(*steps.Answers)
	// Plain asks the same questions as simple prompts.
	Plain bool
	// Colour is false for a monochrome terminal.
	Colour bool
	// Console is true on the Linux console (TERM=linux), whose font has few
	// characters: ? stands for the others.
	Console bool
	// Kiosk is true if there is nothing below the screens: leaving them is
	// about the machine, and a rescue shell is on another console.
	Kiosk bool
}

// model is the root: it owns the state, and it alone changes it.
type model struct {
	*session
	styles  styles
	screens [states]screen
	state   state
	help    help // lies over the screen
	quit    quit // lies over the screen
	w, h    int
	tick    int
	busy    int // how often in turn an install of another console was seen
}

func newModel(b Backend, o Options) *model {
	if o.Fill == nil {
		o.Fill = func(*steps.Answers) {}
	}
	s := &session{backend: b, opts: o, hosts: o.Hosts}
	m := &model{session: s, styles: newStyles(o.Colour), w: 80, h: 24}
	m.screens = [states]screen{
		stateWelcome:    newWelcome(s),
		stateKeyboard:   newKeyboard(s),
		stateBundle:     newBundle(s),
		stateNetwork:    newNetwork(s),
		stateDisk:       newDisk(s),
		stateUnfinished: newUnfinished(s),
		statePlan:       newPlan(s),
		statePassphrase: newPassphrase(s),
		stateRecovery:   newRecovery(s),
		stateConfirm:    newConfirm(s),
		stateInstall:    newInstall(s),
		stateFailure:    newFailure(s),
		stateDone:       newDone(s),
	}
	s.forget = m.wipeScreens
	if len(s.hosts) == 1 {
		s.setHost(s.hosts[0])
	}
	return m
}

// tickEvery paces spinners, countdowns and clocks.
const tickEvery = 250 * time.Millisecond

type tickMsg struct{}

func ticking() tea.Cmd {
	return tea.Tick(tickEvery, func(time.Time) tea.Msg { return tickMsg{} })
}

// attachedMsg tells at the start whether there is an install to show.
type attachedMsg bool

// Init implements tea.Model.
func (m *model) Init() tea.Cmd {
	attached := func() tea.Msg { return attachedMsg(m.backend.Attached()) }
	return tea.Batch(attached, ticking(), listDisks(m.backend), watchDisks(m.backend), m.screens[m.state].enter())
}

// Update implements tea.Model.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		// A serial line has no size; 80×24 is what such terminals are.
		m.w, m.h = msg.Width, msg.Height
		if m.w == 0 || m.h == 0 {
			m.w, m.h = 80, 24
		}
		return m, nil
	case tickMsg:
		m.tick++
		cmd, turn := m.screens[m.state].update(msg)
		return m, tea.Batch(ticking(), m.look(), cmd, m.turn(turn))
	case runningMsg:
		return m, m.seen(bool(msg))
	case attachedMsg:
		if msg {
			m.reattached = true
			return m, m.set(stateInstall)
		}
		return m, nil
	case retryMsg:
		m.screens[stateInstall].(*install).resume = msg.resume
		return m, m.set(stateInstall)
	case disksChangedMsg:
		return m, tea.Batch(listDisks(m.backend), awaitDisks(msg.changes))
	case disksMsg:
		return m, m.foundDisks(msg)
	case eventsMsg:
		return m, m.events(msg)
	case tea.KeyPressMsg:
		return m, m.key(msg)
	case tea.PasteMsg:
		if m.help.open || m.quit.open {
			return m, nil
		}
		cmd, turn := m.screens[m.state].update(msg)
		return m, tea.Batch(cmd, m.turn(turn))
	case leaveMsg:
		m.quit.told(msg.err)
		return m, nil
	case shellMsg:
		if msg.err == nil {
			m.quit = quit{}
		}
		m.quit.told(msg.err)
	}
	// Results belong to the screen that asked, which may not be shown now.
	var cmds []tea.Cmd
	for i, s := range m.screens {
		cmd, turn := s.update(msg)
		cmds = append(cmds, cmd)
		if state(i) == m.state {
			cmds = append(cmds, m.turn(turn))
		}
	}
	return m, tea.Batch(cmds...)
}

// View implements tea.Model.
func (m *model) View() tea.View {
	v := tea.NewView("")
	v.AltScreen = true
	c := canvas{w: m.w, h: m.h, styles: m.styles, tick: m.tick, console: m.opts.Console}
	if m.w < minWidth || m.h < minHeight {
		v.Content = tooSmall(c)
		return v
	}
	s := m.screens[m.state]
	inner := c.body()
	var body string
	var cursor *tea.Cursor
	keys := append(s.keys(), m.global()...)
	switch {
	case m.quit.open:
		body, keys = m.quitView(inner), m.quitKeys()
	case m.help.open:
		body, keys = m.help.view(inner, keys), helpKeys
	default:
		body, cursor = s.view(inner)
	}
	v.Content = frame(c, header(c, m.headed(), m.where()), body, helpLine(c, keys))
	if cursor != nil && cursor.Y < inner.h {
		v.Cursor = tea.NewCursor(cursor.X+max(0, (c.w-inner.w)/2), cursor.Y+1)
	}
	return v
}

// where is what the header says: the screen, and which it is of those that
// this install goes through.
func (m *model) where() string {
	name := m.screens[m.state].name()
	if m.state >= stateInstall {
		return name
	}
	at, n := 1, 1
	for s := stateWelcome; s < stateConfirm; {
		s = m.after(s)
		n++
		if s <= m.state {
			at++
		}
	}
	return name + " " + itoa(at) + "/" + itoa(n)
}

// headed is the host that the header names.
func (m *model) headed() string {
	if m.state >= stateInstall {
		return m.installing()
	}
	return m.host().TargetHost
}

// wipe overwrites every secret that was typed or made.
func (m *model) wipe() {
	m.answers.Wipe()
	m.wipeScreens()
}

// wipeScreens overwrites what the screens themselves hold.
func (m *model) wipeScreens() {
	m.screens[stateNetwork].(*network).pass.wipe()
	m.screens[stateBundle].(*bundle).pass.wipe()
	m.screens[statePassphrase].(*passphrase).wipe()
	m.screens[stateRecovery].(*recovery).forget()
}

// Run shows the screens until the operator quits.
func Run(ctx context.Context, b Backend, o Options) error {
	m := newModel(b, o)
	p := tea.NewProgram(m, tea.WithContext(ctx))
	_, err := p.Run()
	m.wipe()
	return err
}
