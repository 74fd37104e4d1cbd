// Package keymap finds characters on the keys of a console keymap.
package keymap

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"regexp"

	"auto-installer/internal/sys"
)

// Table is a console keymap: the kernel's keysyms by key code, without modifier,
// with Shift, with AltGr and with both.
type Table [modifiers][keys]uint16

const (
	modifiers = 4   // the lowest are Shift (1) and AltGr (2), linux/keyboard.h
	keys      = 128 // of one modifier in loadkeys' binary form
)

// Name matches a keymap's name, which is neither an option nor a path.
var Name = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}$`)

// Read reads a keymap by its name with loadkeys(1). It loads nothing, and needs no
// console.
func Read(ctx context.Context, s sys.System, name string) (Table, error) {
	if !Name.MatchString(name) {
		return Table{}, fmt.Errorf("%q is not the name of a keymap", name)
	}
	out, err := s.Output(ctx, sys.Cmd{
		Does: "look at the keymap " + name, Argv: []string{"loadkeys", "--unicode", "--bkeymap", name}, Quiet: true,
	})
	if err != nil {
		return Table{}, err
	}
	return parse(out)
}

const (
	magic    = "bkeymap"
	maxTable = 256 // of modifier combinations, linux/keyboard.h MAX_NR_KEYMAPS
)

// parse reads the output of loadkeys --bkeymap, in busybox's form: a magic word, a
// byte for each combination of modifiers that says whether it has a table, and
// those tables (kbd: libkeymap/dump.c; busybox: console-tools/loadkmap.c).
func parse(data []byte) (Table, error) {
	var t Table
	rest, ok := bytes.CutPrefix(data, []byte(magic))
	if !ok || len(rest) < maxTable {
		return t, errors.New("loadkeys did not print a binary keymap")
	}
	flags, rest := rest[:maxTable], rest[maxTable:]
	for modifier, there := range flags {
		if there == 0 {
			continue
		}
		if len(rest) < 2*keys {
			return t, errors.New("the binary keymap from loadkeys ends too early")
		}
		if modifier < modifiers {
			for key := range keys {
				t[modifier][key] = binary.NativeEndian.Uint16(rest[2*key:])
			}
		}
		rest = rest[2*keys:]
	}
	if flags[0] == 0 {
		return t, errors.New("the keymap has no keys without a modifier")
	}
	return t, nil
}

// Kinds of a keysym, linux/keyboard.h.
const (
	ktLatin  = 0
	ktDead   = 4
	ktLetter = 11
	ktDead2  = 13
)

// char is the character of a keysym, or 0 (linux/keyboard.h: K, U).
func char(keysym uint16) rune {
	switch {
	case keysym >= 0x1000:
		return rune(keysym ^ 0xf000)
	case keysym>>8 == ktLatin, keysym>>8 == ktLetter:
		return rune(keysym & 0xff)
	}
	return 0
}

// accents are those of the dead keys of kind ktDead, as the character that they
// give with the space bar (linux drivers/tty/vt/keyboard.c, k_dead). A ktDead2
// carries that character itself.
const accents = "`'^~\","

func dead(keysym uint16) rune {
	value := keysym & 0xff
	switch {
	case keysym >= 0x1000:
	case keysym>>8 == ktDead && int(value) < len(accents):
		return rune(accents[value])
	case keysym>>8 == ktDead2:
		return rune(value)
	}
	return 0
}

// at is a key with its modifiers.
type at struct{ modifier, key int }

// find finds the key of a character with the fewest modifiers.
func (t *Table) find(r rune, of func(uint16) rune) (at, bool) {
	for m := range modifiers {
		for k := range keys {
			if of(t[m][k]) == r {
				return at{m, k}, true
			}
		}
	}
	return at{}, false
}
