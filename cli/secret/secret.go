// Package secret reads keys and passphrases: from files, descriptors and the terminal.
package secret

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"auto-installer/internal/passphrases"
	"auto-installer/internal/sys"
)

// Flag is a secret from a file or from an open descriptor.
type Flag struct {
	Name string // of the secret, as in --NAME-fd
	// Line: the secret is otherwise typed, so it is one line, without the line break.
	Line bool
	Into *[]byte // where an install has it, or nil
	File string
	fd   int
}

// FileFlag is the flag of the file.
func (s *Flag) FileFlag() string {
	if s.Line {
		return s.Name + "-file"
	}
	return s.Name
}

// Register adds the two flags. They exclude each other.
func (s *Flag) Register(c *cobra.Command, usage string) {
	c.Flags().StringVar(&s.File, s.FileFlag(), "", usage)
	c.Flags().IntVar(&s.fd, s.Name+"-fd", -1, "read it from this open file descriptor")
	c.MarkFlagsMutuallyExclusive(s.FileFlag(), s.Name+"-fd")
}

// Where says where the secret is read from.
func (s *Flag) Where() string {
	if s.File == "" {
		return fmt.Sprintf("descriptor %d", s.fd)
	}
	return s.File
}

// Read returns the secret, or nil if neither flag was given.
func (s *Flag) Read() (data []byte, err error) {
	flag := "--" + s.Name
	if s.fd >= 0 {
		if data, err = sys.ReadSecretFD(s.fd, maxSecret); err != nil {
			err = sys.Usage("open the descriptor before starting the program", "%s: %v", flag, err)
		}
	} else {
		data, err = ReadFile(flag, s.File)
	}
	if err != nil || data == nil || !s.Line {
		return data, err
	}
	line, ended := bytes.CutSuffix(data, []byte("\n"))
	if ended {
		line = bytes.TrimSuffix(line, []byte("\r"))
	}
	if len(line) == 0 {
		return nil, sys.Usage("put the passphrase in the first line", "%s: it is empty", flag)
	}
	if err := passphrases.Typable(s.Name, line); err != nil {
		clear(data)
		return nil, err
	}
	return line, nil
}

// maxSecret is more than any passphrase or key has, in bytes.
const maxSecret = 64 << 10

// ReadFile returns nil if the flag was not given.
func ReadFile(flag, name string) ([]byte, error) {
	if name == "" {
		return nil, nil
	}
	if err := inStore(flag, name, nixStore); err != nil {
		return nil, err
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, sys.Usage("name a readable file", "%s: %v", flag, err)
	}
	defer f.Close()
	data, err := sys.ReadSecret(f, maxSecret)
	if err != nil {
		return nil, sys.Usage("name the right file", "%s: %v", flag, err)
	}
	return data, nil
}

const nixStore = "/nix/store"

// inStore refuses a secret in the Nix store: every user can read the store, and it is
// copied to other machines.
func inStore(flag, file, store string) error {
	real, err := filepath.EvalSymlinks(file)
	if err == nil && strings.HasPrefix(real, store+"/") {
		return sys.Usage("put it outside of the store, readable by root only, or seal it into the host's bundle",
			"%s: %s is in the Nix store, which every user can read", flag, file)
	}
	return nil
}

// OpenTo returns who besides the owner can read or change a file, or an empty string. A
// pipe or a terminal is no file, and a missing one is the error of its reading.
func OpenTo(file string) string {
	info, err := os.Stat(file)
	switch {
	case err != nil, !info.Mode().IsRegular():
		return ""
	case info.Mode()&0o006 != 0:
		return EveryUser
	case info.Mode()&0o060 != 0:
		return "its group"
	}
	return ""
}

// EveryUser is what OpenTo returns for a file that all can read or change.
const EveryUser = "every user"

// Exposed returns a warning for each secret in a file that others can read, as ssh does.
func Exposed(files ...string) []string {
	var list []string
	for _, file := range files {
		if who := OpenTo(file); who != "" {
			list = append(list, fmt.Sprintf("%s is a secret that is open to %s: chmod 600 %s", file, who, sys.Quote([]string{file})))
		}
	}
	return list
}
