package hosts

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"
)

// valid gives a host on which Validate finds nothing, for tests to spoil.
func valid() Host {
	h := Default()
	h.TargetHost = "box"
	h.Labels = Labels{EFI: "B-EFI", Root: "b-root", LUKS: "b-luks", Swap: "b-swap"}
	h.LUKS.Enable, h.Swap.Enable = true, true
	h.RepoRemote = "https://example.org/nix.git"
	return h
}

func TestValidHost(t *testing.T) {
	if problems := valid().Validate(); problems != nil {
		t.Fatal(Errors(problems))
	}
}

// TestRules tries values of one option each. Those refused are to give one
// problem, under that option's key.
func TestRules(t *testing.T) {
	long := func(n int) string { return strings.Repeat("a", n) }
	for _, rule := range []struct {
		key      string
		set      func(*Host, string)
		accepted []string
		refused  []string
	}{
		{
			"targetHost", func(h *Host, v string) { h.TargetHost = v },
			[]string{"a", "9front", "my_box-2", long(63)},
			[]string{"", "-a", "a-", "a.b", "a b", "a\n", "ä", "a#b", "a\"", "a\xff", long(64)},
		},
		{
			"labels.efi", func(h *Host, v string) { h.Labels.EFI = v },
			[]string{"E", "0_A-B", strings.Repeat("E", 11)},
			[]string{"", "efi", "E.F", "E F", "É", "-E", "_E", strings.Repeat("E", 12)},
		},
		{
			"labels.root", func(h *Host, v string) { h.Labels.Root = v },
			[]string{"r", "R.o#o+t=:@", long(16)},
			[]string{"", "a b", "a/b", `a\b`, `a"b`, "a'b", "a*b", "a,b", "..", "-a", "ä", "a\x00", long(17)},
		},
		{
			"labels.luks", func(h *Host, v string) { h.Labels.LUKS = v },
			[]string{"l", long(36)},
			[]string{"", "B-ROOT", "b-efi", "a b", long(37)},
		},
		{
			"labels.swap", func(h *Host, v string) { h.Labels.Swap = v },
			[]string{"s", long(15)},
			[]string{"", "B-LUKS", "a/b", long(16)},
		},
		{
			"luks.mapperName", func(h *Host, v string) { h.LUKS.MapperName = v },
			[]string{"c", "a_B.+-9", long(127)},
			[]string{"", "control", "-c", ".", "..", "a/b", "a b", "é", long(128)},
		},
		{
			"swap.size", func(h *Host, v string) { h.Swap.Size = v },
			[]string{"1M", "32g", "2T"},
			[]string{"", "8", "0G", "1023K", "9999P", "8GiB", "+8G"},
		},
		{
			"extraMountDirs[1]", func(h *Host, v string) { h.ExtraMountDirs = []string{v} },
			[]string{"persist", "/mnt/persist/", "a b", "..a", "mnt", "/mnt/nix-config"},
			[]string{
				"", "/mnt", "/mnt/", ".", "..", "a/../b", "/", "/persist", "/mntx/a", "a\nb", "a\x00", "a\xff",
				"/mnt/../etc", "nix-config/sub",
			},
		},
		{
			"extraPostMountCommands[1]", func(h *Host, v string) { h.ExtraPostMountCommands = []string{v} },
			[]string{"true", "a\nb"},
			[]string{"", " \n", "a\x00", "\xff"},
		},
		{
			"extraBootCommands", func(h *Host, v string) { h.ExtraBootCommands = v },
			[]string{"", "a\nb\n"},
			[]string{"a\x00", "\xff"},
		},
		{
			"repoRemote", func(h *Host, v string) { h.RepoRemote = v },
			[]string{
				"https://example.org/a.git", "ssh://git@example.org:22/a.git", "ssh://example.org/~/a", "git://10.0.2.100/a",
				"git+ssh://git@example.org/a", "git@github.com:o/r.git", "host:path", "file:///srv/a", "/srv/a",
				"ssh://git@[::1]:22/a", "git://[fe80::1]/a", "C:/a", "nas:a.git", "my-github:me/c", "git@github:me/c", "github.com:me/c",
			},
			[]string{
				"", "-u", "--upload-pack=x", "http://example.org/a", "ftp://example.org/a", "https://u:p@example.org/a",
				"https://token@example.org/a", "ssh://u:p@example.org/a", "ssh://-oProxyCommand=x/a", "ssh://-o@h/a", "-o@h:a", "u@-h:a",
				"https://example.org/a?ref=x", "https://example.org/a#x", "https:///a", "https://example.org", "file://host/a",
				"ext::sh -c id", "ext::id", "a b", "a\nb", "relative/path", "u:p@h:a", "git@[::1]:r.git", "host:", "https://[", "a@b",
				"HTTPS://example.org/a", "Ssh://git@example.org/a", `C:\a`, `host:a\b`,
				"github:me/c", "gitlab:me/c", "sourcehut:~me/c", "path:/a", "flake:c", "git+https://h/a", "git+file:///a", "https:/h/a", "file:/a",
			},
		},
		{
			"repoRef", func(h *Host, v string) { h.RepoRef = v },
			[]string{"", "main", "v1.2", "release/25.05", "refs/heads/x", long(40)},
			[]string{
				"-x", "a..b", "a b", "a~1", "a^", "a:b", "a?", "a*", "a[", `a\b`, "@", "a@{1}", "/a", "a/", "a//b", ".a", "a/.b", "a.",
				"a.lock", "a.lock/b", "a\n", "a\x7f", "a\xff", long(256),
			},
		},
		{
			"repoClonePath", func(h *Host, v string) { h.RepoClonePath = v },
			[]string{"/mnt/x", "/mnt/home/me/nix-config", "/mnt/nixos", "/mnt/bootstrap", "/mnt//etc/nixos/"},
			[]string{
				"", "x", "/", "/mnt", "/mnt/", "/mnt/.", "/etc", "/mntx", "/mnt/a/../b", "/mnt/nix", "/mnt/nix/x", "/mnt/boot",
				"/mnt//boot/x", "/mnt/run/x", "/mnt/a b", "/mnt/a#b", "/mnt/a?b", "/mnt/a\n",
			},
		},
		{
			"extraInitrdKernelModules[1]", func(h *Host, v string) { h.ExtraInitrdKernelModules = []string{v} },
			[]string{"thunderbolt", "dm-crypt", "8021q"},
			[]string{"", "-a", "a b", "a.ko", "a/b"},
		},
		{
			"extraPackages[1]", func(h *Host, v string) { h.ExtraPackages = []string{v} },
			[]string{"bolt", "python3Packages.requests", "_7zz", "a'"},
			[]string{"", ".", "a.", ".a", "7zip", "-a", "a b", "a;b", "a..b", "é"},
		},
		{
			"bannerText", func(h *Host, v string) { h.BannerText = v },
			[]string{"", "a\n█\n", strings.Repeat("═", 81), strings.Repeat("═", 85), strings.Repeat("═", 132), strings.Repeat("界", 66)},
			[]string{"\t", "a\r\n", "\x1b[2J", "\u202e", "\xff", long(133), "ok\n" + strings.Repeat("界", 67)},
		},
		{
			"targetUser", func(h *Host, v string) { h.TargetUser = v },
			[]string{"", "joshsymonds", "_a-9", long(32)},
			[]string{"root", "Josh", "9a", "-a", "a b", "a:b", "a/b", "..", long(33)},
		},
		{
			"keymap", func(h *Host, v string) { h.Keymap = v },
			[]string{"us", "de-latin1", "i386/qwerty/us", "dvorak.map.gz"},
			[]string{"", "../us", "a..b", "/etc/shadow", "-u", "a b", "a;b"},
		},
	} {
		for _, value := range rule.accepted {
			h := valid()
			rule.set(&h, value)
			if problems := h.Validate(); problems != nil {
				t.Errorf("%s: %q is refused: %v", rule.key, value, Errors(problems))
			}
		}
		for _, value := range rule.refused {
			h := valid()
			rule.set(&h, value)
			problems := h.Validate()
			if len(problems) != 1 || problems[0].Key != rule.key || problems[0].Allowed == "" || problems[0].Hint() == "" {
				t.Errorf("%s: %q gives %q", rule.key, value, Errors(problems))
			}
		}
	}
}

