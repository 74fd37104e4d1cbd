package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestExposed(t *testing.T) {
	dir := t.TempDir()
	for mode, want := range map[os.FileMode]string{
		0o600: "", 0o400: "", 0o700: "",
		0o640: "its group", 0o620: "its group",
		0o644: everyUser, 0o604: everyUser, 0o602: everyUser, 0o666: everyUser,
	} {
		file := filepath.Join(dir, "a key")
		if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		got := exposed("", file, filepath.Join(dir, "gone"), "/dev/null")
		if len(got) == 0 != (want == "") || want != "" && (!strings.Contains(got[0], "open to "+want) || !strings.HasSuffix(got[0], "chmod 600 '"+file+"'")) {
			t.Errorf("%o: %q", mode, got)
		}
		f := installFlags{unattended: true, host: "demo", secrets: []*secretFlag{{name: "age-identity", file: file}}}
		if err := f.unattendedAnswers(); (err != nil) != (want == everyUser) {
			t.Errorf("unattended, %o: %v", mode, err)
		}
	}
}
