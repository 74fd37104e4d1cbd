// Package newhost adds a host to a config repo: it makes the host's keys, seals
// them, writes its definition and re-encrypts the secrets.
//
// It makes all files in memory, proves them in a copy of the repo, and then puts
// each in its place as a whole. After a kill the same command finishes the work: it
// recognises its files by a mark in the host's folder.
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
	"auto-installer/secrets/keysnix"
)

// Options says which host to add to which repo.
type Options struct {
	Repo string // top folder of the git work tree, absolute
	Host hosts.Host
	// HostsDir is the folder of the hosts, below Repo. The default is hosts.
	HostsDir string
	// Identity is the host's own, if it has one. Make wipes it.
	Identity *secrets.Identity
	// Keys and Rules are keys.nix and agenix' secrets.nix, below Repo, or empty.
	Keys, Rules string
	// Passphrase and Recipients open the sealed keys.
	Passphrase []byte
	Recipients []*secrets.Recipient
	// Replace gives an existing host new keys, and leaves its definition.
	Replace bool
	// AllowDirty accepts uncommitted changes.
	AllowDirty bool
	// Evaluate has nix evaluate the result before anything is written.
	Evaluate bool
	// Rekey re-encrypts files by the rules in a copy of the repo. It returns the new
	// content, by path in it.
	Rekey func(ctx context.Context, s sys.System, dir string, files []string) (map[string][]byte, error)

	Draft *Draft
}

// Draft collects the work of the steps.
type Draft struct {
	before    map[string][]byte    // files that are edited, by path below the repo
	files     map[string]draftFile // files to write
	deployKey string               // the public half
	recipient string
	// again: an earlier run was killed while it wrote the host's files. own: all of
	// them are that run's, and this one writes them again.
	again, own bool
	// hand are lines for the user to add to handFile, and flakeHand to flake.nix.
	hand, flakeHand []keysnix.HandLine
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

// defines reports whether the host gets a definition. One that exists stays, unless
// a killed run made it.
func (o Options) defines() bool {
	if o.Draft.own {
		return true
	}
	_, err := os.Lstat(filepath.Join(o.Repo, o.in("host.toml")))
	return err != nil
}

// LookActions is what Look will do.
func LookActions(o Options) []sys.Action {
	return append(sys.Actions(status(o), ignored(o)), sys.Action{Does: "see that " + o.Host.TargetHost + " does not exist yet"})
}

// MakeActions is what Make will do.
func MakeActions(o Options) []sys.Action {
	makes := "make an age identity and an ssh-ed25519 deploy key"
	if o.Identity != nil {
		makes = "make an ssh-ed25519 deploy key; the age identity is the given one"
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
		as = append(as, sys.Action{Does: "put the recipient into " + file + " and keep every other byte, if nix says that nothing else changes"})
	}
	if o.Rules != "" {
		as = append(as, sys.Action{Does: "evaluate " + o.Rules + ", and re-encrypt the secrets whose recipients change"})
	}
	if o.defines() {
		as = append(as, sys.Action{Does: "add its installer to flake.nix, if that lists each"})
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
