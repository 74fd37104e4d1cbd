package engine

import (
	"context"
	"errors"

	"auto-installer/internal/sys"
)

// Op is one operation of a step: a command, or a function of this program. The dry
// run shows it, the engine runs it, and on resume it is left out, run again, or run
// for the first time (Once, OnResume).
type Op struct {
	actions []sys.Action // what the dry run shows: any number of lines
	run     func(context.Context, sys.System) error
	doing   string            // what the operation was doing, for its error
	fails   func(error) error // makes the error in place of doing, or nil
	passes  func(sys.System, error) bool
	when    when
	always  bool
}

// when says in which kind of run an operation runs.
type when int

const (
	everyTime when = iota
	firstTime      // not if an earlier install has finished the step
	onResume       // only if an earlier install has finished the step
)

// Run runs a command.
func Run(c sys.Cmd) Op {
	return command(c, func(ctx context.Context, s sys.System) error { return s.Run(ctx, c) })
}

// RunUndone runs a command and registers the one that undoes it.
func RunUndone(c, undo sys.Cmd) Op {
	return command(c, func(ctx context.Context, s sys.System) error { return s.Do(ctx, c, undo) })
}

// Read runs a command and calls use with what it prints.
func Read(c sys.Cmd, use func(s sys.System, out []byte) error) Op {
	return command(c, func(ctx context.Context, s sys.System) error {
		out, err := s.Output(ctx, c)
		if err != nil {
			return err
		}
		return use(s, out)
	})
}

func command(c sys.Cmd, run func(context.Context, sys.System) error) Op {
	return Op{actions: sys.Actions(c), doing: "to " + c.Does, run: run}
}

// Do calls a function. The dry run does not show it if does is empty.
func Do(does string, f func(context.Context, sys.System) error) Op {
	o := Op{run: f}
	if does != "" {
		o.actions = []sys.Action{{Does: does}}
	}
	return o
}

// Together calls one function for all of the actions.
func Together(actions []sys.Action, f func(context.Context, sys.System) error) Op {
	return Op{actions: actions, run: f}
}

// Once leaves the operation out if an earlier install has finished the step.
func (o Op) Once() Op {
	o.when = firstTime
	return o
}

// OnResume runs the operation only if an earlier install has finished the step.
func (o Op) OnResume() Op {
	o.when = onResume
	return o
}

// Always runs the operation at the end of the step, also after a failure.
func (o Op) Always() Op {
	o.always = true
	return o
}

// Doing says what the operation was doing, for its error.
func (o Op) Doing(what string) Op {
	o.doing = what
	return o
}

// Hint sets the hint and the exit code of a failure.
func (o Op) Hint(code sys.Code, hint string) Op {
	doing := o.doing
	return o.Fails(func(err error) error { return sys.WithHint(err, code, hint, doing) })
}

// Fails sets the function that makes the error of a failure.
func (o Op) Fails(says func(error) error) Op {
	o.fails = says
	return o
}

// Tolerates ignores the failures for which passes returns true, but never a stop.
func (o Op) Tolerates(passes func(sys.System, error) bool) Op {
	o.passes = passes
	return o
}

// try runs the operation and makes its error. A Fault stays as it is. Any other error
// after the gate means that the disk is incomplete.
func (o Op) try(ctx context.Context, s sys.System, p Phase) error {
	err := o.run(ctx, s)
	_, isFault := errors.AsType[*sys.Fault](err)
	switch {
	case err != nil && o.passes != nil && ctx.Err() == nil && o.passes(s, err):
		return nil
	case err == nil || isFault:
		return err
	case o.fails != nil:
		return o.fails(err)
	case o.doing == "" || p == Check:
		return err
	}
	return sys.Incomplete(err, o.doing)
}
