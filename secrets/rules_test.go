package secrets

import (
	"strings"
	"testing"
)

func TestParseRules(t *testing.T) {
	rules, err := ParseRules([]byte(keysText(`{
		"z/wifi.age": {"publicKeys": ["@A", "@P", "@A"], "armor": true, "other": 1},
		"./a.age": {"publicKeys": ["@B"]}
	}`)))
	if err != nil || len(rules) != 2 {
		t.Fatal(err, rules)
	}
	if rules[0].File != "a.age" || rules[0].Armor || len(rules[0].Recipients) != 1 {
		t.Errorf("%+v", rules[0])
	}
	if rules[1].File != "z/wifi.age" || !rules[1].Armor || len(rules[1].Recipients) != 2 || rules[1].Recipients[1].String() != keyP {
		t.Errorf("%+v", rules[1])
	}
	for bad, says := range map[string]string{
		``:                                "rules file",
		`[]`:                              "rules file",
		`{"a.age": ["@A"]}`:               "rules file",
		`{"a.age": {}}`:                   "a.age: it has no publicKeys",
		`{"a.age": {"publicKeys": []}}`:   "a.age: it has no publicKeys",
		`{"a.age": {"publicKeys": [""]}}`: "a.age in the rules",
		`{"a.age": {"publicKeys": ["ecdsa-sha2 AAAA"]}}`:               "a.age in the rules: age cannot encrypt",
		`{"/a.age": {"publicKeys": ["@A"]}}`:                           "relative",
		`{"": {"publicKeys": ["@A"]}}`:                                 "relative",
		`{"a.age": {"publicKeys": ["@A"], "armor": 1}}`:                "rules file",
		`{"a.age": {"publicKeys": ["@A"]}}, {}`:                        "rules file",
		`{"a": {"publicKeys": ["@A"]}, "./a": {"publicKeys": ["@A"]}}`: "named twice",
	} {
		if _, err := ParseRules([]byte(keysText(bad))); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, not %q", bad, err, says)
		}
	}
}
