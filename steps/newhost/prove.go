package newhost

import (
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

	"auto-installer/steps/internal/flake"
	"auto-installer/steps/internal/nixlog"
	"auto-installer/steps/internal/sys"
)

func nix(dir, does string, argv ...string) sys.Cmd {
	return sys.Cmd{Does: does, Argv: append([]string{"nix", "--extra-experimental-features", "nix-command flakes"}, argv...), Owner: dir}
}

func configurations(o Options, dir string) sys.Cmd {
	return nix(dir, "see that the flake has the host", "eval", "--json", "--no-write-lock-file", flake.Path(dir)+"#nixosConfigurations",
		"--apply", fmt.Sprintf("c: { host = c ? %q; installer = c ? %q; }", o.Host.TargetHost, o.Host.TargetHost+"-installer"))
}

func drvPath(o Options, dir string) sys.Cmd {
	return nix(dir, "evaluate the installer ISO", "eval", "--raw", "--no-write-lock-file", "--log-format", "internal-json", "-v",
		flake.Path(dir)+"#"+o.Host.TargetHost+"InstallerIso.drvPath",
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
	if err := o.rekey(ctx, s, dir); err != nil {
		return err
	}
	if !o.Evaluate {
		return nil
	}
	if unknown, err = o.forget(dir, unknown); err != nil {
		return err
	}
	return o.evaluate(ctx, s, dir, unknown)
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

// writeTo writes the draft into a copy of the repo, and never through a link
// out of it: that would lead to where the repo's own links lead.
func (d *Draft) writeTo(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for name, f := range d.files {
		if err := root.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			return err
		}
		if err := root.WriteFile(name, f.data, 0o600); err != nil {
			return sys.Faultf(sys.CodeUsage, "put a plain file there, within the repo", "%s is no place to write to: %w", name, err)
		}
	}
	return nil
}

// rekey drafts the secrets whose recipients change.
func (o Options) rekey(ctx context.Context, s sys.System, dir string) error {
	if o.Rules == "" {
		return nil
	}
	changed, err := o.Rekey(ctx, s, dir)
	if err != nil {
		return err
	}
	for name, data := range changed {
		if _, err := o.read(name); err != nil {
			return err
		}
		o.Draft.files[name] = file{data: data}
	}
	return errors.Join(o.Draft.writeTo(dir), sys.GiveTree(dir, o.Repo))
}

// evaluate sees that the flake has the host and its installer.
func (o Options) evaluate(ctx context.Context, s sys.System, dir string, unknown []string) error {
	hint := "correct the flake; or leave the evaluation for later with --no-eval"
	if len(unknown) > 0 {
		hint = "a flake sees only what git knows, and so not " + sys.Clean(unknown[0])
		if n := len(unknown) - 1; n > 0 {
			hint += fmt.Sprintf(" and %d more", n)
		}
		hint += ": `git add` what is needed. Else correct the flake; or leave the evaluation for later with --no-eval"
	}
	name := o.Host.TargetHost
	out, err := s.Output(ctx, configurations(o, dir))
	if err != nil {
		return sys.Faultf(sys.CodeSource, hint, "the flake cannot be evaluated: %w", err)
	}
	var has struct{ Host, Installer bool }
	if err := json.Unmarshal(out, &has); err != nil {
		return sys.Faultf(sys.CodeSource, hint, "the flake's nixosConfigurations: %w", err)
	}
	if !has.Host {
		s.Warn("the flake has no nixosConfigurations." + name + " yet: the installer has nothing to install until it does")
	}
	if !has.Installer {
		return sys.Faultf(sys.CodeSource, hint, "the flake makes no installer of hosts/%s: nixosConfigurations.%s-installer is missing", name, name)
	}
	if err := nixlog.Run(ctx, s, drvPath(o, dir)); err != nil {
		return sys.Faultf(sys.CodeSource, hint, "the installer of %s cannot be evaluated: %w", name, err)
	}
	s.Log("the installer of " + name + " evaluates")
	return nil
}
