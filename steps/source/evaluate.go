package source

import (
	"encoding/json"
	"fmt"

	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
)

// evaluates tells whether the host is evaluated: to build it, or to know what
// its configuration expects.
func (o Options) evaluates() bool {
	return o.System == "" || o.hasRepo() && o.Evaluated != nil
}

// evaluation evaluates the host once for everything that is asked of it, since
// that is what takes long. A prebuilt system needs no network, so neither does
// this.
func (o Options) evaluation() sys.Cmd {
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

// evaluate warns where the sources of a prebuilt system are not on the medium; the
// contract will then miss the facts.
func (o Options) evaluate() engine.Op {
	return engine.Read(o.evaluation(), o.evaluated).Tolerates(func(s sys.System, err error) bool {
		if o.System != "" {
			s.Warn("the host's configuration cannot be evaluated without network: " + err.Error())
		}
		return o.System != ""
	}).Doing("evaluating "+o.Host).Hint(sys.CodeSource,
		fmt.Sprintf("try it on the build machine: nix eval .#nixosConfigurations.%s.config.system.build.toplevel.drvPath", o.Host))
}

func (o Options) evaluated(s sys.System, out []byte) error {
	var got struct {
		DrvPath string          `json:"drvPath"`
		Facts   json.RawMessage `json:"facts"`
	}
	if err := json.Unmarshal(out, &got); err != nil {
		return err
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
