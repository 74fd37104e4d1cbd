package fat

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"

	"auto-installer/internal/disk/fat/fattest"
)

func open(t testing.TB, img string) *FS {
	t.Helper()
	f, err := os.Open(img)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	v, err := Open(f, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func read(f *FS, name string) ([]byte, error) {
	r, err := f.Open(name)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// walk visits every file below a folder.
func walk(t *testing.T, f *FS, dir string, visit func(name string)) {
	t.Helper()
	list, err := f.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		name := path.Join(dir, e.Name)
		if e.IsDir {
			walk(t, f, name, visit)
		} else {
			visit(name)
		}
	}
}

func sample() map[string][]byte {
	large := make([]byte, 200<<10+17)
	_, _ = rand.Read(large) // never fails
	files := map[string][]byte{
		"EFI/BOOT/BOOTX64.EFI": large,
		"EFI/nixos/0123456789abcdfghijklmnpqrsvwxyz-linux-6.18.12-bzImage.efi": []byte("kernel"),
		"loader/loader.conf": []byte("timeout 5\n"),
		"empty":              {},
		"lower.txt":          []byte("l"),
		"Ünïcode näme.conf":  []byte("u"),
	}
	for i := range 40 { // a folder of several clusters
		files[fmt.Sprintf("loader/entries/nixos-generation-%d.conf", i)] = fmt.Appendf(nil, "version %d\n", i)
	}
	return files
}

func TestReadsWhatWasWritten(t *testing.T) {
	files := sample()
	f := open(t, fattest.Image(t, 48, "512", "TEST-ESP", files))
	seen := 0
	walk(t, f, ".", func(name string) {
		seen++
		got, err := read(f, name)
		if want, ok := files[name]; !ok || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, want %d, %v", name, len(got), len(want), err)
		}
	})
	if seen != len(files) {
		t.Errorf("%d of %d files", seen, len(files))
	}
	for _, name := range []string{"efi/boot/bootx64.efi", "EFI/Boot/BootX64.efi", Path(`\EFI\BOOT\BOOTX64.EFI`), Path("//EFI/./BOOT/BOOTX64.EFI")} {
		if got, err := read(f, name); err != nil || !bytes.Equal(got, files["EFI/BOOT/BOOTX64.EFI"]) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"gone", "EFI/gone", "empty/x", "EFI/BOOT/BOOTX64.EFI/x"} {
		if _, err := f.Open(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// An ESP on a disk of 4096-byte sectors, as the installer makes it.
func TestLargeSectors(t *testing.T) {
	f := open(t, fattest.Image(t, 300, "4096", "L", map[string][]byte{"a": []byte("x")}))
	if got, err := read(f, "a"); string(got) != "x" {
		t.Errorf("%q, %v", got, err)
	}
}

// The firmware ignores small file systems that the kernel mounts.
func TestTooFewClusters(t *testing.T) {
	img := fattest.Image(t, 64, "4096", "L", nil)
	f, err := os.Open(img)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := Open(f, 64<<20); !errors.Is(err, ErrNotFAT32) || !strings.Contains(err.Error(), "clusters; the firmware wants 65525") {
		t.Errorf("%v", err)
	}
}

func TestDamage(t *testing.T) {
	files := map[string][]byte{"file": bytes.Repeat([]byte("x"), 5000), "d/e": []byte("y")}
	whole, err := os.ReadFile(fattest.Image(t, 40, "512", "L", files))
	if err != nil {
		t.Fatal(err)
	}
	clean, err := Open(bytes.NewReader(whole), int64(len(whole)))
	if err != nil {
		t.Fatal(err)
	}
	e, err := clean.find("file")
	if err != nil {
		t.Fatal(err)
	}
	link := func(b []byte, from, to uint32) {
		copy(b[clean.fatStart+int64(from)*4:], []byte{byte(to), byte(to >> 8), byte(to >> 16), byte(to >> 24)})
	}
	for _, c := range []struct {
		name   string
		damage func([]byte)
		bad    string
	}{
		{"no signature", func(b []byte) { b[510] = 0 }, "no signature"},
		{"zeros", func(b []byte) { clear(b[:512]) }, "no signature"},
		{"sector of 7 bytes", func(b []byte) { b[11], b[12] = 7, 0 }, "sectors of 7 bytes"},
		{"no clusters", func(b []byte) { b[13] = 0 }, "clusters of 0 sectors"},
		{"FAT16", func(b []byte) { b[22] = 1 }, "FAT16"},
		{"larger than the device", func(b []byte) { b[35] = 0x7f }, "the device has"},
		{"small table", func(b []byte) { b[36], b[37] = 9, 0 }, "do not fit its table"},
		{"chain ends early", func(b []byte) { link(b, e.first, 0x0fffffff) }, "ends after 512 of 5000 bytes"},
		{"chain into free space", func(b []byte) { link(b, e.first, 0) }, "chain of clusters is broken"},
		{"chain past the end", func(b []byte) { link(b, e.first, 0x0f000000) }, "chain of clusters is broken"},
		{"root in a circle", func(b []byte) { link(b, clean.root, clean.root) }, "it is a loop"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := bytes.Clone(whole)
			c.damage(b)
			f, err := Open(bytes.NewReader(b), int64(len(b)))
			if err == nil {
				_, err = read(f, "file")
			}
			if err == nil || !strings.Contains(err.Error(), c.bad) {
				t.Errorf("%v", err)
			}
		})
	}
	// A device that ends too early is a read error.
	if _, err := Open(bytes.NewReader(whole[:100]), int64(len(whole))); err == nil {
		t.Error("no error")
	}
	f, err := Open(bytes.NewReader(whole[:clean.data]), int64(len(whole)))
	if err == nil {
		_, err = read(f, "file")
	}
	if err == nil {
		t.Error("no error")
	}
}

// sparse is a large device with zeros behind its first bytes.
type sparse struct {
	head []byte
	size int64
}

func (s sparse) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off >= s.size {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), s.size-off))
	clear(p[:n])
	if off < int64(len(s.head)) {
		copy(p[:n], s.head[off:])
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// No bytes cause a panic, a hang, or a file larger than the device.
func FuzzFS(f *testing.F) {
	whole, err := os.ReadFile(fattest.Image(f, fattest.MiB, "512", "L", map[string][]byte{"EFI/BOOT/BOOTX64.EFI": []byte("MZ"), "a long name.conf": []byte("x")}))
	if err != nil {
		f.Fatal(err)
	}
	v, err := Open(bytes.NewReader(whole), int64(len(whole)))
	if err != nil {
		f.Fatal(err)
	}
	table := append([]byte(nil), whole[v.fatStart:v.fatStart+64]...)
	f.Add(whole[:90], table, whole[v.data:v.data+4096])
	f.Fuzz(func(t *testing.T, boot, table, data []byte) {
		head := append([]byte(nil), whole[:v.data]...)
		copy(head[:512], boot)
		copy(head[v.fatStart:], table)
		head = append(head, data...)
		v, err := Open(sparse{head, int64(len(whole))}, int64(len(whole)))
		if err != nil {
			return
		}
		left := 20 // a folder may contain itself
		var look func(dir string)
		look = func(dir string) {
			list, _ := v.ReadDir(dir)
			for _, e := range list {
				if left--; left < 0 {
					return
				}
				name := path.Join(dir, e.Name)
				if e.IsDir && strings.Count(name, "/") < 8 {
					look(name)
				} else if b, err := read(v, name); err == nil && len(b) > len(whole) {
					t.Fatalf("%s has %d bytes", name, len(b))
				}
			}
		}
		look(".")
	})
}
