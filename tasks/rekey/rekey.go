// Package rekey re-encrypts the secrets of a flake to the recipients that its
// rules name, as `agenix --rekey` does. Everything is decrypted and encrypted in
// memory before the first file is replaced.
package rekey

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"auto-installer/internal/sys"
	"auto-installer/internal/worktree"
	"auto-installer/secrets"
)

// Options says which files are to be for whom.
type Options struct {
	Root  string // the work tree; nothing outside of it is changed
	Dir   string // in it, that the rules' paths are relative to
	Rules []secrets.Rule
	Held  []*secrets.Held
	// Names are what people call the holders of keys, by the keys' ID.
	Names map[string]string
	// Record is a file of this user's that tells of files what their stanzas do
	// not, see Look; empty: there is none.
	Record string
}

// Work is what Look found out, and what the steps make of it.
type Work struct {
	o      Options
	Files  []*File
	record record
	tx     *worktree.Tx // from Open to Write
}

// File is a file of the rules.
type File struct {
	secrets.Rule
	Missing bool   // the rules name it, and it is not there
	Why     string // it is to be re-encrypted; empty: it stays as it is

	header  *secrets.Header
	sum     string // hash of the file
	before  []byte // what it was when it was opened
	content []byte // decrypted; wiped when it is encrypted
	closed  bool   // none of the keys opens it
	after   []byte
}

// Look reads the files' headers and judges which are to be re-encrypted:
// all but those that are shown to be for exactly the wanted recipients. For ssh
// and tagged recipients the stanzas show it. For age1… recipients it takes the
// private key of each, or the record of what an earlier run has encrypted to
// whom.
func Look(ctx context.Context, o Options) (*Work, error) {
	w := &Work{o: o, record: readRecord(o.Record)}
	for _, r := range o.Rules {
		w.Files = append(w.Files, &File{Rule: r})
	}
	err := w.each(ctx, w.Files, func(int) {}, func(f *File) error { return w.judge(f) })
	return w, err
}

// None tells whether the rules name files, and all of them are missing.
func (w *Work) None() bool {
	return len(w.Files) > 0 && !slices.ContainsFunc(w.Files, func(f *File) bool { return !f.Missing })
}

func (w *Work) judge(f *File) error {
	data, err := w.read(f)
	if errors.Is(err, fs.ErrNotExist) {
		f.Missing = true
		return nil
	}
	if err != nil {
		return sys.Faultf(sys.CodeUsage, "make it a file that can be read, or take it out of the rules", "%w", err)
	}
	f.sum = hashOf(data)
	if f.header, err = readHeader(data); err != nil {
		return sys.Faultf(sys.CodeUsage, "get it back from git, or take it out of the rules", "%s: %w", f.File, err)
	}
	switch is := f.header.IsFor(f.Recipients, w.o.Held...); {
	case f.header.Armored != f.Armor && f.Armor:
		f.Why = "the rules want it armored"
	case f.header.Armored != f.Armor:
		f.Why = "the rules do not want it armored"
	case is == secrets.No:
		f.Why = "its recipients were others"
	case is == secrets.Unknown && !w.record.has(f):
		f.Why = "it did not show for whom it was"
	}
	return nil
}

// maxFile bounds a secret, in bytes: it is decrypted in memory.
const maxFile = 256 << 20

func (w *Work) read(f *File) ([]byte, error) {
	return sys.ReadRegular(filepath.Join(w.o.Dir, f.File), maxFile)
}

// changed are the files to re-encrypt.
func (w *Work) changed() []*File {
	var list []*File
	for _, f := range w.Files {
		if f.Why != "" {
			list = append(list, f)
		}
	}
	return list
}

