package lab

import (
	"slices"
	"strings"
	"testing"
)

func TestSerialTerminal(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"lines", "one\r\ntwo", "one|two||"},
		{"wraps at the edge, not before", "0123456789\rx\r\n0123456789ab", "x123456789|0123456789|ab|"},
		{"scrolls", "1\r\n2\r\n3\r\n4\r\n5", "2|3|4|5"},
		{"moves", "\x1b[2;3Hx\x1b[Ay\x1b[3Dz\x1b[4dv\x1b[Gw", " z y|  x||w v"},
		{"erases", "abcdef\x1b[3G\x1b[K\r\nabcdef\x1b[3G\x1b[1K\r\nabcdef\x1b[3G\x1b[2X", "ab|   def|ab  ef|"},
		{"erases the rest", "abc\r\nabc\r\nabc\x1b[2;2H\x1b[J", "abc|a||"},
		{"deletes and inserts", "abcdef\x1b[2G\x1b[2P\r\nabcdef\x1b[2G\x1b[2@\r\nabc\x1b[2G\x1b[4hxy\x1b[4lz", "adef|a  bcdef|axyzc|"},
		{"deletes and inserts lines", "1\r\n2\r\n3\r\n4\x1b[2H\x1b[M\x1b[H\x1b[L", "|1|3|4"},
		{"scrolls a part", "1\r\n2\r\n3\r\n4\x1b[2;3r\x1b[3H\n\x1b[2H\x1bM", "1||3|4"},
		{"repeats", "a\x1b[3b", "aaaa|||"},
		{"passes colours and strings over", "\x1b[1;38;5;3ma\x1b[m\x1b]0;title\ab\x1bP1$r\x1b\\c\x1b(Bd\x1b[?25l", "abcd|||"},
		{"has another screen", "shell\x1b[?1049h\x1b[Hmenu\x1b[?1049l$", "shell$|||"},
		{"keeps what a sequence says until it is whole", "\x1b[2;", "|||"},
		{"takes UTF-8", "►█·", "►█·|||"},
	} {
		whole := newSerialTerminal(10, 4)
		_, _ = whole.Write([]byte(c.in))
		pieces := newSerialTerminal(10, 4)
		for _, b := range []byte(c.in) {
			_, _ = pieces.Write([]byte{b})
		}
		if got := strings.Join(whole.Screen(), "|"); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		if !slices.Equal(whole.Screen(), pieces.Screen()) {
			t.Errorf("%s: byte by byte it is %q", c.name, pieces.Screen())
		}
	}
}

// FuzzSerialTerminal: the terminal accepts any input.
func FuzzSerialTerminal(f *testing.F) {
	f.Add("\x1b[;7r\x1bM")
	f.Add("\x1b[99;99H\x1b[5;2r\x1b[9L\x1b[9@x\x1b[4hyyyyyyyyyyyyyyyy\x1bM\x1bM\x1bM\x1bM\x1b[J")
	f.Fuzz(func(t *testing.T, in string) {
		v := newSerialTerminal(7, 3)
		_, _ = v.Write([]byte(in))
		for _, line := range v.Screen() {
			if n := len([]rune(line)); n > 7 {
				t.Fatalf("a line of %d", n)
			}
		}
	})
}

func TestKeysByName(t *testing.T) {
	for key, want := range map[string]struct{ keys, sent string }{
		"enter": {"ret", "\r"}, "ctrl+c": {"ctrl c", "\x03"}, "A": {"shift a", "A"}, "?": {"shift slash", "?"},
		"up": {"up", "\x1b[A"}, "\n": {"ret", "\r"}, "space": {"spc", " "},
	} {
		keys, err := held(key)
		if err != nil || strings.Join(keys, " ") != want.keys || sent(key) != want.sent {
			t.Errorf("%q: %q %v, %q", key, keys, err, sent(key))
		}
	}
	if _, err := held("nosuchkey\x00"[9:]); err == nil {
		t.Error("NUL has a key")
	}
}

func TestShows(t *testing.T) {
	screen := []string{"  the two are", "  not the same"}
	if !Shows(screen, "two are not the same") || Shows(screen, "tea") {
		t.Error("broken lines hide a text")
	}
	if row, ok := chosen([]string{"  a", " ► nvme0n1  5 GiB"}); !ok || row != "nvme0n1  5 GiB" {
		t.Errorf("%q", row)
	}
}
