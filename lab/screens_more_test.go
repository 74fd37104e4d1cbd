//go:build e2e

package lab

import (
	"context"
	"regexp"
	"strings"
	"testing"
)

// TestScreensSerial, screens (b): over the serial line, which has no size of its own,
// from the flake on the git server.
func TestScreensSerial(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	target := disk(t, "TARGET", NVMe, 512, 5*gib)
	i := liveMachine(t, Config{Network: GitServer, Disks: []Disk{target}})
	shell(t, i.Machine, "stty -F /dev/ttyS0 rows 0 cols 0")
	o := &Operator{Terminal: NewSerial(i.Machine), Pictures: true}
	i.screensOn("ttyS0", "vt220", "--host", "demo")
	i.must(do(o.at(ctx, "Welcome"), o.see(ctx, "10.0.2."))) // the network check shows the address
	i.must(o.Welcome(ctx))
	if size := shell(t, i.Machine, "stty -F /dev/ttyS0 size"); strings.TrimSpace(size) != "24 80" {
		t.Errorf("the serial line is %q", size)
	}
	i.must(o.Keyboard(ctx))
	i.must(o.ChooseDisk(ctx, "TARGET"))
	i.must(o.Plan(ctx))
	i.must(o.at(ctx, "Confirm")())
	i.must(i.Console.Type("\x1b[200~yes\x1b[201~")) // as a terminal pastes
	i.must(do(o.see(ctx, "past"), o.press(ctx, "enter")))
	i.must(o.Confirm(ctx, "y"))
	i.must(o.Watch(ctx))
	lap(t, i.Machine, "done")
	i.timed()
	i.letGo()
	i.ends(o, target)
	i.boots(target, "demo", nil)
}

// TestScreensGuards, screens (c): guards against operator errors. Nothing is written.
func TestScreensGuards(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	target := disk(t, "TARGET", NVMe, 512, 5*gib)
	data := disk(t, "DATA", VirtioBlk, 512, 6*gib)
	i := liveMachine(t, Config{Network: Unplugged, Disks: []Disk{target, data}})
	shell(t, i.Machine, `
		printf 'label: gpt\n,1G,U\n,2G\n,1G\n' | sfdisk --quiet `+data.ID()+`
		udevadm settle
		mkfs.vfat -n WINDOWS `+data.ID()+`-part1 >/dev/null
		mkfs.ext4 -q -L photos `+data.ID()+`-part2
		sync`)
	before := []string{hash(t, target), hash(t, data)}
	i.must(GiveHosts(ctx, i.Machine, "demo", "demo-luks"))
	o := i.operator()

	// Of two hosts, the first needs a network, which appears with the cable.
	i.must(do(o.at(ctx, "Welcome"), o.see(ctx, "demo-luks"), o.shot(ctx, "welcome-hosts"), o.press(ctx, "enter")))
	i.must(o.Keyboard(ctx))
	i.must(do(o.at(ctx, "Network"), o.complains(ctx), o.shot(ctx, "network")))
	i.must(i.SetLink(ctx, true))
	i.must(do(o.at(ctx, "Disk"), o.see(ctx, "DATA")))

	// Back to the first screen, for the other host.
	i.must(do(o.press(ctx, "esc"), o.at(ctx, "Keyboard"), o.press(ctx, "esc"), o.at(ctx, "Welcome"), o.press(ctx, "down", "enter")))
	i.must(o.Keyboard(ctx))
	i.must(o.ChooseDisk(ctx, "DATA"))
	i.must(do(o.planned(ctx), o.press(ctx, "esc")))
	i.must(o.ChooseDisk(ctx, "TARGET"))
	i.must(o.Plan(ctx))
	i.must(do(o.at(ctx, "Passphrase"), o.press(ctx, "enter"), o.complains(ctx)))
	i.must(o.MistypePassphrase(ctx, passphrase, strings.ToUpper(passphrase)))
	_, err := o.RecoveryKey(ctx)
	i.must(err)

	// Back to the disk and forward again: every answer is kept.
	i.must(do(o.at(ctx, "Confirm"), o.press(ctx, "esc"),
		o.at(ctx, "Recovery"), o.see(ctx, "will be added"), o.shot(ctx, "recovery-kept"), o.press(ctx, "esc"),
		o.at(ctx, "Passphrase"), o.see(ctx, strings.Repeat("*", len(passphrase))), o.press(ctx, "esc"),
		o.planned(ctx), o.press(ctx, "esc"), o.at(ctx, "Disk")))
	screen, err := o.Screen(ctx)
	i.must(err)
	if row, _ := chosen(screen); !strings.Contains(row, "TARGET") {
		t.Errorf("the cursor is on %q", row)
	}
	i.must(do(o.press(ctx, "enter"), o.planned(ctx), o.press(ctx, "enter"), o.at(ctx, "Passphrase"), o.press(ctx, "enter", "enter"),
		o.at(ctx, "Recovery"), o.press(ctx, "enter"), o.at(ctx, "Confirm")))

	// Only the word yes opens the gate, and not for a disk that was replaced.
	for _, wrong := range []string{"", "y", "YES", "yes please", " yes"} {
		i.must(do(o.types(ctx, wrong), o.press(ctx, "enter"), o.see(ctx, "type the word yes"), o.at(ctx, "Confirm")))
	}
	i.must(o.Type(ctx, "yes"))
	i.must(i.Unplug(ctx, "TARGET"))
	i.must(do(o.at(ctx, "Disk"), o.see(ctx, "gone"), o.see(ctx, "DATA"), o.shot(ctx, "disk-gone"), o.press(ctx, "ctrl+l"), o.see(ctx, "gone")))
	if running := shell(t, i.Machine, "pgrep -a -f '[a]uto-installer install' || ls /run/auto-installer 2>/dev/null || true"); running != "" {
		t.Errorf("an install was started:\n%s", running)
	}
	i.must(do(o.press(ctx, "ctrl+c"), o.see(ctx, "quit"), o.shot(ctx, "quit"), o.press(ctx, "q")))
	powerOff(t, i.Machine)
	i.untouched()
	for n, d := range []Disk{target, data} {
		if hash(t, d) != before[n] {
			t.Errorf("%s was written to", d.Serial)
		}
	}
}

