package relabel

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"auto-installer/internal/sys"
)

// String shows the change of a label in one line.
func (l Label) String() string {
	return fmt.Sprintf("%s of %s: %s → %s", l.Kind, l.Device, orNone(l.From), l.To)
}

// Table shows every label, for the user.
func (l *Layout) Table() string {
	var out strings.Builder
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\tdevice\t\tis\twill be")
	for _, label := range l.Labels {
		to := label.To
		if !label.Differs() {
			to = "(the same)"
		}
		fmt.Fprintln(w, strings.Join([]string{label.Part, label.Device, string(label.Kind), orNone(label.From), to}, "\t"))
	}
	_ = w.Flush() // into memory
	return "  " + strings.ReplaceAll(strings.TrimSuffix(out.String(), "\n"), "\n", "\n  ") + "\n"
}

func orNone(label string) string {
	if label == "" {
		return "(none)"
	}
	return sys.Clean(label)
}
