package secrets

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"filippo.io/age"
)

func TestNewIdentity(t *testing.T) {
	id, err := NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	file := string(id.File())
	lines := strings.Split(file, "\n")
	if len(lines) != 4 || !strings.HasPrefix(lines[0], "# created: ") || lines[1] != "# public key: "+id.Recipient() ||
		!strings.HasPrefix(lines[2], "AGE-SECRET-KEY-1") {
		t.Errorf("the file is %d lines, of the comments %q %q", len(lines), lines[0], lines[1])
	}
	again, err := ParseIdentity([]byte(file))
	if err != nil || again.Recipient() != id.Recipient() || !bytes.Equal(again.File(), id.File()) {
		t.Fatalf("%v, %v", again, err)
	}
	if text := fmt.Sprintf("%v %+v %#v", id, id, id); strings.Contains(text, "SECRET") {
		t.Error("a print of it shows the key")
	}
	mem := id.file.mem
	if !bytes.Contains(mem, []byte("SECRET")) {
		t.Fatal("not where it is looked for")
	}
	id.Wipe()
	id.Wipe()
	if id.File() != nil || id.Age() != nil {
		t.Error("it is still there after Wipe")
	}
}

// The example of age-keygen's manual page.
func TestParseIdentity(t *testing.T) {
	const file = "# created: 2021-01-02T15:30:45+01:00\n# public key: age1lvyvwawkr0mcnnnncaghunadrqkmuf9e6507x9y920xxpp866cnql7dp2z\nAGE-SECRET-KEY-1N9JEPW6DWJ0ZQUDX63F5A03GX8QUW7PXDE39N8UYF82VZ9PC8UFS3M7XA9\n"
	id, err := ParseIdentity([]byte(file))
	if err != nil {
		t.Fatal(err)
	}
	if id.Recipient() != "age1lvyvwawkr0mcnnnncaghunadrqkmuf9e6507x9y920xxpp866cnql7dp2z" {
		t.Errorf("its recipient is %s", id.Recipient())
	}
	if string(id.File()) != file {
		t.Error("the file is changed")
	}
	pq, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	if id, err := ParseIdentity([]byte(pq.String())); err != nil || id.Recipient() != pq.Recipient().String() {
		t.Errorf("a hybrid one: %v", err)
	}
	for name, bad := range map[string]string{
		"empty":       "",
		"no key":      "# created: today\n",
		"two keys":    "AGE-SECRET-KEY-1N9JEPW6DWJ0ZQUDX63F5A03GX8QUW7PXDE39N8UYF82VZ9PC8UFS3M7XA9\nAGE-SECRET-KEY-1N9JEPW6DWJ0ZQUDX63F5A03GX8QUW7PXDE39N8UYF82VZ9PC8UFS3M7XA9\n",
		"damaged":     "AGE-SECRET-KEY-1N9JEPW6DWJ0ZQUDX63F5A03GX8QUW7PXDE39N8UYF82VZ9PC8UFS3M7XA8\n",
		"another's":   "# public key: " + keyA + "\nAGE-SECRET-KEY-1N9JEPW6DWJ0ZQUDX63F5A03GX8QUW7PXDE39N8UYF82VZ9PC8UFS3M7XA9\n",
		"a recipient": keyA,
		"too long":    strings.Repeat("#\n", maxIdentity),
	} {
		if _, err := ParseIdentity([]byte(bad)); err == nil || strings.Contains(err.Error(), "N9JEPW") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBuffer(t *testing.T) {
	data := []byte("correct horse")
	b, err := NewBuffer(data)
	if err != nil {
		t.Fatal(err)
	}
	if string(b.Bytes()) != "correct horse" || bytes.Contains(data, []byte("horse")) {
		t.Error("it was not moved")
	}
	b.Wipe()
	b.Wipe()
	if len(b.Bytes()) != 0 {
		t.Error("it is still there after Wipe")
	}
	var none *Buffer
	none.Wipe()
	if none.Bytes() != nil {
		t.Error("no buffer has bytes")
	}
}

// A public key in the place of a private one gets an error of its own.
func TestPublicKeyAsIdentity(t *testing.T) {
	for text, says := range map[string]string{
		keyA + "\n":                            "AGE-SECRET-KEY-1",
		"# public key: x\n\n" + keyA:           "AGE-SECRET-KEY-1",
		pluginKey:                              "AGE-PLUGIN-",
		sshVectors[0].ssh + " me@desk\n":       "PRIVATE KEY",
		"ecdsa-sha2-nistp256 AAAA me":          "PRIVATE KEY",
		"sk-ssh-ed25519@openssh.com AAAA me":   "PRIVATE KEY",
		"-----BEGIN PUBLIC KEY-----\nAAAA\n":   "public key",
		"---- BEGIN SSH2 PUBLIC KEY ----\nA\n": "public key",
	} {
		_, err1 := ParseHeld([]byte(text), Ask{})
		_, err2 := ParseIdentity([]byte(text))
		_, err3 := FromSSH([]byte(text), nil)
		for _, err := range []error{err1, err2, err3} {
			if !errors.Is(err, ErrPublic) || !strings.Contains(err.Error(), says) {
				t.Errorf("%q: %v", text, err)
			}
		}
	}
	id, err := NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseHeld([]byte(string(id.File())+keyA), Ask{}); !errors.Is(err, ErrPublic) {
		t.Errorf("after a private one: %v", err)
	}
}

const pluginKey = "age1nosuch1xqcnyve5x5mrwwpesz79kj"

func FuzzHeld(f *testing.F) {
	id, err := NewIdentity()
	if err != nil {
		f.Fatal(err)
	}
	file, _ := newKey(f, "")
	for _, seed := range [][]byte{id.File(), file, []byte(keyA), []byte("AGE-PLUGIN-NOSUCH-1XQCNYVE5X5MRWWPE4VJR3L"), []byte("-----BEGIN AGE ENCRYPTED FILE-----")} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		before := bytes.Clone(data)
		held, err := ParseHeld(data, Ask{})
		if (err == nil) != (len(held) > 0) {
			t.Errorf("%d keys, %v", len(held), err)
		}
		if id, err := ParseIdentity(data); err == nil {
			if _, err := ParseHeld(data, Ask{}); err != nil {
				t.Errorf("an identity that opens nothing: %v", err)
			}
			id.Wipe()
		}
		if !bytes.Equal(data, before) {
			t.Error("the file that was read is changed")
		}
	})
}
