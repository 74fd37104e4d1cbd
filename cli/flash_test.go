package cli

import (
	"bufio"
	"bytes"
	"errors"
	"strings"
	"testing"

	"auto-installer/internal/disk/choice"
	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
	"auto-installer/tasks/flash"
)

func TestChooseStick(t *testing.T) {
	all := []flash.Stick{
		{Path: "/dev/sda", ByID: "/dev/disk/by-id/usb-A", Name: "/dev/sda (Cruzer Blade, serial A, 14.4 GiB, USB)", Verdict: choice.Verdict{Holds: []string{"iso9660 nixos"}}},
		{Path: "/dev/sdb", Name: "/dev/sdb (Ultra\x1b[31m Fit, serial B, 31 GiB, USB)"},
	}
	for _, c := range []struct {
		typed, chosen string
	}{
		{"1\n", "/dev/sda"},
		{" 2 \n", "/dev/sdb"},
		{"0\n", ""},
		{"3\n", ""},
		{"-1\n", ""},
		{"/dev/sda\n", ""},
		{"\n", ""},
		{"1", ""}, // the terminal is gone
	} {
		var out bytes.Buffer
		s, err := chooseStick(all, "a.iso", prompt{bufio.NewReader(strings.NewReader(c.typed)), engine.Shown{W: &out}, true})
		if s.Path != c.chosen || (err == nil) != (c.chosen != "") {
			t.Errorf("%q: %q, %v", c.typed, s.Path, err)
		}
		want := "Disks that can be written to:\n" +
			"  1  /dev/sda (Cruzer Blade, serial A, 14.4 GiB, USB), holds iso9660 nixos\n" +
			"  2  /dev/sdb (Ultra\\e[31m Fit, serial B, 31 GiB, USB), blank\n" +
			"Number of the stick: "
		if out.String() != want {
			t.Errorf("shown was\n%s", out.String())
		}
	}
	for _, sticks := range [][]flash.Stick{nil, all, all[:1]} { // without a terminal, never a choice
		_, err := chooseStick(sticks, "my image.iso", prompt{})
		e, ok := errors.AsType[*sys.Fault](err)
		if !ok || e.Code != 4 || e.Hint == "" {
			t.Errorf("%d sticks: %v", len(sticks), err)
		}
		if len(sticks) > 0 && !strings.Contains(e.Hint, "auto-installer flash 'my image.iso' /dev/disk/by-id/usb-A") {
			t.Errorf("the hint is %s", e.Hint)
		}
	}
}
