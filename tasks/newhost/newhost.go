// Package newhost adds a host to a config repo: it makes the host's keys, seals
// them, writes its definition and re-encrypts the secrets.
//
// It makes all files in memory, proves them in a copy of the repo, and then puts
// each in its place as a whole. After a kill between two files, new-host --replace
// finishes the work.
package newhost

import (
	"cmp"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"auto-installer/hosts"
	"auto-installer/internal/agenix"
	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
	"auto-installer/internal/worktree"
	"auto-installer/secrets"
	"auto-installer/secrets/keysnix"
)

// Request says which host to add to which repo.
type Request struct {
	Dir      string // in the config repo
	Host     hosts.Host
	HostsDir string // of all hosts, below the repo; the default is hosts
	// Identity is the host's own, if it has one. The task wipes it.
	Identity   *secrets.Identity
	Passphrase []byte          // of the sealed keys
	Held       []*secrets.Held // keys that open the secrets
	Replace    bool            // give an existing host new keys, and leave its definition
	AllowDirty bool            // accept uncommitted changes
	Evaluate   bool            // have nix evaluate the result before anything is written
	Looking    bool            // show the plan only
}

// work is a request, and what its operations leave for those after them.
type work struct {
	Request
	repo string // top folder of the git work tree, absolute
	tx   *worktree.Tx
	// keys and rules are keys.nix and agenix' secrets.nix, below repo, or empty. The
	// keys may be in the rules.
	keys, rules string

	before    map[string][]byte // files that are edited, by path below the repo
	files     map[string][]byte // files to write
	deployKey string            // the public half
	recipient string

	copied  string   // a copy of the repo
	unknown []string // files in it that git does not know
	changed []string // secrets whose recipients change
	// hand is a line for the user to add to handFile; flakeHand are lines for flake.nix.
	hand      keysnix.HandLine
	handFile  string
	flakeHand []keysnix.HandLine
}

func (r Request) work(root string) *work {
	r.HostsDir = cmp.Or(r.HostsDir, "hosts")
	w := &work{Request: r, repo: root, rules: rulesFile(root), before: map[string][]byte{}, files: map[string][]byte{}}
	if w.keys = firstOf(root, "secrets/keys.nix", "keys.nix"); w.keys == "" && strings.HasSuffix(w.rules, ".nix") {
		w.keys = w.rules
	}
	return w
}

// Plan adds a host to a config repo.
func Plan(r Request) (*engine.Task, error) {
	root, err := worktree.Root(r.Dir)
	if err != nil {
		return nil, sys.Usage("name a folder that is there", "--repo: %v", err)
	}
	var holds []io.Closer
	if !r.Looking {
		lock, err := worktree.Lock(root)
		if err != nil {
			return nil, err
		}
		holds = append(holds, lock)
	}
	tx, err := worktree.Begin(root)
	if err != nil {
		return nil, err
	}
	verb := "adding "
	if r.Replace {
		verb = "new keys for "
	}
	w := r.work(root)
	w.tx, holds = tx, append(holds, tx)
	p := engine.NewTask(verb+r.Host.TargetHost+" to "+root,
		engine.NewStep("look", "check that it can be added", engine.Check, w.lookOps()...),
		engine.NewStep("keys", "make its keys and seal them, write its definition", engine.Check, w.keysOps()...),
		engine.NewStep("prove", "enter its key, re-encrypt its secrets, evaluate the result", engine.Check, w.proveOps()...),
		engine.NewStep("write", "put the files in their places", engine.Write, w.writeOps()...),
	)
	p.Shared, p.Holds = true, holds
	return p, nil
}

// dir is the host's folder, below the repo.
func (w *work) dir() string { return path.Join(w.HostsDir, w.Host.TargetHost) }

func (w *work) in(name string) string { return path.Join(w.dir(), name) }

// defines reports whether the host gets a definition. One that exists stays.
func (w *work) defines() bool {
	_, err := os.Lstat(filepath.Join(w.repo, w.in("host.toml")))
	return err != nil
}

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
