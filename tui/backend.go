package tui

import (
	"context"
	"os/exec"

	tea "charm.land/bubbletea/v2"

	"auto-installer/hosts"
	"auto-installer/internal/console/keymap"
	"auto-installer/internal/engine"
	"auto-installer/internal/savelog"
	"auto-installer/internal/sys"
	"auto-installer/steps"
	"auto-installer/tui/machine"
)

// Backend is all that the screens ask of the machine. machine.Machine implements
// it; the tests have a fake. Every method may block, so the screens call them
// with ask only.
type Backend interface {
	// Attached reports whether an install runs, or has ended and was not put
	// away yet: the screens then show that one.
	Attached() bool
	// Running reports whether an install runs, from this console or another.
	Running() bool
	// Check makes one of the checks of the welcome screen.
	Check(ctx context.Context, name string, h hosts.Host) machine.Checked

	Keymaps() []string
	SetKeymap(ctx context.Context, name string) error
	CapsLock() bool
	// Typing compares the keys of a passphrase under the keymap that it was typed
	// with and under the boot prompt's. An empty keymap is an unknown one.
	Typing(ctx context.Context, passphrase []byte, typed, boot string) (keymap.Typing, error)

	// OpenBundle decrypts the sealed keys of a host.
	OpenBundle(host string, sealed, passphrase []byte) (steps.Keys, error)

	Network(ctx context.Context, h hosts.Host) machine.NetworkState
	ScanWiFi(ctx context.Context) ([]machine.AccessPoint, error)
	JoinWiFi(ctx context.Context, ap machine.AccessPoint, passphrase []byte) error

	Disks(ctx context.Context) ([]steps.Verdict, error)
	// WatchDisks sends whenever a disk comes or goes, until ctx ends.
	WatchDisks(ctx context.Context) <-chan struct{}

	// Unfinished returns the install on the disk that these answers could resume,
	// or nil.
	Unfinished(a steps.Answers) *steps.Unfinished
	// TryPassphrase fails if the passphrase does not open what an unfinished
	// install has encrypted.
	TryPassphrase(ctx context.Context, a steps.Answers) error

	Plan(a steps.Answers) (*steps.Install, error)

	// Start starts the engine, a process that outlives the screens. It wipes the
	// secrets of a before it returns.
	Start(a steps.Answers) error
	// Follow passes on the engine's events, from the first to the last, and returns its
	// exit code. It fails if the engine died without a last event.
	Follow(ctx context.Context, each func(engine.Event)) (sys.Code, error)
	// GoWithout makes an engine that waits for the operator go on without what it
	// waits for.
	GoWithout() error
	// Stop asks the engine to stop; its events say how that went.
	Stop() error
	// PutAway cleans up after an install that has ended.
	PutAway() error

	// Places lists where the log can be saved: not on the target disk, which may be empty.
	Places(ctx context.Context, target string) ([]savelog.Place, error)
	SaveLog(ctx context.Context, p savelog.Place) (string, error)
	Shell() *exec.Cmd
	// ToRescue switches to the console with the rescue shell. It reports false if
	// this terminal is no virtual console.
	ToRescue() (shown bool, err error)
	// Power powers the machine off or restarts it.
	Power(ctx context.Context, reboot bool) error
}

// answer carries an answer of the machine back into Update.
type answer struct {
	by   asker
	then func()
}

// asker is a screen, or the session for what no screen asks.
type asker interface{ start(cmd tea.Cmd) }

// ask puts a question to the machine without blocking the screens: question runs
// as a command, and then gets its answer in Update. If the screen that asked is no
// longer shown, where it wants to go is ignored.
func ask[T any](by asker, question func() T, then func(T)) {
	by.start(func() tea.Msg {
		got := question()
		return answer{by, func() { then(got) }}
	})
}

// askTwo is ask for a question with two results, such as a value and an error.
func askTwo[A, B any](by asker, question func() (A, B), then func(A, B)) {
	by.start(func() tea.Msg {
		a, b := question()
		return answer{by, func() { then(a, b) }}
	})
}
