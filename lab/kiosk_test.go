//go:build e2e

package lab

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// TestKiosk runs the installer's own units, from modules/kiosk.nix: the screens are on
// tty1 and on the serial line and always restart, tty2 is a shell, tty3 the log, tty1
// never shows a prompt, and two consoles that say yes at once install once.
func TestKiosk(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	target := disk(t, "TARGET", NVMe, 512, 5*gib)
	i := liveMachine(t, Config{Kiosk: true, Disks: []Disk{target}})
	watch := i.watchesTTY1()
	first := &Operator{Terminal: VT{i.Machine, 1}, Pictures: true}
	second := &Operator{Terminal: NewSerial(i.Machine)}

	// The screens start by themselves, with every known host.
	i.must(do(first.at(ctx, "Welcome"), first.see(ctx, "Which host"), first.shot(ctx, "booted"), second.at(ctx, "Welcome")))
	lap(t, i.Machine, "on tty1")

	// A medium with an invalid host shows the error until it is fixed.
	definition := i.hostsDir("waits")
	i.write(definition, "targetHosts = \"demo\"\n")
	i.killed("auto-installer.service")
	i.must(do(first.see(ctx, "error: ", "targetHosts", "hint: ", "rescue shell is on tty2"), first.shot(ctx, "bad-host")))

	// Killed, the screens restart, and show the host that the medium now names.
	i.write(definition, "extraPostMountCommands = [\"until [ -e /run/go-on ]; do sleep 0.1; done\"]\n"+i.hostTOML("demo-swap"))
	one := func(screen []string) bool { return Shows(screen, "demo-swap") && !Shows(screen, "Which host") }
	for unit, o := range map[string]*Operator{"auto-installer.service": first, "serial-getty@ttyS0.service": second} {
		i.killed(unit)
		_, err := o.Await(ctx, "the one host on "+unit, one)
		i.must(err)
	}
	lap(t, i.Machine, "back again")

	// Ctrl+C asks what to do with the machine; the shell is on another console.
	i.must(do(first.press(ctx, "ctrl+c"), first.see(ctx, "Leave the installer", "power off", "restart"),
		first.press(ctx, "q", "ctrl+c"), first.see(ctx, "Leave the installer"), first.shot(ctx, "leave"), first.press(ctx, "c")))
	i.shows("tty2")
	rescue := &Operator{Terminal: VT{i.Machine, 2}, Pictures: true, taken: 100}
	i.must(do(rescue.see(ctx, "rescue shell", "# "), rescue.types(ctx, "id -un; tty; echo $((6*7)) $TERM\n"),
		rescue.see(ctx, "root /dev/tty2 42 linux"), rescue.shot(ctx, "tty2"), rescue.types(ctx, "exit\n")))
	i.switches(3)
	log := &Operator{Terminal: VT{i.Machine, 3}, Pictures: true, taken: 200}
	i.must(log.see(ctx, "waiting for an install")())
	i.switches(2)
	i.must(rescue.see(ctx, "rescue shell", "# ")()) // again
	i.switches(1)
	i.must(do(first.at(ctx, "Welcome"), first.see(ctx, "firmware")))
	lap(t, i.Machine, "consoles")

	// Both consoles are ready to say yes.
	for _, o := range []*Operator{first, second} {
		i.must(do(o.press(ctx, "enter"), o.at(ctx, "Keyboard"), o.press(ctx, "enter"), o.at(ctx, "Disk"), o.see(ctx, "TARGET"),
			o.press(ctx, "enter"), o.planned(ctx), o.press(ctx, "enter"), o.at(ctx, "Confirm"), o.types(ctx, "yes")))
	}
	i.must(do(second.press(ctx, "enter"), first.press(ctx, "enter")))
	for _, o := range []*Operator{first, second} {
		i.must(do(o.at(ctx, "Install"), o.done(ctx, "format")))
	}
	engine := i.engine()

	// Killed during the install: it continues, and the screens show it from its start.
	i.killed("auto-installer.service")
	i.must(do(first.at(ctx, "Install"), first.done(ctx, "preflight"), first.done(ctx, "format"), first.shot(ctx, "reattached"),
		first.press(ctx, "ctrl+c"), first.see(ctx, "Stop the install"), first.press(ctx, "p", "r", "q"),
		first.see(ctx, "Stop the install"), first.shot(ctx, "stop"), first.press(ctx, "esc")))
	i.must(i.Press(ctx, "ctrl", "alt", "f3"))
	i.must(do(log.see(ctx, "mkswap"), log.shot(ctx, "tty3")))
	i.must(i.Press(ctx, "ctrl", "alt", "f1"))
	if now := i.engine(); now != engine {
		t.Errorf("the install was process %s and is now %s", engine, now)
	}
	lap(t, i.Machine, "reattached")
	shell(t, i.Machine, "touch /run/go-on")
	i.must(do(first.at(ctx, "Done"), first.press(ctx, "space"), first.shot(ctx, "done"), second.at(ctx, "Done")))
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
	i.neverPrompted(watch)
	i.ends(first, target)
}

