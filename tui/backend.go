package tui

import (
	"context"
	"os/exec"

	"auto-installer/hosts"
	"auto-installer/internal/engine"
	"auto-installer/steps"
)

// Backend is all that the screens ask of the machine. steps.Machine is the
// real one; the tests have another. Every method may block: the screens call
// them in commands only.
type Backend interface {
	// Attached tells whether an install runs, or has ended without having
	// been put away: the screens then show that one.
	Attached() bool
	// Running tells whether an install runs, whoever started it.
	Running() bool
	// Check makes one of the checks of the welcome screen.
	Check(ctx context.Context, name string, h hosts.Host) steps.Checked

	Keymaps() []string
	SetKeymap(ctx context.Context, name string) error
	CapsLock() (on, known bool)
	// Typing tells how a passphrase, typed with one keymap, is typed with the
	// boot prompt's. The first may be empty: it is not known.
	Typing(ctx context.Context, passphrase []byte, typed, boot string) (steps.Typing, error)

	// OpenBundle opens the sealed keys of a host.
	OpenBundle(host string, sealed, passphrase []byte) (steps.Keys, error)

	Network(ctx context.Context, h hosts.Host) steps.NetworkState
	ScanWiFi(ctx context.Context) ([]steps.AccessPoint, error)
	JoinWiFi(ctx context.Context, ap steps.AccessPoint, passphrase []byte) error

	Disks(ctx context.Context) ([]steps.Verdict, error)
	// WatchDisks sends whenever a disk comes or goes, until ctx ends.
	WatchDisks(ctx context.Context) (<-chan struct{}, error)

	// Unfinished tells of the install on the disk that these answers could
	// continue, or is nil.
	Unfinished(a steps.Answers) *steps.Unfinished
	// TryPassphrase fails if the passphrase does not open what an unfinished
	// install has encrypted.
	TryPassphrase(ctx context.Context, a steps.Answers) error

	Plan(a steps.Answers) (*steps.Install, error)
	// SavePlan writes the plan as JSON and returns where.
	SavePlan(p *steps.Install) (string, error)
	// CommandLine is the headless command that does the same.
	CommandLine(a steps.Answers) string

	// Start starts the engine, as a process of its own that outlives the
	// screens. The secrets of a are wiped by the time it returns.
	Start(a steps.Answers, resume bool) error
	// Follow gives the engine's events from the first one on, until the last.
	// An engine that died without a last event is an error.
	Follow(ctx context.Context, each func(engine.Event)) error
	// GoWithout tells an engine that waits for the operator to go on without
	// what it waits for.
	GoWithout() error
	// Stop asks the engine to stop; its events tell how it went.
	Stop() error
	// PutAway forgets an install that has ended.
	PutAway() error

	Places(ctx context.Context) ([]steps.Place, error)
	SaveLog(ctx context.Context, p steps.Place) (string, error)
	Shell() *exec.Cmd
	// ToRescue shows the console that has a rescue shell, if this terminal is
	// a virtual console, and tells whether it is.
	ToRescue() (shown bool, err error)
	// Power ends the machine's session: off, or reboot.
	Power(ctx context.Context, reboot bool) error
}
