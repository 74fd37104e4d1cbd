package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"auto-installer/lab"
)

const (
	demoHost       = "demo-luks"
	demoPassphrase = "correct horse battery staple"
	demoSerial     = "DEMODISK"
)

// demonstration is a running demo and what it has found.
type demonstration struct {
	began time.Time
	dir   string // of the target and the share
	image lab.Image
	disk  lab.Disk
	facts [][2]string
	movie string // file to film the install into, or empty
}

// demo installs an encrypted host by the screens, unattended, boots the installed disk
// alone, and shows what it found.
func demo(ctx context.Context, movie string) (err error) {
	d := &demonstration{began: time.Now(), movie: movie}
	if d.dir, err = os.MkdirTemp("", "lab-demo-"); err != nil {
		return err
	}
	defer os.RemoveAll(d.dir)
	d.say("building auto-installer and the live system that stands in for the NixOS ISO")
	if err := lab.Binary(ctx, d.dir); err != nil {
		return err
	}
	if d.image, err = lab.Build(ctx, os.Stderr); err != nil {
		return err
	}
	path, err := lab.CreateDisk(filepath.Join(d.dir, "target.img"), 5<<30)
	if err != nil {
		return err
	}
	d.disk = lab.Disk{Path: path, Serial: demoSerial, Bus: lab.NVMe}
	for _, part := range []func(context.Context) error{d.install, d.check, d.boot} {
		if err := part(ctx); err != nil {
			return hinted{err, "look at the screenshots and transcripts in lab/out/demo and lab/out/demo-disk"}
		}
	}
	d.note("total", seconds(time.Since(d.began)))
	fmt.Println()
	for _, fact := range d.facts {
		fmt.Printf("  %-16s %s\n", fact[0], fact[1])
	}
	fmt.Println()
	fmt.Println("demo: installed and booted")
	return nil
}

// say prints what the demo does now.
func (d *demonstration) say(format string, args ...any) {
	fmt.Printf("demo: %6s  %s\n", seconds(time.Since(d.began)), fmt.Sprintf(format, args...))
}

// note adds a row to the table at the end.
func (d *demonstration) note(name, value string) { d.facts = append(d.facts, [2]string{name, value}) }

func seconds(t time.Duration) string { return fmt.Sprintf("%.0f s", t.Seconds()) }

// install boots the stick and works the screens.
func (d *demonstration) install(ctx context.Context) (err error) {
	m, err := lab.Start(ctx, lab.Config{
		Name: "demo", Image: d.image, Stick: true, Share: d.dir, Network: lab.GitServer, Disks: []lab.Disk{d.disk},
	})
	if err != nil {
		return err
	}
	defer m.Close()
	d.say("booting it from a USB stick, with a blank NVMe disk (QEMU, %s)", m.Accel)
	live, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	if err := m.AwaitAgent(live); err != nil {
		return err
	}
	if err := lab.GiveHosts(ctx, m, demoHost); err != nil {
		return err
	}
	if _, err := m.RunOn(ctx, "tty1", "linux"); err != nil {
		return err
	}
	o := &lab.Operator{Terminal: lab.VT{Machine: m, Number: 1}, Pictures: true, Patience: 2 * time.Minute}
	d.say("the screens are on its console; from here on the demo uses only its keyboard")
	filmed := make(chan error, 1)
	filming, cut := context.WithCancel(ctx)
	defer cut()
	if d.movie != "" {
		go func() { filmed <- m.Film(filming, d.movie) }()
	} else {
		filmed <- nil
	}
	installing := time.Now()
	for _, scene := range []struct {
		says string
		play func() error
	}{
		{"welcome: checking the machine", func() error { return o.Welcome(ctx) }},
		{"keyboard: trying a German keymap, and back", func() error { return o.TryKeyboard(ctx, "us", "de", "y", "z") }},
		{"disk: choosing the blank one", func() error { return o.ChooseDisk(ctx, demoSerial) }},
		{"plan: reading it", func() error { return o.Plan(ctx) }},
		{"passphrase: mistyping it once", func() error {
			return o.MistypePassphrase(ctx, demoPassphrase, "correct horse battery stable")
		}},
		{"recovery key: reading it, typing its end", func() error { _, err := o.RecoveryKey(ctx); return err }},
		{"confirm: typing a wrong word, then yes", func() error { return o.Confirm(ctx, "Yes") }},
		{"installing", func() error { installing = time.Now(); return o.Watch(ctx) }},
	} {
		d.say("%s", scene.says)
		if err := scene.play(); err != nil {
			return err
		}
	}
	cut() // the movie ends with the screen that says so
	if err := <-filmed; err != nil {
		return err
	}
	d.say("installed; powering off")
	if err := d.look(ctx, m); err != nil {
		return err
	}
	d.note("installed in", seconds(time.Since(installing)))
	if err := o.Press(ctx, "enter"); err != nil {
		return err
	}
	off, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	return m.AwaitOff(off)
}

