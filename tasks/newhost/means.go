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
	"auto-installer/secrets/nixtext"
)

// plainValue is a Nix function that keeps of a value what has keys in it:
// strings, lists and sets. All else becomes null.
const plainValue = `let
  keep = v: let r = builtins.tryEval v; in
    if !r.success then null
    else if builtins.isString v then v
    else if builtins.isList v then map keep v
    else if builtins.isAttrs v then builtins.mapAttrs (_: keep) v
    else null;
in keep`

// letFile is where the let of a file is put, beside it in a copy of the repo,
// with its names as the value.
const letFile = ".auto-installer-let.nix"

// letOf is a file that has the names of another one's let as its value, or nil:
// there is no let that is understood.
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

// keysIn is the file that has the keys: keys.nix, or the rules themselves, or
// none.
func (o Options) keysIn() string {
	if o.Keys == "" && strings.HasSuffix(o.Rules, ".nix") {
		return o.Rules
	}
	return o.Keys
}

// mute keeps the errors of nix out of the log: that something has no value yet
// is an answer here.
type mute struct{ sys.System }

func (m mute) Output(ctx context.Context, c sys.Cmd) ([]byte, error) {
	c.Mute = true
	return m.System.Output(ctx, c)
}

// means evaluates the keys and the rules of a copy of the repo. Without nix, the
// error is exec.ErrNotFound.
func (o Options) means(ctx context.Context, s sys.System, dir string) (m meaning, err error) {
	s = mute{s}
	if file := o.keysIn(); file != "" {
		full := filepath.Join(dir, file)
		src, err := os.ReadFile(full)
		if err != nil {
			return m, err
		}
		if o.Keys != "" {
			if m.keys, m.failed = valueOf(ctx, s, full); errors.Is(m.failed, exec.ErrNotFound) {
				return m, m.failed
			}
		}
		if text := letOf(src); text != nil {
			let := filepath.Join(filepath.Dir(full), letFile)
			if err := os.WriteFile(let, text, 0o600); err != nil {
				return m, err
			}
			m.scope, err = valueOf(ctx, s, let) // nil if it cannot be evaluated
			if bad := os.Remove(let); bad != nil || errors.Is(err, exec.ErrNotFound) {
				return m, errors.Join(err, bad)
			}
		}
	}
	if o.Rules == "" {
		return m, nil
	}
	list, err := agenix.Read(ctx, s, filepath.Join(dir, o.Rules))
	if err == nil {
		m.rules = recipientsOf(list)
	}
	return m, err
}

func valueOf(ctx context.Context, s sys.System, file string) (value any, err error) {
	c := agenix.Evaluate("see what "+filepath.Base(file)+" means", file, plainValue)
	c.Quiet = true
	out, err := s.Output(ctx, c)
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

// meant is means before the edit. Rules may name the host already, and cannot
// be evaluated then: the others are, one by one.
func (o Options) meant(ctx context.Context, s sys.System, dir string) (meaning, error) {
	s = mute{s}
	m, err := o.means(ctx, s, dir)
	file := filepath.Join(dir, o.Rules)
	if err == nil || m.rules != nil || !strings.HasSuffix(o.Rules, ".nix") || errors.Is(err, exec.ErrNotFound) || ctx.Err() != nil {
		return m, err
	}
	c := agenix.Evaluate("ask the rules which files there are", file, "builtins.attrNames")
	c.Quiet = true
	out, bad := s.Output(ctx, c)
	var names []string
	if bad != nil || json.Unmarshal(out, &names) != nil {
		return m, err
	}
	m.rules, m.unread = map[string][]string{}, map[string]bool{}
	for _, name := range names {
		only, bad := json.Marshal(name)
		if bad != nil {
			return m, bad
		}
		// A JSON string is one of Nix's but for ${.
		word := strings.ReplaceAll(string(only), "${", `\${`)
		c := agenix.Evaluate("ask the rules for whom "+name+" is", file,
			fmt.Sprintf("rules: (%s) { %s = rules.%s; }", secrets.RulesExpression, word, word))
		c.Quiet = true
		out, bad := s.Output(ctx, c)
		if bad != nil {
			m.unread[filepath.Clean(name)] = true
			continue
		}
		list, bad := secrets.ParseRules(out)
		if bad != nil {
			return m, err
		}
		for file, to := range recipientsOf(list) {
			m.rules[file] = to
		}
	}
	return m, nil
}

// naming are the files of the rules in a copy of the repo whose rule names the
// host, as a member of a set: `keys.nas or [ ]`.
func (o Options) naming(dir string) map[string]bool {
	src, err := os.ReadFile(filepath.Join(dir, o.Rules))
	if err != nil {
		return nil // there are none
	}
	f, err := nixtext.Parse(src)
	if err != nil {
		return nil
	}
	named := map[string]bool{}
	for _, a := range f.Attrs {
		for i, t := range a.Value {
			if !a.InLet && i > 0 && (a.Value[i-1].Is(".") || a.Value[i-1].Is("?")) && isNamed(t, o.Host.TargetHost) {
				named[filepath.Clean(a.Path[0])] = true
			}
		}
	}
	return named
}

// otherwise are the files of the rules that are for others than they were.
func otherwise(before, after meaning) []string {
	var files []string
	for file, is := range after.rules {
		was, there := before.rules[file]
		if !there || !slices.Equal(unique(was), unique(is)) {
			files = append(files, file)
		}
	}
	slices.Sort(files)
	return files
}

func unique(list []string) []string { return slices.Compact(sorted(list)) }