// left waits until the screen of that name is gone.
func (o *Operator) left(ctx context.Context, name string) func() error {
	return func() error {
		_, err := o.Await(ctx, "the end of the screen "+name, func(screen []string) bool { return !strings.Contains(screen[0], name) })
		return err
	}
}

// TestScreensReattach, screens (d): the screens are killed during the install, and new
// ones take over. There is one install. When that is killed too, the next one finds the
// disk unmounted, resumes, and completes.
func TestScreensReattach(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	target := disk(t, "TARGET", NVMe, 4096, 5*gib)
	i := liveMachine(t, Config{Disks: []Disk{target}})
	host := i.write("/run/waits.toml", "extraPostMountCommands = [\"until [ -e /run/go-on ]; do sleep 0.1; done\"]\n"+i.hostTOML("demo-swap"))
	unit := i.screensOn("tty1", "linux", "--host", host)
	o := &Operator{Terminal: VT{i.Machine, 1}, Pictures: true}
	i.must(o.Welcome(ctx))
	i.must(o.Keyboard(ctx))
	i.must(o.ChooseDisk(ctx, "TARGET"))
	i.must(do(o.planned(ctx), o.press(ctx, "enter")))
	i.must(o.Yes(ctx))
	i.must(o.done(ctx, "format")())
	engine := i.engine()

	// A second console shows the same install beside the first.
	i.screensOn("tty2", "linux", "--host", host)
	second := &Operator{Terminal: VT{i.Machine, 2}}
	i.must(do(second.at(ctx, "Install"), second.done(ctx, "preflight"), second.done(ctx, "format")))

	shell(t, i.Machine, `
		systemctl kill --kill-whom=main --signal=KILL `+unit+`
		while systemctl --quiet is-active `+unit+`; do sleep 0.1; done`)
	if now := i.engine(); now != engine {
		t.Fatalf("the install was process %s and is now %s", engine, now)
	}
	i.screensOn("tty1", "linux", "--host", host)
	i.must(do(o.at(ctx, "Install"), o.done(ctx, "preflight"), o.done(ctx, "format"), o.shot(ctx, "reattached")))
	if now := i.engine(); now != engine {
		t.Errorf("the install was process %s and is now %s", engine, now)
	}

	shell(t, i.Machine, "kill -KILL "+engine)
	startOver := func() error { return o.choose(ctx, regexp.MustCompile("^Start over"), "down") }
	i.must(do(o.at(ctx, "Failed"), o.see(ctx, "killed from outside"), o.shot(ctx, "killed"), startOver, o.press(ctx, "enter"), o.left(ctx, "Failed")))
	i.must(o.Welcome(ctx))
	i.letGo()
	i.must(o.Keyboard(ctx))
	i.must(o.ChooseDisk(ctx, "TARGET"))
	i.must(do(o.at(ctx, "Unfinished"), o.shot(ctx, "unfinished"), o.press(ctx, "enter"), o.planned(ctx), o.press(ctx, "enter")))
	i.must(o.Yes(ctx))
	if now := i.engine(); now == engine {
		t.Errorf("the install is still process %s", now)
	}
	i.must(do(second.left(ctx, "Failed"), second.at(ctx, "Install"), second.done(ctx, "format")))
	shell(t, i.Machine, "touch /run/go-on")
	i.must(do(o.at(ctx, "Done"), o.press(ctx, "space"), o.shot(ctx, "done"), second.at(ctx, "Done")))
	lap(t, i.Machine, "done")
	i.timed()
	plans := 0
	for _, e := range i.events() {
		if e.Event == "plan" {
			plans++
		}
	}
	if plans != 1 {
		t.Errorf("%d installs in the events", plans)
	}
	i.letGo()
	i.ends(o, target)
	i.boots(target, "demo-swap", nil)
}

