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
		``:                                      "invalid JSON",
		`{"a.age": {"publicKeys": ["@A"]}}, {}`: "invalid JSON",
		`[]`:                                    "it must be a set",
		`null`:                                  "it must be a set",
		`"x"`:                                   "it must be a set",
		`{"a.age": ["@A"]}`:                     "a.age: publicKeys must be a list",
		`{"a.age": "@A"}`:                       "a.age: publicKeys must be a list",
		`{"a.age": null}`:                       "a.age: publicKeys must be a list",
		`{"a.age": {}}`:                         "a.age: publicKeys must be a list",
		`{"a.age": {"publickeys": ["@A"]}}`:     "a.age: publicKeys must be a list",
		`{"a.age": {"publicKeys": null}}`:       "a.age: publicKeys must be a list",
		`{"a.age": {"publicKeys": []}}`:         "a.age: publicKeys must be a list",
		`{"a.age": {"publicKeys": "@A"}}`:       "a.age: publicKeys must be a list",
		`{"a.age": {"publicKeys": {"me": "@A"}}}`:                               "a.age: publicKeys must be a list",
		`{"a.age": {"publicKeys": true}}`:                                       "a.age: publicKeys must be a list",
		`{"a.age": {"publicKeys": ["@A", ["@B"]]}}`:                             "a.age: publicKeys must be a list of keys",
		`{"a.age": {"publicKeys": [{}]}}`:                                       "a.age: publicKeys must be a list of keys",
		`{"a.age": {"publicKeys": [null]}}`:                                     "a.age in the rules: key 1 of 1: invalid recipient: it is empty",
		`{"a.age": {"publicKeys": [""]}}`:                                       "a.age in the rules: key 1 of 1: invalid recipient: it is empty",
		`{"a.age": {"publicKeys": ["@A", "ecdsa-sha2-nistp256 AAAA me@desk"]}}`: `a.age in the rules: key 2 of 2, "ecdsa-sha2-n… me@desk": age cannot encrypt`,
		`{"/a.age": {"publicKeys": ["@A"]}}`:                                    "relative",
		`{"": {"publicKeys": ["@A"]}}`:                                          "relative",
		`{"a.age": {"publicKeys": ["@A"], "armor": 1}}`:                         "a.age: armor must be true or false",
		`{"a.age": {"publicKeys": ["@A"], "armor": "yes"}}`:                     "a.age: armor must be true or false",
		`{"a.age": {"publicKeys": ["@A"], "armor": {}}}`:                        "a.age: armor must be true or false",
		`{"a": {"publicKeys": ["@A"]}, "./a": {"publicKeys": ["@A"]}}`:          "names a twice",
	} {
		if _, err := ParseRules([]byte(keysText(bad))); err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "Go ") {
			t.Errorf("%s: %v, not %q", bad, err, says)
		}
	}
	// Every fault is reported, in the order of the files.
	_, err = ParseRules([]byte(keysText(`{"c.age": {"publicKeys": ["age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq", "@A", "AGE-SECRET-KEY-1QQQ", "hunter2"]}, "b.age": {"publicKeys": ["@A"]}, "a.age": 3}`)))
	if err == nil {
		t.Fatal("it is taken")
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 4 || !strings.Contains(lines[0], "a.age: publicKeys must be a list") || !strings.Contains(lines[1], `c.age in the rules: key 1 of 4, "age1qqqqqqqq…qqqqqqqq"`) ||
		!strings.Contains(lines[2], "key 3 of 4: invalid recipient: it is a private key") || !strings.Contains(lines[3], "key 4 of 4: age cannot") {
		t.Errorf("%v", err)
	}
	if strings.Contains(err.Error(), "QQQ") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("it shows a secret: %v", err)
	}
}

func FuzzRules(f *testing.F) {
	for _, text := range []string{
		`{"z/wifi.age": {"publicKeys": ["@A", "@P", "@A"], "armor": true, "other": 1}}`, `{"a": {"publicKeys": {}}}`, `[1]`,
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