// hostsDir makes the folder of a host on a medium, and returns its definition's path.
func (i *installer) hostsDir(name string) string {
	i.t.Helper()
	dir := "/etc/auto-installer/hosts/" + name
	shell(i.t, i.Machine, "mkdir -p "+dir)
	return dir + "/host.toml"
}

// killed kills the main process of a unit with SIGKILL, and waits until systemd has
// started another one.
func (i *installer) killed(unit string) {
	i.t.Helper()
	shell(i.t, i.Machine, `
		was=$(systemctl show --value --property MainPID `+unit+`)
		kill -9 "$was"
		for _ in $(seq 3000); do
			now=$(systemctl show --value --property MainPID `+unit+`)
			[[ $now != 0 && $now != "$was" && $(readlink /proc/$now/exe) == /lab/auto-installer ]] && exit
			sleep 0.1
		done
		systemctl status `+unit+` >&2; exit 1`)
}

// shows waits until a virtual console is in front.
func (i *installer) shows(tty string) {
	i.t.Helper()
	shell(i.t, i.Machine, `
		for _ in $(seq 3000); do
			now=$(cat /sys/class/tty/tty0/active)
			[[ $now == `+tty+` ]] && exit
			sleep 0.1
		done
		echo "$now is shown, not `+tty+`" >&2; exit 1`)
}

// switches goes to another console with Ctrl+Alt+F-key. The kernel does not switch to a
// closed console, as one is for a moment while its unit restarts, so switches presses the
// keys again.
func (i *installer) switches(to int) {
	i.t.Helper()
	tty := fmt.Sprintf("tty%d", to)
	for range 10 {
		i.must(i.Press(i.t.Context(), "ctrl", "alt", fmt.Sprintf("f%d", to)))
		now := shell(i.t, i.Machine, `
			for _ in $(seq 20); do
				now=$(cat /sys/class/tty/tty0/active)
				[[ $now == `+tty+` ]] && break
				sleep 0.1
			done
			echo "$now"`)
		if strings.TrimSpace(now) == tty {
			return
		}
	}
	i.t.Fatalf("the keys do not switch to %s", tty)
}

// watchesTTY1 records what tty1 shows, twice a second, in a file of the live system.
func (i *installer) watchesTTY1() string {
	i.t.Helper()
	// Without external commands: they would cost more than the installer.
	i.write("/run/watch", `
		exec 9<> <(:)
		while :; do
			mapfile -d "" -t parts </dev/vcs1
			screen=${parts[*]}
			for ((at = 0; at < ${#screen}; at += 80)); do echo "${screen:at:80}"; done
			read -r -t 0.5 -u 9
		done >/run/watch-tty1`)
	shell(i.t, i.Machine, "systemd-run --quiet --unit=watch-tty1 --setenv=LC_ALL=C bash /run/watch")
	return "/run/watch-tty1"
}

// prompted matches a login, or the prompt of a waiting shell.
var prompted = regexp.MustCompile(`(?m)\blogin:|\bPassword:|^\S*[#$] *$`)

// neverPrompted checks that tty1 never showed a login or a shell.
func (i *installer) neverPrompted(watched string) {
	i.t.Helper()
	ctx, cancel := context.WithTimeout(i.t.Context(), Hung)
	defer cancel()
	data, err := i.Agent.ReadFile(ctx, watched)
	i.must(err)
	text := string(data)
	if n := strings.Count(text, "auto-installer"); n < 50 {
		i.t.Errorf("tty1 was recorded only %d times", n)
	}
	if at := prompted.FindStringIndex(text); at != nil {
		i.t.Errorf("tty1 showed a prompt:\n%s", text[max(0, at[0]-2000):at[1]])
	}
	if got := shell(i.t, i.Machine, "systemctl show --value --property ExecMainStartTimestampMonotonic getty@tty1.service"); strings.TrimSpace(got) != "0" {
		i.t.Errorf("a login was started on tty1: %q", got)
	}
	// The same pattern finds the prompt on tty2.
	rescue, err := VT{i.Machine, 2}.Screen(ctx)
	i.must(err)
	if !prompted.MatchString(strings.Join(rescue, "\n")) {
		i.t.Errorf("tty2 has no prompt:\n%s", strings.Join(rescue, "\n"))
	}
}
