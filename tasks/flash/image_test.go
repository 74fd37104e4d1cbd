package flash

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"auto-installer/internal/sys"
)

// with is 64 KiB of zeros with texts at offsets.
func with(at map[int]string) []byte {
	b := make([]byte, 64<<10)
	for offset, text := range at {
		copy(b[offset:], text)
	}
	return b
}

const iso, gpt, mbr = 32769, 512, 510

func TestInspect(t *testing.T) {
	isohybrid := with(map[int]string{iso: "CD001", mbr: "\x55\xaa"})
	for _, c := range []struct {
		name   string
		data   []byte
		kind   string
		packed string
		hybrid bool
	}{
		{"hybrid ISO", isohybrid, "ISO 9660, MBR", "", true},
		{"plain ISO", with(map[int]string{iso: "CD001"}), "ISO 9660", "", false},
		{"GPT", with(map[int]string{gpt: "EFI PART", mbr: "\x55\xaa"}), "GPT, MBR", "", true},
		{"GPT of 4096-byte sectors", with(map[int]string{4096: "EFI PART"}), "GPT", "", true},
		{"MBR", with(map[int]string{mbr: "\x55\xaa"})[:512], "MBR", "", true},
		{"zstd", compress(t, "zstd", isohybrid), "ISO 9660, MBR", "zstd", true},
		{"gzip", compress(t, "gzip", isohybrid), "ISO 9660, MBR", "gzip", true},
		{"xz", compress(t, "xz", isohybrid), "ISO 9660, MBR", "xz", true},
	} {
		path := filepath.Join(t.TempDir(), "a")
		if err := os.WriteFile(path, c.data, 0o600); err != nil {
			t.Fatal(err)
		}
		i, err := Inspect(path)
		if err != nil || i.Kind != c.kind || i.Compression != c.packed || i.Hybrid != c.hybrid || i.FileSize != int64(len(c.data)) {
			t.Errorf("%s: %+v, %v", c.name, i, err)
		}
	}
}

func TestInspectRefuses(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		name  string
		data  []byte
		code  sys.Code
		words string
	}{
		{"empty", nil, sys.CodeUsage, "is not an image of a disk"},
		{"text", []byte("hello\n"), sys.CodeUsage, "is not an image of a disk"},
		{"zeros", with(nil), sys.CodeUsage, "is not an image of a disk"},
		{"a packed text", compress(t, "zstd", []byte("hello")), sys.CodeUsage, "is not an image of a disk"},
		{"bzip2", []byte("BZh91AY&SY"), sys.CodeUsage, "is not an image of a disk"},
		{"qcow2", []byte("QFI\xfb\x00\x00\x00\x03"), sys.CodeUsage, "is not an image of a disk"},
		{"zip", []byte("PK\x03\x04......"), sys.CodeUsage, "is not an image of a disk"},
		{"broken zstd", []byte("\x28\xb5\x2f\xfd garbage garbage"), sys.CodeMachine, "or the image is damaged"},
		{"broken xz", []byte("\xfd7zXZ\x00 garbage garbage"), sys.CodeSource, "reading "},
		{"broken gzip", []byte("\x1f\x8b garbage garbage"), sys.CodeSource, "reading "},
	} {
		path := filepath.Join(dir, c.name)
		if err := os.WriteFile(path, c.data, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Inspect(path)
		wantCode(t, err, c.code, c.words)
	}
	_, err := Inspect(filepath.Join(dir, "gone"))
	wantCode(t, err, sys.CodeUsage, "no such file")
	_, err = Inspect(dir)
	wantCode(t, err, sys.CodeUsage, "is not an image file")
}

// Untrusted bytes neither crash the program nor keep it busy.
func FuzzImage(f *testing.F) {
	image := pattern(70 << 10)
	for _, how := range []string{"", "zstd", "gzip", "xz"} {
		f.Add(compress(f, how, image))
	}
	packed, err := filepath.Glob("testdata/packed/*")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range packed {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	path := filepath.Join(f.TempDir(), "a")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		i, err := inspect(path, 8<<20)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\x00\x1b") {
				t.Fatalf("%q", err)
			}
			return
		}
		src, err := i.open()
		if err != nil {
			return
		}
		defer src.close()
		out, err := io.ReadAll(io.LimitReader(src, 1<<20))
		if i.Compression == "" && (err != nil || !bytes.Equal(out, data)) {
			t.Fatalf("it reads %d of %d bytes, %v", len(out), len(data), err)
		}
	})
}
