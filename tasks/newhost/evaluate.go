package newhost

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"auto-installer/internal/nix/flake"
	"auto-installer/internal/nix/nixlog"
	"auto-installer/internal/sys"
	"auto-installer/secrets/keysnix"
	"auto-installer/secrets/nixtext"
)

func nix(dir, does string, argv ...string) sys.Cmd {
	return sys.Cmd{Does: does, Argv: append([]string{"nix", "--extra-experimental-features", "nix-command flakes"}, argv...), Owner: dir}
}

func namesOf(dir, does, set string) sys.Cmd {
	return nix(dir, does, "eval", "--json", "--no-write-lock-file", flake.Path(dir)+"#"+set, "--apply", "builtins.attrNames")
}

const systemsIn, imagesIn = "nixosConfigurations", "packages.x86_64-linux"

func systems(dir string) sys.Cmd { return namesOf(dir, "see which systems the flake has", systemsIn) }

func drvPath(dir, attr string) sys.Cmd {
	return nix(dir, "evaluate the installer ISO", "eval", "--raw", "--no-write-lock-file", "--log-format", "internal-json", "-v",
		flake.Path(dir)+"#"+attr+".drvPath",
		// seq evaluates all of it and prints nothing.
		"--apply", `path: builtins.seq path ""`)
}

// names are the systems and images of the flake in a copy of the repo, each with
// its set. A flake may have no images.
func names(ctx context.Context, s sys.System, dir string) (all []string, err error) {
	images := namesOf(dir, "see which packages the flake has", imagesIn)
	images.Quiet, images.Mute = true, true
	for _, c := range []struct {
		set string
		cmd sys.Cmd
	}{{systemsIn, systems(dir)}, {imagesIn, images}} {
		out, err := s.Output(ctx, c.cmd)
		if err != nil && c.cmd.Mute {
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
			all = append(all, c.set+"."+name)
		}
	}
	return all, nil
}

// flake drafts the host's installer in a flake.nix that lists each. Without nix to
// judge the result, lines that have no place are left to the user.
func (w *work) flake(_ context.Context, s sys.System) error {
	src := w.before["flake.nix"]
	how := shapeOf(src)
	switch {
	case w.Evaluate, !w.defines():
	case how == shapeNone:
		w.flakeHand = w.callMkInstallers()
	case how == shapeFolders && w.hostsArgument() != "":
		w.flakeHand = []keysnix.HandLine{{Place: "the call of mkInstallers", Text: strings.TrimSpace(w.hostsArgument())}}
	case how == shapeDefinitions:
		w.draftFlake(s, src, w.flakeEdits(src))
	}
	return nil
}

// evaluate verifies that the flake has the host's installer, with the edits if it
// lacks it, and that nix can evaluate that.
func (w *work) evaluate(ctx context.Context, s sys.System) error {
	if !w.Evaluate {
		return nil
	}
	hint := "correct the flake; or leave the evaluation for later with --no-eval"
	if len(w.unknown) > 0 {
		hint = "a flake sees only what git knows, and so not " + sys.Clean(w.unknown[0])
		if n := len(w.unknown) - 1; n > 0 {
			hint += fmt.Sprintf(" and %d more", n)
		}
		hint += ": `git add` what is needed. Else correct the flake; or leave the evaluation for later with --no-eval"
	}
	host := w.Host.TargetHost
	installer, image := host+"-installer", host+"InstallerIso"
	now, err := names(ctx, s, w.copied)
	if err != nil {
		return sys.Faultf(sys.CodeSource, hint, "the flake cannot be evaluated: %w", err)
	}
	if !slices.Contains(now, systemsIn+"."+installer) {
		src := w.before["flake.nix"]
		how := shapeOf(src)
		edits := w.flakeEdits(src)
		switch {
		case how == shapeFolders:
			return sys.Faultf(sys.CodeSource,
				"give mkInstallers the folder that the hosts are in: `hosts = ./"+w.HostsDir+";`, or name that with --hosts-dir; or "+hint,
				"the flake makes no installer of %s: nixosConfigurations.%s is missing", w.dir(), nixtext.Name(installer))
		case how == shapeNone || len(edits) == 0:
			w.flakeHand = w.callMkInstallers()
		default:
			if now, err = w.tryFlake(ctx, s, now, edits); err != nil {
				return err
			}
		}
	}
	if !slices.Contains(now, systemsIn+"."+host) {
		s.Warn("the flake has no nixosConfigurations." + nixtext.Name(host) + " yet: the installer has nothing to install until it does")
	}
	attr := image
	switch {
	case !slices.Contains(now, systemsIn+"."+installer):
		s.Warn("the installer of " + host + " is not evaluated: the flake makes none yet")
		return nil
	case !slices.Contains(now, imagesIn+"."+image):
		attr = fmt.Sprintf("nixosConfigurations.%q.config.system.build.isoImage", installer)
	}
	if err := nixlog.Run(ctx, s, drvPath(w.copied, attr)); err != nil {
		return sys.Faultf(sys.CodeSource, hint, "the installer of %s cannot be evaluated: %w", host, err)
	}
	s.Log("the installer of " + host + " evaluates")
	return nil
}

// tryFlake drafts the edits that change nothing else in the flake. It returns the
// names that the flake has then.
func (w *work) tryFlake(ctx context.Context, s sys.System, before []string, edits []flakeEdit) ([]string, error) {
	src := w.before["flake.nix"]
	now, why := chooseFlake(w.Host.TargetHost, src, edits, before, func(data []byte) ([]string, error) {
		if err := writeIn(w.copied, "flake.nix", data); err != nil {
			return nil, err
		}
		return names(ctx, s, w.copied)
	})
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if why != nil {
		s.Warn("flake.nix is not edited so: " + sys.Clean(why.Error()))
	}
	w.draftFlake(s, src, edits)
	return now, writeIn(w.copied, "flake.nix", applied(src, edits))
}

// chooseFlake tries all edits, then one less, and takes their place from those
// that change something else. It returns the names that the flake has then, and
// the first fault of an edit.
func chooseFlake(
	host string, src []byte, edits []flakeEdit, before []string, eval func(data []byte) ([]string, error),
) (now []string, why error) {
	for i := len(edits) - 1; i >= 0; i-- {
		if edits[i].at == 0 {
			continue
		}
		now, err := eval(applied(src, edits))
		if err == nil {
			err = judgeFlake(host, before, now, edits)
		}
		if err == nil {
			return now, why
		}
		why = cmp.Or(why, err)
		edits[i].at = 0
	}
	return before, why
}

// judgeFlake compares the names of a flake before and after its edit: the
// installer is new, its image if that is added, and nothing else changes.
func judgeFlake(host string, before, after []string, edits []flakeEdit) error {
	installer, image := systemsIn+"."+host+"-installer", imagesIn+"."+host+"InstallerIso"
	for _, name := range before {
		if !slices.Contains(after, name) {
			return fmt.Errorf("%s would be gone", name)
		}
	}
	for _, name := range after {
		if !slices.Contains(before, name) && name != installer && name != image {
			return fmt.Errorf("%s would be new", name)
		}
	}
	adds := []string{installer}
	if slices.ContainsFunc(edits, func(e flakeEdit) bool { return e.set == imagesIn && e.at > 0 }) {
		adds = append(adds, image)
	}
	for _, name := range adds {
		if !slices.Contains(after, name) {
			return fmt.Errorf("%s would be missing", name)
		}
	}
	return nil
}
