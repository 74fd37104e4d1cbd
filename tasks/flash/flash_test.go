package flash

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/disk/gate"
	"auto-installer/internal/engine/enginetest"
	"auto-installer/internal/sys"
)

// report records a step's output.
type report struct {
	sys.Silent
	lines      []string
	onProgress func(sys.Progress)
	last       sys.Progress
}

func (r *report) Log(line string)  { r.lines = append(r.lines, line) }
func (r *report) Warn(line string) { r.lines = append(r.lines, "warning: "+line) }
func (r *report) Progress(p sys.Progress) {
	r.last = p
	if r.onProgress != nil {
		r.onProgress(p)
	}
}

func (r *report) says(t *testing.T, words string) {
	t.Helper()
	if !strings.Contains(strings.Join(r.lines, "\n"), words) {
		t.Errorf("nothing says %q:\n%s", words, strings.Join(r.lines, "\n"))
	}
}

// loop makes a loop device full of 0xaa.
func loop(t testing.TB, size int64, sector int) (path, file string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("root is needed for loop devices: just unit runs these tests as root")
	}
	file = filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(file, bytes.Repeat([]byte{0xaa}, int(size)), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("losetup", "--find", "--show", "--sector-size", strconv.Itoa(sector), file).Output()
	if err != nil {
		t.Fatalf("losetup is needed, and a free loop device: ./bootstrap installs it: %v", err)
	}
	path = strings.TrimSpace(string(out))
	t.Cleanup(func() {
		if err := exec.Command("losetup", "--detach", path).Run(); err != nil {
			t.Error(err)
		}
	})
	return path, file
}

func identity(t testing.TB, path string) block.Identity {
	t.Helper()
	inv, err := block.Survey(t.Context(), &sys.Machine{Reporter: sys.Silent{}}, "/")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range inv.Devices {
		if d.Path == path {
			return block.IdentityOf(d)
		}
	}
	t.Fatalf("%s is not found", path)
	return block.Identity{}
}

// pattern is an image of that many bytes with the signature of an MBR.
func pattern(size int) []byte {
	page := make([]byte, 4096)
	for i := range page {
		page[i] = byte(i*7 + 1)
	}
	b := bytes.Repeat(page, size/len(page)+1)
	for i := 0; i < len(b); i += len(page) {
		binary.LittleEndian.PutUint32(b[i:], uint32(i))
	}
	b[510], b[511] = 0x55, 0xaa
	return b[:size]
}

func compress(t testing.TB, how string, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	var w io.WriteCloser
	var err error
	switch how {
	case "zstd":
		w, err = zstd.NewWriter(&out)
	case "gzip":
		w = gzip.NewWriter(&out)
	case "xz":
		w, err = xz.NewWriter(&out)
	default:
		return data
	}
	if err == nil {
		_, err = w.Write(data)
	}
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// jobFor writes an image with these bytes to a disk, and ejects it.
func jobFor(t testing.TB, data []byte, disk block.Identity) *job {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.img")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	image, err := Inspect(path)
	if err != nil {
		t.Fatal(err)
	}
	return &job{Request: Request{Image: image, Eject: true}, id: disk, held: &block.Held{}}
}

// all runs the steps up to the first that fails.
func all(ctx context.Context, r *report, j *job) error {
	s := &sys.Machine{Reporter: r}
	if err := enginetest.Check(ctx, s, j.readOps()...); err != nil {
		return err
	}
	if !j.VerifyOnly {
		defer j.held.Close()
		o := gate.Options{
			Disk: j.id, Hold: j.held.Take, Read: j.held.Sample,
			Refusal: func(*block.Inventory, string) string { return "" }, // a loop device is no stick
		}
		if err := enginetest.Check(ctx, s, gate.Ops(o)...); err != nil {
			return err
		}
		if err := enginetest.Run(ctx, s, j.writeOps()...); err != nil {
			return err
		}
	}
	return enginetest.Run(ctx, s, j.verifyOps()...)
}

// hold stands for the gate.
func hold(t *testing.T, j *job) {
	t.Helper()
	if _, err := j.held.Take(t.Context(), j.id.Path); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.held.Close() })
}

