// Package agecheck proves that the host's age identity opens the host's
// secrets: before anything is written, and again from where it was put. Only
// the key of a file is unwrapped, nothing of its content is decrypted.
package agecheck

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"filippo.io/age"

	"auto-installer/internal/sys"
	"auto-installer/secrets"
)

// Options says whose secrets are to be opened, and with what.
type Options struct {
	Host string
	Repo string // the config repo in RAM, or empty: there is none
	Key  []byte // age identity file, or nil: none was given
	// Must: a host with secrets needs the identity now, none can come later.
	Must bool
	// Without: the host gets none, and that is wanted.
	Without bool
	// Named are the secrets that the host's configuration names. known is
	// false if it does not use agenix.
	Named func() (list []Secret, known bool)
	// Paths are the identities that the host will try, nil if it does not say.
	Paths func() []string
	// Found is filled with what was found.
	Found *Found
}

// Secret is a secret that a host's configuration names.
type Secret struct {
	Name     string
	File     string // where the evaluation had it
	InSource string // its path in the config repo, or empty
}

// Found is what the host must open. It is filled by Run.
type Found struct {
	Files []File
	// Unread are secrets of the host that cannot be looked at here.
	Unread []string
}

// File is an encrypted file.
type File struct {
	Name string // for people
	Path string
}

// NeedsIdentity tells whether the host has secrets that it must open.
func (f *Found) NeedsIdentity() bool { return len(f.Files)+len(f.Unread) > 0 }

// Actions is what Run will look at.
func Actions(o Options) []sys.Action {
	if o.Key == nil {
		return []sys.Action{{Does: "see whether the host has secrets that need an age identity"}}
	}
	return []sys.Action{{Does: "see that the age identity opens every secret of the host"}}
}

// Run finds the host's secrets and tries the identity on each, if one was
// given. The error is a *sys.Fault that names every file that it does not open.
func Run(ctx context.Context, s sys.System, o Options) error {
	if err := find(ctx, s, o); err != nil {
		return err
	}
	if !o.Found.NeedsIdentity() {
		s.Log(o.Host + " has no secrets that an age identity would open")
		return nil
	}
	for _, u := range o.Found.Unread {
		s.Warn(u + " is not here to be looked at, so nothing tells whether the age identity opens it")
	}
	if err := o.paths(); err != nil {
		return err
	}
	if o.Key == nil && o.Must {
		return sys.Faultf(sys.CodeUsage, "give it with --age-identity or the host's sealed keys, or go without: --no-age-identity",
			"%s has %d secrets and no age identity to open them, and nobody is there to send it", o.Host, len(o.Found.Files)+len(o.Found.Unread))
	}
	if o.Key == nil {
		s.Log(fmt.Sprintf("%s has %d secrets, and no age identity was given to open them", o.Host, len(o.Found.Files)+len(o.Found.Unread)))
		return nil
	}
	why, err := Opens(o.Found, o.Key)
	if err != nil {
		return sys.Faultf(sys.CodeContract, "make one with age-keygen, or name the right file", "the age identity cannot be used: %w", err)
	}
	if why != nil {
		for _, w := range why {
			s.Log("not opened: " + w)
		}
		return sys.Faultf(sys.CodeContract,
			fmt.Sprintf("give the identity that keys.nix has for %s, or rekey the secrets for this one, commit and push", o.Host),
			"the age identity does not open %s", strings.Join(why, "; "))
	}
	s.Log(fmt.Sprintf("the age identity opens all %d secrets of %s", len(o.Found.Files), o.Host))
	return nil
}

// paths refuses a host that would not try the identity that it is given.
func (o Options) paths() error {
	at := "/etc/age/" + o.Host + ".agekey"
	if ps := o.Paths(); !o.Without && len(ps) > 0 && !slices.Contains(ps, at) {
		return sys.Faultf(sys.CodeContract,
			fmt.Sprintf("add %q to age.identityPaths in the host's configuration, or go without: --no-age-identity", at),
			"age.identityPaths are %s: the identity is put at %s, where the host would not look for it", strings.Join(ps, ", "), at)
	}
	return nil
}

// find fills Found, in the order of names.
func find(ctx context.Context, s sys.System, o Options) error {
	*o.Found = Found{}
	named, known := o.Named()
	if !known {
		return byRules(ctx, s, o)
	}
	for _, n := range named {
		if path := n.path(o.Repo); path != "" {
			o.Found.Files = append(o.Found.Files, File{n.title(), path})
		} else {
			o.Found.Unread = append(o.Found.Unread, n.title())
		}
	}
	return nil
}

func (n Secret) title() string {
	if n.InSource != "" {
		return n.InSource
	}
	return n.Name
}

// path is where the secret can be read: in the store, where the evaluation
// left it, or in the repo.
func (n Secret) path(repo string) string {
	if fi, err := os.Stat(n.File); filepath.IsAbs(n.File) && err == nil && fi.Mode().IsRegular() {
		return n.File
	}
	if repo != "" && sys.HasIn(repo, n.InSource) {
		return filepath.Join(repo, n.InSource)
	}
	return ""
}

// Fits tells what is wrong with an identity that came later, if anything is.
func (f *Found) Fits(_ context.Context, _ sys.System, key []byte) error {
	why, err := Opens(f, key)
	if err == nil && why != nil {
		err = fmt.Errorf("it does not open %s", strings.Join(why, "; "))
	}
	return err
}

// Opens tries an age identity on every file that was found, and says for each
// that it does not open, why. The error is of the identity itself, and never
// quotes it.
func Opens(found *Found, key []byte) (why []string, err error) {
	id, err := secrets.ParseIdentity(key)
	if err != nil {
		return nil, err
	}
	defer id.Wipe()
	for _, f := range found.Files {
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
