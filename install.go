package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"auto-installer/hosts"
	"auto-installer/steps"
)

// installFlags are the answers, as flags.
type installFlags struct {
	host, disk, remote, source, system string
	passphraseFile, recoveryFile       string
	passphraseFD, recoveryFD           int
	ageIdentity, deployKey             string
	ageFD, deployFD                    int
	noPower, resume, skipVerify        bool
	proveBoot                          string
	expect                             string
	events, log                        string
}

func (f *installFlags) register(c *cobra.Command) {
	p := steps.DefaultPaths()
	fl := c.Flags()
	fl.StringVar(&f.host, "host", "", "the host to install: a known name, or the path of a host.toml")
	fl.StringVar(&f.disk, "disk", "", "the disk to install to, any path of it; default $INSTALL_DISK, else the best one if that is clear")
	fl.StringVar(&f.passphraseFile, "passphrase-file", "", "read the LUKS passphrase from this file; one line break at its end is not part of it")
	fl.IntVar(&f.passphraseFD, "passphrase-fd", -1, "read the LUKS passphrase from this open file descriptor")
	fl.StringVar(&f.recoveryFile, "recovery-key-file", "", "add the recovery key in this file as a second key to the LUKS container")
	fl.IntVar(&f.recoveryFD, "recovery-key-fd", -1, "read the recovery key from this open file descriptor")
	fl.StringVar(&f.ageIdentity, "age-identity", "", "the host's age identity file")
	fl.StringVar(&f.deployKey, "deploy-key", "", "an ssh private key for the config repo, for the clone and for targetUser")
	fl.IntVar(&f.ageFD, "age-identity-fd", -1, "read the age identity from this open file descriptor")
	fl.IntVar(&f.deployFD, "deploy-key-fd", -1, "read the deploy key from this open file descriptor")
	fl.StringVar(&f.system, "system", "", "install this prebuilt toplevel of the local store; default: the medium's, for a prebuilt host")
	fl.StringVar(&f.source, "source", "", "clone the config repo from this copy; default: the medium's, for a prebuilt host")
	fl.StringVar(&f.remote, "remote", "", "git URL of the config repo; default $REPO_REMOTE, else the host's repoRemote")
	fl.BoolVar(&f.noPower, "no-power", false, "stay on at the end, whatever the host says")
	fl.BoolVar(&f.resume, "resume", false, "continue the unfinished install of the same host on the same disk")
	fl.BoolVar(&f.skipVerify, "skip-verify", false, "do not read and hash the installed store paths again at the end")
	fl.StringVar(&f.proveBoot, "prove-boot", "", "vm: at the end, start the installed disk in a virtual machine, which writes nothing to it; needs qemu and OVMF")
	fl.StringVar(&f.expect, "expect", "", "the disk as it was confirmed; the screens set it")
	_ = fl.MarkHidden("expect") // it exists: it was added just now
	fl.StringVar(&f.events, "events", p.Events, "write the events here")
	fl.StringVar(&f.log, "log-file", p.Log, "write the log here")
	c.MarkFlagsMutuallyExclusive("passphrase-file", "passphrase-fd")
	c.MarkFlagsMutuallyExclusive("age-identity", "age-identity-fd")
	c.MarkFlagsMutuallyExclusive("deploy-key", "deploy-key-fd")
	c.MarkFlagsMutuallyExclusive("recovery-key-file", "recovery-key-fd")
}

func (f *installFlags) paths() steps.Paths {
	return steps.Paths{Dir: steps.RunDir, Events: f.events, Log: f.log}
}

// answers reads the flags and the files that they name, all but the disk.
func (f *installFlags) answers(h hosts.Host) (steps.Answers, error) {
	f.disk = cmp.Or(f.disk, os.Getenv("INSTALL_DISK"))
	f.remote = cmp.Or(f.remote, os.Getenv("REPO_REMOTE"))
	a := steps.Answers{Host: h, HostArg: f.host, Remote: f.remote, Source: f.source, System: f.system, Power: !f.noPower, SkipVerify: f.skipVerify, ProveBoot: f.proveBoot}
	var err error
	for _, secret := range []struct {
		into *[]byte
		flag string
		file string
		fd   int
	}{
		{&a.Passphrase, "--passphrase", f.passphraseFile, f.passphraseFD},
		{&a.RecoveryKey, "--recovery-key", f.recoveryFile, f.recoveryFD},
		{&a.AgeIdentity, "--age-identity", f.ageIdentity, f.ageFD},
		{&a.DeployKey, "--deploy-key", f.deployKey, f.deployFD},
	} {
		switch {
		case secret.file != "":
			*secret.into, err = readSecretFile(secret.flag, secret.file)
		case secret.fd >= 0:
			*secret.into, err = readSecretFD(secret.flag, secret.fd)
		}
		if err != nil {
			a.Wipe()
			return a, err
		}
	}
	a.Passphrase = bytes.TrimSuffix(a.Passphrase, []byte("\n"))
	a.RecoveryKey = bytes.TrimSuffix(a.RecoveryKey, []byte("\n"))
	a.FromMedium(steps.Medium)
	return a, nil
}

// maxSecret is more than any passphrase or key needs, in bytes.
const maxSecret = 64 << 10

