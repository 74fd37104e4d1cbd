package newhost

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"auto-installer/hosts/facts"
	"auto-installer/internal/nix/flake"
	"auto-installer/internal/nix/nixlog"
	"auto-installer/internal/sys"
	"auto-installer/modules"
	"auto-installer/secrets/keysnix"
	"auto-installer/secrets/nixtext"
)

const systemsIn, imagesIn = "nixosConfigurations", "packages.x86_64-linux"

func namesOf(dir, set string) sys.Cmd {
	return flake.Nix(dir, "list the "+set+" of the flake", "eval", "--json", "--no-write-lock-file", flake.Path(dir)+"#"+set, "--apply", "builtins.attrNames")
}

func drvPath(dir, attr string) sys.Cmd {
	return flake.Nix(dir, "evaluate the installer ISO", "eval", "--raw", "--no-write-lock-file", "--log-format", "internal-json", "-v",
		flake.Path(dir)+"#"+attr+".drvPath",
		// seq evaluates all of it and prints nothing.
		"--apply", `path: builtins.seq path ""`)
}

// names are the systems and images of the flake in a copy of the repo, each with
// its set. A flake may have no images.
func names(ctx context.Context, s sys.System, dir string) (all []string, err error) {
	for _, set := range []string{systemsIn, imagesIn} {
		c := namesOf(dir, set)
		c.Quiet, c.Mute = set == imagesIn, set == imagesIn
		out, err := s.Output(ctx, c)
		if err != nil && c.Mute {
			continue
		}
		var list []string
		if err == nil {
			err = json.Unmarshal(out, &list)
		}
		if err != nil {
			return nil, err
		}
		for _, name := range list {
			all = append(all, set+"."+name)
		}
	}
	return all, nil
}

// installers makes sure that the flake has the host's installer, with edits if it lists
// each, and that nix can evaluate that. Without nix to judge the result, lines that have
// no place are left to the user.
func (w *work) installers(ctx context.Context, s sys.System) error {
	if !w.Evaluate && !w.defines() {
		return nil
	}
	var now []string
	if w.Evaluate {
		var err error
		if now, err = names(ctx, s, w.copied); err != nil {
			return sys.Faultf(sys.CodeSource, w.evalHint(), "the flake cannot be evaluated: %w", err)
		}
	}
	src, installer := w.before["flake.nix"], w.Host.TargetHost+"-installer"
	edits := w.flakeEdits(src)
	switch how := shapeOf(src); {
	case slices.Contains(now, systemsIn+"."+installer):
	case how == shapeFolders && w.Evaluate:
		return sys.Faultf(sys.CodeSource,
			"give mkInstallers the folder that the hosts are in: `hosts = ./"+w.HostsDir+";`, or name that with --hosts-dir; or "+w.evalHint(),
			"the flake makes no installer of %s: nixosConfigurations.%s is missing", w.dir(), nixtext.Name(installer))
	case how == shapeFolders:
		if argument := w.hostsArgument(); argument != "" {
			w.flakeHand = []keysnix.HandLine{{Place: "the call of mkInstallers", Text: strings.TrimSpace(argument)}}
		}
	case how == shapeNone, w.Evaluate && len(edits) == 0:
		w.flakeHand = w.callMkInstallers()
	case !w.Evaluate, bytes.Equal(applied(src, edits), src):
		w.draftFlake(s, src, edits)
	default:
		var err error
		if now, err = w.tryFlake(ctx, s, now, edits); err != nil {
			return err
		}
	}
	if !w.Evaluate {
		return nil
	}
	return w.evaluate(ctx, s, now)
}

// evalHint names a file that may be missing: a flake sees only what git knows.
func (w *work) evalHint() string {
	const hint = "correct the flake; or leave the evaluation for later with --no-eval"
	if len(w.unknown) == 0 {
		return hint
	}
	more := ""
	if n := len(w.unknown) - 1; n > 0 {
		more = fmt.Sprintf(" and %d more", n)
	}
	return "a flake sees only what git knows, and so not " + sys.Clean(w.unknown[0]) + more + ": `git add` what is needed. Else " + hint
}

