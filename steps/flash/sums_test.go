package flash

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"auto-installer/steps/internal/sys"
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
		{"flag", map[string]string{"a.iso.sha256": sumB}, strings.ToUpper(sumA), Checksum{sumA, "--sha256"}, ""},
		{"bad flag", nil, sumA[:63], Checksum{}, "is no SHA-256"},
		{"bare", map[string]string{"a.iso.sha256": sumA + "\n"}, "", Checksum{sumA, "a.iso.sha256"}, ""},
		{"sha256sum", map[string]string{"a.iso.sha256": sumA + "  a.iso\n"}, "", Checksum{sumA, "a.iso.sha256"}, ""},
		{"binary", map[string]string{"a.iso.sha256": sumA + " *a.iso\r\n"}, "", Checksum{sumA, "a.iso.sha256"}, ""},
		{"BSD", map[string]string{"a.iso.sha256sum": "SHA256 (a.iso) = " + sumA}, "", Checksum{sumA, "a.iso.sha256sum"}, ""},
		{"with a path", map[string]string{"a.iso.sha256": sumA + "  /nix/store/x/iso/a.iso\n"}, "", Checksum{sumA, "a.iso.sha256"}, ""},
		{"renamed", map[string]string{"a.iso.sha256": sumA + "  nixos-minimal.iso\n"}, "", Checksum{sumA, "a.iso.sha256"}, ""},
		{"a list", map[string]string{"SHA256SUMS": sumB + "  b.iso\n" + sumA + "  a.iso\n"}, "", Checksum{sumA, "SHA256SUMS"}, ""},
		{"a signed list", map[string]string{"SHA256SUMS": "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n" + sumA + "  a.iso\n-----BEGIN PGP SIGNATURE-----\nabc\n"}, "", Checksum{sumA, "SHA256SUMS"}, ""},
		{"a list without it", map[string]string{"SHA256SUMS": sumB + "  b.iso\n" + sumA + "\n"}, "", Checksum{}, ""},
		{"its own before a list", map[string]string{"SHA256SUMS": sumB + "  a.iso\n", "a.iso.sha256": sumA}, "", Checksum{sumA, "a.iso.sha256"}, ""},
		{"empty", map[string]string{"a.iso.sha256": ""}, "", Checksum{}, "no SHA-256 in it"},
		{"another checksum", map[string]string{"a.iso.sha256": sumA[:40] + "  a.iso\n"}, "", Checksum{}, "no SHA-256 in it"},
		{"two", map[string]string{"a.iso.sha256": sumA + "  a.iso\n" + sumB + "  a.iso\n"}, "", Checksum{}, "several checksums"},
		{"two of others", map[string]string{"a.iso.sha256": sumA + "  b.iso\n" + sumB + "  c.iso\n"}, "", Checksum{}, "several checksums"},
		{"twice the same", map[string]string{"a.iso.sha256": sumA + "  a.iso\n" + sumA + "  a.iso\n"}, "", Checksum{sumA, "a.iso.sha256"}, ""},
		{"large", map[string]string{"a.iso.sha256": strings.Repeat(" ", maxSums+1)}, "", Checksum{}, "more than 1048576 bytes"},
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
