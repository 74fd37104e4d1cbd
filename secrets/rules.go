package secrets

import (
	"encoding/json"
	"fmt"
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
// reads: `nix eval --json --file secrets.nix --apply` it.
const RulesExpression = "rules: builtins.mapAttrs (_: r: { inherit (r) publicKeys; armor = r.armor or false; }) rules"

// ParseRules reads rules as JSON, the files in the order of their names:
//
//	{"wifi.age": {"publicKeys": ["age1…", "ssh-ed25519 …"], "armor": false}}
//
// Other attributes of a file are ignored, as agenix does. An error names the
// file that it is about.
func ParseRules(data []byte) ([]Rule, error) {
	const what = "rules file"
	var raw map[string]struct {
		PublicKeys []string `json:"publicKeys"`
		Armor      bool     `json:"armor"`
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, malformed(what, "%v", err)
	}
	rules := make([]Rule, 0, len(raw))
	for name, r := range raw {
		if name == "" || strings.ContainsRune(name, 0) || filepath.IsAbs(name) {
			return nil, malformed(what, "%q: a relative path is meant", name)
		}
		if len(r.PublicKeys) == 0 {
			return nil, malformed(what, "%s: it has no publicKeys", name)
		}
		recipients, err := ParseRecipients(r.PublicKeys)
		if err != nil {
			return nil, fmt.Errorf("%s in the rules: %w", name, err)
		}
		rules = append(rules, Rule{filepath.Clean(name), recipients, r.Armor})
	}
	slices.SortFunc(rules, func(a, b Rule) int { return strings.Compare(a.File, b.File) })
	for i := 1; i < len(rules); i++ {
		if rules[i].File == rules[i-1].File {
			return nil, malformed(what, "%s is named twice", rules[i].File)
		}
	}
	return rules, nil
}
