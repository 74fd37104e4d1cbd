package newhost

import (
	"bytes"
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
// an edit means the right thing. Otherwise it drafts lines for the user to add. It
// returns the secrets whose recipients change.
func (o Options) enter(ctx context.Context, s sys.System, dir string) (changed []string, err error) {
	before, err := o.meant(ctx, s, dir)
	if errors.Is(err, exec.ErrNotFound) {
		before.Failed = errors.New("nix is not installed")
	} else if err != nil {
		return nil, o.inRepo(err, dir)
	}
	host, file := o.Host.TargetHost, o.keysIn()
	if file == "" {
		if o.Rules != "" {
			o.Draft.hand, o.Draft.handFile = o.newKey().Left(nil).ByHand, o.Rules
		}
		return nil, nil
	}
	src := o.Draft.before[file]
	if o.entered(src, before) {
		s.Log(file + " has the recipient of " + host + " already")
		return nil, nil
	}
	c := keysnix.Claim{Host: host, Key: o.Draft.recipient, Known: o.knownHosts(), Named: o.naming(dir)}
	p, err := o.propose(src, &c)
	if err != nil {
		return nil, sys.Faultf(sys.CodeUsage, "choose another name, or remove the old one", "%s: %w", file, err)
	}
	found := c.Choose(p, before, func(data []byte) (keysnix.Meaning, error) {
		if err := writeIn(dir, file, data); err != nil {
			return keysnix.Meaning{}, err
		}
		return o.means(ctx, s, dir)
	})
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if found.Edit != nil {
		o.gains(s, file, found.Edit)
		return before.Otherwise(found.After), writeIn(dir, file, found.Edit.Data)
	}
	o.leave(s, file, p.Why, found.Why)
	o.Draft.hand, o.Draft.handFile = found.Hand.ByHand, file
	if bytes.Equal(found.Hand.Data, src) && c.Old == "" {
		o.Draft.handFile = cmp.Or(o.Rules, "the rules")
	}
	return nil, writeIn(dir, file, src)
}

// inRepo is an error that names the files of the repo, not those of its copy.
func (o Options) inRepo(err error, dir string) error {
	f, ok := errors.AsType[*sys.Fault](err)
	if !ok {
		return err
	}
	of := *f
	of.Cause, of.Hint = strings.ReplaceAll(f.Cause, dir, o.Repo), strings.ReplaceAll(f.Hint, dir, o.Repo)
	return &of
}

// entered reports whether the keys have the host's very recipient under its name.
func (o Options) entered(src []byte, m keysnix.Meaning) bool {
	if k, err := keysnix.KeyOf(src, o.Host.TargetHost); err == nil && k.Recipient == o.Draft.recipient {
		return true
	}
	return m.Has(o.Host.TargetHost, o.Draft.recipient)
}

func (o Options) newKey() keysnix.NewKey {
	return keysnix.NewKey{Host: o.Host.TargetHost, Recipient: o.Draft.recipient, Known: o.knownHosts(), Rules: o.Keys == ""}
}

// propose asks the editor: for the key in the place of the old one, or for a new
// one.
func (o Options) propose(src []byte, c *keysnix.Claim) (*keysnix.Proposals, error) {
	k, err := keysnix.KeyOf(src, o.Host.TargetHost)
	if errors.Is(err, keysnix.ErrNoHost) || misshapen(err) != nil && !o.Replace {
		return keysnix.AddHost(src, o.newKey())
	}
	line := keysnix.HandLine{Place: "the place of its old key", Text: `"` + o.Draft.recipient + `"`}
	p := &keysnix.Proposals{ByHand: []*keysnix.KeysEdit{{Data: src, ByHand: []keysnix.HandLine{line}}}}
	if err == nil {
		c.Old, _ = byID(k.Recipient).(string)
		var e *keysnix.KeysEdit
		if e, err = keysnix.ReplaceHost(src, o.Host.TargetHost, o.Draft.recipient); err == nil {
			p.Edits = []*keysnix.KeysEdit{e}
			return p, nil
		}
	}
	p.Why = misshapen(err)
	if p.Why == nil {
		return nil, err
	}
	return p, nil
}

// knownHosts are names that are certainly hosts: of folders, and in sets that
// flake.nix lists.
func (o Options) knownHosts() []string {
	var names []string
	dirs, _ := os.ReadDir(filepath.Join(o.Repo, o.hosts()))
	for _, d := range dirs {
		for _, file := range []string{"host.toml", "installer.nix", "configuration.nix", "default.nix"} {
			if _, err := os.Stat(filepath.Join(o.Repo, o.hosts(), d.Name(), file)); err == nil {
				names = append(names, d.Name())
				break
			}
		}
	}
	if f, err := nixtext.Parse(o.Draft.before["flake.nix"]); err == nil {
		for _, set := range slices.Concat(setsIn(f, "nixosHostDefinitions"), setsIn(f, systemsIn)) {
			names = append(names, members(f, set)...)
		}
	}
	return slices.DeleteFunc(names, func(name string) bool { return name == o.Host.TargetHost || strings.HasSuffix(name, "-installer") })
}

// gains drafts an edit of the keys.
func (o Options) gains(s sys.System, file string, e *keysnix.KeysEdit) {
	for _, line := range e.Removed {
		s.Log(file + " loses  " + strings.TrimSpace(line))
	}
	for _, line := range e.Added {
		s.Log(file + " gains  " + strings.TrimSpace(line))
	}
	for _, note := range e.Notes {
		s.Warn(file + ": " + note)
	}
	o.Draft.files[file] = draftFile{data: e.Data}
}

// leave says why the keys are not edited.
func (o Options) leave(s sys.System, file string, why *keysnix.ShapeError, judged error) {
	switch {
	case why != nil && why.Line > 0:
		s.Warn(fmt.Sprintf("%s:%d has an unknown shape and is not edited: %s", file, why.Line, why.Why))
	case why != nil:
		s.Warn(file + " is not edited: " + why.Why)
	case judged != nil:
		s.Warn(file + " is not edited: with " + o.Host.TargetHost + " in it, " + sys.Clean(judged.Error()))
	default:
		s.Warn(file + " is not edited: no entry of a host can be copied")
	}
}
