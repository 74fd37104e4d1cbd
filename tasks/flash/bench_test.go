package flash

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"auto-installer/internal/sys"
)

// BenchmarkFlash measures check, write and read back against what one would
// type: dd with the same blocks and fsync, then cmp of what the device gives
// back. Both run in turn on one loop device whose file is written to directly,
// not to memory. The figure is x-dd+cmp: less than 1 is faster.
func BenchmarkFlash(b *testing.B) {
	const size = 256 << 20
	image := make([]byte, size)
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(image)
	image[510], image[511] = 0x55, 0xaa
	dev, _ := loop(b, size+16<<20, 512)
	if out, err := exec.Command("losetup", "--direct-io=on", dev).CombinedOutput(); err != nil {
		b.Fatalf("the file system below %s has no O_DIRECT: %v: %s", os.TempDir(), err, out)
	}
	j := jobFor(b, image, identity(b, dev))
	var ours, theirs time.Duration
	b.SetBytes(size)
	for b.Loop() {
		start := time.Now()
		if err := all(b.Context(), &report{}, j); err != nil {
			b.Fatal(err)
		}
		ours += time.Since(start)
		b.StopTimer()
		theirs += ddAndCmp(b, j.Image.Path, dev, size)
		b.StartTimer()
	}
	b.ReportMetric(ours.Seconds()/theirs.Seconds(), "x-dd+cmp")
}

func ddAndCmp(b *testing.B, image, dev string, size int) time.Duration {
	b.Helper()
	start := time.Now()
	dd := exec.Command("dd", "if="+image, "of="+dev, "bs=4M", "oflag=direct", "conv=fsync", "status=none")
	if out, err := dd.CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	f, err := os.Open(dev)
	if err != nil {
		b.Fatal(err)
	}
	err = errors.Join(unix.IoctlSetInt(int(f.Fd()), unix.BLKFLSBUF, 0), f.Close())
	if err != nil {
		b.Fatal(err)
	}
	if out, err := exec.Command("cmp", "--bytes", fmt.Sprint(size), image, dev).CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	return time.Since(start)
}

// BenchmarkDecompress measures reading a packed image to its end.
func BenchmarkDecompress(b *testing.B) {
	data := []byte(strings.Repeat("a line of some text, again and again\n", 1<<20))
	data[510], data[511] = 0x55, 0xaa
	for _, how := range []string{"zstd", "gzip", "xz"} {
		b.Run(how, func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "a")
			if err := os.WriteFile(path, compress(b, how, data), 0o600); err != nil {
				b.Fatal(err)
			}
			i, err := Inspect(path)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if _, err := i.read(b.Context(), &sys.Machine{Reporter: &report{}}, 1<<40); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
