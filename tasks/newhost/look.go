package newhost

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	repogit "auto-installer/internal/git"
	"auto-installer/internal/sys"
	"auto-installer/internal/worktree"
	"auto-installer/secrets/keysnix"
)

func git(o Options, does string, argv ...string) sys.Cmd { return repogit.In(o.Repo, does, argv...) }

func status(o Options) sys.Cmd {
	argv := []string{"status", "--porcelain", "--"}
	for _, name := range []string{o.keysIn(), o.dir()} {
		if name != "" {
			argv = append(argv, name)
		}
	}
	return git(o, "look for changes that are not committed", argv...)
}

// Look checks that the host can be added.
func Look(ctx context.Context, s sys.System, o Options) error {
	if err := o.clean(ctx, s); err != nil {
		return err
	}
	for _, path := range []string{o.dir(), o.keysIn()} {
		if err := o.plain(path); err != nil {
			return err
		}
	}
	if err := o.known(ctx, s); err != nil {
		return err
	}
	made := o.made()
	if made != "" && !o.Replace && !o.Draft.own {
		return sys.Faultf(sys.CodeUsage, "choose another name, or give it new keys with --replace", "%s is there already", made)
	}
	if _, err := o.read("flake.nix"); err != nil {
		return err
	}
	hasKey, err := o.hasKey(s)
	if err == nil && o.Replace && made == "" && !hasKey {
		err = sys.Faultf(sys.CodeUsage, "leave out --replace", "there are no keys of %s to replace", o.Host.TargetHost)
	}
	return err
}

// clean refuses a folder that is not a flake in git, and changes that are not
// committed, unless a killed run made them.
func (o Options) clean(ctx context.Context, s sys.System) error {
	if _, err := os.Stat(filepath.Join(o.Repo, "flake.nix")); err != nil {
		return sys.Faultf(sys.CodeUsage, "run it in the config repo, or name that with --repo; `nix flake init -t` makes one from a template",
			"%s is not a flake: %w", o.Repo, err)
	}
	dirty, err := s.Output(ctx, status(o))
	if _, is := os.Lstat(filepath.Join(o.Repo, ".git")); err != nil && is == nil {
		return sys.Faultf(sys.CodeUsage, "see what "+sys.Quote([]string{"git", "-C", o.Repo, "status"})+" says", "git cannot read %s: %w", o.Repo, err)
	}
	if err != nil {
		return sys.Faultf(sys.CodeUsage, "run `git init` there: flakes see what git knows", "%s is not a git repo: %w", o.Repo, err)
	}
	if err := o.resume(ctx, s); err != nil {
		return err
	}
	if text := strings.TrimRight(string(dirty), "\n"); text != "" && !o.AllowDirty && !o.Draft.again {
		return sys.Faultf(sys.CodeUsage, "commit them, or say --allow-dirty", "there are changes that are not committed:\n%s", text)
	}
	return nil
}

// hasKey reports whether the keys have one of the host, and refuses that unless it
// is replaced, or the given identity's.
func (o Options) hasKey(s sys.System) (bool, error) {
	name, file := o.Host.TargetHost, o.keysIn()
	if file == "" {
		if o.Rules == "" {
			s.Warn("the repo has neither keys.nix nor secrets.nix: the recipient of " + name + " is entered nowhere")
		}
		return false, nil
	}
	src, err := o.read(file)
	if err != nil {
		return false, err
	}
	key, err := keysnix.KeyOf(src, name)
	if err != nil && !errors.Is(err, keysnix.ErrNoHost) && misshapen(err) == nil {
		return false, sys.Faultf(sys.CodeUsage, "correct it", "%s: %w", file, err)
	}
	has := err == nil
	given := o.Identity != nil && key.Recipient == o.Identity.Recipient()
	if !has || given || o.Replace || o.Draft.own {
		return has, nil
	}
	return false, sys.Faultf(sys.CodeUsage,
		"choose another name, give it a new key with --replace, or seal the identity that it has with --age-identity",
		"%s has a key of %s already", file, name)
}

// unfinished is the mark in the host's folder while its files are written.
const unfinished = ".unfinished"

// resume looks for the mark of a killed run. The host's files are that run's own if
// none of them is committed.
func (o Options) resume(ctx context.Context, s sys.System) error {
	if !worktree.Marked(o.Repo, o.in(unfinished)) {
		return nil
	}
	committed, err := o.committed(ctx, s)
	if err != nil {
		return err
	}
	o.Draft.own = !committed
	o.Draft.again = o.Draft.own || o.Replace
	if o.Draft.again {
		s.Log("an earlier run was interrupted while it wrote the files of " + o.Host.TargetHost + "; this one writes them again")
	}
	return nil
}

