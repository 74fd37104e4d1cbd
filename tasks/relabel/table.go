package relabel

import (
	"cmp"
	"fmt"
	"strings"
	"text/tabwriter"

	"auto-installer/internal/sys"
)

// String shows the change of a label in one line.
func (l Label) String() string {
	return fmt.Sprintf("%s of %s: %s → %s", l.Kind, l.Device, cmp.Or(sys.Clean(l.From), "(none)"), l.To)
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
		fmt.Fprintln(w, strings.Join([]string{label.Part, label.Device, string(label.Kind), cmp.Or(sys.Clean(label.From), "(none)"), to}, "\t"))
	}
	_ = w.Flush() // into memory
	return "  " + strings.ReplaceAll(strings.TrimSuffix(out.String(), "\n"), "\n", "\n  ") + "\n"
}