// Replaceable makes sure, before anything is decrypted, that the files that are
// to change can be replaced and that what their recipients need is installed.
// Everything that is wrong is reported together.
func (w *Work) Replaceable() error {
	tx, err := worktree.Begin(w.o.Root)
	if err != nil {
		return sys.WithHint(err, sys.CodeUsage, "see that it can be read", w.o.Root)
	}
	var bad []*sys.Fault
	for _, f := range w.changed() {
		name, err := w.path(f)
		if err == nil {
			err = tx.Check(name)
		}
		if err != nil {
			bad = append(bad, sys.WithHint(err, sys.CodeUsage, "make it a file that can be read", f.File))
		}
		for _, r := range f.Recipients {
			if program := r.MissingPlugin(); program != "" {
				bad = append(bad, sys.WithHint(NoPlugin(program), sys.CodeMachine, "", f.File+": "+w.name(r)))
			}
		}
	}
	if err := tx.Rollback(); err != nil || len(bad) == 0 {
		return err
	}
	all := *bad[0]
	for _, b := range bad[1:] {
		all.Cause += "\n" + b.Cause
	}
	return &all
}

// NoPlugin is the fault of a key whose plugin is not installed.
func NoPlugin(program string) *sys.Fault {
	return sys.Faultf(sys.CodeMachine, "install "+program+" and see that it is in PATH", "it needs %s, which is not installed", program)
}

// missingPlugin gives the error of a missing plugin its words.
func missingPlugin(err error) error {
	if program := secrets.MissingPlugin(err); program != "" {
		return NoPlugin(program)
	}
	return err
}

// path is the path of a file below the root.
func (w *Work) path(f *File) (string, error) {
	dir, err := filepath.EvalSymlinks(w.o.Dir)
	if err != nil {
		return "", err
	}
	root, err := filepath.EvalSymlinks(w.o.Root)
	if err != nil {
		return "", err
	}
	return filepath.Rel(root, filepath.Join(dir, f.File))
}

// OpenActions is what Open will do.
func OpenActions(w *Work) []sys.Action {
	as := []sys.Action{}
	for _, f := range w.changed() {
		as = append(as, sys.Action{Does: "decrypt " + f.File + " in memory"})
	}
	return as
}

// Open decrypts what is to be re-encrypted. If one file cannot be, that is the
// end, with all of those named.
func Open(ctx context.Context, s sys.System, w *Work) error {
	for _, f := range w.Files {
		if f.Missing {
			s.Warn(f.File + " is missing, though the rules name it")
		}
	}
	err := w.open(ctx, s)
	if err != nil {
		w.Wipe()
	}
	return err
}

func (w *Work) open(ctx context.Context, s sys.System) error {
	if err := w.Replaceable(); err != nil {
		return err
	}
	files := w.changed()
	if err := w.begin(files); err != nil {
		return err
	}
	err := w.each(ctx, files, progress(s, files, "decrypting"), func(f *File) error {
		var err error
		f.content, err = decrypt(f.before, w.o.Held)
		if f.closed = errors.Is(err, secrets.ErrCannotOpen); f.closed || err == nil {
			return nil
		}
		return sys.WithHint(missingPlugin(err), sys.CodeContract, "nothing was changed; see whether the file is whole, and what its key needs is installed", f.File)
	})
	var names []string
	for _, f := range files {
		if f.closed {
			names = append(names, f.File)
		}
	}
	switch {
	case len(names) > 0 && ctx.Err() == nil:
		return sys.Faultf(sys.CodeContract, "nothing was changed; name a key that opens it with --identity, or ask someone who has one to do this",
			"none of the keys at hand opens %s", strings.Join(names, ", "))
	case isPassphrase(err):
		return noPassphrase(err)
	}
	return err
}

// begin reads the files that are to change: until they are replaced they must
// stay as they are now.
func (w *Work) begin(files []*File) error {
	var err error
	if w.tx, err = worktree.Begin(w.o.Root); err != nil {
		return err
	}
	for _, f := range files {
		name, err := w.path(f)
		if err == nil {
			f.before, err = w.tx.Read(name)
		}
		if err != nil {
			return sys.WithHint(err, sys.CodeUsage, "look at it, and run the command again; nothing was changed", f.File)
		}
	}
	return nil
}

func isPassphrase(err error) bool {
	return errors.Is(err, secrets.ErrNeedsPassphrase) || errors.Is(err, secrets.ErrWrongPassphrase)
}

func noPassphrase(err error) error {
	return sys.WithHint(err, sys.CodeUsage, "nothing was changed; run it on a terminal and type the passphrase of the key", "opening the secrets")
}

