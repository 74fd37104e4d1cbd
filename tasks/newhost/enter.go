package newhost

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"auto-installer/internal/sys"
	"auto-installer/secrets/keysnix"
	"auto-installer/secrets/nixtext"
)

// enter drafts the file of the keys with the host's recipient, if nix says that
// an edit means the right thing. Otherwise it leaves a line to the user.
func (w *work) enter(ctx context.Context, s sys.System) error {
	before, err := w.means(ctx, s)
	if errors.Is(err, exec.ErrNotFound) {
		before.Failed = errors.New("nix is not installed")
	} else if err != nil {
		return w.inRepo(err)
	}
	host, file := w.Host.TargetHost, w.keys
	c := keysnix.Claim{Host: host, Key: w.recipient, Known: w.knownHosts(), Rules: w.keys == w.rules, Replace: w.Replace}
	if file == "" {
		if w.rules != "" {
			w.hand, w.handFile = c.ForRules(), w.rules
		}
		return nil
	}
	src := w.before[file]
	if key, err := keysnix.KeyOf(src, host); err == nil && key == w.recipient || before.Has(host, w.recipient) {
		s.Log(file + " has the recipient of " + host + " already")
		return nil
	}
	found, err := c.Enter(src, before, func(data []byte) (keysnix.Meaning, error) {
		if err := writeIn(w.copied, file, data); err != nil {
			return keysnix.Meaning{}, err
		}
		return w.means(ctx, s)
	})
	if err != nil {
		return sys.Faultf(sys.CodeUsage, "choose another name, or remove the old one", "%s: %w", file, err)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if found.Hand.Text == "" {
		w.gains(s, file, found.Edit)
		w.changed = before.Otherwise(found.After)
		return writeIn(w.copied, file, found.Data)
	}
	w.leave(s, file, found.Why)
	w.hand, w.handFile = found.Hand, file
	if found.Hand.InRules {
		w.handFile = cmp.Or(w.rules, "the rules")
	}
	return writeIn(w.copied, file, src)
}

// inRepo is an error that names the files of the repo, not those of its copy.
func (w *work) inRepo(err error) error {
	f, ok := errors.AsType[*sys.Fault](err)
	if !ok {
		return err
	}
	of := *f
	of.Cause, of.Hint = strings.ReplaceAll(f.Cause, w.copied, w.repo), strings.ReplaceAll(f.Hint, w.copied, w.repo)
	if f.Code == sys.CodeSource {
		of.Hint += "; a rule can name " + w.Host.TargetHost + " only once it is added"
	}
	return &of
}

// knownHosts are names that are certainly hosts: of folders, and in sets that
// flake.nix lists.
func (w *work) knownHosts() []string {
	var names []string
	dirs, _ := os.ReadDir(filepath.Join(w.repo, w.HostsDir))
	for _, d := range dirs {
		for _, file := range []string{"host.toml", "installer.nix", "configuration.nix", "default.nix"} {
			if _, err := os.Stat(filepath.Join(w.repo, w.HostsDir, d.Name(), file)); err == nil {
				names = append(names, d.Name())
				break
			}
		}
	}
	if f, err := nixtext.Parse(w.before["flake.nix"]); err == nil {
		for _, set := range slices.Concat(setsIn(f, "nixosHostDefinitions"), setsIn(f, systemsIn)) {
			names = append(names, members(f, set)...)
		}
	}
	return slices.DeleteFunc(names, func(name string) bool { return name == w.Host.TargetHost || strings.HasSuffix(name, "-installer") })
}

// gains drafts an edit of the keys.
func (w *work) gains(s sys.System, file string, e *keysnix.Edit) {
	for _, line := range e.Removed {
		s.Log(file + " loses  " + strings.TrimSpace(line))
	}
	for _, line := range e.Added {
		s.Log(file + " gains  " + strings.TrimSpace(line))
	}
	for _, note := range e.Notes {
		s.Warn(file + ": " + note)
	}
	w.files[file] = e.Data
}

// leave says why the keys are not edited.
func (w *work) leave(s sys.System, file string, why error) {
	switch shape, ok := errors.AsType[*keysnix.ShapeError](why); {
	case !ok:
		s.Warn(file + " is not edited: with " + w.Host.TargetHost + " in it, " + sys.Clean(why.Error()))
	case shape.Line > 0:
		s.Warn(fmt.Sprintf("%s:%d has an unknown shape and is not edited: %s", file, shape.Line, shape.Why))
	default:
		s.Warn(file + " is not edited: " + shape.Why)
	}
}
