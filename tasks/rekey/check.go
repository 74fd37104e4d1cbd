package rekey

import (
	"context"
	"fmt"
	"strings"

	"auto-installer/internal/sys"
	"auto-installer/secrets"
)

// CheckActions is what Check will do.
func CheckActions(w *Work) []sys.Action {
	as := []sys.Action{}
	for _, f := range w.Files {
		as = append(as, sys.Action{Does: fmt.Sprintf("see that %s has a stanza for each of %s", f.File, recipients(len(f.Recipients)))})
	}
	return as
}

// Check sees that each file can be opened by all whom the rules name, as far as
// the files tell without a private key, and says how far that is. The error
// counts the files that cannot; each was named.
func Check(_ context.Context, s sys.System, w *Work) error {
	bad, unknown, missing := 0, 0, 0
	for _, f := range w.Files {
		if f.Missing {
			s.Warn(f.File + " is missing, though the rules name it")
			missing++
			continue
		}
		says, certain := w.lacks(f)
		if says != "" {
			s.Log(f.File + ": " + says)
			bad++
		} else if !certain {
			unknown++
		}
		if says == "" && f.header.IsFor(f.Recipients, w.o.Held...) == secrets.No {
			s.Warn(f.File + " is for someone too whom the rules do not name")
		}
	}
	if unknown > 0 {
		s.Log(fmt.Sprintf("not certain of %d: they have as many stanzas for age1… keys as the rules want, but for whose, only the private keys tell", unknown))
	}
	if bad > 0 {
		return sys.Faultf(sys.CodeContract, "run `auto-installer rekey` with a key that opens them", "%d of %d files cannot be opened by all whom the rules name", bad, len(w.Files)-missing)
	}
	says := fmt.Sprintf("no file of %d lacks a recipient", len(w.Files)-missing)
	if missing > 0 {
		says += fmt.Sprintf("; missing: %d", missing)
	}
	s.Log(says)
	return nil
}

// lacks says who cannot open a file, empty if nobody is known to be locked
// out; that is certain if everyone was judged.
func (w *Work) lacks(f *File) (says string, certain bool) {
	recorded, known := w.record[f.sum]
	var out []string
	unsure := 0
	for _, r := range f.Recipients {
		verdict := f.header.OpenableBy(r)
		if verdict == secrets.Unknown && known {
			verdict = secrets.No
			for _, id := range recorded {
				if id == r.ID() {
					verdict = secrets.Yes
				}
			}
		}
		if verdict == secrets.Unknown {
			verdict = w.tried(f, r)
		}
		switch verdict {
		case secrets.No:
			out = append(out, w.name(r))
		case secrets.Unknown:
			unsure++
		}
	}
	// By their number alone: it does not show who it is.
	more := f.header.Lacking(f.Recipients) - len(out)
	switch {
	case len(out) > 0 && more > 0:
		return fmt.Sprintf("%s and %d more of %s cannot open it", strings.Join(out, ", "), more, recipients(len(f.Recipients))), true
	case len(out) > 0:
		return strings.Join(out, ", ") + " cannot open it", true
	case more > 0:
		return fmt.Sprintf("%d of %s cannot open it", more, recipients(len(f.Recipients))), true
	}
	return "", unsure == 0
}

// tried is what a private key at hand tells.
func (w *Work) tried(f *File, r *secrets.Recipient) secrets.Verdict {
	for _, k := range w.o.Held {
		if k.Opens(r) {
			return f.header.Opened(k, r)
		}
	}
	return secrets.Unknown
}

func (w *Work) name(r *secrets.Recipient) string {
	if n := w.o.Names[r.ID()]; n != "" {
		return n + " (" + r.Short() + ")"
	}
	return r.Short()
}
