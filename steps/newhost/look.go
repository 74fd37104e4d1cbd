package newhost

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"auto-installer/secrets"
	"auto-installer/steps/internal/sys"
)

func git(o Options, does string, argv ...string) sys.Cmd {
	return sys.Cmd{Does: does, Argv: append([]string{"git", "-C", o.Repo}, argv...)}
}

func status(o Options) sys.Cmd {
	argv := []string{"status", "--porcelain", "--"}
	for _, name := range []string{o.Keys, o.dir()} {
		if name != "" {
			argv = append(argv, name)
		}
	}
	return git(o, "look for changes that are not committed", argv...)
}

// Look sees that the host can be added.
func Look(ctx context.Context, s sys.System, o Options) error {
	name := o.Host.TargetHost
	if _, err := os.Stat(filepath.Join(o.Repo, "flake.nix")); err != nil {
		return sys.Faultf(sys.CodeUsage, "run it in the config repo, or name that with --repo; `nix flake init -t` makes one from a template",
			"%s is not a flake: %w", o.Repo, err)
	}
	dirty, err := s.Output(ctx, status(o))
	if err != nil {
		return sys.Faultf(sys.CodeUsage, "run `git init` there: flakes see what git knows", "%s is not a git repo: %w", o.Repo, err)
	}
	if text := strings.TrimRight(string(dirty), "\n"); text != "" && !o.AllowDirty {
		return sys.Faultf(sys.CodeUsage, "commit them, or say --allow-dirty", "there are changes that are not committed:\n%s", text)
	}
	_, err = os.Lstat(filepath.Join(o.Repo, o.dir()))
	there := err == nil
	switch {
	case there && !o.Replace:
		return sys.Faultf(sys.CodeUsage, "choose another name, or give it new keys with --replace", "%s is there already", o.dir())
	case !there && o.Replace:
		return sys.Faultf(sys.CodeUsage, "leave out --replace", "there is no %s whose keys could be replaced", o.dir())
	}
	if o.Keys == "" {
		s.Warn("there is no keys.nix: the recipient of " + name + " is entered nowhere")
		return nil
	}
	src, err := o.read(o.Keys)
	if err != nil {
		return err
	}
	switch _, err := secrets.KeyOf(src, name); {
	case err == nil && !o.Replace:
		return sys.Faultf(sys.CodeUsage, "choose another name, or give it a new key with --replace", "%s has a key of %s already", o.Keys, name)
	case err != nil && !errors.Is(err, secrets.ErrNoHost):
		return shape(o, err)
	}
	return nil
}

// read reads a file of the repo that will be edited.
func (o Options) read(name string) ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(o.Repo, name))
	if err != nil {
		return nil, sys.Faultf(sys.CodeUsage, "make it a file that can be read", "%w", err)
	}
	o.Draft.before[name] = data
	return data, nil
}

// shape is the error of a keys.nix that cannot be edited.
func shape(o Options, err error) error {
	hint := "edit it by hand, and run this again with the key in it"
	if e, ok := errors.AsType[*secrets.ShapeError](err); ok {
		where := o.Keys
		if e.Line > 0 {
			where = fmt.Sprintf("%s:%d", o.Keys, e.Line)
		}
		if len(e.ByHand) > 0 {
			hint = "nothing was changed; what belongs there is:\n" + strings.Join(e.ByHand, "\n")
		}
		return sys.Faultf(sys.CodeUsage, hint, "%s is not understood: %s", where, e.Why)
	}
	return sys.Faultf(sys.CodeUsage, hint, "%s: %w", o.Keys, err)
}
