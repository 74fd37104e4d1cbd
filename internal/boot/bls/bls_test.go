package bls

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

const generation = "title NixOS\nsort-key nixos\nversion Generation 12 NixOS 26.05, Linux 6.18\n# a comment\n\nlinux /EFI/nixos/k.efi\n" +
	"initrd /EFI/nixos/ucode.efi\ninitrd\t/EFI/nixos/i.efi\noptions init=/nix/store/a/init quiet\r\noptions\t \"root=fstab\"\nmachine-id 0123\nzoo x\nempty\n"

func TestParseEntry(t *testing.T) {
	e, err := ParseEntry("nixos-generation-12+3-1.conf", generation)
	want := Entry{
		File: "nixos-generation-12+3-1.conf", ID: "nixos-generation-12.conf", SortKey: "nixos",
		Version: "Generation 12 NixOS 26.05, Linux 6.18", MachineID: "0123", Linux: "/EFI/nixos/k.efi",
		Initrds: []string{"/EFI/nixos/ucode.efi", "/EFI/nixos/i.efi"}, Options: "init=/nix/store/a/init quiet root=fstab",
		TriesLeft: 3, TriesDone: 1,
	}
	if err != nil || !reflect.DeepEqual(e, want) {
		t.Errorf("%+v, %v\nwant %+v", e, err, want)
	}
	for text, bad := range map[string]string{
		"":                        "neither linux nor efi nor uki",
		"linux":                   "neither linux",
		"linux \n":                "neither linux",
		"title x\n#linux /k\n":    "neither linux",
		"linux /k\nefi /e\n":      "more than one",
		"linux /k\x00\n":          "NUL byte",
		strings.Repeat("x", 1e5):  "more than 65536 bytes",
		"initrd /i\noptions a=b ": "neither linux",
	} {
		if _, err := ParseEntry("x.conf", text); err == nil || !strings.Contains(err.Error(), bad) {
			t.Errorf("%.20q: %v, want %q", text, err, bad)
		}
	}
}

func TestParseUnified(t *testing.T) {
	e, err := ParseUnified("nixos-generation-3.efi", "ID=nixos\nPRETTY_NAME=\"NixOS 26.05\"\nVERSION_ID=\"3\"\n\x00", "init=/i quiet \x00")
	if err != nil || e.SortKey != "nixos" || e.Version != "3" || e.Options != "init=/i quiet" || e.UKI != "/EFI/Linux/nixos-generation-3.efi" {
		t.Errorf("%+v, %v", e, err)
	}
	for osrel, cmdline := range map[string]string{"": "init=/i", "PRETTY_NAME=x\n": "", "VERSION=3": "", "NAME=a\nVERSION=1": "a\x00b"} {
		if _, err := ParseUnified("x.efi", osrel, cmdline); err == nil {
			t.Errorf("%q passes", osrel)
		}
	}
}

func TestParam(t *testing.T) {
	for _, c := range []struct{ line, name, want string }{
		{"init=/a quiet init=/b", "init", "/b"},
		{"xinit=/a", "init", ""},
		{`root="LABEL=A B" quiet`, "root", "LABEL=A B"},
		{`"init=/a b"`, "init", "/a b"},
		{"root=", "root", ""},
		{"", "init", ""},
	} {
		if got := Param(c.line, c.name); got != c.want {
			t.Errorf("%q: %q, want %q", c.line, got, c.want)
		}
	}
}

func TestParseConfig(t *testing.T) {
	c, err := ParseConfig("timeout 5\ndefault nixos-generation-3.conf\nconsole-mode keep\nzoo 1\n#default x\n")
	if err != nil || c.Default != "nixos-generation-3.conf" || c.Timeout != "5" {
		t.Errorf("%+v, %v", c, err)
	}
	for text, bad := range map[string]string{
		"default nixos-[": "bad pattern", "preferred [a": "bad pattern", "default a\x00": "NUL",
	} {
		if _, err := ParseConfig(text); err == nil || !strings.Contains(err.Error(), bad) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestChoose(t *testing.T) {
	gen := func(n, tries string) Entry {
		e := named("nixos-generation-" + n + tries + ".conf")
		e.SortKey, e.Version = "nixos", "Generation "+n
		return e
	}
	windows := named("windows.conf")
	arch := Entry{ID: "arch.conf", File: "arch.conf", SortKey: "arch", Version: "1", TriesLeft: -1}
	uki := Entry{ID: "nixos-x.efi", File: "nixos-x.efi", SortKey: "nixos", Version: "Generation 11", TriesLeft: -1}
	nixos := []Entry{windows, gen("9", ""), gen("10", ""), gen("2", "")}
	for _, c := range []struct {
		name             string
		entries          []Entry
		config           Config
		oneShot, byEFI   string
		want, why, wrong string
	}{
		{name: "exact", entries: nixos, config: Config{Default: "nixos-generation-9.conf"}, want: "nixos-generation-9.conf", why: "default"},
		{name: "the newest of a pattern", entries: nixos, config: Config{Default: "nixos-*"}, want: "nixos-generation-10.conf", why: "default"},
		{name: "whatever the case", entries: nixos, config: Config{Default: "NixOS-Generation-9.CONF"}, want: "nixos-generation-9.conf"},
		{name: "none: with a sort key first", entries: nixos, want: "nixos-generation-10.conf", why: "first of the menu"},
		{name: "none: the smaller sort key", entries: append([]Entry{arch}, nixos...), want: "arch.conf"},
		{name: "unified among others", entries: append([]Entry{uki}, nixos...), want: "nixos-x.efi"},
		{name: "no match", entries: nixos, config: Config{Default: "arch-*"}, wrong: `no boot entry matches loader.conf's default "arch-*"`},
		{name: "without .conf", entries: nixos, config: Config{Default: "nixos-generation-9"}, wrong: "no boot entry matches"},
		{name: "no entry", wrong: "no boot entry"},
		{name: "saved, and there is none yet", entries: nixos, config: Config{Default: "@saved"}, want: "nixos-generation-10.conf"},
		{name: "tried too often", entries: []Entry{gen("10", "+0-3"), gen("9", "")}, want: "nixos-generation-9.conf"},
		{name: "tried too often, yet asked for", entries: []Entry{gen("10", "+0-3"), gen("9", "")}, config: Config{Default: "nixos-generation-10.conf"}, want: "nixos-generation-10+0-3.conf"},
		{name: "preferred and good", entries: []Entry{gen("10", "+2"), gen("9", "")}, config: Config{Preferred: "nixos-generation-10.conf", Default: "nixos-generation-9.conf"}, want: "nixos-generation-10+2.conf", why: "preferred"},
		{name: "preferred and bad", entries: []Entry{gen("10", "+0-3"), gen("9", "")}, config: Config{Preferred: "nixos-generation-10.conf", Default: "nixos-generation-9.conf"}, want: "nixos-generation-9.conf"},
		{name: "the firmware's", entries: nixos, config: Config{Default: "nixos-generation-9.conf"}, byEFI: "windows.conf", want: "windows.conf", why: "LoaderEntryDefault"},
		{name: "the firmware's, gone", entries: nixos, config: Config{Default: "nixos-generation-9.conf"}, byEFI: "nixos-generation-77.conf", want: "nixos-generation-9.conf"},
		{name: "once", entries: nixos, byEFI: "windows.conf", oneShot: "nixos-generation-2.conf", want: "nixos-generation-2.conf", why: "OneShot"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, why, err := c.config.Choose(c.entries, c.oneShot, c.byEFI)
			if c.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), c.wrong) {
					t.Errorf("%v", err)
				}
				return
			}
			if err != nil || e.File != c.want || !strings.Contains(why, c.why) {
				t.Errorf("%s, %s, %v", e.File, why, err)
			}
		})
	}
}

