package newhost

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"auto-installer/secrets"
)

// The editor of keys.nix reads text and proposes; nix evaluates what the
// proposal means; judge decides. A wrong edit gives secrets to the wrong
// machine, so what judge cannot vouch for is not written.

// meaning is what nix makes of the keys and the rules of a repo. Keys are
// written as secrets.Recipient.ID writes them, wherever they stand.
type meaning struct {
	keys  any                 // the value of keys.nix: strings, lists, sets; nil: there is none
	scope any                 // what its let binds, or that of secrets.nix; nil: nothing, or not known
	rules map[string][]string // the recipients of each file; nil: there are none
	// failed is why the keys cannot be evaluated.
	failed error
	// unread are the files whose rule cannot be evaluated, such as one that
	// names the new host already.
	unread map[string]bool
}

// claim is what an edit is meant to do.
type claim struct {
	host  string
	key   string
	old   string   // the key that key replaces; empty: the host is new
	known []string // names that are hosts for certain: of nixosConfigurations, of folders
	// named are the files whose rule names the host: `keys.nas or [ ]`.
	named map[string]bool
}

// judge says what is wrong with an edit, or nil: every old value is the same,
// the new one is the host's own key with those of people, and no secret gains
// a recipient that its rule does not name.
func (c claim) judge(before, after meaning) error {
	if after.failed != nil {
		return fmt.Errorf("nix cannot evaluate it: %w", after.failed)
	}
	if c.old != "" {
		return c.replaces(before, after)
	}
	h := c.holders(before)
	added := 0
	for _, pair := range [][2]any{{before.keys, after.keys}, {before.scope, after.scope}} {
		if pair[0] == nil || pair[1] == nil {
			if pair[0] != nil && pair[1] == nil {
				return errors.New("the keys cannot be evaluated after the edit")
			}
			continue
		}
		n, err := c.grown(h, nil, pair[0], pair[1])
		if err != nil {
			return err
		}
		added += n
	}
	if added == 0 {
		return errors.New("no name would have the key of " + c.host)
	}
	return c.rules(h, before, after)
}

// holders are whose the keys are.
type holders struct {
	hosts  map[string][]string // names of hosts by key
	people map[string]bool
	// named are the keys of a set that is called hosts or so, by host.
	named map[string]string
	// certain are the own keys of hosts by another's word, where no set is
	// called so.
	certain map[string]string
	known   []string
}

func (c claim) holders(m meaning) *holders {
	h := &holders{hosts: map[string][]string{}, people: map[string]bool{}, named: map[string]string{}, certain: map[string]string{}, known: c.known}
	tops := []map[string]any{}
	for _, v := range []any{m.keys, m.scope} {
		if set, ok := v.(map[string]any); ok {
			tops = append(tops, set)
		}
	}
	for _, top := range tops {
		for _, name := range slices.Sorted(maps.Keys(top)) {
			switch set, isSet := top[name].(map[string]any); {
			case isSet && h.isHostSet(name, set):
				for host, v := range set {
					if key := ownKey(set, host); key != "" {
						h.named[host] = key
						h.hosts[key] = append(h.hosts[key], host)
					} else if list, _ := leaves(v); len(list) > 0 {
						h.hosts[list[0]] = append(h.hosts[list[0]], host)
					}
				}
			case isSet && secrets.IsUserSet(name):
				list, _ := leaves(set)
				for _, key := range list {
					h.people[key] = true
				}
			case isSet: // of which nothing is known: they may be machines
				list, _ := leaves(set)
				for _, key := range list {
					h.hosts[key] = append(h.hosts[key], name)
				}
			}
		}
	}
	for _, top := range tops {
		for name, v := range top {
			list, flat := leaves(v)
			_, isHost := h.named[name]
			switch {
			case !flat || isHost || secrets.IsHostSet(name):
			case len(h.named) > 0 && !slices.Contains(c.known, name):
				// Beside a set of all hosts, other names are people's.
				for _, key := range list {
					h.people[key] = true
				}
			case len(h.named) == 0 && (len(c.known) == 0 || slices.Contains(c.known, name)):
				h.owns(top, name, list)
			}
		}
	}
	return h
}

// owns notes whose keys may be a host's own, where no set is called hosts: its
// own key as far as that shows, or else all that it has.
func (h *holders) owns(top map[string]any, name string, list []string) {
	if key := ownKey(top, name); key != "" {
		list = []string{key}
		if slices.Contains(h.known, name) {
			h.certain[name] = key
		}
	}
	for _, key := range list {
		h.hosts[key] = append(h.hosts[key], name)
	}
}

// isHostSet tells a set of hosts, one key or list of keys each, by its name,
// unless that is a host's or the set holds the keys of one.
func (h *holders) isHostSet(name string, set map[string]any) bool {
	if !secrets.IsHostSet(name) || slices.Contains(h.known, name) {
		return false
	}
	for member, v := range set {
		if _, flat := leaves(v); !flat || secrets.IsRole(member) && !slices.Contains(h.known, member) {
			return false
		}
	}
	return true
}

