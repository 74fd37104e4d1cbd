package tui

import (
	"context"
	"os/exec"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"auto-installer/hosts"
	"auto-installer/internal/console/keymap"
	"auto-installer/internal/engine"
	"auto-installer/internal/savelog"
	"auto-installer/internal/sys"
	"auto-installer/steps"
	"auto-installer/tui/machine"
)

// stuck is a machine on which nothing ever ends.
type stuck struct{}

func forever[T any]() T { select {} }

func (stuck) Attached() bool { return forever[bool]() }
func (stuck) Running() bool  { return forever[bool]() }
func (stuck) Check(context.Context, string, hosts.Host) machine.Checked {
	return forever[machine.Checked]()
}
func (stuck) Keymaps() []string                       { return forever[[]string]() }
func (stuck) SetKeymap(context.Context, string) error { return forever[error]() }
func (stuck) CapsLock() bool                          { return forever[bool]() }
func (stuck) Typing(context.Context, []byte, string, string) (keymap.Typing, error) {
	return forever[keymap.Typing](), nil
}

func (stuck) OpenBundle(string, []byte, []byte) (steps.Keys, error) {
	return forever[steps.Keys](), nil
}

func (stuck) Network(context.Context, hosts.Host) machine.NetworkState {
	return forever[machine.NetworkState]()
}

func (stuck) ScanWiFi(context.Context) ([]machine.AccessPoint, error) {
	return forever[[]machine.AccessPoint](), nil
}

func (stuck) JoinWiFi(context.Context, machine.AccessPoint, []byte) error { return forever[error]() }

func (stuck) Disks(context.Context) ([]steps.Verdict, error) { return forever[[]steps.Verdict](), nil }

func (stuck) WatchDisks(context.Context) <-chan struct{} { return forever[chan struct{}]() }

func (stuck) Plan(steps.Answers) (*steps.Install, error) { return forever[*steps.Install](), nil }

func (stuck) Unfinished(steps.Answers) *steps.Unfinished         { return forever[*steps.Unfinished]() }
func (stuck) TryPassphrase(context.Context, steps.Answers) error { return forever[error]() }
func (stuck) Start(steps.Answers) error                          { return forever[error]() }
func (stuck) Follow(context.Context, func(engine.Event)) (sys.Code, error) {
	return 0, forever[error]()
}
func (stuck) GoWithout() error { return forever[error]() }
func (stuck) Stop() error      { return forever[error]() }
func (stuck) PutAway() error   { return forever[error]() }
func (stuck) Places(context.Context, string) ([]savelog.Place, error) {
	return forever[[]savelog.Place](), nil
}

func (stuck) SaveLog(context.Context, savelog.Place) (string, error) { return forever[string](), nil }
func (stuck) Shell() *exec.Cmd                                       { return forever[*exec.Cmd]() }
func (stuck) ToRescue() (bool, error)                                { return forever[bool](), nil }
func (stuck) Power(context.Context, bool) error                      { return forever[error]() }

// TestNeverBlocks presses every key on every screen of a machine on which
// nothing ends: Update and View still return.
func TestNeverBlocks(t *testing.T) {
	done := make(chan string, 1)
	at := make(chan string)
	go func() {
		defer close(done)
		for _, s := range scenes() {
			keys := []string{"enter", "esc", "tab", "up", "down", "home", "end", "f2", "f1", "ctrl+c", "ctrl+l", "space"}
			for r := '!'; r <= '~'; r++ {
				keys = append(keys, string(r))
			}
			p := s.openAt(t, 80, 25)
			p.backend = stuck{}
			for _, k := range keys {
				at <- s.name + ": " + k
				_, _ = p.Update(keyMsg(k))
				_, _ = p.Update(tickMsg{})
				_ = p.View()
			}
			for i := stateWelcome; i < states; i++ {
				p.goTo(i)
				_ = p.settle()
				_ = p.View()
				_, _ = p.Update(keyMsg("enter"))
				_, _ = p.Update(tea.PasteMsg{Content: "x"})
			}
		}
	}()
	for last := ""; ; {
		select {
		case <-done:
			return
		case last = <-at:
		case <-time.After(30 * time.Second):
			t.Fatalf("blocked at %s", last)
		}
	}
}
