package keysnix

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Meaning is the value of a repo's keys and rules. Keys are written as
// secrets.Recipient.ID writes them.
type Meaning struct {
	Keys   any                 // the value of keys.nix: strings, lists, sets; nil without one
	Scope  any                 // what its let binds, or that of secrets.nix; nil if unknown
	Rules  map[string][]string // the recipients of each file
	Failed error               // why the keys cannot be evaluated
}

// tops are the keys and the let, where they are sets.
func (m Meaning) tops() (sets []map[string]any) {
	for _, v := range []any{m.Keys, m.Scope} {
		if set, ok := v.(map[string]any); ok {
			sets = append(sets, set)
		}
	}
	return sets
}

// Has reports whether a host's value has a key.
func (m Meaning) Has(host, key string) bool {
	return slices.ContainsFunc(m.tops(), func(set map[string]any) bool {
		list, _ := leaves(set[host])
		return slices.Contains(list, key)
	})
}

// Otherwise are the files whose recipients differ in another meaning.
func (m Meaning) Otherwise(after Meaning) []string {
	var files []string
	for file, is := range after.Rules {
		was, there := m.Rules[file]
		if !there || !slices.Equal(slices.Compact(sorted(was)), slices.Compact(sorted(is))) {
			files = append(files, file)
		}
	}
	return sorted(files)
}

// Claim is a host's key to enter.
type Claim struct {
	Host, Key string
	Known     []string // names that are certainly hosts
	// Rules says that the file is secrets.nix, whose let holds the keys: only a
	// set of hosts in it is edited.
	Rules bool
	// Replace says that the host has a key already.
	Replace bool
	Old     string // the key that Key replaces, as Enter finds it; empty for a new host
}

// Judge says what is wrong with an edit, or nil. Every old value must stay, the
// new one must be the host's own key with those of people, and no secret may gain
// a recipient that its rule does not name.
func (c Claim) Judge(before, after Meaning) error {
	if after.Failed != nil {
		return fmt.Errorf("nix cannot evaluate it: %w", after.Failed)
	}
	if c.Old != "" {
		return c.replaces(before, after)
	}
	h := c.holders(before)
	added := 0
	for _, v := range [][2]any{{before.Keys, after.Keys}, {before.Scope, after.Scope}} {
		if v[0] == nil {
			continue
		}
		if v[1] == nil {
			return errors.New("the keys cannot be evaluated after the edit")
		}
		n, err := c.grown(h, nil, v[0], v[1])
		if err != nil {
			return err
		}
		added += n
	}
	if added == 0 {
		return errors.New("no name would have the key of " + c.Host)
	}
	return c.rules(h, before, after)
}

// grown compares a value with what it was, and counts the new names.
func (c Claim) grown(h *holders, path []string, before, after any) (added int, err error) {
	old, isSet := before.(map[string]any)
	now, stays := after.(map[string]any)
	switch {
	case isSet != stays:
		return 0, fmt.Errorf("%s would become something else", at(path...))
	case !isSet:
		was, flat := leaves(before)
		if is, stays := leaves(after); flat && stays {
			return 0, c.same(h, at(path...), was, is)
		}
		if !reflect.DeepEqual(before, after) {
			return 0, fmt.Errorf("%s would change", at(path...))
		}
		return 0, nil
	}
	for _, name := range slices.Sorted(maps.Keys(old)) {
		below := append(slices.Clone(path), name)
		if _, there := now[name]; !there {
			return 0, fmt.Errorf("%s would be gone", at(below...))
		}
		n, err := c.grown(h, below, old[name], now[name])
		if err != nil {
			return 0, err
		}
		added += n
	}
	for _, name := range slices.Sorted(maps.Keys(now)) {
		if _, there := old[name]; there {
			continue
		}
		if err := c.isNew(h, path, old, name, now[name]); err != nil {
			return 0, err
		}
		added++
	}
	return added, nil
}

func at(path ...string) string {
	if len(path) == 0 {
		return "the value"
	}
	return strings.Join(path, ".")
}

// same wants keys as they were. A list of the keys of all hosts may gain the new
// host's.
func (c Claim) same(h *holders, what string, was, is []string) error {
	switch {
	case slices.Equal(sorted(was), sorted(is)):
		return nil
	case !slices.Equal(sorted(append(slices.Clone(was), c.Key)), sorted(is)):
		return fmt.Errorf("%s would change", what)
	case !h.collection(was):
		return fmt.Errorf("%s would have the key of %s, and does not have those of all hosts", what, c.Host)
	}
	return nil
}

func sorted(list []string) []string { return slices.Sorted(slices.Values(list)) }

// isNew wants a new name to be the host's, in a place for hosts, with its own
// key and those of people.
func (c Claim) isNew(h *holders, path []string, beside map[string]any, name string, value any) error {
	full := at(append(slices.Clone(path), name)...)
	placed := len(path) == 0 || len(path) == 1 && h.isHostSet(path[0], beside) || h.hasAllHosts(beside)
	list, _ := leaves(value)
	switch {
	case name != c.Host:
		return fmt.Errorf("%s would be new", full)
	case !placed:
		return fmt.Errorf("%s would have the key of %s, and is no set of hosts", at(path...), c.Host)
	case !slices.Contains(list, c.Key):
		return fmt.Errorf("%s would not have its own key", full)
	}
	siblings := h.siblings(beside)
	for _, key := range list {
		if key != c.Key && !h.mayShare(siblings, key) {
			return fmt.Errorf("%s would have %s, which may be another host's", full, key)
		}
	}
	return nil
}

// rules wants no secret to gain or to lose a recipient, but those that all
// hosts can open and those whose rule is new or names the host.
func (c Claim) rules(h *holders, before, after Meaning) error {
	for _, file := range slices.Sorted(maps.Keys(before.Rules)) {
		was := before.Rules[file]
		is, there := after.Rules[file]
		if !there {
			return fmt.Errorf("%s would have no rule", file)
		}
		if err := c.same(h, file, was, is); err != nil {
			return err
		}
	}
	own := []string{c.Key} // the keys in the new host's own value
	for _, set := range after.tops() {
		list, _ := leaves(set[c.Host])
		own = append(own, list...)
	}
	for _, file := range slices.Sorted(maps.Keys(after.Rules)) {
		if _, there := before.Rules[file]; there {
			continue
		}
		for _, key := range after.Rules[file] {
			if !slices.Contains(own, key) {
				return fmt.Errorf("%s would have a rule, and be for %s", file, key)
			}
		}
	}
	return nil
}

// replaces wants the new key in some places of the old one, and nothing else
// to change: with the old one put back, all is as it was.
func (c Claim) replaces(before, after Meaning) error {
	text := func(m Meaning) []byte {
		data, _ := json.Marshal([]any{m.Keys, m.Scope, m.Rules}) // they come from JSON
		return data
	}
	back := bytes.ReplaceAll(text(after), fmt.Appendf(nil, "%q", c.Key), fmt.Appendf(nil, "%q", c.Old))
	switch {
	case !bytes.Equal(text(before), back):
		return fmt.Errorf("more than the key of %s would change", c.Host)
	case reflect.DeepEqual(before.Keys, after.Keys) && reflect.DeepEqual(before.Scope, after.Scope):
		return errors.New("nothing would have the new key")
	}
	return nil
}