func readSecretFile(flag, name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, steps.Usage("name a file that can be read", "%s: %v", flag, err)
	}
	defer f.Close()
	return readSecret(flag, f)
}

// readSecretFD reads a descriptor and closes it, so that no command inherits
// it.
func readSecretFD(flag string, fd int) ([]byte, error) {
	f := os.NewFile(uintptr(fd), flag)
	if f == nil {
		return nil, steps.Usage("open the descriptor before starting the program", "%s: bad file descriptor", flag)
	}
	defer f.Close()
	return readSecret(flag, f)
}

// readSecret reads into one buffer that is never copied by growing.
func readSecret(flag string, r io.Reader) ([]byte, error) {
	buf := make([]byte, maxSecret+1)
	n, err := io.ReadFull(r, buf)
	switch {
	case err == nil:
		clear(buf)
		return nil, steps.Usage("name the right file", "%s: more than %d bytes", flag, maxSecret)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
	default:
		return nil, steps.Usage("name a file that can be read", "%s: %v", flag, err)
	}
	if n == 0 {
		return nil, steps.Usage("name the right file", "%s: it is empty", flag)
	}
	return buf[:n:n], nil
}

func installCommand() *cobra.Command {
	var what installFlags
	var confirm, format string
	c := &cobra.Command{
		Use: "install --host HOST --confirm yes", Short: "Install a host to a disk, without questions",
		Long: "Install a host to a disk, without questions. EVERYTHING ON THE DISK IS LOST.\n" +
			"All that can fail is tried before the first write. `plan` shows what will be done.",
		Args: cobra.NoArgs,
		RunE: does(func(cmd *cobra.Command, _ []string) error {
			if confirm != "yes" {
				return steps.Usage("look at `auto-installer plan`; if that is what you want, add --confirm yes",
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
	return c
}

// watcher shows events as they happen.
func watcher(w io.Writer, format string) (func(steps.Event), error) {
	switch format {
	case "text":
		t := &steps.Text{W: w, Verbose: true}
		return t.Event, nil
	case "json":
		enc := json.NewEncoder(w)
		return func(e steps.Event) { _ = enc.Encode(e) }, nil // the reader may be gone; the install goes on
	}
	return nil, steps.Usage("use text or json", "--log-format: unknown format %q", format)
}

// install is the engine: from the answers to a machine that powers off.
func (f *installFlags) install(ctx context.Context, show func(steps.Event)) error {
	host, err := loadHost(f.host)
	if err != nil {
		return err
	}
	a, err := f.answers(host)
	if err != nil {
		return err
	}
	defer a.Wipe()
	// A wrong answer is told before the machine is looked at.
	if err := a.Validate(); err != nil {
		return err
	}
	if err := steps.NeedRoot(); err != nil {
		return err
	}
	ctx, stop := untilSignal(ctx)
	defer stop()

	engine, err := steps.Open(ctx, f.paths())
	if err != nil {
		return err
	}
	shown := steps.ShowEvents(f.events, show)
	plan, err := prepare(ctx, &a, f)
	if err == nil {
		err = engine.Run(ctx, plan)
	}
	err = engine.Close(err)
	shown()
	if engine.LogProblem != nil {
		fmt.Fprintf(os.Stderr, "warning: the log is not whole: %v\n", engine.LogProblem)
	}
	if e, ok := errors.AsType[*steps.Error](err); ok {
		return alreadyShown{e.Code} // among the events
	}
	return steps.Power(context.WithoutCancel(ctx), plan)
}

func prepare(ctx context.Context, a *steps.Answers, f *installFlags) (*steps.Plan, error) {
	var err error
	if a.Disk, err = steps.ChooseDisk(ctx, f.disk); err != nil {
		return nil, err
	}
	if err := a.Disk.Expect(f.expect, f.resume); err != nil {
		return nil, err
	}
	if a.Disk.IsImage {
		return nil, steps.Usage("auto-installer plan shows what would be done to it", "%s is a file, not a disk", a.Disk.Path)
	}
	if f.resume {
		return steps.ResumePlan(*a, f.paths())
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
			cancel(steps.Stopped{Signal: sig.(syscall.Signal)})
		case <-ctx.Done():
		}
	}()
	return ctx, func() { signal.Stop(ch); cancel(nil) }
}

func followCommand() *cobra.Command {
	var events, format string
	c := &cobra.Command{
		Use: "follow", Short: "Show a running or finished install",
		Long: "Show a running or finished install from its first event to its last.\n" +
			"It ends with the install's own exit code.",
		Args: cobra.NoArgs,
		RunE: does(func(cmd *cobra.Command, _ []string) error {
			watch, err := watcher(cmd.OutOrStdout(), format)
			if err != nil {
				return err
			}
			ctx, stop := untilSignal(cmd.Context())
			defer stop()
			paths := steps.DefaultPaths()
			paths.Events = events
			engine := steps.EngineProcess{Paths: paths}
			code, err := engine.FollowCode(ctx, watch)
			if err == nil && code != 0 {
				err = alreadyShown{code}
			}
			return err
		}),
	}
	c.Flags().StringVar(&events, "events", steps.DefaultPaths().Events, "the events file to follow")
	c.Flags().StringVar(&format, "log-format", "text", "text or json: one event a line")
	return c
}
