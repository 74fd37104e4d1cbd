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
	"auto-installer/internal/disk/choice"
	"auto-installer/internal/disk/uevent"
	"auto-installer/internal/engine"
	"auto-installer/internal/network"
	"auto-installer/internal/savelog"
	"auto-installer/internal/sys"
	"auto-installer/steps/preflight"
)

// Machine is what the screens ask of the machine. Its methods may block.
type Machine struct {
	EngineProcess
	sys  sys.System
	fill func(*Answers) // what the flags and the medium answer

	mu      sync.Mutex // below: the screens call from several goroutines
	wifi    network.Manager
	secrets [][]byte
	disk    string // that is installed to: never a place for its own log
}

// NewMachine returns the machine that the program runs on.
func NewMachine(p engine.Paths, fill func(*Answers)) *Machine {
	return &Machine{EngineProcess: EngineProcess{Paths: p}, sys: sys.Looking(), fill: fill}
}

// Place is a file system that a log can be saved to.
type Place = savelog.Place

// CheckState is how a check came out.
type CheckState int

// Check results. CheckWarn does not stop an install.
const (
	CheckBad CheckState = iota
	CheckWarn
	CheckGood
)

// Checked is what a check saw.
type Checked struct {
	State CheckState
	Saw   string
}

// Check makes one of the preflight checks for the welcome screen: firmware,
// memory, network, clock or power.
func (m *Machine) Check(ctx context.Context, name string, h hosts.Host) Checked {
	o := preflight.Options{FS: "/", MinMemory: minMemory, Network: m.address(h)}
	if name == "network" && o.Network == "" {
		return Checked{CheckGood, "none is needed"}
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
		return sys.Faultf(sys.CodeUsage, "this terminal has a keyboard of its own", "a keymap applies on the machine's own console only")
	}
	return console.Load(ctx, m.sys, name)
}

// CapsLock tells whether Caps Lock is on, if that can be known.
func (m *Machine) CapsLock() (on, known bool) { return console.CapsLock(os.Stdin) }

// OpenBundle is OpenBundle.
func (m *Machine) OpenBundle(host string, sealed, passphrase []byte) (Keys, error) {
	return OpenBundle(host, sealed, passphrase)
}

// Typing is how a text can be typed with a keymap.
type Typing = keymap.Typing

// Typing tells how a passphrase, typed with one keymap, is typed with the boot
// prompt's. The first may be empty: it is not known.
func (m *Machine) Typing(ctx context.Context, passphrase []byte, typed, boot string) (Typing, error) {
	if typed == "" {
		table, err := keymap.Read(ctx, m.sys, boot)
		if err != nil {
			return Typing{}, err
		}
		return table.Of(passphrase), nil
	}
	return keymap.Between(ctx, m.sys, typed, boot, passphrase)
}

// Disks looks at every block device and ranks them.
func (m *Machine) Disks(ctx context.Context) ([]Verdict, error) { return Disks(ctx) }

// WatchDisks tells when block devices come, go or change.
func (m *Machine) WatchDisks(ctx context.Context) (<-chan struct{}, error) { return uevent.Watch(ctx) }

// Plan makes the plan before all answers are there.
func (m *Machine) Plan(a Answers) (*Install, error) {
	return Preview(a, m.Paths)
}

// Unfinished is FindUnfinished.
func (m *Machine) Unfinished(a Answers) *Unfinished { return FindUnfinished(a, m.Paths) }

// TryPassphrase is TryPassphrase.
func (m *Machine) TryPassphrase(ctx context.Context, a Answers) error { return TryPassphrase(ctx, a) }

// Follow is EngineProcess.Follow; it notes which disk is installed to.
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

// Preview makes a plan for showing: the passphrase need not be there yet.
func Preview(a Answers, p engine.Paths) (*Install, error) {
	if a = standIn(a); a.Resume {
		return ResumePlan(a, p)
	}
	return InstallPlan(a, p)
}

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

// CommandLine is the headless command that does the same.
func (m *Machine) CommandLine(a Answers) string { return a.CommandLine() }

// Places lists the file systems that a log can be saved to.
func (m *Machine) Places(ctx context.Context) ([]Place, error) {
	m.mu.Lock()
	target := m.disk
	m.mu.Unlock()
	return savelog.Places(ctx, m.sys, "/", target)
}

// Start is EngineProcess.Start; the secrets are kept until the install is put
// away, so that a log which holds one is never saved.
func (m *Machine) Start(a Answers, resume bool) error {
	m.mu.Lock()
	for _, s := range a.secrets() {
		if *s.value != nil {
			m.secrets = append(m.secrets, bytes.Clone(*s.value))
		}
	}
	m.mu.Unlock()
	return m.EngineProcess.Start(a, resume)
}

// PutAway is EngineProcess.PutAway; it wipes the secrets.
func (m *Machine) PutAway() error {
	m.mu.Lock()
	for _, s := range m.secrets {
		clear(s)
	}
	m.secrets = nil
	m.mu.Unlock()
	return m.EngineProcess.PutAway()
}

// SaveLog saves the engine's log and events, and returns where.
func (m *Machine) SaveLog(ctx context.Context, p Place) (string, error) {
	m.mu.Lock()
	secrets := slices.Clone(m.secrets)
	m.mu.Unlock()
	return savelog.Save(ctx, &sys.Machine{Reporter: sys.Silent{}, Undos: &sys.UndoStack{}}, savelog.SaveOptions{
		Place: p, Files: []string{m.Paths.Log, m.Paths.Events}, Secrets: secrets,
		Name: time.Now().Format("2006-01-02-150405"), Run: m.Paths.Dir,
	})
}

// Shell is a rescue shell.
func (m *Machine) Shell() *exec.Cmd {
	argv := savelog.Shell()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = "/"
	return cmd
}

// ToRescue shows the rescue shell's console (modules/kiosk.nix) if the program is
// on such a console itself, and tells whether it is.
func (m *Machine) ToRescue() (shown bool, err error) {
	if !console.Applies("/dev/tty") {
		return false, nil
	}
	return true, console.Show(rescueVT)
}

// rescueVT is the number of the rescue shell's virtual console.
const rescueVT = 2

// Power powers the machine off, or restarts it.
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

// Size renders bytes for people, in binary units.
func Size(bytes int64) string { return block.FormatSize(bytes) }

// CleanText makes foreign text one line that is safe for a terminal: what it
// would hide is shown.
func CleanText(s string) string { return sys.VisibleLine(s) }

// Quote renders a command line so that a shell reads the same words back.
func Quote(argv []string) string { return sys.Quote(argv) }

// DiskOf is the disk of a verdict.
func DiskOf(v Verdict) Disk { return diskOf(v.Device) }

// Same tells whether a verdict is of the very same disk.
func (d Disk) Same(v Verdict) bool {
	same, _ := d.identity.Same(block.IdentityOf(v.Device))
	return same
}

// GuessSystem guesses the operating system on a disk, or is empty.
func GuessSystem(v Verdict) string { return choice.GuessSystem(v) }
