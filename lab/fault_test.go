//go:build e2e

package lab

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// fault is a fault to inject into a step of an install.
type fault struct {
	name  string
	flake bool     // installs a host that is not prebuilt
	usb   bool     // the disk is on USB, else NVMe
	dies  bool     // the disk is behind a server that can make it fail
	cut   bool     // the machine is off afterwards
	hangs bool     // a command hangs, and then the program gets the signal
	slice []string // the steps without -full

	// can reports whether it can happen in a step, spares whether the install may
	// complete all the same.
	can, spares func(step string) bool
	// signal goes to the program; "STOP" stops it for strike.
	signal string
	// arm runs before the install; what it prepares takes effect only in that step.
	arm func(r *rig, step string)
	// holds is a command that waits, in the step, until the fault is there.
	holds map[string]string
	// strike runs while the program is stopped, and mend after its end.
	strike, mend func(r *rig, step string)
}

// id returns the name as one word, for files and tests.
func (f *fault) id() string { return strings.NewReplacer(" ", "-", "/", "").Replace(f.name) }

func after(first string) func(string) bool {
	return func(step string) bool { return slices.Index(stepNames, step) >= slices.Index(stepNames, first) }
}

func everyStep(string) bool { return true }

// tools are commands that the program runs in one step, and in no earlier one.
var tools = map[string]string{
	"partition": "sfdisk", "encrypt": "cryptsetup", "format": "mkfs.ext4", "mount": "mount", "repo": "cp",
	"closure": "nix", "system": "nixos-install", "bootproof": "blkid", "finish": "umount",
}

func runsTool(step string) bool { return tools[step] != "" }

var faults = []*fault{
	{name: "power cut", can: everyStep, signal: "STOP", cut: true, strike: func(r *rig, _ string) { r.cutPower() }},
	{name: "kill -9", can: everyStep, signal: "KILL", slice: []string{"closure"}},
	{name: "SIGINT", can: everyStep, signal: "INT", spares: after("finish")}, // the unmounting completes
	{
		name: "I/O error", dies: true, can: after("gate"), signal: "STOP", slice: []string{"system"},
		strike: func(r *rig, _ string) { r.must(os.WriteFile(r.dying, nil, 0o600)) },
		mend:   func(r *rig, _ string) { r.must(os.Remove(r.dying)) },
		spares: after("finish"), // everything may be on the disk already; the test checks it
	},
	{
		name: "disk full", can: func(step string) bool { return step == "source" || after("repo")(step) }, signal: "STOP",
		strike: (*rig).fill, mend: (*rig).empty,
		spares: func(step string) bool { return step == "source" || after("secretsproof")(step) }, // these steps write only the log
	},
	{
		name: "disk unplugged", usb: true, can: everyStep, signal: "STOP",
		strike: func(r *rig, _ string) { r.must(r.Unplug(r.t.Context(), r.target.Serial)) },
		mend:   (*rig).plug,
		spares: after("finish"),
	},
	{
		name: "network cut", flake: true, can: func(step string) bool { return step != "encrypt" && step != "sshkey" }, signal: "STOP",
		strike: func(r *rig, _ string) { r.must(r.SetLink(r.t.Context(), false)) },
		holds:  map[string]string{"source": "git"},
		spares: after("contract"), // nothing comes over the network after it
		mend:   (*rig).linkUp,
	},
	{name: "command missing", can: runsTool, signal: "CONT", arm: func(r *rig, step string) { r.hide(step, "/dev/null") }, mend: (*rig).show},
	{name: "command hangs", can: runsTool, signal: "INT", hangs: true, arm: func(r *rig, step string) { r.hide(step, r.hanging()) }, mend: (*rig).show},
}

var faultNames = func() (names []string) {
	for _, f := range faults {
		names = append(names, f.name)
	}
	return names
}()

// fill fills the target, or the memory before the target is mounted.
func (r *rig) fill(string) {
	shell(r.t, r.Machine, `
		fill() { dd if=/dev/zero of="$1/filler" bs="$2" oflag=append conv=notrunc status=none 2>/dev/null || true; }
		if ! mountpoint --quiet /mnt; then
			fill /run 64k
			exit
		fi
		fallocate --length $(($(stat --file-system --format '%f*%S' /mnt) - 1048576)) /mnt/filler || true
		fill /mnt 1M
		fill /mnt 512
		fill /mnt/boot 1M
		fill /mnt/boot 512`)
}

