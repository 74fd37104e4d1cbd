package rekey

import (
	"context"
	"fmt"
	"strings"

	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
	"auto-installer/secrets"
)

// checks report files that a recipient of their rule cannot open, as far as that
// shows. The error counts them.
func (w *Work) checks() []engine.Op {
	var there, bad, unknown int
	ops := []engine.Op{engine.Do("", w.warnMissing)}
	for _, f := range w.Files {
		does := fmt.Sprintf("verify that %s has a stanza for each of %s", f.File, recipients(len(f.Recipients)))
		ops = append(ops, engine.Do(does, func(_ context.Context, s sys.System) error {
			if f.Missing {
				return nil
			}
			there++
			says, certain := w.lacks(f)
			if says != "" {
				s.Log(f.File + ": " + says)
				bad++
				return nil
			}
			if !certain {
				unknown++
			}
			if f.header.IsFor(f.Recipients, w.o.Held...) == secrets.No {
				s.Warn(f.File + " has a recipient that the rules do not name")
			}
			return nil
		}))
	}
	return append(ops, engine.Do("", func(_ context.Context, s sys.System) error {
		if unknown > 0 {
			s.Log(fmt.Sprintf(
				"not certain of %d: they have as many stanzas for age1… keys as the rules want, but only the private keys show which", unknown))
		}
		if bad > 0 {
			return sys.Faultf(sys.CodeContract, "run `auto-installer rekey` with a key that opens them",
				"%d of %d files cannot be opened by every recipient of their rule", bad, there)
		}
		says := fmt.Sprintf("no file of %d lacks a recipient", there)
		if missing := len(w.Files) - there; missing > 0 {
			says += fmt.Sprintf("; missing: %d", missing)
		}
		s.Log(says)
		return nil
	}))
}

// lacks says who cannot open a file, or nothing. certain: every recipient was
// judged.
func (w *Work) lacks(f *File) (says string, certain bool) {
	var out []string
	certain = true
	for _, r := range f.Recipients {
		switch f.header.OpenableBy(r, w.o.Held...) {
		case secrets.No:
			out = append(out, w.name(r))
		case secrets.Unknown:
			certain = false
		}
	}
	// Of these only the number shows.
	more := f.header.Lacking(f.Recipients) - len(out)
	of := recipients(len(f.Recipients)) + " cannot open it"
	switch {
	case len(out) > 0 && more > 0:
		return fmt.Sprintf("%s and %d more of %s", strings.Join(out, ", "), more, of), true
	case len(out) > 0:
		return strings.Join(out, ", ") + " cannot open it", true
	case more > 0:
		return fmt.Sprintf("%d of %s", more, of), true
	}
	return "", certain
}
