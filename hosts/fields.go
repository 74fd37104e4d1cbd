package hosts

import (
	"reflect"
	"slices"
	"strings"
)

// field is one option: its full key in host.toml and its place in a Host. The
// struct tags of Host are the only list of keys.
type field struct {
	key   string
	value reflect.Value // string, bool, int or []string
}

// fields lists h's options in the order of the struct.
func fields(h *Host) []field {
	return collect("", reflect.ValueOf(h).Elem())
}

func collect(prefix string, table reflect.Value) []field {
	var all []field
	for i := range table.NumField() {
		key := prefix + table.Type().Field(i).Tag.Get("toml")
		if value := table.Field(i); value.Kind() == reflect.Struct {
			all = append(all, collect(key+".", value)...)
		} else {
			all = append(all, field{key, value})
		}
	}
	return all
}

// keys lists every key of host.toml, in the order of the struct.
var keys = func() []string {
	var h Host
	var all []string
	for _, f := range fields(&h) {
		all = append(all, f.key)
	}
	return all
}()

// isTable tells whether key names a table of options, such as labels.
func isTable(key string) bool {
	return slices.ContainsFunc(keys, func(known string) bool {
		return strings.HasPrefix(known, key+".")
	})
}

// siblings lists the keys of the table that key lies in, or all keys if there
// is no such table.
func siblings(key string) []string {
	table, _, nested := strings.Cut(key, ".")
	if !nested || !isTable(table) {
		return keys
	}
	return slices.DeleteFunc(slices.Clone(keys), func(known string) bool {
		return !strings.HasPrefix(known, table+".")
	})
}

// nearest finds the known key or table that the user most likely meant, or
// returns an empty string.
func nearest(key string) string {
	const longest = 64 // bytes; a longer one is not a misspelt key
	if len(key) > longest {
		return ""
	}
	best, bestDistance := "", 1+len(key)/3
	for _, known := range keys {
		// A key is often right but for its case or its table: targetUID,
		// mapperName.
		table, last, nested := strings.Cut(known, ".")
		if strings.EqualFold(known, key) || nested && strings.EqualFold(last, key) {
			return known
		}
		for _, candidate := range []string{known, table} {
			if d := distance(strings.ToLower(key), strings.ToLower(candidate)); d < bestDistance {
				best, bestDistance = candidate, d
			}
		}
	}
	return best
}

// distance is the Levenshtein distance, in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substitute := diagonal
			if a[i] != b[j] {
				substitute++
			}
			diagonal = row[j+1]
			row[j+1] = min(substitute, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
