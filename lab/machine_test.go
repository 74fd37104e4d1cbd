//go:build e2e

package lab

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

// bootAlone boots the installed disk alone, answers its prompts, and returns what the
// system reports about itself.
func bootAlone(t *testing.T, image Image, name string, disk Disk, dialogue func(context.Context, *Machine) error) Marker {
	t.Helper()
	m := start(t, Config{Name: name, Image: image, Disks: []Disk{disk}, Memory: 2048})
	ctx, cancel := context.WithTimeout(t.Context(), Hung)
	defer cancel()
	if dialogue != nil {
		if err := dialogue(ctx, m); err != nil {
			t.Fatal(err)
		}
	}
	marker, err := m.Console.ExpectMarker(ctx)
	if err != nil {
		t.Fatal(err)
	}
	lap(t, m, "disk booted")
	if _, err := m.Screenshot(ctx, "marker"); err != nil {
		t.Error(err)
	}
	if err := m.AwaitOff(ctx); err != nil {
		t.Error(err)
	}
	return marker
}

func start(t *testing.T, config Config) *Machine {
	t.Helper()
	m, err := Start(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(m.lastSeen())
		}
		m.Close()
	})
	t.Logf("%s runs with %s", config.Name, m.Accel)
	return m
}

// lastSeen returns what the machine's screen and serial line show.
func (m *Machine) lastSeen() string {
	// The test's own context is over.
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	text := fmt.Sprintf("the serial line of %s ends with\n%s\n", m.Name, tail(m.Console.Transcript()))
	if picture, err := m.Screenshot(ctx, "at-failure"); err == nil {
		text += "its screen is in " + picture + "\n"
	}
	if screen, err := (VT{m, 1}).Screen(ctx); err == nil {
		text += "and says\n" + strings.TrimSpace(strings.Join(screen, "\n"))
	}
	return text
}

func awaitLive(t *testing.T, m *Machine) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Hung)
	defer cancel()
	if err := m.AwaitAgent(ctx); err != nil {
		t.Fatal(err)
	}
	lap(t, m, "live")
}

func shell(t *testing.T, m *Machine, script string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Hung)
	defer cancel()
	out, err := m.Agent.Shell(ctx, script)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func powerOff(t *testing.T, m *Machine) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Hung)
	defer cancel()
	if err := m.PowerOff(ctx); err != nil {
		t.Fatal(err)
	}
	lap(t, m, "off")
}

// lap logs what a machine has reached, and the seconds it took: by the clock, and of a
// processor.
func lap(t *testing.T, m *Machine, what string) {
	t.Helper()
	wall, cpu := m.Spent()
	t.Logf("%6.1fs %6.1fs %s", wall.Seconds(), cpu.Seconds(), what)
}
