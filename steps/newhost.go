package steps

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"auto-installer/hosts"
	"auto-installer/secrets"
	"auto-installer/steps/internal/git"
	"auto-installer/steps/internal/rules"
	"auto-installer/steps/internal/sys"
	worktree "auto-installer/steps/internal/tree"
	"auto-installer/steps/newhost"
	"auto-installer/steps/rekey"
)

// NewHost is what new-host is told.
type NewHost struct {
	Dir        string // in the config repo
	Host       hosts.Host
	Passphrase []byte // to seal the keys with, or nil
	Recipients []*secrets.Recipient
	Held       []*secrets.Held // keys that open the secrets
	Replace    bool
	AllowDirty bool
	Evaluate   bool
	// Looking: nothing is to be done after all.
	Looking bool
}

// NewHostPlan adds a host to a config repo. The error is an *Error.
func NewHostPlan(n NewHost) (*Plan, error) {
	root, err := worktree.Root(n.Dir)
	if err != nil {
		return nil, Usage("name a folder that is there", "--repo: %v", err)
	}
	var lock *os.File
	if !n.Looking {
		if lock, err = worktree.Lock(root); err != nil {
			return nil, NewError("", err)
		}
	}
	o := newhost.Options{
		Repo: root, Host: n.Host, Keys: keysFile(root), Rules: rulesFile(root),
		Passphrase: n.Passphrase, Recipients: n.Recipients, Replace: n.Replace, AllowDirty: n.AllowDirty, Evaluate: n.Evaluate,
		Draft: newhost.NewDraft(),
	}
	o.Rekey = func(ctx context.Context, s sys.System, dir string) (map[string][]byte, error) {
		return n.rekey(ctx, s, dir, o.Rules)
	}
	name := n.Host.TargetHost
	verb := "adding "
	if n.Replace {
		verb = "new keys for "
	}
	p := task(verb+name+" to "+root,
		step("look", "see that it can be added", before, o, newhost.LookActions, newhost.Look),
		step("keys", "make its keys and seal them, write its definition", before, o, newhost.MakeActions, newhost.Make),
		step("prove", "encrypt the secrets anew, evaluate the result", before, o, newhost.ProveActions, newhost.Prove),
		step("write", "put the files in their places", before, o, newhost.WriteActions, newhost.Write),
	)
	p.lock, p.shared = lock, true
	return p, nil
}

// rekey gives the secrets of a copy of the repo to whom the rules name there.
func (n NewHost) rekey(ctx context.Context, s sys.System, dir, name string) (map[string][]byte, error) {
	file := filepath.Join(dir, name)
	list, err := rules.Read(ctx, s, file)
	if err != nil {
		return nil, err
	}
	base := rules.Base(dir, file, list)
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

// keysFile is where a repo has its keys, below root, or empty.
func keysFile(root string) string { return firstOf(root, "secrets/keys.nix", "keys.nix") }

// rulesFile is agenix' rules of a repo, below root, or empty. Those that RULES
// names elsewhere are not of this repo.
func rulesFile(root string) string {
	for _, file := range []string{rules.Find(root), rules.In(root)} {
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

func originURL(dir string) sys.Cmd {
	c := git.In(dir, "", "remote", "get-url", "origin")
	c.Quiet = true
	return c
}

// Origin is the URL of a work tree's remote origin, or empty.
func Origin(ctx context.Context, dir string) string {
	out, err := looking().Output(ctx, originURL(dir))
	if err != nil {
		return ""
	}
	return sys.Clean(strings.TrimSpace(string(out)))
}
