package lab

import "fmt"

// qcodes are QEMU's names for the keys that are not their own letter or digit,
// on a US keyboard; a shifted key is marked by its first letter "+".
var qcodes = map[rune]string{
	' ': "spc", '\n': "ret", '\r': "ret", '\t': "tab", '\x1b': "esc", '\b': "backspace", '\x7f': "backspace",
	'-': "minus", '=': "equal", '[': "bracket_left", ']': "bracket_right", '\\': "backslash",
	';': "semicolon", '\'': "apostrophe", '`': "grave_accent", ',': "comma", '.': "dot", '/': "slash",
	'_': "+minus", '+': "+equal", '{': "+bracket_left", '}': "+bracket_right", '|': "+backslash",
	':': "+semicolon", '"': "+apostrophe", '~': "+grave_accent", '<': "+comma", '>': "+dot", '?': "+slash",
	'!': "+1", '@': "+2", '#': "+3", '$': "+4", '%': "+5", '^': "+6", '&': "+7", '*': "+8", '(': "+9", ')': "+0",
}

// chord is the keys to hold together for one character on a US keyboard.
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
