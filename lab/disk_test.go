package lab

import (
	"os"
	"path/filepath"
	"testing"
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

func TestPartitionsOfABlankDisk(t *testing.T) {
	path, err := CreateDisk(filepath.Join(t.TempDir(), "disk.img"), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if parts, err := Partitions(path, 4096); err == nil {
		t.Errorf("got %v", parts)
	}
}
