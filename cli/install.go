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
	"auto-installer/steps"
)

func installCommand() *cobra.Command {
	var what installFlags
	var confirm, format string
	c := &cobra.Command{
		Use: "install --host HOST --confirm yes", Short: "Install a host to a disk, without questions",
		Long: "Install a host to a disk, without questions. EVERYTHING ON THE DISK IS LOST, unless --resume continues an install.\n" +
			"All that can fail is tried before the first write. `plan` shows what will be done.\n" +
			"If the host has secrets and no age identity was given, the install waits until one is sent.\n\n" +
			"--unattended stands for --confirm yes, for a machine that nobody attends. The disk must be blank, or named\n" +
			"by /dev/disk/by-id, and must not hold this host already; secrets come from files that root alone can read;\n" +
			"a host that needs an age identity must be given it, or told to go without. Without --host, the only host\n" +
			"of the medium is taken.",
		Args: cobra.NoArgs,
		RunE: does(func(cmd *cobra.Command, _ []string) error {
			if confirm != "yes" && (confirm != "" || !what.unattended) {
				return engine.Usage("look at `auto-installer plan`; if that is what you want, add --confirm yes",
					"not confirmed: --confirm must be the word yes")
			}
			watch, err := watcher(cmd.OutOrStdout(), format)
			if err != nil {
				return err
			}
			return what.install(cmd.Context(), watch)
		}),
	}
	what.register(c)
	c.Flags().StringVar(&confirm, "confirm", "", "must be the word yes")
	c.Flags().StringVar(&format, "log-format", "text", "text or json: one event a line")
	c.Flags().StringVar(&what.planFile, "plan", "", "do exactly the plan in this file, which `plan --json` wrote, or refuse and say what differs")
	c.Flags().BoolVar(&what.unattended, "unattended", false, "nobody is there: stands for --confirm yes, and refuses what somebody should look at")
	c.MarkFlagsMutuallyExclusive("plan", "resume")
	return c
}

// install makes the answers of the flags, and installs by them.
func (f *installFlags) install(ctx context.Context, show func(engine.Event)) error {
	if err := f.readPlan(); err != nil {
		return err
	}
	if err := f.unattendedAnswers(); err != nil {
		return err
	}
	host, err := loadHost(f.host)
	if e, ok := errors.AsType[*engine.Error](err); ok && f.planned != nil && f.host == f.planned.Host {
		e.Hint = "the plan names the host alone: if `plan` was given the path of a host.toml, add --host with that path"
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
	// A wrong answer is refused before the machine is looked at.
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

// runInstall is the engine: from a plan, made when the machine is this program's
// alone, to a machine that powers off.
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
	shown := engine.ShowEvents(paths.Events, show)
	plan, err := prepare(ctx)
	if err == nil {
		err = e.Run(ctx, plan)
	}
	err = e.Close(err)
	all := shown()
	if e.LogProblem != nil {
		fmt.Fprintf(engine.Shown{W: os.Stderr}, "warning: the log is not whole: %v\n", e.LogProblem)
	}
	if failure, ok := errors.AsType[*engine.Error](err); ok {
		if e.LogProblem != nil || !all { // its event may be what is missing
			return failure
		}
		return alreadyShown{failure.Code} // among the events
	}
	if err := plan.Power(context.WithoutCancel(ctx)); err != nil {
		fmt.Fprintf(engine.Shown{W: os.Stderr}, "warning: the install is done; switch the machine off by hand: %v\n", err)
	}
	return nil
}

// readPlan reads the plan that is to be done, which then names host and disk
// if no flag does.
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
		return nil, engine.Usage("auto-installer plan shows what would be done to it", "%s is a file, not a disk", a.Disk.Path)
	}
	if f.planned != nil {
		if !f.startOver {
			a.WarnOfUnfinished(f.paths()) // as when it was made
		}
		return steps.PlanAgain(*a, f.paths(), f.planned)
	}
	return f.makePlan(a)
}

// makePlan makes the plan of the install, or of what is left of one.
func (f *installFlags) makePlan(a *steps.Answers) (*steps.Install, error) {
	if a.Resume {
		return steps.ResumePlan(*a, f.paths())
	}
	if !f.startOver {
		a.WarnOfUnfinished(f.paths())
	}
	return steps.InstallPlan(*a, f.paths())
}

// untilSignal is a context that Ctrl+C and SIGTERM end, with the signal as
// its cause. A terminal or a reader that goes away does not stop an install.
func untilSignal(ctx context.Context) (context.Context, func()) {
	// Caught, not ignored: commands would inherit that.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP, syscall.SIGPIPE)
	ctx, cancel := context.WithCancelCause(ctx)
	ch := make(chan os.Signal, 1)
	signal.Notify(ch, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		select {
		case sig := <-ch:
			cancel(engine.Stopped{Signal: sig.(syscall.Signal)})
		case <-ctx.Done():
		}
	}()
	return ctx, func() { signal.Stop(ch); cancel(nil) }
}
