package hosts

import (
	"fmt"
	"reflect"
	"strings"
	"unicode"
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

func render(value any) string {
	switch v := value.(type) {
	case string:
		return renderString(v)
	case []string:
		lines := []string{"["}
		for _, element := range v {
			lines = append(lines, "  "+renderString(element)+",")
		}
		return strings.Join(append(lines, "]"), "\n")
	default:
		return fmt.Sprint(v) // TOML's bool and int are spelled as Go's
	}
}

// renderString writes text of several lines literally if TOML allows, and any
// other on one line.
func renderString(text string) string {
	asItIs := !strings.Contains(text, "'''") && !strings.HasSuffix(text, "'") && isText(text, "\n\t")
	if strings.Contains(text, "\n") && asItIs {
		return "'''\n" + text + "'''"
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case unicode.IsControl(r):
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String() + `"`
}
