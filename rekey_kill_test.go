package main

import (
	"bytes"
	"errors"
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

	"filippo.io/age"
	"golang.org/x/sys/unix"

	"auto-installer/secrets"
	"auto-installer/steps"
)

// killedRepo is a repo whose secrets are to be encrypted anew.
type killedRepo struct {
	t        *testing.T
	dir      string
	mine     *secrets.Identity
	wanted   []*secrets.Recipient
	identity string // file
}

const killedFiles = 10

func newKilledRepo(t *testing.T) *killedRepo {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	r := &killedRepo{t: t, dir: dir, identity: filepath.Join(dir, "key")}
	r.mine, err = secrets.NewIdentity()
	r.ok(err)
	other, err := secrets.NewIdentity()
	r.ok(err)
	r.wanted, err = secrets.ParseRecipients([]string{r.mine.Recipient(), other.Recipient()})
	r.ok(err)
	r.ok(os.Mkdir(filepath.Join(dir, ".git"), 0o755), os.WriteFile(r.identity, r.mine.File(), 0o600))
	r.ok(os.WriteFile(filepath.Join(dir, "other"), other.File(), 0o600))
	var rules []string
	for i := range killedFiles {
		var out bytes.Buffer
		w, err := age.Encrypt(&out, r.wanted[0].Age())
		r.ok(err)
		_, err = w.Write([]byte("secret"))
		r.ok(err, w.Close(), os.WriteFile(r.file(i), out.Bytes(), 0o600))
		rules = append(rules, fmt.Sprintf(`"%d.age": {"publicKeys": [%q, %q]}`, i, r.wanted[0], r.wanted[1]))
	}
	r.ok(os.WriteFile(filepath.Join(dir, "rules.json"), []byte("{"+strings.Join(rules, ",")+"}"), 0o600))
	return r
}

func (r *killedRepo) ok(errs ...error) {
	r.t.Helper()
	if err := errors.Join(errs...); err != nil {
		r.t.Fatal(err)
	}
}

func (r *killedRepo) file(i int) string { return filepath.Join(r.dir, fmt.Sprintf("%d.age", i)) }

func (r *killedRepo) rekey(identity string) *exec.Cmd {
	cmd := exec.Command("auto-installer", "rekey", "--rules", "rules.json", "--identity", identity)
	cmd.Dir = r.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// after is how many files are encrypted anew.
func (r *killedRepo) after() int {
	n := 0
	for i := range killedFiles {
		data, err := os.ReadFile(r.file(i))
		r.ok(err)
		h, err := secrets.ReadHeader(bytes.NewReader(data))
		r.ok(err, h.CanOpen(r.mine.Age()))
		if h.Lacking(r.wanted) == 0 {
			n++
		}
	}
	return n
}

// settled waits until nothing works on the repo any more.
func (r *killedRepo) settled() {
	f, err := os.Open(filepath.Join(r.dir, ".git/auto-installer/lock"))
	if errors.Is(err, os.ErrNotExist) {
		return
	}
	r.ok(err)
	defer f.Close()
	r.ok(unix.Flock(int(f.Fd()), unix.LOCK_EX))
}

// killFinisher kills what the program had started to finish its work.
func (r *killedRepo) killFinisher() {
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	r.ok(err)
	for _, file := range lines {
		line, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(line), "\x00"+steps.FinishTreeCommand+"\x00"+r.dir+"/") {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		r.ok(err)
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// killCount is how often a command is killed; AUTO_INSTALLER_KILLS=200 for a
// thorough look.
func killCount() int {
	if n, err := strconv.Atoi(os.Getenv("AUTO_INSTALLER_KILLS")); err == nil {
		return n
	}
	return 6
}

// killed starts a command and kills it within a time; both: what finishes its
// work as well. Nothing works on the repo any more afterwards.
func (r *killedRepo) killed(cmd *exec.Cmd, within time.Duration, both bool) {
	r.t.Helper()
	r.ok(cmd.Start())
	time.Sleep(rand.N(within))
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	if both {
		r.killFinisher()
	}
	_ = cmd.Wait()
	r.settled()
}

// Killed at any moment, rekey leaves all secrets as they were, or all as they
// are to be; AUTO_INSTALLER_KILLS=200 for a thorough look.
func TestRekeyKilledAtAnyMoment(t *testing.T) {
	kills := killCount()
	whole := newKilledRepo(t)
	start := time.Now()
	if out, err := whole.rekey(whole.identity).CombinedOutput(); err != nil || whole.after() != killedFiles {
		t.Fatalf("%v\n%s", err, out)
	}
	takes := time.Since(start)
	var before, after int
	for i := range kills {
		r := newKilledRepo(t)
		cmd := r.rekey(r.identity)
		both := i%2 == 1
		r.killed(cmd, takes, both)
		if both {
			// The next start finishes first, even if it can open nothing then.
			_ = r.rekey(filepath.Join(r.dir, "other")).Run()
		}
		switch n := r.after(); n {
		case 0:
			before++
		case killedFiles:
			after++
		default:
			t.Errorf("kill %d (both: %v) leaves %d of %d files encrypted anew", i, both, n, killedFiles)
		}
		if out, err := r.rekey(r.identity).CombinedOutput(); err != nil || r.after() != killedFiles {
			t.Errorf("kill %d: run again: %v\n%s", i, err, out)
		}
	}
	t.Logf("%v a run, %d kills: %d as before, %d as after", takes, kills, before, after)
}
