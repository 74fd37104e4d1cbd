package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"auto-installer/internal/engine"
)

// asError turns any error into the form that the operator sees. An error of another form
// comes from the flag parser.
func asError(err error) *engine.Error {
	if e, ok := errors.AsType[*engine.Error](err); ok {
		return e
	}
	return engine.Usage("see auto-installer --help for the commands and their flags", "%v", err)
}

// does wraps the function of a command. It turns errors into the form that the operator
// sees, and passes all output through engine.Shown.
func does(f func(cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		cmd.SetOut(engine.Shown{W: cmd.OutOrStdout()})
		cmd.SetErr(engine.Shown{W: cmd.ErrOrStderr()})
		if err := f(cmd, args); err != nil {
			if shown, ok := errors.AsType[alreadyShown](err); ok {
				return shown
			}
			return engine.NewError("", err)
		}
		return nil
	}
}

// alreadyShown ends the program with a code and prints nothing.
type alreadyShown struct{ code engine.Code }

func (a alreadyShown) Error() string { return fmt.Sprintf("exit code %d", a.code) }

// problems are several errors in the operator's input, reported together.
type problems []*engine.Error

func (p *problems) add(err error) {
	if err != nil {
		*p = append(*p, asError(err))
	}
}

// err joins the problems into one error with the code of the first, or returns nil.
func (p problems) err() error {
	if len(p) == 0 {
		return nil
	}
	var causes, hints []string
	for _, e := range p {
		causes = append(causes, e.Error())
		if !slices.Contains(hints, e.Hint) {
			hints = append(hints, e.Hint)
		}
	}
	return &engine.Error{Cause: strings.Join(causes, "\n"), Hint: strings.Join(hints, "; "), Code: p[0].Code}
}
