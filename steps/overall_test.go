package steps

import (
	"testing"

	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
)

// play plays the events of an install, with the progress of some steps. It returns the
// percentage at the start of each step.
func play(t *testing.T, p *Install, within map[engine.Name][]sys.Progress) map[engine.Name]int {
	t.Helper()
	var o engine.Overall
	at := map[engine.Name]int{}
	last := -1.
	send := func(e engine.Event) {
		t.Helper()
		o.Event(e)
		if o.Part() < last || o.Part() >= 1 && e.Kind != engine.KindEnded || o.Percent() > 99 && e.Kind != engine.KindEnded {
			t.Fatalf("%s %s: %v after %v", e.Kind, e.Step, o.Part(), last)
		}
		last = o.Part()
	}
	send(engine.Event{Kind: engine.KindPlan, Plan: &p.Plan})
	for _, s := range p.Steps {
		send(engine.Event{Kind: engine.KindStarted, Step: s.Name})
		at[s.Name] = o.Percent()
		for _, pr := range within[s.Name] {
			send(engine.Event{Kind: engine.KindProgress, Step: s.Name, Progress: &pr})
		}
		send(engine.Event{Kind: engine.KindFinished, Step: s.Name})
	}
	send(engine.Event{Kind: engine.KindEnded})
	if o.Percent() != 100 {
		t.Errorf("%d %% at the end", o.Percent())
	}
	return at
}

// The copy is most of the work: it starts early, with little done.
func TestOverallWeighsWork(t *testing.T) {
	all := answers(t)
	for name, most := range map[string]int{"plain": 15, "swap": 15, "pinned": 15, "luks": 20, "luks-swap": 20, "prebuilt": 25, "medium": 25} {
		p, err := InstallPlan(all[name], engine.DefaultPaths())
		if err != nil {
			t.Fatal(err)
		}
		at := play(t, p, map[engine.Name][]sys.Progress{
			"closure":   {{Done: 0, Total: 1, Unit: "builds"}, {Done: 0, Total: 900, Unit: "paths"}, {Done: 450, Total: 900, Unit: "paths"}, {Done: 400, Total: 1200, Unit: "paths"}, {Done: 3, Total: 9, Unit: "builds"}},
			"bootproof": {{Done: 1, Total: 13, Unit: "checks"}, {Done: 99, Total: 100, Unit: "paths"}},
		})
		if at["closure"] > most || at["closure"] == 0 || at["system"]-at["closure"] < 45 {
			t.Errorf("%s: the copy is from %d %% to %d %%", name, at["closure"], at["system"])
		}
	}
}

// A step that an earlier install has finished counts little.
func TestOverallOfResumed(t *testing.T) {
	a := answers(t)["prebuilt"]
	p, err := InstallPlan(a, engine.DefaultPaths())
	if err != nil {
		t.Fatal(err)
	}
	fresh := play(t, p, nil)
	for i, s := range p.Steps {
		p.Steps[i] = s.Resumed()
	}
	again := play(t, p, nil)
	if again["closure"] >= fresh["closure"] {
		t.Errorf("the copy begins at %d %%, and at %d %% in a new install", again["closure"], fresh["closure"])
	}
}
