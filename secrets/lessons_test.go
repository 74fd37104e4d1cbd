package secrets

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

// Lessons of docs/reliability.md that are about keys.

// TestLesson10DeployKeyIsSealed: what travels is sealed. It shows no line of
// the private key, is the same file at each build, opens for whom it was sealed
// to and for nobody else, and then holds the very key.
func TestLesson10DeployKeyIsSealed(t *testing.T) {
	file, _ := newKey(t, "")
	private := string(file)
	operator, err := NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	to, err := ParseRecipients([]string{operator.Recipient()})
	if err != nil {
		t.Fatal(err)
	}
	b := testBundle(t, private)
	defer b.Wipe()
	data, err := Seal(b, nil, to...)
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
	for name, id := range map[string]*Identity{"another's": b.Identity, "the operator's": operator} {
		sealed, err := ParseSealed(data)
		if err != nil {
			t.Fatal(err)
		}
		opened, err := openBlock(sealed.recipients, id.Age())
		if (err == nil) != (id == operator) {
			t.Fatalf("with %s key: %v", name, err)
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

// TestLesson18EditsKeepEveryOtherByte: a keys.nix with let-blocks, comments and
// people stays as it is, but for the new host's lines.
func TestLesson18EditsKeepEveryOtherByte(t *testing.T) {
	src := keysText(`# Who may read what. Do not sort!
let
  users = {
    "josh@laptop" = "@P"; # the one with the sticker
  };

  /* machines */
  hosts = {
    ultraviolet   = "@A";
    vermissian = "@B";   # down in the cellar
  };
in
{
  ultraviolet = [ hosts.ultraviolet users."josh@laptop" ];
  vermissian = [ hosts.vermissian users."josh@laptop" ]; # both
}
# the end
`)
	e, err := added([]byte(src), "stygianlibrary", keyN)
	if err != nil {
		t.Fatal(err)
	}
	old, left := strings.Split(src, "\n"), strings.Split(string(e.Data), "\n")
	var extra []string
	for _, line := range left {
		if len(old) > 0 && line == old[0] {
			old = old[1:]
			continue
		}
		extra = append(extra, strings.TrimSpace(line))
	}
	if len(old) > 0 {
		t.Errorf("changed or lost: %q in\n%s", old[0], e.Data)
	}
	all := strings.Join(extra, "\n")
	if len(extra) != 2 || !strings.Contains(all, keyN) || !strings.Contains(all, `stygianlibrary = [ hosts.stygianlibrary users."josh@laptop" ];`) {
		t.Errorf("added:\n%s", all)
	}
}
