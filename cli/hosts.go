package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"auto-installer/hosts"
	"auto-installer/internal/sys"
	"auto-installer/steps"
)

func hostsCommand() *cobra.Command {
	var check hostCheck
	c := &cobra.Command{
		Use: "hosts [HOST]...", Short: "List the known hosts, or check host definitions",
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

func hostHint() string {
	return "one of: " + strings.Join(hosts.Names(), ", ") + "; or a path to a host.toml"
}

// loadHosts reads all named hosts. Its error has every problem, with the code of the
// first.
func loadHosts(names []string) ([]hosts.Host, error) {
	var defs []hosts.Host
	var bad problems
	for _, name := range names {
		if name == "" {
			bad.add(sys.Usage(hostHint(), "a host name is empty"))
			continue
		}
		h, err := loadHost(name)
		bad.add(err)
		defs = append(defs, h)
	}
	return defs, bad.err()
}

func loadHost(name string) (hosts.Host, error) {
	if name == "" {
		return hosts.Host{}, sys.Usage(hostHint(), "--host is missing")
	}
	h, err := hosts.Load(name)
	if err != nil {
		return hosts.Host{}, steps.HostError(err)
	}
	return h, nil
}
