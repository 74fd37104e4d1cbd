package newhost

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"auto-installer/internal/nix/flake"
	"auto-installer/internal/nix/nixlog"
	"auto-installer/internal/sys"
	"auto-installer/secrets"
	"auto-installer/secrets/nixtext"
)

func nix(dir, does string, argv ...string) sys.Cmd {
	return sys.Cmd{Does: does, Argv: append([]string{"nix", "--extra-experimental-features", "nix-command flakes"}, argv...), Owner: dir}
}

func systems(dir string) sys.Cmd {
	return nix(dir, "see which systems the flake has", "eval", "--json", "--no-write-lock-file", flake.Path(dir)+"#nixosConfigurations",
		"--apply", "builtins.attrNames")
}

func images(dir string) sys.Cmd {
	c := nix(dir, "see which packages the flake has", "eval", "--json", "--no-write-lock-file", flake.Path(dir)+"#packages.x86_64-linux",
		"--apply", "builtins.attrNames")
	c.Quiet, c.Mute = true, true // a flake need not have any
	return c
}

func drvPath(dir, attr string) sys.Cmd {
	return nix(dir, "evaluate the installer ISO", "eval", "--raw", "--no-write-lock-file", "--log-format", "internal-json", "-v",
		flake.Path(dir)+"#"+attr+".drvPath",
		// All of it is evaluated, and nothing printed.
		"--apply", `path: builtins.seq path ""`)
}

// Prove makes a copy of the repo with the drafted files, and sees there that
// the rules give the secrets to the host and that nix can evaluate it.
func Prove(ctx context.Context, s sys.System, o Options) error {
	const where = "nothing was changed; TMPDIR names another folder for it"
	temp, err := filepath.Abs(os.TempDir()) // the next start may remove it, from elsewhere
	if err != nil {
		return sys.WithHint(err, sys.CodeUnexpected, where, "finding a place for a copy of the repo")
	}
	dir := filepath.Join(temp, "auto-installer-"+rand.Text())
	if err := s.Do(ctx, makeCopy(dir), dropCopy(dir)); err != nil {
		return sys.WithHint(err, sys.CodeUnexpected, where, "making a folder for a copy of the repo")
	}
	if err := o.proveIn(ctx, s, dir); err != nil {
		return err
	}
	return s.Unwind(ctx)
}

func makeCopy(dir string) sys.Cmd {
	return sys.Cmd{Does: "make a folder for a copy of the repo", Argv: []string{"mkdir", "-m", "0700", "--", dir}, Quiet: true}
}

func dropCopy(dir string) sys.Cmd {
	return sys.Cmd{Does: "remove the copy of the repo", Argv: []string{"rm", "-rf", "--one-file-system", "--", dir}, Quiet: true}
}

func (o Options) proveIn(ctx context.Context, s sys.System, dir string) error {
	unknown, err := o.copyTo(ctx, s, dir)
	if err != nil {
		return sys.WithHint(err, sys.CodeUnexpected, "nothing was changed; TMPDIR names another folder for it", "copying the repo")
	}
	changed, err := o.enter(ctx, s, dir)
	if err != nil {
		return err
	}
	if err := o.rekey(ctx, s, dir, changed); err != nil {
		return err
	}
	if unknown, err = o.forget(dir, unknown); err != nil {
		return err
	}
	return o.flake(ctx, s, dir, unknown)
}

// copyTo copies the repo, as it is in the work tree, without what git ignores,
// and the draft over it. It returns the files that git does not know.
func (o Options) copyTo(ctx context.Context, s sys.System, dir string) (unknown []string, err error) {
	known, err := o.list(ctx, s, "--cached")
	if err != nil {
		return nil, err
	}
	if unknown, err = o.list(ctx, s, "--others", "--exclude-standard"); err != nil {
		return nil, err
	}
	from, err := os.OpenRoot(o.Repo)
	if err != nil {
		return nil, err
	}
	defer from.Close()
	to, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer to.Close()
	for _, name := range slices.Concat(known, unknown) {
		if err := copyFile(from, to, name); err != nil {
			return nil, err
		}
	}
	// What is evaluated may read its own work tree, which a .git marks.
	if err := os.Mkdir(filepath.Join(dir, ".git"), 0o700); err != nil {
		return nil, err
	}
	return unknown, errors.Join(o.Draft.writeTo(dir), sys.GiveTree(dir, o.Repo))
}