// empty frees what fill has filled, as an operator would.
func (r *rig) empty(string) {
	shell(r.t, r.Machine, `
		rm -f /run/filler
		mkdir -p /srv/target
		root=`+r.target.ID()+`-part2
		if cryptsetup isLuks $root 2>/dev/null; then
			cryptsetup open --key-file /run/passphrase $root emptied
			root=/dev/mapper/emptied
		fi
		for part in `+r.target.ID()+`-part1 $root; do
			mount $part /srv/target 2>/dev/null || continue
			rm -f /srv/target/filler
			umount /srv/target
		done
		[ ! -e /dev/mapper/emptied ] || cryptsetup close emptied`)
}

func (r *rig) plug(string) {
	r.must(r.Plug(r.t.Context(), r.target))
	shell(r.t, r.Machine, `
		for _ in $(seq 3000); do [ -e `+r.target.ID()+` ] && break; sleep 0.1; done
		udevadm settle`)
}

func (r *rig) linkUp(string) {
	r.must(r.SetLink(r.t.Context(), true))
	shell(r.t, r.Machine, `for _ in $(seq 3000); do ip route | grep -q 10.0.2 && exit; sleep 0.1; done; exit 1`)
}

// hide replaces a step's tool, wherever PATH has it.
func (r *rig) hide(step, by string) {
	r.armed = fmt.Sprintf("readlink -f $(type -aP %s) | sort -u >/run/hidden; while read -r path; do busybox mount -o bind %s $path; done </run/hidden", tools[step], by)
}

func (r *rig) show(string) {
	shell(r.t, r.Machine, `while read -r path; do busybox umount "$path"; done </run/hidden; rm /run/hidden`)
}

// hanging makes a command that hangs and ignores SIGINT, SIGTERM and SIGHUP.
func (r *rig) hanging() string {
	file := r.write("/run/hanging", "#!/bin/sh\ntrap '' INT TERM HUP\ntouch /run/hangs\nwhile :; do sleep 1; done\n")
	shell(r.t, r.Machine, "chmod +x "+file+"; rm -f /run/hangs")
	return file
}

// hold makes the step's command wait for release, if the fault holds it.
func (r *rig) hold(step string) {
	if command := r.fault.holds[step]; command != "" {
		shell(r.t, r.Machine, "rm -f /run/holding /run/release")
		r.inTheWay(command, "touch /run/holding; until [ -e /run/release ]; do sleep 0.1; done; exec $real \"$@\"")
	}
}

func (r *rig) release(step string) {
	if command := r.fault.holds[step]; command != "" {
		shell(r.t, r.Machine, "touch /run/release; rm /usr/local/bin/"+command)
	}
}

// watcher returns a script for the live system. It waits for the step and a while
// longer, and then sends the signal. It runs what is armed before the last check of the
// disk, with the program stopped meanwhile, and waits until a hanging command hangs.
func (f *fault) watcher(r *rig, step string, wait time.Duration) string {
	then := ""
	if wait > 0 {
		then = fmt.Sprintf("sleep %.2f", wait.Seconds())
	}
	if f.holds[step] != "" {
		then = `until [ -e /run/holding ] || grep -qs '"event":"ended"' $events; do sleep 0.1; done`
	}
	if f.arm != nil {
		step, then = "contract", "kill -STOP $engine\n"+r.armed+"\nkill -CONT $engine"
	}
	if f.hangs {
		then += `
			until [ -e /run/hangs ] || grep -qs '"event":"ended"' $events; do sleep 0.1; done
			sleep 2`
	}
	// As few commands as possible between the event and the signal, for precision.
	return strings.NewReplacer("STEP", step, "THEN", then, "SIGNAL", f.signal).Replace(`
		events=/run/auto-installer/events.jsonl
		mkdir -p /run/auto-installer
		exec 4< <(exec tail -n +1 -F $events 2>/dev/null)
		tail=$!
		seen=$(grep -m 1 -e '"event":"started","step":"STEP"' -e '"event":"ended"' <&4)
		read -r engine </run/auto-installer/lock
		THEN
		[[ $seen == *ended* ]] || ! kill -SIGNAL $engine || echo struck
		kill $tail`)
}
