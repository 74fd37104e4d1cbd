// Package source gets the config repo into memory, and verifies that there is a system to
// install.
package source

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"auto-installer/internal/engine"
	"auto-installer/internal/git"
	"auto-installer/internal/sys"
)

// Options says where the system comes from.
type Options struct {
	Host string // name in nixosConfigurations
	// Remote is the git URL of the config repo. Local is a copy of the repo on this
	// machine: if set, it is cloned, and Remote becomes the origin of the clone. Without
	// both there is no repo.
	Remote, Local string
	// Plain: Local is a folder of files without .git, as on a medium. It becomes a repo
	// with one commit; see plain.go.
	Plain bool
	Ref   string // branch, tag or commit to check out; empty: the remote's HEAD
	// Pin is the commit to install if there is neither Ref nor Local: the commit that the
	// medium was built from. The clone stays on its branch.
	Pin    string
	Dir    string // the clone, in RAM
	System string // prebuilt toplevel, or empty to evaluate the flake
	// Hashes gets the hash of every path in the prebuilt system's closure, from this
	// machine's own store.
	Hashes *map[string]string
	// Facts is a Nix function of the host's configuration. Its result, as JSON, goes to
	// Evaluated, unless that is nil.
	Facts     string
	Evaluated *[]byte
	// DeployKey is written to DeployKeyFile, in memory, until the install ends. Env makes
	// git's ssh use it.
	DeployKey     []byte
	DeployKeyFile string
	Env           []string
	// Live is the root of the store with the prebuilt system, normally "/".
	Live string
	// Room is how much room a prebuilt closure has, in bytes; 0: not checked.
	Room int64
}

// Installable returns the flake attribute to build.
func (o Options) Installable() string {
	return fmt.Sprintf("git+file://%s#nixosConfigurations.%q.config.system.build.toplevel", o.Dir, o.Host)
}

func (o Options) hasRepo() bool { return o.Remote != "" || o.Local != "" }

func clone(o Options) []sys.Cmd {
	if o.Plain {
		return plain(o)
	}
	from := o.Remote
	if o.Local != "" {
		from = o.Local
	}
	env := slices.Concat(git.Env, o.Env)
	c := []sys.Cmd{{
		Does: "clone the config repo to memory",
		Argv: []string{"git", "clone", "--progress", "--", from, o.Dir},
		Env:  env,
		// git does not notice a dead connection, and would wait for hours.
		Silence: 2 * time.Minute,
	}}
	if o.Ref != "" {
		c = append(c, sys.Cmd{
			Does: "check out " + o.Ref,
			Argv: []string{"git", "-C", o.Dir, "-c", "advice.detachedHead=false", "checkout", o.Ref, "--"}, Env: git.Env,
		})
	}
	if o.Ref == "" && o.Local == "" && o.Pin != "" {
		c = append(c, sys.Cmd{
			Does: "reset to revision " + o.Pin + ", which the medium was built from",
			Argv: []string{"git", "-C", o.Dir, "reset", "--hard", "--quiet", o.Pin}, Env: git.Env,
		})
	}
	if o.Local != "" && o.Remote != "" {
		c = append(c, sys.Cmd{
			Does: "set its remote",
			Argv: []string{"git", "-C", o.Dir, "remote", "set-url", "origin", o.Remote}, Env: git.Env,
		})
	}
	return c
}

// Ops clone and evaluate the config repo, or find the prebuilt closure.
func Ops(o Options) []engine.Op {
	var ops []engine.Op
	if o.hasRepo() {
		ops = o.fetch()
	}
	if o.evaluates() {
		ops = append(ops, o.evaluate())
	}
	if o.System != "" {
		ops = append(ops, o.prebuilt())
	}
	return ops
}

func (o Options) fetch() []engine.Op {
	// git does not clone into a folder of an earlier run.
	ops := []engine.Op{engine.Do("", func(context.Context, sys.System) error { return os.RemoveAll(o.Dir) })}
	if o.DeployKey != nil {
		ops = append(ops, engine.RunUndone(sys.Cmd{
			Does:  "put the deploy key into memory, for git",
			Argv:  []string{"install", "-m", "0600", "/dev/stdin", o.DeployKeyFile},
			Stdin: o.DeployKey, Secret: "deploy key",
		}, sys.Cmd{
			Does: "remove the deploy key", Argv: []string{"rm", "-f", o.DeployKeyFile},
		}).Hint(sys.CodeSource, "make room in "+filepath.Dir(o.DeployKeyFile)))
	}
	for _, c := range clone(o) {
		ops = append(ops, engine.Run(c).Hint(sys.CodeSource, hint(o, c)))
	}
	revision := sys.Cmd{Does: "read the revision", Argv: []string{"git", "-C", o.Dir, "rev-parse", "HEAD"}, Env: git.Env}
	return append(ops, engine.Read(revision, func(s sys.System, out []byte) error {
		s.Log("config repo at revision " + strings.TrimSpace(string(out)))
		return nil
	}).Doing("reading the revision").Hint(sys.CodeSource, "verify that the repo has a commit on that branch"))
}

func hint(o Options, c sys.Cmd) string {
	switch {
	case o.Pin != "" && slices.Contains(c.Argv, o.Pin):
		return "push that commit to the remote, build a new medium, or name another commit or branch with --ref"
	case o.Plain:
		return "the medium may be damaged: write it again, or build a new one"
	}
	return "verify the address, that the deploy key can read the repo, and that the branch or commit exists"
}