// Unlock has the passphrases asked for that Open will need: nothing else is
// shown meanwhile.
func Unlock(w *Work) error {
	for _, f := range w.changed() {
		err := f.header.CanOpen(secrets.Identities(w.o.Held)...)
		if isPassphrase(err) {
			return noPassphrase(err)
		}
	}
	return nil
}

// WriteActions is what Write will do.
func WriteActions(w *Work) []sys.Action {
	as := []sys.Action{}
	for _, f := range w.changed() {
		as = append(as, sys.Action{Does: fmt.Sprintf("encrypt %s to %s: %s", f.File, recipients(len(f.Recipients)), f.Why)})
	}
	if len(as) == 0 {
		return []sys.Action{{Does: "nothing: each is for exactly the recipients that its rule names"}}
	}
	return append(as, sys.Action{Does: "replace them, each as a whole"})
}

func recipients(n int) string {
	if n == 1 {
		return "1 recipient"
	}
	return fmt.Sprintf("%d recipients", n)
}

// seal encrypts what Open has decrypted.
func (w *Work) seal(ctx context.Context, s sys.System) error {
	defer w.Wipe()
	files := w.changed()
	return w.each(ctx, files, progress(s, files, "encrypting"), func(f *File) error {
		var err error
		f.after, err = encrypt(f.content, f.Recipients, f.Armor)
		clear(f.content)
		if err != nil {
			return sys.WithHint(missingPlugin(err), sys.CodeUsage, "nothing was changed; correct the rules", f.File)
		}
		return nil
	})
}

// Write encrypts the files and replaces them.
func Write(ctx context.Context, s sys.System, w *Work) error {
	if err := w.seal(ctx, s); err != nil {
		return err
	}
	files := w.changed()
	if err := w.replace(ctx, files); err != nil {
		return sys.WithHint(err, sys.CodeUnexpected, "mend that, and run the same command again; nothing was changed", "replacing the files")
	}
	for _, f := range files {
		s.Log(fmt.Sprintf("%s: encrypted to %s: %s", f.File, recipients(len(f.Recipients)), f.Why))
	}
	if err := w.note(); err != nil {
		s.Warn("what was encrypted to whom could not be noted, so the next run does it again: " + err.Error())
	}
	there := 0
	for _, f := range w.Files {
		if !f.Missing {
			there++
		}
	}
	s.Log(fmt.Sprintf("%d of %d files re-encrypted, the others are as they were", len(files), there))
	return nil
}

// replace puts the new content in its place, and removes what a killed command
// left beside any file of the rules.
func (w *Work) replace(ctx context.Context, files []*File) error {
	var names []string
	for _, f := range w.Files {
		if name, err := w.path(f); err == nil {
			names = append(names, name)
		}
	}
	if err := w.tx.Clear(names...); err != nil {
		return errors.Join(err, w.tx.Rollback())
	}
	for _, f := range files {
		name, err := w.path(f)
		if err == nil {
			err = w.tx.Write(name, 0, f.after)
		}
		if err != nil {
			return errors.Join(err, w.tx.Rollback())
		}
	}
	return w.tx.Commit(ctx)
}

// Changed is the new content of the files below dir that the rules want for
// others than they are for, by their names in the rules. It writes none of them,
// but notes in the record for whom that content is.
func Changed(ctx context.Context, s sys.System, o Options) (map[string][]byte, error) {
	w, err := Look(ctx, o)
	if err != nil {
		return nil, err
	}
	if err := Open(ctx, s, w); err != nil {
		return nil, err
	}
	defer func() { _ = w.tx.Rollback() }() // nothing is written here
	if err := w.seal(ctx, s); err != nil {
		return nil, err
	}
	if err := w.note(); err != nil {
		s.Log("what is encrypted to whom could not be noted: " + err.Error())
	}
	files := map[string][]byte{}
	for _, f := range w.changed() {
		files[f.File] = f.after
	}
	return files, nil
}

// Wipe forgets what was decrypted.
func (w *Work) Wipe() {
	for _, f := range w.Files {
		clear(f.content)
		f.content = nil
	}
}
