package secrets

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
	"filippo.io/age/armor"
)

// run runs the distribution's age or age-keygen.
func run(t *testing.T, stdin []byte, argv ...string) []byte {
	t.Helper()
	if _, err := exec.LookPath(argv[0]); err != nil {
		t.Fatalf("%s is needed: ./bootstrap installs it", argv[0])
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdin = bytes.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", argv, err, &stderr)
	}
	return out
}

func write(t *testing.T, data []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestIdentityFilesInterop(t *testing.T) {
	id, err := ParseIdentity(run(t, nil, "age-keygen"))
	if err != nil || id.Recipient() == "" {
		t.Error(err, id)
	}
	mine, err := NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(string(run(t, mine.File(), "age-keygen", "-y"))); got != mine.Recipient() {
		t.Errorf("age-keygen says %s", got)
	}
}

// age opens our files, and we open its files, for every kind of key.
func TestFilesInterop(t *testing.T) {
	id, err := NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	ed, edPublic := newKey(t, "")
	edAsAge, err := recipientFromSSH(edPublic)
	if err != nil {
		t.Fatal(err)
	}
	converted, err := FromSSH(ed, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []struct {
		name, public string
		private      []byte // as ours reads it
		theirs       []byte // as age does
	}{
		{"X25519", id.Recipient(), id.File(), id.File()},
		{"ssh-ed25519", edPublic, ed, ed},
		{"ssh-ed25519 as age", edAsAge, ed, converted.File()},
		{"ssh-rsa", authorized(t, &r.PublicKey), marshalKey(t, r, ""), marshalKey(t, r, "")},
	} {
		t.Run(k.name, func(t *testing.T) {
			for _, armored := range []bool{false, true} {
				got := run(t, encrypt(t, armored, k.public), "age", "--decrypt", "--identity", write(t, k.theirs))
				if string(got) != "content" {
					t.Errorf("age read %q", got)
				}
				argv := []string{"age", "--recipient", k.public}
				if armored {
					argv = append(argv, "--armor")
				}
				file := run(t, []byte("theirs"), argv...)
				held, err := ParseHeld(k.private, Ask{})
				if err != nil {
					t.Fatal(err)
				}
				if err := CanOpen(bytes.NewReader(file), held[0]); err != nil {
					t.Error(err)
				}
				var in io.Reader = bytes.NewReader(file)
				if armored {
					in = armor.NewReader(in)
				}
				out, err := age.Decrypt(in, held[0])
				if err != nil {
					t.Fatal(err)
				}
				if got, err := io.ReadAll(out); err != nil || string(got) != "theirs" {
					t.Errorf("we read %q, %v", got, err)
				}
			}
		})
	}
}
