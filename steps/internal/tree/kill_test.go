package tree

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

const changed = 8 // files that the change is of

// change is the program that is killed: it changes many files of a tree.
func change(root string) int {
	tx, err := Begin(root)
	for i := range changed {
		if err == nil {
			err = tx.Write(fmt.Sprintf("f%d", i), 0, []byte("after"))
		}
	}
	if err == nil {
		err = tx.Write("new/folder/file", 0, []byte("after"))
	}
	if err == nil {
		err = tx.Remove("gone")
	}
	fmt.Println("staged")
	if err == nil {
		err = tx.Commit(context.Background())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// kills is how many times a program is killed: AUTO_INSTALLER_KILLS=200 for a
// thorough look.
func kills(t *testing.T) int {
	n, err := strconv.Atoi(os.Getenv("AUTO_INSTALLER_KILLS"))
	if err != nil {
		return 8
	}
	t.Logf("%d kills", n)
	return n
}

// moreKills is how many kills more it may take until one came early and one
// late. A machine can be a hundred times slower in one moment than in the
// next, so the time that the kills are drawn from follows them.
const moreKills = 40

// A program that is killed leaves the tree as before or as after; and if what
// it started to finish its work is killed too, the next start makes it so.
func TestKilledAtAnyMoment(t *testing.T) {
	files := []string{"gone", "before", "other", "stays"}
	for i := range changed {
		files = append(files, fmt.Sprintf("f%d", i), "before")
	}
	done := repo(t, files...)
	start := time.Now()
	if out, err := exec.Command(os.Args[0], "change", done).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	within := time.Since(start)
	after := content(t, done)

	var asBefore, asAfter, mended int
	n := kills(t)
	for i := 0; i < n || (asBefore == 0 || asAfter == 0) && i < n+moreKills; i++ {
		root := repo(t, files...)
		before := content(t, root)
		cmd := exec.Command(os.Args[0], "change", root)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		out, err := cmd.StdoutPipe()
		no(t, err, cmd.Start())
		if i%2 == 0 { // at any time, or just when it matters
			time.Sleep(rand.N(within))
		} else {
			_, _ = bufio.NewReader(out).ReadString('\n')
			time.Sleep(rand.N(within / 2))
		}
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		both := i%4 >= 2
		if both {
			killFinisher(t, root)
		}
		_ = cmd.Wait()
		if both {
			n, err := Recover(root)
			no(t, err)
			mended += n
		} else {
			waitForLock(t, root)
		}
		switch content(t, root) {
		case before:
			asBefore++
			within *= 2
		case after:
			asAfter++
			within = max(within/2, time.Millisecond)
		default:
			t.Errorf("kill %d (both: %v) leaves it as\n%s", i, both, content(t, root))
		}
		if n, err := Recover(root); n != 0 || err != nil {
			t.Errorf("kill %d: still %d to recover, %v", i, n, err)
		}
	}
	t.Logf("within %v: %d as before, %d as after, %d of them mended at the next start", within, asBefore, asAfter, mended)
	if asBefore == 0 || asAfter == 0 {
		t.Error("all kills came too early, or too late")
	}
}

// killFinisher kills the process that finishes a change of this tree.
func killFinisher(t *testing.T, root string) {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	no(t, err)
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		line, err := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		if err == nil && strings.Contains(string(line), "\x00"+Command+"\x00"+root+"/") {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

func waitForLock(t *testing.T, root string) {
	t.Helper()
	state, err := stateOf(root)
	no(t, err, os.MkdirAll(state, 0o700))
	lock, err := takeLock(state)
	no(t, err, lock.Close())
}
