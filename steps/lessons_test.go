package steps

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"auto-installer/internal/engine"
	"auto-installer/internal/engine/enginetest"
	"auto-installer/internal/sys"
	"auto-installer/steps/finish"
	"auto-installer/steps/system"
)

// The tests named TestLesson cover what went wrong with the shell script that this program
// replaces. Their numbers are those of docs/reliability.md. Those for screens, keys and the
// host's configuration are in the packages concerned.

// TestLessonsAreListed: each lesson of docs/reliability.md has a test with its number, each
// such test is listed, and every test that is named there exists.
func TestLessonsAreListed(t *testing.T) {
	doc, err := os.ReadFile("../docs/reliability.md")
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`)
	err = filepath.WalkDir("..", func(name string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() && (e.Name() == "out" || e.Name() == ".git") {
			return fs.SkipDir
		}
		if err != nil || !strings.HasSuffix(name, "_test.go") {
			return err
		}
		text, err := os.ReadFile(name)
		for _, m := range declared.FindAllSubmatch(text, -1) {
			have[string(m[1])] = false
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile(`(?m)^\| (\d+) \|.*$`).FindAllSubmatch(doc, -1)
	if len(rows) != 18 {
		t.Errorf("%d lessons are listed", len(rows))
	}
	for i, row := range rows {
		number := fmt.Sprintf("%02d", i+1)
		if string(row[1]) != fmt.Sprint(i+1) || !bytes.Contains(row[0], []byte("`TestLesson"+number)) {
			t.Errorf("lesson %d has no test of its name: %s", i+1, row[0])
		}
	}
	for _, m := range regexp.MustCompile("`(Test\\w+)`").FindAllSubmatch(doc, -1) {
		if _, ok := have[string(m[1])]; !ok {
			t.Errorf("there is no %s", m[1])
		}
		have[string(m[1])] = true
	}
	for name, listed := range have {
		if regexp.MustCompile(`^TestLesson\d`).MatchString(name) && !listed {
			t.Errorf("%s is not in docs/reliability.md", name)
		}
	}
}

// TestLesson01NoSecretInAnyOutput: neither the plan nor the engine's files have a secret,
// whether the commands that read it succeed or fail.
func TestLesson01NoSecretInAnyOutput(t *testing.T) {
	for name, a := range answers(t) {
		if a.Host.LUKS.Enable {
			a.RecoveryKey = []byte("cbdefghijklnrtuv-recovery")
		}
		var secrets []string
		for _, s := range [][]byte{a.Passphrase, a.RecoveryKey, a.AgeIdentity, a.DeployKey} {
			if len(s) > 0 {
				secrets = append(secrets, strings.TrimSpace(string(s)))
			}
		}
		if len(secrets) == 0 {
			continue
		}
		p, err := InstallPlan(a, engine.DefaultPaths())
		if err != nil {
			t.Fatal(err)
		}
		var text bytes.Buffer
		engine.WritePlan(&text, &p.Plan)
		asJSON, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		parts, err := a.Handover(engine.Paths{})
		if err != nil {
			t.Fatal(err)
		}
		paths := newPaths(t)
		e := open(t, paths)
		read := func(script string) error {
			return e.Run(t.Context(), testPlan(t, doing("encrypt", true, func(ctx context.Context, s sys.System) error {
				for _, secret := range secrets {
					c := sh(script)
					c.Stdin, c.Secret = []byte(secret), "passphrase"
					if err := s.Run(ctx, c); err != nil {
						return sys.Incomplete(err, "to encrypt")
					}
				}
				return nil
			})))
		}
		err = read("cat >/dev/null")
		if err == nil {
			if err = read("cat >/dev/null; echo no key >&2; exit 2"); err == nil {
				t.Error("the failure is lost")
			}
		}
		_ = e.Close(err)
		written := ""
		for _, file := range []string{paths.Log, paths.Events} {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			written += string(data)
		}
		if !strings.Contains(written, "cat >/dev/null") {
			t.Fatalf("%s: nothing ran: %s", name, written)
		}
		for _, secret := range secrets {
			for line := range strings.Lines(secret) { // any line of a key file
				if strings.Contains(text.String()+string(asJSON)+string(parts[0])+a.CommandLine()+written, strings.TrimSpace(line)) {
					t.Errorf("%s: a secret is shown", name)
				}
			}
		}
	}
}

