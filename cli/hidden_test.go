package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// terminal returns both ends of a new pseudo-terminal (pty(7)): the operator's and the
// program's.
func terminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { person.Close() })
	if err := unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { program.Close() })
	return person, program
}

// echoes returns whether a terminal shows what is typed.
func echoes(t *testing.T, tty *os.File) bool {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return state.Lflag&unix.ECHO != 0
}

// atQuestion starts a command that asks for a passphrase on a terminal.
func atQuestion(t *testing.T, args ...string) (cmd *exec.Cmd, person, program *os.File) {
	t.Helper()
	person, program = terminal(t)
	cmd = exec.Command("auto-installer", args...)
	// Without standard output: on a terminal, fang would ask for its colours there and wait
	// four seconds for an answer.
	cmd.Stdin, cmd.Stderr = program, program
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); echoes(t, program); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			_ = cmd.Process.Kill() // it may have ended already
			t.Fatal("it asks for no passphrase")
		}
	}
	return cmd, person, program
}

// lockedKey is an ssh key with a passphrase.
func lockedKey(t *testing.T) string {
	t.Helper()
	key := filepath.Join(t.TempDir(), "key")
	if out, err := exec.Command("ssh-keygen", "-q", "-a", "1", "-t", "ed25519", "-N", "a passphrase", "-f", key).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return key
}

// shown returns what a terminal shows until all of its writers have closed it.
func shown(t *testing.T, person, program *os.File) string {
	t.Helper()
	program.Close()
	said, err := io.ReadAll(person)
	if !errors.Is(err, unix.EIO) { // the error of a terminal that no process has open
		t.Fatal(err)
	}
	return string(said)
}

// Ctrl+C at a passphrase prompt makes the terminal echo again.
func TestCtrlCAtPassphrase(t *testing.T) {
	cmd, person, program := atQuestion(t, "age-from-ssh", lockedKey(t))
	if _, err := person.WriteString("half of it\x03"); err != nil {
		t.Fatal(err)
	}
	err := cmd.Wait()
	if status := cmd.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != syscall.SIGINT {
		t.Errorf("it ends with %v", err)
	}
	if !echoes(t, program) {
		t.Error("the terminal shows nothing any more")
	}
	if said := shown(t, person, program); strings.Contains(said, "half") {
		t.Errorf("it shows %q", said)
	}
}

// Ctrl+D cancels a passphrase prompt.
func TestCtrlDAtPassphrase(t *testing.T) {
	for name, tt := range map[string]struct {
		typed string
		args  []string
	}{
		"at once":             {"\x04", []string{"age-from-ssh", lockedKey(t)}},
		"a part, then twice":  {"half a secret\x04\x04", []string{"age-from-ssh", lockedKey(t)}},
		"of a new host":       {"\x04", []string{"new-host", "vega", "--remote", "https://example.org/x.git", "--repo", t.TempDir()}},
		"the second time too": {"a passphrase\n\x04", []string{"new-host", "vega", "--remote", "https://example.org/x.git", "--repo", t.TempDir()}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd, person, program := atQuestion(t, tt.args...)
			if _, err := person.WriteString(tt.typed); err != nil {
				t.Fatal(err)
			}
			stop := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
			defer stop.Stop()
			err := cmd.Wait()
			if code := cmd.ProcessState.ExitCode(); code != 2 {
				t.Errorf("it ends with %v", err)
			}
			if !echoes(t, program) {
				t.Error("the terminal shows nothing any more")
			}
			said := shown(t, person, program)
			if strings.Contains(said, "half a secret") || !strings.Contains(said, "no passphrase was typed") {
				t.Errorf("it shows %q", said)
			}
		})
	}
}
