package secrets

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// Rule says whom a file of a flake is encrypted to, as in agenix' secrets.nix.
type Rule struct {
	File       string // as the rules name it: relative, cleaned
	Recipients []*Recipient
	Armor      bool
}

// RulesExpression is a Nix function that makes of agenix' rules what ParseRules
// reads: `nix eval --json --file secrets.nix --apply` it. What has a wrong type is
// { type = "lambda"; }: JSON has no functions, and a path would become a copy in
// the store.
const RulesExpression = `rules: let
  wrong = v: { type = builtins.typeOf v; };
  key = v: if builtins.isString v then v else wrong v;
  keys = v: if builtins.isList v then map key v else key v;
  armor = v: if builtins.isBool v then v else wrong v;
  rule = r: if builtins.isAttrs r then { publicKeys = keys (r.publicKeys or null); armor = armor (r.armor or false); } else wrong r;
in if builtins.isAttrs rules then builtins.mapAttrs (_: rule) rules else wrong rules`

// ParseRules reads rules as JSON, the files in the order of their names:
//
//	{"wifi.age": {"publicKeys": ["age1…", "ssh-ed25519 …"], "armor": false}}
//
// Other attributes of a file are ignored, as agenix does. An error names every
// file, and every key, that it is about.
func ParseRules(data []byte) ([]Rule, error) {
	const what = "rules file"
	const meant = `; a set is meant: { "wifi.age".publicKeys = [ … ]; }`
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		if _, syntax := errors.AsType[*json.SyntaxError](err); syntax {
			return nil, malformed(what, "it is no JSON: %v", err)
		}
		return nil, malformed(what, "it is %s%s", typeOf(data), meant)
	}
	if name, ok := nixType(data); ok {
		return nil, malformed(what, "it is %s%s", name, meant)
	}
	if raw == nil {
		return nil, malformed(what, "it is null%s", meant)
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
			return nil, malformed(what, "%s is named twice", rules[i].File)
		}
	}
	return rules, nil
}

func parseRule(name string, data json.RawMessage) (Rule, error) {
	const what = "rules file"
	if name == "" || strings.ContainsRune(name, 0) || filepath.IsAbs(name) {
		return Rule{}, malformed(what, "%q: a relative path is meant", name)
	}
	var raw map[string]json.RawMessage
	if _, wrong := nixType(data); wrong || json.Unmarshal(data, &raw) != nil || raw == nil {
		return Rule{}, malformed(what, "%s: it is %s; a set with publicKeys is meant", name, typeOf(data))
	}
	keys, armor := raw["publicKeys"], raw["armor"]
	rule := Rule{File: filepath.Clean(name)}
	if armor != nil {
		if err := json.Unmarshal(armor, &rule.Armor); err != nil || typeOf(armor) == "null" {
			return Rule{}, malformed(what, "%s: armor is %s; true or false is meant", name, typeOf(armor))
		}
	}
	var list []json.RawMessage
	switch is := typeOf(keys); {
	case is == "null":
		return Rule{}, malformed(what, "%s: it has no publicKeys", name)
	case is != "a list":
		return Rule{}, malformed(what, "%s: publicKeys is %s; a list of keys is meant: [ … ]", name, is)
	case json.Unmarshal(keys, &list) != nil || len(list) == 0:
		return Rule{}, malformed(what, "%s: it has no publicKeys", name)
	}
	texts := make([]string, len(list))
	for i, key := range list {
		if is := typeOf(key); is != "a string" {
			return Rule{}, malformed(what, "%s: key %d of %d in publicKeys is %s; a string is meant", name, i+1, len(list), is)
		}
		_ = json.Unmarshal(key, &texts[i]) // it is a string
	}
	var err error
	if rule.Recipients, err = ParseRecipients(texts); err != nil {
		err = fmt.Errorf("%s in the rules: %w", name, err)
	}
	return rule, err
}

// nixTypes are the types of Nix values (Nix manual, "builtins.typeOf"), in words.
var nixTypes = map[string]string{
	"int": "a number", "float": "a number", "bool": "true or false", "string": "a string", "path": "a path, not what the file there holds",
	"null": "null", "set": "a set", "list": "a list", "lambda": "a function",
}

// nixType is what RulesExpression says of a value that has a wrong type.
func nixType(data []byte) (string, bool) {
	var wrong map[string]any
	if json.Unmarshal(data, &wrong) != nil || len(wrong) != 1 {
		return "", false
	}
	name, _ := wrong["type"].(string)
	is, ok := nixTypes[name]
	return is, ok
}

// typeOf says what a JSON value is, in words.
func typeOf(data json.RawMessage) string {
	if is, ok := nixType(data); ok {
		return is
	}
	switch data = bytes.TrimSpace(data); {
	case len(data) == 0, data[0] == 'n':
		return "null"
	case data[0] == '"':
		return "a string"
	case data[0] == '[':
		return "a list"
	case data[0] == '{':
		return "a set"
	case data[0] == 't', data[0] == 'f':
		return "true or false"
	}
	return "a number"
}
