package cli

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/charmbracelet/x/term"
	"github.com/spf13/cobra"

	"auto-installer/internal/engine"
	"auto-installer/secrets"
	"auto-installer/tui"
)

// prompt asks on a command's terminal.
type prompt struct {
	in       *bufio.Reader
	out      io.Writer
	terminal bool // someone is there to answer
}

func ask(cmd *cobra.Command) prompt {
	return prompt{bufio.NewReader(cmd.InOrStdin()), cmd.ErrOrStderr(), isTerminal(cmd.InOrStdin())}
}

// line asks for a line; an empty one is the default.
func (p prompt) line(question, otherwise string) (string, error) {
	if otherwise != "" {
		question += " [" + otherwise + "]"
	}
	fmt.Fprintf(p.out, "%s: ", question)
	text, err := p.in.ReadString('\n')
	if err != nil {
		return "", engine.Usage("nothing was done; answer it next time", "the question was not answered")
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

// confirm makes sure that the operator wants it: by the flag, else by the word yes
// typed under what is said.
func (p prompt) confirm(flag string, say ...string) error {
	if flag == "yes" {
		return nil
	}
	if flag != "" || !p.terminal {
		return engine.Usage("look at what --dry-run shows; if that is what you want, add --confirm yes", "not confirmed: --confirm must be the word yes")
	}
	for _, line := range say {
		fmt.Fprintln(p.out, line)
	}
	if text, err := p.line("Type yes to go on", ""); err != nil || text != "yes" {
		return engine.Usage("nothing was done; type the whole word yes next time", "not confirmed")
	}
	return nil
}

// errNotTyped: Ctrl+D cancelled a passphrase prompt. The passphrase is missing then,
// as without a terminal.
var errNotTyped error = notTyped{}

type notTyped struct{}

func (notTyped) Error() string { return "no passphrase was typed" }
func (notTyped) Unwrap() error { return secrets.ErrNeedsPassphrase }

// askPassphrase asks for one on the terminal, and does not show it.
func askPassphrase(question string) ([]byte, error) {
	if !isTerminal(os.Stdin) {
		return nil, secrets.ErrNeedsPassphrase
	}
	fmt.Fprintf(engine.Shown{W: os.Stderr}, "%s: ", question)
	defer fmt.Fprintln(os.Stderr)
	pass, err := tui.ReadHidden(os.Stdin)
	if errors.Is(err, io.EOF) {
		return nil, errNotTyped
	}
	return pass, err
}

// pauseAt shows an error on a kiosk's console, which the next start will clear.
func pauseAt(err error) {
	if !term.IsTerminal(os.Stdin.Fd()) {
		return
	}
	engine.WriteError(os.Stdout, asError(err))
	fmt.Println("\nA rescue shell is on tty2 (Alt+F2). Enter starts the installer again.")
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

// pauseTime is how long an error stays: long enough to read it, and what is
// mended meanwhile is seen soon.
const pauseTime = time.Minute