// The order of UAPI.10's own examples, and of NixOS's entries.
func TestCompareVersions(t *testing.T) {
	for _, ordered := range [][]string{
		{"1_", "1_2_3"},
		{"122.1-1", "123~rc1-1", "123", "123-a", "123-a.1", "123-1", "123-1.1", "123^post1", "123.a-1", "123.1-1", "123a-1", "124-1"},
		{"", "1", "1.0", "2", "10"},
		{"nixos-generation-5-specialisation-x.conf", "nixos-generation-5.conf", "nixos-generation-06.conf", "nixos-generation-99999999999999999999998.conf", "nixos-generation-99999999999999999999999.conf"},
		{"a", "b", "ba"},
	} {
		for i, a := range ordered {
			for j, b := range ordered {
				if got := CompareVersions(a, b); (got < 0) != (i < j) || (got > 0) != (i > j) {
					t.Errorf("CompareVersions(%q, %q) = %d", a, b, got)
				}
			}
		}
	}
	if CompareVersions("01", "1") != 0 || CompareVersions("a_b", "ab") == 0 {
		t.Error("leading zeros count, or separators do not")
	}
}

func FuzzParseEntry(f *testing.F) {
	for _, s := range []string{generation, "", "linux", "linux \n", "initrd /a\ninitrd /b\nefi /k", "options init=", "tr\x85 /b\nefi /", "uki /EFI/Linux/a.efi\n", "linux \"/a b\"", "\x00"} {
		f.Add("a+3.conf", s)
	}
	f.Fuzz(func(t *testing.T, file, text string) {
		e, err := ParseEntry(file, text)
		if err == nil && e.Linux == "" && e.EFI == "" && e.UKI == "" {
			t.Fatalf("%q passes as %+v", text, e)
		}
		for _, value := range append([]string{e.Linux, e.EFI, e.UKI}, e.Initrds...) {
			if !strings.Contains(text, value) || strings.ContainsAny(value, "\r\n") {
				t.Fatalf("%q is read from %q", value, text)
			}
		}
		if slices.Contains(e.Initrds, "") {
			t.Fatalf("%q has an initrd without a name", text)
		}
		Param(e.Options, "init")
	})
}

func FuzzParseConfig(f *testing.F) {
	f.Add("timeout 5\ndefault nixos-*\n", "osrel=1", "nixos-a.conf")
	f.Add("default @saved\npreferred [a-z]\\*", "NAME=a\nVERSION=1", "b.conf")
	f.Fuzz(func(t *testing.T, text, osrel, id string) {
		c, err := ParseConfig(text)
		if err != nil {
			return
		}
		unified, err := ParseUnified(id, osrel, "init=/a")
		if err == nil && unified.Version == "" {
			t.Fatalf("%+v", unified)
		}
		e, _, err := c.Choose([]Entry{named(id), unified}, "", id)
		if err == nil && e.File != id {
			t.Fatalf("%+v is chosen", e)
		}
	})
}

func FuzzCompareVersions(f *testing.F) {
	f.Add("123~rc1-1", "123-a", "6.18")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		if CompareVersions(a, b) != -CompareVersions(b, a) {
			t.Fatalf("%q and %q", a, b)
		}
		if CompareVersions(a, b) < 0 && CompareVersions(b, c) < 0 && CompareVersions(a, c) >= 0 {
			t.Fatalf("%q, %q, %q", a, b, c)
		}
	})
}