func TestIDs(t *testing.T) {
	for _, test := range []struct {
		user     string
		uid, gid int
		bad      string
	}{
		{"me", 1, 65533, ""},
		{"root", 0, 0, ""},
		{"root", 0, 100, ""},
		{"me", 0, 100, "targetUid"},
		{"", 1000, 0, "targetGid"},
		{"me", -1, 100, "targetUid"},
		{"me", 1000, 65534, "targetGid"},
	} {
		h := valid()
		h.TargetUser, h.TargetUID, h.TargetGID = test.user, test.uid, test.gid
		problems := h.Validate()
		if test.bad == "" && problems != nil || test.bad != "" && (len(problems) != 1 || problems[0].Key != test.bad) {
			t.Errorf("%+v: %v", test, Errors(problems))
		}
	}
}

func TestPrebuiltNeedsNoRemote(t *testing.T) {
	h := valid()
	h.Prebuilt, h.RepoRemote = true, ""
	if problems := h.Validate(); problems != nil {
		t.Error(Errors(problems))
	}
}

func TestPasswordIsNotShown(t *testing.T) {
	for _, remote := range []string{
		"https://me:hunter2@example.org/a", "ftp://me:hunter2@h/a", "me:hunter2@host:a", "https://me:hunter2@[/a", "-hunter2",
		"https://hunter2@example.org/a", "github:me:hunter2@x/c", "git+https://me:hunter2@h/c", "x::hunter2", "https://me:hunter2 @h/a", "https://me:hunter2@h", "HTTP://hunter2:x@h/",
	} {
		h := valid()
		h.RepoRemote = remote
		problems := Errors(h.Validate())
		if len(problems) != 1 || strings.Contains(problems.Error()+problems.Hint(), "hunter2") {
			t.Errorf("%q", problems)
		}
	}
}

