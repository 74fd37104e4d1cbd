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

	"auto-installer/nixtext"
	"auto-installer/secrets"
	"auto-installer/steps/internal/sys"
)

// enter drafts the file of the keys with the host's recipient, if an edit means
// to nix what it should, in a copy of the repo. Else the lines to add by hand are
// noted. It returns the secrets whose recipients change.
func (o Options) enter(ctx context.Context, s sys.System, dir string) (changed []string, err error) {
	before, err := o.meant(ctx, s, dir)
	blind := errors.Is(err, exec.ErrNotFound)
	switch {
	case blind:
		s.Warn("nix is not there to say what the keys mean: they are edited only if that needs no guess")
		o.Draft.rekey = o.Rules != ""
	case err != nil:
		return nil, err
	}
	name, file := o.Host.TargetHost, o.keysIn()
	if file == "" {
		if o.Rules != "" {
			o.Draft.hand = o.newKey().Left(nil).ByHand
			o.Draft.handFile = o.Rules
		}
		return nil, nil
	}
	src := o.Draft.before[file]
	if o.entered(src, before) {
		s.Log(file + " has the recipient of " + name + " already")
		return nil, nil
	}
	c := claim{host: name, key: o.Draft.recipient, known: o.knownHosts()}
	p, err := o.propose(src, &c)
	if err != nil {
		return nil, sys.Faultf(sys.CodeUsage, "choose another name, or take what is there out of it", "%s: %w", file, err)
	}
	try := func(list []*secrets.KeysEdit) (*secrets.KeysEdit, meaning, error) {
		var why error
		for _, e := range list {
			if err := writeIn(dir, file, e.Data); err != nil {
				return nil, meaning{}, err
			}
			after, err := o.means(ctx, s, dir)
			if ctx.Err() != nil {
				return nil, meaning{}, err
			}
			if err == nil {
				err = c.judge(before, after)
			}
			if err == nil {
				return e, after, nil
			}
			why = errors.Join(why, err)
		}
		return nil, meaning{}, why
	}
	var edit *secrets.KeysEdit
	after := before
	if blind {
		if i := slices.IndexFunc(p.Edits, func(e *secrets.KeysEdit) bool { return e.Sure }); i >= 0 {
			edit = p.Edits[i]
		}
	} else {
		edit, after, err = try(p.Edits)
	}
	if edit != nil {
		o.gains(s, file, edit)
		return otherwise(before, after), writeIn(dir, file, edit.Data)
	}
	if ctx.Err() != nil {
		return nil, err
	}
	o.leave(s, p.Why, err)
	hand := p.ByHand[0]
	if !blind && before.failed == nil {
		if fits, _, _ := try(p.ByHand[:len(p.ByHand)-1]); fits != nil {
			hand = fits
		} else {
			hand = p.ByHand[len(p.ByHand)-1]
		}
	}
	o.Draft.hand, o.Draft.handFile = hand.ByHand, file
	if bytes.Equal(hand.Data, src) && c.old == "" {
		o.Draft.handFile = cmp.Or(o.Rules, "the rules")
	}
	return nil, writeIn(dir, file, src)
}

// entered tells whether the keys have the host's very recipient already, under
// its name.
func (o Options) entered(src []byte, m meaning) bool {
	if k, err := secrets.KeyOf(src, o.Host.TargetHost); err == nil && k.Recipient == o.Draft.recipient {
		return true
	}
	for _, v := range []any{m.keys, m.scope} {
		if set, ok := v.(map[string]any); ok {
			if list, _ := leaves(set[o.Host.TargetHost]); slices.Contains(list, o.Draft.recipient) {
				return true
			}
		}
	}
	return false
}

func (o Options) newKey() secrets.NewKey {
	return secrets.NewKey{Host: o.Host.TargetHost, Recipient: o.Draft.recipient, Known: o.knownHosts(), Rules: o.Keys == ""}
}

// propose is what the editor has to propose: the key in the place of an old
// one, or a new one.
func (o Options) propose(src []byte, c *claim) (*secrets.Proposals, error) {
	k, err := secrets.KeyOf(src, o.Host.TargetHost)
	if errors.Is(err, secrets.ErrNoHost) || misshapen(err) != nil && !o.Replace {
		return secrets.AddHost(src, o.newKey())
	}
	p := &secrets.Proposals{ByHand: []*secrets.KeysEdit{{Data: src, ByHand: []secrets.HandLine{{Place: "the place of its old key", Text: `"` + o.Draft.recipient + `"`}}}}}
	if err == nil {
		c.old, _ = byID(k.Recipient).(string)
		var e *secrets.KeysEdit
		if e, err = secrets.ReplaceHost(src, o.Host.TargetHost, o.Draft.recipient); err == nil {
			p.Edits = []*secrets.KeysEdit{e}
			return p, nil
		}
	}
	p.Why = misshapen(err)
	if p.Why == nil {
		return nil, err
	}
	return p, nil
}

// knownHosts are names that are hosts for certain: of folders, and of sets that
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
	if tokens, err := nixtext.Tokenize(o.Draft.before["flake.nix"]); err == nil {
		for _, set := range []string{"nixosHostDefinitions", "nixosConfigurations"} {
			for _, found := range setsIn(tokens, set) {
				names = append(names, namesIn(tokens, found)...)
			}
		}
	}
	return slices.DeleteFunc(names, func(name string) bool { return name == o.Host.TargetHost || strings.HasSuffix(name, "-installer") })
}

// gains drafts an edit of the keys.
func (o Options) gains(s sys.System, file string, e *secrets.KeysEdit) {
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

// leave says that the keys stay as they are, and why.
func (o Options) leave(s sys.System, why *secrets.ShapeError, judged error) {
	file := o.keysIn()
	switch {
	case why != nil && why.Line > 0:
		s.Warn(fmt.Sprintf("%s:%d is not understood, and %s is left as it is: %s", file, why.Line, file, why.Why))
	case why != nil:
		s.Warn(file + " is left as it is: " + why.Why)
	case judged != nil:
		first, _, _ := strings.Cut(judged.Error(), "\n")
		s.Warn(file + " is left as it is; with the entry that " + o.Host.TargetHost + " would get, " + sys.Clean(first))
	default:
		s.Warn(file + " is left as it is: its hosts' entries differ, so an edit would be a guess")
	}
}

// writeIn writes a file of a copy of the repo, and never through a link out of
// it.
func writeIn(dir, name string, data []byte) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := root.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	if err := root.WriteFile(name, data, 0o600); err != nil {
		return sys.Faultf(sys.CodeUsage, "put a plain file there, within the repo", "%s is no place to write to: %w", name, err)
	}
	return nil
}
