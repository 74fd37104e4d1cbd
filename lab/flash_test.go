//go:build e2e

package lab

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFlash flashes the live system's own image to another stick, which then boots.
// flash refuses the running system's stick and a disk that is not a stick, and writes to
// neither. A second stick, not marked removable, gets a packed image: once interrupted,
// once complete.
func TestFlash(t *testing.T) {
	t.Parallel()
	system := disk(t, "SYSTEM", NVMe, 512, 1*gib)
	stick := disk(t, "STICK", USBRemov, 512, 1*gib)
	fixed := disk(t, "FIXED", USB, 512, 256<<20)
	i := liveMachine(t, Config{Disks: []Disk{system, stick, fixed}})
	image := i.liveImageFile()
	shell(t, i.Machine, `
		for d in `+system.ID()+` `+stick.ID()+`; do
			printf 'label: gpt\n,500M\n,\n' | sfdisk --quiet $d
			udevadm settle
			mkfs.ext4 -q -L precious $d-part1
		done
		mkdir -p /media/old; mount `+stick.ID()+`-part1 /media/old
		sync`)
	before := hash(t, system)

	i.refused(4, "running system", "flash", image, "/dev/disk/by-id/"+i.stickID(), "--confirm", "yes")
	i.refused(4, "neither removable nor on USB", "flash", image, system.ID(), "--confirm", "yes")
	i.refused(4, "is partition 1 of", "flash", image, stick.ID()+"-part1", "--confirm", "yes")
	i.refused(4, "is mounted at /media/old", "flash", image, stick.ID(), "--confirm", "yes")
	i.refused(2, "not confirmed", "flash", image, stick.ID(), "--unmount")
	i.refused(4, "serial FIXED", "flash", image, "--confirm", "yes")
	lap(t, i.Machine, "refused")

	// On a terminal it offers to unmount.
	i.dialogue("y\nyes\n", []string{"flash", image, stick.ID()},
		"is mounted at /media/old. Unmount it, y or n", "WILL BE ERASED: ext4 precious", "as live.img.sha256 says", " left  writing",
		"the SHA-256 is the image's", "pull it out")
	if got := shell(t, i.Machine, "blockdev --getsize64 "+stick.ID()+" 2>&1 || true"); !strings.Contains(got, "No medium found") {
		t.Errorf("it was not ejected: %s", got)
	}

	i.halfWritten(fixed)
	i.letGo()
	powerOff(t, i.Machine)
	i.untouched()
	if hash(t, system) != before {
		t.Error("flash wrote to a disk that is not a stick")
	}
	i.holdsImage(stick)
	i.startsFrom(stick)
}

// liveImageFile gives the live system a copy of the stick's image, with its checksum.
func (i *installer) liveImageFile() string {
	i.t.Helper()
	path := filepath.Join(i.share, "live.img")
	if _, err := tool(i.t.Context(), "cp", "--sparse=always", i.Image.Stick(), path); err != nil {
		i.t.Fatal(err)
	}
	sum, _ := sum(i.t, path, 0)
	if err := os.WriteFile(path+".sha256", []byte(sum+"  live.img\n"), 0o644); err != nil {
		i.t.Fatal(err)
	}
	return "/lab/live.img"
}

// sum returns the SHA-256 of the first size bytes of a file, or of all of it.
func sum(t *testing.T, path string, size int64) (string, int64) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	var r io.Reader = f
	if size > 0 {
		r = io.LimitReader(f, size)
	}
	n, err := io.Copy(h, r)
	if err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(h.Sum(nil)), n
}

// halfWritten interrupts a flash, and then flashes the same stick.
func (i *installer) halfWritten(d Disk) {
	i.t.Helper()
	shell(i.t, i.Machine, `truncate -s 128M /run/small.img; printf '\125\252' | dd of=/run/small.img bs=1 seek=510 conv=notrunc status=none; zstd -q --rm /run/small.img`)
	events := "/run/auto-installer/flash-" + strings.TrimSpace(shell(i.t, i.Machine, "basename $(readlink "+d.ID()+")")) + "/events.jsonl"
	ctx, cancel := context.WithTimeout(i.t.Context(), Hung)
	defer cancel()
	i.must(i.Throttle(ctx, d, 1<<20)) // so that the interrupt comes before the end
	p, err := i.Agent.Start(ctx, nil, "auto-installer", "flash", "/run/small.img.zst", d.ID(), "--confirm", "yes")
	if err != nil {
		i.t.Fatal(err)
	}
	shell(i.t, i.Machine, `
		for _ in $(seq 3000); do
			grep -qs '"label":"writing"' `+events+` && break
			sleep 0.05
		done
		pkill -INT -x auto-installer`)
	i.must(i.Throttle(ctx, d, 0))
	r, err := p.Wait(ctx)
	if err != nil {
		i.t.Fatal(err)
	}
	all := string(r.Stdout) + string(r.Stderr)
	if r.Exit != 130 || !strings.Contains(all, "is incomplete and unusable") {
		i.t.Errorf("stopped in the middle: exit code %d\n%s", r.Exit, all)
	}
	if got := shell(i.t, i.Machine, "blkid -p "+d.ID()+" || true"); strings.TrimSpace(got) != "" {
		i.t.Errorf("a half-written stick looks like %s", got)
	}
	lap(i.t, i.Machine, "interrupted")

	// The only remaining stick is number 1.
	i.dialogue("1\nyes\n", []string{"flash", "/run/small.img.zst"},
		"Disks that can be written to", "serial FIXED", "It looks blank", "Type yes to continue", "the SHA-256 is the image's")
	if got := shell(i.t, i.Machine, "udevadm settle; ls "+d.ID()+" 2>&1 || true"); !strings.Contains(got, "No such file") {
		i.t.Errorf("the stick is still attached: %s", got)
	}
}

// dialogue runs the program on a terminal with these answers, and searches its output
// for words.
func (i *installer) dialogue(answers string, args []string, words ...string) {
	i.t.Helper()
	i.write("/run/answers", answers)
	shown := shell(i.t, i.Machine, `script -qec "auto-installer `+strings.Join(args, " ")+`" /dev/null </run/answers`)
	for _, w := range words {
		if !strings.Contains(shown, w) {
			i.t.Errorf("no %q in the dialogue", w)
		}
	}
	i.t.Logf("the dialogue:\n%s", strings.ReplaceAll(shown, "\r", "\n"))
	lap(i.t, i.Machine, args[0]+" "+args[1])
}

// holdsImage checks a stick's content from outside of the machine.
func (i *installer) holdsImage(d Disk) {
	i.t.Helper()
	want, size := sum(i.t, i.Image.Stick(), 0)
	if got, _ := sum(i.t, d.Path, size); got != want {
		i.t.Error("the stick does not hold the image")
	}
	data, err := os.ReadFile(d.Path)
	if err != nil {
		i.t.Fatal(err)
	}
	if tail := data[len(data)-(1<<20):]; len(bytes.Trim(tail, "\x00")) > 0 {
		i.t.Error("the end of the stick is not blank")
	}
}

// startsFrom boots a stick and nothing else.
func (i *installer) startsFrom(d Disk) {
	i.t.Helper()
	m := start(i.t, Config{Name: i.Name + "-stick", Image: i.Image, Share: i.share, Disks: []Disk{d}})
	awaitLive(i.t, m)
	got := shell(i.t, m, "lsblk --noheadings --output SERIAL --nodeps $(lsblk --noheadings --paths --output PKNAME $(findmnt --noheadings --output SOURCE /iso))")
	if strings.TrimSpace(got) != d.Serial {
		i.t.Errorf("the live system runs from %q", got)
	}
}
