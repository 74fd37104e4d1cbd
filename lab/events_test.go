//go:build e2e

package lab

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

type event struct {
	Time              time.Time
	Event, Step, Line string
	Action            struct{ Argv []string }
	Error             struct{ Step, Cause, Hint string }
	Exit              *int
	Seconds           float64
}

// undo reports whether the command undoes something; the plan shows those only in words.
func (e event) undo() bool {
	argv := e.Action.Argv
	return argv[0] == "umount" || argv[0] == "swapoff" || argv[0] == "rm" && argv[1] == "-f" ||
		argv[0] == "cryptsetup" && argv[1] == "close"
}

// events returns the events of the newest install.
func (i *installer) events() []event {
	i.t.Helper()
	data, err := i.Agent.ReadFile(i.t.Context(), "/run/auto-installer/events.jsonl")
	if err != nil {
		i.t.Fatal(err)
	}
	var all []event
	for line := range bytes.Lines(data) {
		if !bytes.HasSuffix(line, []byte("\n")) {
			break // the disk was full, or the line is being written
		}
		var e event
		if err := json.Unmarshal(line, &e); err != nil {
			i.t.Fatalf("%v: %s", err, line)
		}
		all = append(all, e)
	}
	return all
}

// timed logs how long the install took until the first write, and in each step.
func (i *installer) timed() {
	i.t.Helper()
	var first time.Time
	source := 0.0
	steps := ""
	for _, e := range i.events() {
		if e.Event == "finished" && e.Seconds >= 0.1 {
			steps += fmt.Sprintf(", %s %.1f s", e.Step, e.Seconds)
		}
		switch {
		case e.Event == "command" && e.Step == "partition" && first.IsZero():
			first = e.Time
		case e.Event == "finished" && e.Step == "source":
			source = e.Seconds
		case e.Event == "ended":
			began := e.Time.Add(-time.Duration(e.Seconds * float64(time.Second)))
			i.t.Logf("from the last answer to the first write %.2f s, and %.1f s for clone and evaluation; of the steps%s",
				first.Sub(began).Seconds()-source, source, strings.TrimPrefix(steps, ","))
		}
	}
}

// planHeld checks that the install ran the commands that the plan showed, in that order.
func (i *installer) planHeld(host string, disk Disk, more ...string) {
	i.t.Helper()
	var plan struct {
		Steps []struct {
			Name    string
			Actions []struct{ Argv []string }
		}
	}
	// After the install the disk has another table, but the same place.
	out := i.mustRun(append([]string{"plan", "--json", "--host", host, "--no-power", "--disk", disk.ID()}, more...)...)
	if err := json.Unmarshal(out, &plan); err != nil {
		i.t.Fatal(err)
	}
	var want, got []string
	for _, s := range plan.Steps {
		for _, a := range s.Actions {
			if len(a.Argv) > 0 {
				want = append(want, s.Name+" "+strings.Join(a.Argv, " "))
			}
		}
	}
	toplevel := ""
	for _, e := range i.events() {
		if line, ok := strings.CutPrefix(e.Line, "toplevel is "); ok {
			toplevel = line
		}
		if e.Event == "command" && !e.undo() {
			got = append(got, e.Step+" "+strings.Join(e.Action.Argv, " "))
		}
	}
	for n, w := range want {
		want[n] = strings.ReplaceAll(w, "<toplevel>", toplevel)
	}
	if !slices.Equal(want, got) {
		i.t.Errorf("planned were\n  %s\nand run were\n  %s", strings.Join(want, "\n  "), strings.Join(got, "\n  "))
	}
}
