package tui

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"auto-installer/hosts"
	"auto-installer/internal/console/keymap"
	"auto-installer/internal/engine"
	"auto-installer/internal/savelog"
	"auto-installer/internal/sys"
	"auto-installer/steps"
	"auto-installer/tui/machine"
)

// fake is the Backend of the tests: its answers are what a test puts there.
type fake struct {
	attached    bool
	running     bool // an install of any console
	vt          bool // the terminal is a virtual console
	checks      map[string]machine.Checked
	keymaps     []string
	caps        bool
	typing      keymap.Typing // of a passphrase with another keymap
	network     machine.NetworkState
	aps         []machine.AccessPoint
	disks       []steps.Verdict
	changes     chan struct{}
	interrupted *steps.Unfinished // on any disk
	planErr     error
	startErr    error
	// followErr is how following ends, such as of an engine that was killed.
	followErr error
	events    []engine.Event
	places    []savelog.Place
	fails     error // of everything at the end of an install

	loaded, calls []string
	started       []steps.Answers
	keymapErr     error  // of every keymap
	joined, seen  string // secrets that were handed over
}

func newFake(t testing.TB) *fake {
	f := &fake{
		checks: map[string]machine.Checked{
			"firmware": {State: machine.CheckGood, Saw: "started by UEFI firmware"},
			"memory":   {State: machine.CheckGood, Saw: "16042 MiB of memory"},
			"network":  {State: machine.CheckGood, Saw: "enp3s0 192.168.1.20, github.com:443 can be reached"},
			"clock":    {State: machine.CheckGood, Saw: "the clock says 2026-05-04 21:30:00"},
			"power":    {State: machine.CheckWarn, Saw: "on battery, 45 % left"},
		},
		keymaps: []string{"cz", "de", "de-latin1", "dvorak", "es", "fr", "fr-bepo", "sv-latin1", "uk", "us", "us-acentos"},
		changes: make(chan struct{}),
		places: []savelog.Place{
			{Device: "/dev/sdb1", Label: "STICK", FSType: "vfat", Disk: "SanDisk Ultra", Size: 32 << 30},
			{Device: "/dev/sda1", Label: "data", FSType: "ext4", Disk: "WDC WD40EFRX", Size: 4 << 40},
		},
	}
	f.disks = verdicts(t, "fivedisks")
	return f
}

// verdicts reads a machine as `auto-installer disks --json` shows it.
func verdicts(t testing.TB, name string) []steps.Verdict {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var vs []steps.Verdict
	if err := json.Unmarshal(data, &vs); err != nil {
		t.Fatal(err)
	}
	return vs
}

func (f *fake) call(name string) error {
	f.calls = append(f.calls, name)
	return f.fails
}

func (f *fake) Attached() bool { return f.attached }
func (f *fake) Running() bool  { return f.running }

func (f *fake) Check(_ context.Context, name string, _ hosts.Host) machine.Checked {
	return f.checks[name]
}

func (f *fake) Keymaps() []string { return f.keymaps }

func (f *fake) SetKeymap(_ context.Context, name string) error {
	f.loaded = append(f.loaded, name)
	if f.keymapErr != nil {
		return f.keymapErr
	}
	if name == "cz" {
		return errors.New("loadkeys: cannot open file cz")
	}
	return nil
}

func (f *fake) CapsLock() bool { return f.caps }

func (f *fake) Typing(_ context.Context, _ []byte, typed, boot string) (keymap.Typing, error) {
	if typed == boot {
		return keymap.Typing{}, nil
	}
	f.calls = append(f.calls, "typing "+typed+" "+boot)
	return f.typing, nil
}

func (f *fake) OpenBundle(host string, _, passphrase []byte) (steps.Keys, error) {
	if string(passphrase) != "open sesame" {
		return steps.Keys{}, sys.Usage("look at the keyboard layout and Caps Lock, and type it again", "the passphrase does not open the keys")
	}
	return steps.Keys{AgeIdentity: []byte("identity of " + host), DeployKey: []byte("deploy key of " + host)}, nil
}

func (f *fake) Network(context.Context, hosts.Host) machine.NetworkState { return f.network }

func (f *fake) ScanWiFi(context.Context) ([]machine.AccessPoint, error) { return f.aps, nil }

func (f *fake) JoinWiFi(_ context.Context, ap machine.AccessPoint, pass []byte) error {
	f.joined = ap.SSID + " " + string(pass)
	return f.fails
}

func (f *fake) Disks(context.Context) ([]steps.Verdict, error) { return f.disks, nil }

func (f *fake) WatchDisks(context.Context) <-chan struct{} { return f.changes }

func (f *fake) Unfinished(steps.Answers) *steps.Unfinished { return f.interrupted }

func (f *fake) TryPassphrase(_ context.Context, a steps.Answers) error {
	if string(a.Passphrase) != "correct horse battery" {
		return sys.Usage("give another", "the passphrase does not open /dev/vda2")
	}
	return f.fails
}

func (f *fake) Plan(a steps.Answers) (*steps.Install, error) {
	if f.planErr != nil {
		return nil, f.planErr
	}
	return preview(a)
}

