package cli

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"auto-installer/hosts"
	"auto-installer/internal/engine"
	"auto-installer/internal/git"
)

// form asks on the terminal for what the flags leave open.
type form struct {
	in  *bufio.Reader
	out io.Writer
}

// line asks for a line; an empty one is the default.
func (f form) line(question, otherwise string) (string, error) {
	if otherwise != "" {
		question += " [" + otherwise + "]"
	}
	fmt.Fprintf(f.out, "%s: ", question)
	text, err := f.in.ReadString('\n')
	if err != nil {
		return "", engine.Usage("nothing was done", "the questions were not answered")
	}
	return cmp.Or(strings.TrimSpace(text), otherwise), nil
}

// yes asks for y or n.
func (f form) yes(question string, otherwise bool) (bool, error) {
	letter := map[bool]string{true: "y", false: "n"}
	for {
		text, err := f.line(question+", y or n", letter[otherwise])
		if err != nil {
			return false, err
		}
		switch strings.ToLower(text) {
		case "y", "yes":
			return true, nil
		case "n", "no":
			return false, nil
		}
	}
}

// ask fills the flags, and returns the host's name.
func (f *newHost) ask(cmd *cobra.Command) (name string, err error) {
	if !isTerminal(cmd.InOrStdin()) {
		return "", engine.Usage("name it: auto-installer new-host NAME", "there is no name, and no terminal to ask for it on")
	}
	q := form{bufio.NewReader(cmd.InOrStdin()), cmd.ErrOrStderr()}
	for name == "" || hosts.CheckName(name) != nil {
		if name, err = q.line("Name of the host", ""); err != nil {
			return "", err
		}
		if bad := hosts.CheckName(name); bad != nil {
			fmt.Fprintln(q.out, bad)
		}
	}
	if f.luks, err = q.yes("Encrypt its disk", f.luks); err != nil {
		return "", err
	}
	for _, a := range []struct {
		question  string
		into      *string
		otherwise string
	}{
		{"Swap partition, such as 8G, or nothing", &f.swap, f.swap},
		{"Git URL of the config repo", &f.remote, cmp.Or(f.remote, git.Origin(cmd.Context(), f.repo))},
		{"User who gets the deploy key, or nothing", &f.user, f.user},
		{"Keymap of the console", &f.keymap, cmp.Or(f.keymap, hosts.Default().Keymap)},
	} {
		if *a.into, err = q.line(a.question, a.otherwise); err != nil {
			return "", err
		}
	}
	return name, nil
}
