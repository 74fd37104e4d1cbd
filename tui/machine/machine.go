// Package machine is what the screens ask of the machine, and the engine that they start
// and follow.
package machine

import (
	"bytes"
	"context"
	"os"
	"slices"
	"sync"
	"time"

	"auto-installer/hosts"
	"auto-installer/internal/console"
	"auto-installer/internal/console/keymap"
	"auto-installer/internal/disk/block"
	"auto-installer/internal/engine"
	"auto-installer/internal/savelog"
	"auto-installer/internal/sys"
	"auto-installer/steps"
	"auto-installer/steps/preflight"
)

// Machine is the machine, for the screens. Its methods may block.
type Machine struct {
	Process
	sys  sys.System
	fill func(*steps.Answers) // adds the answers of the flags and the medium

	mu      sync.Mutex // for the secrets; the screens call from several goroutines
	secrets [][]byte
}

// New returns the machine that runs the program.
func New(p engine.Paths, fill func(*steps.Answers)) *Machine {
	return &Machine{Process: Process{Paths: p}, sys: sys.Looking(), fill: fill}
}

// CheckState is the result of a check.
type CheckState int

// The results of a check. CheckWarn does not stop an install.
const (
	CheckBad CheckState = iota
	CheckWarn
	CheckGood
)

// Checked is the result of a check, and what it found.
type Checked struct {
	State CheckState
	Saw   string
}

// Check runs one of the preflight checks for the welcome screen: firmware, memory,
// network, clock or power.
func (m *Machine) Check(ctx context.Context, name string, h hosts.Host) Checked {
	o := preflight.Options{FS: "/", MinMemory: steps.MinMemory, Network: m.address(h)}
	if name == "network" && o.Network == "" {
		return Checked{CheckGood, "not needed"}
	}
	saw, err := preflight.Look(ctx, name, o)
	switch {
	case err == nil && name == "network":
		return Checked{CheckGood, m.addresses() + saw}
	case err == nil:
		return Checked{CheckGood, saw}
	case name == "network":
		return Checked{CheckWarn, sys.AsFault(err).Cause}
	}
	return Checked{CheckBad, sys.AsFault(err).Cause}
}

// Keymaps lists the console keymaps that can be loaded.
func (m *Machine) Keymaps() []string { return console.Keymaps(console.Dirs...) }

// SetKeymap loads a console keymap.
func (m *Machine) SetKeymap(ctx context.Context, name string) error {
	if !console.Applies("/dev/tty") {
		return sys.Faultf(sys.CodeUsage, "set the keymap of this terminal's own keyboard", "a keymap applies only to the machine's own console")
	}
	return console.Load(ctx, m.sys, name)
}

// CapsLock reports whether Caps Lock is known to be on.
func (m *Machine) CapsLock() bool { return console.CapsLock(os.Stdin) }

// OpenBundle is steps.OpenBundle.
func (m *Machine) OpenBundle(host string, sealed, passphrase []byte) (steps.Keys, error) {
	return steps.OpenBundle("", host, sealed, passphrase)
}

// Typing returns how a passphrase that was typed with one keymap is typed with the keymap
// of the boot prompt. An empty first keymap is unknown.
func (m *Machine) Typing(ctx context.Context, passphrase []byte, typed, boot string) (keymap.Typing, error) {
	return keymap.Between(ctx, m.sys, typed, boot, passphrase)
}

// Disks surveys and ranks every block device.
func (m *Machine) Disks(ctx context.Context) ([]steps.Verdict, error) { return steps.Disks(ctx) }

// WatchDisks signals when block devices appear, disappear or change.
func (m *Machine) WatchDisks(ctx context.Context) <-chan struct{} { return block.Watch(ctx, "/") }

// Plan is steps.Preview.
func (m *Machine) Plan(a steps.Answers) (*steps.Install, error) { return steps.Preview(a, m.Paths) }

// Unfinished is steps.FindUnfinished.
func (m *Machine) Unfinished(a steps.Answers) *steps.Unfinished {
	return steps.FindUnfinished(a, m.Paths)
}

// TryPassphrase is steps.TryPassphrase.
func (m *Machine) TryPassphrase(ctx context.Context, a steps.Answers) error {
	return steps.TryPassphrase(ctx, a)
}

// Places lists the file systems that a log can be saved to, but none on the target disk.
func (m *Machine) Places(ctx context.Context, target string) ([]savelog.Place, error) {
	return savelog.Places(ctx, m.sys, "/", target)
}

// Start starts an engine with these answers. It keeps their secrets until PutAway, so that
// SaveLog can refuse a log with a secret.
func (m *Machine) Start(a steps.Answers) error {
	parts, err := a.Handover(m.Paths)
	if err != nil {
		return err
	}
	m.mu.Lock()
	for _, secret := range parts[1:] {
		m.secrets = append(m.secrets, bytes.Clone(secret))
	}
	m.mu.Unlock()
	return m.Process.Start(parts)
}

// PutAway is Process.PutAway and wipes the secrets.
func (m *Machine) PutAway() error {
	m.mu.Lock()
	for _, s := range m.secrets {
		clear(s)
	}
	m.secrets = nil
	m.mu.Unlock()
	return m.Process.PutAway()
}

// SaveLog saves the engine's log and events, and returns the folder.
func (m *Machine) SaveLog(ctx context.Context, p savelog.Place) (string, error) {
	m.mu.Lock()
	secrets := slices.Clone(m.secrets)
	m.mu.Unlock()
	return savelog.Save(ctx, &sys.Machine{Reporter: sys.Silent{}, Undos: &sys.UndoStack{}}, savelog.SaveOptions{
		Place: p, Files: []string{m.Paths.Log, m.Paths.Events}, Secrets: secrets,
		Name: time.Now().Format("2006-01-02-150405"), Run: m.Paths.Dir,
	})
}

// ToRescue switches to the console of the rescue shell (modules/kiosk.nix). It returns
// false if the program does not run on such a console.
func (m *Machine) ToRescue() (shown bool, err error) {
	if !console.Applies("/dev/tty") {
		return false, nil
	}
	return true, console.Show(rescueVT)
}

// rescueVT is the number of the rescue shell's virtual console.
const rescueVT = 2

// Power powers the machine off or reboots it.
func (m *Machine) Power(ctx context.Context, reboot bool) error {
	return steps.Power(ctx, steps.PowerCommand(!reboot))
}
