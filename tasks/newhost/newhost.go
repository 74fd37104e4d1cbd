// Package newhost adds a host to a config repo: its keys, its definition, its
// sealed bundle, and the secrets re-encrypted.
//
// Everything is made in memory and proven in a copy of the repo; then the files are
// put in their places, each as a whole. What a killed run leaves, the same command
// finishes: a mark in the host's folder says that it is its own.
package newhost

import (
	"cmp"
	"context"
	"os"
	"path"
	"path/filepath"

	"auto-installer/hosts"
	"auto-installer/internal/sys"
	"auto-installer/secrets"
)

// Options says which host to add to which repo.
type Options struct {
	Repo string // top folder of the git work tree, absolute
	Host hosts.Host
	// HostsDir is the folder of the hosts, below Repo; empty: hosts.
	HostsDir string
	// Identity is the host's, if it has one already. Make wipes it.
	Identity *secrets.Identity
	// Keys and Rules are keys.nix and agenix' secrets.nix, below Repo. A repo
	// without either has no secrets.
	Keys, Rules string
	// Passphrase and Recipients are what the bundle is sealed to.
	Passphrase []byte
	Recipients []*secrets.Recipient
	// Replace gives a host that is there already new keys, and leaves its
	// definition.
	Replace bool
	// AllowDirty edits a keys.nix that has changes which are not committed.
	AllowDirty bool
	// Evaluate makes nix evaluate the result before anything is written.
	Evaluate bool
	// Rekey encrypts some files of the rules to whom these name in a copy of the
	// repo: the new content, by their paths in it.
	Rekey func(ctx context.Context, s sys.System, dir string, files []string) (map[string][]byte, error)

	Draft *Draft
}

// Draft is what the steps make together.
type Draft struct {
	before    map[string][]byte    // of the files that are edited
	files     map[string]draftFile // by path below the repo
	deployKey string               // public half
	recipient string
	// again: an earlier run was killed while it wrote the host's files. own: all of
	// them are that run's, and this one writes them again.
	again, own bool
	// hand are lines for the user to add to handFile, and flakeHand to flake.nix.
	hand, flakeHand []secrets.HandLine
	handFile        string
}

type draftFile struct {
	data  []byte
	isNew bool
}

// NewDraft is an empty one.
func NewDraft() *Draft {
	return &Draft{before: map[string][]byte{}, files: map[string]draftFile{}}
}

// dir is the host's folder, below the repo.
func (o Options) dir() string { return path.Join(o.hosts(), o.Host.TargetHost) }

func (o Options) hosts() string { return cmp.Or(o.HostsDir, "hosts") }

func (o Options) in(name string) string { return path.Join(o.dir(), name) }

// defines tells whether the host gets a definition: one that is there stays,
// unless a killed run left it.
func (o Options) defines() bool {
	if o.Draft.own {
		return true
	}
	_, err := os.Lstat(filepath.Join(o.Repo, o.in("host.toml")))
	return err != nil
}

// LookActions is what Look will do.
func LookActions(o Options) []sys.Action {
	return append(sys.Actions(status(o), ignored(o)), sys.Action{Does: "see that " + o.Host.TargetHost + " is not there yet"})
}

// MakeActions is what Make will do.
func MakeActions(o Options) []sys.Action {
	makes := "make an age identity and an ssh-ed25519 deploy key"
	if o.Identity != nil {
		makes = "make an ssh-ed25519 deploy key; the age identity is the one that was given"
	}
	as := []sys.Action{
		{Does: makes},
		{Does: "seal both in " + o.in("bundle.age")},
		{Does: "write " + o.in("deploy.pub")},
	}
	if o.defines() {
		as = append(as, sys.Action{Does: "write " + o.in("host.toml")}, sys.Action{Does: "write " + o.in("installer.nix")})
	}
	return as
}

// ProveActions is what Prove will do.
func ProveActions(o Options) []sys.Action {
	as := []sys.Action{makeCopy("COPY").Action(), {Does: "copy the repo there, with the new files"}}
	if file := o.keysIn(); file != "" {
		as = append(as, sys.Action{Does: "put the recipient into " + file + ", every other byte kept, if nix says that nothing else changes"})
	}
	if o.Rules != "" {
		as = append(as, sys.Action{Does: "evaluate " + o.Rules + ", and re-encrypt the secrets whose recipients change"})
	}
	if o.defines() {
		as = append(as, sys.Action{Does: "add its installer to flake.nix, if that lists each by hand"})
	}
	if o.Evaluate {
		as = append(as, sys.Actions(systems("COPY"), drvPath("COPY", o.Host.TargetHost+"InstallerIso"))...)
	}
	return as
}

// WriteActions is what Write will do.
func WriteActions(o Options) []sys.Action {
	return []sys.Action{{Does: "put the files in their places, each as a whole"}, add(o, []string{"…"}).Action()}
}
