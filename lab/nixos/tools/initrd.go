package main

import (
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// content is one entry of the list: a path, where the initrd links to it, and which
// libraries come along that a program only opens at run time.
type content struct {
	Source string
	Target string
	DLOpen *dlopen
}

type dlopen struct {
	UsePriority string
	Features    []string
}

// note is an entry of .note.dlopen (https://uapi-group.org/specifications/specs/elf_dlopen_metadata/).
type note struct {
	Soname   []string
	Feature  string
	Priority string
}

var priorities = []string{"required", "recommended", "suggested"}

func (d *dlopen) wants(n note) bool {
	if n.Priority == "" {
		n.Priority = "recommended"
	}
	return slices.Index(priorities, d.UsePriority) >= slices.Index(priorities, n.Priority) || slices.Contains(d.Features, n.Feature)
}

type initrd struct {
	root string
	done map[string]bool
}

// makeInitrd copies store paths, and the libraries that their programs name, into the
// root of an initrd: make-initrd-ng CONTENTS.json ROOT.
func makeInitrd(list, root string) error {
	data, err := os.ReadFile(list)
	if err != nil {
		return err
	}
	var contents []content
	if err := json.Unmarshal(data, &contents); err != nil {
		return err
	}
	i := initrd{root: root, done: map[string]bool{}}
	for _, c := range contents {
		if c.Target != "" {
			link := filepath.Join(root, c.Target)
			if err := errors.Join(os.MkdirAll(filepath.Dir(link), 0o755), os.Symlink(c.Source, link)); err != nil {
				return err
			}
		}
	}
	for _, c := range contents {
		if err := i.add(c.Source, c.DLOpen); err != nil {
			return err
		}
	}
	return nil
}

// add copies a path, whatever links lead to it, and everything below it.
func (i *initrd) add(path string, d *dlopen) error {
	if i.done[path] {
		return nil
	}
	i.done[path] = true
	if !strings.HasPrefix(path, "/nix/store/") {
		return fmt.Errorf("%s is not in the store", path)
	}
	at := "/"
	parts := strings.Split(strings.Trim(path, "/"), "/")
	for n, part := range parts {
		if part == ".." {
			at = filepath.Dir(at)
			continue
		}
		at = filepath.Join(at, part)
		to := filepath.Join(i.root, at)
		info, err := os.Lstat(at)
		if err != nil {
			return err
		}
		_, missing := os.Lstat(to)
		switch {
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(at)
			if err != nil {
				return err
			}
			if missing != nil {
				if err := os.Symlink(target, to); err != nil {
					return err
				}
			}
			if !filepath.IsAbs(target) {
				target = filepath.Dir(at) + "/" + target
			}
			rest := strings.Join(append([]string{target}, parts[n+1:]...), "/")
			if _, err := os.Stat(rest); err == nil { // not a link to nowhere
				return i.add(rest, d)
			}
			return nil
		case info.IsDir():
			if missing != nil {
				if err := os.Mkdir(to, 0o755); err != nil {
					return err
				}
			}
			if n < len(parts)-1 {
				continue
			}
			entries, err := os.ReadDir(at)
			if err != nil {
				return err
			}
			for _, e := range entries {
				if err := i.add(filepath.Join(at, e.Name()), d); err != nil {
					return err
				}
			}
		case missing != nil:
			if err := i.file(at, to, info, d); err != nil {
				return err
			}
		}
	}
	return nil
}

func (i *initrd) file(from, to string, info fs.FileInfo, d *dlopen) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.WriteFile(to, data, info.Mode().Perm()|0o200); err != nil {
		return err
	}
	wrapped := filepath.Join(filepath.Dir(from), "."+filepath.Base(from)+"-wrapped")
	if _, err := os.Stat(wrapped); err == nil {
		if err := i.add(wrapped, d); err != nil {
			return err
		}
	}
	f, err := elf.Open(from)
	if err != nil {
		return nil // not a program
	}
	defer func() { _ = f.Close() }() // only read
	return i.libraries(from, f, d)
}

func (i *initrd) libraries(from string, f *elf.File, d *dlopen) error {
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			name := make([]byte, p.Filesz)
			if _, err := p.ReadAt(name, 0); err != nil {
				return err
			}
			interpreter := strings.TrimRight(string(name), "\x00")
			if filepath.Base(from) == "libc.so.6" {
				continue // it names Debian's, for who runs it as a program
			}
			if err := i.add(interpreter, d); err != nil {
				return err
			}
		}
	}
	names, _ := f.ImportedLibraries() // a static program has none
	if s := f.Section(".note.dlopen"); s != nil && d != nil {
		more, err := dlopened(s, f, d)
		if err != nil {
			return fmt.Errorf("%s: %w", from, err)
		}
		names = append(names, more...)
	}
	paths, _ := f.DynString(elf.DT_RUNPATH)
	if len(paths) == 0 {
		paths, _ = f.DynString(elf.DT_RPATH)
	}
	for _, name := range names {
		for _, dir := range strings.Split(strings.Join(paths, ":"), ":") {
			lib := filepath.Join(dir, name)
			if _, err := os.Stat(lib); dir != "" && err == nil {
				if err := i.add(lib, d); err != nil {
					return err
				}
				break
			}
		}
	}
	return nil
}

// dlopened reads the notes of a section: each is three words and the name "FDO",
// then JSON, both padded to 4 bytes (elf(5)).
func dlopened(s *elf.Section, f *elf.File, d *dlopen) (names []string, err error) {
	data, err := s.Data()
	if err != nil {
		return nil, err
	}
	pad := func(n uint32) uint32 { return (n + 3) &^ 3 }
	for len(data) >= 12 {
		name, desc := f.ByteOrder.Uint32(data), f.ByteOrder.Uint32(data[4:])
		start := 12 + pad(name)
		end := start + desc
		if int(end) > len(data) {
			return nil, errors.New("a damaged .note.dlopen")
		}
		text, _, _ := strings.Cut(string(data[start:end]), "\x00")
		var notes []note
		if err := json.Unmarshal([]byte(text), &notes); err != nil {
			return nil, err
		}
		for _, n := range notes {
			if d.wants(n) {
				names = append(names, n.Soname...)
			}
		}
		data = data[min(int(start+pad(desc)), len(data)):]
	}
	return names, nil
}
