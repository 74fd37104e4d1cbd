// Package rekey re-encrypts the secrets of a flake to the recipients that its
// rules name, as `agenix --rekey` does. It decrypts and encrypts everything in
// memory before it replaces the first file.
package rekey

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"auto-installer/internal/sys"
	"auto-installer/internal/worktree"
	"auto-installer/secrets"
	"auto-installer/secrets/keysnix"
)

// Options says which files are for whom.
type Options struct {
	Root  string // the work tree; nothing outside of it is changed
	Dir   string // in it, that the rules' paths are relative to
	Rules []secrets.Rule
	Held  []*secrets.Held
	Names map[string]string // of the keys' holders, by the keys' ID
}

// Work is what Look finds, and what the operations make of it.
type Work struct {
	o     Options
	Files []*File
	tx    *worktree.Tx // from open to write
}

// File is a file of the rules.
type File struct {
	secrets.Rule
	Missing bool
	Why     string // why it is re-encrypted; empty if it is not

	name    string // below the work tree
	header  *secrets.Header
	before  []byte // the file when it was decrypted
	content []byte // decrypted; wiped once it is encrypted
	closed  bool   // none of the keys opens it
	after   []byte
}

// Look reads the files' headers and judges which are re-encrypted: all that are not
// shown to be for exactly their recipients. The stanzas of ssh keys show it. Those of
// age1… keys do not: it takes the private key.
func Look(ctx context.Context, o Options) (*Work, error) {
	w := &Work{o: o}
	root, err1 := filepath.EvalSymlinks(o.Root)
	dir, err2 := filepath.EvalSymlinks(o.Dir)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	for _, r := range o.Rules {
		name, err := filepath.Rel(root, filepath.Join(dir, r.File))
		if err != nil {
			return nil, err
		}
		f := &File{Rule: r, name: name}
		if err := w.judge(f); err != nil {
			return nil, err
		}
		w.Files = append(w.Files, f)
	}
	return w, context.Cause(ctx)
}

// maxFile bounds a secret, in bytes: it is decrypted in memory.
const maxFile = 256 << 20

func (w *Work) judge(f *File) error {
	data, err := sys.ReadRegular(filepath.Join(w.o.Dir, f.File), maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		f.Missing = true
		return nil
	}
	if err != nil {
		return sys.Faultf(sys.CodeUsage, "make it a file that can be read, or remove it from the rules", "%w", err)
	}
	if f.header, err = secrets.ReadHeader(bytes.NewReader(data)); err != nil {
		return sys.Faultf(sys.CodeUsage, "restore it from git, or remove it from the rules", "%s: %w", f.File, err)
	}
	switch is := f.header.IsFor(f.Recipients, w.o.Held...); {
	case f.header.Armored != f.Armor && f.Armor:
		f.Why = "the rules want it armored"
	case f.header.Armored != f.Armor:
		f.Why = "the rules do not want it armored"
	case is == secrets.No:
		f.Why = "its recipients were others"
	case is == secrets.Unknown:
		f.Why = "its recipients were unknown"
	}
	return nil
}

// changed are the files to re-encrypt.
func (w *Work) changed() []*File {
	return slices.DeleteFunc(slices.Clone(w.Files), func(f *File) bool { return f.Why == "" })
}

// Replaceable checks, before anything is decrypted, that the files can be replaced
// and that the plugins of their recipients are installed. The error names every
// fault.
func (w *Work) Replaceable() error {
	tx, err := worktree.Begin(w.o.Root)
	if err != nil {
		return sys.WithHint(err, sys.CodeUsage, "make it readable", w.o.Root)
	}
	var faults []*sys.Fault
	for _, f := range w.changed() {
		if err := tx.Check(f.name); err != nil {
			faults = append(faults, sys.WithHint(err, sys.CodeUsage, "make it a file that can be read", f.File))
		}
		for _, r := range f.Recipients {
			if program := r.MissingPlugin(); program != "" {
				faults = append(faults, sys.WithHint(noPlugin(program), sys.CodeMachine, "", f.File+": "+w.name(r)))
			}
		}
	}
	if err := tx.Close(); err != nil || faults == nil {
		return err
	}
	return sys.Together(faults, "\n")
}

// noPlugin is the fault of a key whose plugin is not installed.
func noPlugin(program string) *sys.Fault {
	return sys.Faultf(sys.CodeMachine, "install "+program+" in a folder of PATH", "it needs %s, which is not installed", program)
}

// unlock asks for the passphrases that open needs, which shows progress on the
// screen.
func (w *Work) unlock() error {
	for _, f := range w.changed() {
		if err := f.header.CanOpen(secrets.Identities(w.o.Held)...); isPassphrase(err) {
			return noPassphrase(err)
		}
	}
	return nil
}

func isPassphrase(err error) bool {
	return errors.Is(err, secrets.ErrNeedsPassphrase) || errors.Is(err, secrets.ErrWrongPassphrase)
}

func noPassphrase(err error) error {
	return sys.WithHint(err, sys.CodeUsage, "nothing was changed; run it on a terminal and type the passphrase of the key",
		"opening the secrets")
}

// name names a key's holder, for the user.
func (w *Work) name(r *secrets.Recipient) string {
	if n := w.o.Names[r.ID()]; n != "" {
		return n + " (" + r.Short() + ")"
	}
	return r.Short()
}

func recipients(n int) string {
	if n == 1 {
		return "1 recipient"
	}
	return fmt.Sprintf("%d recipients", n)
}

// each runs do with every file and reports the progress. It returns the first error.
func each(ctx context.Context, s sys.System, label string, files []*File, do func(*File) error) (first error) {
	for i, f := range files {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		first = cmp.Or(first, do(f))
		s.Progress(sys.Progress{Done: int64(i + 1), Total: int64(len(files)), Unit: "files", Label: label})
	}
	return first
}

// Names are the names of keys' holders in keys.nix beside the rules, for messages.
// Without a keys.nix that can be read there are none.
func Names(rules string) map[string]string {
	data, err := sys.ReadRegular(filepath.Join(filepath.Dir(rules), "keys.nix"), 4<<20)
	if err != nil {
		return nil
	}
	keys, err := keysnix.Keys(data)
	if err != nil {
		return nil
	}
	names := map[string]string{}
	for key, name := range keys {
		if r, err := secrets.ParseRecipient(key); err == nil {
			names[r.ID()] = name
		}
	}
	return names
}
