package flash

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"auto-installer/internal/sys"
)

var (
	sumA = strings.Repeat("0a", 32)
	sumB = strings.Repeat("0b", 32)
)

func TestExpect(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
		flag  string
		want  Checksum
		fails string
	}{
		{"nothing", nil, "", Checksum{}, ""},
		{"flag", map[string]string{"a.iso.sha256": sumB}, strings.ToUpper(sumA), Checksum{Sum: sumA, From: "--sha256"}, ""},
		{"bad flag", nil, sumA[:63], Checksum{}, "is not a SHA-256"},
		{"bare", map[string]string{"a.iso.sha256": sumA + "\n"}, "", Checksum{Sum: sumA, From: "a.iso.sha256"}, ""},
		{"sha256sum", map[string]string{"a.iso.sha256": sumA + "  a.iso\n"}, "", Checksum{Sum: sumA, From: "a.iso.sha256"}, ""},
		{"binary", map[string]string{"a.iso.sha256": sumA + " *a.iso\r\n"}, "", Checksum{Sum: sumA, From: "a.iso.sha256"}, ""},
		{"with a path", map[string]string{"a.iso.sha256": sumA + "  /nix/store/x/iso/a.iso\n"}, "", Checksum{Sum: sumA, From: "a.iso.sha256"}, ""},
		{"renamed", map[string]string{"a.iso.sha256": sumA + "  nixos-minimal.iso\n"}, "", Checksum{Sum: sumA, From: "a.iso.sha256"}, ""},
		{"a list", map[string]string{"SHA256SUMS": sumB + "  b.iso\n" + sumA + "  a.iso\n"}, "", Checksum{Sum: sumA, From: "SHA256SUMS"}, ""},
		{"a signed list", map[string]string{"SHA256SUMS": "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n" + sumA + "  a.iso\n-----BEGIN PGP SIGNATURE-----\nabc\n"}, "", Checksum{Sum: sumA, From: "SHA256SUMS"}, ""},
		{"a list without it", map[string]string{"SHA256SUMS": sumB + "  b.iso\n" + sumA + "\n"}, "", Checksum{Missing: "SHA256SUMS has no checksum of a.iso: nothing is compared"}, ""},
		{"an empty list", map[string]string{"SHA256SUMS": ""}, "", Checksum{Missing: "SHA256SUMS has no checksum of a.iso: nothing is compared"}, ""},
		{"a folder of Windows", map[string]string{"SHA256SUMS": sumA + " *C:\\iso\\a.iso\n"}, "", Checksum{Sum: sumA, From: "SHA256SUMS"}, ""},
		{"one space, a tab", map[string]string{"SHA256SUMS": sumB + " b.iso\n" + sumA + "\ta.iso\n"}, "", Checksum{Sum: sumA, From: "SHA256SUMS"}, ""},
		{"upper case", map[string]string{"SHA256SUMS": strings.ToUpper(sumA) + "  a.iso\n"}, "", Checksum{Sum: sumA, From: "SHA256SUMS"}, ""},
		{"another algorithm beside it", map[string]string{"SHA256SUMS": "# a.iso: 5 bytes\nMD5 (a.iso) = " + sumA[:32] + "\n" + sumA + "  a.iso\n"}, "", Checksum{Sum: sumA, From: "SHA256SUMS"}, ""},
		{"a line that is cut", map[string]string{"SHA256SUMS": sumB + "  b.iso\n" + sumA[:63] + "  a.iso\n"}, "", Checksum{Missing: "SHA256SUMS has no checksum of a.iso: nothing is compared"}, ""},
		{"only another algorithm", map[string]string{"a.iso.sha256": "MD5 (a.iso) = " + sumA[:32] + "\n"}, "", Checksum{}, "it has no SHA-256 of a.iso"},
		{"a longer name", map[string]string{"SHA256SUMS": sumA[:63] + "  xa.iso\n"}, "", Checksum{Missing: "SHA256SUMS has no checksum of a.iso: nothing is compared"}, ""},
		{"its own before a list", map[string]string{"SHA256SUMS": sumB + "  a.iso\n", "a.iso.sha256": sumA}, "", Checksum{Sum: sumA, From: "a.iso.sha256"}, ""},
		{"empty", map[string]string{"a.iso.sha256": ""}, "", Checksum{}, "no SHA-256 of"},
		{"another checksum", map[string]string{"a.iso.sha256": sumA[:40] + "  a.iso\n"}, "", Checksum{}, "it has no SHA-256 of a.iso"},
		{"two", map[string]string{"a.iso.sha256": sumA + "  a.iso\n" + sumB + "  a.iso\n"}, "", Checksum{}, "several checksums"},
		{"two of others", map[string]string{"a.iso.sha256": sumA + "  b.iso\n" + sumB + "  c.iso\n"}, "", Checksum{}, "several checksums"},
		{"twice the same", map[string]string{"a.iso.sha256": sumA + "  a.iso\n" + sumA + "  a.iso\n"}, "", Checksum{Sum: sumA, From: "a.iso.sha256"}, ""},
		{"large", map[string]string{"a.iso.sha256": strings.Repeat(" ", maxSums+1)}, "", Checksum{}, "larger than 1024 KiB"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range c.files {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			got, err := Expect(filepath.Join(dir, "a.iso"), c.flag)
			if c.fails != "" {
				code := sys.CodeSource
				if c.flag != "" {
					code = sys.CodeUsage
				}
				wantCode(t, err, code, c.fails)
			} else if err != nil {
				t.Error(err)
			}
			if got != c.want {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func FuzzSums(f *testing.F) {
	f.Add([]byte(sumA+"  a.iso\n"+sumB+" *b.iso\n"), true)
	f.Add([]byte("SHA256 (a.iso) = "+sumA), false)
	f.Add([]byte("\\"+sumA+"  a\\niso\n\r\n\t"+sumB), true)
	f.Fuzz(func(t *testing.T, list []byte, own bool) {
		sum, err := findSum(list, "a.iso", own)
		if err != nil && sum != "" {
			t.Fatalf("%q with %v", sum, err)
		}
		if sum == "" {
			return
		}
		if !bareSum.MatchString(sum) || !strings.Contains(strings.ToLower(string(list)), sum) {
			t.Fatalf("%q is not in the list", sum)
		}
		if !own && !strings.Contains(string(list), "a.iso") {
			t.Fatalf("%q is of another file", sum)
		}
	})
}
