package hosts

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"
)

// minimal is the shortest valid definition. Nothing can be put behind it at
// the top level but tables, since labels are dotted.
const minimal = `targetHost = "box"
repoRemote = "git@example.org:nix.git"
labels.efi = "B-EFI"
labels.root = "b-root"
`

// TestParseMessages asserts whole messages, with their lines. Each text comes
// behind minimal (lines 1 to 4), so it begins in line 5.
func TestParseMessages(t *testing.T) {
	for text, want := range map[string]string{
		// Unknown and repeated keys.
		"powerof = true":                        `h.toml:5: powerof: unknown key; allowed: ` + strings.Join(keys, ", "),
		"labels.eif = 'x'":                      `h.toml:5: labels.eif: unknown key; allowed: labels.efi, labels.root, labels.luks, labels.swap`,
		"\n[swap]\nsise = '9G'":                 `h.toml:7: swap.sise: unknown key; allowed: swap.enable, swap.size`,
		"luks = {enabled=true}":                 `h.toml:5: luks.enabled: unknown key; allowed: luks.enable, luks.mapperName`,
		"targetUID = 1":                         `h.toml:5: targetUID: unknown key, did you mean targetUid?; allowed: ` + strings.Join(keys, ", "),
		"mapperName = 'x'":                      `h.toml:5: mapperName: unknown key, did you mean luks.mapperName?; allowed: ` + strings.Join(keys, ", "),
		"'labels.efi' = 'x'":                    `h.toml:5: "labels.efi": unknown key; allowed: ` + strings.Join(keys, ", "),
		"zzzzzz = 1":                            `h.toml:5: zzzzzz: unknown key; allowed: ` + strings.Join(keys, ", "),
		"prebuilt=true\nprebuilt=true":          `h.toml:6: prebuilt: is set twice, first in line 5; allowed: each key once`,
		"swap = {enable=false,\n enable=false}": `h.toml:6: swap.enable: is set twice, first in line 5; allowed: each key once`,
		"labels.efi = 'X'":                      `h.toml:5: labels.efi: is set twice, first in line 3; allowed: each key once`,
		"prebuilt = \n":                         `h.toml:5: unexpected character U+000A at start of value`,
		"[swap]\n[swap]":                        `h.toml:6: table swap already exists`,

		// Wrong types.
		"powerOff = 'yes'":                 `h.toml:5: powerOff: "yes" is a string; allowed: true or false`,
		"keymap = true":                    `h.toml:5: keymap: true is a boolean; allowed: a string`,
		"targetUid = 1.5":                  `h.toml:5: targetUid: 1.5 is a float; allowed: a whole number`,
		"keymap = 1979-05-27":              `h.toml:5: keymap: 1979-05-27 is a date or time; allowed: a string`,
		"keymap = []":                      `h.toml:5: keymap: is a list; allowed: a string`,
		"keymap.us = 1":                    `h.toml:5: keymap: is a table; allowed: a string`,
		"[[swap]]\nsize='9G'":              `h.toml:5: swap: is a list; allowed: a table with the keys swap.enable, swap.size`,
		"luks = true":                      `h.toml:5: luks: true is a boolean; allowed: a table with the keys luks.enable, luks.mapperName`,
		"extraPackages='bolt'":             `h.toml:5: extraPackages: "bolt" is a string; allowed: a list of strings`,
		"extraPackages = [\n 'bolt',\n 3]": `h.toml:7: extraPackages[2]: 3 is an integer; allowed: a list of strings`,

		// Options that need one another.
		"luks.enable = true":  `h.toml:3: labels.luks: is required by luks.enable, but not set; allowed: at most 36 letters, digits and # + - . : = @ _`,
		"swap.enable = true":  `h.toml:3: labels.swap: is required by swap.enable, but not set; allowed: at most 15 letters, digits and # + - . : = @ _`,
		"labels.luks = 'L'":   `h.toml:5: labels.luks: "L" is set, but luks.enable is false; allowed: luks.enable = true, or no labels.luks`,
		"labels.swap = 'S'":   `h.toml:5: labels.swap: "S" is set, but swap.enable is false; allowed: swap.enable = true, or no labels.swap`,
		"swap.size = '9G'":    `h.toml:5: swap.size: "9G" is set, but swap.enable is false; allowed: swap.enable = true, or no swap.size`,
		"luks.mapperName='x'": `h.toml:5: luks.mapperName: "x" is set, but luks.enable is false; allowed: luks.enable = true, or no luks.mapperName`,
		"swap.enable=true\n[unknown]\n": "h.toml:3: labels.swap: is required by swap.enable, but not set; allowed: at most 15 letters, digits and # + - . : = @ _\n" +
			"h.toml:6: unknown: unknown key; allowed: " + strings.Join(keys, ", "),
		// A refused value is not complained of twice.
		"swap.enable='yes'\nlabels.swap='S'": `h.toml:5: swap.enable: "yes" is a string; allowed: true or false`,

		// Values, and lines within lists.
		"extraMountDirs = [\n 'a',\n '../b',\n]":          `h.toml:7: extraMountDirs[2]: "../b" has ..; allowed: a folder below /mnt, such as "persist" or "/mnt/persist", without ..`,
		"swap={enable=true,\n size='8'}\nlabels.swap='S'": `h.toml:6: swap.size: "8" has no unit; allowed: a whole number with K, M, G, T or P (1024-based), at least 1M, such as 8G`,
		"bannerText='''\nok\n\x1b'''":                     `h.toml:7: multiline literal strings cannot have control characters`,
		`bannerText="ok\n\u001b[2J"`:                      `h.toml:5: bannerText: line 2 has an unprintable character; allowed: lines of at most 132 columns, of printable characters`,
		"bannerText='" + strings.Repeat("█", 133) + "'":   `h.toml:5: bannerText: line 1 has 133 columns; allowed: lines of at most 132 columns, of printable characters`,
		"repoClonePath = '/mnt/boot/x'":                   `h.toml:5: repoClonePath: "/mnt/boot/x" is in /mnt/boot: the ESP keeps neither owners nor symlinks; allowed: an absolute path below /mnt, such as /mnt/nix-config, of letters, digits and . _ - + @`,
	} {
		_, err := Parse("h.toml", []byte(minimal+text))
		if err == nil || err.Error() != want {
			t.Errorf("%s\n got %v\nwant %s", text, err, want)
		}
	}
}

