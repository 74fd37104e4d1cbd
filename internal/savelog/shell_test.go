package savelog

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestShell(t *testing.T) {
	dir := t.TempDir()
	mine := filepath.Join(dir, "mine sh")
	if err := os.WriteFile(mine, []byte("#!/bin/sh\necho \"mine: $*\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	kiosk := filepath.Join(dir, "kiosk")
	if err := os.Symlink(self, kiosk); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SHELL", mine)
	argv := Shell()
	out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
	if err != nil || string(out) != "\n"+note+"\n\nmine: -l\n" {
		t.Errorf("%q, %v", out, err)
	}
	for _, no := range []string{"", "/sbin/nologin", "/bin/false", "/nonexistent/zsh", kiosk, "relative/sh"} {
		t.Setenv("SHELL", no)
		argv := Shell()
		sh := argv[len(argv)-2]
		if base := filepath.Base(sh); base != "bash" && base != "sh" || !filepath.IsAbs(sh) {
			t.Errorf("SHELL=%s: %q", no, argv)
		}
		cmd := exec.Command(argv[0], argv[1:]...)
		cmd.Stdin = strings.NewReader("echo I am $0; exit 7\n")
		out, err := cmd.Output()
		if cmd.ProcessState.ExitCode() != 7 || !strings.Contains(string(out), "I am ") {
			t.Errorf("SHELL=%s: %q, %v", no, out, err)
		}
	}
}
