package engine

import (
	"errors"
	"testing"

	"auto-installer/internal/sys"
)

// The progress of a step counts within the step, and never goes back.
func TestOverallWithin(t *testing.T) {
	p := &Plan{Steps: []Step{{Name: "closure", Weight: 50}, {Name: "finish"}}}
	o := Overall{}
	o.Event(Event{Kind: KindPlan, Plan: p})
	o.Event(Event{Kind: KindStarted, Step: "closure"})
	for _, c := range []struct {
		sys.Progress
		percent int
	}{
		{sys.Progress{Done: 0, Total: 100, Unit: "paths"}, 0},
		{sys.Progress{Done: 50, Total: 100, Unit: "paths"}, 49},
		{sys.Progress{Done: 50, Total: 200, Unit: "paths"}, 49},  // the total grows
		{sys.Progress{Done: 0, Total: 10, Unit: "builds"}, 49},   // a second unit
		{sys.Progress{Done: 150, Total: 200, Unit: "paths"}, 49}, // half of 75 % and 0 %
		{sys.Progress{Done: 200, Total: 200, Unit: "paths"}, 49},
		{sys.Progress{Done: 5, Total: 10, Unit: "builds"}, 73},
		{sys.Progress{Done: -5, Total: 10, Unit: "builds"}, 73},
		{sys.Progress{Done: 1 << 62, Total: 1, Unit: "builds"}, 98},
		{sys.Progress{Done: 1, Total: 0, Unit: "builds"}, 98},
		{sys.Progress{Done: 1, Total: -3, Unit: "files"}, 98},
	} {
		o.Event(Event{Kind: KindProgress, Step: "closure", Progress: &c.Progress})
		if got := o.Percent(); got != c.percent {
			t.Errorf("%+v: %d %%, want %d", c.Progress, got, c.percent)
		}
	}
	o.Event(Event{Kind: KindFailed, Step: "closure", Error: sys.AsFault(errors.New("x"))})
	o.Event(Event{Kind: KindEnded, Error: sys.AsFault(errors.New("x"))})
	if o.Percent() == 100 {
		t.Error("a failed install is whole")
	}
	// Events without a plan, or of another version, are ignored.
	var none Overall
	for _, k := range []Kind{KindPlan, KindStarted, KindProgress, KindFinished, KindFailed} {
		none.Event(Event{Kind: k, Step: "x"})
	}
	if none.Part() != 0 {
		t.Errorf("%v", none.Part())
	}
}
