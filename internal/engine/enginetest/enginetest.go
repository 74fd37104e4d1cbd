// Package enginetest runs operations in the tests of steps.
package enginetest

import (
	"context"

	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
)

// Run runs operations as a step that writes, for the first time.
func Run(ctx context.Context, s sys.System, ops ...engine.Op) error {
	return step(engine.Write, ops).Run(ctx, s)
}

// Resume runs operations as a step that an earlier install has finished.
func Resume(ctx context.Context, s sys.System, ops ...engine.Op) error {
	return step(engine.Write, ops).Resumed().Run(ctx, s)
}

// Check runs operations as a step before the gate.
func Check(ctx context.Context, s sys.System, ops ...engine.Op) error {
	return step(engine.Check, ops).Run(ctx, s)
}

// Shown returns what the dry run shows of operations.
func Shown(ops ...engine.Op) []sys.Action { return step(engine.Write, ops).Actions }

// ShownOnResume returns what it shows if an earlier install has finished the step.
func ShownOnResume(ops ...engine.Op) []sys.Action { return step(engine.Write, ops).Resumed().Actions }

func step(phase engine.Phase, ops []engine.Op) engine.Step {
	return engine.NewStep("step", "does", phase, ops...)
}

// Commands returns the command lines of actions.
func Commands(actions []sys.Action) (argvs [][]string) {
	for _, a := range actions {
		if len(a.Argv) > 0 {
			argvs = append(argvs, a.Argv)
		}
	}
	return argvs
}
