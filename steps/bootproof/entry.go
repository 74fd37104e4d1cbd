package bootproof

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// bootEntry is a Type #1 entry (UAPI.1 Boot Loader Specification).
type bootEntry struct {
	name    string
	kernel  string
	initrds []string
	init    string // from the options line
	unified bool   // kernel, initrd and options in one file (UAPI.5)
}

// defaultEntry reads loader.conf's default and the entry that it names. The
// pattern is a glob; of several matches systemd-boot takes the newest
// (loader.conf(5)).
func defaultEntry(root string) (bootEntry, error) {
	conf, err := os.ReadFile(filepath.Join(root, "boot/loader/loader.conf"))
	if err != nil {
		return bootEntry{}, fmt.Errorf("no configuration of systemd-boot: %w", err)
	}
	pattern := "*"
	for line := range strings.Lines(string(conf)) {
		if f := strings.Fields(line); len(f) == 2 && f[0] == "default" {
			pattern = f[1]
		}
	}
	found, err := os.ReadDir(filepath.Join(root, "boot/loader/entries"))
	if err != nil {
		return bootEntry{}, err
	}
	var names []string
	for _, f := range found {
		name := f.Name()
		id := uncounted.ReplaceAllString(name, ".conf")
		whole, err := path.Match(pattern, id)
		short, _ := path.Match(pattern, strings.TrimSuffix(id, ".conf"))
		if err != nil {
			return bootEntry{}, fmt.Errorf("loader.conf: bad pattern %q", pattern)
		}
		if strings.HasSuffix(name, ".conf") && (whole || short) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return bootEntry{}, fmt.Errorf("no boot entry matches loader.conf's default %q", pattern)
	}
	name := slices.MaxFunc(names, compareVersions)
	data, err := os.ReadFile(filepath.Join(root, "boot/loader/entries", name))
	if err != nil {
		return bootEntry{}, err
	}
	return parseEntry(name, string(data))
}

// uncounted finds the counter of boot attempts in an entry's file name, which
// is not part of its name (systemd.io AUTOMATIC_BOOT_ASSESSMENT).
var uncounted = regexp.MustCompile(`\+[0-9]+(-[0-9]+)?\.conf$`)

func parseEntry(name, text string) (bootEntry, error) {
	e := bootEntry{name: name}
	for line := range strings.Lines(text) {
		key, value := strings.TrimSpace(line), ""
		if i := strings.IndexAny(key, " \t"); i >= 0 {
			key, value = key[:i], strings.TrimSpace(key[i:])
		}
		if value == "" {
			continue
		}
		switch key {
		case "linux", "efi", "uki":
			e.kernel, e.unified = value, key != "linux"
		case "initrd":
			e.initrds = append(e.initrds, value)
		case "options":
			for opt := range strings.FieldsSeq(value) {
				if init, ok := strings.CutPrefix(opt, "init="); ok {
					e.init = init
				}
			}
		}
	}
	if e.kernel == "" || len(e.initrds) == 0 && !e.unified {
		return e, fmt.Errorf("entry %s names no kernel or no initrd", name)
	}
	return e, nil
}

// compareVersions orders names with their numbers taken as numbers, so that
// generation 10 comes after generation 9.
func compareVersions(a, b string) int {
	for a != "" && b != "" {
		da, db := digits(a), digits(b)
		if da != "" && db != "" {
			na, nb := strings.TrimLeft(da, "0"), strings.TrimLeft(db, "0")
			if len(na) != len(nb) {
				return len(na) - len(nb)
			}
			if c := strings.Compare(na, nb); c != 0 {
				return c
			}
			a, b = a[len(da):], b[len(db):]
			continue
		}
		if a[0] != b[0] {
			return int(a[0]) - int(b[0])
		}
		a, b = a[1:], b[1:]
	}
	return len(a) - len(b)
}

func digits(s string) string {
	end := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		return s
	}
	return s[:end]
}

// maxLinks is the kernel's own limit of symbolic links in a path
// (path_resolution(7)).
const maxLinks = 40

// resolve finds the file that name is inside root, following symbolic links as
// the installed system will: an absolute one starts at root again.
func resolve(root, name string) (string, error) {
	rest, at := strings.Split(path.Clean("/"+name), "/"), "/"
	for links := 0; len(rest) > 0; {
		part := rest[0]
		rest = rest[1:]
		next := path.Join(at, part)
		fi, err := os.Lstat(filepath.Join(root, next))
		if err != nil {
			return "", fmt.Errorf("%s: %s is not there", name, next)
		}
		if fi.Mode()&os.ModeSymlink == 0 {
			at = next
			continue
		}
		if links++; links > maxLinks {
			return "", fmt.Errorf("%s: too many symbolic links", name)
		}
		to, err := os.Readlink(filepath.Join(root, next))
		if err != nil {
			return "", err
		}
		if path.IsAbs(to) {
			at = "/"
		}
		rest = append(strings.Split(path.Clean(to), "/"), rest...)
	}
	return filepath.Join(root, at), nil
}

type unixStat struct{ unix.Stat_t }

func (s *unixStat) read(name string) error {
	if err := unix.Stat(name, &s.Stat_t); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
