package gpt

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

const (
	espType   = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
	linuxType = "0fc63daf-8483-4772-8e79-3d69d8477de4"
	diskGUID  = "11111111-2222-3333-4455-66778899aabb"
)

// le is the GUID 11111111-2222-3333-4455-66778899aabb as it lies on disk.
var leDisk = []byte{0x11, 0x11, 0x11, 0x11, 0x22, 0x22, 0x33, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb}

// image is a disk of 16 MiB with one partition of 8 MiB at 1 MiB, number 2.
func image(ss int) []byte {
	b := make([]byte, 16<<20)
	le := binary.LittleEndian
	sectors := uint64(len(b) / ss)
	b[510], b[511] = 0x55, 0xaa
	b[450] = 0xee

	entries := make([]byte, 128*128)
	e := entries[128:]
	copy(e, []byte{0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11, 0xba, 0x4b, 0, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b})
	copy(e[16:], leDisk)
	le.PutUint64(e[32:], uint64(1<<20/ss))
	le.PutUint64(e[40:], uint64(9<<20/ss)-1)
	le.PutUint64(e[48:], 4)
	for i, r := range "UV-EFI" {
		le.PutUint16(e[56+2*i:], uint16(r))
	}
	entrySectors := uint64(len(entries) / ss)
	header := func(lba, other, entriesLBA uint64) {
		h := b[lba*uint64(ss):][:92]
		copy(h, "EFI PART")
		le.PutUint32(h[8:], 0x10000)
		le.PutUint32(h[12:], 92)
		le.PutUint64(h[24:], lba)
		le.PutUint64(h[32:], other)
		le.PutUint64(h[40:], 2+entrySectors)
		le.PutUint64(h[48:], sectors-entrySectors-2)
		copy(h[56:], leDisk)
		le.PutUint64(h[72:], entriesLBA)
		le.PutUint32(h[80:], 128)
		le.PutUint32(h[84:], 128)
		le.PutUint32(h[88:], crc32.ChecksumIEEE(entries))
		seal(h)
		copy(b[entriesLBA*uint64(ss):], entries)
	}
	header(1, sectors-1, 2)
	header(sectors-1, 1, sectors-1-entrySectors)
	return b
}

// seal renews the checksum of a header.
func seal(h []byte) {
	clear(h[16:20])
	binary.LittleEndian.PutUint32(h[16:], crc32.ChecksumIEEE(h[:92]))
}

func want() *Table {
	return &Table{DiskGUID: diskGUID, Partitions: []Partition{
		{Number: 2, Start: 1 << 20, Size: 8 << 20, Type: espType, GUID: diskGUID, Name: "UV-EFI"},
	}}
}

func TestRead(t *testing.T) {
	primary := func(b []byte, ss int) []byte { return b[ss:][:92] }
	backup := func(b []byte, ss int) []byte { return b[len(b)-ss:][:92] }
	put32 := func(h []byte, at int, v uint32) { binary.LittleEndian.PutUint32(h[at:], v); seal(h) }
	for name, c := range map[string]struct {
		change func(b []byte, ss int)
		says   string
	}{
		"sound":                 {func([]byte, int) {}, ""},
		"blank":                 {func(b []byte, _ int) { clear(b) }, "primary header: absent"},
		"only MBR":              {func(b []byte, ss int) { clear(b[512:]) }, "primary header: absent"},
		"both headers gone":     {func(b []byte, ss int) { clear(primary(b, ss)); clear(backup(b, ss)) }, "primary header: absent"},
		"front wiped":           {func(b []byte, ss int) { clear(b[:1<<20]) }, "primary header: absent"},
		"primary gone":          {func(b []byte, ss int) { clear(primary(b, ss)) }, "primary header: absent"},
		"primary checksum":      {func(b []byte, ss int) { primary(b, ss)[60]++ }, "primary header: wrong checksum"},
		"primary entries":       {func(b []byte, ss int) { b[2*ss]++ }, "checksum of the entries"},
		"primary too many":      {func(b []byte, ss int) { put32(primary(b, ss), 80, 1<<31) }, "2147483648 entries"},
		"primary entry size":    {func(b []byte, ss int) { put32(primary(b, ss), 84, 1<<31) }, "entry size"},
		"primary revision":      {func(b []byte, ss int) { put32(primary(b, ss), 8, 0x20000) }, "revision"},
		"primary header size":   {func(b []byte, ss int) { put32(primary(b, ss), 12, 4096) }, "header size"},
		"primary entries place": {func(b []byte, ss int) { put32(primary(b, ss), 76, 1<<30) }, "outside the disk"},
		"backup gone":           {func(b []byte, ss int) { clear(backup(b, ss)) }, "backup header: absent"},
		"backup too many":       {func(b []byte, ss int) { put32(backup(b, ss), 80, 1025) }, "1025 entries"},
		"copies differ":         {func(b []byte, ss int) { put32(backup(b, ss), 60, 7) }, "differ"},
		"past the end": {func(b []byte, ss int) {
			for _, at := range []int{2 * ss, len(b) - ss - 128*128} {
				binary.LittleEndian.PutUint64(b[at+128+40:], 1<<40)
			}
			for _, h := range [][]byte{primary(b, ss), backup(b, ss)} {
				put32(h, 88, crc32.ChecksumIEEE(b[2*ss:][:128*128]))
			}
		}, "outside the disk"},
	} {
		for _, ss := range []int{512, 4096} {
			t.Run(fmt.Sprint(name, ss), func(t *testing.T) {
				b := image(ss)
				c.change(b, ss)
				got, err := Read(bytes.NewReader(b), int64(len(b)), ss)
				if c.says != "" {
					if err == nil || got != nil || !strings.Contains(err.Error(), c.says) {
						t.Errorf("%+v, error %v, want one with %q", got, err, c.says)
					}
				} else if err != nil || !reflect.DeepEqual(want(), got) {
					t.Errorf("got %+v, %v\nwant %+v", got, err, want())
				}
			})
		}
	}
}