// leaves are the strings of a value in order, and whether it is a string or a
// list of strings.
func leaves(v any) (list []string, flat bool) {
	switch v := v.(type) {
	case string:
		return []string{v}, true
	case []any:
		flat = true
		for _, e := range v {
			more, isFlat := leaves(e)
			_, isString := e.(string)
			list, flat = append(list, more...), flat && isFlat && isString
		}
		return list, flat
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			more, _ := leaves(v[name])
			list = append(list, more...)
		}
	}
	return list, false
}

// ownKey is the key of a member of a set that is its own: its only one, or of
// several the one that no other member has, the first of these; or empty.
func ownKey(set map[string]any, name string) string {
	list, flat := leaves(set[name])
	if !flat || len(list) == 0 {
		return ""
	}
	if len(list) == 1 {
		return list[0]
	}
	for _, key := range list {
		if n := holding(set, key); n == 1 {
			return key
		}
	}
	return ""
}

// holding is how many members of a set have a key.
func holding(set map[string]any, key string) (n int) {
	for _, v := range set {
		if list, _ := leaves(v); slices.Contains(list, key) {
			n++
		}
	}
	return n
}

// collection tells whether a list has the keys of all hosts: it collects them,
// and so names the new one. Two hosts at least show it, or a set of hosts.
func (h *holders) collection(list []string) bool {
	hosts, least := h.named, 1
	if len(hosts) == 0 {
		hosts, least = h.certain, 2
	}
	for _, key := range hosts {
		if !slices.Contains(list, key) {
			return false
		}
	}
	return len(hosts) >= least
}

