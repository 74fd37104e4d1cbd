package encrypt

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"auto-installer/internal/engine/enginetest"
	"auto-installer/internal/sys"
)

// header is the output of `cryptsetup luksDump --dump-json-metadata`, shortened.
const header = `{"keyslots":{"0":{"type":"luks2","key_size":64,"af":{"type":"luks1","stripes":4000,"hash":"sha256"},
"area":{"type":"raw","offset":"32768","size":"258048","encryption":"aes-xts-plain64","key_size":64},
"kdf":{"type":"argon2id","time":4,"memory":1024,"cpus":2,"salt":"uvyP5nb4JmVI7CCftoZpk0n7s3zLYb2rDy05Qflb7Rs="}}},"tokens":{},
"segments":{"0":{"type":"crypt","offset":"16777216","size":"dynamic","iv_tweak":"0","encryption":"aes-xts-plain64","sector_size":4096}},
"digests":{"0":{"type":"pbkdf2","keyslots":["0"],"segments":["0"]}},"config":{"json_size":"12288","keyslots_size":"16744448"}}`

func TestGenuine(t *testing.T) {
	for _, c := range []struct{ name, was, is, bad string }{
		{name: "ours"},
		{"a keyslot that any passphrase opens", `"258048","encryption":"aes-xts-plain64"`, `"258048","encryption":"cipher_null-ecb"`, "with cipher_null-ecb"},
		{"the same in the kernel's words", `"258048","encryption":"aes-xts-plain64"`, `"258048","encryption":"capi:ecb(cipher_null)-plain"`, "keyslot 0 is"},
		{"data in the clear", `"0","encryption":"aes-xts-plain64"`, `"0","encryption":"cipher_null-ecb"`, "its data is crypt with cipher_null-ecb"},
		{"a linear segment", `"type":"crypt"`, `"type":"linear"`, "its data is linear"},
		{"a weak key derivation", `"argon2id"`, `"pbkdf2"`, "(pbkdf2)"},
		{"half encrypted", `"keyslots":{`, `"keyslots":{"1":{"type":"reencrypt","area":{"type":"checksum"}},`, "keyslot 1 is reencrypt"},
		{"a second segment", `"segments":{`, `"segments":{"1":{"type":"linear"},`, "2 segments"},
		{"another segment", `"segments":{"0"`, `"segments":{"1"`, "1 segments"},
		{"requirements", `"config":{`, `"config":{"requirements":{"mandatory":["online-reencrypt"]},`, "features"},
		{"escape sequences", `"argon2id"`, `"\u001b[2J"`, "keyslot 0"},
		{"no keyslots", `"keyslots":{`, `"none":{`, "no keyslot"},
		{"not JSON", `{"keyslots"`, `"keyslots"`, "invalid header"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := genuine([]byte(strings.Replace(header, c.was, c.is, 1)))
			if (err != nil) != (c.bad != "") || err != nil && (!strings.Contains(err.Error(), c.bad) || strings.Contains(err.Error(), "\x1b")) {
				t.Errorf("%v", err)
			}
		})
	}
}

func FuzzGenuine(f *testing.F) {
	f.Add([]byte(header))
	f.Add([]byte(`{"keyslots":{"0":null},"segments":{"0":null}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if genuine(data) == nil && (bytes.Contains(data, []byte("cipher_null-ecb")) && !bytes.Contains(data, []byte(cipher))) {
			t.Errorf("%q", data)
		}
	})
}

// A container that opens with any passphrase is refused, with the header that the real
// cryptsetup prints. One that Ops created is not.
func TestForgedContainer(t *testing.T) {
	dir := t.TempDir()
	undos, err := sys.OpenUndoStack(filepath.Join(dir, "undo.json"))
	if err != nil {
		t.Fatal(err)
	}
	m := &sys.Machine{Reporter: sys.Silent{}, Undos: undos}
	o := Options{Device: filepath.Join(dir, "luks.img"), Label: "T-LUKS", Passphrase: []byte(secret)}
	if err := errors.Join(os.WriteFile(o.Device, nil, 0o600), os.Truncate(o.Device, 32<<20)); err != nil {
		t.Fatal(err)
	}
	quick := formatCmd(o)
	quick.Argv = append(quick.Argv[:len(quick.Argv)-1:len(quick.Argv)-1],
		"--pbkdf-memory", "32768", "--pbkdf-force-iterations", "4", "--pbkdf-parallel", "1", o.Device)
	if err := m.Run(t.Context(), quick); err != nil {
		t.Fatal(err)
	}
	if err := enginetest.Check(t.Context(), m, TryOps(o)...); err != nil {
		t.Errorf("a genuine one: %v", err)
	}
	forge(t, o.Device)
	fault, ok := errors.AsType[*sys.Fault](enginetest.Check(t.Context(), m, TryOps(o)...))
	if !ok || fault.Code != sys.CodeUsage || !strings.Contains(fault.Cause, "keyslot 0 is luks2 with cipher_null-ecb") || !strings.Contains(fault.Hint, "--start-over") {
		t.Errorf("%+v", fault)
	}
}

// forge removes the encryption from the keyslot in both headers.
func forge(t *testing.T, file string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	const size, text, checksum = 16 << 10, 4096, 448 // of a header, and where its parts start
	for _, h := range [][]byte{b[:size], b[size : 2*size]} {
		forged := bytes.Replace(bytes.TrimRight(h[text:], "\x00"), []byte(`"encryption":"`+cipher), []byte(`"encryption":"cipher_null-ecb`), 1)
		clear(h[text:])
		copy(h[text:], forged)
		clear(h[checksum : checksum+64])
		sum := sha256.Sum256(h)
		copy(h[checksum:], sum[:])
	}
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
