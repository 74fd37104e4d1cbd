package secrets

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

// Public keys with ssh-to-age's answers, from the READMEs of pgp2ssh and of
// ssh-to-age.
var sshVectors = []struct{ ssh, age string }{
	{"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICYvKXGcG4a19tTT0Rycbn+D0r/YlKltLJ9dY2gR/Fjx openpgp:0x47C9F3FF", "age18s8m9hvlrwvltgys4lafyyqe356ntc7e06t4kd2nccqm5amsaa2s878mju"},
	{"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIL2vjdqpppuCn7yPdF2muINriAG7zBWrsELKpPWkhn5", "age1v8zjc47jmlqwefyu66s0d4ke98qr4vnuj3cpvs4z9npfdw833dxqwjrhzv"},
	{"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIF/KPU3Z5LSjbBI6hrq25wCcseq2UpqSzUFZRr+ux6LM", "age1hjm3aujg9e79f5yth8a2cejzdjg5n9vnu96l05p70uvfpeltnpms7yy3pp"},
}

// A vector of the ssh-to-age crate.
const sshVectorPublic = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICFrs5OngYGD5FHUaYqr3gAk7NApAuFCL3cVaHLSWRXL"

const sshVectorKey = `-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW
QyNTUxOQAAACAha7OTp4GBg+RR1GmKq94AJOzQKQLhQi93FWhy0lkVywAAAJDFKuT1xSrk
9QAAAAtzc2gtZWQyNTUxOQAAACAha7OTp4GBg+RR1GmKq94AJOzQKQLhQi93FWhy0lkVyw
AAAECfpgF0oYy6xXA5JRzgTNwNYLcUIGlZhkOEDV7XRuIYWyFrs5OngYGD5FHUaYqr3gAk
7NApAuFCL3cVaHLSWRXLAAAADHJvb3RAb2N0b3B1cwE=
-----END OPENSSH PRIVATE KEY-----
`

// recipientFromSSH turns one public key.
func recipientFromSSH(line string) (string, error) {
	list, _, err := RecipientsFromSSH([]byte(line))
	if err != nil {
		return "", err
	}
	return list[0], nil
}

func TestRecipientFromSSH(t *testing.T) {
	for _, v := range sshVectors {
		got, err := recipientFromSSH(v.ssh)
		if err != nil || got != v.age {
			t.Errorf("%s is %s, %v, not %s", v.ssh, got, err, v.age)
		}
	}
}

func TestFromSSH(t *testing.T) {
	id, err := FromSSH([]byte(sshVectorKey), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer id.Wipe()
	public, err := recipientFromSSH(sshVectorPublic)
	if err != nil || id.Recipient() != public {
		t.Errorf("its recipient is %s, not %s, %v", id.Recipient(), public, err)
	}
	// The crate ends its keys with Bech32m's checksum, and clamps the scalar
	// (RFC 7748, section 5), which age does when it uses it: the letters of the
	// bits that this touches, and of the checksums, are left out.
	for _, v := range [][3]string{
		{id.Recipient(), "age1wy42r2p2c67ckywgq8xj7ejf6eykqfu623wktxeh729rtagu4fkqrsqsg6", "age1"},
		{secretOf(t, id), "AGE-SECRET-KEY-1GQ46Z46GKWWDXR6KF96CYS9DWHWJWCV4KCCE4HA0C7ZZUY74JFPSAC42H6", "AGE-SECRET-KEY-1"},
	} {
		got, want := strings.TrimPrefix(v[0], v[2]), strings.TrimPrefix(v[1], v[2])
		if got[0] != want[0] || got[2:49] != want[2:49] || got[50:52] != want[50:52] {
			t.Errorf("%s, not %s", got, want)
		}
	}
}

// secretOf is the key line of an identity file.
func secretOf(t *testing.T, id *Identity) string {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(string(id.File())), "\n")
	return lines[len(lines)-1]
}

// newKey makes an ssh key file. The passphrase may be empty.
func newKey(t testing.TB, passphrase string) (private []byte, public string) {
	t.Helper()
	pub, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return marshalKey(t, priv, passphrase), authorized(t, pub)
}

func marshalKey(t testing.TB, key any, passphrase string) []byte {
	t.Helper()
	block, err := ssh.MarshalPrivateKey(key, "test")
	if err != nil {
		t.Fatal(err)
	}
	private := pem.EncodeToMemory(block)
	if passphrase == "" {
		return private
	}
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, private, 0o600); err != nil {
		t.Fatal(err)
	}
	// One round of key derivation; package ssh writes sixteen, which take seconds
	// with the race detector.
	if out, err := exec.Command("ssh-keygen", "-q", "-p", "-a", "1", "-P", "", "-N", passphrase, "-f", file).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if private, err = os.ReadFile(file); err != nil {
		t.Fatal(err)
	}
	return private
}

