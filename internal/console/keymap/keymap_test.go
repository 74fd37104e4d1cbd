package keymap

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"auto-installer/internal/sys"
)

// rows are the character keys of a pc105 keyboard, from their first key code.
var rows = []int{2, 16, 30, 44}

// layout writes a keymap as loadkeys does: the rows plain and with Shift, keys
// with AltGr, and dead keys, by key code.
func layout(plain, shifted [4]string, altGr map[int]rune, deads map[int]uint16) string {
	table := Table{}
	put := func(modifier int, at [4]string) {
		for i, row := range at {
			for j, r := range []rune(row) {
				table[modifier][rows[i]+j] = keysym(r)
			}
		}
	}
	put(0, plain)
	put(1, shifted)
	table[0][57], table[1][57] = ' ', ' '
	for key, r := range altGr {
		table[2][key] = keysym(r)
	}
	for key, d := range deads {
		table[0][key] = d
	}
	var b strings.Builder
	b.WriteString(magic)
	flags := make([]byte, maxTable)
	flags[0], flags[1], flags[2], flags[4] = 1, 1, 1, 1 // 4, Control, is not of interest
	b.Write(flags)
	for _, m := range []int{0, 1, 2, -1} {
		for key := range keys {
			sym := uint16(0x1f)
			if m >= 0 {
				sym = table[m][key]
			}
			b.Write(binary.NativeEndian.AppendUint16(nil, sym))
		}
	}
	return b.String()
}

func keysym(r rune) uint16 {
	switch {
	case r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z':
		return ktLetter<<8 | uint16(r)
	case r == '\x00':
		return 0x200
	case r < 0x100:
		return uint16(r)
	}
	return uint16(r) ^ 0xf000
}

var (
	us = layout(
		[4]string{"1234567890-=", "qwertyuiop[]", "asdfghjkl;'", "zxcvbnm,./"},
		[4]string{"!@#$%^&*()_+", "QWERTYUIOP{}", `ASDFGHJKL:"`, "ZXCVBNM<>?"}, nil, nil)
	de = layout(
		[4]string{"1234567890ß\x00", "qwertzuiopü+", "asdfghjklöä", "yxcvbnm,.-"},
		[4]string{"!\"§$%&/()=?\x00", "QWERTZUIOPÜ*", "ASDFGHJKLÖÄ", "YXCVBNM;:_"},
		map[int]rune{16: '@', 18: '€', 8: '{'}, map[int]uint16{41: ktDead<<8 | 2, 13: ktDead<<8 | 1})
)

func read(t *testing.T, printed string) *Table {
	t.Helper()
	f := sys.NewFake(t)
	f.Expect("loadkeys", "--unicode", "--bkeymap", "x").Prints(printed)
	table, err := Read(t.Context(), f, "x")
	if err != nil {
		t.Fatal(err)
	}
	return &table
}

func TestOf(t *testing.T) {
	for _, c := range []struct {
		keymap, text string
		want         Typing
	}{
		{us, "correct horse battery staple", Typing{}},
		{us, "AbC 123 !@#", Typing{}},
		{us, "größe", Typing{Missing: 2}},
		{us, "€", Typing{Missing: 1}},
		{us, "\xff", Typing{Missing: 1}},
		{de, "größe@€{", Typing{}},
		{de, "^", Typing{Accents: 1}}, // with the space bar
		{de, "'é", Typing{Accents: 2}},
		{de, "ê", Typing{Accents: 1}},
		{de, "ñ", Typing{Missing: 1}}, // there is no ~
		{de, "a~", Typing{Missing: 1}},
		{de, "", Typing{}},
	} {
		if got := read(t, c.keymap).Of([]byte(c.text)); got != c.want {
			t.Errorf("%q: %+v, want %+v", c.text, got, c.want)
		}
	}
}

func TestCompare(t *testing.T) {
	for _, c := range []struct {
		name, from, to, text string
		want                 Typing
	}{
		{"the same keys", us, de, "abc 123", Typing{}},
		{"z and y", us, de, "zaY", Typing{Moved: 2}},
		{"signs", us, de, "(", Typing{Moved: 1}},
		{"not there at all", us, de, "[", Typing{Moved: 1, Missing: 1}},
		{"back", de, us, "zyß", Typing{Moved: 3, Missing: 1}},
		{"AltGr", de, us, "@", Typing{Moved: 1}},
		{"an accent key", de, us, "é", Typing{Moved: 1, Missing: 1}},
		{"itself", de, de, "größe", Typing{}},
	} {
		if got := read(t, c.from).Compare(read(t, c.to), []byte(c.text)); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestBetween(t *testing.T) {
	f := sys.NewFake(t)
	for typed, want := range map[string]Typing{"us": {Moved: 1}, "": {}} {
		f.Expect("loadkeys", "--unicode", "--bkeymap", "de").Prints(de)
		if typed != "" {
			f.Expect("loadkeys", "--unicode", "--bkeymap", "us").Prints(us)
		}
		if got, err := Between(t.Context(), f, typed, "de", []byte("z")); got != want || err != nil {
			t.Errorf("%q: %+v, %v", typed, got, err)
		}
	}
	f.Expect("loadkeys", "--unicode", "--bkeymap", "xx").Fails(1, "no such keymap")
	if _, err := Between(t.Context(), f, "us", "xx", []byte("z")); err == nil {
		t.Error("a missing keymap is not an error")
	}
}

func TestWhatIsNoKeymap(t *testing.T) {
	flags := make([]byte, maxTable)
	flags[0] = 1
	for name, printed := range map[string]string{
		"nothing":        "",
		"no magic":       "keymaps 0-2\n",
		"no flags":       magic + "\x01",
		"no tables":      magic + string(make([]byte, maxTable)),
		"table cut off":  magic + string(flags) + string(make([]byte, 2*keys-1)),
		"only the magic": magic,
	} {
		f := sys.NewFake(t)
		f.Expect("loadkeys", "--unicode", "--bkeymap", "x").Prints(printed)
		if _, err := Read(t.Context(), f, "x"); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	for _, name := range []string{"", "-C", "--default", "/etc/passwd", "a b", "../x"} {
		if _, err := Read(t.Context(), sys.NewFake(t), name); err == nil {
			t.Errorf("%q is asked for", name)
		}
	}
	f := sys.NewFake(t)
	f.Expect("loadkeys", "--unicode", "--bkeymap", "x").Fails(1, "gone")
	if _, err := Read(t.Context(), f, "x"); err == nil {
		t.Error("no error")
	} else if _, ok := errors.AsType[*sys.ExitError](err); !ok {
		t.Errorf("%v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{us, de, "", magic} {
		f.Add([]byte(seed), []byte("größe 123"))
	}
	f.Fuzz(func(t *testing.T, data, text []byte) {
		table, err := parse(data)
		if err != nil {
			return
		}
		ty := table.Of(text)
		if ty.Missing < 0 || ty.Missing+ty.Accents > len(text) {
			t.Errorf("%+v of %d bytes", ty, len(text))
		}
		if same := table.Compare(&table, text); same.Missing != ty.Missing || same.Accents != ty.Accents {
			t.Errorf("%+v alone, %+v beside itself", ty, same)
		}
	})
}