func TestParseWholeDefinitions(t *testing.T) {
	for text, want := range map[string]string{
		"": `h.toml:1: targetHost: is required, but not set; allowed: a nixosConfigurations name: at most 63 letters, digits, _ and -, no - at either end
h.toml:1: labels.efi: is required, but not set; allowed: at most 11 of A-Z 0-9 _ -
h.toml:1: labels.root: is required, but not set; allowed: at most 16 letters, digits and # + - . : = @ _
h.toml:1: repoRemote: is required unless prebuilt, but not set; allowed: an https, ssh, git, git+ssh or file URL, user@host:path, or an absolute path`,
		"prebuilt = true\r\ntargetHost = 'x'\r\n\r\n[labels]\r\nroot = 'R'\r\nefi = 'MY-LONG-EFI-LABEL'\r\n": `h.toml:6: labels.efi: "MY-LONG-EFI-LABEL" has 17 bytes; allowed: at most 11 of A-Z 0-9 _ -`,
		"prebuilt = true\ntargetHost = 'x'\n\n[labels]\n  efi = 'E'\n":                                       `h.toml:4: labels.root: is required, but not set; allowed: at most 16 letters, digits and # + - . : = @ _`,
		"labels = {efi = 'lower', root = 'LOWER'}\nprebuilt=true\ntargetHost='x'":                            "h.toml:1: labels.efi: \"lower\" has 'l'; allowed: at most 11 of A-Z 0-9 _ -\nh.toml:1: labels.root: \"LOWER\" is the same as labels.efi; allowed: labels that differ in more than case",
		"labels = 3\nprebuilt=true\ntargetHost='x'":                                                          `h.toml:1: labels: 3 is an integer; allowed: a table with the keys labels.efi, labels.root, labels.luks, labels.swap`,
		"prebuilt = 'no'\ntargetHost = 1\nlabels = {efi = [], root = {}}":                                    "h.toml:1: prebuilt: \"no\" is a string; allowed: true or false\nh.toml:2: targetHost: 1 is an integer; allowed: a string\nh.toml:3: labels.efi: is a list; allowed: a string\nh.toml:3: labels.root: is a table; allowed: a string",
	} {
		_, err := Parse("h.toml", []byte(text))
		if err == nil || err.Error() != want {
			t.Errorf("%q\n got %v\nwant %s", text, err, want)
		}
	}
}

// As an editor of another system writes it: lab/nix-check reads the same file.
func TestParseOtherSystemsText(t *testing.T) {
	h, err := Load("../lab/nix/windows")
	if err != nil {
		t.Fatal(err)
	}
	if h.TargetHost != "windows" || h.BannerText != "first\nsecond\n" || h.Labels.Root != "W-ROOT" {
		t.Errorf("%+v", h)
	}
	const bom = "\xef\xbb\xbf"
	for text, want := range map[string]string{
		bom + minimal + "powerof = true":      "h.toml:5: powerof: unknown key",
		bom + bom + minimal:                   "h.toml:1: ",
		minimal + "bannerText = \"a\\r\\nb\"": "h.toml:5: bannerText: line 1 has an unprintable character",
		"\xff\xfet\x00a\x00":                  "h.toml:1: is UTF-16 text; allowed: UTF-8",
		"\x00t\x00a":                          "h.toml:1: is UTF-16 text; allowed: UTF-8",
		"t\x00a\x00":                          "h.toml:1: is UTF-16 text; allowed: UTF-8",
		"\xfe\xff\x00t\x00a":                  "h.toml:1: is UTF-16 text; allowed: UTF-8",
	} {
		if _, err := Parse("h.toml", []byte(text)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestErrorHoldsItsParts(t *testing.T) {
	_, err := Parse("h.toml", []byte(minimal+"[swap]\n  size = 'huge'\n"))
	e, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatalf("%T is no *Error", err)
	}
	want := Error{File: "h.toml", Line: 6, Key: "swap.size", Problem: `"huge" is not a size`, Allowed: sizeAllowed}
	if *e != want {
		t.Errorf(" got %+v\nwant %+v", *e, want)
	}
	if e.Hint() != "correct h.toml:6" {
		t.Errorf("hint %q", e.Hint())
	}
}

func TestManyProblemsStayReadable(t *testing.T) {
	var b strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&b, "k%d = 1\n", i)
	}
	_, err := Parse("h.toml", []byte(b.String()))
	text := err.Error()
	if n := strings.Count(text, "\n"); n != maxShown || !strings.HasSuffix(text, "more problems") {
		t.Errorf("%d lines, ending in %q", n, text[len(text)-30:])
	}
}

