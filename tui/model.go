// Package tui is the screens: a state machine over the same plan as the
// headless install. The screens fill in the answers; every check of the answers
// is the plan's.
//
// screens.go has the order of the screens, model.go the root, keys.go what keys are,
// styles.go every colour, glyphs.go every glyph; each screen has a file of its name,
// with its keys. run.go follows the engine; plain.go asks the same questions as prompts.
package tui

import (
	"context"
	"time"

	tea "charm.land/bubbletea/v2"

	"auto-installer/hosts"
	"auto-installer/internal/passphrases"
	"auto-installer/steps"
	"auto-installer/tui/machine"
)

// Options is what the program starts with.
type Options struct {
	Banner  string
	Version string
	// Revision of the config repo that the medium was built from, or empty.
	Revision string
	Hosts    []hosts.Host
	// Fill puts the answers of the flags and the medium into fresh answers.
	Fill func(*steps.Answers)
	// Colour is false for a monochrome terminal.
	Colour bool
	// Console is true on the Linux console (TERM=linux). Its font has few
	// characters; the screens draw ? for the others.
	Console bool
	// Kiosk is true if the console belongs to the installer: leaving means to
	// power off, to restart, or a rescue shell.
	Kiosk bool
}

// model is the root: it alone changes the state.
type model struct {
	*session
	styles  *styles
	screens [states]screen
	help    help // lies over the screen
	quit    quit // lies over the screen
	w, h    int
	ticks   int
	busy    int // how often in a row another console's install was seen
}

func newModel(b Backend, o Options) *model {
	if o.Fill == nil {
		o.Fill = func(*steps.Answers) {}
	}
	s := &session{backend: b, opts: o, state: stateWelcome, hosts: o.Hosts, run: run{log: newLogPane()}}
	m := &model{session: s, styles: newStyles(o.Colour), w: 80, h: 24}
	m.screens = [states]screen{
		stateWelcome:    &welcome{session: s, checks: map[string]machine.Checked{}},
		stateKeyboard:   &keyboard{session: s, at: -1},
		stateBundle:     &bundle{session: s},
		stateNetwork:    &network{session: s},
		stateDisk:       &diskScreen{session: s},
		stateUnfinished: &unfinished{session: s},
		statePlan:       &planScreen{session: s, scroll: newScroll()},
		statePassphrase: &passphrase{session: s},
		stateRecovery:   &recovery{session: s, typed: field{byHand: true}, fresh: passphrases.NewRecoveryKey},
		stateConfirm:    &confirm{session: s, typed: field{byHand: true}},
		stateInstall:    &install{session: s},
		stateFailure:    &failure{session: s},
		stateDone:       &done{session: s, now: time.Now},
	}
	s.forget = m.wipeScreens
	if len(s.hosts) == 1 {
		s.setHost(s.hosts[0])
	}
	return m
}

func (m *model) shown() screen { return m.screens[m.state] }

// input is the field that the screen types into, or nil.
func (m *model) input() *field {
	if t, ok := m.shown().(typist); ok {
		return t.input()
	}
	return nil
}

func (m *model) typing() bool { return m.input() != nil }

// tickEvery is the pace of spinners, countdowns and clocks.
const tickEvery = 250 * time.Millisecond

type tickMsg struct{}

func ticking() tea.Cmd {
	return tea.Tick(tickEvery, func(time.Time) tea.Msg { return tickMsg{} })
}

// Init implements tea.Model.
func (m *model) Init() tea.Cmd {
	ask(m.session, m.backend.Attached, func(yes bool) {
		if yes {
			m.reattached = true
			m.goTo(stateInstall)
		}
	})
	m.start(ticking())
	m.listDisks()
	m.watchDisks()
	m.shown().enter()
	return m.settle()
}

// Update implements tea.Model.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		// A serial line reports no size; such terminals have 80×24.
		m.w, m.h = msg.Width, msg.Height
		if m.w == 0 || m.h == 0 {
			m.w, m.h = 80, 24
		}
	case tickMsg:
		m.ticks++
		m.start(ticking())
		m.look()
		m.tick()
	case answer:
		msg.then()
		if by, ok := msg.by.(screen); ok && by != m.shown() {
			m.to = stay
		}
	case eventsMsg:
		m.events(msg)
	case tea.KeyPressMsg:
		m.key(msg)
	case tea.PasteMsg:
		if f := m.input(); f != nil && !m.help.open && !m.quit.open {
			f.insert(msg.Content)
			m.edited()
		}
	}
	return m, m.settle()
}

func (m *model) tick() {
	m.run.tick()
	if t, ok := m.shown().(ticker); ok {
		t.tick()
	}
}

// key does what a key is bound to. Others are typed, or close the help.
func (m *model) key(msg tea.KeyPressMsg) {
	if d, ok := m.shown().(*done); ok {
		d.held = true // by any key, also one that the screen does not list
	}
	switch f := m.input(); {
	case m.press(msg), m.quit.open:
	case m.help.open:
		m.help.key(msg)
	case f != nil && f.key(msg):
		m.edited()
	}
}

// edited is called when the screen's field was edited.
func (m *model) edited() {
	m.note = note{}
	if e, ok := m.shown().(editor); ok {
		e.edited()
	}
}

// View implements tea.Model.
func (m *model) View() tea.View {
	v := tea.NewView("")
	v.AltScreen = true
	c := canvas{w: m.w, h: m.h, styles: m.styles, tick: m.ticks, console: m.opts.Console}
	if m.w < minWidth || m.h < minHeight {
		v.Content = tooSmall(c)
		return v
	}
	inner := c.body()
	p := newPage(inner)
	switch {
	case m.quit.open:
		m.quitView(p)
	case m.help.open:
		m.help.view(p, m.screenKeys())
	default:
		m.shown().view(p)
	}
	v.Content = frame(c, header(c, m.headed(), m.where()), p.String(), helpLine(c, m.keys()))
	if cursor := p.cursor; cursor != nil && cursor.Y < inner.h {
		v.Cursor = tea.NewCursor(cursor.X+max(0, (c.w-inner.w)/2), cursor.Y+1)
	}
	return v
}

// wipe overwrites every secret that was typed or made.
func (m *model) wipe() {
	m.answers.Wipe()
	m.wipeScreens()
}

func (m *model) wipeScreens() {
	m.screens[stateNetwork].(*network).pass.wipe()
	m.screens[stateBundle].(*bundle).pass.wipe()
	m.screens[statePassphrase].(*passphrase).wipe()
	m.screens[stateRecovery].(*recovery).forget()
}

// Run shows the screens until the operator quits.
func Run(ctx context.Context, b Backend, o Options) error {
	m := newModel(b, o)
	_, err := tea.NewProgram(m, tea.WithContext(ctx)).Run()
	m.wipe()
	return err
}
