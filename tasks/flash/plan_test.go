package flash

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/disk/block/blocktest"
	"auto-installer/internal/disk/choice"
	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
)

// sticks are those of a made-up machine, by serial number.
func sticks(t *testing.T) map[string]Stick {
	t.Helper()
	found := map[string]Stick{}
	for _, s := range choice.Sticks(blocktest.Inventory(t, "sticks")) {
		found[s.Device.Serial] = s
	}
	return found
}

func imageFile(t *testing.T, size int64) Image {
	t.Helper()
	path := filepath.Join(t.TempDir(), "nixos.iso")
	data := make([]byte, 64<<10)
	copy(data[32769:], "CD001")
	if err := errors.Join(os.WriteFile(path, data, 0o600), os.Truncate(path, size)); err != nil {
		t.Fatal(err)
	}
	i, err := Inspect(path)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func stepNames(p *engine.Task) string {
	var names []string
	for _, s := range p.Steps {
		names = append(names, fmt.Sprintf("%s:%v", s.Name, s.Phase))
	}
	return strings.Join(names, " ")
}

func TestPlan(t *testing.T) {
	all, image := sticks(t), imageFile(t, 1<<20)
	for _, c := range []struct {
		flash Request
		steps string
		words []string // in the dry run
	}{
		{
			Request{Image: image, Stick: all["OLDISO"], Eject: true},
			"image:check gate:check write:write verify:prove",
			[]string{"flashing nixos.iso to /dev/sda (Cruzer Blade, serial OLDISO, 14.4 GiB, USB)", "most machines do not start it", "there is no checksum", "eject it"},
		},
		{
			Request{Image: image, Stick: all["MOUNTED"], SHA256: strings.Repeat("Ab", 32)},
			"image:check unmount:check gate:check write:write verify:prove",
			[]string{"$ umount /run/media/ann/PHOTOS/inner\n      $ umount /run/media/ann/PHOTOS\n", strings.Repeat("ab", 32) + " (--sha256)", "read its new partition table"},
		},
		{
			Request{Image: image, Stick: all["MOUNTED"], VerifyOnly: true},
			"image:check verify:prove",
			[]string{"comparing /dev/sdb"},
		},
	} {
		p, err := Plan(c.flash)
		if err != nil {
			t.Fatal(err)
		}
		if got := stepNames(p); got != c.steps {
			t.Errorf("the steps are %s, not %s", got, c.steps)
		}
		var shown bytes.Buffer
		engine.WritePlan(&shown, &p.Plan)
		for _, w := range c.words {
			if !strings.Contains(shown.String(), w) {
				t.Errorf("no %q in\n%s", w, shown.String())
			}
		}
	}
}

func TestFlashPlanRefuses(t *testing.T) {
	all, image := sticks(t), imageFile(t, 1<<20)
	var st unix.Stat_t
	if err := unix.Stat(image.Path, &st); err != nil {
		t.Fatal(err)
	}
	itself := all["OLDISO"]
	itself.Device.Partitions = append(slices.Clone(itself.Device.Partitions), block.Device{DevNo: block.MajorMinor(st.Dev)})
	for _, c := range []struct {
		flash Request
		code  sys.Code
		words string
	}{
		{Request{Image: imageFile(t, 15<<30), Stick: all["OLDISO"]}, sys.CodeMachine, "(15 GiB) does not fit on /dev/sda"},
		{Request{Image: image, Stick: itself}, sys.CodeDisk, "lies on /dev/sda itself"},
		{Request{Image: image, Stick: all["OLDISO"], SHA256: "abc"}, sys.CodeUsage, `"abc" is not a SHA-256`},
	} {
		_, err := Plan(c.flash)
		e, ok := errors.AsType[*sys.Fault](err)
		if !ok || e.Code != c.code || e.Hint == "" || !strings.Contains(e.Cause, c.words) {
			t.Errorf("want %q, got %v", c.words, err)
		}
	}
}

// What was mounted, or turned out to be something else, between the question
// and the first write stops it.
func TestRefusedStick(t *testing.T) {
	inv := blocktest.Inventory(t, "sticks")
	for path, want := range map[string]string{
		"/dev/sda":     "",
		"/dev/mmcblk0": "",
		"/dev/sdb":     "it is mounted at /run/media/ann/PHOTOS/inner, /run/media/ann/PHOTOS",
		"/dev/sdi":     "it is not a stick: neither removable nor on USB (sata)",
		"/dev/sdz":     "it is not there",
	} {
		if got := refusedStick(inv, path); got != want {
			t.Errorf("%s: %q", path, got)
		}
	}
}

// The gate of the plan has all that it needs: whatever disk of that name this
// machine has, it comes to an answer.
func TestFlashGate(t *testing.T) {
	fake, _ := blocktest.Machine(t, "sticks")
	p, err := Plan(Request{Image: imageFile(t, 1<<20), Stick: sticks(t)["OLDISO"]})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range p.Steps {
		if s.Name != "gate" {
			continue
		}
		if err := s.Run(t.Context(), fake); err != nil && sys.AsFault(err).Code != sys.CodeGate {
			t.Error(err)
		}
	}
}