func authorized(t testing.TB, key any) string {
	t.Helper()
	pub, err := ssh.NewPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(pub)))
}

func answer(text string, asked *int) func() ([]byte, error) {
	return func() ([]byte, error) { *asked++; return []byte(text), nil }
}

func TestFromSSHWithPassphrase(t *testing.T) {
	private, public := newKey(t, "horse")
	before := bytes.Clone(private)
	asked := 0
	id, err := FromSSH(private, answer("horse", &asked))
	if err != nil || asked != 1 {
		t.Fatal(err, asked)
	}
	if want, _ := recipientFromSSH(public); id.Recipient() != want {
		t.Errorf("its recipient is %s, not %s", id.Recipient(), want)
	}
	if !bytes.Equal(private, before) {
		t.Error("the key file's bytes were changed")
	}
	if _, err := FromSSH(private, answer("donkey", &asked)); !errors.Is(err, ErrWrongPassphrase) {
		t.Error(err)
	}
	if _, err := FromSSH(private, nil); !errors.Is(err, ErrNeedsPassphrase) {
		t.Error(err)
	}
}

func TestFromSSHOfOtherKinds(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := FromSSH(marshalKey(t, key, ""), nil); !errors.Is(err, ErrSSHKind) {
		t.Error(err)
	}
	if _, err := recipientFromSSH(authorized(t, &key.PublicKey)); !errors.Is(err, ErrSSHKind) {
		t.Error(err)
	}
	for _, bad := range []string{"", "horse", "-----BEGIN OPENSSH PRIVATE KEY-----\nhorse\n-----END OPENSSH PRIVATE KEY-----\n"} {
		if _, err := FromSSH([]byte(bad), nil); err == nil || strings.Contains(err.Error(), "horse") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// BIP 173's valid vectors.
func TestBech32(t *testing.T) {
	data := []byte{0x00, 0x44, 0x32, 0x14, 0xc7, 0x42, 0x54, 0xb6, 0x35, 0xcf, 0x84, 0x65, 0x3a, 0x56, 0xd7, 0xc6, 0x75, 0xbe, 0x77, 0xdf}
	if got := string(bech32Encode("ABCDEF", data)); got != strings.ToUpper("abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw") {
		t.Error(got)
	}
	if got := string(bech32Encode("A", nil)); got != "A12UEL5L" {
		t.Error(got)
	}
}

// Of lines of ssh-keyscan and authorized_keys each ed25519 key is taken once.
func TestRecipientsFromSSH(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	other := authorized(t, &rsaKey.PublicKey)
	one, two := sshVectors[0], sshVectors[1]
	for name, tt := range map[string]struct {
		text    string
		want    []string
		skipped int
		says    string
	}{
		"one line":            {one.ssh, []string{one.age}, 0, ""},
		"keyscan, rsa first":  {"# h:22 SSH-2.0\nh " + other + "\nh " + one.ssh + "\n", []string{one.age}, 1, ""},
		"two hosts":           {"h " + one.ssh + "\r\ni " + two.ssh + "\r\n", []string{one.age, two.age}, 0, ""},
		"a host by two names": {"h,1.2.3.4 " + one.ssh + "\n[h]:2222 " + one.ssh + "\n", []string{one.age}, 0, ""},
		"authorized_keys":     {"\n  # mine\nno-pty,command=\"a b\" " + one.ssh + " me@x\n\n" + two.ssh, []string{one.age, two.age}, 0, ""},
		"hashed":              {"|1|JfKTdBh7rNbXkVAQCRp4OQoPfmI=|USECr3SWf1JUPsms5AqfD5QfxkM= " + one.ssh, []string{one.age}, 0, ""},
		"markers":             {"@revoked h " + one.ssh + "\n@cert-authority *.x " + two.ssh + "\nh " + two.ssh, []string{two.age}, 2, ""},
		"others alone":        {"h " + other, nil, 1, ErrSSHKind.Error()},
		"nothing":             {"# h:22\n", nil, 0, "it has no key"},
		"half a key":          {"h " + one.ssh + "\nh ssh-ed25519 AAAAC3Nza\n", nil, 0, "line 2"},
	} {
		t.Run(name, func(t *testing.T) {
			got, skipped, err := RecipientsFromSSH([]byte(tt.text))
			if !slices.Equal(got, tt.want) || skipped != tt.skipped || (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Errorf("it is %q, %d, %v", got, skipped, err)
			}
		})
	}
}

func FuzzRecipientsFromSSH(f *testing.F) {
	f.Add([]byte("# h\nh " + sshVectors[0].ssh + "\n@revoked h " + sshVectors[1].ssh))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, _, err := RecipientsFromSSH(text)
		if (err == nil) != (len(got) > 0) {
			t.Errorf("%q, %v", got, err)
		}
		for _, r := range got {
			if _, err := ParseRecipient(r); err != nil {
				t.Error(err)
			}
		}
	})
}
