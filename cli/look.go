package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/charmbracelet/x/term"
	"github.com/spf13/cobra"

	"auto-installer/hosts"
	"auto-installer/steps"
)

// The commands that only look: hosts, disks, plan.

func hostsCommand() *cobra.Command {
	var check hostCheck
	c := &cobra.Command{
		Use: "hosts [HOST]...", Short: "List the hosts that this program knows, or check definitions",
		Long: "List the hosts that this program knows.\n" +
			"With arguments, each a known name or the path of a host.toml: check those, and list what they install.\n" +
			"With --facts, compare one of them with its own configuration, as the build of an installer ISO does.",
		RunE: does(func(cmd *cobra.Command, args []string) error {
			if check.asked() {
				return check.run(cmd, args)
			}
			names := hosts.Names()
			if len(args) > 0 {
				defs, err := loadHosts(args)
				if err != nil {
					return err
				}
				names = nil
				for _, h := range defs {
					names = append(names, h.TargetHost)
				}
			}
			for _, name := range names {
				fmt.Fprintln(cmd.OutOrStdout(), name)
			}
			return nil
		}),
	}
	check.register(c)
	return c
}

func disksCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "disks", Short: "Show every block device: which would be installed to, and why the others are refused",
		Args: cobra.NoArgs,
		RunE: does(func(cmd *cobra.Command, _ []string) error {
			verdicts, err := steps.Disks(cmd.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), verdicts)
			}
			_, err = io.WriteString(cmd.OutOrStdout(), steps.DiskTable(verdicts, width()))
			return err
		}),
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func planCommand() *cobra.Command {
	var what installFlags
	var asJSON bool
	c := &cobra.Command{
		Use: "plan --host HOST", Short: "Show the exact actions of an install, without doing any",
		Long: "Show the exact actions of an install in order, with the command lines that it will run.\n" +
			"Nothing is written. It works without root, and on a disk image: --disk disk.img.\n" +
			"The system of a prebuilt host need not be here: `install --plan` then takes the plan once --system or the medium tells its path.",
		Args: cobra.NoArgs,
		RunE: does(func(cmd *cobra.Command, _ []string) error {
			p, err := what.plan(cmd)
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), p)
			}
			p.Warnings = append(p.Warnings, what.exposed()...) // not of the plan's JSON, which other answers may be given to
			steps.WritePlan(cmd.OutOrStdout(), p)
			return nil
		}),
	}
	what.register(c)
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// plan makes a plan to be looked at: secrets stand in for those that would be
// asked for, and a name for the system that the medium of a prebuilt host carries.
func (f *installFlags) plan(cmd *cobra.Command) (*steps.Plan, error) {
	host, err := loadHost(f.host)
	if err != nil {
		return nil, err
	}
	a, err := f.answers(host)
	if err != nil {
		return nil, err
	}
	defer a.Wipe()
	if host.LUKS.Enable && a.Passphrase == nil {
		a.Passphrase = []byte("not asked for by a dry run")
	}
	if host.Prebuilt && a.System == "" {
		a.WithoutSystem()
	}
	if a.Disk, err = steps.ChooseDisk(cmd.Context(), f.disk); err != nil {
		return nil, err
	}
	return f.makePlan(&a)
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// width is the terminal's, or that of a plain console.
func width() int {
	if w, _, err := term.GetSize(os.Stdout.Fd()); err == nil && w > 0 {
		return w
	}
	return 80
}

func hostHint() string {
	return "one of: " + strings.Join(hosts.Names(), ", ") + "; or a path to a host.toml"
}

// loadHosts reads hosts that were named, all of them: what is wrong with each is
// in the error, which has the code of the first.
func loadHosts(names []string) ([]hosts.Host, error) {
	var defs []hosts.Host
	var bad problems
	for _, name := range names {
		if name == "" {
			bad.add(steps.Usage(hostHint(), "a host's name is empty"))
			continue
		}
		h, err := loadHost(name)
		bad.add(err)
		defs = append(defs, h)
	}
	return defs, bad.err()
}

// problems are several errors of the operator's input, told together.
type problems []*steps.Error

func (p *problems) add(err error) {
	if err != nil {
		*p = append(*p, asError(err))
	}
}

// err is all of them as one, with the code of the first; nil if there is none.
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
	return &steps.Error{Cause: strings.Join(causes, "\n"), Hint: strings.Join(hints, "; "), Code: p[0].Code}
}

func loadHost(name string) (hosts.Host, error) {
	if name == "" {
		return hosts.Host{}, steps.Usage(hostHint(), "--host is missing")
	}
	h, err := hosts.Load(name)
	if err != nil {
		return hosts.Host{}, steps.HostError(err)
	}
	return h, nil
}
