package source

import (
	"encoding/json"
	"fmt"

	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
)

// evaluates returns whether the host is evaluated: to build it, or for its facts.
func (o Options) evaluates() bool {
	return o.System == "" || o.hasRepo() && o.Evaluated != nil
}

// evaluation evaluates the host once for everything, because that is what takes long. For a
// prebuilt system it must not need a network.
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
		// An input that is not locked could differ at the next evaluation.
		"--no-update-lock-file",
	}
	if o.System != "" {
		argv = append(argv, "--offline")
	}
	return sys.Cmd{
		Does: "evaluate the host",
		Argv: append(argv, fmt.Sprintf("git+file://%s#nixosConfigurations.%q.config", o.Dir, o.Host),
			"--apply", "config: { "+asks+"}"),
		Long: "a function that returns its toplevel and its facts",
		Env:  o.Env,
	}
}

// evaluate only warns if the medium lacks the sources of a prebuilt system. The contract is
// then checked without the facts.
func (o Options) evaluate() engine.Op {
	return engine.Read(o.evaluation(), o.evaluated).Tolerates(func(s sys.System, err error) bool {
		if o.System != "" {
			s.Warn("cannot evaluate the host's configuration without a network: " + err.Error())
		}
		return o.System != ""
	}).Doing("evaluating "+o.Host).Hint(sys.CodeSource,
		fmt.Sprintf("try on the build machine: nix eval .#nixosConfigurations.%s.config.system.build.toplevel.drvPath", o.Host))
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
		s.Log(fmt.Sprintf("the size of the system is not known before the build; the root will have %d MiB", o.Room>>20))
	}
	return nil
}
