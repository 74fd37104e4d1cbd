package hosts

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed */host.toml
var embedded embed.FS

// fileName is the definition's name inside a host's folder.
const fileName = "host.toml"

// maxSize bounds a definition, in bytes: a device or a wrong file may be
// endless.
const maxSize = 1 << 20

// Names lists the embedded hosts, sorted.
func Names() []string {
	found, err := fs.Glob(embedded, "*/"+fileName)
	if err != nil {
		panic(err) // only a malformed pattern, and this one is constant
	}
	var names []string
	for _, file := range found {
		names = append(names, path.Dir(file))
	}
	slices.Sort(names)
	return names
}

// Load reads an embedded host by name, or a path: an argument that has a slash
// or ends in .toml is a file, or a folder with host.toml. It fails with *Error
// or Errors.
func Load(nameOrPath string) (Host, error) {
	if strings.Contains(nameOrPath, "/") || strings.HasSuffix(nameOrPath, ".toml") {
		return loadFile(nameOrPath)
	}
	data, err := embedded.ReadFile(path.Join(nameOrPath, fileName))
	if err != nil || !slices.Contains(Names(), nameOrPath) {
		known := strings.Join(Names(), ", ")
		return Host{}, &Error{
			Problem: "unknown host " + quote(nameOrPath),
			Allowed: known + ", or the path of a host.toml",
			hint:    "name one of " + known + "; for a file, write its path with a slash, such as ./host.toml",
			cause:   fs.ErrNotExist,
		}
	}
	return Parse("hosts/"+nameOrPath+"/"+fileName, data)
}

func loadFile(file string) (Host, error) {
	info, err := os.Stat(file)
	if err == nil && info.IsDir() {
		file = filepath.Join(file, fileName)
		info, err = os.Stat(file)
	}
	if err != nil {
		return Host{}, unreadable(file, err)
	}
	// Opening a FIFO could wait for a writer for ever.
	if !info.Mode().IsRegular() {
		return Host{}, &Error{
			File: file, Problem: "not a regular file", Allowed: "a file, or a folder that holds " + fileName,
			hint: "give the path of a host.toml",
		}
	}
	f, err := os.Open(file)
	if err != nil {
		return Host{}, unreadable(file, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return Host{}, unreadable(file, err)
	}
	return Parse(file, data)
}

// unreadable drops the operation and path that os puts before the reason: the
// message has the file already.
func unreadable(file string, err error) *Error {
	reason := err
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		reason = pathErr.Err
	}
	return &Error{
		File: file, Problem: fmt.Sprintf("cannot be read: %v", reason), cause: err,
		hint: "give the path of a host.toml, or one of the hosts " + strings.Join(Names(), ", "),
	}
}
