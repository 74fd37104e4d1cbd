package engine

import (
	"context"

	"auto-installer/internal/sys"
)

// Phase says what a step may do.
type Phase string

// The phases.
const (
	Check Phase = "check" // reads and tries; writes to no disk and no repo
	Write Phase = "write" // changes the disk or the repo
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
	// Weight is how many seconds the step takes on a usual machine: its share of the
	// overall progress. 0 means about one.
	Weight float64 `json:"weight,omitempty"`
	// Again: an earlier install has finished the step; the actions are what is left.
	Again bool `json:"again,omitempty"`

	// Guard returns the System that the step runs on, or nil.
	Guard func(sys.System) (sys.System, error) `json:"-"`

	all []Op // of a first run and of a resume
	ops []Op // of this run
}

// NewStep makes a step from its operations.
func NewStep(name Name, does string, phase Phase, ops ...Op) Step {
	s := Step{Name: name, Does: does, Phase: phase, all: ops}
	s.choose(onResume)
	return s
}

// choose takes all operations except those of one kind.
func (s *Step) choose(but when) {
	s.ops, s.Actions = nil, nil
	for _, o := range s.all {
		if o.when != but {
			s.ops = append(s.ops, o)
			s.Actions = append(s.Actions, o.actions...)
		}
	}
}

// Resumed returns the step for a resume whose earlier install has finished it. If all
// of its operations are the same then, the step runs as if for the first time.
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

// Run runs the operations up to the first failure, and then those that always run.
func (s Step) Run(ctx context.Context, m sys.System) (err error) {
	if s.Guard != nil {
		if m, err = s.Guard(m); err != nil {
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
