package source

import (
	"context"
	"encoding/json"
	"fmt"

	"auto-installer/internal/sys"
)

// evaluates tells whether the host is evaluated: to build it, or to know what
// its configuration expects.
func (o Options) evaluates() bool {
	return o.System == "" || o.hasRepo() && o.Evaluated != nil
}

// evaluate looks at the host once for all that is asked of it, since that is
// what takes long. A prebuilt system needs no network, so neither does this.
func evaluate(o Options) sys.Cmd {
	asks := ""
	if o.System == "" {
		asks += "drvPath = config.system.build.toplevel.drvPath; "
	}
	if o.Evaluated != nil {
		asks += "facts = (" + o.Facts + ") config; "
	}
	argv := []string{
		"nix", "--extra-experimental-features", "nix-command flakes", "eval", "--json",
		// What is not locked in the repo would differ at the next look.
		"--no-update-lock-file",
	}
	if o.System != "" {
		argv = append(argv, "--offline")
	}
	return sys.Cmd{
		Does: "evaluate the host",
		Argv: append(argv, fmt.Sprintf("git+file://%s#nixosConfigurations.%q.config", o.Dir, o.Host),
			"--apply", "config: { "+asks+"}"),
		Long: "a function for its toplevel and what it expects of the disk",
		Env:  o.Env,
	}
}

// look evaluates. Of a prebuilt system nothing is built by it: where its
// sources are not on the medium, that is said, and the contract will miss it.
func look(ctx context.Context, s sys.System, o Options) error {
	out, err := s.Output(ctx, evaluate(o))
	if err != nil && ctx.Err() == nil && o.System != "" {
		s.Warn("the host's configuration cannot be evaluated without network: " + err.Error())
		return nil
	}
	var got struct {
		DrvPath string          `json:"drvPath"`
		Facts   json.RawMessage `json:"facts"`
	}
	if err == nil {
		err = json.Unmarshal(out, &got)
	}
	if err != nil {
		return sys.WithHint(err, sys.CodeSource,
			fmt.Sprintf("try it on the build machine: nix eval .#nixosConfigurations.%s.config.system.build.toplevel.drvPath", o.Host),
			"evaluating "+o.Host)
	}
	if o.Evaluated != nil {
		*o.Evaluated = got.Facts
	}
	if o.System == "" {
		s.Log(o.Host + " evaluates to " + got.DrvPath)
		s.Log(fmt.Sprintf("how much room it needs is not known before it is built; the root will have %d MiB", o.Room>>20))
	}
	return nil
}
