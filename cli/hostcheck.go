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
		return sys.Usage("name one host", "--facts and --medium are of one host, not of %d", len(names))
	}
	host, err := f.host(names[0])
	if err != nil {
		return err
	}
	var bad problems
	var notes []string
	if f.medium != "" {
		m, err := input("--medium", f.medium, hosts.ParseMedium)
		if err != nil {
			return err
		}
		errs, more := m.Check(host)
		for _, e := range errs {
			bad.add(steps.HostError(e))
		}
		if m.Bundle != "" {
			bad.add(checkBundle(m.Bundle))
		}
		notes = more
	}
	if f.facts != "" {
		own, err := input("--facts", f.facts, facts.Parse)
		if err != nil {
			return err
		}
		c := facts.Compare(host, own, facts.NoMachine)
		for _, m := range c.Mismatches {
			bad.add(&sys.Fault{Cause: m.Problem, Hint: m.Fix, Code: sys.CodeContract})
		}
		notes = append(notes, c.Notes...)
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
	data, err := input("HOST", name, func(data []byte) ([]byte, error) { return data, nil })
	if err != nil {
		return hosts.Host{}, err
	}
	h, err := hosts.Parse("", data)
	if err != nil {
		return h, steps.HostError(err)
	}
	return h, nil
}

// checkBundle refuses a file that is not encrypted: everyone can read the
// medium.
func checkBundle(name string) error {
	file, err := os.Open(name)
	if err == nil {
		defer file.Close()
		_, err = secrets.ReadHeader(file)
	}
	if err != nil {
		return &sys.Fault{
			Cause: "bundle: not an age file", Code: sys.CodeHost,
			Hint: "name the bundle.age that `auto-installer new-host` makes; never put a plain key on a medium",
		}
	}
	return nil
}

// input reads a file of the check.
func input[T any](what, name string, parse func([]byte) (T, error)) (T, error) {
	data, err := os.ReadFile(name)
	var v T
	if err == nil {
		v, err = parse(data)
	}
	if err != nil {
		return v, sys.Usage("name a file that can be read", "%s: %v", what, err)
	}
	return v, nil
}
