package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/age/plugin"
	"github.com/spf13/cobra"

	"auto-installer/internal/engine"
	"auto-installer/internal/passphrases"
	"auto-installer/internal/sys"
	"auto-installer/secrets"
)

// secretFlag is a secret from a file or from an open descriptor.
type secretFlag struct {
	name string // of the secret, as in --NAME-fd
	// line: the secret is otherwise typed, so it is one line, without the line break.
	line bool
	file string
	fd   int
}

// register adds the two flags. They exclude each other.
func (s *secretFlag) register(c *cobra.Command, fileFlag, fileUsage, fdUsage string) {
	c.Flags().StringVar(&s.file, fileFlag, "", fileUsage)
	c.Flags().IntVar(&s.fd, s.name+"-fd", -1, fdUsage)
	c.MarkFlagsMutuallyExclusive(fileFlag, s.name+"-fd")
}

// read returns the secret, or nil if neither flag was given.
func (s *secretFlag) read() (data []byte, err error) {
	flag := "--" + s.name
	switch {
	case s.file != "":
		data, err = readSecretFile(flag, s.file)
	case s.fd >= 0:
		data, err = readSecretFD(flag, s.fd)
	}
	if err != nil || data == nil || !s.line {
		return data, err
	}
	line, ended := bytes.CutSuffix(data, []byte("\n"))
	if ended {
		line = bytes.TrimSuffix(line, []byte("\r"))
	}
	if len(line) == 0 {
		return nil, engine.Usage("put the passphrase in the first line", "%s: it is empty", flag)
	}
	if err := passphrases.Typable(s.name, line); err != nil {
		clear(data)
		return nil, err
	}
	return line, nil
}

// maxSecret is more than any passphrase or key has, in bytes.
const maxSecret = 64 << 10

func readSecretFile(flag, name string) ([]byte, error) {
	if err := inStore(flag, name, nixStore); err != nil {
		return nil, err
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, engine.Usage("name a readable file", "%s: %v", flag, err)
	}
	defer f.Close()
	return readSecret(flag, f)
}

// readSecretFD reads a descriptor and closes it, so that no command inherits it.
func readSecretFD(flag string, fd int) ([]byte, error) {
	f := os.NewFile(uintptr(fd), flag)
	if f == nil {
		return nil, engine.Usage("open the descriptor before starting the program", "%s: bad file descriptor", flag)
	}
	defer f.Close()
	return readSecret(flag, f)
}

func readSecret(flag string, r io.Reader) ([]byte, error) {
	data, err := sys.ReadSecret(r, maxSecret)
	if err != nil {
		return nil, engine.Usage("name the right file", "%s: %v", flag, err)
	}
	return data, nil
}

// notForOthers refuses a secret that every user can read or change.
func notForOthers(flag, file string) error {
	if file == "" {
		return nil
	}
	fi, err := os.Stat(file)
	if err != nil {
		return engine.Usage("name a readable file", "%s: %v", flag, err)
	}
	if fi.IsDir() {
		return engine.Usage("name a file", "%s: %s is a folder", flag, file)
	}
	if others(fi) == everyUser {
		can := "read"
		if fi.Mode()&0o004 == 0 {
			can = "change"
		}
		return engine.Usage("chmod 600 "+sys.Quote([]string{file}), "%s: every user can %s %s", flag, can, file)
	}
	return nil
}

const nixStore = "/nix/store"

// inStore refuses a secret in the Nix store: every user can read the store, and it is
// copied to other machines.
func inStore(flag, file, store string) error {
	real, err := filepath.EvalSymlinks(file)
	if err == nil && strings.HasPrefix(real, store+"/") {
		return engine.Usage("put it outside of the store, readable by root only, or seal it into the host's bundle",
			"%s: %s is in the Nix store, which every user can read", flag, file)
	}
	return nil
}

// others returns who besides the owner can read or change a file, or an empty string.
func others(info fs.FileInfo) string {
	switch mode := info.Mode(); {
	case !mode.IsRegular(): // a pipe or a terminal
		return ""
	case mode&0o006 != 0:
		return everyUser
	case mode&0o060 != 0:
		return "its group"
	}
	return ""
}

const everyUser = "every user"

// exposed returns a warning for each secret in a file that others can read, as ssh does.
func exposed(files ...string) []string {
	var list []string
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil { // no such flag, or reading the file reports the error
			continue
		}
		if who := others(info); who != "" {
			list = append(list, fmt.Sprintf("%s is a secret that is open to %s: chmod 600 %s", file, who, sys.Quote([]string{file})))
		}
	}
	return list
}

// heldKeys reads the private keys that decrypt secrets. It asks for their passphrases.
func heldKeys(files []string) ([]*secrets.Held, error) { return readHeld(files, askPassphrase) }

func readHeld(files []string, ask func(question string) ([]byte, error)) ([]*secrets.Held, error) {
	named := len(files) > 0
	files = keyFiles(files)
	var held []*secrets.Held
	for _, file := range files {
		data, err := readSecretFile("--identity", file)
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
		case errors.Is(err, errNotTyped):
			return nil, engine.Usage("run it again and type it, or name other keys with --identity", "%s: %v", file, err)
		case named && errors.Is(err, secrets.ErrPublic):
			return nil, engine.Usage(privateOf(file), "--identity %s: %v", file, err)
		case named:
			return nil, engine.Usage("name an age identity file, or an ssh-ed25519 or ssh-rsa private key", "--identity %s: %v", file, err)
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

// keyFiles returns the named private keys, or the default ones of agenix.
func keyFiles(named []string) []string {
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
