package steps

import (
	"errors"
	"slices"
	"testing"
)

// told follows an install of a plan: each step, and within some its progress. It
// returns the percentage at the start of each step.
func told(t *testing.T, p *Plan, within map[string][]Progress) map[string]int {
	t.Helper()
	var o Overall
	at := map[string]int{}
	last := -1.
	tell := func(e Event) {
		t.Helper()
		o.Event(e)
		if o.Part() < last || o.Part() >= 1 && e.Kind != KindEnded || o.Percent() > 99 && e.Kind != KindEnded {
			t.Fatalf("%s %s: %v after %v", e.Kind, e.Step, o.Part(), last)
		}
		last = o.Part()
	}
	tell(Event{Kind: KindPlan, Plan: p})
	for _, s := range p.Steps {
		tell(Event{Kind: KindStarted, Step: s.Name})
		at[s.Name] = o.Percent()
		for _, pr := range within[s.Name] {
			tell(Event{Kind: KindProgress, Step: s.Name, Progress: &pr})
		}
		tell(Event{Kind: KindFinished, Step: s.Name})
	}
	tell(Event{Kind: KindEnded})
	if o.Percent() != 100 {
		t.Errorf("%d %% at the end", o.Percent())
	}
	return at
}

// The copy is most of the work: it does not begin late, and what comes before
// it is little.
func TestOverallWeighsWork(t *testing.T) {
	all := answers(t)
	for name, most := range map[string]int{"plain": 15, "swap": 15, "pinned": 15, "luks": 20, "luks-swap": 20, "prebuilt": 25, "medium": 25} {
		p, err := InstallPlan(all[name], DefaultPaths())
		if err != nil {
			t.Fatal(err)
		}
		at := told(t, p, map[string][]Progress{
			"closure":   {{Done: 0, Total: 1, Unit: "builds"}, {Done: 0, Total: 900, Unit: "paths"}, {Done: 450, Total: 900, Unit: "paths"}, {Done: 400, Total: 1200, Unit: "paths"}, {Done: 3, Total: 9, Unit: "builds"}},
			"bootproof": {{Done: 1, Total: 13, Unit: "checks"}, {Done: 99, Total: 100, Unit: "paths"}},
		})
		if at["closure"] > most || at["closure"] == 0 || at["system"]-at["closure"] < 45 {
			t.Errorf("%s: the copy is from %d %% to %d %%", name, at["closure"], at["system"])
		}
	}
}

// What an earlier install has done is little work now.
func TestOverallOfResumed(t *testing.T) {
	a := answers(t)["prebuilt"]
	p, err := InstallPlan(a, DefaultPaths())
	if err != nil {
		t.Fatal(err)
	}
	fresh := told(t, p, nil)
	for i, s := range p.Steps {
		if s.again != nil {
			p.Steps[i] = s.again(s)
		}
	}
	again := told(t, p, nil)
	if again["closure"] >= fresh["closure"] {
		t.Errorf("the copy begins at %d %%, and at %d %% in a new install", again["closure"], fresh["closure"])
	}
}

// Within a step it goes by the step's own progress, and never back.
func TestOverallWithin(t *testing.T) {
	p := &Plan{Mode: modePrebuilt, Steps: []Step{{Name: "closure"}, {Name: "finish"}}}
	o := Overall{}
	o.Event(Event{Kind: KindPlan, Plan: p})
	o.Event(Event{Kind: KindStarted, Step: "closure"})
	for _, c := range []struct {
		Progress
		percent int
	}{
		{Progress{Done: 0, Total: 100, Unit: "paths"}, 0},
		{Progress{Done: 50, Total: 100, Unit: "paths"}, 49},
		{Progress{Done: 50, Total: 200, Unit: "paths"}, 49},  // more was found
		{Progress{Done: 0, Total: 10, Unit: "builds"}, 49},   // and something to build
		{Progress{Done: 150, Total: 200, Unit: "paths"}, 49}, // half of 75 % and 0 %
		{Progress{Done: 200, Total: 200, Unit: "paths"}, 49},
		{Progress{Done: 5, Total: 10, Unit: "builds"}, 73},
		{Progress{Done: -5, Total: 10, Unit: "builds"}, 73},
		{Progress{Done: 1 << 62, Total: 1, Unit: "builds"}, 98},
		{Progress{Done: 1, Total: 0, Unit: "builds"}, 98},
		{Progress{Done: 1, Total: -3, Unit: "files"}, 98},
	} {
		o.Event(Event{Kind: KindProgress, Step: "closure", Progress: &c.Progress})
		if got := o.Percent(); got != c.percent {
			t.Errorf("%+v: %d %%, want %d", c.Progress, got, c.percent)
		}
	}
	o.Event(Event{Kind: KindFailed, Step: "closure", Error: NewError("closure", errors.New("x"))})
	o.Event(Event{Kind: KindEnded, Error: NewError("", errors.New("x"))})
	if o.Percent() == 100 {
		t.Error("a failed install is whole")
	}
	// Events without a plan, or of another version, do no harm.
	var none Overall
	for _, k := range []Kind{KindPlan, KindStarted, KindProgress, KindFinished, KindFailed} {
		none.Event(Event{Kind: k, Step: "x"})
	}
	if none.Part() != 0 {
		t.Errorf("%v", none.Part())
	}
}

// Every step that has a weight of its own is a step of some plan.
func TestWeightsNameSteps(t *testing.T) {
	names := []string{"unlock"}
	for _, a := range answers(t) {
		a.ProveBoot = ProveVM
		p, err := InstallPlan(a, DefaultPaths())
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range p.Steps {
			names = append(names, s.Name)
		}
	}
	for _, table := range []map[string]float64{weights, prebuiltWeights} {
		for name := range table {
			if !slices.Contains(names, name) {
				t.Errorf("no plan has the step %s", name)
			}
		}
	}
	for _, name := range []string{stepOpened, stepBootProof, stepBootVM} {
		if !Proves(name) || !slices.Contains(names, name) {
			t.Errorf("%s proves nothing", name)
		}
	}
}

// Only a step that proves can say that something is proven.
func TestProven(t *testing.T) {
	for _, c := range []struct {
		e    Event
		what string
	}{
		{Event{Kind: KindLog, Step: "bootproof", Line: "proven: it boots"}, "it boots"},
		{Event{Kind: KindLog, Step: "bootvm", Line: "proven: it starts"}, "it starts"},
		{Event{Kind: KindLog, Step: "opened", Line: "proven: all open"}, "all open"},
		{Event{Kind: KindLog, Step: "closure", Line: "proven: says a build"}, ""},
		{Event{Kind: KindWarning, Step: "bootproof", Line: "proven: x"}, ""},
		{Event{Kind: KindLog, Step: "bootproof", Line: "not proven: x"}, ""},
	} {
		what, ok := c.e.Proven()
		if ok != (c.what != "") || ok && what != c.what {
			t.Errorf("%+v: %q, %v", c.e, what, ok)
		}
	}
}
