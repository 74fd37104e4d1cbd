package worktree

import (
	"context"
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

// killAt is the variable with the number of the change before which the program is
// killed.
const killAt = "AUTO_INSTALLER_KILL_AT"

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "change" {
		if at, err := strconv.Atoi(os.Getenv(killAt)); err == nil {
			n := 0
			step = func() {
				if n++; n == at {
					_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
					select {}
				}
			}
		}
		os.Exit(change(os.Args[2]))
	}
	os.Setenv("GORACE", os.Getenv("GORACE")+" atexit_sleep_ms=0") // a second otherwise, for each program
	os.Exit(m.Run())
}

const many = 3 // files that exist and are changed

// change is the program that is killed: it changes many files of a tree.
func change(root string) int {
	lock, err := Lock(root)
	if err == nil {
		defer lock.Close()
	}
	var tx *Tx
	if err == nil {
		tx, err = Begin(root)
	}
	for i := range many {
		if err == nil {
			err = tx.Write(fmt.Sprintf("f%d", i), []byte("after"))
		}
	}
	if err == nil {
		err = tx.Write("new/folder/file", []byte("after"))
	}
	if err == nil {
		err = tx.Commit(context.Background())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// whole checks that each file has its old content or its new one, and counts the new
// ones.
func whole(t *testing.T, root string) int {
	t.Helper()
	after := 0
	for line := range strings.Lines(content(t, root)) {
		f := strings.Fields(line) // name, mode, content
		name := filepath.Base(f[0])
		switch {
		case strings.HasPrefix(name, tempPrefix): // half a file
		case len(f) != 3 || f[2] != "before" && f[2] != "after" && f[2] != "stays" || f[1] != "-rw-r--r--":
			t.Errorf("it is %q", line)
		case f[2] == "after":
			after++
		}
	}
	return after
}

// again runs the same command once more: it must finish the work.
func again(t *testing.T, root, want string) {
	t.Helper()
	if out, err := exec.Command(os.Args[0], "change", root).CombinedOutput(); err != nil {
		t.Errorf("again: %v\n%s", err, out)
	}
	if got := content(t, root); got != want {
		t.Errorf("run again it is\n%s", got)
	}
}

func killTree(t *testing.T) string {
	files := []string{"other", "stays"}
	for i := range many {
		files = append(files, fmt.Sprintf("f%d", i), "before")
	}
	dir := t.TempDir()
	put(t, dir, files...)
	return dir
}

// A program that is killed before any of its changes leaves each file whole, and the
// same command finishes the work, also after a second kill.
// AUTO_INSTALLER_KILLS=200 adds as many kills at random moments.
func TestKilledAtAnyMoment(t *testing.T) {
	done := killTree(t)
	again(t, done, afterAll())
	seen := map[int]bool{}
	second := rand.New(rand.NewPCG(1, 2))
	for at := 1; ; at++ {
		root := killTree(t)
		killed := false // the first time: what is left for the second may be less
		for i, at := range []int{at, 1 + second.IntN(at+1)} {
			cmd := exec.Command(os.Args[0], "change", root)
			cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", killAt, at))
			err := cmd.Run()
			killed = killed || i == 0 && err != nil
			seen[whole(t, root)] = true
		}
		again(t, root, afterAll())
		if !killed {
			break
		}
	}
	for n := range many + 2 {
		if !seen[n] {
			t.Errorf("no kill left %d files replaced", n)
		}
	}
	if text := os.Getenv("AUTO_INSTALLER_KILLS"); text != "" {
		n, err := strconv.Atoi(text)
		no(t, err)
		killedAtRandomMoments(t, n)
	}
}

// afterAll is the changed tree.
func afterAll() string {
	var all strings.Builder
	for i := range many {
		fmt.Fprintf(&all, "f%d -rw-r--r-- after\n", i)
	}
	return all.String() + "new/folder/file -rw-r--r-- after\nother -rw-r--r-- stays\n"
}

// The same at random moments, AUTO_INSTALLER_KILLS times.
func killedAtRandomMoments(t *testing.T, kills int) {
	done := killTree(t)
	start := time.Now()
	again(t, done, afterAll())
	within := time.Since(start)
	count := map[int]int{}
	for range kills {
		root := killTree(t)
		cmd := exec.Command(os.Args[0], "change", root)
		no(t, cmd.Start())
		if temps := rand.IntN(many); rand.IntN(2) == 0 { // at any time, or just when it matters
			time.Sleep(rand.N(within))
		} else {
			awaitTemps(root, temps)
			time.Sleep(rand.N(within / 4))
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		count[whole(t, root)]++
		again(t, root, afterAll())
	}
	t.Logf("%d kills within %v; how often so many files were changed: %v", kills, within, count)
}

// awaitTemps waits until more than n files stand beside their places, or all are in
// them.
func awaitTemps(root string, n int) {
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		found, _ := filepath.Glob(filepath.Join(root, tempPrefix+"*"))
		if _, err := os.Stat(filepath.Join(root, "new/folder/file")); len(found) > n || err == nil {
			return
		}
	}
}
