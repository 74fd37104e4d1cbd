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

// packedImage is what the files of testdata/packed hold, which xz 5.4 and zstd
// 1.5 have made. Its calls are what the filter for x86 changes.
func packedImage() []byte {
	return with(map[int]string{mbr: "\x55\xaa", 4096: strings.Repeat("\xe8\x10\x20\x00\x00abc", 2000)})
}

func TestPacked(t *testing.T) {
	files, err := filepath.Glob("testdata/packed/*")
	if err != nil || len(files) < 14 {
		t.Fatal(files, err)
	}
	for _, file := range append([]string{"testdata/long31.zst"}, files...) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			i, err := Inspect(file)
			if filepath.Base(file) == "arm64.xz" {
				wantCode(t, err, sys.CodeUsage, "is packed with an unsupported filter, check or dictionary of xz")
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(file, "long31") {
				return // 2 GiB once are enough
			}
			src, err := i.open()
			if err != nil {
				t.Fatal(err)
			}
			defer src.close()
			if data, err := io.ReadAll(src); err != nil || !bytes.Equal(data, packedImage()) {
				t.Errorf("%d bytes, %v", len(data), err)
			}
		})
	}
}

// Errors distinguish cut short, damaged and unsupported images.
func TestPackedFaults(t *testing.T) {
	const again = "fetch the image again"
	read := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join("testdata", "packed", name))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	cut := func(data []byte) []byte { return data[:len(data)-40] }
	hurt := func(data []byte) []byte {
		data = bytes.Clone(data)
		data[len(data)/2] ^= 0x55
		return data
	}
	big := compress(t, "gzip", pattern(70<<10))
	for _, c := range []struct {
		name, words, hint string
		data              []byte
		code              sys.Code
	}{
		{"cut.xz", "is cut short", again, cut(read("x86.xz")), sys.CodeSource},
		{"cut.zst", "is cut short", again, cut(read("long28.zst")), sys.CodeSource},
		{"cut.gz", "is cut short", again, cut(big), sys.CodeSource},
		{"hurt.xz", "reading ", again, hurt(read("check-sha256.xz")), sys.CodeSource},
		{"hurt.zst", "reading ", again, hurt(read("long28.zst")), sys.CodeSource},
		{"hurt.gz", "reading ", again, hurt(big), sys.CodeSource},
		{"filter.xz", "not supported", "unpack it first: xz -dk ", read("arm64.xz"), sys.CodeUsage},
		// A frame of one empty block, with a window of 4 GiB (RFC 8878, 3.1.1.1.2),
		// behind one to skip.
		{"large.zst", "needs more memory", "unpack it first: zstd -dk --long=31 ", []byte("\x50\x2a\x4d\x18\x01\x00\x00\x00x\x28\xb5\x2f\xfd\x00\xb0\x01\x00\x00"), sys.CodeMachine},
		{"dictionary.zst", "dictionary", "unpack it first: zstd -dk", []byte("\x28\xb5\x2f\xfd\x01\x00\x07\x01\x00\x00"), sys.CodeUsage},
		{"a.lzma", "is not an image of a disk", "unpack it, unless", []byte("\x5d\x00\x00\x80\x00\xff\xff\xff\xff"), sys.CodeUsage},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), c.name)
			if err := os.WriteFile(path, c.data, 0o600); err != nil {
				t.Fatal(err)
			}
			i, err := Inspect(path)
			if err == nil {
				_, err = i.read(t.Context(), &sys.Machine{Reporter: &report{}}, 1<<40)
			}
			wantCode(t, err, c.code, c.words)
			if f, ok := err.(*sys.Fault); !ok || !strings.Contains(f.Hint, c.hint) { //nolint:errorlint // what Inspect gives
				t.Errorf("%+v", err)
			}
		})
	}
}
