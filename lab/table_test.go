//go:build e2e

package lab

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// full runs the whole campaign, as `just campaign` does, instead of a small part.
var full = flag.Bool("full", false, "every fault, in every step")

// cell is the outcome of one fault at one place.
type cell struct {
	fault, place string
	outcome      string // in a few words
	failed       bool
}

// table collects the cells of all machines and tests.
type table struct {
	mu    sync.Mutex
	cells []cell
}

// The two halves of the campaign: faults during an install, and faults before it.
var struck, seeded table

func (t *table) add(c cell) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cells = append(t.cells, c)
}

// grid returns the table in Markdown: a row for each place, a column for each fault, both
// in the order given.
func (t *table) grid(places, faults []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| step | %s |\n|---|%s\n", strings.Join(faults, " | "), strings.Repeat("---|", len(faults)))
	for _, place := range places {
		fmt.Fprintf(&b, "| `%s` |", place)
		for _, fault := range faults {
			text := "–"
			if n := slices.IndexFunc(t.cells, func(c cell) bool { return c.fault == fault && c.place == place }); n >= 0 {
				text = t.cells[n].text()
			}
			fmt.Fprintf(&b, " %s |", text)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// list returns the table in Markdown: a row for each cell.
func (t *table) list() string {
	var b strings.Builder
	b.WriteString("| fault | refused in | outcome |\n|---|---|---|\n")
	for _, c := range t.cells {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", c.fault, c.place, c.text())
	}
	return b.String()
}

func (c cell) text() string {
	if c.failed {
		return "**FAILED** " + c.outcome
	}
	return c.outcome
}

func (t *table) count() (passed, failed int) {
	for _, c := range t.cells {
		if c.failed {
			failed++
		} else {
			passed++
		}
	}
	return passed, failed
}

// TestMain writes the table of each half that was run to lab/out.
func TestMain(m *testing.M) {
	code := m.Run()
	err := errors.Join(struck.write("during", struck.grid(stepNames, faultNames)), seeded.write("before", seeded.list()))
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		code = 1
	}
	os.Exit(code)
}

func (t *table) write(half, text string) error {
	if len(t.cells) == 0 {
		return nil
	}
	root, err := Root()
	if err != nil {
		return err
	}
	passed, failed := t.count()
	text += fmt.Sprintf("\n%d passed, %d failed\n", passed, failed)
	return os.WriteFile(filepath.Join(root, "lab/out/campaign-"+half+".md"), []byte(text), 0o644)
}