// preview is a plan whose words are those of testdata/steps.json, so that the
// frames change when the screens do, and not when a step's wording does.
func preview(a steps.Answers) (*steps.Install, error) {
	resumed := a.Resume
	a.Resume = false // there is no disk to read
	p, err := steps.Preview(a, engine.DefaultPaths())
	if err != nil {
		return nil, err
	}
	p.Resumed = resumed
	data, err := os.ReadFile("testdata/steps.json")
	if err != nil {
		return nil, err
	}
	weights := map[engine.Name]float64{}
	for _, s := range p.Steps {
		weights[s.Name] = s.Weight
	}
	p.Steps = nil
	if err := json.Unmarshal(data, &p.Steps); err != nil {
		return nil, err
	}
	for i := range p.Steps {
		p.Steps[i].Weight = weights[p.Steps[i].Name]
	}
	p.Steps = slices.DeleteFunc(p.Steps, func(s engine.Step) bool { return s.Name == "encrypt" && !a.Host.LUKS.Enable })
	p.Warnings = nil
	if a.Host.Swap.Enable {
		p.Warnings = append(p.Warnings, "the swap partition is left unformatted: the host must use it with randomEncryption")
	}
	return p, nil
}

func (f *fake) Start(a steps.Answers) error {
	f.started = append(f.started, a)
	f.seen = string(a.Passphrase)
	return f.startErr
}

func (f *fake) Follow(_ context.Context, each func(engine.Event)) (sys.Code, error) {
	for _, e := range f.events {
		each(e)
	}
	return 0, f.followErr
}

func (f *fake) GoWithout() error { return f.call("go without") }
func (f *fake) Stop() error      { return f.call("stop") }
func (f *fake) PutAway() error   { return f.call("put away") }

func (f *fake) Places(context.Context, string) ([]savelog.Place, error) { return f.places, f.fails }

func (f *fake) SaveLog(_ context.Context, p savelog.Place) (string, error) {
	return p.Device + ":/auto-installer-logs/2026-05-04-213000", f.call("save log")
}

func (f *fake) Shell() *exec.Cmd {
	f.calls = append(f.calls, "shell")
	return exec.Command("true")
}

func (f *fake) ToRescue() (bool, error) {
	if !f.vt {
		return false, nil
	}
	return true, f.call("to rescue")
}

func (f *fake) Power(_ context.Context, reboot bool) error {
	if reboot {
		return f.call("reboot")
	}
	return f.call("power off")
}

var epoch = time.Date(2026, 5, 4, 21, 30, 0, 0, time.UTC)

// story is an engine's events of an install, up to the first that until accepts.
func story(p *steps.Install, until func(engine.Event) bool) []engine.Event {
	at := epoch
	var out []engine.Event
	add := func(e engine.Event, after time.Duration) bool {
		at = at.Add(after)
		e.Time = at
		out = append(out, e)
		return until != nil && until(e)
	}
	add(engine.Event{Kind: engine.KindPlan, Plan: &p.Plan}, 0)
	for _, s := range p.Steps {
		if add(engine.Event{Kind: engine.KindStarted, Step: s.Name}, 100*time.Millisecond) {
			return out
		}
		for _, a := range s.Actions {
			if len(a.Argv) > 0 {
				add(engine.Event{Kind: engine.KindCommand, Step: s.Name, Action: &a}, 10*time.Millisecond)
			} else {
				add(engine.Event{Kind: engine.KindLog, Step: s.Name, Line: a.Does}, 10*time.Millisecond)
			}
		}
		if s.Name == "closure" {
			for _, pkg := range []string{"glibc-2.42-41", "systemd-260.1", "linux-6.18.12"} {
				add(engine.Event{Kind: engine.KindLog, Step: s.Name, Line: "copying path '/nix/store/0123456789abcdfghijklmnpqrsvwxyz-" + pkg + "' from 'auto'"}, time.Second)
			}
			pr := &sys.Progress{Done: 412, Total: 1204, Unit: "paths", Label: "linux-6.18.12", Bytes: 1 << 30, BytesTotal: 3 << 30}
			if add(engine.Event{Kind: engine.KindProgress, Step: s.Name, Progress: pr}, 40*time.Second) {
				return out
			}
		}
		if s.Name == "bootproof" {
			for _, l := range []string{
				"the firmware starts it first (Boot0004, Linux Boot Manager)", "EFI/BOOT/BOOTX64.EFI is systemd-boot 257.9 for amd64",
				"nixos-generation-1.conf is started by default: loader.conf's default, of 1",
				"kernel and initrd on the ESP are the system's own, byte by byte",
				"init= leads to the system that was installed, /nix/store/0123456789abcdfghijklmnpqrsvwxyz-nixos-system-stygianlibrary",
				"/dev/nvme1n1p1 is vfat STYGIAN-EFI", "/dev/mapper/stygiancrypt is ext4 STYGIAN-ROOT",
				"found on this disk alone: / by label STYGIAN-ROOT, /boot by label STYGIAN-EFI",
				"/dev/nvme1n1p2 is crypto_LUKS STYGIAN-LUKS", "the passphrase opens /dev/nvme1n1p2", "the recovery key opens /dev/nvme1n1p2",
				"its 1204 store paths are on the disk as they were built",
			} {
				add(engine.Event{Kind: engine.KindProven, Step: s.Name, Line: l}, 100*time.Millisecond)
			}
		}
		if add(engine.Event{Kind: engine.KindFinished, Step: s.Name, Seconds: 1}, time.Second) {
			return out
		}
	}
	ok := sys.Code(0)
	add(engine.Event{Kind: engine.KindEnded, Seconds: at.Sub(epoch).Seconds(), Exit: &ok}, 0)
	return out
}
