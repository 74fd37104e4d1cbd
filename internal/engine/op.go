package engine

import (
	"context"
	"errors"

	"auto-installer/internal/sys"
)

// Op is one operation of a step: a command, or a function of this program. It
// is told once: the dry run shows it, the engine runs it, and a resume leaves it
// out or has it alone.
type Op struct {
	actions []sys.Action // what the dry run shows; an operation may have several lines, or none
	run     func(context.Context, sys.System) error
	doing   string            // what an error says was being done
	fails   func(error) error // makes the error instead, or nil
	passes  func(sys.System, error) bool
	when    when
	always  bool
}

// when says in which kind of run an operation takes part.
type when int

const (
	everyTime when = iota
	firstTime      // not when an earlier install has finished the step
	onResume       // only then
)

// Run runs a command.
func Run(c sys.Cmd) Op {
	return Op{
		actions: sys.Actions(c), doing: "to " + c.Does,
		run: func(ctx context.Context, s sys.System) error { return s.Run(ctx, c) },
	}
}

// RunAll runs commands in order.
func RunAll(cmds ...sys.Cmd) []Op {
	ops := make([]Op, len(cmds))
	for i, c := range cmds {
		ops[i] = Run(c)
	}
	return ops
}

// RunUndone runs a command, and registers what undoes it.
func RunUndone(c, undo sys.Cmd) Op {
	return Op{
		actions: sys.Actions(c), doing: "to " + c.Does,
		run: func(ctx context.Context, s sys.System) error { return s.Do(ctx, c, undo) },
	}
}

// Later runs a command of which a part is known only when it runs; shown has a
// name in its place.
func Later(shown sys.Cmd, actual func() (sys.Cmd, error)) Op {
	o := Run(shown)
	o.run = func(ctx context.Context, s sys.System) error {
		c, err := actual()
		if err != nil {
			return err
		}
		return s.Run(ctx, c)
	}
	return o
}

// Read runs a command and hands on what it prints.
func Read(c sys.Cmd, use func(s sys.System, out []byte) error) Op {
	return Op{
		actions: sys.Actions(c), doing: "to " + c.Does,
		run: func(ctx context.Context, s sys.System) error {
			out, err := s.Output(ctx, c)
			if err != nil {
				return err
			}
			return use(s, out)
		},
	}
}

// Do calls a function. Without words, the dry run does not show it.
func Do(does string, f func(context.Context, sys.System) error) Op {
	o := Op{run: f}
	if does != "" {
		o.actions = []sys.Action{{Does: does}}
	}
	return o
}

// Together calls one function for all that actions show.
func Together(actions []sys.Action, f func(context.Context, sys.System) error) Op {
	return Op{actions: actions, run: f}
}

// Whole is Together of a package that tells and does all of a step in two
// functions.
func Whole[O any](o O, actions func(O) []sys.Action, run func(context.Context, sys.System, O) error) Op {
	return Together(actions(o), func(ctx context.Context, s sys.System) error { return run(ctx, s, o) })
}

// Once leaves the operation out when an earlier install has finished the step.
func (o Op) Once() Op {
	o.when = firstTime
	return o
}

// OnResume has the operation only when an earlier install has finished the step.
func (o Op) OnResume() Op {
	o.when = onResume
	return o
}

// Always runs the operation at the end of the step, whatever happened.
func (o Op) Always() Op {
	o.always = true
	return o
}

// Doing names in errors what the operation was about to do.
func (o Op) Doing(what string) Op {
	o.doing = what
	return o
}

// Hint says what the operator can do when the operation fails, and with which
// code the program then ends.
func (o Op) Hint(code Code, hint string) Op {
	doing := o.doing
	return o.Fails(func(err error) error { return sys.WithHint(err, code, hint, doing) })
}

// Fails makes the error of a failure.
func (o Op) Fails(says func(error) error) Op {
	o.fails = says
	return o
}

// Tolerates says which failures do not count. A stop always does.
func (o Op) Tolerates(passes func(sys.System, error) bool) Op {
	o.passes = passes
	return o
}

// try runs the operation.
func (o Op) try(ctx context.Context, s sys.System, p Phase) error {
	err := o.run(ctx, s)
	if err != nil && o.passes != nil && ctx.Err() == nil && o.passes(s, err) {
		return nil
	}
	return o.failed(err, p)
}

// failed makes the error of an operation. One that has its words already keeps
// them; else, after the gate, the disk is incomplete.
func (o Op) failed(err error, p Phase) error {
	if _, ok := errors.AsType[*sys.Fault](err); err == nil || ok {
		return err
	}
	switch {
	case o.fails != nil:
		return o.fails(err)
	case o.doing == "" || p == Check:
		return err
	}
	return sys.Incomplete(err, o.doing)
}

// AtEnd is a command that runs when the plan has ended and its log is closed.
func AtEnd(c sys.Cmd) Op {
	o := Run(c)
	o.run = func(context.Context, sys.System) error { return nil }
	return o
}
