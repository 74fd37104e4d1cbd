//go:build e2e

package lab

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// The power is cut while the system is being copied. The machine starts anew,
// with nothing in memory: the disk itself tells what was done, a passphrase that
// does not open it is refused before anything is written, and with the right one
// the install goes on from there.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	target := disk(t, "TARGET", NVMe, 512, 5*gib)
	i := liveMachine(t, Config{Disks: []Disk{target}})
	args := installArgs(i.host("demo-luks"), target, "--passphrase-file", i.write("/run/passphrase", passphrase))
	i.begin(args)
	shell(t, i.Machine, `
		until grep -qs '"event":"started","step":"closure"' /run/auto-installer/events.jsonl; do
			grep -qs '"event":"ended"' /run/auto-installer/events.jsonl && exit 1
			sleep 0.05
		done`)
	lap(t, i.Machine, "the power is cut")
	if err := i.Close(); err != nil {
		t.Fatal(err)
	}
	journal := onESP(t, target, "mtype", "auto-installer/journal-?.json")
	if !strings.Contains(journal, `"mount"`) || strings.Contains(journal, `"closure"`) {
		t.Errorf("the journal on the disk is\n%s", journal)
	}
	notIn(t, target.Path, passphrase)

	i = liveMachine(t, Config{Name: t.Name() + "-again", Disks: []Disk{target}})
	host := i.host("demo-luks")
	i.write("/run/passphrase", passphrase)
	again := installArgs(host, target, "--resume", "--passphrase-file", "/run/passphrase")
	before := hash(t, target)
	if plan := string(i.mustRun("plan", "--host", host, "--disk", target.ID())); !strings.Contains(plan, "an unfinished install of demo-luks") {
		t.Errorf("the plan does not warn of what was begun:\n%s", plan)
	}
	i.refused(2, "the passphrase does not open", installArgs(host, target, "--resume", "--passphrase-file", i.write("/run/wrong", "incorrect donkey"))...)
	i.letGo()
	if hash(t, target) != before {
		t.Error("the disk was written to")
	}
	written := "sfdisk --dump " + target.ID() + "; cryptsetup luksUUID " + target.ID() + "-part2; blkid -p -o value -s UUID " + target.ID() + "-part1"
	facts := shell(t, i.Machine, written)
	i.mustRun(again...)
	if now := shell(t, i.Machine, written); now != facts {
		t.Errorf("what was done was done again: before\n%s\nafter\n%s", facts, now)
	}
	ran := ""
	for _, e := range i.events() {
		if e.Event == "command" {
			ran += strings.Join(e.Action.Argv, " ") + "\n"
		}
	}
	if regexp.MustCompile(`(?m)luksFormat|luksAddKey|^mkfs|^sfdisk --wipe`).MatchString(ran) || !strings.Contains(ran, "--verify --check-contents --repair") {
		t.Errorf("what ran is\n%s", ran)
	}
	i.letGo()
	i.refused(2, "no unfinished install", again...)
	i.off(target)
	if left := onESP(t, target, "mdir -b", ""); strings.Contains(strings.ToLower(left), "auto-installer") {
		t.Errorf("the journal is still there:\n%s", left)
	}
	i.boots(target, "demo-luks", typed)
}

// begin starts the program in the live system, and does not wait for it.
func (i *installer) begin(args []string) {
	i.t.Helper()
	ctx, cancel := context.WithTimeout(i.t.Context(), Hung)
	defer cancel()
	if _, err := i.Agent.Start(ctx, nil, append([]string{"auto-installer"}, args...)...); err != nil {
		i.t.Fatal(err)
	}
}

// onESP runs a command of mtools on a path of the first partition.
func onESP(t *testing.T, d Disk, command, path string) string {
	t.Helper()
	argv := append(strings.Fields(command), "-i", fmt.Sprintf("%s@@%d", d.Path, 1<<20), "::"+path)
	out, err := exec.CommandContext(t.Context(), argv[0], argv[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%q: %v\n%s", argv, err, out)
	}
	return string(out)
}
