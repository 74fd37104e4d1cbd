package efi

import (
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// Vendors of variables.
const (
	global  = "8be4df61-93ca-11d2-aa0d-00e098032b8c"
	systemd = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
)

const (
	vendor = "-" + global
	// A load option of systemd-boot on partition 1 of a GPT disk, active.
	linux = "01000000" + "6e00" + "4c0069006e00750078000000" + // Linux
		"04012a00" + "01000000" + "0008000000000000" + "0000200000000000" +
		"28732ac11ff8d211ba4b00a0c93ec93b" + "02" + "02" +
		"04044000" + "5c004500460049005c00730079007300740065006d0064005c00730079007300740065006d0064002d0062006f006f0074002e0065006600" + "69000000" +
		"7fff0400"
	// The same on an MBR disk, inactive, without a file.
	mbr = "00000000" + "2e00" + "41000000" + "04012a00" + "02000000" + "0008000000000000" + "0000200000000000" +
		"2a9e1c6f000000000000000000000000" + "01" + "01" + "7fff0400"
)

func data(t testing.TB, s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestParseLoadOption(t *testing.T) {
	got, err := ParseLoadOption(data(t, linux))
	want := Entry{Description: "Linux", Active: true, PartUUID: "c12a7328-f81f-11d2-ba4b-00a0c93ec93b", Path: `\EFI\systemd\systemd-boot.efi`}
	if err != nil || got != want {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
	got, err = ParseLoadOption(data(t, mbr))
	want = Entry{Description: "A", PartUUID: "6f1c9e2a-02"}
	if err != nil || got != want {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
	for at := range len(data(t, linux)) {
		if _, err := ParseLoadOption(data(t, linux)[:at]); err == nil {
			t.Errorf("cut to %d bytes it was accepted", at)
		}
	}
}

func TestRead(t *testing.T) {
	root := t.TempDir()
	if _, err := Read(root); !errors.Is(err, ErrNoUEFI) {
		t.Error(err)
	}
	dir := filepath.Join(root, "sys/firmware/efi/efivars")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(root); !errors.Is(err, ErrNoVars) {
		t.Error(err)
	}
	for name, content := range map[string]string{
		"Boot0002" + vendor:                              "07000000" + linux,
		"Boot001A" + vendor:                              "07000000" + mbr,
		"Boot0003" + vendor:                              "07000000" + linux[:40], // corrupt
		"Boot0004" + vendor:                              "07",                    // corrupt
		"BootCurrent" + vendor:                           "06000000" + "0200",
		"BootOrder" + vendor:                             "07000000" + "1a000200",
		"SecureBoot" + vendor:                            "06000000" + "01",
		"BootNext" + vendor:                              "07000000" + "ffff",
		"Timeout" + vendor:                               "07000000" + "0000",
		"BootOrder-00000000-0000-0000-0000-000000000000": "07000000" + "0900",
		"LoaderDevicePartUUID-" + systemd:                "06000000" + "41004200" + "0000",
		"LoaderEntryDefault-" + systemd:                  "07000000" + "4e002d0031000000",
		"LoaderEntryOneShot-" + systemd:                  "07000000" + "78000000",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data(t, content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b, err := Read(root)
	if err != nil {
		t.Fatal(err)
	}
	if b.Current == nil || *b.Current != 2 || b.SecureBoot == nil || !*b.SecureBoot || b.LoaderPartUUID != "ab" ||
		b.LoaderDefault != "n-1" || b.LoaderOneShot != "x" {
		t.Errorf("%+v", b)
	}
	if !reflect.DeepEqual(b.Order, []uint16{0x1a, 2}) {
		t.Errorf("order %x", b.Order)
	}
	if len(b.Entries) != 2 || b.Entries[0].Number != 2 || b.Entries[1].Name() != "Boot001A" {
		t.Errorf("%+v", b.Entries)
	}
	if len(b.Problems) != 2 || !strings.Contains(strings.Join(b.Problems, " "), "Boot0003") {
		t.Errorf("%q", b.Problems)
	}
}

func FuzzLoadOption(f *testing.F) {
	f.Add(data(f, linux))
	f.Add(data(f, mbr))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := ParseLoadOption(b)
		if err == nil && len(e.Description)+len(e.Path) > 3*len(b) {
			t.Fatalf("%+v", e)
		}
	})
}

// Reading a variable always ends, and its text has no control characters.
func FuzzVariables(f *testing.F) {
	f.Add("BootOrder", global, data(f, "01000200"))
	f.Add("Boot0001", global, data(f, linux))
	f.Add("LoaderEntryDefault", systemd, data(f, "61001b000000"))
	f.Fuzz(func(t *testing.T, name, vendor string, b []byte) {
		var boot Boot
		if m := variables().FindStringSubmatch(name + "-" + vendor); m != nil {
			_ = boot.take(m[1]+m[2], b) // an error is fine
		}
		for _, text := range []string{boot.LoaderDefault, boot.LoaderOneShot} {
			if strings.ContainsAny(text, "\x1b\n\x00") {
				t.Fatalf("%q", text)
			}
		}
	})
}
