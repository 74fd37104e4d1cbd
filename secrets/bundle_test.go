package secrets

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"

	"filippo.io/age"
	"filippo.io/age/armor"
)

func testBundle(t testing.TB, deploy string) *Bundle {
	t.Helper()
	id, err := NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	b := &Bundle{Host: "demo", Identity: id}
	if deploy != "" {
		if b.DeployKey, err = NewBuffer([]byte(deploy)); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// quickly lowers the cost of a passphrase for a test.
func quickly(t testing.TB) {
	sealWork = 10
	t.Cleanup(func() { sealWork = scryptWork })
}

func TestBundle(t *testing.T) {
	quickly(t)
	for name, deploy := range map[string]string{"both": "-----BEGIN x\nkey\n", "a key without a line break": "k", "no deploy key": ""} {
		t.Run(name, func(t *testing.T) {
			b := testBundle(t, deploy)
			defer b.Wipe()
			data, err := Seal(b, []byte("correct horse"))
			if err != nil {
				t.Fatal(err)
			}
			got, err := Open(append([]byte("\n"), data...), []byte("correct horse"))
			if err != nil {
				t.Fatal(err)
			}
			defer got.Wipe()
			if got.Host != "demo" || !bytes.Equal(got.Identity.File(), b.Identity.File()) || !bytes.Equal(got.DeployKey.Bytes(), b.DeployKey.Bytes()) {
				t.Error("it is not what was sealed")
			}
			if text := fmt.Sprintf("%v %+v %#v", got, got, got); strings.Contains(text, "SECRET") {
				t.Error("a print of it shows the key")
			}
			for _, wrong := range []string{"correct horse ", "", "Correct horse"} {
				if _, err := Open(data, []byte(wrong)); !errors.Is(err, ErrWrongPassphrase) {
					t.Errorf("%q: %v", wrong, err)
				}
			}
		})
	}
	if _, err := Open(encrypt(t, true, keyA), []byte("x")); err == nil || !strings.Contains(err.Error(), "no passphrase opens it") {
		t.Errorf("sealed to a recipient: %v", err)
	}
}

// The product uses age's own work factor; tests lower it.
func TestSealCost(t *testing.T) {
	if sealWork != 18 {
		t.Errorf("the product's work factor is %d", sealWork)
	}
	quickly(t)
	data, err := Seal(testBundle(t, "k"), []byte("correct horse"))
	if err != nil {
		t.Fatal(err)
	}
	h, err := ReadHeader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if got := h.stanzas[0].Args[1]; got != strconv.Itoa(sealWork) {
		t.Errorf("its header asks for the work factor %s", got)
	}
}

func TestSealRefuses(t *testing.T) {
	b := testBundle(t, "k")
	if _, err := Seal(b, nil); err == nil {
		t.Error("sealed without a passphrase")
	}
	b.Host = "a\nb"
	if _, err := Seal(b, []byte("x")); err == nil {
		t.Error("sealed for a host name with a line break")
	}
	if _, err := Seal(&Bundle{Host: "demo"}, []byte("x")); err == nil {
		t.Error("sealed without an identity")
	}
}

// sealRaw encrypts any content like a bundle.
func sealRaw(t *testing.T, plain string, to age.Recipient) []byte {
	t.Helper()
	data, err := Encrypt([]byte(plain), true, to)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestDamagedBundles(t *testing.T) {
	quickly(t)
	b := testBundle(t, "key")
	plain, err := b.encode()
	if err != nil {
		t.Fatal(err)
	}
	good := string(plain)
	me, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	opens := func(plain string) error {
		got, err := open(sealRaw(t, plain, me.Recipient()), me)
		got.Wipe()
		return err
	}
	if err := opens(good); err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]string{
		"empty":        "",
		"version":      strings.Replace(good, "bundle 1", "bundle 2", 1),
		"no host":      strings.Replace(good, "host demo\n", "", 1),
		"bad host":     strings.Replace(good, "host demo", "host ../x", 1),
		"two hosts":    strings.Replace(good, "host demo\n", "host demo\nhost other\n", 1),
		"cut":          good[:len(good)-1],
		"more":         good + "\n",
		"no identity":  "auto-installer bundle 1\nhost demo\nend\n",
		"length":       strings.Replace(good, "deploy-key 3", "deploy-key 4", 1),
		"length +":     strings.Replace(good, "deploy-key 3", "deploy-key +3", 1),
		"length 03":    strings.Replace(good, "deploy-key 3", "deploy-key 03", 1),
		"length -":     strings.Replace(good, "deploy-key 3", "deploy-key -3", 1),
		"length large": strings.Replace(good, "deploy-key 3", "deploy-key 9223372036854775807", 1),
		"wrong key":    strings.Replace(good, "AGE-SECRET-KEY-1", "AGE-SECRET-KEY-2", 1),
		"too large":    good + strings.Repeat(" ", 1<<20),
	} {
		if err := opens(bad); err == nil || strings.Contains(err.Error(), "SECRET-KEY-1") {
			t.Errorf("%s: %v", name, err)
		}
	}

	sealed := sealRaw(t, good, me.Recipient())
	for name, bad := range map[string][]byte{
		"empty":       nil,
		"spaces":      []byte(" \n"),
		"text before": append([]byte("x\n"), sealed...),
		"text after":  append(bytes.Clone(sealed), 'x'),
		"cut":         sealed[:len(sealed)-40],
		"twice":       append(bytes.Clone(sealed), sealed...),
		"binary":      encrypt(t, false, me.Recipient().String()),
		"huge":        bytes.Repeat([]byte("\n"), 5<<20),
		"no header":   []byte(armor.Header + "\n" + armor.Footer + "\n"),
	} {
		if _, err := open(bad, me); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	// A changed byte of the payload is an error.
	lines := strings.Split(string(sealed), "\n")
	last := len(lines) - 3
	lines[last] = strings.Map(func(r rune) rune {
		if r == 'A' {
			return 'B'
		}
		return r
	}, "A"+lines[last][1:])
	if _, err := open([]byte(strings.Join(lines, "\n")), me); err == nil {
		t.Error("a damaged payload was taken")
	}
}

// A bundle that asks for a higher work factor is refused without trying it.
func TestBundleAsksForTooMuch(t *testing.T) {
	quickly(t)
	data, err := Seal(testBundle(t, ""), []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	binary, err := io.ReadAll(armor.NewReader(bytes.NewReader(data)))
	if err != nil {
		t.Fatal(err)
	}
	asks := bytes.Replace(binary, []byte(" 10\n"), []byte(" 19\n"), 1)
	var out bytes.Buffer
	a := armor.NewWriter(&out)
	if _, err := a.Write(asks); err != nil || a.Close() != nil || bytes.Equal(asks, binary) {
		t.Fatal(err)
	}
	if _, err := Open(out.Bytes(), []byte("x")); err == nil || errors.Is(err, ErrWrongPassphrase) || !strings.Contains(err.Error(), "work factor") {
		t.Error(err)
	}
}
