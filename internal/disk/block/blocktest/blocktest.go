// Package blocktest has machines for tests of disk detection.
package blocktest

import (
	"embed"
	"encoding/binary"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/uuid"
	"github.com/rogpeppe/go-internal/txtar"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/sys"
)

//go:embed testdata/*.txtar
var machines embed.FS

// Machine unpacks testdata/NAME.txtar, and returns a System that prints its
// lsblk.json, and the folder that stands for the root.
//
// In the archive, "links" has a line "path -> target" for every link, and "efi" a
// line for every variable, see variable. Other files are below the root. Machine
// derives sysfs (numbers and starts of partitions, holders, slaves) from
// lsblk.json, unless the archive has the file.
func Machine(t testing.TB, name string) (*sys.Fake, string) {
	t.Helper()
	b, err := machines.ReadFile("testdata/" + name + ".txtar")
	must(t, err)
	root := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(root, "sys/class/block"), 0o755))
	write(t, root, "proc/self/mountinfo", "1 0 0:2 / / rw - tmpfs tmpfs rw\n")
	fake := sys.NewFake(t)
	for _, f := range txtar.Parse(b).Files {
		data := string(f.Data)
		switch f.Name {
		case "lsblk.json":
			fake.Expect(block.Lsblk.Argv...).Prints(data)
			tree, err := block.ParseLsblk([]byte(data))
			must(t, err)
			sysfs(t, root, tree, "")
		case "links":
			for line := range strings.Lines(data) {
				path, target, _ := strings.Cut(strings.TrimSpace(line), " -> ")
				must(t, os.MkdirAll(filepath.Dir(filepath.Join(root, path)), 0o755))
				must(t, os.Symlink(target, filepath.Join(root, path)))
			}
		case "efi":
			for line := range strings.Lines(data) {
				file, data := variable(t, strings.TrimSpace(line))
				write(t, root, "sys/firmware/efi/efivars/"+file, "\x06\x00\x00\x00"+string(data))
			}
		default:
			write(t, root, f.Name, data)
		}
	}
	return fake, root
}

// Inventory surveys a machine.
func Inventory(t testing.TB, name string) *block.Inventory {
	t.Helper()
	fake, root := Machine(t, name)
	inv, err := block.Survey(t.Context(), fake, root)
	must(t, err)
	return inv
}

var digits = regexp.MustCompile(`\d+$`)

// sysfs writes the files of every device. /dev nodes are plain files.
func sysfs(t testing.TB, root string, ds []block.Device, parent string) {
	t.Helper()
	for _, d := range ds {
		dir := "sys/class/block/" + d.Name
		write(t, root, dir+"/dev", d.DevNo+"\n")
		write(t, root, "dev/"+d.Name, "")
		must(t, os.MkdirAll(filepath.Join(root, dir, "holders"), 0o755))
		switch {
		case d.Type == block.TypePart:
			write(t, root, dir+"/partition", digits.FindString(d.Name)+"\n")
			write(t, root, dir+"/start", "2048\n")
		case parent != "":
			write(t, root, "sys/class/block/"+parent+"/holders/"+d.Name, "")
			write(t, root, dir+"/slaves/"+parent, "")
		}
		sysfs(t, root, d.Partitions, d.Name)
		sysfs(t, root, d.Children, d.Name)
	}
}

// variable encodes a line of "efi" and names its file:
//
//	BootCurrent 0003
//	BootOrder 0001 0003
//	SecureBoot 1
//	Boot0001 active|inactive PARTUUID|- \FILE DESCRIPTION
func variable(t testing.TB, line string) (file string, data []byte) {
	t.Helper()
	f := strings.Fields(line)
	file = f[0] + "-8be4df61-93ca-11d2-aa0d-00e098032b8c"
	switch f[0] {
	case "SecureBoot":
		return file, []byte{f[1][0] - '0'}
	case "BootCurrent", "BootOrder":
		for _, n := range f[1:] {
			number, err := strconv.ParseUint(n, 16, 16)
			must(t, err)
			data = binary.LittleEndian.AppendUint16(data, uint16(number))
		}
		return file, data
	}
	return file, LoadOption(f[1] == "active", strings.TrimPrefix(f[2], "-"), f[3], strings.Join(f[4:], " "))
}

// LoadOption encodes an EFI_LOAD_OPTION (UEFI 2.10 §3.1.3) of a file on a GPT
// partition, or of no partition if partUUID is empty.
func LoadOption(active bool, partUUID, path, description string) []byte {
	le := binary.LittleEndian
	var nodes []byte
	if partUUID != "" {
		g := uuid.MustParse(partUUID)
		for _, swap := range [][2]int{{0, 3}, {1, 2}, {4, 5}, {6, 7}} {
			g[swap[0]], g[swap[1]] = g[swap[1]], g[swap[0]]
		}
		nodes = append(nodes, 4, 1, 42, 0, 1, 0, 0, 0)
		nodes = le.AppendUint64(le.AppendUint64(nodes, 2048), 1<<21)
		nodes = append(append(nodes, g[:]...), 2, 2)
	}
	name := utf16s(path)
	nodes = append(le.AppendUint16(append(nodes, 4, 4), uint16(4+len(name))), name...)
	nodes = append(nodes, 0x7f, 0xff, 4, 0)

	attributes := uint32(0)
	if active {
		attributes = 1
	}
	b := le.AppendUint16(le.AppendUint32(nil, attributes), uint16(len(nodes)))
	return append(append(b, utf16s(description)...), nodes...)
}

func utf16s(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s + "\x00")) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return b
}

func write(t testing.TB, root, name, content string) {
	t.Helper()
	path := filepath.Join(root, name)
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, []byte(content), 0o644))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
