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
	"auto-installer/secrets"
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

// Look sees that the host can be added.
func Look(ctx context.Context, s sys.System, o Options) error {
	name := o.Host.TargetHost
	if _, err := os.Stat(filepath.Join(o.Repo, "flake.nix")); err != nil {
		return sys.Faultf(sys.CodeUsage, "run it in the config repo, or name that with --repo; `nix flake init -t` makes one from a template",
			"%s is not a flake: %w", o.Repo, err)
	}
	dirty, err := s.Output(ctx, status(o))
	if _, is := os.Lstat(filepath.Join(o.Repo, ".git")); err != nil && is == nil {
		return sys.Faultf(sys.CodeUsage, "see what "+sys.Quote([]string{"git", "-C", o.Repo, "status"})+" says", "git does not tell what is committed in %s: %w", o.Repo, err)
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
	file := o.keysIn()
	if file == "" {
		if o.Rules == "" {
			s.Warn("the repo has neither keys.nix nor secrets.nix: the recipient of " + name + " is entered nowhere")
		}
		return o.replaceable(made != "")
	}
	src, err := o.read(file)
	if err != nil {
		return err
	}
	switch key, err := secrets.KeyOf(src, name); {
	case err == nil && o.Identity != nil && key.Recipient == o.Identity.Recipient():
		return nil // it is sealed, and nothing is to be entered
	case err == nil && !o.Replace && !o.Draft.own:
		return sys.Faultf(sys.CodeUsage, "choose another name, give it a new key with --replace, or seal the identity that it has with --age-identity",
			"%s has a key of %s already", file, name)
	case err == nil:
		return nil
	case !errors.Is(err, secrets.ErrNoHost) && misshapen(err) == nil:
		return sys.Faultf(sys.CodeUsage, "correct it", "%s: %w", file, err)
	}
	return o.replaceable(made != "")
}

// unfinished is the mark in the host's folder while its files are written.
const unfinished = ".unfinished"

// resume sees whether a killed run left its mark, and whether what it left is all
// its own: nothing of the host is committed. Nothing is read from the mark.
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
		s.Log("an earlier run was interrupted while it wrote the files of " + o.Host.TargetHost + ": they are made once more")
	}
	return nil
}

// committed tells whether HEAD has a file or a key of the host.
func (o Options) committed(ctx context.Context, s sys.System) (bool, error) {
	keys := o.keysIn()
	const hint = "see what `git status` says"
	argv := []string{"status", "--porcelain", "-z", "--no-renames", "--untracked-files=all", "--"}
	paths := []string{}
	for _, name := range files {
		paths = append(paths, o.in(name))
	}
	if keys != "" {
		paths = append(paths, keys)
	}
	c := git(o, "see what of the host is committed", append(argv, paths...)...)
	c.Quiet = true
	out, err := s.Output(ctx, c)
	if err != nil {
		return false, sys.WithHint(err, sys.CodeUsage, hint, "git does not tell what is committed")
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
	show := git(o, "read the keys that are committed", "show", "HEAD:"+keys)
	show.Quiet = true
	if out, err = s.Output(ctx, show); err != nil {
		return false, sys.WithHint(err, sys.CodeUsage, hint, "git does not tell which keys are committed")
	}
	_, err = secrets.KeyOf(out, o.Host.TargetHost)
	return err == nil, nil
}

// files are those that new-host makes in the host's folder. Others may be there
// already: a host's configuration is often written first.
var files = []string{"host.toml", "installer.nix", "bundle.age", "deploy.pub"}

// made is the first of them that is there already, or empty.
func (o Options) made() string {
	for _, name := range files {
		if _, err := os.Lstat(filepath.Join(o.Repo, o.in(name))); err == nil {
			return o.in(name)
		}
	}
	return ""
}

// replaceable refuses to replace what is not there.
func (o Options) replaceable(there bool) error {
	if o.Replace && !there {
		return sys.Faultf(sys.CodeUsage, "leave out --replace", "there are no keys of %s that could be replaced", o.Host.TargetHost)
	}
	return nil
}

// ignored lists which of the files git would not take.
func ignored(o Options) sys.Cmd {
	argv := []string{"check-ignore", "--no-index", "--"}
	for _, name := range files {
		argv = append(argv, o.in(name))
	}
	c := git(o, "see that git takes the new files", argv...)
	c.Quiet = true
	return c
}

// known sees that no .gitignore keeps the new files out of the repo: the flake
// would not see them. git has exit code 1 if none does (git-check-ignore(1)).
func (o Options) known(ctx context.Context, s sys.System) error {
	out, err := s.Output(ctx, ignored(o))
	if err != nil {
		return ctx.Err()
	}
	return sys.Faultf(sys.CodeUsage, "take the line that matches out of .gitignore: the keys in bundle.age are sealed, and belong into the repo",
		"git ignores %s", strings.Join(strings.Fields(string(out)), ", "))
}

// maxFile bounds a file of the repo that is edited, in bytes.
const maxFile = 64 << 20

// plain refuses a path of the repo in which there is a symbolic link: git takes
// no file beyond one, and what lies outside of the repo is not ours to change.
func (o Options) plain(name string) error {
	if name == "" {
		return nil
	}
	at := o.Repo
	for part := range strings.SplitSeq(name, "/") {
		at = filepath.Join(at, part)
		info, err := os.Lstat(at)
		if err != nil {
			return nil // it is to be made; any other failure shows when it is read
		}
		if info.Mode()&os.ModeSymlink != 0 {
			return sys.Faultf(sys.CodeUsage, "put in its place what it leads to", "%s is a symbolic link, and %s would be changed through it", at, name)
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

// misshapen is the error of a keys.nix whose shape is not understood, or nil.
func misshapen(err error) *secrets.ShapeError {
	e, _ := errors.AsType[*secrets.ShapeError](err)
	return e
}
