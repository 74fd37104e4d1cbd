//go:build e2e

package lab

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"auto-installer/steps/partition"
)

// TestPowerCut cuts the power while the install copies the system, and boots the machine
// again. The journal on the disk says what was done. The install refuses a passphrase
// that does not open the disk before it writes anything, and resumes with the right one.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	target := disk(t, "TARGET", NVMe, 512, 5*gib)
	i := liveMachine(t, Config{Disks: []Disk{target}})
	i.cutOff(installArgs(i.host("demo-luks"), target, "--passphrase-file", i.write("/run/passphrase", passphrase)))
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
		t.Errorf("the plan does not warn of the unfinished install:\n%s", plan)
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
		t.Errorf("the resumed install repeated finished steps: before\n%s\nafter\n%s", facts, now)
	}
	ran := i.ran()
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

// TestForeignDisk: an earlier owner of a disk can make an unfinished install, root and
// all, from public files. Without a container, --resume does not trust it: it refuses a
// system that is in use, and otherwise writes the whole disk again.
func TestForeignDisk(t *testing.T) {
	t.Parallel()
	target := disk(t, "TARGET", NVMe, 512, 5*gib)
	i := liveMachine(t, Config{Disks: []Disk{target}})
	i.cutOff(installArgs(i.host("demo-swap"), target))
	root := fmt.Sprintf("%s?offset=%d", target.Path, partition.Align+partition.ESPSize)
	const seed, planted, inStore = "/var/lib/systemd/random-seed", "/etc/planted", "/nix/store/0123456789abcdfghijklmnpqrsvwxyz-planted"
	if _, err := tool(t.Context(), "e2fsck", "-p", root); err != nil && !strings.Contains(err.Error(), "exit status 1") { // repaired
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("planted"), 0o600); err != nil {
		t.Fatal(err)
	}
	script := "mkdir /etc\nmkdir /nix\nmkdir /nix/store\nmkdir /var\nmkdir /var/lib\nmkdir /var/lib/systemd\n"
	for _, name := range []string{seed, planted, inStore} {
		script += "write " + file + " " + name + "\n"
	}
	commands := filepath.Join(t.TempDir(), "commands")
	if err := os.WriteFile(commands, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := tool(t.Context(), "debugfs", "-w", "-f", commands, root); err != nil {
		t.Fatal(err)
	}

	i = liveMachine(t, Config{Name: t.Name() + "-again", Disks: []Disk{target}})
	again := installArgs(i.host("demo-swap"), target, "--resume")
	before := hash(t, target)
	i.refused(2, "was started since", again...)
	i.letGo()
	if hash(t, target) != before {
		t.Error("the disk was written to")
	}
	shell(t, i.Machine, "debugfs -w -R 'rm "+seed+"' "+target.ID()+"-part2")
	i.mustRun(again...)
	if ran := i.ran(); !regexp.MustCompile(`(?s)sfdisk --wipe always.*mkfs\.ext4.*path-info --json --recursive --store /mnt`).MatchString(ran) ||
		regexp.MustCompile(`(?m)--check-contents|^e2fsck|^fsck`).MatchString(ran) {
		t.Errorf("what ran is\n%s", ran)
	}
	i.letGo()
	i.off(target)
	for _, name := range []string{planted, inStore} {
		out, err := tool(t.Context(), "debugfs", "-R", "stat "+name, root)
		if err != nil || !strings.Contains(string(out), "File not found") {
			t.Errorf("%s is still there: %v\n%s", name, err, out)
		}
	}
	i.boots(target, "demo-swap", nil)
}

// cutOff starts an install, and cuts the power while it copies the system.
func (i *installer) cutOff(args []string) {
	i.t.Helper()
	i.whileCopying("kill -STOP $copying; touch /run/copying; exec sleep infinity")
	i.cuts(args)
}

// cuts starts an install, and cuts the power when /run/copying is there.
func (i *installer) cuts(args []string) {
	i.t.Helper()
	i.begin(args)
	shell(i.t, i.Machine, `
		until [ -e /run/copying ]; do
			grep -qs '"event":"ended"' /run/auto-installer/events.jsonl && exit 1
			sleep 0.1
		done`)
	lap(i.t, i.Machine, "the power is cut")
	i.must(i.Close())
}

// whileCopying wraps the nix that copies a system to a disk: once its first path has
// arrived, the wrapper runs a script. The process is $copying.
func (i *installer) whileCopying(script string) {
	i.t.Helper()
	i.inTheWay("nix", `
case " $* " in *" build "*" --store /mnt "*) ;; *) exec $real "$@" ;; esac
$real "$@" &
copying=$!
until ls -d /mnt/nix/store/*-* >/dev/null 2>&1 || ! kill -0 $copying; do sleep 0.1; done
`+script+`
wait $copying`)
}

// inTheWay replaces a command of the live system with a script; $real is the command
// itself.
func (i *installer) inTheWay(command, script string) {
	i.t.Helper()
	shell(i.t, i.Machine, "mkdir -p /usr/local/bin; rm -f /usr/local/bin/"+command)
	real := strings.TrimSpace(shell(i.t, i.Machine, "command -v "+command))
	i.write("/usr/local/bin/"+command, "#!/bin/sh\nreal="+real+"\n"+script+"\n")
	shell(i.t, i.Machine, "chmod +x /usr/local/bin/"+command)
}

// ran returns the commands of the last install, a line each.
func (i *installer) ran() (lines string) {
	i.t.Helper()
	for _, e := range i.events() {
		if e.Event == "command" {
			lines += strings.Join(e.Action.Argv, " ") + "\n"
		}
	}
	return lines
}

// begin starts the program in the live system without waiting for it.
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
