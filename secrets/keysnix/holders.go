package keysnix

import (
	"maps"
	"slices"
)

// holders says whose the keys are.
type holders struct {
	hosts   map[string][]string // names of hosts by key
	people  map[string]bool     // keys of people
	named   map[string]string   // keys in a set of hosts, by host
	certain map[string]string   // without such a set: keys of known hosts, by host
	known   []string
}

func (c Claim) holders(m Meaning) *holders {
	h := &holders{
		hosts: map[string][]string{}, people: map[string]bool{}, known: c.Known,
		named: map[string]string{}, certain: map[string]string{},
	}
	for _, top := range m.tops() {
		for _, name := range slices.Sorted(maps.Keys(top)) {
			set, isSet := top[name].(map[string]any)
			switch {
			case !isSet:
			case h.isHostSet(name, set):
				for host, v := range set {
					list, _ := leaves(v)
					if key := ownKey(set, host); key != "" {
						h.named[host] = key
						list = []string{key}
					}
					if len(list) > 0 {
						h.hosts[list[0]] = append(h.hosts[list[0]], host)
					}
				}
			case isUserSet(name):
				h.ofPeople(set)
			default: // they may be machines
				h.ofHost(name, set)
			}
		}
	}
	for _, top := range m.tops() {
		for name, v := range top {
			_, flat := leaves(v)
			_, isHost := h.named[name]
			isKnown := slices.Contains(c.Known, name)
			switch {
			case !flat || isHost || isHostSet(name):
			case len(h.named) > 0 && !isKnown: // a set holds all hosts, so this is a person
				h.ofPeople(v)
			case len(h.named) == 0 && (len(c.Known) == 0 || isKnown):
				key := ownKey(top, name)
				if key == "" {
					h.ofHost(name, v) // any of them may be its own
					continue
				}
				h.ofHost(name, key)
				if isKnown {
					h.certain[name] = key
				}
			}
		}
	}
	return h
}

func (h *holders) ofPeople(v any) {
	list, _ := leaves(v)
	for _, key := range list {
		h.people[key] = true
	}
}

func (h *holders) ofHost(name string, v any) {
	list, _ := leaves(v)
	for _, key := range list {
		h.hosts[key] = append(h.hosts[key], name)
	}
}

// isHostSet recognises a set of hosts, one key or list of keys each, by its name,
// unless that is a host's or the set holds the keys of one.
func (h *holders) isHostSet(name string, set map[string]any) bool {
	if !isHostSet(name) || slices.Contains(h.known, name) {
		return false
	}
	for member, v := range set {
		if _, flat := leaves(v); !flat || isRole(member) && !slices.Contains(h.known, member) {
			return false
		}
	}
	return true
}

// leaves are the strings of a value in order. flat: it is a string or a list of
// strings.
func leaves(v any) (list []string, flat bool) {
	switch v := v.(type) {
	case string:
		return []string{v}, true
	case []any:
		flat = true
		for _, e := range v {
			more, _ := leaves(e)
			_, isString := e.(string)
			list, flat = append(list, more...), flat && isString
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

// ownKey is the key of a member of a set that belongs to it: its only one, or the
// first that no other member has; or empty.
func ownKey(set map[string]any, name string) string {
	list, flat := leaves(set[name])
	switch {
	case !flat:
		return ""
	case len(list) == 1:
		return list[0]
	}
	for _, key := range list {
		if holding(set, key) == 1 {
			return key
		}
	}
	return ""
}

// holding counts the members of a set that have a key.
func holding(set map[string]any, key string) (n int) {
	for _, v := range set {
		if list, _ := leaves(v); slices.Contains(list, key) {
			n++
		}
	}
	return n
}

// collection reports whether a list has the keys of all hosts: it collects them,
// so it names the new one too. Two known hosts show it, or a set of hosts.
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

// hasAllHosts reports whether a set is made from the set of hosts.
func (h *holders) hasAllHosts(set map[string]any) bool {
	for host := range h.named {
		if _, there := set[host]; !there {
			return false
		}
	}
	return len(h.named) > 1
}

// siblings are the members of a set that are hosts, with their keys.
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

// mayShare reports whether a new host may have a key too: a person's, or one that
// each sibling has. If it is another host's, two siblings must have it.
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
