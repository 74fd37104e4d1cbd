package hosts

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

const (
	joshRepo = "https://github.com/joshsymonds/nix-config.git"
	joshHome = "/mnt/home/joshsymonds/nix-config"
)

func TestEmbeddedHosts(t *testing.T) {
	want := map[string]func(*Host){
		"demo": func(h *Host) {
			h.Labels = Labels{EFI: "DEMO-EFI", Root: "DEMO-ROOT"}
			h.RepoRemote = "git://10.0.2.100/nix-config.git"
			h.RepoClonePath = "/mnt/etc/nix-config"
		},
		"stygianlibrary": func(h *Host) {
			h.Prebuilt = true
			h.Labels = Labels{EFI: "STYGIAN-EFI", Root: "STYGIAN-ROOT", LUKS: "STYGIAN-LUKS"}
			h.LUKS = LUKS{Enable: true, MapperName: "stygianlibrary"}
			h.ExtraMountDirs = []string{"persist", "models"}
			h.ExtraPostMountCommands = []string{
				"chmod 755 /mnt/persist", "chmod 755 /mnt/models", "install -d /mnt/persist/ollama",
			}
			h.RepoRemote, h.RepoClonePath = joshRepo, "/mnt/persist/nix-config"
			h.ExtraInitrdKernelModules = []string{"thunderbolt"}
			h.ExtraPackages = []string{"bolt"}
			h.ExtraBootCommands = `for device in /sys/bus/thunderbolt/devices/*/authorized; do
  if [ -e "$device" ]; then
    echo 1 > "$device" || true
  fi
done
`
		},
		"ultraviolet": func(h *Host) {
			h.Labels = Labels{EFI: "UV-EFI", Root: "UV-ROOT", Swap: "UV-SWAP"}
			h.Swap = Swap{Enable: true, Size: "9G"}
			h.RepoRemote, h.RepoClonePath, h.TargetUser = joshRepo, joshHome, "joshsymonds"
		},
		"vermissian": func(h *Host) {
			h.Labels = Labels{EFI: "VM-EFI", Root: "VM-ROOT", Swap: "VM-SWAP"}
			h.Swap = Swap{Enable: true, Size: "32G"}
			h.RepoRemote, h.RepoClonePath, h.TargetUser = joshRepo, joshHome, "joshsymonds"
		},
	}
	for name, set := range want {
		if !slices.Contains(Names(), name) {
			t.Errorf("%s is not embedded", name)
		}
		expected := Default()
		expected.TargetHost = name
		set(&expected)
		got, err := Load(name)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		expected.BannerText = got.BannerText // its look is checked below
		if !reflect.DeepEqual(got, expected) {
			t.Errorf("%s:\n got %+v\nwant %+v", name, got, expected)
		}
	}
}

// consoleGlyphs is what the kernel's 8x16 font shows, beyond ASCII.
const consoleGlyphs = "─│┌┐└┘═║╔╗╚╝█▓▒░■"

func TestBannersFitTheConsole(t *testing.T) {
	art, err := os.ReadFile("../assets/banner.txt")
	if err != nil {
		t.Fatal(err)
	}
	banners := map[string]string{"assets/banner.txt": string(art)}
	if n := strings.Count(string(art), "\n"); n > 8 {
		t.Errorf("assets/banner.txt has %d lines, not at most 8", n)
	}
	for _, name := range Names() {
		h, err := Load(name)
		if err != nil {
			t.Fatal(err)
		}
		banners[name] = h.BannerText
	}
	for name, banner := range banners {
		if !strings.Contains(banner, "█") {
			t.Errorf("%s has no block letters", name)
		}
		for line := range strings.Lines(banner) {
			line = strings.TrimSuffix(line, "\n")
			if n := columns(line); n > 78 {
				t.Errorf("%s: %d columns: %s", name, n, line)
			}
			for _, r := range line {
				if (r < ' ' || r > '~') && !strings.ContainsRune(consoleGlyphs, r) {
					t.Errorf("%s: the console may not show %q", name, r)
				}
			}
		}
	}
}

