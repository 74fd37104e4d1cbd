package block

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestDirectReadsEveryByte(t *testing.T) {
	want := make([]byte, 2*directBuffer+4097)
	for i := range want {
		want[i] = byte(i*7 + i>>8)
	}
	// The folder of the test is on a disk, /dev/shm in memory.
	for _, dir := range []string{t.TempDir(), "/dev/shm"} {
		f, err := os.CreateTemp(dir, "direct-*")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.Remove(f.Name()) })
		if _, err := f.Write(want); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			t.Fatal(err)
		}
		d, err := OpenDirect(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		if d.Size() != int64(len(want)) {
			t.Errorf("size %d", d.Size())
		}
		for _, c := range []struct{ at, n int }{
			{0, len(want)}, {0, 1}, {511, 2}, {4095, 4098}, {directBuffer - 1, 2}, {directBuffer + 5, directBuffer}, {len(want) - 1, 1}, {17, 0},
		} {
			got := make([]byte, c.n)
			if n, err := d.ReadAt(got, int64(c.at)); err != nil || n != c.n || !bytes.Equal(got, want[c.at:c.at+c.n]) {
				t.Errorf("%s: %d bytes at %d: %d, %v", dir, c.n, c.at, n, err)
			}
		}
		for _, at := range []int64{int64(len(want)) - 3, int64(len(want)), int64(len(want)) + 1<<20} {
			if n, err := d.ReadAt(make([]byte, 8), at); !errors.Is(err, io.EOF) || n > 3 {
				t.Errorf("past the end: %d, %v", n, err)
			}
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := OpenDirect(filepath.Join(t.TempDir(), "gone")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}
