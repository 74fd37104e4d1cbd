package secret

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/age/plugin"
	"github.com/charmbracelet/x/term"

	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
	"auto-installer/secrets"
	"auto-installer/tui"
)

// ErrNotTyped means that Ctrl+D cancelled a passphrase prompt. It unwraps to the error
// of a missing passphrase.
var ErrNotTyped error = notTyped{}

type notTyped struct{}

func (notTyped) Error() string { return "no passphrase was typed" }
func (notTyped) Unwrap() error { return secrets.ErrNeedsPassphrase }

// Ask asks for a passphrase on the terminal, which does not show it.
func Ask(question string) ([]byte, error) {
	if !term.IsTerminal(os.Stdin.Fd()) {
		return nil, secrets.ErrNeedsPassphrase
	}
	fmt.Fprintf(engine.Shown{W: os.Stderr}, "%s: ", question)
	defer fmt.Fprintln(os.Stderr)
	pass, err := tui.ReadHidden(os.Stdin)
	if errors.Is(err, io.EOF) {
		return nil, ErrNotTyped
	}
	return pass, err
}

// Held reads the private keys that decrypt secrets, and calls ask for their passphrases.
func Held(files []string, ask func(question string) ([]byte, error)) ([]*secrets.Held, error) {
	named := len(files) > 0
	files = KeyFiles(files)
	var held []*secrets.Held
	for _, file := range files {
		data, err := ReadFile("--identity", file)
		if err != nil {
			return nil, err
		}
		keys, err := secrets.ParseHeld(data, secrets.Ask{
			Passphrase: func() ([]byte, error) { return ask("Passphrase of " + file) },
			Plugin:     plugin.NewTerminalUI(func(string, ...any) {}, func(string, ...any) {}),
		})
		clear(data)
		switch {
		case err == nil:
			held = append(held, keys...)
		case errors.Is(err, ErrNotTyped):
			return nil, sys.Usage("run it again and type it, or name other keys with --identity", "%s: %v", file, err)
		case named && errors.Is(err, secrets.ErrPublic):
			return nil, sys.Usage(privateOf(file), "--identity %s: %v", file, err)
		case named:
			return nil, sys.Usage("name an age identity file, or an ssh-ed25519 or ssh-rsa private key", "--identity %s: %v", file, err)
		}
	}
	return held, nil
}

// privateOf returns a hint that names the private key of a public key's file.
func privateOf(file string) string {
	private, isPub := strings.CutSuffix(file, ".pub")
	if _, err := os.Stat(private); isPub && err == nil {
		return "name the private key: --identity " + sys.Quote([]string{private})
	}
	return "name the private key that belongs to it"
}

// KeyFiles returns the named private keys, or the default ones of agenix.
func KeyFiles(named []string) []string {
	home, err := os.UserHomeDir()
	if len(named) > 0 || err != nil {
		return named
	}
	var files []string
	for _, name := range []string{"id_ed25519", "id_rsa"} {
		file := filepath.Join(home, ".ssh", name)
		if _, err := os.Stat(file); err == nil {
			files = append(files, file)
		}
	}
	return files
}