// TestLesson09BootLoaderFailureIsFailure: a boot loader that fails stops the install with an
// exit code, and nothing powers off before the boot proof.
func TestLesson09BootLoaderFailureIsFailure(t *testing.T) {
	f := sys.NewFake(t)
	o := system.Options{Toplevel: toplevel, Root: Target}
	argv := enginetest.Shown(system.Ops(o)...)[0].Argv
	f.Expect(argv...).Fails(1, "failed to install the boot loader")
	err := enginetest.Run(t.Context(), f, system.Ops(o)...)
	if fault, ok := errors.AsType[*sys.Fault](err); !ok || fault.Code != sys.CodeWritten || !strings.Contains(fault.Cause, "boot loader") {
		t.Errorf("%+v", err)
	}
	for name, a := range answers(t) {
		p, err := InstallPlan(a, engine.DefaultPaths())
		if err != nil {
			t.Fatal(err)
		}
		last := len(p.Steps) - 1
		if p.Steps[last].Name != "finish" || p.Steps[last-1].Name != "bootproof" {
			t.Errorf("%s ends with %s, %s", name, p.Steps[last-1].Name, p.Steps[last].Name)
		}
		for _, s := range p.Steps[:last] {
			for _, action := range s.Actions {
				if len(action.Argv) > 0 && action.Argv[0] == "systemctl" {
					t.Errorf("%s: %s runs %q", name, s.Name, action.Argv)
				}
			}
		}
	}
	paths := newPaths(t)
	e := open(t, paths)
	failed := e.Close(e.Run(t.Context(), testPlan(t,
		doing("bootproof", true, func(context.Context, sys.System) error {
			return sys.Faultf(sys.CodeBootProof, "h", "there is no kernel")
		}), doing("finish", true, func(context.Context, sys.System) error { t.Error("it goes on to the end"); return nil }))))
	if e, ok := errors.AsType[*sys.Fault](failed); !ok || e.Code != sys.CodeBootProof {
		t.Errorf("%+v", failed)
	}
}

// index returns the position of a step in a plan, or -1.
func index(p *Install, name engine.Name) int {
	return slices.IndexFunc(p.Steps, func(s engine.Step) bool { return s.Name == name })
}

// TestLesson17LogOnTheTarget: the log is saved on the target's root, readable by root only, and
// never on the ESP; also after a failure.
func TestLesson17LogOnTheTarget(t *testing.T) {
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "boot"), 0o700); err != nil {
		t.Fatal(err)
	}
	p := newPaths(t)
	e := open(t, p)
	err := e.Run(t.Context(), testPlan(t, doing("closure", true, func(_ context.Context, s sys.System) error {
		s.Log("the last line")
		return sys.Incomplete(errors.New("no room"), "to copy")
	}), doing("never", true, nil)))
	if err == nil {
		t.Fatal("no failure")
	}
	if err := finish.KeepLogs(finish.Options{Root: root, Logs: []string{p.Log, p.Events}}); err != nil { // as the engine does if the target is mounted
		t.Fatal(err)
	}
	_ = e.Close(err)
	for _, name := range []string{"install.log", "events.jsonl"} {
		file := filepath.Join(root, "var/log/auto-installer", name)
		data, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(data, []byte("the last line")) || !bytes.Contains(data, []byte("no room")) {
			t.Errorf("%s: %v, %d bytes", name, err, len(data))
		}
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	if on, err := os.ReadDir(filepath.Join(root, "boot")); err != nil || len(on) > 0 {
		t.Errorf("on the ESP: %v, %v", on, err)
	}
}
