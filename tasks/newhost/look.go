package newhost

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"auto-installer/internal/engine"
	repogit "auto-installer/internal/git"
	"auto-installer/internal/sys"
	"auto-installer/secrets/keysnix"
)

func (w *work) git(does string, argv ...string) sys.Cmd { return repogit.In(w.repo, does, argv...) }

func (w *work) status() sys.Cmd {
	argv := []string{"status", "--porcelain", "--"}
	for _, name := range []string{w.keys, w.dir()} {
		if name != "" {
			argv = append(argv, name)
		}
	}
	return w.git("look for changes that are not committed", argv...)
}

// lookOps check that the host can be added.
func (w *work) lookOps() []engine.Op {
	return []engine.Op{
		engine.Together(sys.Actions(w.status()), w.clean),
		engine.Do("", w.plainPaths),
		engine.Together(sys.Actions(w.ignored()), w.notIgnored),
		engine.Do("verify that "+w.Host.TargetHost+" does not exist yet", w.isNew),
	}
}

// isNew refuses a host that exists, or with Replace one that does not.
func (w *work) isNew(_ context.Context, s sys.System) error {
	made := ""
	for _, name := range files {
		if _, err := os.Lstat(filepath.Join(w.repo, w.in(name))); err == nil {
			made = w.in(name)
			break
		}
	}
	if made != "" && !w.Replace {
		return sys.Faultf(sys.CodeUsage, "choose another name, or give it new keys with --replace", "%s is there already", made)
	}
	if _, err := w.read("flake.nix"); err != nil {
		return err
	}
	hasKey, err := w.hasKey(s)
	if err == nil && w.Replace && made == "" && !hasKey {
		err = sys.Faultf(sys.CodeUsage, "leave out --replace", "there are no keys of %s to replace", w.Host.TargetHost)
	}
	return err
}

// clean refuses a folder that is not a flake in git, and changes that are not
// committed.
func (w *work) clean(ctx context.Context, s sys.System) error {
	if _, err := os.Stat(filepath.Join(w.repo, "flake.nix")); err != nil {
		return sys.Faultf(sys.CodeUsage, "run it in the config repo, or name that with --repo; `nix flake init -t` makes one from a template",
			"%s is not a flake: %w", w.repo, err)
	}
	dirty, err := s.Output(ctx, w.status())
	if _, is := os.Lstat(filepath.Join(w.repo, ".git")); err != nil && is == nil {
		return sys.Faultf(sys.CodeUsage, "see what "+sys.Quote([]string{"git", "-C", w.repo, "status"})+" says",
			"git cannot read %s: %w", w.repo, err)
	}
	if err != nil {
		return sys.Faultf(sys.CodeUsage, "run `git init` there: flakes see what git knows", "%s is not a git repo: %w", w.repo, err)
	}
	if text := strings.TrimRight(string(dirty), "\n"); text != "" && !w.AllowDirty {
		return sys.Faultf(sys.CodeUsage, "commit them, or say --allow-dirty", "there are changes that are not committed:\n%s", text)
	}
	return nil
}

// hasKey reports whether the keys have one of the host, and refuses that unless it
// is replaced, or the given identity's.
func (w *work) hasKey(s sys.System) (bool, error) {
	name, file := w.Host.TargetHost, w.keys
	if file == "" {
		if w.rules == "" {
			s.Warn("the repo has neither keys.nix nor secrets.nix: the recipient of " + name + " is entered nowhere")
		}
		return false, nil
	}
	src, err := w.read(file)
	if err != nil {
		return false, err
	}
	key, err := keysnix.KeyOf(src, name)
	has := err == nil
	given := w.Identity != nil && key == w.Identity.Recipient()
	if !has || given || w.Replace {
		return has, nil
	}
	return false, sys.Faultf(sys.CodeUsage,
		"choose another name, give it a new key with --replace, or seal the identity that it has with --age-identity",
		"%s has a key of %s already", file, name)
}

// files are those that new-host makes in the host's folder. It may hold others: a
// host's configuration is often written first.
var files = []string{"host.toml", "installer.nix", "bundle.age", "deploy.pub"}

// ignored lists the files that git ignores.
func (w *work) ignored() sys.Cmd {
	argv := []string{"check-ignore", "--no-index", "--"}
	for _, name := range files {
		argv = append(argv, w.in(name))
	}
	c := w.git("verify that git takes the new files", argv...)
	c.Quiet = true
	return c
}

// notIgnored checks that git does not ignore the new files: the flake would not see
// them. git has exit code 1 if it ignores none (git-check-ignore(1)).
func (w *work) notIgnored(ctx context.Context, s sys.System) error {
	out, err := s.Output(ctx, w.ignored())
	if err != nil {
		return ctx.Err()
	}
	return sys.Faultf(sys.CodeUsage, "remove the line that matches from .gitignore: the keys in bundle.age are sealed, and belong in the repo",
		"git ignores %s", strings.Join(strings.Fields(string(out)), ", "))
}

// plainPaths refuses a path of the repo with a symbolic link in it: git adds no file
// beyond one, and the target may lie outside of the repo.
func (w *work) plainPaths(context.Context, sys.System) error {
	for _, name := range []string{w.dir(), w.keys} {
		at := w.repo
		for part := range strings.SplitSeq(name, "/") {
			at = filepath.Join(at, part)
			info, err := os.Lstat(at)
			if err != nil {
				break // it does not exist yet; reading it reports any other failure
			}
			if info.Mode()&os.ModeSymlink != 0 && at != w.repo {
				return sys.Faultf(sys.CodeUsage, "replace it with its target", "%s is a symbolic link, and %s would be changed through it", at, name)
			}
		}
	}
	return nil
}

// read reads a file of the repo that will be edited. If another program changes it,
// nothing is written.
func (w *work) read(name string) ([]byte, error) {
	data, err := w.tx.Read(name)
	if err != nil {
		return nil, sys.Faultf(sys.CodeUsage, "make it a file that can be read", "%w", err)
	}
	w.before[name] = data
	return data, nil
}