// look asks the live system, not the installer, what is on the disk now.
func (d *demonstration) look(ctx context.Context, m *lab.Machine) error {
	ask := func(script string) (string, error) {
		out, err := m.Agent.Shell(ctx, "disk=$(readlink -f "+d.disk.ID()+")\n"+script)
		return strings.TrimSpace(out), err
	}
	var errs []error
	note := func(name, script string) {
		out, err := ask(script)
		errs = append(errs, err)
		for i, line := range strings.Split(out, "\n") {
			if i > 0 {
				name = ""
			}
			d.note(name, strings.Join(strings.Fields(line), " "))
		}
	}
	d.note("host", demoHost)
	note("disk", `lsblk --nodeps --noheadings --output PATH,SIZE,MODEL $disk`)
	note("partitions", `lsblk --list --noheadings --output NAME,SIZE,FSTYPE,PARTLABEL $disk | tail -n +2`)
	note("encryption", `cryptsetup luksDump ${disk}p2 | awk '
		/^Version:/ { v = $2 } /PBKDF:/ { k[$2]; n++ } /Cipher:/ { c = $2 }
		END { printf "LUKS%s, %s, %d keys by", v, c, n; for (i in k) printf " %s", i; print "" }'`)
	note("boot loader", `mkdir -p /run/esp; mount -o ro ${disk}p1 /run/esp; trap 'umount /run/esp' EXIT; cd /run/esp
		find EFI -iname '*.efi' -not -path '*/nixos/*' | sort | tr '\n' ' '; cd /`)
	return errors.Join(errs...)
}

// check checks the disk while the machine is off.
func (d *demonstration) check(ctx context.Context) error {
	d.say("checking the disk: sgdisk -v, fsck.fat, luksDump")
	return lab.CheckDisk(ctx, d.disk.Path, 512)
}

// boot starts the installed disk and nothing else.
func (d *demonstration) boot(ctx context.Context) error {
	d.say("booting the disk alone, without the stick")
	m, err := lab.Start(ctx, lab.Config{Name: "demo-disk", Image: d.image, Disks: []lab.Disk{d.disk}, Memory: 2048})
	if err != nil {
		return err
	}
	defer m.Close()
	ctx, cancel := context.WithTimeout(ctx, 4*time.Minute)
	defer cancel()
	if err := m.Console.ExpectString(ctx, "Please enter passphrase"); err != nil {
		return err
	}
	d.say("it asks for the passphrase; typing it")
	if err := m.TypeKeys(ctx, demoPassphrase+"\n"); err != nil {
		return err
	}
	marker, err := m.Console.ExpectMarker(ctx)
	if err != nil {
		return err
	}
	if _, err := m.Screenshot(ctx, "booted"); err != nil {
		return err
	}
	d.say("%s is up", marker.Host)
	if marker.Host != demoHost || marker.Mapper == nil || !marker.BootMounted {
		return fmt.Errorf("the booted system does not match the installed one: %+v", marker)
	}
	d.note("booted", marker.Host+", "+marker.System)
	d.note("root", marker.RootLabel+" on "+marker.RootDevice)
	for _, id := range marker.Identity {
		d.note("age identity", fmt.Sprintf("%s, mode %s in a folder of mode %s", id.Path, id.Mode, id.DirMode))
	}
	d.note("screenshots", "lab/out/demo, lab/out/demo-disk")
	return m.AwaitOff(ctx)
}