func TestReadRefusesNonsense(t *testing.T) {
	if _, err := Read(bytes.NewReader(nil), 0, 512); err == nil {
		t.Error("an empty disk was read")
	}
	for _, ss := range []int{0, -1, 511, 513, 1 << 20} {
		if _, err := Read(bytes.NewReader(image(512)), 16<<20, ss); err == nil {
			t.Error("sector size", ss, "accepted")
		}
	}
	if _, err := Read(bytes.NewReader(make([]byte, 600)), 1<<20, 512); err == nil || !strings.Contains(err.Error(), "reading sector") {
		t.Error("a disk that ends early:", err)
	}
}

// TestReadFile reads what sfdisk writes, at both sector sizes.
func TestReadFile(t *testing.T) {
	sfdisk, err := exec.LookPath("sfdisk")
	if err != nil {
		t.Fatal("sfdisk is needed: ./bootstrap installs it")
	}
	for _, ss := range []int{512, 4096} {
		path := filepath.Join(t.TempDir(), "disk")
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, 4<<30); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(sfdisk, path)
		if ss != 512 {
			cmd.Args = append(cmd.Args, "--sector-size", fmt.Sprint(ss))
		}
		cmd.Stdin = strings.NewReader("label: gpt\nlabel-id: " + diskGUID +
			"\nsize=1GiB, type=U, name=DEMO-EFI\ntype=L, name=DEMO-ROOT, attrs=LegacyBIOSBootable\n")
		out, err := cmd.CombinedOutput()
		if strings.Contains(string(out), "unrecognized option") {
			t.Logf("sfdisk is older than 2.39 and cannot make sectors of %d bytes in a file", ss)
			continue
		}
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		table, sectorSize, err := ReadFile(path)
		if err != nil || sectorSize != ss {
			t.Fatalf("sector size %d, not %d: %v", sectorSize, ss, err)
		}
		if len(table.Partitions) != 2 || table.DiskGUID != diskGUID {
			t.Fatalf("%+v", table)
		}
		esp, root := table.Partitions[0], table.Partitions[1]
		if esp.Type != espType || esp.Start != 1<<20 || esp.Size != 1<<30 || esp.Name != "DEMO-EFI" || esp.Number != 1 {
			t.Errorf("%+v", esp)
		}
		end := root.Start + root.Size
		if root.Type != linuxType || root.Start != 1<<30+1<<20 || end < 4<<30-2<<20 || end >= 4<<30 {
			t.Errorf("%+v", root)
		}
	}
	if _, _, err := ReadFile("/dev/null"); err == nil {
		t.Error("a character device was read")
	}
}

// FuzzRead makes a disk of the parts of it that matter. The checksums are made
// right, so that what the headers say of sizes gets past them.
func FuzzRead(f *testing.F) {
	const size = 96 << 10
	for _, ss := range []int{512, 4096} {
		b := image(ss)
		f.Add(b[446:512], b[ss:ss+92], b[ss:ss+92], b[2*ss+128:][:128], ss == 512)
	}
	f.Fuzz(func(t *testing.T, mbr, primary, backup, entries []byte, small bool) {
		ss := 4096
		if small {
			ss = 512
		}
		b := make([]byte, size)
		copy(b[446:512], mbr)
		copy(b[2*ss:][:16<<10], entries)
		for at, h := range map[int][]byte{ss: primary, size - ss: backup} {
			le := binary.LittleEndian
			h = b[at : at+copy(b[at:at+92], h)]
			if len(h) < 92 {
				continue
			}
			le.PutUint64(h[24:], uint64(at/ss))
			start, n := le.Uint64(h[72:])*uint64(ss), uint64(le.Uint32(h[80:]))*128
			if start < size && n <= size-start {
				le.PutUint32(h[88:], crc32.ChecksumIEEE(b[start:start+n]))
			}
			seal(h)
		}
		table, err := Read(bytes.NewReader(b), size, ss)
		if (table == nil) != (err != nil) {
			t.Fatal(table, err)
		}
		if table == nil {
			return
		}
		for _, p := range table.Partitions {
			if p.Start < 0 || p.Size <= 0 || p.Start+p.Size > size {
				t.Fatalf("partition outside the disk: %+v", p)
			}
		}
	})
}
