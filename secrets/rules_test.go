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
		``:                                      "it is no JSON",
		`{"a.age": {"publicKeys": ["@A"]}}, {}`: "it is no JSON",
		`[]`:                                    "it is a list; a set is meant",
		`null`:                                  "it is null; a set is meant",
		`"x"`:                                   "it is a string; a set is meant",
		`3`:                                     "it is a number; a set is meant",
		`{"type": "lambda"}`:                    "it is a function; a set is meant",
		`{"type": "list"}`:                      "it is a list; a set is meant",
		`{"a.age": ["@A"]}`:                     "a.age: it is a list; a set with publicKeys is meant",
		`{"a.age": "@A"}`:                       "a.age: it is a string; a set",
		`{"a.age": null}`:                       "a.age: it is null; a set",
		`{"a.age": {"type": "lambda"}}`:         "a.age: it is a function; a set",
		`{"a.age": {"type": "path"}}`:           "a.age: it is a path",
		`{"a.age": {}}`:                         "a.age: it has no publicKeys",
		`{"a.age": {"publickeys": ["@A"]}}`:     "a.age: it has no publicKeys",
		`{"a.age": {"publicKeys": null}}`:       "a.age: it has no publicKeys",
		`{"a.age": {"publicKeys": {"type": "null"}}}`:                           "a.age: it has no publicKeys",
		`{"a.age": {"publicKeys": []}}`:                                         "a.age: it has no publicKeys",
		`{"a.age": {"publicKeys": "@A"}}`:                                       "a.age: publicKeys is a string; a list of keys is meant",
		`{"a.age": {"publicKeys": {"me": "@A"}}}`:                               "a.age: publicKeys is a set; a list",
		`{"a.age": {"publicKeys": {"type": "set"}}}`:                            "a.age: publicKeys is a set; a list",
		`{"a.age": {"publicKeys": {"type": "lambda"}}}`:                         "a.age: publicKeys is a function; a list",
		`{"a.age": {"publicKeys": true}}`:                                       "a.age: publicKeys is true or false; a list",
		`{"a.age": {"publicKeys": 1}}`:                                          "a.age: publicKeys is a number; a list",
		`{"a.age": {"publicKeys": ["@A", ["@B"]]}}`:                             "a.age: key 2 of 2 in publicKeys is a list; a string",
		`{"a.age": {"publicKeys": [{"type": "path"}]}}`:                         "key 1 of 1 in publicKeys is a path, not what the file there holds",
		`{"a.age": {"publicKeys": [null]}}`:                                     "a.age: key 1 of 1 in publicKeys is null",
		`{"a.age": {"publicKeys": [""]}}`:                                       "a.age in the rules: key 1 of 1: not a valid recipient: it is empty",
		`{"a.age": {"publicKeys": ["@A", "ecdsa-sha2-nistp256 AAAA me@desk"]}}`: `a.age in the rules: key 2 of 2, "ecdsa-sha2-nistp256 … me@desk": age cannot encrypt`,
		`{"/a.age": {"publicKeys": ["@A"]}}`:                                    "relative",
		`{"": {"publicKeys": ["@A"]}}`:                                          "relative",
		`{"a.age": {"publicKeys": ["@A"], "armor": 1}}`:                         "a.age: armor is a number; true or false is meant",
		`{"a.age": {"publicKeys": ["@A"], "armor": "yes"}}`:                     "a.age: armor is a string",
		`{"a.age": {"publicKeys": ["@A"], "armor": null}}`:                      "a.age: armor is null",
		`{"a.age": {"publicKeys": ["@A"], "armor": {"type": "int"}}}`:           "a.age: armor is a number",
		`{"a": {"publicKeys": ["@A"]}, "./a": {"publicKeys": ["@A"]}}`:          "named twice",
	} {
		if _, err := ParseRules([]byte(keysText(bad))); err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "Go ") {
			t.Errorf("%s: %v, not %q", bad, err, says)
		}
	}
	// All that is wrong, in the order of the files.
	_, err = ParseRules([]byte(keysText(`{"c.age": {"publicKeys": ["age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq", "@A", "AGE-SECRET-KEY-1QQQ", "hunter2"]}, "b.age": {"publicKeys": ["@A"]}, "a.age": 3}`)))
	if err == nil {
		t.Fatal("it is taken")
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 4 || !strings.Contains(lines[0], "a.age: it is a number") || !strings.Contains(lines[1], `c.age in the rules: key 1 of 4, "age1qqqqqqqq…qqqqqqqq"`) ||
		!strings.Contains(lines[2], "key 3 of 4: not a valid recipient: it is a private key") || !strings.Contains(lines[3], "key 4 of 4: age cannot") {
		t.Errorf("%v", err)
	}
	if strings.Contains(err.Error(), "QQQ") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("it shows a secret: %v", err)
	}
}

func FuzzRules(f *testing.F) {
	for _, text := range []string{
		`{"z/wifi.age": {"publicKeys": ["@A", "@P", "@A"], "armor": true, "other": 1}}`, `{"type": "lambda"}`, `{"a": {"publicKeys": {"type": "set"}}}`, `[1]`,
	} {
		f.Add([]byte(keysText(text)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		rules, err := ParseRules(data)
		for _, r := range rules {
			if r.File == "" || strings.HasPrefix(r.File, "/") || len(r.Recipients) == 0 {
				t.Errorf("%+v", r)
			}
		}
		if err != nil && len(rules) > 0 {
			t.Error("rules and an error")
		}
	})
}
