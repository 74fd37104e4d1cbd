package keysnix

import (
	"encoding/json"
	"strings"
	"testing"
)

// value parses JSON, as nix prints values.
func value(t *testing.T, text string) any {
	t.Helper()
	if text == "" {
		return nil
	}
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

func recipients(t *testing.T, text string) map[string][]string {
	t.Helper()
	if text == "" {
		return nil
	}
	var v map[string][]string
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

// The edits are for the host nas with the key N. An empty fault is a right edit.
func TestJudge(t *testing.T) {
	const (
		hosts    = `{"hosts": {"a": "A", "b": "B"}, "users": {"me": "P"}}`
		hostsNas = `{"hosts": {"a": "A", "b": "B", "nas": "N"}, "users": {"me": "P"}}`
		entries  = `{"a": ["A", "P"], "b": ["B", "P"]}`
		right    = `{"a": ["A", "P"], "b": ["B", "P"], "nas": ["N", "P"]}`
	)
	for name, tt := range map[string]struct {
		keys, keysAfter, scope, scopeAfter, rules, rulesAfter string
		known                                                 []string
		wrong                                                 string
	}{
		"hosts and entries": {keys: entries, keysAfter: right, scope: hosts, scopeAfter: hostsNas},
		"its key alone":     {keys: entries, keysAfter: `{"a": ["A", "P"], "b": ["B", "P"], "nas": ["N"]}`, scope: hosts, scopeAfter: hostsNas},
		"a flat set":        {keys: `{"a": "A", "b": "B"}`, keysAfter: `{"a": "A", "b": "B", "nas": "N"}`},
		"a set of hosts":    {keys: hosts, keysAfter: hostsNas},
		"an empty one":      {keys: `{"hosts": {}}`, keysAfter: `{"hosts": {"nas": "N"}}`},
		"another's key": {
			keys: entries, keysAfter: `{"a": ["A", "P"], "b": ["B", "P"], "nas": ["N", "A", "P"]}`, scope: hosts, scopeAfter: hostsNas,
			wrong: "nas would have A, which may be another host's",
		},
		"another's key, without a set of hosts": {
			keys: `{"a": ["A", "P"], "b": ["B", "A", "P"]}`, keysAfter: `{"a": ["A", "P"], "b": ["B", "A", "P"], "nas": ["N", "A", "P"]}`,
			wrong: "nas would have A, which may be another host's",
		},
		"a key that all others have": {
			keys:      `{"a": ["A", "C", "P"], "b": ["B", "C", "P"], "c": ["C", "P"]}`,
			keysAfter: `{"a": ["A", "C", "P"], "b": ["B", "C", "P"], "c": ["C", "P"], "nas": ["N", "C", "P"]}`,
			scope:     `{"hosts": {"a": "A", "b": "B", "c": "C"}}`, scopeAfter: `{"hosts": {"a": "A", "b": "B", "c": "C", "nas": "N"}}`,
		},
		"a key that the one other has": {
			keys: `{"a": ["A", "B"], "b": ["B"]}`, keysAfter: `{"a": ["A", "B"], "b": ["B"], "nas": ["N", "B"]}`,
			wrong: "nas would have B",
		},
		"a person's key that one has": {
			keys: `{"a": ["A", "P"], "b": ["B", "Q"]}`, keysAfter: `{"a": ["A", "P"], "b": ["B", "Q"], "nas": ["N", "Q"]}`,
			scope:      `{"hosts": {"a": "A", "b": "B"}, "users": {"me@a": "P", "me@b": "Q"}}`,
			scopeAfter: `{"hosts": {"a": "A", "b": "B", "nas": "N"}, "users": {"me@a": "P", "me@b": "Q"}}`,
		},
		"a machine's key of another set": {
			keys: `{"a": ["A", "L"], "b": ["B"]}`, keysAfter: `{"a": ["A", "L"], "b": ["B"], "nas": ["N", "L"]}`,
			scope:      `{"hosts": {"a": "A", "b": "B"}, "laptops": {"l": "L"}}`,
			scopeAfter: `{"hosts": {"a": "A", "b": "B", "nas": "N"}, "laptops": {"l": "L"}}`,
			wrong:      "nas would have L",
		},
		"in another host's set": {
			keys: `{"web": {"system": "A", "admin": "P"}}`, keysAfter: `{"web": {"system": "A", "admin": "P", "nas": "N"}}`,
			wrong: "web would have the key of nas, and is no set of hosts",
		},
		"in the set of a host called servers": {
			keys: `{"servers": {"box": "A", "mine": "P"}}`, keysAfter: `{"servers": {"box": "A", "mine": "P", "nas": "N"}}`, known: []string{"servers"},
			wrong: "servers would have the key of nas",
		},
		"in a set of roles called systems": {
			keys: `{"systems": {"system": "A", "admin": "P"}}`, keysAfter: `{"systems": {"system": "A", "admin": "P", "nas": "N"}}`,
			wrong: "systems would have the key of nas",
		},
		"lost":            {keys: entries, keysAfter: `{"a": ["A", "P"], "nas": ["N", "P"]}`, wrong: "b would be gone"},
		"changed":         {keys: entries, keysAfter: `{"a": ["A", "P"], "b": ["B"], "nas": ["N", "P"]}`, wrong: "b would change"},
		"another name":    {keys: entries, keysAfter: `{"a": ["A", "P"], "b": ["B", "P"], "nas2": ["N"]}`, wrong: "nas2 would be new"},
		"without its key": {keys: entries, keysAfter: `{"a": ["A", "P"], "b": ["B", "P"], "nas": ["P"]}`, wrong: "would not have its own key"},
		"nothing":         {keys: entries, keysAfter: entries, wrong: "no name would have the key"},
		"a key of a dropped list": {
			keys: `{"users": ["P", "Q"], "hosts": ["A", "B"]}`, keysAfter: `{"users": ["P", "Q"], "hosts": ["A", "B"]}`,
			scope: `{"me": ["P", "Q"], "one": "A", "two": "B"}`, scopeAfter: `{"me": ["P", "Q"], "one": "A", "two": "B", "nas": ["N", "Q"]}`,
			wrong: "nas would have Q",
		},
		"a collection": {
			keys: `{"all": ["A", "B"], "a": ["A"], "b": ["B"]}`, keysAfter: `{"all": ["A", "B", "N"], "a": ["A"], "b": ["B"], "nas": ["N"]}`,
			scope: hosts, scopeAfter: hostsNas, rules: `{"x.age": ["A", "B", "P"]}`, rulesAfter: `{"x.age": ["A", "B", "N", "P"]}`,
		},
		"a collection of some": {
			keys: `{"some": ["B"]}`, keysAfter: `{"some": ["B", "N"]}`, scope: hosts, scopeAfter: hostsNas,
			wrong: "some would have the key of nas",
		},
		"a secret of one": {
			keys: entries, keysAfter: right, scope: hosts, scopeAfter: hostsNas,
			rules: `{"a.age": ["A", "P"]}`, rulesAfter: `{"a.age": ["A", "P", "N"]}`, wrong: "a.age would have the key of nas",
		},
		"a secret loses one": {
			keys: entries, keysAfter: right, rules: `{"a.age": ["A", "P"]}`, rulesAfter: `{"a.age": ["A"]}`, wrong: "a.age would change",
		},
		"all values of a flat set": {
			keys: `{"system": "A", "admin": "P"}`, keysAfter: `{"system": "A", "admin": "P", "nas": "N"}`,
			rules: `{"a.age": ["A", "P"]}`, rulesAfter: `{"a.age": ["A", "P", "N"]}`, wrong: "a.age would have the key of nas",
		},
		"all values of a flat set of hosts": {
			keys: `{"a": "A", "b": "B", "me": "P"}`, keysAfter: `{"a": "A", "b": "B", "me": "P", "nas": "N"}`, known: []string{"a", "b"},
			rules: `{"a.age": ["A", "B", "P"]}`, rulesAfter: `{"a.age": ["A", "B", "P", "N"]}`,
		},
		"a rule made of the hosts": {
			keys: entries, keysAfter: right, rules: `{"a.age": ["A", "P"]}`, rulesAfter: `{"a.age": ["A", "P"], "nas.age": ["N", "P"]}`,
		},
		"a rule for others": {
			keys: entries, keysAfter: right, rules: `{"a.age": ["A", "P"]}`, rulesAfter: `{"a.age": ["A", "P"], "nas.age": ["N", "B"]}`, wrong: "be for B",
		},
		"entries made of the set": {
			keys:      `{"by": {"a": ["A", "P"], "b": ["B", "P"]}}`,
			keysAfter: `{"by": {"a": ["A", "P"], "b": ["B", "P"], "nas": ["N", "P"]}}`, scope: hosts, scopeAfter: hostsNas,
		},
		"keys inline": {scope: hosts, scopeAfter: hostsNas, rules: `{"a.age": ["A", "P"]}`, rulesAfter: `{"a.age": ["A", "P"]}`},
	} {
		t.Run(name, func(t *testing.T) {
			before := Meaning{Keys: value(t, tt.keys), Scope: value(t, tt.scope), Rules: recipients(t, tt.rules)}
			after := Meaning{Keys: value(t, tt.keysAfter), Scope: value(t, tt.scopeAfter), Rules: recipients(t, tt.rulesAfter)}
			err := Claim{Host: "nas", Key: "N", Known: tt.known}.Judge(before, after)
			if (err == nil) != (tt.wrong == "") || err != nil && !strings.Contains(err.Error(), tt.wrong) {
				t.Errorf("%v, want %q", err, tt.wrong)
			}
		})
	}
}

func TestJudgeReplaced(t *testing.T) {
	for name, tt := range map[string]struct{ keys, keysAfter, rules, rulesAfter, wrong string }{
		"everywhere": {`{"a": ["A", "P"], "all": ["A", "B"]}`, `{"a": ["N", "P"], "all": ["N", "B"]}`, `{"x": ["A", "P"]}`, `{"x": ["N", "P"]}`, ""},
		"but one":    {`{"a": ["A", "P"], "all": ["A", "B"]}`, `{"a": ["N", "P"], "all": ["A", "B"]}`, `{"x": ["A", "P"]}`, `{"x": ["A", "P"]}`, ""},
		"nowhere":    {`{"a": "A"}`, `{"a": "A"}`, "", "", "nothing would have the new key"},
		"another's":  {`{"a": "A", "b": "B"}`, `{"a": "N", "b": "N"}`, "", "", "more than the key"},
		"one more":   {`{"a": "A"}`, `{"a": "N", "b": "N"}`, "", "", "more than the key"},
		"in a list":  {`{"a": ["A"]}`, `{"a": ["N", "A"]}`, "", "", "more than the key"},
		"in a rule":  {`{"a": "A"}`, `{"a": "N"}`, `{"x": ["B"]}`, `{"x": ["N"]}`, "more than the key"},
		"a rule":     {`{"a": "A"}`, `{"a": "N"}`, `{"x": ["B"]}`, `{"y": ["B"]}`, "more than the key"},
	} {
		before := Meaning{Keys: value(t, tt.keys), Rules: recipients(t, tt.rules)}
		after := Meaning{Keys: value(t, tt.keysAfter), Rules: recipients(t, tt.rulesAfter)}
		err := Claim{Host: "a", Key: "N", Old: "A"}.Judge(before, after)
		if (err == nil) != (tt.wrong == "") || err != nil && !strings.Contains(err.Error(), tt.wrong) {
			t.Errorf("%s: %v, want %q", name, err, tt.wrong)
		}
	}
}
