package secrets

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"strings"
	"testing"

	"filippo.io/age"
	"filippo.io/age/armor"
	"filippo.io/age/plugin"
)

// The first line of a file that is not encrypted may be a key.
func TestHeaderErrorQuotesNothing(t *testing.T) {
	for _, text := range []string{
		"AGE-SECRET-KEY-1N9JEPW6DWJ0ZQUDX63F5A03GX8QUW7PXDE39N8UYF82VZ9PC8UFS3M7XA9\n", "secret", "age-encryption.org/v1\n-> secret\nsecret\n",
		"age-encryption.org/v1\nsecret\n", "-----BEGIN AGE ENCRYPTED FILE-----\nsecret\n-----END AGE ENCRYPTED FILE-----\n",
	} {
		_, err := ReadHeader(strings.NewReader(text))
		if err == nil || strings.Contains(strings.ToLower(err.Error()), "secret") {
			t.Errorf("%q: %v", text, err)
		}
		if _, err := Open([]byte(text), []byte("x")); err == nil || strings.Contains(strings.ToLower(err.Error()), "secret") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// encrypt makes an age file for these public keys.
func encrypt(t testing.TB, armored bool, to ...string) []byte {
	t.Helper()
	rs, err := ParseRecipients(to)
	if err != nil {
		t.Fatal(err)
	}
	data, err := Encrypt([]byte("content"), armored, Recipients(rs)...)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

type testKey struct {
	public string
	held   *Held
}

func held(t *testing.T, file []byte) *Held {
	t.Helper()
	k, err := ParseHeld(file, Ask{})
	if err != nil || len(k) != 1 {
		t.Fatal(err, len(k))
	}
	return k[0]
}

func testKeys(t *testing.T) map[string]testKey {
	keys := map[string]testKey{}
	for _, name := range []string{"a", "b", "c"} {
		id, err := NewIdentity()
		if err != nil {
			t.Fatal(err)
		}
		keys[name] = testKey{id.Recipient(), held(t, id.File())}
	}
	for _, name := range []string{"ssh", "ssh2"} {
		private, public := newKey(t, "")
		keys[name] = testKey{public, held(t, private)}
		converted, err := recipientFromSSH(public)
		if err != nil {
			t.Fatal(err)
		}
		keys[name+"-age"] = testKey{converted, keys[name].held}
	}
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	keys["rsa"] = testKey{authorized(t, &r.PublicKey), held(t, marshalKey(t, r, ""))}
	for _, name := range []string{"pq", "pq2"} {
		pq, err := age.GenerateHybridIdentity()
		if err != nil {
			t.Fatal(err)
		}
		keys[name] = testKey{pq.Recipient().String(), held(t, []byte(pq.String()))}
	}
	p, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point := p.PublicKey().Bytes()
	keys["tag"] = testKey{public: plugin.EncodeRecipient("tag", append([]byte{2 + point[64]&1}, point[1:33]...))}
	return keys
}

func TestHeader(t *testing.T) {
	keys := testKeys(t)
	public := func(names string) (list []string) {
		for _, n := range strings.Fields(names) {
			list = append(list, keys[n].public)
		}
		return list
	}
	for _, c := range []struct {
		to, wanted, held string
		is               Verdict
		lacking          int
	}{
		{"ssh", "ssh", "", Yes, 0},
		{"ssh rsa", "rsa ssh", "", Yes, 0},
		{"ssh rsa tag", "tag rsa ssh", "", Unknown, 0},
		{"ssh", "ssh2", "", No, 1},
		{"ssh ssh2", "ssh", "", No, 0},
		{"ssh", "ssh rsa", "", No, 1},
		{"tag", "tag ssh", "", No, 1},
		{"tag ssh", "ssh", "", No, 0},
		{"a", "a", "", Unknown, 0},
		{"a", "a", "a", Yes, 0},
		{"a", "b", "a", No, 0},
		{"a", "b", "b", No, 0},
		{"a b", "a b", "a", Unknown, 0},
		{"a b", "a b", "a b", Yes, 0},
		{"a b", "a c", "a", Unknown, 0},
		{"a b", "a c", "b", No, 0},
		{"a b", "a", "", No, 0},
		{"a", "a b", "", No, 1},
		{"a", "ssh", "", No, 1},
		{"a ssh", "a ssh", "", Unknown, 0},
		{"a ssh", "a ssh", "a", Yes, 0},
		{"ssh-age", "ssh-age", "ssh", Yes, 0},
		{"ssh", "ssh-age", "ssh", No, 1},
		{"ssh-age", "ssh", "ssh", No, 1},
		{"ssh-age a", "ssh-age a", "ssh a", Yes, 0},
		{"pq", "pq", "", Unknown, 0},
		{"pq", "pq", "pq", Yes, 0},
		{"pq pq2", "pq", "", No, 0},
		{"pq", "a", "a", No, 1},
	} {
		t.Run(c.to+" for "+c.wanted+" with "+c.held, func(t *testing.T) {
			wanted, err := ParseRecipients(public(c.wanted))
			if err != nil {
				t.Fatal(err)
			}
			var have []*Held
			for _, n := range strings.Fields(c.held) {
				have = append(have, keys[n].held)
			}
			for _, armored := range []bool{false, true} {
				file := encrypt(t, armored, public(c.to)...)
				if armored {
					file = append([]byte("\r\n \n"), file...)
				}
				h, err := ReadHeader(bytes.NewReader(file))
				if err != nil || h.Armored != armored {
					t.Fatal(err, h)
				}
				if got := h.IsFor(wanted, have...); got != c.is {
					t.Errorf("armored %v: it is for them: %v, not %v", armored, got, c.is)
				}
				if got := h.Lacking(wanted); got != c.lacking {
					t.Errorf("%d lacking, not %d", got, c.lacking)
				}
				for name, k := range keys {
					if k.held == nil {
						continue
					}
					want := strings.Contains(" "+c.to+" ", " "+name+" ")
					for _, n := range strings.Fields(c.to) {
						want = want || keys[n].held == k.held
					}
					if err := CanOpen(bytes.NewReader(file), k.held); want && err != nil || !want && !errors.Is(err, ErrCannotOpen) {
						t.Errorf("%s opens it: %v, wanted %v", name, err, want)
					}
				}
			}
		})
	}
}

func TestOpenableBy(t *testing.T) {
	keys := testKeys(t)
	h, err := ReadHeader(bytes.NewReader(encrypt(t, false, keys["a"].public, keys["ssh"].public)))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]Verdict{"a": Unknown, "b": Unknown, "ssh": Yes, "ssh2": No, "rsa": No, "pq": No, "tag": Unknown} {
		r, err := ParseRecipient(keys[name].public)
		if err != nil {
			t.Fatal(err)
		}
		if got := h.OpenableBy(r); got != want {
			t.Errorf("%s: %v, not %v", name, got, want)
		}
	}
	yubikey, err := ParseRecipient(plugin.EncodeRecipient("yubikey", []byte("0123456789abcdef")))
	if err != nil || h.OpenableBy(yubikey) != Unknown || h.IsFor([]*Recipient{yubikey}) != Unknown {
		t.Errorf("a plugin's: %v", err)
	}
	if err := h.CanOpen(); !errors.Is(err, ErrCannotOpen) {
		t.Error(err)
	}
}

// CanOpen reads no payload.
func TestCanOpenWithoutPayload(t *testing.T) {
	k := testKeys(t)["a"]
	file := encrypt(t, false, k.public)
	cut := bytes.Index(file, []byte("\n--- ")) + 5 + 43 + 1
	if err := CanOpen(bytes.NewReader(file[:cut]), k.held); err != nil {
		t.Error(err)
	}
	damaged := bytes.Clone(file[:cut])
	damaged[cut-10] ^= 1 // the header's MAC
	if err := CanOpen(bytes.NewReader(damaged), k.held); err == nil || errors.Is(err, ErrCannotOpen) {
		t.Errorf("a damaged header: %v", err)
	}
	for _, bad := range []string{"", "horse", "age-encryption.org/v1\n", armor.Header + "\n", armor.Header + "\n" + armor.Footer} {
		if _, err := ReadHeader(strings.NewReader(bad)); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestHeldWithPassphrase(t *testing.T) {
	private, public := newKey(t, "horse")
	asked := 0
	ks, err := ParseHeld(private, Ask{Passphrase: answer("horse", &asked)})
	if err != nil {
		t.Fatal(err)
	}
	other := testKeys(t)["ssh"]
	if err := CanOpen(bytes.NewReader(encrypt(t, false, other.public)), ks[0]); !errors.Is(err, ErrCannotOpen) || asked != 0 {
		t.Errorf("%v, asked %d times for another's file", err, asked)
	}
	converted, err := recipientFromSSH(public)
	if err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{public, converted, public} {
		if err := CanOpen(bytes.NewReader(encrypt(t, false, to)), ks[0]); err != nil || asked != 1 {
			t.Errorf("%v, asked %d times", err, asked)
		}
	}
	wrong, err := ParseHeld(private, Ask{Passphrase: answer("donkey", &asked)})
	if err != nil {
		t.Fatal(err)
	}
	if err := CanOpen(bytes.NewReader(encrypt(t, false, public)), wrong[0]); !errors.Is(err, ErrWrongPassphrase) || asked != 1+tries {
		t.Error(err)
	}
}

func TestParseHeld(t *testing.T) {
	id, err := NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	two := append(bytes.Clone(id.File()), []byte("\n# the other\n"+plugin.EncodeIdentity("yubikey", []byte("0123"))+"\n")...)
	if ks, err := ParseHeld(two, Ask{}); err != nil || len(ks) != 2 {
		t.Error(err)
	}
	for _, bad := range []string{"", "# nothing\n", "horse\n", "AGE-SECRET-KEY-1HORSE\n", "AGE-PLUGIN-HORSE\n", "AGE-SECRET-KEY-PQ-1HORSE", "-----BEGIN HORSE-----\n"} {
		if _, err := ParseHeld([]byte(bad), Ask{}); err == nil || strings.Contains(strings.ToLower(err.Error()), "horse") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// The file is that of `age-keygen | age --passphrase`.
func TestEncryptedIdentityFile(t *testing.T) {
	id, err := NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	r, err := age.NewScryptRecipient("horse")
	if err != nil {
		t.Fatal(err)
	}
	r.SetWorkFactor(10)
	file := sealRaw(t, string(id.File()), r)
	asked := 0
	ks, err := ParseHeld(file, Ask{Passphrase: answer("horse", &asked)})
	if err != nil || len(ks) != 1 || asked != 1 {
		t.Fatal(err, asked)
	}
	if err := CanOpen(bytes.NewReader(encrypt(t, false, id.Recipient())), ks[0]); err != nil {
		t.Error(err)
	}
	if _, err := ParseHeld(file, Ask{Passphrase: answer("donkey", &asked)}); !errors.Is(err, ErrWrongPassphrase) || asked != 1+tries {
		t.Error(err, asked)
	}
	if _, err := ParseHeld(file, Ask{}); !errors.Is(err, ErrNeedsPassphrase) {
		t.Error(err)
	}
}

func TestParseRecipients(t *testing.T) {
	_, public := newKey(t, "")
	rs, err := ParseRecipients([]string{keyA, public + " me@here", " " + keyA + "\n", public})
	if err != nil || len(rs) != 2 {
		t.Errorf("%d, %v", len(rs), err)
	}
	if rs[1].Short() != "ssh-ed25519 me@here" || rs[0].Short() != "age1duy8tj49…q6de39d" && len(rs[0].Short()) > 24 {
		t.Errorf("%s, %s", rs[0].Short(), rs[1].Short())
	}
	for _, bad := range []string{
		"", "horse", "ecdsa-sha2-nistp256 AAAA", "ssh-ed25519", "ssh-dss AAAAB3NzaC1kc3MAAACBAP", "age1", keyA[:30], keyA + keyB,
		"AGE-SECRET-KEY-1N9JEPW6DWJ0ZQUDX63F5A03GX8QUW7PXDE39N8UYF82VZ9PC8UFS3M7XA9", `command="x" ` + public, public + "\n" + public,
	} {
		if _, err := ParseRecipient(bad); err == nil || strings.Contains(err.Error(), "N9JEPW") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
