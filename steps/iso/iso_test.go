package iso

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"auto-installer/steps/internal/sys"
)

const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIK demo-installer"

// repo is a config repo, and what nix would link to.
func repo(t *testing.T, images ...string) Options {
	t.Helper()
	dir := t.TempDir()
	o := Options{Flake: dir, Host: "demo", OutLink: filepath.Join(dir, "result")}
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "flake.nix"), []byte("{ }\n"), 0o600), os.MkdirAll(filepath.Join(o.OutLink, "iso"), 0o700)); err != nil {
		t.Fatal(err)
	}
	for _, name := range images {
		if err := os.WriteFile(filepath.Join(o.OutLink, "iso", name), make([]byte, 3<<20), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return o
}

func TestRun(t *testing.T) {
	for name, tt := range map[string]struct {
		file, log, want string
		fails           bool
	}{
		"of the host's folder": {file: key + "\n", want: key},
		"of the log":           {log: "building\nINSTALLER SSH PUBLIC KEY for demo:\n" + key + "\ndone\n", want: key},
		"of another host":      {log: "INSTALLER SSH PUBLIC KEY for demo2:\n" + key + "\n"},
		"no log":               {fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			o := repo(t, "demo-installer.iso")
			f := sys.NewFake(t)
			f.Expect(build(o).Argv...).Says(`@nix {"action":"start","id":3,"type":103}`)
			if tt.file != "" {
				file := filepath.Join(o.Flake, "hosts", "demo", "deploy.pub")
				if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(tt.file), 0o600)); err != nil {
					t.Fatal(err)
				}
			} else if call := f.Expect(buildLog(o).Argv...).Prints(tt.log); tt.fails {
				call.Fails(1, "error: build log is not available")
			}
			if err := Run(t.Context(), f, o); err != nil {
				t.Fatal(err)
			}
			said := strings.Join(f.Logged, "\n")
			if !strings.Contains(said, "demo-installer.iso (3 MiB)") || !strings.Contains(said, "auto-installer flash "+o.OutLink+"/iso/demo-installer.iso") {
				t.Errorf("it says\n%s", said)
			}
			if got := slices.Contains(f.Logged, key); got != (tt.want != "") {
				t.Errorf("the key is told: %v\n%s", got, said)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	fault := func(t *testing.T, err error, code sys.Code, words string) {
		t.Helper()
		f, ok := errors.AsType[*sys.Fault](err)
		if !ok || f.Code != code || f.Hint == "" || !strings.Contains(f.Cause, words) {
			t.Errorf("%+v", err)
		}
	}
	t.Run("no flake", func(t *testing.T) {
		fault(t, Run(t.Context(), sys.NewFake(t), Options{Flake: t.TempDir(), Host: "demo"}), sys.CodeUsage, "is not a flake")
	})
	t.Run("nix fails", func(t *testing.T) {
		o := repo(t)
		f := sys.NewFake(t)
		f.Expect(build(o).Argv...).Says(`@nix {"action":"msg","level":0,"msg":"error: flake does not provide attribute demoInstallerIso"}`).Fails(1, "")
		fault(t, Run(t.Context(), f, o), sys.CodeSource, "does not provide attribute")
	})
	for _, images := range [][]string{nil, {"a.iso", "b.iso"}} {
		o := repo(t, images...)
		f := sys.NewFake(t)
		f.Expect(build(o).Argv...)
		fault(t, Run(t.Context(), f, o), sys.CodeSource, "nix built no ISO")
	}
}

// A public key that is a link out of the repo is not printed.
func TestDeployKeyIsNoLinkOut(t *testing.T) {
	o := repo(t, "demo-installer.iso")
	outside := filepath.Join(t.TempDir(), "shadow")
	dir := filepath.Join(o.Flake, "hosts", "demo")
	if err := errors.Join(os.WriteFile(outside, []byte("root:secret"), 0o600), os.MkdirAll(dir, 0o700), os.Symlink(outside, filepath.Join(dir, "deploy.pub"))); err != nil {
		t.Fatal(err)
	}
	if key, err := deployKey(t.Context(), sys.NewFake(t), o); err == nil || key != "" {
		t.Errorf("%q, %v", key, err)
	}
}

// FuzzPrinted reads any log of a build: a key is one line of it.
func FuzzPrinted(f *testing.F) {
	f.Add("building\nINSTALLER SSH PUBLIC KEY for demo:\n" + key + "\n")
	f.Fuzz(func(t *testing.T, log string) {
		if got := printed(log, "demo"); strings.ContainsAny(got, "\n") || !strings.Contains(log, got) {
			t.Errorf("%q", got)
		}
	})
}
