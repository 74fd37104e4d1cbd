package machine

import (
	"strings"
	"testing"
)

func TestShell(t *testing.T) {
	t.Setenv("HOME", t.TempDir()) // without anyone's profile
	cmd := (&Machine{}).Shell()
	cmd.Stdin = strings.NewReader("echo I am $0; exit 7\n")
	out, err := cmd.Output()
	if cmd.ProcessState.ExitCode() != 7 || !strings.HasPrefix(string(out), "\n"+note+"\n\n") || !strings.Contains(string(out), "I am ") {
		t.Errorf("%q, %v", out, err)
	}
}
