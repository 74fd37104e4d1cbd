// Package fattest makes FAT32 images for tests, with mkfs.vfat and mtools.
package fattest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// MiB is the size of the smallest FAT32 image with sectors of 512 bytes.
const MiB = 36

// Image makes an image of mib MiB with these files and returns its path. The
// sector size is in bytes.
func Image(t testing.TB, mib int, sector, label string, files map[string][]byte) string {
	t.Helper()
	img := filepath.Join(t.TempDir(), "esp.img")
	dir := t.TempDir()
	run := func(argv ...string) {
		t.Helper()
		cmd := exec.Command(argv[0], argv[1:]...)
		cmd.Env = append(os.Environ(), "MTOOLS_SKIP_CHECK=1", "LC_ALL=C.UTF-8") // for names that are not ASCII
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s is needed, ./bootstrap installs it: %v\n%s", argv[0], err, out)
		}
	}
	if err := errors.Join(os.WriteFile(img, nil, 0o600), os.Truncate(img, int64(mib)<<20)); err != nil {
		t.Fatal(err)
	}
	run("mkfs.vfat", "-F32", "-S", sector, "-n", label, img)
	for name, data := range files {
		file := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, data, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if entries, _ := filepath.Glob(filepath.Join(dir, "*")); len(entries) > 0 {
		run(append([]string{"mcopy", "-s", "-i", img}, append(entries, "::")...)...)
	}
	return img
}
