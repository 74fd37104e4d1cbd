package flash

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"auto-installer/steps/internal/sys"
)

// Checksum is what an image file must have.
type Checksum struct {
	Sum  string // SHA-256 in hex, lower case; empty: none is known
	From string // who says so
}

// maxSums bounds a file of checksums, in bytes.
const maxSums = 1 << 20

var bareSum = regexp.MustCompile(`^[0-9a-fA-F]{64}$`)

// Expect finds the checksum of an image: the one given by the flag, or what
// IMAGE.sha256 or SHA256SUMS in its folder says. No such file is no error; one
// that says nothing sensible is, with sys.CodeSource.
func Expect(image, flag string) (Checksum, error) {
	if flag != "" {
		if !bareSum.MatchString(flag) {
			return Checksum{}, sys.Faultf(sys.CodeUsage, "give the 64 hex digits that sha256sum prints", "--sha256: %q is no SHA-256", flag)
		}
		return Checksum{strings.ToLower(flag), "--sha256"}, nil
	}
	name := filepath.Base(image)
	for _, beside := range []string{name + ".sha256", name + ".sha256sum", "SHA256SUMS", "sha256sums.txt"} {
		path := filepath.Join(filepath.Dir(image), beside)
		data, err := readSums(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		own := strings.HasPrefix(beside, name) // it is about this image alone
		sum := ""
		if err == nil {
			sum, err = findSum(data, name, own)
		}
		if err == nil && sum == "" && own {
			err = errors.New("no SHA-256 in it is that of " + name)
		}
		if err != nil {
			return Checksum{}, sys.Faultf(sys.CodeSource, "mend or remove "+path+", or give the checksum with --sha256", "%s: %w", path, err)
		}
		if sum != "" {
			return Checksum{sum, beside}, nil
		}
	}
	return Checksum{}, nil
}

func readSums(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSums+1))
	if err == nil && len(data) > maxSums {
		err = fmt.Errorf("more than %d bytes", maxSums)
	}
	return data, err
}

var (
	gnuSum = regexp.MustCompile(`^([0-9a-fA-F]{64}) [ *](.+)$`)             // sha256sum(1)
	bsdSum = regexp.MustCompile(`^SHA256 \((.+)\) = ([0-9a-fA-F]{64})\s*$`) // sha256sum --tag
)

// findSum finds the SHA-256 of a file by its name, or of the only one if the
// list is the file's own: then it may name none, or the name before a renaming.
// What is no checksum is passed over, such as a signature around the list. An
// empty result means that there is none.
func findSum(list []byte, name string, own bool) (string, error) {
	var named, others []string
	lines := bufio.NewScanner(bytes.NewReader(list))
	lines.Buffer(nil, maxSums)
	for lines.Scan() {
		line := strings.TrimRight(lines.Text(), "\r\t ")
		sum, of, ok := parseSum(line)
		if !ok {
			continue
		}
		if filepath.Base(of) == name {
			named = append(named, strings.ToLower(sum))
		} else {
			others = append(others, strings.ToLower(sum))
		}
	}
	if err := lines.Err(); err != nil {
		return "", err
	}
	if len(named) == 0 && own {
		named = others
	}
	if len(named) == 0 {
		return "", nil
	}
	for _, s := range named[1:] {
		if s != named[0] {
			return "", fmt.Errorf("it has several checksums for %s", name)
		}
	}
	return named[0], nil
}

// parseSum reads a line of a list. Of is empty if it names no file.
func parseSum(line string) (sum, of string, ok bool) {
	if m := gnuSum.FindStringSubmatch(line); m != nil {
		return m[1], m[2], true
	}
	if m := bsdSum.FindStringSubmatch(line); m != nil {
		return m[2], m[1], true
	}
	sum = strings.TrimSpace(line)
	return sum, "", bareSum.MatchString(sum)
}