// TestScreensRetry, screens (e): a step fails. The operator saves the log, fixes the fault
// in the rescue shell, and resumes the install.
func TestScreensRetry(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	target := disk(t, "TARGET", VirtioBlk, 512, 5*gib)
	stick := disk(t, "LOGSTICK", USBRemov, 512, gib/4)
	i := liveMachine(t, Config{Disks: []Disk{target, stick}})
	shell(t, i.Machine, "mkfs.vfat -I -n KEEPLOGS "+stick.ID()+" >/dev/null; udevadm settle")
	host := i.write("/run/fails.toml", "extraPostMountCommands = [\"test -e /run/mended || { echo 'the lab is broken'; exit 3; }\"]\n"+i.hostTOML("demo-luks"))
	o := i.operator("--host", host)
	i.must(o.Welcome(ctx))
	i.must(o.Keyboard(ctx))
	i.must(o.ChooseDisk(ctx, "TARGET"))
	i.must(do(o.planned(ctx), o.press(ctx, "enter")))
	i.must(o.Passphrase(ctx, passphrase))
	recovery, err := o.RecoveryKey(ctx)
	i.must(err)
	i.must(o.Yes(ctx))
	i.must(do(o.at(ctx, "Failed"), o.see(ctx, "the lab is broken"), o.shot(ctx, "failed")))
	lap(t, i.Machine, "failed")
	i.letGo()
	written := `sfdisk --dump ` + target.ID() + `; cryptsetup luksUUID ` + target.ID() + `-part2
		blkid -p -o value -s UUID ` + target.ID() + `-part1`
	facts := shell(t, i.Machine, written)

	row := func(name string) func() error {
		return func() error { return o.choose(ctx, regexp.MustCompile(`^`+name), "down") }
	}
	i.must(do(row("Save the log"), o.press(ctx, "enter"), o.see(ctx, "KEEPLOGS"),
		func() error { return o.choose(ctx, regexp.MustCompile("KEEPLOGS"), "down") },
		o.shot(ctx, "save-where"), o.press(ctx, "enter"), o.see(ctx, "saved as"), o.shot(ctx, "saved")))
	saved := shell(t, i.Machine, `
		mkdir -p /srv/stick; mount -o ro `+stick.ID()+` /srv/stick
		find /srv/stick -type f; find /srv/stick -type f -exec cat {} +
		umount /srv/stick`)
	if !strings.Contains(saved, "the lab is broken") || !strings.Contains(saved, `"event":"failed"`) {
		t.Errorf("saved on the stick:\n%s", saved)
	}

	i.must(do(row("Rescue shell"), o.press(ctx, "enter"), o.see(ctx, "rescue shell"), o.see(ctx, "# "), o.shot(ctx, "rescue"),
		o.types(ctx, "touch /run/mended\n"), o.types(ctx, "exit\n"),
		o.at(ctx, "Failed"), o.shot(ctx, "failed-again")))
	shell(t, i.Machine, "test -e /run/mended")
	i.must(do(row("Try again"), o.press(ctx, "enter"), o.left(ctx, "Failed"), o.at(ctx, "Done"), o.press(ctx, "space"), o.shot(ctx, "done")))
	lap(t, i.Machine, "done")
	i.timed()
	if now := shell(t, i.Machine, written); now != facts {
		t.Errorf("the resumed install repeated finished steps: before\n%s\nafter\n%s", facts, now)
	}
	for _, e := range i.events() {
		if e.Event == "command" && regexp.MustCompile(`luksFormat|luksAddKey|^mkfs|^wipefs`).MatchString(strings.Join(e.Action.Argv, " ")) {
			t.Errorf("again: %q", e.Action.Argv)
		}
	}
	i.secretless(map[string]string{"log on the stick": saved}, passphrase, recovery)
	i.ends(o, target)
	m := i.boots(target, "demo-luks", func(ctx context.Context, m *Machine) error {
		if err := m.Console.ExpectString(ctx, "Please enter passphrase"); err != nil {
			return err
		}
		return m.Console.Type(recovery + "\r")
	})
	if m.Mapper == nil {
		t.Errorf("the marker is %+v", m)
	}
}

// hostTOML returns the definition of a host.
func (i *installer) hostTOML(name string) string {
	i.t.Helper()
	text, err := HostTOML(name)
	i.must(err)
	return text
}
