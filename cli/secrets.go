package cli

import (
	"bytes"
	"errors"
	"fmt"
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
	into *[]byte // where an install has it, or nil
	file string
	fd   int
}

// fileFlag is the flag of the file.
func (s *secretFlag) fileFlag() string {
	if s.line {
		return s.name + "-file"
	}
	return s.name
}

// register adds the two flags. They exclude each other.
func (s *secretFlag) register(c *cobra.Command, usage string) {
	c.Flags().StringVar(&s.file, s.fileFlag(), "", usage)
	c.Flags().IntVar(&s.fd, s.name+"-fd", -1, "read it from this open file descriptor")
	c.MarkFlagsMutuallyExclusive(s.fileFlag(), s.name+"-fd")
}

// where says where the secret is read from.
func (s *secretFlag) where() string {
	if s.file == "" {
		return fmt.Sprintf("descriptor %d", s.fd)
	}
	return s.file
}

// read returns the secret, or nil if neither flag was given.
func (s *secretFlag) read() (data []byte, err error) {
	flag := "--" + s.name
	if s.fd >= 0 {
		if data, err = sys.ReadSecretFD(s.fd, maxSecret); err != nil {
			err = engine.Usage("open the descriptor before starting the program", "%s: %v", flag, err)
		}
	} else {
		data, err = readSecretFile(flag, s.file)
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

// readSecretFile returns nil if the flag was not given.
func readSecretFile(flag, name string) ([]byte, error) {
	if name == "" {
		return nil, nil
	}
	if err := inStore(flag, name, nixStore); err != nil {
		return nil, err
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, engine.Usage("name a readable file", "%s: %v", flag, err)
	}
	defer f.Close()
	data, err := sys.ReadSecret(f, maxSecret)
	if err != nil {
		return nil, engine.Usage("name the right file", "%s: %v", flag, err)
	}
	return data, nil
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

// others returns who besides the owner can read or change a file, or an empty string. A
// pipe or a terminal is no file, and a missing one is the error of its reading.
func others(file string) string {
	info, err := os.Stat(file)
	switch {
	case err != nil, !info.Mode().IsRegular():
		return ""
	case info.Mode()&0o006 != 0:
		return everyUser
	case info.Mode()&0o060 != 0:
		return "its group"
	}
	return ""
}

const everyUser = "every user"

// exposed returns a warning for each secret in a file that others can read, as ssh does.
func exposed(files ...string) []string {
	var list []string
	for _, file := range files {
		if who := others(file); who != "" {
			list = append(list, fmt.Sprintf("%s is a secret that is open to %s: chmod 600 %s", file, who, sys.Quote([]string{file})))
		}
	}
	return list
}

// heldKeys reads the private keys that decrypt secrets, and calls ask for their passphrases.
func heldKeys(files []string, ask func(question string) ([]byte, error)) ([]*secrets.Held, error) {
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