func TestHugeDefinitionsAreCheap(t *testing.T) {
	before := processorTime(t)
	for _, text := range []string{
		strings.Repeat("a.", maxSize/2-4) + "a=1",
		"[" + strings.Repeat("a.", maxSize/2-4) + "a]",
		strings.Repeat("a={", 9000) + strings.Repeat("}", 9000),
		"a=" + strings.Repeat("[", maxSize-2),
		manyLines("k%x=1\n"),
		manyLines("[%x]\n"),
	} {
		if _, err := Parse("h.toml", []byte(text)); err == nil {
			t.Errorf("accepted %.20s…", text)
		}
	}
	// Not by the clock, which goes on while others have the processor.
	if took := processorTime(t) - before; took > 30*time.Second {
		t.Errorf("took %v of processor time", took)
	}
}

// processorTime is what this process has used.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// manyLines repeats line, with a number, up to the size that is read.
func manyLines(line string) string {
	var b strings.Builder
	for i := 0; b.Len() < maxSize-20; i++ {
		fmt.Fprintf(&b, line, i)
	}
	return b.String()
}

func TestTOMLRoundTrip(t *testing.T) {
	full := Host{
		TargetHost: "box", Labels: Labels{"B-EFI", "b-root", "b-luks", "b-swap"}, LUKS: LUKS{true, "b_crypt"},
		Swap: Swap{true, "512M"}, ExtraMountDirs: []string{"persist", "/mnt/with space/ü"},
		ExtraPostMountCommands: []string{"echo 'a' \"b\" \\\n\t'''", "printf '\x01\x7f\u0085\r\n'"},
		RepoRemote:             "ssh://git@example.org:22/nix.git", RepoRef: "release/25.05", RepoClonePath: "/mnt/home/me/cfg",
		ExtraInitrdKernelModules: []string{"nvme"}, ExtraPackages: []string{"python3Packages.requests"},
		ExtraBootCommands: "one\n  two'\n", BannerText: "\n██╗\n\\ '\"\n", TargetUser: "me", TargetUID: 1001, TargetGID: 1,
		Keymap: "de-latin1",
	}
	all := []Host{full}
	for _, name := range Names() {
		h, err := Load(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, h)
	}
	for _, h := range all {
		roundTrip(t, h)
	}
	if _, err := Default().TOML(); err == nil {
		t.Error("rendered a host that is not valid")
	}
}

func roundTrip(t *testing.T, h Host) {
	t.Helper()
	text, err := h.TOML()
	if err != nil {
		t.Fatalf("%v\n%+v", err, h)
	}
	back, err := Parse("again.toml", text)
	if err != nil || !reflect.DeepEqual(back, h) {
		t.Errorf("%v\n got %+v\nwant %+v\n%s", err, back, h, text)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(minimal))
	f.Add([]byte("targetHost = 'x'\nprebuilt = true\n[labels]\nefi = 'E'\nroot = \"R\"\nluks='L'\nswap='S'\n[luks]\nenable=true\n[swap]\nenable=true\nsize='9G'"))
	f.Add([]byte("labels = {efi = 1, root = [1, {a = 2}]}\n[[swap]]\n[a.b.c.d]\n'x.y'.z = 1979-05-27\n"))
	f.Add([]byte("bannerText = '''\n█ x\n'''\nextraMountDirs = [\n  'a', '/mnt/b', '..']\nextraBootCommands = \"\"\"\\u0001\\\n\"\"\"\n" + minimal))
	for _, name := range Names() {
		data, err := embedded.ReadFile(name + "/host.toml")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := Parse("h.toml", data)
		if err == nil {
			if problems := h.Validate(); problems != nil {
				t.Fatalf("parsed, but %v", Errors(problems))
			}
			if _, err := h.SwapBytes(); err != nil {
				t.Fatal(err)
			}
			roundTrip(t, h)
			return
		}
		var all Errors
		if !errors.As(err, &all) || len(all) == 0 {
			t.Fatalf("%T: %v", err, err)
		}
		for _, e := range all {
			if e.Line < 1 || e.Line > 1+strings.Count(string(data), "\n") || e.Problem == "" || e.Hint() == "" {
				t.Fatalf("%#v", e)
			}
			if strings.ContainsAny(e.Error(), "\n\x1b") {
				t.Fatalf("control characters in %q", e.Error())
			}
		}
	})
}
