package cli

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

// killedRepo is a repo with secrets to re-encrypt.
type killedRepo struct {
	t        *testing.T
	dir      string
	mine     *secrets.Identity
	wanted   []*secrets.Recipient
	identity string // file
}

const killedFiles = 4

func newKilledRepo(t *testing.T) *killedRepo {
	t.Helper()
	dir, err := filepath.EvalSymlinks(inMemory(t))
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
		w, err := age.Encrypt(&out, secrets.Recipients(r.wanted[:1])...)
		r.ok(err)
		_, err = w.Write([]byte("secret"))
		r.ok(err, w.Close(), os.WriteFile(r.file(i), out.Bytes(), 0o600))
		rules = append(rules, fmt.Sprintf(`"%d.age": {"publicKeys": [%q, %q]}`, i, r.wanted[0], r.wanted[1]))
	}
	r.ok(os.WriteFile(filepath.Join(dir, "rules.json"), []byte("{"+strings.Join(rules, ",")+"}"), 0o600))
	return r
}

// inMemory returns a folder for many small files, which no disk has to sync.
func inMemory(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "killed")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
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

// after returns how many files are re-encrypted; each is complete and can be decrypted.
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

// killCount is how many random kills a test makes; set AUTO_INSTALLER_KILLS=200 for a thorough
// run.
func killCount(t *testing.T) int {
	text := os.Getenv("AUTO_INSTALLER_KILLS")
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// killedBefore runs a command that is killed before its change number at. It returns whether
// there was such a change.
func killedBefore(t *testing.T, cmd *exec.Cmd, at int) bool {
	t.Helper()
	cmd.Env = append(cmd.Environ(), fmt.Sprintf("%s=%d", killAt, at))
	out, err := cmd.CombinedOutput()
	if status := cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signaled() && status.Signal() == syscall.SIGKILL {
		return true
	}
	if err != nil {
		t.Fatalf("killed before change %d: %v\n%s", at, err, out)
	}
	return false
}

// temps returns the files that a command has written and not yet renamed.
func temps(dirs ...string) []string {
	var all []string
	for _, dir := range dirs {
		found, _ := filepath.Glob(filepath.Join(dir, ".auto-installer-*")) // the pattern is good
		all = append(all, found...)
	}
	return all
}

// killed starts a command and kills it: after a time, or as soon as more than n files are
// written and not yet renamed, or a moment later.
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
		case <-ended: // it ended before the kill
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

// rekey is killed before each of its changes. Each secret is the old or the new one, and the
// same command then finishes. With AUTO_INSTALLER_KILLS=200 it is also killed at that many
// random moments.
func TestRekeyKilledAtAnyMoment(t *testing.T) {
	seen := map[int]bool{}
	for at := 1; ; at++ {
		r := newKilledRepo(t)
		killed := killedBefore(t, r.rekey(r.identity), at)
		seen[r.goesOn(fmt.Sprintf("killed before change %d", at))] = true
		if !killed {
			break
		}
	}
	for n := range killedFiles + 1 {
		if !seen[n] {
			t.Errorf("no kill left %d files re-encrypted", n)
		}
	}
	start := time.Now()
	whole := newKilledRepo(t)
	if out, err := whole.rekey(whole.identity).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	takes := time.Since(start)
	left, count := 0, map[int]int{}
	for i := range killCount(t) {
		r := newKilledRepo(t)
		n := -1
		if i%3 > 0 {
			n = rand.IntN(killedFiles)
		}
		killed(t, r.rekey(r.identity), takes, n, r.dir)
		left += len(temps(r.dir))
		count[r.goesOn(fmt.Sprintf("kill %d", i))]++
	}
	t.Logf("%v a run; how often so many files were re-encrypted: %v; %d half-way files went away", takes, count, left)
}

// goesOn inspects what a kill left and expects the same command to finish. It returns how many
// files were re-encrypted before that.
func (r *killedRepo) goesOn(when string) int {
	r.t.Helper()
	was := r.after()
	// Another key decrypts nothing and changes nothing.
	if err := r.rekey(filepath.Join(r.dir, "other")).Run(); err == nil && was < killedFiles || r.after() != was {
		r.t.Errorf("%s: with another key: %v", when, err)
	}
	if out, err := r.rekey(r.identity).CombinedOutput(); err != nil || r.after() != killedFiles {
		r.t.Errorf("%s: run again: %v\n%s", when, err, out)
	}
	if left := temps(r.dir); len(left) > 0 {
		r.t.Errorf("%s: run again it leaves %v", when, left)
	}
	if entries, err := os.ReadDir(filepath.Join(r.dir, ".git")); err != nil || len(entries) > 0 {
		r.t.Errorf("%s: in the git folder are %v, %v", when, entries, err)
	}
	return was
}
