package rekey

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
	"auto-installer/internal/worktree"
	"auto-installer/secrets"
)

// opens decrypt the files to re-encrypt. The error names every file that none of
// the keys opens.
func (w *Work) opens() []engine.Op {
	as := []sys.Action{}
	for _, f := range w.changed() {
		as = append(as, sys.Action{Does: "decrypt " + f.File + " in memory"})
	}
	return []engine.Op{engine.Do("", w.warnMissing), engine.Together(as, w.open)}
}

func (w *Work) warnMissing(_ context.Context, s sys.System) error {
	for _, f := range w.Files {
		if f.Missing {
			s.Warn(f.File + " is missing, though the rules name it")
		}
	}
	return nil
}

func (w *Work) open(ctx context.Context, s sys.System) (err error) {
	defer func() {
		if err != nil {
			w.Wipe()
		}
	}()
	if err := w.Replaceable(); err != nil {
		return err
	}
	files := w.changed()
	if w.tx, err = worktree.Begin(w.o.Root); err != nil {
		return err
	}
	for _, f := range files { // from now on they must not change
		if f.before, err = w.tx.Read(f.name); err != nil {
			return sys.WithHint(err, sys.CodeUsage, "nothing was changed; look at it, and run the command again", f.File)
		}
	}
	err = each(ctx, s, "decrypting", files, func(f *File) error {
		var err error
		f.content, err = secrets.Decrypt(f.before, secrets.Identities(w.o.Held)...)
		if f.closed = errors.Is(err, secrets.ErrCannotOpen); f.closed || err == nil {
			return nil
		}
		return sys.WithHint(missingPlugin(err), sys.CodeContract,
			"nothing was changed; check that the file is whole and that the plugin of its key is installed", f.File)
	})
	var names []string
	for _, f := range files {
		if f.closed {
			names = append(names, f.File)
		}
	}
	switch {
	case len(names) > 0 && ctx.Err() == nil:
		return sys.Faultf(sys.CodeContract, "nothing was changed; name a key that opens it with --identity, or ask its owner to run this",
			"none of the keys at hand opens %s", strings.Join(names, ", "))
	case isPassphrase(err):
		return noPassphrase(err)
	}
	return err
}

// missingPlugin turns the error of a missing plugin into its fault.
func missingPlugin(err error) error {
	if program := secrets.MissingPlugin(err); program != "" {
		return noPlugin(program)
	}
	return err
}

// writes encrypt the files and replace them.
func (w *Work) writes() []engine.Op {
	as := []sys.Action{}
	for _, f := range w.changed() {
		as = append(as, sys.Action{Does: fmt.Sprintf("encrypt %s to %s: %s", f.File, recipients(len(f.Recipients)), f.Why)})
	}
	if len(as) == 0 {
		as = append(as, sys.Action{Does: "nothing: each file is for exactly the recipients that its rule names"})
	} else {
		as = append(as, sys.Action{Does: "replace them, each as a whole"})
	}
	return []engine.Op{engine.Together(as, w.write)}
}

// seal encrypts what open has decrypted.
func (w *Work) seal(ctx context.Context, s sys.System) error {
	defer w.Wipe()
	files := w.changed()
	return each(ctx, s, "encrypting", files, func(f *File) error {
		var err error
		f.after, err = secrets.Encrypt(f.content, f.Armor, secrets.Recipients(f.Recipients)...)
		clear(f.content)
		if err != nil {
			return sys.WithHint(missingPlugin(err), sys.CodeUsage, "nothing was changed; correct the rules", f.File)
		}
		return nil
	})
}

func (w *Work) write(ctx context.Context, s sys.System) error {
	if err := w.seal(ctx, s); err != nil {
		return err
	}
	files := w.changed()
	var err error
	for _, f := range files {
		err = cmp.Or(err, w.tx.Write(f.name, f.after))
	}
	if err == nil {
		err = w.tx.Commit(ctx)
	}
	if err != nil {
		return sys.WithHint(err, sys.CodeUnexpected, "nothing was changed; mend that, and run the same command again", "replacing the files")
	}
	for _, f := range files {
		s.Log(fmt.Sprintf("%s: encrypted to %s: %s", f.File, recipients(len(f.Recipients)), f.Why))
	}
	there := 0
	for _, f := range w.Files {
		if !f.Missing {
			there++
		}
	}
	s.Log(fmt.Sprintf("%d of %d files re-encrypted", len(files), there))
	return nil
}

// Changed is the new content of the files to re-encrypt, by their names in the
// rules. It writes none of them.
func Changed(ctx context.Context, s sys.System, o Options) (map[string][]byte, error) {
	w, err := Look(ctx, o)
	if err != nil {
		return nil, err
	}
	if err := engine.NewStep("open", "", engine.Check, w.opens()...).Run(ctx, s); err != nil {
		return nil, err
	}
	defer func() { _ = w.tx.Close() }() // nothing is written here
	if err := w.seal(ctx, s); err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, f := range w.changed() {
		files[f.File] = f.after
	}
	return files, nil
}

// Wipe zeroes the decrypted content.
func (w *Work) Wipe() {
	for _, f := range w.Files {
		clear(f.content)
		f.content = nil
	}
}
