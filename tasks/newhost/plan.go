package newhost

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"

	"auto-installer/hosts"
	"auto-installer/internal/agenix"
	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
	"auto-installer/internal/worktree"
	"auto-installer/secrets"
	"auto-installer/secrets/keysnix"
	"auto-installer/secrets/nixtext"
	"auto-installer/tasks/rekey"
)

// Request is what new-host is told.
type Request struct {
	Dir        string // in the config repo
	Host       hosts.Host
	HostsDir   string            // of all hosts, below the repo
	Identity   *secrets.Identity // the host's, if it has one already
	Passphrase []byte            // to seal the keys with, or nil
	Recipients []*secrets.Recipient
	Held       []*secrets.Held // keys that open the secrets
	Replace    bool
	AllowDirty bool
	Evaluate   bool
	// Looking: nothing is to be done after all.
	Looking bool
}

// Plan adds a host to a config repo. The error is an *Error.
func Plan(n Request) (*engine.Task, error) {
	root, err := worktree.Root(n.Dir)
	if err != nil {
		return nil, engine.Usage("name a folder that is there", "--repo: %v", err)
	}
	var lock *os.File
	if !n.Looking {
		if lock, err = worktree.Lock(root); err != nil {
			return nil, engine.NewError("", err)
		}
	}
	rulesAt := rulesFile(root)
	o := Options{
		Repo: root, Host: n.Host, HostsDir: n.HostsDir, Identity: n.Identity, Keys: keysFile(root, rulesAt), Rules: rulesAt,
		Passphrase: n.Passphrase, Recipients: n.Recipients, Replace: n.Replace, AllowDirty: n.AllowDirty, Evaluate: n.Evaluate,
		Draft: NewDraft(),
	}
	o.Rekey = func(ctx context.Context, s sys.System, dir string, files []string) (map[string][]byte, error) {
		return n.rekey(ctx, s, root, dir, o.Rules, files)
	}
	name := n.Host.TargetHost
	verb := "adding "
	if n.Replace {
		verb = "new keys for "
	}
	p := engine.NewTask(verb+name+" to "+root,
		engine.NewStep("look", "see that it can be added", engine.Check, engine.Whole(o, LookActions, Look)),
		engine.NewStep("keys", "make its keys and seal them, write its definition", engine.Check, engine.Whole(o, MakeActions, Make)),
		engine.NewStep("prove", "enter its key, re-encrypt its secrets, evaluate the result", engine.Check, engine.Whole(o, ProveActions, Prove)),
		engine.NewStep("write", "put the files in their places", engine.Write, engine.Whole(o, WriteActions, Write)),
	)
	p.Shared = true
	if lock != nil {
		p.Holds = []io.Closer{lock}
	}
	return p, nil
}

// rekey encrypts some secrets of a copy of the repo at root to whom the rules
// name there.
func (n Request) rekey(ctx context.Context, s sys.System, root, dir, name string, only []string) (map[string][]byte, error) {
	file := filepath.Join(dir, name)
	list, err := agenix.Read(ctx, s, file)
	if err != nil {
		return nil, err
	}
	base := agenix.Base(dir, file, list)
	list = slices.DeleteFunc(list, func(r secrets.Rule) bool { return !slices.Contains(only, r.File) })
	if err := leftOut(root, filepath.Join(root, name), base, list); err != nil {
		return nil, err
	}
	changed, err := rekey.Changed(ctx, s, rekey.Options{
		Root: dir, Dir: base, Rules: list, Held: n.Held, Names: rekey.Names(file), Record: rekey.RecordFile(),
	})
	if err != nil {
		return nil, err
	}
	below, err := filepath.Rel(dir, base)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for name, data := range changed {
		files[filepath.Join(below, name)] = data
	}
	return files, nil
}

// leftOut refuses secrets that are in the repo at root and not in its copy: what
// lies beyond a link out of the repo, and what git ignores.
func leftOut(root, file, base string, list []secrets.Rule) error {
	for _, r := range list {
		if _, err := os.Lstat(filepath.Join(base, r.File)); err == nil {
			continue
		}
		for _, place := range agenix.Places(root, file) {
			info, err := os.Lstat(filepath.Join(place, r.File))
			switch {
			case err != nil:
			case info.Mode()&os.ModeSymlink != 0:
				return engine.Usage("put in its place what it leads to; nothing was changed", "%s is a symbolic link out of the repo, and is to be re-encrypted", r.File)
			default:
				return engine.Usage("take the line that matches out of .gitignore; nothing was changed", "git ignores %s, and it is to be re-encrypted", r.File)
			}
		}
	}
	return nil
}

// keysFile is where a repo has its keys, below root, or empty: keys.nix, or else
// the one file with keys that the rules import.
func keysFile(root, rulesAt string) string {
	if name := firstOf(root, "secrets/keys.nix", "keys.nix"); name != "" || rulesAt == "" {
		return name
	}
	src, err := sys.ReadRegular(filepath.Join(root, rulesAt), maxKeys)
	if err != nil {
		return ""
	}
	tokens, err := nixtext.Tokenize(src)
	if err != nil {
		return ""
	}
	var found []string
	for i, t := range tokens {
		if i == 0 || !tokens[i-1].IsIdent("import") || t.Kind != nixtext.Path {
			continue
		}
		name := filepath.Join(filepath.Dir(rulesAt), t.Text)
		if info, err := os.Stat(filepath.Join(root, name)); err == nil && info.IsDir() {
			name = filepath.Join(name, "default.nix")
		}
		data, err := sys.ReadRegular(filepath.Join(root, name), maxKeys)
		if err != nil || !filepath.IsLocal(name) || slices.Contains(found, name) {
			continue
		}
		if keys, err := keysnix.Keys(data); err == nil && len(keys) > 0 {
			found = append(found, name)
		}
	}
	if len(found) != 1 {
		return ""
	}
	return found[0]
}

// maxKeys bounds a file of keys, in bytes.
const maxKeys = 4 << 20

// rulesFile is agenix' rules of a repo, below root, or empty. Those that RULES
// names elsewhere are not of this repo.
func rulesFile(root string) string {
	for _, file := range []string{agenix.Find(root), agenix.In(root)} {
		full, err := filepath.Abs(file)
		if rel, relErr := filepath.Rel(root, full); file != "" && err == nil && relErr == nil && filepath.IsLocal(rel) {
			return rel
		}
	}
	return ""
}

func firstOf(root string, names ...string) string {
	for _, name := range names {
		if _, err := os.Stat(filepath.Join(root, name)); err == nil {
			return name
		}
	}
	return ""
}
