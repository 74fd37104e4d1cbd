// Package tui is the screens: a state machine over the same plan as the
// headless install. The screens fill in the answers; every check of the answers
// is the plan's.
//
// screens.go has the order of the screens, model.go the root, keys.go every key,
// styles.go every colour, glyphs.go every glyph; each screen has a file of its
// name. run.go follows the engine; plain.go asks the same questions as prompts.
package tui

import (
	"context"
	"time"

	tea "charm.land/bubbletea/v2"

	"auto-installer/hosts"
	"auto-installer/internal/passphrases"
	"auto-installer/steps"
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
	// Plain asks the same questions as simple prompts.
	Plain bool
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
	s := &session{backend: b, opts: o, hosts: o.Hosts, run: run{log: newLogPane()}}
	m := &model{session: s, styles: newStyles(o.Colour), w: 80, h: 24}
	m.screens = [states]screen{
		stateWelcome:    &welcome{session: s, checks: map[string]steps.Checked{}},
		stateKeyboard:   &keyboard{session: s, at: -1},
		stateBundle:     &bundle{session: s},
		stateNetwork:    &network{session: s},
		stateDisk:       &diskScreen{session: s},
		stateUnfinished: &unfinished{session: s},
		statePlan:       &planScreen{session: s, scroll: newScroll()},
		statePassphrase: &passphrase{session: s},
		stateRecovery:   &recovery{session: s, fresh: passphrases.NewRecoveryKey},
		stateConfirm:    &confirm{session: s},
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

// shown is the screen that is shown.
func (m *model) shown() screen { return m.screens[m.state] }

func (m *model) typing() bool {
	t, ok := m.shown().(typist)
	return ok && t.typing()
}

// tickEvery is the pace of spinners, countdowns and clocks.
const tickEvery = 250 * time.Millisecond

type tickMsg struct{}

func ticking() tea.Cmd {
	return tea.Tick(tickEvery, func(time.Time) tea.Msg { return tickMsg{} })
}

// Init implements tea.Model.
func (m *model) Init() tea.Cmd {
	attached := ask(nil, m.backend.Attached, func(yes bool) (tea.Cmd, state) {
		if !yes {
			return nil, stay
		}
		m.reattached = true
		return nil, stateInstall
	})
	return tea.Batch(attached, ticking(), m.listDisks(), m.watchDisks(), m.shown().enter())
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
		return m, tea.Batch(ticking(), m.look(), m.tick())
	case answer:
		cmd, to := msg.then()
		if msg.asker == nil || msg.asker == m.shown() {
			cmd = tea.Batch(cmd, m.turn(to))
		}
		return m, cmd
	case eventsMsg:
		return m, m.events(msg)
	case tea.KeyPressMsg:
		return m, m.key(msg)
	case tea.PasteMsg:
		if p, ok := m.shown().(paster); ok && !m.help.open && !m.quit.open {
			p.paste(msg.Content)
		}
	}
	return m, nil
}

func (m *model) tick() tea.Cmd {
	m.run.tick()
	if t, ok := m.shown().(ticker); ok {
		return t.tick()
	}
	return nil
}

// key handles the keys that mean the same everywhere, and passes the others on
// to the screen.
func (m *model) key(msg tea.KeyPressMsg) tea.Cmd {
	if d, ok := m.shown().(*done); ok {
		d.held = true // by any key, also one that the screen does not list
	}
	switch {
	case keyRedraw.is(msg):
		return tea.ClearScreen
	case m.quit.open:
		return m.answerQuit(msg)
	case keyQuit.is(msg):
		m.help, m.quit = help{}, quit{open: true}
		return nil
	case m.help.open:
		m.help.key(msg)
		return nil
	case keyHelp.is(msg) && (!m.typing() || keyHelpTyping.is(msg)):
		m.help = help{open: true, scroll: newScroll()}
		return nil
	}
	cmd, to := m.shown().key(msg)
	return tea.Batch(cmd, m.turn(to))
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
	var cursor *tea.Cursor
	keys := append(m.shown().keys(), m.everywhere()...)
	switch {
	case m.quit.open:
		keys = m.quitKeys()
		m.quitView(p)
	case m.help.open:
		m.help.view(p, keys)
		keys = helpKeys
	default:
		cursor = m.shown().view(p)
	}
	v.Content = frame(c, header(c, m.headed(), m.where()), p.String(), helpLine(c, keys))
	if cursor != nil && cursor.Y < inner.h {
		v.Cursor = tea.NewCursor(cursor.X+max(0, (c.w-inner.w)/2), cursor.Y+1)
	}
	return v
}

// wipe overwrites every secret that was typed or made.
func (m *model) wipe() {
	m.answers.Wipe()
	m.wipeScreens()
}

// wipeScreens overwrites the secrets that the screens hold.
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
