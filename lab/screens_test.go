//go:build e2e

package lab

import (
	"context"
	"strings"
	"testing"
)

// operator starts the program on the machine's own console, and returns its operator.
func (i *installer) operator(args ...string) *Operator {
	i.t.Helper()
	i.screensOn("tty1", "linux", args...)
	return &Operator{Terminal: VT{i.Machine, 1}, Pictures: true}
}

// screensOn starts the program on a terminal, and returns its unit.
func (i *installer) screensOn(tty, term string, args ...string) string {
	i.t.Helper()
	unit, err := i.RunOn(i.t.Context(), tty, term, args...)
	if err != nil {
		i.t.Fatal(err)
	}
	return unit
}

// must ends the scenario on an error.
func (i *installer) must(err error) {
	i.t.Helper()
	if err != nil {
		i.t.Fatal(err)
	}
}

// ends presses Enter on the last screen and waits until the machine is off.
func (i *installer) ends(o *Operator, target Disk) {
	i.t.Helper()
	i.must(o.Press(i.t.Context(), "enter"))
	ctx, cancel := context.WithTimeout(i.t.Context(), Hung)
	defer cancel()
	i.must(i.AwaitOff(ctx))
	lap(i.t, i.Machine, "off")
	i.untouched()
	i.clean(target)
}

// engine waits for the installing process and returns its id, from its lock.
func (i *installer) engine() string {
	i.t.Helper()
	return strings.TrimSpace(shell(i.t, i.Machine, `
		for _ in $(seq 3000); do
			pid=$(cat /run/auto-installer/lock 2>/dev/null || true)
			[[ -n $pid && -e /proc/$pid/exe ]] && echo $pid && exit
			sleep 0.1
		done
		echo "no install is running" >&2; exit 1`))
}

// opens reports whether a key opens the LUKS container of a disk.
func (i *installer) opens(target Disk, key string) bool {
	i.t.Helper()
	ctx, cancel := context.WithTimeout(i.t.Context(), Hung)
	defer cancel()
	r, err := i.Agent.Run(ctx, []byte(key), "cryptsetup", "open", "--test-passphrase", "--key-file", "-", target.ID()+"-part2")
	if err != nil {
		i.t.Fatal(err)
	}
	return r.Exit == 0
}

// TestScreensLUKS, screens (a): an encrypted host, installed only with the keyboard, with
// a picture of every screen. No secret stays anywhere.
func TestScreensLUKS(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	target := disk(t, "TARGET", NVMe, 512, 5*gib)
	i := liveMachine(t, Config{Disks: []Disk{target}})
	o := i.operator("--host", i.host("demo-luks"))
	i.must(o.Welcome(ctx))
	i.must(o.TryKeyboard(ctx, "us", "de", "y", "z"))
	i.must(o.ChooseDisk(ctx, "TARGET"))
	i.must(o.Plan(ctx))
	i.must(o.MistypePassphrase(ctx, passphrase, "correct horse battery stable"))
	recovery, err := o.RecoveryKey(ctx)
	i.must(err)
	i.must(o.Confirm(ctx, "Yes"))
	lap(t, i.Machine, "confirmed")
	engine := shell(t, i.Machine, "cat /proc/"+i.engine()+`/cmdline /proc/`+i.engine()+`/environ | tr '\0' '\n'`)
	i.must(o.Watch(ctx))
	lap(t, i.Machine, "done")
	i.timed()

	for key, want := range map[string]bool{passphrase: true, recovery: true, recovery[:31]: false} {
		if i.opens(target, key) != want {
			t.Errorf("a key of %d bytes opens the disk: %v, want %v", len(key), !want, want)
		}
	}
	i.letGo()
	i.secretless(map[string]string{"engine's arguments": engine}, passphrase, recovery)
	i.ends(o, target)
	for _, secret := range []string{passphrase, recovery} {
		notIn(t, i.Out, secret)
		notIn(t, target.Path, secret)
	}

	// The passphrase is typed on the machine's own keyboard here too.
	m := i.boots(target, "demo-luks", func(ctx context.Context, m *Machine) error {
		if err := m.Console.ExpectString(ctx, "Please enter passphrase"); err != nil {
			return err
		}
		return m.TypeKeys(ctx, passphrase+"\n")
	})
	if m.Mapper == nil || *m.Mapper != "demo-crypt" || m.RootLabel != "LUKS1-ROOT" {
		t.Errorf("the marker is %+v", m)
	}
}

// secretless searches the live system's journal, events, logs and more texts for secrets.
func (i *installer) secretless(more map[string]string, secrets ...string) {
	i.t.Helper()
	texts := map[string]string{
		"journal":        shell(i.t, i.Machine, "journalctl --output short-full; dmesg"),
		"events and log": shell(i.t, i.Machine, "cat /run/auto-installer/*.jsonl /run/auto-installer/*.log /run/auto-installer/*.json"),
	}
	for where, text := range more {
		texts[where] = text
	}
	for where, text := range texts {
		if len(text) < 100 {
			i.t.Errorf("%s: only %d bytes to search", where, len(text))
		}
		for n, secret := range secrets {
			if strings.Contains(text, secret) {
				i.t.Errorf("secret %d is in the %s", n+1, where)
			}
		}
	}
}
