package main

import (
	"os/exec"
	"strings"
	"testing"
)

// rooms are the top folders, each above those that it may import: the program,
// its commands, its screens, the install and the build machine's tasks, what
// both stand on, and data.
var rooms = map[string]int{
	"": 6, "cli": 5, "tui": 4, "steps": 3, "tasks": 3, "internal": 2, "hosts": 1, "modules": 1, "secrets": 1,
}

// room is the top folder of one of the program's packages. The lab has none: it
// may import what it tests, and nothing imports it.
func room(pkg string) (name string, ours bool) {
	name, _, _ = strings.Cut(strings.TrimPrefix(strings.TrimPrefix(pkg, "auto-installer"), "/"), "/")
	_, ours = rooms[name]
	return name, ours
}

// allowed tells whether a package of the program may import another.
func allowed(from, to string) bool {
	a, _ := room(from)
	b, ours := room(to)
	if a != b || !ours {
		return ours && rooms[a] > rooms[b]
	}
	// Within a room the compiler keeps imports from going round, and each step
	// stands alone: only the plan knows them all.
	return a != "steps" || from == "auto-installer/steps"
}

func TestLayers(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}}{{range .Imports}} {{.}}{{end}}`, "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		if _, ours := room(words[0]); !ours {
			continue
		}
		seen++
		for _, to := range words[1:] {
			if strings.HasPrefix(to+"/", "auto-installer/") && !allowed(words[0], to) {
				t.Errorf("%s imports %s", words[0], to)
			}
		}
	}
	if seen < 20 {
		t.Errorf("only %d packages were listed", seen)
	}
}

// TestLayersAreTold makes sure that the rules forbid something.
func TestLayersAreTold(t *testing.T) {
	for _, c := range []struct {
		from, to string
		allowed  bool
	}{
		{"", "/cli", true},
		{"/cli", "/tui", true},
		{"/tui", "/steps", true},
		{"/steps", "/steps/mount", true},
		{"/steps/mount", "/internal/sys", true},
		{"/internal/disk/block", "/internal/sys", true},
		{"/internal/agenix", "/secrets", true},
		{"/lab", "/hosts", true},
		{"/steps/mount", "/steps", false},
		{"/steps/mount", "/steps/format", false},
		{"/steps", "/tasks/flash", false},
		{"/tasks/flash", "/steps", false},
		{"/internal/sys", "/steps", false},
		{"/hosts", "/secrets/keys", false},
		{"/secrets", "/internal/sys", false},
		{"/steps", "/tui", false},
		{"/tui", "/cli", false},
		{"/cli", "", false},
		{"/cli", "/lab", false},
	} {
		if _, ours := room("auto-installer" + c.from); !ours {
			continue
		}
		if got := allowed("auto-installer"+c.from, "auto-installer"+c.to); got != c.allowed {
			t.Errorf("auto-installer%s may import auto-installer%s: %t", c.from, c.to, got)
		}
	}
}
