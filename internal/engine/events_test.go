package engine

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"auto-installer/internal/sys"
)

// No line is lost, whatever their number and writers.
func TestLogIsComplete(t *testing.T) {
	p := newPaths(t)
	e := open(t, p)
	const writers, lines = 8, 25_000
	err := e.Run(t.Context(), testPlan(t, doing("talk", false, func(_ context.Context, s sys.System) error {
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := range lines {
					s.Log(fmt.Sprintf("w%d %d", w, i))
				}
			})
		}
		wg.Wait()
		return nil
	})))
	if err := e.Close(err); err != nil {
		t.Fatal(err)
	}
	count := func(name string, text func(string) string) {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		next := map[int]int{}
		total := 0
		for s := bufio.NewScanner(f); s.Scan(); {
			of, number, _ := strings.Cut(text(s.Text()), " ")
			w, err := strconv.Atoi(strings.TrimPrefix(of, "w"))
			i, err2 := strconv.Atoi(strings.TrimRight(number, `"}`))
			if err != nil || err2 != nil {
				continue
			}
			if i != next[w] {
				t.Fatalf("%s: writer %d wrote %d when %d was next", name, w, i, next[w])
			}
			next[w]++
			total++
		}
		if total != writers*lines {
			t.Errorf("%s has %d lines, want %d", name, total, writers*lines)
		}
	}
	count(p.Log, func(l string) string {
		if f := strings.SplitN(l, " ", 3); len(f) == 3 {
			return strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(f[2]), "talk"))
		}
		return ""
	})
	count(p.Events, func(l string) string {
		_, line, _ := strings.Cut(l, `"line":"`)
		return line
	})
}

// Progress events come at most every 100 ms, and the last one always comes.
func TestThrottleKeepsTheLast(t *testing.T) {
	p := newPaths(t)
	e := open(t, p)
	const n = 5000
	err := e.Run(t.Context(), testPlan(t,
		doing("fast", false, func(_ context.Context, s sys.System) error {
			for i := range n {
				s.Progress(sys.Progress{Done: int64(i + 1), Total: n, Unit: "paths"})
			}
			return nil
		}),
		doing("next", false, func(_ context.Context, s sys.System) error {
			s.Progress(sys.Progress{Done: 1, Total: 1, Unit: "builds"})
			return errors.New("fails")
		})))
	if e.Close(err) == nil {
		t.Fatal("no error")
	}
	last, count := map[string]sys.Progress{}, 0
	for _, e := range events(t, p) {
		if e.Kind == KindProgress {
			last[string(e.Step)] = *e.Progress
			count++
		}
	}
	if last["fast"].Done != n || last["next"].Unit != "builds" {
		t.Errorf("%+v", last)
	}
	if count > n/10 {
		t.Errorf("%d progress events", count)
	}
}
