package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
)

// asError turns any error into the form that the operator sees. An error of another form
// comes from the flag parser.
func asError(err error) *sys.Fault {
	if e, ok := errors.AsType[*sys.Fault](err); ok {
		return e
	}
	return sys.Usage("see auto-installer --help for the commands and their flags", "%v", err)
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
			return sys.AsFault(err)
		}
		return nil
	}
}

// alreadyShown ends the program with a code and prints nothing.
type alreadyShown struct{ code sys.Code }

func (a alreadyShown) Error() string { return fmt.Sprintf("exit code %d", a.code) }

// problems are several errors in the operator's input, reported together.
type problems []*sys.Fault

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
	return sys.Together(p, "\n")
}
