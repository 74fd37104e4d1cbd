// Package secrets tries the host's age identity on the host's secrets. It unwraps
// the key of each file and decrypts no content.
package secrets

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"filippo.io/age"

	"auto-installer/hosts/facts"
	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
	"auto-installer/secrets"
)

// Options says whose secrets to open, and with what.
type Options struct {
	Host    string
	Repo    string       // the config repo in RAM; empty without one
	Key     []byte       // age identity file, or nil
	Must    bool         // a host with secrets needs the identity now: it cannot be sent later
	Without bool         // the user wants no identity on the host
	Facts   *facts.Facts // what the host's configuration says
	Found   *Found
}

// Found is what the host must open. The check fills it.
type Found struct {
	Files  []File
	Unread []string // secrets of the host that are not on this machine
}

// File is an encrypted file.
type File struct {
	Name string // for the user
	Path string
}

// NeedsIdentity reports whether the host has secrets.
func (f *Found) NeedsIdentity() bool { return f.count() > 0 }

// Readable is how many of them are on this machine.
func (f *Found) Readable() int { return len(f.Files) }

func (f *Found) count() int { return len(f.Files) + len(f.Unread) }

// Ops find the host's secrets, and try the identity on each. The error is a
// *sys.Fault that names every file that the identity does not open.
func Ops(o Options) []engine.Op {
	does := "see that the age identity opens every secret of the host"
	if o.Key == nil {
		does = "see whether the host has secrets that need an age identity"
	}
	return []engine.Op{engine.Do("", o.find), engine.Do(does, o.try)}
}

func (o Options) try(_ context.Context, s sys.System) error {
	if !o.Found.NeedsIdentity() {
		s.Log(o.Host + " has no secrets, so it needs no age identity")
		return nil
	}
	for _, u := range o.Found.Unread {
		s.Warn(u + " is not on this machine, so the age identity is not tried on it")
	}
	// The host must look for the identity where the install puts it.
	at := "/etc/age/" + o.Host + ".agekey"
	if ps := o.Facts.IdentityPaths; !o.Without && len(ps) > 0 && !slices.Contains(ps, at) {
		return sys.Faultf(sys.CodeContract,
			fmt.Sprintf("add %q to age.identityPaths in the host's configuration, or go without: --no-age-identity", at),
			"age.identityPaths are %s: the install puts the identity at %s, where the host does not look for it", strings.Join(ps, ", "), at)
	}
	switch {
	case o.Key == nil && o.Must:
		return sys.Faultf(sys.CodeUsage, "give it with --age-identity or the host's sealed keys, or go without: --no-age-identity",
			"%s has %d secrets, and an unattended install cannot wait for its age identity", o.Host, o.Found.count())
	case o.Key == nil:
		s.Log(fmt.Sprintf("%s has %d secrets, and no age identity to open them", o.Host, o.Found.count()))
		return nil
	}
	why, err := o.Found.unopened(o.Key)
	if err != nil {
		return sys.Faultf(sys.CodeContract, "make one with age-keygen, or name the right file", "the age identity cannot be used: %w", err)
	}
	for _, w := range why {
		s.Log("not opened: " + w)
	}
	if len(why) > 0 {
		return sys.Faultf(sys.CodeContract,
			fmt.Sprintf("give the identity that keys.nix has for %s, or rekey the secrets for this one, commit and push", o.Host),
			"the age identity does not open %s", strings.Join(why, "; "))
	}
	s.Log(fmt.Sprintf("the age identity opens all %d secrets of %s", o.Found.Readable(), o.Host))
	return nil
}

// find fills Found. A host without agenix has no secrets.
func (o Options) find(context.Context, sys.System) error {
	*o.Found = Found{}
	for _, n := range o.Facts.Secrets {
		title := cmp.Or(n.InSource, n.Name)
		if path := o.path(n); path != "" {
			o.Found.Files = append(o.Found.Files, File{title, path})
		} else {
			o.Found.Unread = append(o.Found.Unread, title)
		}
	}
	return nil
}

// path is where a secret can be read: in the store, where the evaluation put it, or in
// the repo.
func (o Options) path(n facts.Secret) string {
	if fi, err := os.Stat(n.File); filepath.IsAbs(n.File) && err == nil && fi.Mode().IsRegular() {
		return n.File
	}
	if o.Repo != "" && sys.HasIn(o.Repo, n.InSource) {
		return filepath.Join(o.Repo, n.InSource)
	}
	return ""
}

// Fits tries an identity that came later.
func (f *Found) Fits(key []byte) error {
	why, err := f.unopened(key)
	if err == nil && why != nil {
		err = fmt.Errorf("it does not open %s", strings.Join(why, "; "))
	}
	return err
}

// unopened are the files that an age identity does not open, and why. The error is
// that of an invalid identity, and does not quote it.
func (f *Found) unopened(key []byte) (why []string, err error) {
	id, err := secrets.ParseIdentity(key)
	if err != nil {
		return nil, err
	}
	defer id.Wipe()
	for _, f := range f.Files {
		if err := f.opens(id.Age()); err != nil {
			why = append(why, fmt.Sprintf("%s (%v)", f.Name, err))
		}
	}
	return why, nil
}

func (f File) opens(id age.Identity) error {
	r, err := os.Open(f.Path)
	if err != nil {
		return err
	}
	defer r.Close()
	return secrets.CanOpen(r, id)
}