func TestLoad(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "host.toml")
	write := func(file, text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(file, minimal)
	for _, path := range []string{folder, folder + "/", file} {
		if h, err := Load(path); err != nil || h.TargetHost != "box" {
			t.Errorf("%s: %v, %v", path, h, err)
		}
	}
	t.Chdir(folder)
	if _, err := Load("host.toml"); err != nil {
		t.Errorf("a bare file name: %v", err)
	}

	write(filepath.Join(folder, "big.toml"), strings.Repeat("#", maxSize+1))
	write(filepath.Join(folder, "bad.toml"), "powerOff = 1\n"+minimal)
	for path, want := range map[string]string{
		"nobody":    `unknown host "nobody"; allowed: ` + strings.Join(Names(), ", ") + `, or the path of a host.toml`,
		"..":        `unknown host ".."; allowed: ` + strings.Join(Names(), ", ") + `, or the path of a host.toml`,
		"":          `unknown host ""; allowed: ` + strings.Join(Names(), ", ") + `, or the path of a host.toml`,
		"./none":    `./none: cannot be read: no such file or directory`,
		"/dev/zero": `/dev/zero: not a regular file; allowed: a file, or a folder that holds host.toml`,
		"big.toml":  `big.toml: is larger than 1 MiB; allowed: a host definition of at most 1 MiB`,
		"bad.toml":  `bad.toml:1: powerOff: 1 is an integer; allowed: true or false`,
	} {
		_, err := Load(path)
		if err == nil || err.Error() != want {
			t.Errorf("%s:\n got %v\nwant %s", path, err, want)
			continue
		}
		if hinted, ok := err.(interface{ Hint() string }); !ok || hinted.Hint() == "" {
			t.Errorf("%s: no hint", path)
		}
	}
	if _, err := Load("./none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v is not fs.ErrNotExist", err)
	}
}

func TestDefaultsFillTheRest(t *testing.T) {
	got, err := Parse("host.toml", []byte(minimal))
	if err != nil {
		t.Fatal(err)
	}
	want := Host{
		TargetHost: "box", Labels: Labels{EFI: "B-EFI", Root: "b-root"}, RepoRemote: "git@example.org:nix.git",
		LUKS: LUKS{MapperName: "cryptroot"}, Swap: Swap{Size: "8G"}, RepoClonePath: "/mnt/nix-config",
		PowerOff: true, TargetUID: 1000, TargetGID: 100, Keymap: "us",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf(" got %+v\nwant %+v", got, want)
	}
}

func TestMountDirs(t *testing.T) {
	h := Host{ExtraMountDirs: []string{"persist", "/mnt//models/", "a/./b", "mnt"}}
	want := []string{"/mnt/persist", "/mnt/models", "/mnt/a/b", "/mnt/mnt"}
	if got := h.MountDirs(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSwapBytes(t *testing.T) {
	for size, want := range map[string]int64{
		"8G": 8 << 30, "1M": 1 << 20, "1024K": 1 << 20, "1536k": 3 << 19, "2T": 2 << 40, "1p": 1 << 50, "08g": 8 << 30,
		"8191P": 8191 << 50,
		"":      0, "0G": 0, "1023K": 0, "8": 0, "8192P": 0, "99999999999999999999G": 0, "-1G": 0, "+8G": 0,
		"1.5G": 0, "8GB": 0, "8 G": 0, "G": 0, "8E": 0, "٣G": 0, "8G\n": 0, "KG": 0,
	} {
		got, err := Host{Swap: Swap{Size: size}}.SwapBytes()
		if got != want || (err == nil) != (want > 0) {
			t.Errorf("%q: %d, %v; want %d", size, got, err, want)
		}
	}
}

func TestSwapBesideLUKSIsRandomEncrypted(t *testing.T) {
	for _, luks := range []bool{false, true} {
		for _, swap := range []bool{false, true} {
			h := Host{LUKS: LUKS{Enable: luks}, Swap: Swap{Enable: swap}}
			if got := h.SwapIsRandomEncrypted(); got != (luks && swap) {
				t.Errorf("luks %v, swap %v: %v", luks, swap, got)
			}
		}
	}
}