// Nothing writes to a disk that the gate does not hold.
func TestNotHeld(t *testing.T) {
	dev, file := loop(t, 16<<20, 512)
	j := jobFor(t, pattern(chunkSize), identity(t, dev))
	s := &sys.Machine{Reporter: &report{}}
	wantCode(t, errors.Join(enginetest.Check(t.Context(), s, j.readOps()...), enginetest.Run(t.Context(), s, j.writeOps()...)), sys.CodeGate, "is not held")
	got, err := os.ReadFile(file)
	if err != nil || len(bytes.Trim(got, "\xaa")) > 0 {
		t.Errorf("something was written: %v", err)
	}
}

func wantCode(t *testing.T, err error, code sys.Code, words string) {
	t.Helper()
	f, ok := errors.AsType[*sys.Fault](err)
	if !ok || f.Code != code || f.Hint == "" || !strings.Contains(f.Cause, words) {
		t.Errorf("the error is %#v (%v), not of code %d with %q", f, err, code, words)
	}
}

// Afterwards the disk has the image, zeros to the end of its last sector, its old
// contents, and a blank end.
func TestFlash(t *testing.T) {
	const diskSize = 16 << 20
	for _, c := range []struct {
		name, how string
		size      int
		sector    int
	}{
		{"chunks", "", 3 * chunkSize, 512},
		{"odd", "", 2*chunkSize + 12345, 512},
		{"odd, 4096", "", 2*chunkSize + 12345, 4096},
		{"small", "", 40<<10 + 1, 4096},
		{"whole disk", "", diskSize, 512},
		{"zstd", "zstd", 2*chunkSize + 1, 512},
		{"gzip", "gzip", 2*chunkSize + 1, 512},
		{"xz", "xz", chunkSize + 1, 4096},
	} {
		t.Run(c.name, func(t *testing.T) {
			dev, file := loop(t, diskSize, c.sector)
			image := pattern(c.size)
			j := jobFor(t, compress(t, c.how, image), identity(t, dev))
			r := &report{}
			if err := all(t.Context(), r, j); err != nil {
				t.Fatal(err)
			}
			want := bytes.Repeat([]byte{0xaa}, diskSize)
			clear(want[:chunkSize])
			clear(want[diskSize-tailSize:])
			end := copy(want, image)
			clear(want[end:toSector(int64(end), c.sector)])
			got, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for i := 0; i < len(want); i += 512 {
				if !bytes.Equal(got[i:i+512], want[i:i+512]) {
					t.Fatalf("sector %d is %x, not %x", i/512, got[i:i+512], want[i:i+512])
				}
			}
			r.says(t, "the SHA-256 is the image's")
			r.says(t, "there is no a.img.sha256")
			if r.last.Done != int64(c.size) || r.last.Total != int64(c.size) {
				t.Errorf("the last progress is %+v", r.last)
			}
		})
	}
}

// Without --eject the stick stays attached.
func TestNoEject(t *testing.T) {
	dev, _ := loop(t, 16<<20, 512)
	j := jobFor(t, pattern(chunkSize+1), identity(t, dev))
	j.Eject = false
	r := &report{}
	if err := all(t.Context(), r, j); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(strings.Join(r.lines, "\n"), "pull it out") {
		t.Errorf("it says\n%s", strings.Join(r.lines, "\n"))
	}
	busy, err := block.Busy(dev)
	if busy || err != nil {
		t.Errorf("it is still claimed: %v, %v", busy, err)
	}
}

