package secrets

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

// Lessons of docs/reliability.md that are about keys.

// TestLesson10DeployKeyIsSealed: the sealed keys show no line of the private key, and
// open only with their passphrase.
func TestLesson10DeployKeyIsSealed(t *testing.T) {
	file, _ := newKey(t, "")
	private := string(file)
	quickly(t)
	b := testBundle(t, private)
	defer b.Wipe()
	data, err := Seal(b, []byte("correct horse"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(data, []byte("-----BEGIN AGE ENCRYPTED FILE-----")) {
		t.Errorf("it is %.40q", data)
	}
	for line := range strings.Lines(private) {
		if bytes.Contains(data, []byte(strings.TrimSpace(line))) {
			t.Errorf("it shows %q", line)
		}
	}
	for passphrase, right := range map[string]bool{"another": false, "correct horse": true} {
		opened, err := Open(data, []byte(passphrase))
		if (err == nil) != right {
			t.Fatalf("with %s: %v", passphrase, err)
		}
		if err != nil {
			continue
		}
		key := opened.DeployKey.Bytes()
		if string(key) != private {
			t.Error("the key is another one")
		}
		if _, err := ssh.ParseRawPrivateKey(key); err != nil {
			t.Error(err)
		}
		opened.Wipe()
	}
	for _, text := range []string{fmt.Sprintf("%+v", b), fmt.Sprintf("%#v", b)} {
		if strings.Contains(text, "PRIVATE") || strings.Contains(text, "AGE-SECRET") {
			t.Errorf("printed it is %s", text)
		}
	}
}
