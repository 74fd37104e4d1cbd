package flash

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"auto-installer/internal/sys"
)

// Checksum is the expected checksum of an image file.
type Checksum struct {
	Sum  string // SHA-256 in hex, lower case; empty: unknown
	From string // its source
	// Missing says that a list of checksums does not have the image's.
	Missing string
}

// maxSums is the size limit of a file of checksums, in bytes.
const maxSums = 1 << 20

var bareSum = regexp.MustCompile(`^[0-9a-fA-F]{64}$`)

// Expect finds the checksum of an image: that of the flag, or in IMAGE.sha256 or
// SHA256SUMS in its folder. A missing file is not an error; an invalid one is,
// with sys.CodeSource.
func Expect(image, flag string) (Checksum, error) {
	if flag != "" {
		if !bareSum.MatchString(flag) {
			return Checksum{}, sys.Faultf(sys.CodeUsage, "give the 64 hex digits that sha256sum prints", "--sha256: %q is not a SHA-256", flag)
		}
		return Checksum{Sum: strings.ToLower(flag), From: "--sha256"}, nil
	}
	name, missing := filepath.Base(image), ""
	for _, beside := range []string{
		name + ".sha256", name + ".sha256sum", name + ".sha256sums", "SHA256SUMS", "SHA256SUMS.txt", "sha256sums.txt", "sha256sum.txt", "sha256sums",
	} {
		path := filepath.Join(filepath.Dir(image), beside)
		data, err := sys.ReadRegular(path, maxSums)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		own := strings.HasPrefix(beside, name) // it is for this image alone
		sum := ""
		if err == nil {
			sum, err = findSum(data, name, own)
		}
		if err == nil && sum == "" && own {
			err = errors.New("it has no SHA-256 of " + name)
		}
		if err != nil {
			return Checksum{}, sys.Faultf(sys.CodeSource, "correct or remove "+path+", or give the checksum with --sha256", "%s: %w", path, err)
		}
		if sum != "" {
			return Checksum{Sum: sum, From: beside}, nil
		}
		missing = cmp.Or(missing, beside+" has no checksum of "+name+": nothing is compared")
	}
	return Checksum{Missing: missing}, nil
}

var (
	// sha256sum(1), also with one space or a tab.
	gnuSum = regexp.MustCompile(`^([0-9a-fA-F]{64})[ \t]+\*?(.+)$`)
	// sha256sum --tag, and openssl dgst -sha256.
	bsdSum = regexp.MustCompile(`^(?:SHA256|SHA2-256) ?\((.+)\) ?= ?([0-9a-fA-F]{64})$`)
)

// findSum finds the SHA-256 of a file by its name, or is empty. In the file's own
// list it also accepts a single checksum without a name or with an old one. It
// ignores other lines, such as a signature around the list. But a line that names
// the file without a checksum is an error if no other line has the checksum.
func findSum(list []byte, name string, own bool) (string, error) {
	mention := regexp.MustCompile(`(^|[\s*(/\\])` + regexp.QuoteMeta(name) + `($|[\s):])`)
	var named, others []string
	var odd error
	for i, line := range strings.Split(strings.TrimPrefix(string(list), "\ufeff"), "\n") { // Windows puts the mark
		line = strings.TrimSpace(line)
		sum, of, ok := parseSum(line)
		switch {
		case ok && of == name:
			named = append(named, strings.ToLower(sum))
		case ok:
			others = append(others, strings.ToLower(sum))
		case odd == nil && mention.MatchString(line) && line[0] != '#':
			odd = fmt.Errorf("line %d names %s without a SHA-256, which has 64 hex digits", i+1, name)
		}
	}
	if len(named) == 0 && odd != nil {
		return "", odd
	}
	if len(named) == 0 && own {
		named = others
	}
	slices.Sort(named)
	switch named = slices.Compact(named); len(named) {
	case 0:
		return "", nil
	case 1:
		return named[0], nil
	}
	return "", fmt.Errorf("it has several checksums for %s", name)
}

// parseSum reads a line of a list. Of is the file's name without its folder, or
// empty.
func parseSum(line string) (sum, of string, ok bool) {
	if m := gnuSum.FindStringSubmatch(line); m != nil {
		sum, of = m[1], m[2]
	} else if m := bsdSum.FindStringSubmatch(line); m != nil {
		sum, of = m[2], m[1]
	} else {
		return line, "", bareSum.MatchString(line)
	}
	return sum, of[strings.LastIndexAny(of, `/\`)+1:], true
}
