package lab

import (
	"fmt"
	"strings"
)

// qcodes are QEMU's names for the keys of a US keyboard that are neither a letter nor
// a digit; a "+" in front marks a shifted key.
var qcodes = map[rune]string{
	' ': "spc", '\n': "ret", '\r': "ret", '\t': "tab", '\x1b': "esc", '\b': "backspace", '\x7f': "backspace",
	'-': "minus", '=': "equal", '[': "bracket_left", ']': "bracket_right", '\\': "backslash",
	';': "semicolon", '\'': "apostrophe", '`': "grave_accent", ',': "comma", '.': "dot", '/': "slash",
	'_': "+minus", '+': "+equal", '{': "+bracket_left", '}': "+bracket_right", '|': "+backslash",
	':': "+semicolon", '"': "+apostrophe", '~': "+grave_accent", '<': "+comma", '>': "+dot", '?': "+slash",
	'!': "+1", '@': "+2", '#': "+3", '$': "+4", '%': "+5", '^': "+6", '&': "+7", '*': "+8", '(': "+9", ')': "+0",
}

// chord returns the keys to hold together for one character on a US keyboard.
func chord(char rune) ([]string, error) {
	switch {
	case char >= 'a' && char <= 'z', char >= '0' && char <= '9':
		return []string{string(char)}, nil
	case char >= 'A' && char <= 'Z':
		return []string{"shift", string(char - 'A' + 'a')}, nil
	}
	code, ok := qcodes[char]
	switch {
	case !ok:
		return nil, fmt.Errorf("no key for %q on a US keyboard", char)
	case code[0] == '+':
		return []string{"shift", code[1:]}, nil
	}
	return []string{code}, nil
}

// named are the keys that are not characters: QEMU's name for each, and what a
// terminal sends.
var named = map[string]struct{ qcode, sent string }{
	"enter": {"ret", "\r"}, "esc": {"esc", "\x1b"}, "tab": {"tab", "\t"}, "backspace": {"backspace", "\x7f"},
	"up": {"up", "\x1b[A"}, "down": {"down", "\x1b[B"}, "right": {"right", "\x1b[C"}, "left": {"left", "\x1b[D"},
	"home": {"home", "\x1b[H"}, "end": {"end", "\x1b[F"}, "pgup": {"pgup", "\x1b[5~"}, "pgdown": {"pgdn", "\x1b[6~"},
	"space": {"spc", " "}, "f2": {"f2", "\x1bOQ"},
}

// held returns the keys to hold together for a key by its name: "enter", "ctrl+c", or
// a character.
func held(key string) ([]string, error) {
	if rest, ok := strings.CutPrefix(key, "ctrl+"); ok {
		keys, err := held(rest)
		return append([]string{"ctrl"}, keys...), err
	}
	if k, ok := named[key]; ok {
		return []string{k.qcode}, nil
	}
	for _, char := range key {
		return chord(char)
	}
	return nil, fmt.Errorf("no key %q", key)
}

// sent returns what a terminal sends for a key by its name.
func sent(key string) string {
	if rest, ok := strings.CutPrefix(key, "ctrl+"); ok && len(rest) == 1 {
		return string(rest[0] & 0x1f)
	}
	switch k, ok := named[key]; {
	case ok:
		return k.sent
	case key == "\n":
		return "\r"
	}
	return key
}
