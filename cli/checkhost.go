package cli

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"auto-installer/hosts"
	"auto-installer/hosts/facts"
	"auto-installer/internal/sys"
	"auto-installer/secrets"
	"auto-installer/steps"
)

// hostCheck is what `hosts` compares a host with. The build of an installer ISO
// gives both files; see modules/installer.nix.
type hostCheck struct {
	facts  string // file with the facts of the host's own configuration
	medium string // file with the options of the host's medium
}

func (f *hostCheck) register(c *cobra.Command) {
	c.Flags().StringVar(&f.facts, "facts", "", "compare the host with its own configuration: the JSON that modules/contract.nix makes of it")
	c.Flags().StringVar(&f.medium, "medium", "", "check the options of the host's installer medium too: JSON")
}

func (f *hostCheck) asked() bool { return f.facts != "" || f.medium != "" }

// run checks one host, and reports every mismatch together.
func (f *hostCheck) run(cmd *cobra.Command, names []string) error {
	if len(names) != 1 {
		return steps.Usage("name one host", "--facts and --medium are of one host, not of %d", len(names))
	}
	host, err := f.host(names[0])
	if err != nil {
		return err
	}
	var bad problems
	var notes []string
	if f.medium != "" {
		notes = checkMedium(f.medium, host, &bad)
	}
	if f.facts != "" {
		notes = append(notes, compareFacts(f.facts, host, &bad)...)
	}
	for _, n := range notes {
		fmt.Fprintln(cmd.ErrOrStderr(), "warning: "+n)
	}
	if err := bad.err(); err != nil {
		return err
	}
	fmt.Fprintln(cmd.OutOrStdout(), host.TargetHost)
	return nil
}

// host reads a definition. The one that comes with a medium is rendered from
// the module's options, so its lines are not the user's.
func (f *hostCheck) host(name string) (hosts.Host, error) {
	if f.medium == "" {
		return loadHost(name)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return hosts.Host{}, unreadable("HOST", err)
	}
	h, err := hosts.Parse("", data)
	if err != nil {
		return h, steps.HostError(err)
	}
	return h, nil
}

func checkMedium(name string, h hosts.Host, bad *problems) (notes []string) {
	data, err := os.ReadFile(name)
	if err != nil {
		bad.add(unreadable("--medium", err))
		return nil
	}
	m, err := hosts.ParseMedium(data)
	if err != nil {
		bad.add(unreadable("--medium", err))
		return nil
	}
	errs, notes := m.Check(h)
	for _, e := range errs {
		bad.add(steps.HostError(e))
	}
	if m.Bundle != "" {
		bad.add(checkBundle(m.Bundle))
	}
	return notes
}

// checkBundle refuses a file that is not encrypted: everyone can read the
// medium.
func checkBundle(name string) error {
	file, err := os.Open(name)
	if err != nil {
		return unreadable("bundle", err)
	}
	defer file.Close()
	if _, err := secrets.ReadHeader(file); err != nil {
		return &steps.Error{
			Cause: "bundle: is not an age file", Code: sys.CodeHost,
			Hint: "name the bundle.age that `auto-installer new-host` makes; never put a plain key on a medium",
		}
	}
	return nil
}

func compareFacts(name string, h hosts.Host, bad *problems) (notes []string) {
	data, err := os.ReadFile(name)
	if err != nil {
		bad.add(unreadable("--facts", err))
		return nil
	}
	f, err := facts.Parse(data)
	if err != nil {
		bad.add(unreadable("--facts", err))
		return nil
	}
	c := facts.Compare(facts.MadeOf(h), f, facts.NoMachine)
	for _, m := range c.Mismatches {
		bad.add(&steps.Error{Cause: m.Problem, Hint: m.Fix, Code: sys.CodeContract})
	}
	return c.Notes
}

func unreadable(what string, err error) error {
	return steps.Usage("name a file that can be read", "%s: %v", what, err)
}
