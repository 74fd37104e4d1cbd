package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/term"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"auto-installer/cli/secret"
	"auto-installer/hosts"
	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
	"auto-installer/steps"
	"auto-installer/tui"
	"auto-installer/tui/machine"
)

// screens is the program without a command: the full-screen installer.
type screens struct {
	hosts []string
	plain bool
	kiosk bool

	ageFile, deployFile, bundleFile string
	without                         bool // install without an age identity
}

func (s *screens) register(c *cobra.Command) {
	c.Flags().StringArrayVar(&s.hosts, "host", nil, "the host to install; can be repeated; default: those on the medium, else all known hosts")
	c.Flags().StringVar(&s.ageFile, "age-identity", "", "the host's age identity file")
	c.Flags().StringVar(&s.deployFile, "deploy-key", "", "the ssh private key that clones the config repo and is installed for targetUser")
	c.Flags().StringVar(&s.bundleFile, "bundle", "", "the file of the host's sealed keys; default: those on the medium")
	c.Flags().BoolVar(&s.without, "no-age-identity", false, "install without an age identity; the host cannot decrypt its secrets until it has one")
	c.MarkFlagsMutuallyExclusive("no-age-identity", "age-identity")
	c.Flags().BoolVar(&s.plain, "plain", false, "ask with plain prompts, for screen readers and dumb terminals")
	c.Flags().BoolVar(&s.kiosk, "kiosk", false, "for a console that runs only the installer: on leaving, offer power off, reboot and a rescue shell")
}

func (s *screens) run(cmd *cobra.Command, _ []string) error {
	show, err := s.prepare(cmd.Context())
	if err != nil {
		if s.kiosk {
			pauseAt(err)
		}
		return err
	}
	return show()
}

// prepare reads the flags and the medium, and returns the function that runs the screens.
func (s *screens) prepare(ctx context.Context) (show func() error, err error) {
	if !term.IsTerminal(os.Stdin.Fd()) || !term.IsTerminal(os.Stdout.Fd()) {
		return nil, sys.Usage("without a terminal, use `auto-installer install`; see --help", "the screens need a terminal")
	}
	if err := steps.NeedRoot(); err != nil {
		return nil, err
	}
	args, defs, err := s.load()
	if err != nil {
		return nil, err
	}
	var bad problems
	age, err := secret.ReadFile("--age-identity", s.ageFile)
	bad.add(err)
	deploy, err := secret.ReadFile("--deploy-key", s.deployFile)
	bad.add(err)
	if err := bad.err(); err != nil {
		return nil, err
	}
	for _, w := range secret.Exposed(s.ageFile, s.deployFile) {
		fmt.Fprintln(engine.Shown{W: os.Stderr}, "warning: "+w)
	}
	bundles, err := s.bundles(defs)
	if err != nil {
		return nil, err
	}
	giveSize(os.Stdout)
	fill := func(a *steps.Answers) {
		a.HostArg = args[a.Host.TargetHost]
		a.Remote = os.Getenv("REPO_REMOTE")
		a.AgeIdentity, a.DeployKey = bytes.Clone(age), bytes.Clone(deploy)
		a.NoAgeIdentity = s.without
		a.FromMedium(steps.Medium, steps.MediumHosts)
		a.Bundle = bundles[a.Host.TargetHost]
	}
	machine := machine.New(engine.DefaultPaths(), fill)
	opts := s.options(steps.Medium)
	opts.Hosts, opts.Fill = defs, fill
	if !s.plain && os.Getenv("TERM") != "dumb" {
		return func() error { return tui.Run(ctx, machine, opts) }, nil
	}
	return func() error {
		err := tui.RunPlain(ctx, machine, opts)
		if e, ok := errors.AsType[*sys.Fault](err); ok && e.Cause == "" {
			return alreadyShown{e.Code}
		}
		return err
	}, nil
}

// options returns what the program and the medium say about themselves.
func (s *screens) options(medium string) tui.Options {
	return tui.Options{
		Banner: program.Banner, Version: program.Version, Revision: shortRevision(steps.MediumRevision(medium)),
		Colour:  colorprofile.Detect(os.Stdout, os.Environ()) > colorprofile.ASCII,
		Console: os.Getenv("TERM") == "linux", Kiosk: s.kiosk,
	}
}

// shortRevision shortens a commit's hash to 16 digits, which are unique in any repo. It
// keeps a suffix, which says that files were changed.
func shortRevision(rev string) string {
	name, more, _ := strings.Cut(rev, "-")
	name = name[:min(len(name), 16)]
	if more != "" {
		name += "-" + more
	}
	return name
}

// bundles reads the sealed keys of each host that has some.
func (s *screens) bundles(defs []hosts.Host) (map[string][]byte, error) {
	if s.bundleFile != "" && len(defs) > 1 {
		return nil, sys.Usage("name the host with --host", "--bundle is for one host, but there are %d", len(defs))
	}
	sealed := map[string][]byte{}
	for _, h := range defs {
		data, err := steps.ReadBundle(s.bundleFile, h.TargetHost)
		if err != nil {
			return nil, err
		}
		sealed[h.TargetHost] = data
	}
	return sealed, nil
}

// load reads the hosts, and returns the argument that named each.
func (s *screens) load() (args map[string]string, defs []hosts.Host, err error) {
	names := s.hosts
	if len(names) == 0 {
		names, _ = filepath.Glob(filepath.Join(steps.MediumHosts, "*", "host.toml")) // the pattern is good
	}
	if len(names) == 0 {
		names = hosts.Names()
	}
	defs, err = loadHosts(names)
	if err != nil {
		return nil, nil, err
	}
	args = map[string]string{}
	for i, h := range defs {
		if other, twice := args[h.TargetHost]; twice {
			return nil, nil, sys.Usage("name one of them with --host", "%s and %s both define %s", other, names[i], h.TargetHost)
		}
		args[h.TargetHost] = names[i]
	}
	return args, defs, nil
}

// giveSize sets the usual size on a terminal without one, such as a serial line.
func giveSize(f *os.File) {
	ws, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil || ws.Row > 0 && ws.Col > 0 {
		return
	}
	_ = unix.IoctlSetWinsize(int(f.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80}) // without it, the screens fall back to a size of their own
}
