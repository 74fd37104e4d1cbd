package sys

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestReadRegular(t *testing.T) {
	dir := t.TempDir()
	plain, pipe, link := filepath.Join(dir, "plain"), filepath.Join(dir, "pipe"), filepath.Join(dir, "link")
	if err := os.WriteFile(plain, []byte("12345"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("plain", link); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		plain: "", link: "", pipe: "not a regular file", dir: "not a regular file", "/dev/zero": "not a regular file", dir + "/none": "no such file",
	} {
		data, err := ReadRegular(name, 5)
		if want == "" && (err != nil || string(data) != "12345") || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %q, %v", name, data, err)
		}
	}
	for _, read := range []func(string, int64) ([]byte, error){ReadRegular, ReadAtMost} {
		if _, err := read(plain, 4); err == nil || !strings.Contains(err.Error(), "larger than") {
			t.Errorf("a file that is too large: %v", err)
		}
	}
	if _, err := ReadAtMost("/dev/zero", 1<<20); err == nil {
		t.Error("/dev/zero has an end")
	}
}
