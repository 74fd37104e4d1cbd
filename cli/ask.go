package cli

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/charmbracelet/x/term"
	"github.com/spf13/cobra"

	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
)

// prompt asks on the terminal of a command.
type prompt struct {
	in       *bufio.Reader
	out      io.Writer
	terminal bool // whether in is a terminal
}

func ask(cmd *cobra.Command) prompt {
	return prompt{bufio.NewReader(cmd.InOrStdin()), cmd.ErrOrStderr(), isTerminal(cmd.InOrStdin())}
}

// line asks for a line. An empty answer is the default.
func (p prompt) line(question, otherwise string) (string, error) {
	if otherwise != "" {
		question += " [" + otherwise + "]"
	}
	fmt.Fprintf(p.out, "%s: ", question)
	text, err := p.in.ReadString('\n')
	if err != nil {
		return "", sys.Usage("run it again and answer; nothing was done", "the question was not answered")
	}
	return cmp.Or(strings.TrimSpace(text), otherwise), nil
}

// yes asks for y or n.
func (p prompt) yes(question string, otherwise bool) (bool, error) {
	letter := map[bool]string{true: "y", false: "n"}
	for {
		text, err := p.line(question+", y or n", letter[otherwise])
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

// confirm verifies that the operator agrees: by the flag, or by typing the word yes
// below these lines.
func (p prompt) confirm(flag string, say ...string) error {
	if flag == "yes" {
		return nil
	}
	if flag != "" || !p.terminal {
		return notConfirmed("--dry-run")
	}
	for _, line := range say {
		fmt.Fprintln(p.out, line)
	}
	if text, err := p.line("Type yes to continue", ""); err != nil || text != "yes" {
		return sys.Usage("run it again and type the whole word yes; nothing was done", "not confirmed")
	}
	return nil
}

// notConfirmed is the error of a --confirm that is not the word yes.
func notConfirmed(shows string) error {
	return sys.Usage("check what "+shows+" shows, then add --confirm yes", "not confirmed: --confirm must be the word yes")
}

// pauseAt shows an error on a kiosk's console, which the next start clears.
func pauseAt(err error) {
	if !term.IsTerminal(os.Stdin.Fd()) {
		return
	}
	engine.WriteError(os.Stdout, asError(err))
	fmt.Println("\nA rescue shell is on tty2 (Alt+F2). Enter restarts the installer.")
	enter := make(chan struct{})
	go func() {
		_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
		close(enter)
	}()
	select {
	case <-enter:
	case <-time.After(pauseTime):
	}
}

// pauseTime is how long an error stays: long enough to read it, and short enough for the
// installer to come back soon after a repair.
const pauseTime = time.Minute
