package cli

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	_ "unsafe" // for go:linkname

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"auto-installer/internal/nix/nixtest"
	"auto-installer/internal/sys"
)

// The test binary is also the program, for testscript.
func TestMain(m *testing.M) {
	sealWork = 10
	// With the race detector, a program waits a second at its end for late races (GORACE),
	// and the scripts start hundreds.
	os.Setenv("GORACE", os.Getenv("GORACE")+" atexit_sleep_ms=0")
	testscript.Main(m, map[string]func(){"auto-installer": func() {
		if at, err := strconv.Atoi(os.Getenv(killAt)); err == nil {
			step = func() {
				if at--; at == 0 {
					_ = unix.Kill(os.Getpid(), unix.SIGKILL)
					select {}
				}
			}
		}
		os.Exit(Main(Program{Banner: "banner", Version: "dev"}))
	}})
}

// killAt is the environment variable that says before which change of the repo the program
// is killed.
const killAt = "AUTO_INSTALLER_KILL_AT"

// step is called before each change of the repo.
//
//go:linkname step auto-installer/internal/worktree.step
var step func()

// sealWork is the cost of guessing a passphrase. Only the linker can set it, so only a test
// lowers it.
//
//go:linkname sealWork auto-installer/secrets.sealWork
var sealWork int

func TestScripts(t *testing.T) {
	nixtest.Need(t)
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(env *testscript.Env) error {
			env.Setenv("INSTALL_DISK", "")
			env.Setenv("REPO_REMOTE", "")
			env.Setenv("NO_COLOR", "1")
			env.Setenv("XDG_RUNTIME_DIR", env.WorkDir)
			env.Setenv("PATH", os.Getenv("PATH"))
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits":   exits,
			"isjson":  isJSON,
			"hash":    hash,
			"sparse":  sparse,
			"fill":    fill,
			"notroot": notRoot,
			"mbr":     mbr,
			"asroot":  asRoot,
		},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}

// exits runs the program and expects this exit code: exits 2 auto-installer ... After an
// error, it also expects a line error: and, for errors that the operator can fix, hint:.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM [ARG...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
	stderr := ts.ReadFile("stderr")
	if want != 0 && (!strings.Contains(stderr, "error: ") || !strings.Contains(stderr, "hint: ")) {
		ts.Fatalf("no error or no hint:\n%s", stderr)
	}
	if want == 0 && stderr != "" {
		ts.Fatalf("done, and yet it says:\n%s", stderr)
	}
}

// isjson expects one JSON document in a file.
func isJSON(ts *testscript.TestScript, neg bool, args []string) {
	if json.Valid([]byte(ts.ReadFile(args[0]))) == neg {
		ts.Fatalf("%s: JSON is %v", args[0], neg)
	}
}

// sparse creates a sparse file: sparse FILE MIB.
func sparse(ts *testscript.TestScript, _ bool, args []string) {
	mib, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	f, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Check(errors.Join(f.Truncate(mib<<20), f.Close()))
}

// hash writes the SHA-256 of all non-zero extents of a sparse file to another file: hash FILE
// INTO. Reading the zeros too would take minutes.
func hash(ts *testscript.TestScript, _ bool, args []string) {
	f, err := os.Open(ts.MkAbs(args[0]))
	ts.Check(err)
	defer f.Close()
	info, err := f.Stat()
	ts.Check(err)
	h := sha256.New()
	for at := int64(0); ; {
		data, err := f.Seek(at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			break
		}
		ts.Check(err)
		hole, err := f.Seek(data, unix.SEEK_HOLE)
		ts.Check(err)
		fmt.Fprintln(h, data, hole)
		_, err = io.Copy(h, io.NewSectionReader(f, data, hole-data))
		ts.Check(err)
		at = hole
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), fmt.Appendf(nil, "%x %d %s\n", h.Sum(nil), info.Size(), info.ModTime()), 0o600))
}

// mbr creates an image with the signature of an MBR: mbr FILE MIB.
func mbr(ts *testscript.TestScript, neg bool, args []string) {
	sparse(ts, neg, args)
	f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_WRONLY, 0)
	ts.Check(err)
	_, err = f.WriteAt([]byte{0x55, 0xaa}, 510)
	ts.Check(errors.Join(err, f.Close()))
}

// fill creates a file of x: fill FILE BYTES.
func fill(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Repeat("x", n)), 0o600))
}

// notroot expects an install to be refused because it is not root's. As root it does nothing,
// because the install would go on to choose a disk.
func notRoot(ts *testscript.TestScript, _ bool, args []string) {
	if os.Geteuid() != 0 {
		exits(ts, false, append([]string{"5"}, args...))
	}
}

// asroot is exits for a refusal that only root reaches: asroot 2 auto-installer ... Other
// users are refused first because they are not root.
func asRoot(ts *testscript.TestScript, _ bool, args []string) {
	if os.Geteuid() != 0 {
		args = append([]string{"5"}, args[1:]...)
	}
	exits(ts, false, args)
}

// The table has every exit code.
func TestExitCodesAreListed(t *testing.T) {
	listed := map[int]bool{}
	for _, c := range sys.Codes {
		listed[int(c.Code)] = true
	}
	files, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			if f := strings.Fields(line); len(f) > 2 && f[0] == "exits" {
				code, err := strconv.Atoi(f[1])
				if err != nil || !listed[code] {
					t.Errorf("%s: %s", file, line)
				}
			}
		}
	}
}
