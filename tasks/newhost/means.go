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

// means evaluates the keys and the rules of a copy of the repo. The error is
// exec.ErrNotFound without nix.
func (w *work) means(ctx context.Context, s sys.System) (m keysnix.Meaning, err error) {
	if file := w.keys; file != "" {
		full := filepath.Join(w.copied, file)
		src, err := os.ReadFile(full)
		if err != nil {
			return m, err
		}
		if w.keys != w.rules {
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
	if w.rules == "" {
		return m, nil
	}
	list, err := agenix.Read(ctx, s, filepath.Join(w.copied, w.rules))
	m.Rules = map[string][]string{}
	for _, r := range list {
		m.Rules[r.File] = []string{}
		for _, to := range r.Recipients {
			m.Rules[r.File] = append(m.Rules[r.File], to.ID())
		}
	}
	return m, err
}

func valueOf(ctx context.Context, s sys.System, file string) (value any, err error) {
	c := agenix.Evaluate("see what "+filepath.Base(file)+" means", file, plainValue)
	c.Quiet, c.Mute = true, true // that something has no value is an answer here
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
