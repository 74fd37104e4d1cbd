//go:build e2e

package lab

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

// seed is a fault that exists before an install.
type seed struct {
	name  string
	slice bool   // quick enough for every run of the tests
	step  string // the step that refuses it
	exit  int
	words string // of the error
	args  []string
	under []string // the command that starts the program, such as setpriv
	// prep and undo are shell scripts that make the fault and undo it.
	prep, undo string
	// begin makes a fault that shell cannot make, or starts to, while the program runs.
	begin func(i *installer)
	// marks is set if prep or undo writes to a disk.
	marks bool
}

// These refuse before the plan's own steps.
const (
	inAnswers = "the answers"
	inHost    = "host.toml"
	inDetect  = "the disk"
	atStart   = "the start"
)

// TestRefusals, scenario 6: a part of the seeded faults, each refused before any write.
func TestRefusals(t *testing.T) {
	t.Parallel()
	if *full {
		t.Skip("TestSeeded has all of these")
	}
	m := seededMachine(t)
	for _, s := range m.seeds() {
		if s.slice {
			m.refuses(s)
		}
	}
}

// TestSeeded seeds every fault that exists before an install. The right step refuses
// each before anything is written.
func TestSeeded(t *testing.T) {
	t.Parallel()
	if !*full {
		t.Skip("without -full, TestRefusals runs a part of this")
	}
	m := seededMachine(t)
	for _, s := range m.seeds() {
		m.refuses(s)
	}
	powerOff(t, m.Machine)
	m.untouched()
}

// seeding is the machine that the faults are seeded in.
type seeding struct {
	*installer
	target, small, used     Disk
	readOnly, dying, pulled Disk // if full
	disks                   []Disk
	before                  []string // the disks' hashes
	failing                 string   // a file that makes reads of dying fail
}

func seededMachine(t *testing.T) *seeding {
	t.Helper()
	m := &seeding{
		target: disk(t, "TARGET", NVMe, 512, 5*gib), small: disk(t, "SMALL", VirtioBlk, 512, 2*gib), used: disk(t, "USED", VirtioBlk, 512, 5*gib),
	}
	m.disks = []Disk{m.target, m.small, m.used}
	if *full {
		m.readOnly, m.dying, m.pulled = disk(t, "WORN", VirtioBlk, 512, 5*gib), disk(t, "DYING", VirtioBlk, 512, 5*gib), disk(t, "PULLED", USB, 512, 5*gib)
		m.readOnly.ReadOnly = true
		m.dying, m.failing = failing(t, m.dying)
		m.disks = append(m.disks, m.readOnly, m.dying, m.pulled)
	}
	m.installer = liveMachine(t, Config{Network: GitServer, Disks: m.disks})
	shell(t, m.Machine, `
		for d in `+m.target.ID()+` `+m.small.ID()+` `+m.used.ID()+`; do
			printf 'label: gpt\n,1G\n,64M,S\n' | sfdisk --quiet $d
			udevadm settle
			mkfs.ext4 -q -L precious-${d##*[-_]} $d-part1
			mkswap $d-part2 >/dev/null
		done
		mkdir -p /srv/used; mount -o ro `+m.used.ID()+`-part1 /srv/used
		sync`)
	m.files()
	m.note()
	lap(t, m.Machine, "prepared")
	return m
}

// note records the disks' hashes.
func (m *seeding) note() {
	m.t.Helper()
	m.before = nil
	for _, d := range m.disks {
		m.before = append(m.before, hash(m.t, d))
	}
}

// refuses seeds one fault, checks that the program refuses it, and undoes it.
func (m *seeding) refuses(s seed) {
	c := cell{fault: s.name, place: s.step}
	c.failed = !m.t.Run(strings.ReplaceAll(s.name, "/", " "), func(t *testing.T) {
		i := &installer{m.Machine, t, m.share}
		began := time.Now()
		if s.prep != "" {
			shell(t, i.Machine, s.prep)
		}
		if s.begin != nil {
			s.begin(i)
		}
		if s.marks {
			shell(t, i.Machine, "udevadm settle; sync")
			m.note()
		}
		r := i.startedBy(s.under, s.args)
		c.outcome = fmt.Sprintf("exit %d: %s", r.Exit, brief(lastError(r)))
		i.judge(r, s.exit, s.words, s.args)
		for n, d := range m.disks {
			if now := hash(t, d); now != m.before[n] {
				t.Errorf("%s was written to", d.Serial)
				m.before[n] = now // do not blame the next fault
			}
		}
		if s.undo != "" {
			shell(t, i.Machine, s.undo)
		}
		if step := refusedBy(r.Exit, lastError(r)); step != s.step {
			t.Errorf("%s refused it, not %s", step, s.step)
		}
		i.letGo()
		if s.marks {
			shell(t, i.Machine, "sync")
			m.note()
		}
		t.Logf("%.1f s, %s", time.Since(began).Seconds(), c.outcome)
	})
	if c.outcome != "" || c.failed { // empty if -run did not select it
		seeded.add(c)
	}
}

// startedBy runs the program under another command.
func (i *installer) startedBy(under, args []string) Result {
	i.t.Helper()
	ctx, cancel := context.WithTimeout(i.t.Context(), Hung)
	defer cancel()
	argv := append(append(append([]string{}, under...), "auto-installer"), args...)
	r, err := i.Agent.Run(ctx, nil, argv...)
	if err != nil {
		i.t.Fatal(err)
	}
	return r
}

// lastError returns the last error that the program printed; commands before may have
// printed others.
func lastError(r Result) string {
	last := "no error"
	for line := range bytes.Lines(append(r.Stdout, r.Stderr...)) {
		if text, ok := strings.CutPrefix(strings.TrimSpace(string(line)), "error: "); ok {
			last = text
		}
	}
	return last
}

// brief shortens an error for the table.
func brief(text string) string {
	const most = 110
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most-1]) + "…"
	}
	return strings.ReplaceAll(text, "|", `\|`)
}

// refusedBy returns the step that refused, or what refused before the first step.
func refusedBy(exit int, text string) string {
	for _, step := range []string{"preflight", "source", "contract", "secrets", "gate"} {
		if strings.HasPrefix(text, step+": ") {
			return step
		}
	}
	switch exit {
	case 2:
		return inAnswers
	case 3:
		return inHost
	case 4:
		return inDetect
	}
	return atStart
}

// sealedForAnother makes a config repo, as plain files, whose host demo has a
// secret that is not encrypted to /run/host.agekey, and returns its folder.
func (i *installer) sealedForAnother() string {
	i.t.Helper()
	shell(i.t, i.Machine, `
		umask 077
		cp -R -T /iso/auto-installer/nix-config /run/sealed
		cd /run/sealed; rm -rf .git; chmod -R u+w .
		age-keygen -o /run/host.agekey 2>/dev/null
		age-keygen -o /run/other.agekey 2>/dev/null
		mkdir -p secrets
		printf '{ demo = [ "%s" ]; }\n' "$(age-keygen -y /run/host.agekey)" >secrets/keys.nix
		echo '{ "wifi.age".publicKeys = (import ./keys.nix).demo; }' >secrets/secrets.nix
		echo hunter2 | age -r "$(age-keygen -y /run/other.agekey)" -o secrets/wifi.age`)
	return "/run/sealed"
}
