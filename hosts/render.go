package hosts

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// TOML gives the host.toml that Parse reads back to an equal Host, without the
// defaults. It fails with Errors on an invalid Host, which Parse would refuse.
func (h Host) TOML() ([]byte, error) {
	if problems := Errors(h.Validate()); len(problems) > 0 {
		return nil, problems
	}
	standard := Default()
	defaults := fields(&standard)
	var top, tables strings.Builder
	table := ""
	for i, f := range fields(&h) {
		value := f.value.Interface()
		if reflect.DeepEqual(value, defaults[i].value.Interface()) || f.value.Kind() == reflect.Slice && f.value.Len() == 0 {
			continue
		}
		name, last, nested := strings.Cut(f.key, ".")
		if !nested {
			fmt.Fprintf(&top, "%s = %s\n", name, render(value))
			continue
		}
		if name != table {
			table = name
			fmt.Fprintf(&tables, "\n[%s]\n", table)
		}
		fmt.Fprintf(&tables, "%s = %s\n", last, render(value))
	}
	return []byte(top.String() + tables.String()), nil
}

// render writes a value as JSON does, which is TOML too but for a raw DEL.
func render(value any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(value) // a string, a list of strings, a number or a bool
	return strings.ReplaceAll(strings.TrimSuffix(b.String(), "\n"), "\x7f", `\u007F`)
}
