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
	"auto-installer/secrets"
	"auto-installer/secrets/nixtext"
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
		return nil, o.inRepo(err, dir)
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
		o.Draft.rekey = false
		return nil, nil
	}
	c := claim{host: name, key: o.Draft.recipient, known: o.knownHosts(), named: o.naming(dir)}
	p, err := o.propose(src, &c)
	if err != nil {
		return nil, sys.Faultf(sys.CodeUsage, "choose another name, or take what is there out of it", "%s: %w", file, err)
	}
	var found choice
	if blind {
		rules, _ := os.ReadFile(filepath.Join(dir, o.Rules)) // if there are any
		found = chooseBlindly(p, src, rules)
	} else {
		found = c.choose(p, before, func(data []byte) (meaning, error) {
			if err := writeIn(dir, file, data); err != nil {
				return meaning{}, err
			}
			return o.means(ctx, s, dir)
		})
	}
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case found.edit != nil:
		o.gains(s, file, found.edit)
		return otherwise(before, found.after), writeIn(dir, file, found.edit.Data)
	}
	o.leave(s, p.Why, found.why)
	o.Draft.hand, o.Draft.handFile = found.hand.ByHand, file
	if bytes.Equal(found.hand.Data, src) && c.old == "" {
		o.Draft.handFile = cmp.Or(o.Rules, "the rules")
	}
	return nil, writeIn(dir, file, src)
}

// inRepo is an error that names the files of the repo for those of its copy.
func (o Options) inRepo(err error, dir string) error {
	f, ok := errors.AsType[*sys.Fault](err)
	if !ok {
		return err
	}
	told := *f
	told.Cause, told.Hint = strings.ReplaceAll(f.Cause, dir, o.Repo), strings.ReplaceAll(f.Hint, dir, o.Repo)
	return &told
}

// choice is an edit that means what it should, or else what a person is to do,
// and why no edit will do.
type choice struct {
	edit  *secrets.KeysEdit
	after meaning
	hand  *secrets.KeysEdit
	why   error
}

// chooseBlindly takes an edit that needs no guess, where nix cannot say what the
// keys and the rules mean: these take nothing from others by a function.
func chooseBlindly(p *secrets.Proposals, sources ...[]byte) choice {
	i := slices.IndexFunc(p.Edits, func(e *secrets.KeysEdit) bool { return e.Sure })
	if i < 0 || slices.ContainsFunc(sources, secrets.Computes) {
		return choice{hand: p.ByHand[0]}
	}
	return choice{edit: p.Edits[i]}
}

// choose tries what is proposed until something means what it should to eval,
// which says what a file of keys means.
func (c claim) choose(p *secrets.Proposals, before meaning, eval func(data []byte) (meaning, error)) (found choice) {
	if before.failed != nil { // nothing can be known of what an edit means
		return choice{hand: p.ByHand[0], why: fmt.Errorf("nix cannot evaluate it: %w", before.failed)}
	}
	fits := func(e *secrets.KeysEdit) (meaning, bool) {
		after, err := eval(e.Data)
		if err == nil {
			err = c.judge(before, after)
		}
		found.why = cmp.Or(found.why, err)
		return after, err == nil
	}
	for _, e := range p.Edits {
		if after, ok := fits(e); ok {
			return choice{edit: e, after: after}
		}
	}
	last := len(p.ByHand) - 1
	found.hand = p.ByHand[last]
	why := found.why
	for _, e := range p.ByHand[:last] {
		if _, ok := fits(e); ok {
			found.hand = e
			break
		}
	}
	found.why = why
	return found
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
		s.Warn(fmt.Sprintf("%s:%d is not understood, and left as it is: %s", file, why.Line, why.Why))
	case why != nil:
		s.Warn(file + " is left as it is: " + why.Why)
	case judged != nil:
		s.Warn(file + " is left as it is, since with " + o.Host.TargetHost + " in it " + sys.Clean(judged.Error()))
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
	return sys.GiveTree(dir, dir) // nix reads it as the copy's owner
}
