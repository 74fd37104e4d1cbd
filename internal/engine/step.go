package engine

import (
	"context"

	"auto-installer/internal/sys"
)

// Phase is what a step may do.
type Phase string

// The phases.
const (
	Check Phase = "check" // looks and tries, and writes to no disk and no repo
	Write Phase = "write" // changes what the plan is about
	Prove Phase = "prove" // reads back what was written
)

// Name is the name of a step: one lower-case word.
type Name string

// Step is one entry of a plan.
type Step struct {
	Name    Name         `json:"name"`
	Does    string       `json:"does"` // one line for the operator
	Phase   Phase        `json:"phase"`
	Actions []sys.Action `json:"actions"`
	// Weight is how long it takes on a usual machine, in seconds: what it counts in
	// the progress of the whole. 0: about one.
	Weight float64 `json:"weight,omitempty"`
	// Again: an earlier install has finished the step, and this is what is left
	// to do.
	Again bool `json:"again,omitempty"`

	all   []Op // of the first time and of a resume
	ops   []Op // of this run
	guard func(sys.System) (sys.System, error)
}

// NewStep makes a step of its operations.
func NewStep(name Name, does string, phase Phase, ops ...Op) Step {
	s := Step{Name: name, Does: does, Phase: phase, all: ops}
	s.choose(onResume)
	return s
}

// Weighing sets the weight.
func (s Step) Weighing(seconds float64) Step {
	s.Weight = seconds
	return s
}

// choose takes all operations but those of one kind.
func (s *Step) choose(but when) {
	s.ops, s.Actions = nil, nil
	for _, o := range s.all {
		if o.when != but {
			s.ops = append(s.ops, o)
			s.Actions = append(s.Actions, o.actions...)
		}
	}
}

// Resumed is what is left of a step that an earlier install has finished. A step
// none of whose operations differs then is run once more as it is.
func (s Step) Resumed() Step {
	for _, o := range s.all {
		if o.when != everyTime {
			s.Does, s.Again = s.Does+" (already done)", true
			s.choose(firstTime)
			break
		}
	}
	return s
}

// Guarded makes the step ask guard for the System that it runs on.
func (s Step) Guarded(guard func(sys.System) (sys.System, error)) Step {
	s.guard = guard
	return s
}

// Run runs the operations up to the first that fails.
func (s Step) Run(ctx context.Context, m sys.System) (err error) {
	if s.guard != nil {
		if m, err = s.guard(m); err != nil {
			return err
		}
	}
	for _, o := range s.ops {
		if err == nil && !o.always {
			err = o.try(ctx, m, s.Phase)
		}
	}
	for _, o := range s.ops {
		if !o.always {
			continue
		}
		if last := o.try(context.WithoutCancel(ctx), m, s.Phase); err == nil {
			err = last
		}
	}
	return err
}
