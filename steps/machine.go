package steps

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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
	"auto-installer/steps/preflight"
)

// Machine is the machine, for the screens. Its methods may block.
type Machine struct {
	EngineProcess
	sys  sys.System
	fill func(*Answers) // adds the answers of the flags and the medium

	mu      sync.Mutex // for the fields below; the screens call from several goroutines
	secrets [][]byte
	disk    string // the target disk, where its own log is never saved
}

// NewMachine returns the machine that runs the program.
func NewMachine(p engine.Paths, fill func(*Answers)) *Machine {
	return &Machine{EngineProcess: EngineProcess{Paths: p}, sys: sys.Looking(), fill: fill}
}

// Place is a file system that a log can be saved to.
type Place = savelog.Place

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
	o := preflight.Options{FS: "/", MinMemory: minMemory, Network: m.address(h)}
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
		return Checked{CheckWarn, engine.NewError("", err).Cause}
	}
	return Checked{CheckBad, engine.NewError("", err).Cause}
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

// OpenBundle calls OpenBundle.
func (m *Machine) OpenBundle(host string, sealed, passphrase []byte) (Keys, error) {
	return OpenBundle(host, sealed, passphrase)
}

// Typing says how to type a text with a keymap.
type Typing = keymap.Typing

// Typing returns how a passphrase that was typed with one keymap is typed with the keymap
// of the boot prompt. An empty first keymap is unknown.
func (m *Machine) Typing(ctx context.Context, passphrase []byte, typed, boot string) (Typing, error) {
	return keymap.Between(ctx, m.sys, typed, boot, passphrase)
}

// Disks surveys and ranks every block device.
func (m *Machine) Disks(ctx context.Context) ([]Verdict, error) { return Disks(ctx) }

// WatchDisks signals when block devices appear, disappear or change.
func (m *Machine) WatchDisks(ctx context.Context) <-chan struct{} { return block.Watch(ctx, "/") }

// Plan calls Preview.
func (m *Machine) Plan(a Answers) (*Install, error) { return Preview(a, m.Paths) }

// Unfinished calls FindUnfinished.
func (m *Machine) Unfinished(a Answers) *Unfinished { return FindUnfinished(a, m.Paths) }

// TryPassphrase calls TryPassphrase.
func (m *Machine) TryPassphrase(ctx context.Context, a Answers) error { return TryPassphrase(ctx, a) }

// Follow is EngineProcess.Follow and notes the target disk.
func (m *Machine) Follow(ctx context.Context, each func(engine.Event)) error {
	return m.EngineProcess.Follow(ctx, func(e engine.Event) {
		if e.Plan != nil {
			m.mu.Lock()
			m.disk = e.Plan.Target
			m.mu.Unlock()
		}
		each(e)
	})
}

// Preview makes a plan to show, which does not need the passphrase.
func Preview(a Answers, p engine.Paths) (*Install, error) { return MakePlan(standIn(a), p) }

// SavePlan writes the plan as JSON beside the engine's files.
func (m *Machine) SavePlan(p *Install) (string, error) {
	data, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(m.Paths.Dir, 0o700); err != nil {
		return "", err
	}
	name := filepath.Join(m.Paths.Dir, "plan.json")
	return name, sys.WriteFile(name, append(data, '\n'), 0o600)
}

// Places lists the file systems that a log can be saved to.
func (m *Machine) Places(ctx context.Context) ([]Place, error) {
	m.mu.Lock()
	target := m.disk
	m.mu.Unlock()
	return savelog.Places(ctx, m.sys, "/", target)
}

// Start is EngineProcess.Start and keeps the secrets until PutAway, so that SaveLog can
// refuse a log with a secret.
func (m *Machine) Start(a Answers) error {
	m.mu.Lock()
	for _, s := range a.secrets() {
		if *s.value != nil {
			m.secrets = append(m.secrets, bytes.Clone(*s.value))
		}
	}
	m.mu.Unlock()
	return m.EngineProcess.Start(a)
}

// PutAway is EngineProcess.PutAway and wipes the secrets.
func (m *Machine) PutAway() error {
	m.mu.Lock()
	for _, s := range m.secrets {
		clear(s)
	}
	m.secrets = nil
	m.mu.Unlock()
	return m.EngineProcess.PutAway()
}

// SaveLog saves the engine's log and events, and returns the folder.
func (m *Machine) SaveLog(ctx context.Context, p Place) (string, error) {
	m.mu.Lock()
	secrets := slices.Clone(m.secrets)
	m.mu.Unlock()
	return savelog.Save(ctx, &sys.Machine{Reporter: sys.Silent{}, Undos: &sys.UndoStack{}}, savelog.SaveOptions{
		Place: p, Files: []string{m.Paths.Log, m.Paths.Events}, Secrets: secrets,
		Name: time.Now().Format("2006-01-02-150405"), Run: m.Paths.Dir,
	})
}

// Shell returns the command of a rescue shell.
func (m *Machine) Shell() *exec.Cmd {
	argv := savelog.Shell()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = "/"
	return cmd
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
	verb := "poweroff"
	if reboot {
		verb = "reboot"
	}
	if err := exec.CommandContext(ctx, "systemctl", verb).Run(); err != nil {
		return fmt.Errorf("systemctl %s: %w", verb, err)
	}
	return nil
}

// DiskOf returns the disk of a verdict.
func DiskOf(v Verdict) Disk { return diskOf(v.Device) }

// Same returns whether a verdict is of the same disk.
func (d Disk) Same(v Verdict) bool {
	same, _ := d.identity.Same(block.IdentityOf(v.Device))
	return same
}