// list is the files of the work tree that git ls-files tells.
func (o Options) list(ctx context.Context, s sys.System, which ...string) ([]string, error) {
	list := git(o, "list the files", append([]string{"ls-files", "-z"}, which...)...)
	list.Quiet = true
	out, err := s.Output(ctx, list)
	if err != nil {
		return nil, err
	}
	return strings.FieldsFunc(string(out), func(r rune) bool { return r == 0 }), nil
}

// forget removes from the copy what a flake does not see: what git will not
// know when the draft is added. That is what it returns.
func (o Options) forget(dir string, unknown []string) ([]string, error) {
	if err := os.Remove(filepath.Join(dir, ".git")); err != nil {
		return nil, err
	}
	unknown = slices.DeleteFunc(unknown, func(name string) bool {
		_, drafted := o.Draft.files[name]
		return drafted
	})
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	for _, name := range unknown {
		if err := root.RemoveAll(name); err != nil {
			return nil, err
		}
		for up := filepath.Dir(name); up != "."; up = filepath.Dir(up) {
			if root.Remove(up) != nil {
				break // it holds more
			}
		}
	}
	return unknown, nil
}

// copyFile copies a file or a link. A folder, which is a repo of its own, is
// left out, as flakes do, and so is what lies beyond a link out of the repo: a
// flake cannot read it either.
func copyFile(from, to *os.Root, name string) error {
	info, err := from.Lstat(name)
	if err != nil || info.IsDir() {
		return beyond(err)
	}
	if err := to.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	if info.Mode()&os.ModeSymlink != 0 {
		if _, err := from.Stat(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		target, err := from.Readlink(name)
		if err != nil {
			return err
		}
		return to.Symlink(target, name)
	}
	if !info.Mode().IsRegular() {
		return nil // git does not know it either
	}
	in, err := from.Open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := to.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, info.Mode().Perm()|0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// beyond is the error of looking at a file, or nil if that is not there, or
// beyond a link out of the root.
func beyond(err error) error {
	if _, ok := errors.AsType[syscall.Errno](err); ok && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
		return err
	}
	return nil
}

// writeTo writes the draft into a copy of the repo.
func (d *Draft) writeTo(dir string) error {
	for name, f := range d.files {
		if err := writeIn(dir, name, f.data); err != nil {
			return err
		}
	}
	return nil
}

// rekey drafts the secrets whose recipients change.
func (o Options) rekey(ctx context.Context, s sys.System, dir string, files []string) error {
	if len(files) == 0 {
		return nil
	}
	changed, err := o.Rekey(ctx, s, dir, files)
	if err != nil {
		return err
	}
	for name, data := range changed {
		if _, err := o.read(name); err != nil {
			return err
		}
		o.Draft.files[name] = draftFile{data: data}
	}
	return errors.Join(o.Draft.writeTo(dir), sys.GiveTree(dir, o.Repo))
}

// flake drafts flake.nix with the host's installer where that lists each by
// hand, and sees that nix can evaluate it. What does not fit is told.
func (o Options) flake(ctx context.Context, s sys.System, dir string, unknown []string) error {
	src := o.Draft.before["flake.nix"]
	how := shapeOf(src)
	edits := []flakeEdit{}
	if how == shapeDefinitions {
		edits = o.flakeEdits(src)
	}
	if !o.Evaluate {
		switch {
		case !o.defines():
		case how == shapeNone:
			o.Draft.flakeHand = o.callMkInstallers()
		case how == shapeFolders && o.hostsArgument() != "":
			o.Draft.flakeHand = []secrets.HandLine{{Place: "the call of mkInstallers", Text: strings.TrimSpace(o.hostsArgument())}}
		default:
			o.draftFlake(s, src, edits)
		}
		return nil
	}
	return o.evaluate(ctx, s, dir, unknown, how, edits)
}

// draftFlake drafts the edits that fit, and notes the others.
func (o Options) draftFlake(s sys.System, src []byte, edits []flakeEdit) {
	if now := applied(src, edits); !bytes.Equal(now, src) {
		tell(s, edits)
		o.Draft.files["flake.nix"] = draftFile{data: now}
	}
	o.Draft.flakeHand = byHand(edits)
}

// names are those of the flake in a copy of the repo. A flake that has no
// packages has none that could change.
func (o Options) names(ctx context.Context, s sys.System, dir string) (n flakeNames, err error) {
	out, err := s.Output(ctx, systems(dir))
	if err == nil {
		err = json.Unmarshal(out, &n.systems)
	}
	if err != nil {
		return n, err
	}
	if out, bad := s.Output(ctx, images(dir)); bad == nil {
		err = json.Unmarshal(out, &n.images)
	}
	return n, err
}

// evaluate sees that the flake has the host's installer, with the edits if it
// has none without, and that nix can evaluate that.
func (o Options) evaluate(ctx context.Context, s sys.System, dir string, unknown []string, how shape, edits []flakeEdit) error {
	hint := "correct the flake; or leave the evaluation for later with --no-eval"
	if len(unknown) > 0 {
		hint = "a flake sees only what git knows, and so not " + sys.Clean(unknown[0])
		if n := len(unknown) - 1; n > 0 {
			hint += fmt.Sprintf(" and %d more", n)
		}
		hint += ": `git add` what is needed. Else correct the flake; or leave the evaluation for later with --no-eval"
	}
	name := o.Host.TargetHost
	before, err := o.names(ctx, s, dir)
	if err != nil {
		return sys.Faultf(sys.CodeSource, hint, "the flake cannot be evaluated: %w", err)
	}
	now := before
	if installer := name + "-installer"; !slices.Contains(before.systems, installer) {
		if how == shapeFolders {
			return sys.Faultf(sys.CodeSource, "give mkInstallers the folder that the hosts are in: `hosts = ./"+o.hosts()+";`, or name that with --hosts-dir; or "+hint,
				"the flake makes no installer of %s: nixosConfigurations.%s is missing", o.dir(), nixtext.Name(installer))
		}
		if now, err = o.tryFlake(ctx, s, dir, before, edits); err != nil {
			return err
		}
	}
	if !slices.Contains(now.systems, name) {
		s.Warn("the flake has no nixosConfigurations." + nixtext.Name(name) + " yet: the installer has nothing to install until it does")
	}
	attr := name + "InstallerIso"
	switch {
	case !slices.Contains(now.systems, name+"-installer"):
		s.Warn("the installer of " + name + " is not evaluated: the flake makes none yet")
		return nil
	case !slices.Contains(now.images, attr):
		attr = fmt.Sprintf("nixosConfigurations.%q.config.system.build.isoImage", name+"-installer")
	}
	if err := nixlog.Run(ctx, s, drvPath(dir, attr)); err != nil {
		return sys.Faultf(sys.CodeSource, hint, "the installer of %s cannot be evaluated: %w", name, err)
	}
	s.Log("the installer of " + name + " evaluates")
	return nil
}

// tryFlake drafts as many of the edits as leave all else in the flake as it
// is. It returns the names that the flake has then.
func (o Options) tryFlake(ctx context.Context, s sys.System, dir string, before flakeNames, edits []flakeEdit) (flakeNames, error) {
	if len(edits) == 0 {
		o.Draft.flakeHand = o.callMkInstallers()
		return before, nil
	}
	src := o.Draft.before["flake.nix"]
	now, why := chooseFlake(o.Host.TargetHost, src, edits, before, func(data []byte) (flakeNames, error) {
		if err := writeIn(dir, "flake.nix", data); err != nil {
			return before, err
		}
		return o.names(ctx, s, dir)
	})
	if ctx.Err() != nil {
		return before, context.Cause(ctx)
	}
	if why != nil {
		s.Warn("flake.nix is not edited so: " + sys.Clean(why.Error()))
	}
	o.draftFlake(s, src, edits)
	return now, writeIn(dir, "flake.nix", applied(src, edits))
}

// chooseFlake marks of the edits those that leave all else in the flake as it
// is: both, or the first alone, or none. It returns the names that the flake has
// then, and why others will not do.
func chooseFlake(host string, src []byte, edits []flakeEdit, before flakeNames, eval func(data []byte) (flakeNames, error)) (now flakeNames, why error) {
	for i := len(edits) - 1; i >= 0; i-- {
		if !edits[i].fits || edits[i].there {
			continue
		}
		now, err := eval(applied(src, edits))
		if err == nil {
			err = judgeFlake(host, before, now, edits[1].fits)
		}
		if err == nil {
			return now, why
		}
		why = cmp.Or(why, err)
		edits[i].fits = false
	}
	return before, why
}
