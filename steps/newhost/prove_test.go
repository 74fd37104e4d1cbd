package newhost

import (
	"os"
	"path/filepath"
	"testing"
)

// The copy of a repo has the repo's links, and some lead out of it: what is
// drafted must not be written there.
func TestDraftStaysInCopy(t *testing.T) {
	outside, copied := t.TempDir(), t.TempDir()
	secret := filepath.Join(outside, "wifi.age")
	if err := os.WriteFile(secret, []byte("as it was"), 0o600); err != nil {
		t.Fatal(err)
	}
	for link, to := range map[string]string{"wifi.age": secret, "hosts": outside} {
		if err := os.Symlink(to, filepath.Join(copied, link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"wifi.age", "hosts/wifi.age", "hosts/vega/bundle.age", "../escaped"} {
		d := NewDraft()
		d.files[name] = file{data: []byte("changed")}
		if err := d.writeTo(copied); err == nil {
			t.Errorf("%s is written", name)
		}
	}
	if data, err := os.ReadFile(secret); err != nil || string(data) != "as it was" {
		t.Errorf("it is %q now, %v", data, err)
	}
	if list, err := os.ReadDir(outside); err != nil || len(list) != 1 {
		t.Errorf("outside are %v, %v", list, err)
	}
	d := NewDraft()
	d.files["hosts.d/vega/bundle.age"] = file{data: []byte("sealed")}
	if err := d.writeTo(copied); err != nil {
		t.Error(err)
	}
}