func TestFlakeReference(t *testing.T) {
	h := valid()
	h.RepoRemote = "github:me/c"
	problems := Errors(h.Validate())
	if len(problems) != 1 || !strings.Contains(problems.Hint(), "https://github.com/ME/c.git, or git@github.com:ME/c.git") {
		t.Errorf("%v; hint: %s", problems, problems.Hint())
	}
}

// Any name gives labels that are valid.
func TestLabelsFor(t *testing.T) {
	for _, tt := range []struct{ name, efi, root string }{
		{"vega", "VEGA-EFI", "VEGA-ROOT"},
		{"stygianlibrary", "STYGIAN-EFI", "STYGIANLIBR-ROOT"},
		{"_-_x", "X-EFI", "X-ROOT"},
		{"__", "HOST-EFI", "HOST-ROOT"},
		{"7of9", "7OF9-EFI", "7OF9-ROOT"},
	} {
		h := Default()
		h.TargetHost, h.RepoRemote = tt.name, "git@example.org:x"
		h.LUKS.Enable, h.Swap.Enable = true, true
		h.Labels = LabelsFor(tt.name, true, true)
		if h.Labels.EFI != tt.efi || h.Labels.Root != tt.root {
			t.Errorf("%s: %+v", tt.name, h.Labels)
		}
		for _, e := range h.Validate() {
			if e.Key != "targetHost" {
				t.Errorf("%s: %v", tt.name, e)
			}
		}
	}
	if l := LabelsFor("x", false, false); l.LUKS != "" || l.Swap != "" {
		t.Errorf("%+v", l)
	}
}

// invalidCases is testdata/invalid.toml.
type invalidCases struct {
	Base map[string]any
	Case []struct {
		Set  map[string]any
		Says []string
	}
}

func TestInvalidHosts(t *testing.T) {
	data, err := os.ReadFile("testdata/invalid.toml")
	if err != nil {
		t.Fatal(err)
	}
	var all invalidCases
	if err := toml.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	if len(all.Case) < 100 {
		t.Errorf("only %d cases", len(all.Case))
	}
	if bad := hostOf(t, all.Base).Validate(); len(bad) > 0 {
		t.Errorf("the base is invalid: %v", bad)
	}
	for _, c := range all.Case {
		said := []string{}
		for _, e := range hostOf(t, all.Base, c.Set).Validate() {
			said = append(said, e.Error())
		}
		if !slices.Equal(said, c.Says) {
			t.Errorf("%v says\n%s\nwant\n%s", c.Set, strings.Join(said, "\n"), strings.Join(c.Says, "\n"))
		}
	}
}

// hostOf is a host with the defaults and what the tables set, the last first.
func hostOf(t *testing.T, tables ...map[string]any) Host {
	t.Helper()
	h := Default()
	for _, table := range tables {
		data, err := toml.Marshal(table)
		if err != nil {
			t.Fatal(err)
		}
		if err := toml.Unmarshal(data, &h); err != nil {
			t.Fatal(err)
		}
	}
	return h
}
