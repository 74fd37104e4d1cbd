package iso

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"auto-installer/internal/engine/enginetest"
	"auto-installer/internal/sys"
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
			f.Expect(o.build().Argv...).Says(`@nix {"action":"start","id":3,"type":103}`)
			if tt.file != "" {
				file := filepath.Join(o.Flake, "hosts", "demo", "deploy.pub")
				if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(tt.file), 0o600)); err != nil {
					t.Fatal(err)
				}
			} else if call := f.Expect(o.buildLog().Argv...).Prints(tt.log); tt.fails {
				call.Fails(1, "error: build log is not available")
			}
			if err := enginetest.Check(t.Context(), f, o.ops()...); err != nil {
				t.Fatal(err)
			}
			said := strings.Join(f.Logged, "\n")
			if !strings.Contains(said, "demo-installer.iso (3 MiB)") || !strings.Contains(said, "auto-installer flash "+o.OutLink+"/iso/demo-installer.iso") {
				t.Errorf("it says\n%s", said)
			}
			if got := slices.Contains(f.Logged, key); got != (tt.want != "") {
				t.Errorf("the key is in the output: %v\n%s", got, said)
			}
		})
	}
}

// The hint is by the kind of the failure.
func TestHints(t *testing.T) {
	const (
		absent = "flake 'git+file:///c' does not provide attribute 'packages.x86_64-linux.demoInstallerIso' or 'demoInstallerIso'"
		source = "/nix/store/xqqxw67qiws5dzfljmvmipd7b5pap23g-source/"
	)
	git := func(f *sys.Fake, o Options, says string) {
		f.Expect("git", "-C", o.Flake, "ls-files", "--", "hosts/demo/host.toml").Prints(says)
	}
	for name, tt := range map[string]struct {
		says  string
		files []string
		then  func(*sys.Fake, Options)
		code  sys.Code
		hint  string
	}{
		"another host": {says: absent, code: sys.CodeSource, hint: "add this one with `auto-installer new-host demo`"},
		"not added to git": {
			says: absent, files: []string{"hosts/demo/host.toml"}, then: func(f *sys.Fake, o Options) { git(f, o, "") },
			code: sys.CodeSource, hint: "git add hosts/demo: nix sees only files that git tracks",
		},
		"not declared": {
			says: absent, files: []string{"hosts/demo/host.toml"}, then: func(f *sys.Fake, o Options) { git(f, o, "hosts/demo/host.toml\n") },
			code: sys.CodeSource, hint: "mkInstallers { inherit self; }",
		},
		"a file that git does not know": {
			says: "path '" + source + "hosts/a b.nix' does not exist", files: []string{"hosts/a b.nix"}, code: sys.CodeSource, hint: "git add 'hosts/a b.nix'",
		},
		"a file that is nowhere": {
			says: "path '" + source + "hosts/c.nix' does not exist", code: sys.CodeSource, hint: "correct the reference to hosts/c.nix",
		},
		"evaluation": {
			says: "attribute 'foo' missing\\n at " + source + "hosts/a.nix:3:41:", files: []string{"hosts/a.nix"}, code: sys.CodeSource, hint: "correct hosts/a.nix:3; `nix build ",
		},
		"elsewhere":  {says: "attribute 'foo' missing\\n at " + source + "lib/x.nix:3:41:", code: sys.CodeSource, hint: "--show-trace"},
		"no network": {says: "unable to download 'https://x/': Could not resolve host: x", code: sys.CodeSource, hint: "can reach the host"},
		"disk full":  {says: "writing: No space left on device", code: sys.CodeMachine, hint: "nix-collect-garbage"},
		"builder":    {says: "builder for '/nix/store/a.drv' failed with exit code 1", code: sys.CodeSource, hint: "nix log /nix/store/a.drv"},
	} {
		t.Run(name, func(t *testing.T) {
			o := repo(t)
			for _, name := range tt.files {
				file := filepath.Join(o.Flake, name)
				if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, nil, 0o600)); err != nil {
					t.Fatal(err)
				}
			}
			f := sys.NewFake(t)
			f.Expect(o.build().Argv...).Says(`@nix {"action":"msg","level":0,"msg":"error: `+tt.says+`","raw_msg":"`+tt.says+`"}`).Fails(1, "")
			if tt.then != nil {
				tt.then(f, o)
			}
			err := enginetest.Check(t.Context(), f, o.ops()...)
			fault, ok := errors.AsType[*sys.Fault](err)
			if !ok || fault.Code != tt.code || !strings.Contains(fault.Hint, tt.hint) || strings.Contains(fault.Hint, "nix flake show") {
				t.Errorf("%+v", err)
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
		fault(t, enginetest.Check(t.Context(), sys.NewFake(t), Options{Flake: t.TempDir(), Host: "demo"}.ops()...), sys.CodeUsage, "is not a flake")
	})
	for _, images := range [][]string{nil, {"a.iso", "b.iso"}} {
		o := repo(t, images...)
		f := sys.NewFake(t)
		f.Expect(o.build().Argv...)
		fault(t, enginetest.Check(t.Context(), f, o.ops()...), sys.CodeSource, "nix built no ISO")
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
	if key, err := o.deployKey(t.Context(), sys.NewFake(t)); err == nil || key != "" {
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
