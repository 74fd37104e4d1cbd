package contract

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
)

// nixCase is a host and its configuration, and what modules/agreement.nix says
// of them; lab/nix-check writes the file, a case a line.
type nixCase struct {
	Name string
	Host struct {
		Labels struct{ EFI, Root, LUKS, Swap string }
		LUKS   struct {
			Enable     bool
			MapperName string
		}
		Swap       struct{ Enable bool }
		Keymap     string
		TargetUser string
		TargetUID  int
	}
	Facts Facts
	Bad   []string
}

// The build of a medium and the program say the same of a host that does not
// fit, as far as no disk has to be looked at.
func TestNixSaysTheSame(t *testing.T) {
	data, err := os.ReadFile("testdata/nix.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	differing := 0
	for line := range strings.Lines(string(data)) {
		var c nixCase
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatal(err)
		}
		h := c.Host
		made := Made{
			ESP: h.Labels.EFI, Root: h.Labels.Root, LUKS: h.Labels.LUKS, Swap: h.Labels.Swap,
			RandomSwap: h.LUKS.Enable && h.Swap.Enable, Keymap: h.Keymap,
			User: h.TargetUser, UID: h.TargetUID, Home: "/home/" + h.TargetUser,
		}
		if h.LUKS.Enable {
			made.Mapper = h.LUKS.MapperName
		}
		// What is not made is on another disk: only the program could tell.
		got := compare(made, &c.Facts, func(reference) place { return attached })
		var bad, fixes []string
		for _, b := range c.Bad {
			problem, fix, _ := strings.Cut(b, "; to fix it, ")
			bad = append(bad, problem)
			if !slices.Contains(fixes, fix) {
				fixes = append(fixes, fix)
			}
		}
		if !slices.Equal(got.bad, bad) || !slices.Equal(got.fixes, fixes) {
			t.Errorf("%s: the program says\n%q\n%q\nNix says\n%q\n%q", c.Name, got.bad, got.fixes, bad, fixes)
		}
		differing += len(bad)
	}
	if differing < 20 {
		t.Errorf("only %d differences", differing)
	}
}