// Tools and firmware must not find the old backup GPT at the end of the disk.
func TestNoOldTable(t *testing.T) {
	dev, _ := loop(t, 16<<20, 512)
	sfdisk := exec.Command("sfdisk", "--quiet", "--no-reread", "--no-tell-kernel", dev)
	sfdisk.Stdin = strings.NewReader("label: gpt\n,4M\n,4M\n")
	if out, err := sfdisk.CombinedOutput(); err != nil {
		t.Fatalf("sfdisk is needed: ./bootstrap installs it: %v: %s", err, out)
	}
	signatures := func() string {
		out, err := exec.Command("wipefs", "--noheadings", "--output", "TYPE,OFFSET", dev).CombinedOutput()
		if err != nil {
			t.Fatalf("wipefs is needed: ./bootstrap installs it: %v: %s", err, out)
		}
		return string(out)
	}
	if before := signatures(); !strings.Contains(before, "0xfffe00") {
		t.Fatalf("there is no backup GPT to begin with:\n%s", before)
	}
	if err := all(t.Context(), &report{}, jobFor(t, pattern(5<<20), identity(t, dev))); err != nil {
		t.Fatal(err)
	}
	if after := signatures(); strings.Contains(after, "gpt") {
		t.Errorf("left is\n%s", after)
	}
}

func TestStopped(t *testing.T) {
	dev, file := loop(t, 16<<20, 512)
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stopped")
	r := &report{onProgress: func(p sys.Progress) {
		if p.Label == "writing" && p.Done > chunkSize {
			cancel(stop)
		}
	}}
	if err := all(ctx, r, jobFor(t, pattern(3*chunkSize), identity(t, dev))); !errors.Is(err, stop) {
		t.Fatalf("the error is %v", err)
	}
	r.says(t, "warning: "+dev+" is incomplete and unusable")
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if len(bytes.TrimLeft(got[:chunkSize], "\x00")) > 0 {
		t.Error("a stick that is not whole has something that looks like a start")
	}
	if bytes.Equal(got[chunkSize:chunkSize+512], bytes.Repeat([]byte{0xaa}, 512)) {
		t.Error("nothing was written")
	}
}

// A fault before the first write leaves the disk unchanged.
func TestNothingWritten(t *testing.T) {
	dev, file := loop(t, 8<<20, 512)
	id := identity(t, dev)
	good := pattern(5 << 20)
	packed := compress(t, "zstd", good)
	flipped := bytes.Clone(packed)
	flipped[len(flipped)-1] ^= 1 // of the frame's checksum
	other := func(change func(*block.Identity)) block.Identity {
		i := id
		change(&i)
		return i
	}
	for _, c := range []struct {
		name  string
		data  []byte
		disk  block.Identity
		want  string
		code  sys.Code
		words string
	}{
		{"too large", pattern(9 << 20), id, "", sys.CodeMachine, "does not fit"},
		{"too large when decompressed", compress(t, "gzip", pattern(9<<20)), id, "", sys.CodeMachine, "unpacked, it has more than"},
		{"cut short", packed[:len(packed)-8], id, "", sys.CodeSource, "unexpected EOF"},
		{"flipped", flipped, id, "", sys.CodeSource, "reading "},
		{"wrong checksum", good, id, strings.Repeat("0", 64), sys.CodeSource, "the list says 0000"},
		{"another size", good, other(func(i *block.Identity) { i.Size += 512 }), "", sys.CodeGate, "its size was"},
		{"another serial", good, other(func(i *block.Identity) { i.Serial = "X" }), "", sys.CodeGate, "serial number"},
		{"another sector size", good, other(func(i *block.Identity) { i.LogicalSector = 4096 }), "", sys.CodeGate, "its sector size was"},
		{"another device", good, other(func(i *block.Identity) { i.DevNo = "1:1" }), "", sys.CodeGate, "device number"},
		{"no device", good, other(func(i *block.Identity) { i.Path = filepath.Join(t.TempDir(), "gone") }), "", sys.CodeGate, "gone"},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := jobFor(t, c.data, c.disk)
			j.want = Checksum{Sum: c.want, From: "the list"}
			wantCode(t, all(t.Context(), &report{}, j), c.code, c.words)
		})
	}
	t.Run("in use", func(t *testing.T) {
		f, err := os.OpenFile(dev, os.O_RDONLY|os.O_EXCL, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		wantCode(t, all(t.Context(), &report{}, jobFor(t, good, id)), sys.CodeGate, "is in use")
	})
	got, err := os.ReadFile(file)
	if err != nil || len(bytes.Trim(got, "\xaa")) > 0 {
		t.Errorf("something was written: %v", err)
	}
}

