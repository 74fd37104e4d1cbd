package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
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

	"auto-installer/secrets"
)

// killedRepo is a repo whose secrets are to be re-encrypted.
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

// after is how many files are re-encrypted; each is whole, and opens.
func (r *killedRepo) after() int {
	r.t.Helper()
	n := 0
	for i := range killedFiles {
		data, err := os.ReadFile(r.file(i))
		r.ok(err)
		h, err := secrets.ReadHeader(bytes.NewReader(data))
		r.ok(err)
		in, err := age.Decrypt(bytes.NewReader(data), r.mine.Age())
		r.ok(err)
		if text, err := io.ReadAll(in); err != nil || string(text) != "secret" {
			r.t.Errorf("%d.age holds %q, %v", i, text, err)
		}
		if h.Lacking(r.wanted) == 0 {
			n++
		}
	}
	return n
}

// killCount is how often a command is killed; AUTO_INSTALLER_KILLS=200 for a
// thorough look.
func killCount() int {
	if n, err := strconv.Atoi(os.Getenv("AUTO_INSTALLER_KILLS")); err == nil {
		return n
	}
	return 6
}

// temps are what a command has written and not put in its place.
func temps(dirs ...string) []string {
	var all []string
	for _, dir := range dirs {
		found, _ := filepath.Glob(filepath.Join(dir, ".auto-installer-*")) // the pattern is good
		all = append(all, found...)
	}
	return all
}

// killed starts a command and kills it: within a time, or just when it matters, as
// soon as more than n files are written and not in their places, or a moment later.
func killed(t *testing.T, cmd *exec.Cmd, within time.Duration, n int, dirs ...string) {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	if n < 0 {
		time.Sleep(rand.N(within))
	}
	for n >= 0 && len(temps(dirs...)) <= n {
		select {
		case <-ended: // it was faster
			return
		default:
		}
	}
	if n >= 0 {
		time.Sleep(rand.N([]time.Duration{1, within / 100, within / 10}[rand.IntN(3)]))
	}
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	<-ended
}

// Killed at any moment, rekey leaves each secret as it was or as it is to be, and
// the same command run again ends as if it had not been killed;
// AUTO_INSTALLER_KILLS=200 for a thorough look.
func TestRekeyKilledAtAnyMoment(t *testing.T) {
	kills := killCount()
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	whole := newKilledRepo(t)
	start := time.Now()
	if out, err := whole.rekey(whole.identity).CombinedOutput(); err != nil || whole.after() != killedFiles {
		t.Fatalf("%v\n%s", err, out)
	}
	takes := time.Since(start)
	var before, between, after, left int
	for i := range kills {
		r := newKilledRepo(t)
		n := -1
		if i%3 > 0 {
			n = rand.IntN(killedFiles)
		}
		killed(t, r.rekey(r.identity), takes, n, r.dir)
		left += len(temps(r.dir))
		switch n := r.after(); n {
		case 0:
			before++
		case killedFiles:
			after++
		default:
			between++
		}
		// Another key opens nothing, and changes nothing.
		was := r.after()
		if err := r.rekey(filepath.Join(r.dir, "other")).Run(); err == nil && was < killedFiles || r.after() != was {
			t.Errorf("kill %d: with another key: %v", i, err)
		}
		if out, err := r.rekey(r.identity).CombinedOutput(); err != nil || r.after() != killedFiles {
			t.Errorf("kill %d: run again: %v\n%s", i, err, out)
		}
		if left := temps(r.dir); len(left) > 0 {
			t.Errorf("kill %d: run again it leaves %v", i, left)
		}
		if entries, err := os.ReadDir(filepath.Join(r.dir, ".git")); err != nil || len(entries) > 0 {
			t.Errorf("kill %d: in the git folder are %v, %v", i, entries, err)
		}
	}
	t.Logf("%v a run, %d kills: %d as before, %d as after, %d between; %d half-way files went away", takes, kills, before, after, between, left)
}
