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
	"auto-installer/internal/sys"
	"auto-installer/secrets"
	"auto-installer/steps"
)

// secretFlag is a secret that is read from a file or from an open descriptor.
type secretFlag struct {
	name string // of the secret, as in --NAME-fd
	// line: what is otherwise typed at a prompt, so one line, whose end is not part
	// of it.
	line bool
	file string
	fd   int
}

// register adds the two flags, of which one may be given.
func (s *secretFlag) register(c *cobra.Command, fileFlag, fileUsage, fdUsage string) {
	c.Flags().StringVar(&s.file, fileFlag, "", fileUsage)
	c.Flags().IntVar(&s.fd, s.name+"-fd", -1, fdUsage)
	c.MarkFlagsMutuallyExclusive(fileFlag, s.name+"-fd")
}

// read reads the secret; it is nil if neither flag was given.
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
		return nil, engine.Usage("put the passphrase in its only line", "%s: it is empty", flag)
	}
	if err := steps.Typable(s.name, line); err != nil {
		clear(data)
		return nil, err
	}
	return line, nil
}

// maxSecret is more than any passphrase or key needs, in bytes.
const maxSecret = 64 << 10

func readSecretFile(flag, name string) ([]byte, error) {
	if err := inStore(flag, name, nixStore); err != nil {
		return nil, err
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, engine.Usage("name a file that can be read", "%s: %v", flag, err)
	}
	defer f.Close()
	return readSecret(flag, f)
}

// readSecretFD reads a descriptor and closes it, so that no command inherits
// it.
func readSecretFD(flag string, fd int) ([]byte, error) {
	f := os.NewFile(uintptr(fd), flag)
	if f == nil {
		return nil, engine.Usage("open the descriptor before starting the program", "%s: bad file descriptor", flag)
	}
	defer f.Close()
	return readSecret(flag, f)
}

// readSecret reads into one buffer that is never copied by growing.
func readSecret(flag string, r io.Reader) ([]byte, error) {
	buf := make([]byte, maxSecret+1)
	n, err := io.ReadFull(r, buf)
	switch {
	case err == nil:
		clear(buf)
		return nil, engine.Usage("name the right file", "%s: more than %d bytes", flag, maxSecret)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
	default:
		return nil, engine.Usage("name a file that can be read", "%s: %v", flag, err)
	}
	if n == 0 {
		return nil, engine.Usage("name the right file", "%s: it is empty", flag)
	}
	return buf[:n:n], nil
}

// notForOthers refuses a secret in a file that every user can read.
func notForOthers(flag, file string) error {
	if file == "" {
		return nil
	}
	fi, err := os.Stat(file)
	if err != nil {
		return engine.Usage("name a file that can be read", "%s: %v", flag, err)
	}
	if fi.IsDir() {
		return engine.Usage("name a file that can be read", "%s: %s is a folder", flag, file)
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

// inStore refuses a secret in the Nix store: every user can read it there, and
// it is copied to wherever the store is.
func inStore(flag, file, store string) error {
	real, err := filepath.EvalSymlinks(file)
	if err == nil && strings.HasPrefix(real, store+"/") {
		return engine.Usage("put it beside the store, readable by root alone, or seal it into the host's bundle",
			"%s: %s is in the Nix store, which every user can read", flag, file)
	}
	return nil
}

// others says who beside the owner can read or change a file, or is empty.
func others(info fs.FileInfo) string {
	switch mode := info.Mode(); {
	case !mode.IsRegular(): // a pipe, or a terminal
		return ""
	case mode&0o006 != 0:
		return everyUser
	case mode&0o060 != 0:
		return "its group"
	}
	return ""
}

const everyUser = "every user"

// exposed warns of each file of a secret that is open to others, as ssh does.
// With --unattended it is refused if every user can read it.
func exposed(files ...string) []string {
	var list []string
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil { // reading it says why; empty: there is none
			continue
		}
		if who := others(info); who != "" {
			list = append(list, fmt.Sprintf("%s is a secret that is open to %s: chmod 600 %s", file, who, sys.Quote([]string{file})))
		}
	}
	return list
}

// heldKeys reads the private keys that are to open secrets, or agenix' default
// ones if none are named.
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
			return nil, engine.Usage("type it, or name other keys with --identity", "%s: %v", file, err)
		case named && errors.Is(err, secrets.ErrPublic):
			return nil, engine.Usage(privateOf(file), "--identity %s: %v", file, err)
		case named:
			return nil, engine.Usage("name an age identity file or an ssh-ed25519 or ssh-rsa private key", "--identity %s: %v", file, err)
		}
	}
	return held, nil
}

// privateOf says which file is meant instead of a public key's.
func privateOf(file string) string {
	private, isPub := strings.CutSuffix(file, ".pub")
	if _, err := os.Stat(private); isPub && err == nil {
		return "name the private key: --identity " + sys.Quote([]string{private})
	}
	return "name the private key that belongs to it"
}

// keyFiles are the private keys that were named, else the default ones.
func keyFiles(named []string) []string {
	if len(named) > 0 {
		return named
	}
	return defaultKeys()
}

// defaultKeys are the private keys that agenix uses if none are named.
func defaultKeys() []string {
	home, err := os.UserHomeDir()
	if err != nil {
		return nil
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
