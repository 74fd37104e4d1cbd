package sshkey

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"auto-installer/internal/engine/enginetest"
	"auto-installer/internal/sys"
)

const secret = "-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2\n-----END OPENSSH PRIVATE KEY-----\n"

func options(t *testing.T) Options {
	return Options{Root: t.TempDir(), Home: "home/u", UID: os.Getuid(), GID: os.Getgid(), Key: []byte(secret), GitHost: "git.example.org"}
}

func TestRun(t *testing.T) {
	o := options(t)
	ssh := filepath.Join(o.Root, "home/u/.ssh")
	for try := range 3 {
		if try == 2 { // after an interrupted run
			if err := errors.Join(os.Remove(filepath.Join(ssh, "config")), os.WriteFile(filepath.Join(ssh, "config.new"), []byte("half"), 0o644),
				os.WriteFile(filepath.Join(ssh, keyName), []byte("half"), 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		f := sys.NewFake(t)
		if err := enginetest.Run(t.Context(), f, Ops(o)...); err != nil {
			t.Fatalf("try %d: %v", try, err)
		}
		for name, want := range map[string]string{
			keyName:  secret,
			"config": "Host git.example.org\n  IdentityFile ~/.ssh/id_deploy\n  IdentitiesOnly yes\n",
		} {
			if got, err := os.ReadFile(filepath.Join(ssh, name)); err != nil || string(got) != want {
				t.Errorf("%s: %q, %v", name, got, err)
			}
		}
		for name, mode := range map[string]os.FileMode{
			"home": 0o755 | os.ModeDir, "home/u": 0o700 | os.ModeDir, "home/u/.ssh": 0o700 | os.ModeDir,
			"home/u/.ssh/id_deploy": 0o600, "home/u/.ssh/config": 0o600,
		} {
			if fi, err := os.Lstat(filepath.Join(o.Root, name)); err != nil || fi.Mode() != mode {
				t.Errorf("%s: %v, %v", name, fi, err)
			}
		}
		if names, _ := os.ReadDir(ssh); len(names) != 2 {
			t.Errorf("left behind: %v", names)
		}
		shown, err := json.Marshal(enginetest.Shown(Ops(o)...))
		if err != nil || strings.Contains(string(shown)+strings.Join(f.Logged, ""), "hunter2") {
			t.Errorf("shown %s, logged %q, %v", shown, f.Logged, err)
		}
		if want := fmt.Sprintf("owner %d:%d", o.UID, o.GID); !strings.Contains(string(shown), want) || !strings.Contains(string(shown), ssh+"/id_deploy") {
			t.Errorf("shown %s", shown)
		}
	}
}

// Everything belongs to the user. Without the right to change owners, the step fails.
func TestOwner(t *testing.T) {
	o := options(t)
	o.UID, o.GID = 12345, 54321
	err := enginetest.Run(t.Context(), sys.NewFake(t), Ops(o)...)
	if os.Geteuid() != 0 {
		if !errors.Is(err, syscall.EPERM) {
			t.Errorf("%v", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	for name, uid := range map[string]uint32{"home": 0, "home/u": 12345, "home/u/.ssh": 12345, "home/u/.ssh/id_deploy": 12345, "home/u/.ssh/config": 12345} {
		fi, err := os.Lstat(filepath.Join(o.Root, name))
		if err != nil {
			t.Fatal(err)
		}
		if st := fi.Sys().(*syscall.Stat_t); st.Uid != uid || uid != 0 && st.Gid != 54321 {
			t.Errorf("%s belongs to %d:%d", name, st.Uid, st.Gid)
		}
	}
}

func TestLinksOutAreRefused(t *testing.T) {
	for _, link := range []string{"home", "home/u", "home/u/.ssh"} {
		t.Run(link, func(t *testing.T) {
			outside := t.TempDir()
			o := options(t)
			if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(o.Root, link)), 0o755),
				os.Symlink(outside, filepath.Join(o.Root, link))); err != nil {
				t.Fatal(err)
			}
			err := enginetest.Run(t.Context(), sys.NewFake(t), Ops(o)...)
			fault, ok := errors.AsType[*sys.Fault](err)
			if !ok || fault.Code != sys.CodeWritten || fault.Hint == "" {
				t.Errorf("%+v", err)
			}
			if strings.Contains(fmt.Sprintf("%#v", err), "hunter2") {
				t.Error("the error holds the key")
			}
			if names, _ := os.ReadDir(outside); len(names) != 0 {
				t.Errorf("written outside: %v", names)
			}
		})
	}
	// A link in place of a file is replaced, not followed.
	outside := filepath.Join(t.TempDir(), "precious")
	o := options(t)
	if err := errors.Join(os.WriteFile(outside, []byte("keep"), 0o600), os.MkdirAll(filepath.Join(o.Root, o.dir()), 0o700),
		os.Symlink(outside, filepath.Join(o.Root, o.dir(), "config"))); err != nil {
		t.Fatal(err)
	}
	if err := enginetest.Run(t.Context(), sys.NewFake(t), Ops(o)...); err != nil {
		t.Error(err)
	}
	if got, _ := os.ReadFile(outside); string(got) != "keep" {
		t.Errorf("%q", got)
	}
}
