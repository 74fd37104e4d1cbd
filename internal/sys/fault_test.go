package sys

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
)

func TestExitError(t *testing.T) {
	m, _ := newMachine(t)
	err := m.Run(t.Context(), sh(`i=0; while [ $i -lt 30 ]; do echo "line $i"; i=$((i+1)); done; exit 3`))
	e, ok := errors.AsType[*ExitError](err)
	if !ok || e.Exit != 3 || e.Signal != "" {
		t.Fatalf("%#v", err)
	}
	if len(e.Tail) != tailLines || e.Tail[0] != "line 10" || e.Tail[tailLines-1] != "line 29" {
		t.Errorf("tail %q", e.Tail)
	}
	if want := "sh failed (exit code 3): line 29"; e.Error() != want {
		t.Errorf("%q, want %q", e.Error(), want)
	}

	err = m.Run(t.Context(), sh(`echo 'Error: it broke'; echo 'see the manual'; echo '  '; kill -KILL $$`))
	e, ok = errors.AsType[*ExitError](err)
	if !ok || e.Signal != "killed" || e.Exit != -1 {
		t.Fatalf("%#v", err)
	}
	if want := "sh failed (killed): Error: it broke"; e.Error() != want {
		t.Errorf("%q, want %q", e.Error(), want)
	}
}

// The output of commands that print more than why they failed.
func TestExitErrorSaysWhy(t *testing.T) {
	for _, c := range []struct {
		name string
		tail []string
		want string
	}{
		{"nothing", nil, ""},
		{"blank lines", []string{"why", " ", ""}, "why"},
		{"nix: the innermost error stands last", []string{"error:", "… while calling", "error: attribute 'x' missing", "at /nix/store/f.nix:3"}, "error: attribute 'x' missing"},
		{"git rev-parse", []string{"fatal: ambiguous argument 'HEAD': unknown revision", "Use '--' to separate paths", "'git <command> [<revision>...]'"}, "fatal: ambiguous argument 'HEAD': unknown revision"},
		{"git by ssh", []string{"git@host: Permission denied (publickey).", "fatal: Could not read from remote repository.", "", "Please make sure you have the correct access rights", "and the repository exists."}, "git@host: Permission denied (publickey)."},
		{"git by ssh, and a server that says more", []string{"remote:", "remote: ERROR: The project could not be found", "remote:", "fatal: Could not read from remote repository.", "and the repository exists."}, "remote: ERROR: The project could not be found"},
		{"git by ssh, after a blank line", []string{"Host key verification failed.", "", "fatal: Could not read from remote repository."}, "Host key verification failed."},
		{"git by ssh that says nothing", []string{"fatal: Could not read from remote repository.", "", "and the repository exists."}, "fatal: Could not read from remote repository."},
	} {
		if got := why(c.tail); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestCommandThatIsMissing(t *testing.T) {
	m, _ := newMachine(t)
	err := m.Run(t.Context(), Cmd{Argv: []string{"no-such-command-anywhere"}})
	if err == nil || !strings.HasPrefix(err.Error(), "starting no-such-command-anywhere: ") {
		t.Errorf("%v", err)
	}
	if _, ok := errors.AsType[*ExitError](err); ok {
		t.Error("it did not run, so it cannot have exited")
	}
}

func TestAsFaultKeepsTheNearest(t *testing.T) {
	inner := &Fault{Step: "a", Cause: "c", Hint: "h", Code: CodeGate}
	if got := AsFault(fmt.Errorf("x: %w", inner)); got != inner {
		t.Errorf("%+v", got)
	}
	if s := inner.Error(); s != "a: c" {
		t.Error(s)
	}
	stopped := WithHint(Stopped{syscall.SIGINT}, CodeSource, "plug it in", "cloning")
	if got := AsFault(stopped); got.Code != CodeInterrupt || got.Cause != "stopped by interrupt" {
		t.Errorf("%+v", got)
	}
}
