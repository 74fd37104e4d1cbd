package flash

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
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
	for _, beside := range []string{name + ".sha256", "SHA256SUMS"} {
		path := filepath.Join(filepath.Dir(image), beside)
		data, err := sys.ReadRegular(path, maxSums)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		own := beside != "SHA256SUMS" // it is for this image alone
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
		missing = beside + " has no checksum of " + name + ": nothing is compared"
	}
	return Checksum{Missing: missing}, nil
}

// sumLine is a line of sha256sum(1): the checksum and the file's name, which may have a folder.
var sumLine = regexp.MustCompile(`^([0-9a-fA-F]{64})(?:[ \t]+\*?(?:.*[/\\])?([^/\\]+))?$`)

// findSum finds the SHA-256 of a file by its name, or is empty. It ignores other lines, such
// as a signature around the list. The file's own list may omit the name or have an old one.
func findSum(list []byte, name string, own bool) (found string, err error) {
	for line := range strings.Lines(string(list)) {
		m := sumLine.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil || m[2] != name && !own {
			continue
		}
		sum := strings.ToLower(m[1])
		if found != "" && found != sum {
			return "", fmt.Errorf("it has several checksums for %s", name)
		}
		found = sum
	}
	return found, nil
}