// committed reports whether HEAD has a file or a key of the host.
func (o Options) committed(ctx context.Context, s sys.System) (bool, error) {
	keys := o.keysIn()
	var paths []string
	for _, name := range files {
		paths = append(paths, o.in(name))
	}
	if keys != "" {
		paths = append(paths, keys)
	}
	ask := func(does string, argv ...string) ([]byte, error) {
		c := git(o, does, argv...)
		c.Quiet = true
		out, err := s.Output(ctx, c)
		if err != nil {
			return nil, sys.WithHint(err, sys.CodeUsage, "see what `git status` says", "git cannot say what is committed")
		}
		return out, nil
	}
	argv := []string{"status", "--porcelain", "-z", "--no-renames", "--untracked-files=all", "--"}
	out, err := ask("see what of the host is committed", append(argv, paths...)...)
	if err != nil {
		return false, err
	}
	added := map[string]bool{} // XY PATH (git-status(1), "Short Format")
	for line := range strings.SplitSeq(string(out), "\x00") {
		if len(line) > 3 && (strings.HasPrefix(line, "??") || strings.Contains(line[:2], "A")) {
			added[line[3:]] = true
		}
	}
	for _, name := range paths {
		if _, err := os.Lstat(filepath.Join(o.Repo, name)); err == nil && !added[name] && name != keys {
			return true, nil
		}
	}
	if keys == "" || added[keys] {
		return false, nil
	}
	if out, err = ask("read the keys that are committed", "show", "HEAD:"+keys); err != nil {
		return false, err
	}
	_, err = keysnix.KeyOf(out, o.Host.TargetHost)
	return err == nil, nil
}

// files are those that new-host makes in the host's folder. It may hold others: a
// host's configuration is often written first.
var files = []string{"host.toml", "installer.nix", "bundle.age", "deploy.pub"}

// made is the first of them that exists, or empty.
func (o Options) made() string {
	for _, name := range files {
		if _, err := os.Lstat(filepath.Join(o.Repo, o.in(name))); err == nil {
			return o.in(name)
		}
	}
	return ""
}

// ignored lists the files that git ignores.
func ignored(o Options) sys.Cmd {
	argv := []string{"check-ignore", "--no-index", "--"}
	for _, name := range files {
		argv = append(argv, o.in(name))
	}
	c := git(o, "see that git takes the new files", argv...)
	c.Quiet = true
	return c
}

// known checks that git does not ignore the new files: the flake would not see
// them. git has exit code 1 if it ignores none (git-check-ignore(1)).
func (o Options) known(ctx context.Context, s sys.System) error {
	out, err := s.Output(ctx, ignored(o))
	if err != nil {
		return ctx.Err()
	}
	return sys.Faultf(sys.CodeUsage, "remove the line that matches from .gitignore: the keys in bundle.age are sealed, and belong in the repo",
		"git ignores %s", strings.Join(strings.Fields(string(out)), ", "))
}

// maxFile bounds a file of the repo that is edited, in bytes.
const maxFile = 64 << 20

// plain refuses a path of the repo with a symbolic link in it: git adds no file
// beyond one, and the target may lie outside of the repo.
func (o Options) plain(name string) error {
	at := o.Repo
	for part := range strings.SplitSeq(name, "/") {
		at = filepath.Join(at, part)
		info, err := os.Lstat(at)
		if err != nil {
			return nil // it does not exist yet; reading it reports any other failure
		}
		if info.Mode()&os.ModeSymlink != 0 && at != o.Repo {
			return sys.Faultf(sys.CodeUsage, "replace it with its target", "%s is a symbolic link, and %s would be changed through it", at, name)
		}
	}
	return nil
}

// read reads a file of the repo that will be edited.
func (o Options) read(name string) ([]byte, error) {
	data, err := sys.ReadRegular(filepath.Join(o.Repo, name), maxFile)
	if err != nil {
		return nil, sys.Faultf(sys.CodeUsage, "make it a file that can be read", "%w", err)
	}
	o.Draft.before[name] = data
	return data, nil
}

// misshapen is the error of a keys.nix with an unknown shape, or nil.
func misshapen(err error) *keysnix.ShapeError {
	e, _ := errors.AsType[*keysnix.ShapeError](err)
	return e
}
