package sys

import (
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// The next start ends what a killed program left running, with its children's
// children, and nothing else.
func TestSessionsEndLeftovers(t *testing.T) {
	file := Sessions(filepath.Join(t.TempDir(), "running"))
	left := exec.Command("sh", "-c", "trap '' TERM; (sleep 600 & sleep 600) & sleep 600")
	left.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	other := exec.Command("sleep", "600")
	for _, c := range []*exec.Cmd{left, other} {
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _ = other.Process.Kill(); _ = other.Wait() })
	file.add(left.Process.Pid)
	for deadline := time.Now().Add(time.Minute); len(members(left.Process.Pid)) < 4; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the processes did not start")
		}
	}
	go func() { _ = left.Wait() }()
	if n := file.End(time.Minute); n != 4 {
		t.Errorf("%d processes ended, want 4", n)
	}
	if got := members(left.Process.Pid); len(got) > 0 {
		t.Errorf("still there: %v", got)
	}
	if err := other.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("a bystander was ended: %v", err)
	}
	if n := file.End(time.Second); n != 0 {
		t.Errorf("%d processes ended the second time", n)
	}
}

// A number that belongs to another process now is not killed.
func TestSessionsSpareTheReused(t *testing.T) {
	file := Sessions(filepath.Join(t.TempDir(), "running"))
	c := exec.Command("sleep", "600")
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	p, ok := readProcess(c.Process.Pid)
	if !ok || p.session != c.Process.Pid {
		t.Fatalf("%+v", p)
	}
	if err := WriteFile(string(file), []byte(strconv.Itoa(c.Process.Pid)+" "+strconv.Itoa(int(p.start)-1)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if n := file.End(time.Second); n != 0 {
		t.Errorf("%d processes ended", n)
	}
	if err := c.Process.Signal(syscall.Signal(0)); err != nil {
		t.Error("it was ended")
	}
}