// evaluate evaluates the installer, and compares the host's own configuration with what
// it makes, as the build of the image does. now are the names that the flake has.
func (w *work) evaluate(ctx context.Context, s sys.System, now []string) error {
	host := w.Host.TargetHost
	if slices.Contains(now, systemsIn+"."+host) {
		w.compare(ctx, s)
	} else {
		s.Warn("the flake has no nixosConfigurations." + nixtext.Name(host) + " yet: the installer has nothing to install until it does")
	}
	attr := host + "InstallerIso"
	switch {
	case !slices.Contains(now, systemsIn+"."+host+"-installer"):
		s.Warn("the installer of " + host + " is not evaluated: the flake makes none yet")
		return nil
	case !slices.Contains(now, imagesIn+"."+attr):
		attr = fmt.Sprintf("nixosConfigurations.%q.config.system.build.isoImage", host+"-installer")
	}
	if err := nixlog.Run(ctx, s, drvPath(w.copied, attr)); err != nil {
		return sys.Faultf(sys.CodeSource, w.evalHint(), "the installer of %s cannot be evaluated: %w", host, err)
	}
	s.Log("the installer of " + host + " evaluates")
	return nil
}

// compare warns of what in the host's own configuration the installer will refuse.
func (w *work) compare(ctx context.Context, s sys.System) {
	c := flake.Nix(w.copied, "compare the host's own configuration with what the installer makes", "eval", "--json", "--no-write-lock-file",
		fmt.Sprintf("%s#%s.%q.config", flake.Path(w.copied), systemsIn, w.Host.TargetHost), "--apply", modules.Contract)
	out, err := s.Output(ctx, c)
	var own *facts.Facts
	if err == nil {
		own, err = facts.Parse(out)
	}
	if err != nil {
		s.Warn("the configuration of " + w.Host.TargetHost + " cannot be compared with what the installer makes: " + sys.Clean(err.Error()))
		return
	}
	for _, m := range facts.Compare(w.Host, own, facts.NoMachine).Mismatches {
		s.Warn("the installer will refuse this host: " + m.Problem + "; " + m.Fix)
	}
}

// tryFlake drafts the edits if they change nothing else in the flake. It returns the
// names that the flake has then.
func (w *work) tryFlake(ctx context.Context, s sys.System, before []string, edits []flakeEdit) ([]string, error) {
	src := w.before["flake.nix"]
	if err := writeIn(w.copied, "flake.nix", applied(src, edits)); err != nil {
		return nil, err
	}
	now, why := names(ctx, s, w.copied)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if why == nil {
		why = judgeFlake(w.Host.TargetHost, before, now, edits)
	}
	if why != nil {
		s.Warn("flake.nix is not edited: " + sys.Clean(why.Error()))
		now = before
		for i := range edits {
			edits[i].at = 0
		}
	}
	w.draftFlake(s, src, edits)
	return now, writeIn(w.copied, "flake.nix", applied(src, edits))
}

// judgeFlake compares the names of a flake before and after its edit: the
// installer is new, its image if that is added, and nothing else changes.
func judgeFlake(host string, before, after []string, edits []flakeEdit) error {
	image := imagesIn + "." + host + "InstallerIso"
	want := append(slices.Clone(before), systemsIn+"."+host+"-installer")
	if slices.ContainsFunc(edits, func(e flakeEdit) bool { return e.set == imagesIn && e.at > 0 }) {
		want = append(want, image)
	}
	for _, name := range want {
		if !slices.Contains(after, name) {
			return fmt.Errorf("%s would be missing", name)
		}
	}
	for _, name := range after {
		if !slices.Contains(want, name) && name != image {
			return fmt.Errorf("%s would be new", name)
		}
	}
	return nil
}
