package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
	"auto-installer/steps"
)

func installCommand() *cobra.Command {
	var what installFlags
	var confirm, format string
	c := &cobra.Command{
		Use: "install --host HOST --confirm yes", Short: "Install a host to a disk without asking",
		Long: "Install a host to a disk without asking. EVERYTHING ON THE DISK IS LOST, unless --resume finishes an\n" +
			"interrupted install. It checks everything that can fail before the first write. `plan` shows what it does.\n" +
			"If the host has secrets and no age identity is given, the install waits until one is sent.\n\n" +
			"--unattended replaces --confirm yes on a machine without an operator. The disk must be blank, or named by\n" +
			"/dev/disk/by-id, and must not hold this host already. Every file with a secret must be readable by root\n" +
			"only. A host that needs an age identity must get one, or --no-age-identity. Without --host, it installs\n" +
			"the only host of the medium.",
		Args: cobra.NoArgs,
		RunE: does(func(cmd *cobra.Command, _ []string) error {
			if confirm != "yes" && (confirm != "" || !what.unattended) {
				return notConfirmed("`auto-installer plan`")
			}
			watch, err := watcher(cmd.OutOrStdout(), format, engine.Text{})
			if err != nil {
				return err
			}
			return what.install(cmd.Context(), watch)
		}),
	}
	what.register(c)
	c.Flags().StringVar(&confirm, "confirm", "", "the word yes; without it, nothing is installed")
	c.Flags().StringVar(&format, "log-format", "text", "text, or json with one event a line")
	c.Flags().StringVar(&what.planFile, "plan", "", "carry out exactly the plan in this file, from `plan --json`; if anything differs, refuse and say what")
	c.Flags().BoolVar(&what.unattended, "unattended", false, "replaces --confirm yes on a machine without an operator, and refuses what an operator must decide")
	c.MarkFlagsMutuallyExclusive("plan", "resume")
	return c
}

// install reads the answers from the flags and runs the install.
func (f *installFlags) install(ctx context.Context, show func(engine.Event)) error {
	if err := f.readPlan(); err != nil {
		return err
	}
	if err := f.unattendedAnswers(); err != nil {
		return err
	}
	host, err := loadHost(f.host)
	if e, ok := errors.AsType[*sys.Fault](err); ok && f.planned != nil && f.host == f.planned.Host {
		e.Hint = "the plan has only the name of the host: if you made it with --host and a path to a host.toml, add the same --host"
	}
	if err != nil {
		return err
	}
	a, err := f.answers(host)
	if err != nil {
		return err
	}
	defer a.Wipe()
	if f.planned != nil {
		if err := f.planned.Lacks(a); err != nil {
			return err
		}
	}
	// A wrong answer is an error before the installer reads the machine.
	if err := a.Validate(); err != nil {
		return err
	}
	return runInstall(ctx, f.paths(), show, func(ctx context.Context) (*steps.Install, error) {
		plan, err := prepare(ctx, &a, f)
		if err == nil {
			plan.Warnings = append(plan.Warnings, f.exposed()...)
		}
		return plan, err
	})
}

// runInstall is the engine. It opens the machine for itself, makes the plan, runs it and
// powers off.
func runInstall(ctx context.Context, paths engine.Paths, show func(engine.Event), prepare func(context.Context) (*steps.Install, error)) error {
	if err := steps.NeedRoot(); err != nil {
		return err
	}
	ctx, stop := untilSignal(ctx)
	defer stop()
	e, err := engine.Open(ctx, paths)
	if err != nil {
		return err
	}
	var plan *steps.Install
	shown, err := e.Execute(ctx, show, func(ctx context.Context) (_ engine.Job, err error) {
		plan, err = prepare(ctx)
		return plan, err
	})
	switch {
	case err != nil && shown:
		return alreadyShown{sys.CodeOf(err)}
	case err != nil:
		return err
	}
	if err := plan.Power(context.WithoutCancel(ctx)); err != nil {
		fmt.Fprintf(engine.Shown{W: os.Stderr}, "warning: the install is done, but the machine does not power off; do it by hand: %v\n", err)
	}
	return nil
}

// readPlan reads the file of --plan. It names the host and the disk, unless flags do.
func (f *installFlags) readPlan() (err error) {
	if f.planFile == "" {
		return nil
	}
	if f.planned, err = steps.ReadPlan(f.planFile); err != nil {
		return err
	}
	f.host = cmp.Or(f.host, f.planned.Host)
	f.disk = cmp.Or(f.disk, f.planned.Disk.Path)
	return nil
}

func prepare(ctx context.Context, a *steps.Answers, f *installFlags) (*steps.Install, error) {
	var err error
	if a.Disk, err = steps.ChooseDisk(ctx, f.disk); err != nil {
		return nil, err
	}
	if f.unattended && !a.Resume {
		if err := a.Unattendable(f.disk); err != nil {
			return nil, err
		}
	}
	if a.Disk.IsImage {
		return nil, sys.Usage("to see the plan for it, use `auto-installer plan`", "%s is a file, not a disk", a.Disk.Path)
	}
	f.warnOfUnfinished(a)
	if f.planned != nil {
		return steps.PlanAgain(*a, f.paths(), f.planned)
	}
	return steps.MakePlan(*a, f.paths())
}

// warnOfUnfinished makes a plan that starts over say so, unless --start-over does.
func (f *installFlags) warnOfUnfinished(a *steps.Answers) {
	if !a.Resume && !f.startOver {
		a.WarnOfUnfinished(f.paths())
	}
}

// untilSignal returns a context that Ctrl+C and SIGTERM end, with the signal as its
// cause. A terminal or a reader that goes away does not stop an install.
func untilSignal(ctx context.Context) (context.Context, func()) {
	// Catch, do not ignore: commands would inherit an ignored signal.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP, syscall.SIGPIPE)
	ctx, cancel := context.WithCancelCause(ctx)
	ch := make(chan os.Signal, 1)
	signal.Notify(ch, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		select {
		case sig := <-ch:
			cancel(sys.Stopped{Signal: sig.(syscall.Signal)})
		case <-ctx.Done():
		}
	}()
	return ctx, func() { signal.Stop(ch); cancel(nil) }
}