// The write notices an image that was replaced after its check.
func TestImageChanges(t *testing.T) {
	dev, file := loop(t, 16<<20, 512)
	image := pattern(2 * chunkSize)
	for name, change := range map[string][]byte{
		"another byte": append(bytes.Clone(image[:chunkSize+7]), append([]byte{image[chunkSize+7] ^ 1}, image[chunkSize+8:]...)...),
		"shorter":      image[:chunkSize],
		"longer":       append(bytes.Clone(image), 1),
	} {
		t.Run(name, func(t *testing.T) {
			j := jobFor(t, image, identity(t, dev))
			s := &sys.Machine{Reporter: &report{}}
			if err := enginetest.Check(t.Context(), s, j.readOps()...); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(j.Image.Path, change, 0o600); err != nil {
				t.Fatal(err)
			}
			hold(t, j)
			wantCode(t, enginetest.Run(t.Context(), s, j.writeOps()...), sys.CodeWritten, "has changed")
			j.held.Close()
			got, err := os.ReadFile(file)
			if err != nil || len(bytes.Trim(got[:chunkSize], "\x00")) > 0 {
				t.Errorf("it looks as if it were whole: %v", err)
			}
		})
	}
}

// The verification finds what the disk does not return as it was written, and where.
func TestVerify(t *testing.T) {
	const size = 16 << 20
	image := pattern(2*chunkSize + 512)
	for _, c := range []struct {
		at    int64
		words string
	}{
		{chunkSize + 9, "from 4 MiB on"},
		{2*chunkSize + 511, "from 8 MiB on"},
		{size - 1, "its end was wiped and is not blank"},
	} {
		dev, file := loop(t, size, 512)
		j := jobFor(t, image, identity(t, dev))
		s := &sys.Machine{Reporter: &report{}}
		hold(t, j)
		if err := errors.Join(enginetest.Check(t.Context(), s, j.readOps()...), enginetest.Run(t.Context(), s, j.writeOps()...)); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(file, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte{0xbd}, c.at); err != nil {
			t.Fatal(err)
		}
		f.Close()
		r := &report{}
		wantCode(t, enginetest.Run(t.Context(), &sys.Machine{Reporter: r}, j.verifyOps()...), sys.CodeWritten, c.words)
		r.says(t, "is not proven")
	}
}

func TestVerifyOnly(t *testing.T) {
	dev, file := loop(t, 16<<20, 512)
	image := pattern(2*chunkSize + 77)
	j := jobFor(t, compress(t, "zstd", image), identity(t, dev))
	j.VerifyOnly = true
	wantCode(t, all(t.Context(), &report{}, j), sys.CodeUnexpected, "from 0 B on")
	got, err := os.ReadFile(file)
	if err != nil || len(bytes.Trim(got, "\xaa")) > 0 {
		t.Fatalf("it has written: %v", err)
	}
	f, err := os.OpenFile(dev, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(image, 0); err != nil {
		t.Fatal(err)
	}
	r := &report{}
	if err := all(t.Context(), r, j); err != nil { // f is still open: verifying does not disturb
		t.Error(err)
	}
	r.says(t, "the SHA-256 is the image's")
	if strings.Contains(strings.Join(r.lines, "\n"), "pull it out") {
		t.Error("it was ejected")
	}
}

func TestUnmount(t *testing.T) {
	fake := sys.NewFake(t)
	fake.Expect("umount", "/media/a/b")
	fake.Expect("umount", "/media/a").Fails(32, "target is busy")
	err := enginetest.Check(t.Context(), fake, unmountOps([]string{"/media/a/b", "/media/a", "/media/c"})...)
	wantCode(t, err, sys.CodeGate, "unmount /media/a")
}
