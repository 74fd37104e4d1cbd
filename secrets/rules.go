package secrets

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// Rule names the recipients of a file of a flake, as in agenix' secrets.nix.
type Rule struct {
	File       string // relative and clean
	Recipients []*Recipient
	Armor      bool
}

// RulesExpression is a Nix function that turns agenix' rules into the input of
// ParseRules: `nix eval --json --file secrets.nix --apply` it. A value of a wrong
// type becomes { }: JSON has no functions, and nix would copy a path to the store.
const RulesExpression = `rules: let
  only = is: v: if is v then v else { };
  keys = v: if builtins.isList v then map (only builtins.isString) v else { };
  rule = r: if builtins.isAttrs r then { publicKeys = keys (r.publicKeys or null); armor = only builtins.isBool (r.armor or false); } else [ ];
in if builtins.isAttrs rules then builtins.mapAttrs (_: rule) rules else [ ]`

// ParseRules reads rules as JSON, sorted by file:
//
//	{"wifi.age": {"publicKeys": ["age1…", "ssh-ed25519 …"], "armor": false}}
//
// It ignores other attributes of a file, as agenix does. The error names every
// file and every key with a fault.
func ParseRules(data []byte) ([]Rule, error) {
	const what = "rules file"
	var raw map[string]json.RawMessage
	err := json.Unmarshal(data, &raw)
	if _, syntax := errors.AsType[*json.SyntaxError](err); syntax {
		return nil, malformed(what, "invalid JSON: %v", err)
	}
	if err != nil || raw == nil {
		return nil, malformed(what, `it must be a set: { "wifi.age".publicKeys = [ … ]; }`)
	}
	rules := make([]Rule, 0, len(raw))
	var bad []error
	for _, name := range slices.Sorted(maps.Keys(raw)) {
		rule, err := parseRule(name, raw[name])
		bad = append(bad, err)
		rules = append(rules, rule)
	}
	if err := errors.Join(bad...); err != nil {
		return nil, err
	}
	slices.SortFunc(rules, func(a, b Rule) int { return strings.Compare(a.File, b.File) })
	for i := 1; i < len(rules); i++ {
		if rules[i].File == rules[i-1].File {
			return nil, malformed(what, "it names %s twice", rules[i].File)
		}
	}
	return rules, nil
}

func parseRule(name string, data []byte) (Rule, error) {
	const what = "rules file"
	if name == "" || strings.ContainsRune(name, 0) || filepath.IsAbs(name) {
		return Rule{}, malformed(what, "%q is not a relative path", name)
	}
	rule := Rule{File: filepath.Clean(name)}
	var attrs map[string]json.RawMessage // unlike a struct's, its names have one case
	var keys []string
	if json.Unmarshal(data, &attrs) != nil || json.Unmarshal(attrs["publicKeys"], &keys) != nil || len(keys) == 0 {
		return rule, malformed(what, "%s: publicKeys must be a list of keys, each a string: [ … ]", name)
	}
	if armor := attrs["armor"]; armor != nil && json.Unmarshal(armor, &rule.Armor) != nil {
		return rule, malformed(what, "%s: armor must be true or false", name)
	}
	var err error
	if rule.Recipients, err = ParseRecipients(keys); err != nil {
		err = fmt.Errorf("%s in the rules: %w", name, err)
	}
	return rule, err
}