// grown compares a value with what it was. It returns how many names are new,
// which are the host's.
func (c claim) grown(h *holders, path []string, before, after any) (added int, err error) {
	old, isSet := before.(map[string]any)
	now, stays := after.(map[string]any)
	if isSet != stays {
		return 0, fmt.Errorf("%s would become something else", at(path))
	}
	if !isSet {
		was, flat := leaves(before)
		if is, stays := leaves(after); flat && stays {
			return 0, c.same(h, at(path), was, is)
		}
		if !reflect.DeepEqual(before, after) {
			return 0, fmt.Errorf("%s would change", at(path))
		}
		return 0, nil
	}
	for _, name := range slices.Sorted(maps.Keys(old)) {
		v, there := now[name]
		below := append(slices.Clone(path), name)
		if !there {
			return 0, fmt.Errorf("%s would be gone", at(below))
		}
		n, err := c.grown(h, below, old[name], v)
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

func at(path []string) string {
	if len(path) == 0 {
		return "the value"
	}
	return strings.Join(path, ".")
}

// same wants keys as they were. Those that are the keys of all hosts may have
// gained that of the new one.
func (c claim) same(h *holders, what string, was, is []string) error {
	switch {
	case slices.Equal(sorted(was), sorted(is)):
		return nil
	case !slices.Equal(sorted(append(slices.Clone(was), c.key)), sorted(is)):
		return fmt.Errorf("%s would change", what)
	case !h.collection(was):
		return fmt.Errorf("%s would have the key of %s, and does not have those of all hosts", what, c.host)
	}
	return nil
}

func sorted(list []string) []string { return slices.Sorted(slices.Values(list)) }

// isNew wants a new name to be the host's, in a place for hosts, with its own
// key and those of people alone.
func (c claim) isNew(h *holders, path []string, beside map[string]any, name string, value any) error {
	if name != c.host {
		return fmt.Errorf("%s would be new", at(append(slices.Clone(path), name)))
	}
	switch {
	case len(path) == 0:
	case len(path) == 1 && h.isHostSet(path[0], beside):
	case h.hasAllHosts(beside): // made of the set of hosts
	default:
		return fmt.Errorf("%s would have the key of %s, and is no set of hosts", at(path), c.host)
	}
	list, _ := leaves(value)
	if !slices.Contains(list, c.key) {
		return fmt.Errorf("%s would not have its own key", at(append(slices.Clone(path), name)))
	}
	siblings := h.siblings(beside)
	for _, key := range list {
		if key != c.key && !h.mayShare(siblings, key) {
			return fmt.Errorf("%s would have %s, which may be another host's", at(append(slices.Clone(path), name)), key)
		}
	}
	return nil
}

func (h *holders) hasAllHosts(set map[string]any) bool {
	for host := range h.named {
		if _, there := set[host]; !there {
			return false
		}
	}
	return len(h.named) > 1
}

// siblings are the members of a set that are hosts, with their own keys.
func (h *holders) siblings(set map[string]any) map[string][]string {
	found := map[string][]string{}
	for name, v := range set {
		list, flat := leaves(v)
		key, named := h.named[name]
		if len(h.named) == 0 {
			key, named = ownKey(set, name), flat && holding(set, ownKey(set, name)) == 1
		}
		if named && slices.Contains(list, key) {
			found[name] = list
		}
	}
	return found
}

// mayShare tells whether a new host's secrets may be for a key too: a
// person's, or one that each sibling has. Of another host that is certain only
// if two siblings at least have it, beside the host itself.
func (h *holders) mayShare(siblings map[string][]string, key string) bool {
	owners, isHost := h.hosts[key]
	if !isHost && h.people[key] {
		return true
	}
	n := 0
	for name, list := range siblings {
		switch {
		case slices.Contains(owners, name):
		case !slices.Contains(list, key):
			return false
		default:
			n++
		}
	}
	return n > 1 || n == 1 && !isHost
}

// rules wants no secret to gain or to lose a recipient, but those that all
// hosts can open and those whose rule is new or names the host.
func (c claim) rules(h *holders, before, after meaning) error {
	for _, file := range slices.Sorted(maps.Keys(before.rules)) {
		is, there := after.rules[file]
		if !there {
			return fmt.Errorf("%s would have no rule", file)
		}
		was := before.rules[file]
		if c.named[file] && slices.Equal(sorted(append(slices.Clone(was), c.key)), sorted(is)) {
			continue
		}
		if err := c.same(h, file, was, is); err != nil {
			return err
		}
	}
	var own []string // whom the new host's value names
	for _, v := range []any{after.keys, after.scope} {
		if set, ok := v.(map[string]any); ok {
			list, _ := leaves(set[c.host])
			own = append(own, list...)
		}
	}
	for _, file := range slices.Sorted(maps.Keys(after.rules)) {
		if _, there := before.rules[file]; there || before.unread[file] {
			continue
		}
		for _, key := range after.rules[file] {
			if key != c.key && !slices.Contains(own, key) {
				return fmt.Errorf("%s would have a rule, and be for %s", file, key)
			}
		}
	}
	return nil
}

// replaces wants the old key to be the new one in some places, and nothing
// else to change.
func (c claim) replaces(before, after meaning) error {
	changed := 0
	for what, v := range map[string][2]any{"the value": {before.keys, after.keys}, "the let": {before.scope, after.scope}} {
		n, err := c.replaced(what, v[0], v[1])
		if err != nil {
			return err
		}
		changed += n
	}
	if changed == 0 {
		return errors.New("nothing would have the new key")
	}
	if !slices.Equal(slices.Sorted(maps.Keys(before.rules)), slices.Sorted(maps.Keys(after.rules))) {
		return errors.New("the rules would be for other files")
	}
	for _, file := range slices.Sorted(maps.Keys(before.rules)) {
		was, is := before.rules[file], after.rules[file]
		same := len(was) == len(is)
		for i := 0; same && i < len(was); i++ {
			same = is[i] == was[i] || was[i] == c.old && is[i] == c.key
		}
		if !same {
			return errors.New(file + " would be for others")
		}
	}
	return nil
}

func (c claim) replaced(what string, was, is any) (changed int, err error) {
	switch was := was.(type) {
	case map[string]any:
		now, ok := is.(map[string]any)
		if !ok || len(now) != len(was) {
			return 0, errors.New(what + " would have other names")
		}
		for name, v := range was {
			w, there := now[name]
			if !there {
				return 0, errors.New(what + " would have other names")
			}
			n, err := c.replaced(name, v, w)
			if err != nil {
				return 0, err
			}
			changed += n
		}
		return changed, nil
	case []any:
		now, ok := is.([]any)
		if !ok || len(now) != len(was) {
			return 0, errors.New(what + " would change")
		}
		for i, v := range was {
			n, err := c.replaced(what, v, now[i])
			if err != nil {
				return 0, err
			}
			changed += n
		}
		return changed, nil
	}
	switch {
	case reflect.DeepEqual(was, is):
		return 0, nil
	case was == c.old && is == c.key:
		return 1, nil
	}
	return 0, errors.New(what + " would change")
}

// flakeNames are the names that a flake has; nil: they are not known.
type flakeNames struct{ systems, images []string }

// judgeFlake says what is wrong with an edit of flake.nix, or nil: its names
// are the old ones, the new installer's and its image's.
func judgeFlake(host string, before, after flakeNames, image bool) error {
	for _, v := range []struct {
		set     string
		was, is []string
		added   string
		must    bool
	}{
		{"nixosConfigurations", before.systems, after.systems, host + "-installer", true},
		{"packages.x86_64-linux", before.images, after.images, host + "InstallerIso", image},
	} {
		for _, name := range v.was {
			if !slices.Contains(v.is, name) {
				return fmt.Errorf("%s.%s would be gone", v.set, name)
			}
		}
		for _, name := range v.is {
			if v.was != nil && !slices.Contains(v.was, name) && name != v.added {
				return fmt.Errorf("%s.%s would be new", v.set, name)
			}
		}
		if v.must && !slices.Contains(v.is, v.added) {
			return fmt.Errorf("%s.%s would be missing", v.set, v.added)
		}
	}
	return nil
}
