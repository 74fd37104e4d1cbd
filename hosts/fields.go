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

// nearest finds the known key that differs in case, or by its missing table:
// targetUID, mapperName.
func nearest(key string) string {
	for _, known := range keys {
		_, last, nested := strings.Cut(known, ".")
		if strings.EqualFold(known, key) || nested && strings.EqualFold(last, key) {
			return known
		}
	}
	return ""
}
