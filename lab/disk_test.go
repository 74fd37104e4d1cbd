package lab

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestHashDisk(t *testing.T) {
	path, err := CreateDisk(filepath.Join(t.TempDir(), "disk.img"), 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	hash := func() string {
		t.Helper()
		sum, err := HashDisk(path)
		if err != nil {
			t.Fatal(err)
		}
		return sum
	}
	write := func(at int64, data string) {
		t.Helper()
		file, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if _, err := file.WriteAt([]byte(data), at); err != nil {
			t.Fatal(err)
		}
	}
	blank := hash()
	write(700<<20, "\x00\x00\x00")
	if hash() != blank {
		t.Error("zeros in a hole change the hash")
	}
	write(700<<20+5, "x")
	if hash() == blank {
		t.Error("a written byte does not change the hash")
	}
	write(700<<20+5, "\x00")
	if hash() != blank {
		t.Error("the same content has another hash")
	}
}

func TestSlice(t *testing.T) {
	image := filepath.Join(t.TempDir(), "disk.img")
	if _, err := CreateDisk(image, 64<<20); err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(image, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	p := Partition{Number: 2, Start: 9<<20 + 512, Size: 40 << 20}
	for _, at := range []int64{0, p.Start - 3, p.Start + 5<<20, p.Start + p.Size - 4, 60 << 20} {
		if _, err := file.WriteAt([]byte("a word"), at); err != nil {
			t.Fatal(err)
		}
	}
	slice, err := p.Slice(image)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(slice)
	if err != nil {
		t.Fatal(err)
	}
	want := make([]byte, p.Size)
	if _, err := file.ReadAt(want, p.Start); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("the slice differs from the partition")
	}
	var st unix.Stat_t
	if err := unix.Stat(slice, &st); err != nil || st.Blocks*512 > p.Size/2 {
		t.Errorf("it is not sparse: %d bytes, %v", st.Blocks*512, err)
	}
}

func TestPartitionsOfABlankDisk(t *testing.T) {
	path, err := CreateDisk(filepath.Join(t.TempDir(), "disk.img"), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if parts, err := Partitions(path, 4096); err == nil {
		t.Errorf("got %v", parts)
	}
}
