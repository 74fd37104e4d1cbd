package newhost

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"auto-installer/internal/agenix"
	"auto-installer/internal/sys"
	"auto-installer/secrets"
	"auto-installer/secrets/keysnix"
	"auto-installer/secrets/nixtext"
)

// plainValue is a Nix function that keeps the parts of a value that can hold keys:
// strings, lists and sets. The rest becomes null.
const plainValue = `let
  keep = v: let r = builtins.tryEval v; in
    if !r.success then null
    else if builtins.isString v then v
    else if builtins.isList v then map keep v
    else if builtins.isAttrs v then builtins.mapAttrs (_: keep) v
    else null;
in keep`

// letFile is a file beside another one, in a copy of the repo, whose value is what
// that one's let binds.
const letFile = ".auto-installer-let.nix"

// letOf is the text of that file, or nil without a let.
func letOf(src []byte) []byte {
	f, err := nixtext.Parse(src)
	if err != nil || f.In == 0 {
		return nil
	}
	var names []string
	for _, a := range f.Attrs {
		if name := nixtext.Name(a.Path[0]); a.InLet && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return fmt.Appendf(slices.Clone(src[:f.In]), "in { inherit %s; }\n", strings.Join(names, " "))
}

// keysIn is the file with the keys: keys.nix, or the rules themselves; or empty.
func (o Options) keysIn() string {
	if o.Keys == "" && strings.HasSuffix(o.Rules, ".nix") {
		return o.Rules
	}
	return o.Keys
}

// ask evaluates a file. The log gets no errors of nix: that something has no
// value is an answer here.
func ask(ctx context.Context, s sys.System, does, file, apply string) ([]byte, error) {
	c := agenix.Evaluate(does, file, apply)
	c.Quiet, c.Mute = true, true
	return s.Output(ctx, c)
}

// mute keeps nix' errors out of the log where another package runs it.
type mute struct{ sys.System }

func (m mute) Output(ctx context.Context, c sys.Cmd) ([]byte, error) {
	c.Mute = true
	return m.System.Output(ctx, c)
}

// means evaluates the keys and the rules of a copy of the repo. The error is
// exec.ErrNotFound without nix.
func (o Options) means(ctx context.Context, s sys.System, dir string) (m keysnix.Meaning, err error) {
	if file := o.keysIn(); file != "" {
		full := filepath.Join(dir, file)
		src, err := os.ReadFile(full)
		if err != nil {
			return m, err
		}
		if o.Keys != "" {
			if m.Keys, m.Failed = valueOf(ctx, s, full); errors.Is(m.Failed, exec.ErrNotFound) {
				return m, m.Failed
			}
		}
		if text := letOf(src); text != nil {
			let := filepath.Join(filepath.Dir(full), letFile)
			if err := os.WriteFile(let, text, 0o600); err != nil {
				return m, err
			}
			m.Scope, err = valueOf(ctx, s, let) // nil if it cannot be evaluated
			if bad := os.Remove(let); bad != nil || errors.Is(err, exec.ErrNotFound) {
				return m, errors.Join(err, bad)
			}
		}
	}
	if o.Rules == "" {
		return m, nil
	}
	list, err := agenix.Read(ctx, mute{s}, filepath.Join(dir, o.Rules))
	if err == nil {
		m.Rules = recipientsOf(list)
	}
	return m, err
}

func valueOf(ctx context.Context, s sys.System, file string) (value any, err error) {
	out, err := ask(ctx, s, "see what "+filepath.Base(file)+" means", file, plainValue)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(out, &value); err != nil {
		return nil, err
	}
	return byID(value), nil
}

// byID writes the keys in a value as secrets.Recipient.ID does.
func byID(value any) any {
	switch v := value.(type) {
	case string:
		if r, err := secrets.ParseRecipient(v); err == nil {
			return r.ID()
		}
	case []any:
		for i := range v {
			v[i] = byID(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = byID(v[name])
		}
	}
	return value
}

func recipientsOf(list []secrets.Rule) map[string][]string {
	m := map[string][]string{}
	for _, r := range list {
		m[r.File] = []string{}
		for _, to := range r.Recipients {
			m[r.File] = append(m[r.File], to.ID())
		}
	}
	return m
}

// meant is means before the edit. A rule that names the host already cannot be
// evaluated then, so the rules are evaluated one by one.
func (o Options) meant(ctx context.Context, s sys.System, dir string) (keysnix.Meaning, error) {
	m, err := o.means(ctx, s, dir)
	if err == nil || !strings.HasSuffix(o.Rules, ".nix") || errors.Is(err, exec.ErrNotFound) || ctx.Err() != nil {
		return m, err
	}
	file := filepath.Join(dir, o.Rules)
	out, bad := ask(ctx, s, "ask the rules which files there are", file, "builtins.attrNames")
	var names []string
	if bad != nil || json.Unmarshal(out, &names) != nil {
		return m, err
	}
	m.Rules, m.Unread = map[string][]string{}, map[string]bool{}
	for _, name := range names {
		word, _ := json.Marshal(name) // a JSON string is one of Nix, but for ${
		quoted := strings.ReplaceAll(string(word), "${", `\${`)
		out, bad := ask(ctx, s, "ask the rules for whom "+name+" is", file,
			fmt.Sprintf("rules: (%s) { %s = rules.%s; }", secrets.RulesExpression, quoted, quoted))
		if bad != nil {
			m.Unread[filepath.Clean(name)] = true
			continue
		}
		list, bad := secrets.ParseRules(out)
		if bad != nil {
			return m, err
		}
		for file, to := range recipientsOf(list) {
			m.Rules[file] = to
		}
	}
	return m, nil
}

// naming are the files whose rule names the host as a member of a set:
// `keys.nas or [ ]`.
func (o Options) naming(dir string) map[string]bool {
	src, err := os.ReadFile(filepath.Join(dir, o.Rules))
	if err != nil {
		return nil // a repo without rules
	}
	f, err := nixtext.Parse(src)
	if err != nil {
		return nil
	}
	named := map[string]bool{}
	for _, a := range f.Attrs {
		for i, t := range a.Value {
			if !a.InLet && !a.Inner && i > 0 && (a.Value[i-1].Is(".") || a.Value[i-1].Is("?")) && isNamed(t, o.Host.TargetHost) {
				named[filepath.Clean(a.Path[0])] = true
			}
		}
	}
	return named
}
