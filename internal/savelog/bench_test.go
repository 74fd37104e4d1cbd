package savelog

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"auto-installer/internal/sys"
)

// log is a Reporter that keeps commands and lines.
type log struct {
	mu    sync.Mutex
	lines []string
	after func(sys.Cmd) // called at the start of a command
}

func (l *log) keep(s string) { l.mu.Lock(); l.lines = append(l.lines, s); l.mu.Unlock() }

func (l *log) Command(c sys.Cmd) {
	l.keep(c.String())
	if l.after != nil {
		l.after(c)
	}
}
func (l *log) Log(s string)  { l.keep(s) }
func (l *log) Warn(s string) { l.keep(s) }

func (l *log) Proven(s string)       { l.keep(s) }
func (l *log) Progress(sys.Progress) {}
func (l *log) Waiting(sys.Waiting)   {}

// bench is a real Machine on which mount puts a link to a folder in the mount
// point's place, so that no test needs root.
type bench struct {
	*sys.Machine
	log   *log
	stick string // what /dev/stick holds
	run   string
	logs  []string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	dir := t.TempDir()
	b := &bench{log: &log{}, stick: filepath.Join(dir, "stick"), run: filepath.Join(dir, "run")}
	bin := filepath.Join(dir, "bin")
	for _, d := range []string{b.stick, b.run, bin} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write := func(name, data string, mode os.FileMode) {
		if err := os.WriteFile(name, []byte(data), mode); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(bin, "mount"), `#!/bin/sh
[ "$*" = "-w -t vfat -o nosuid,nodev,noexec /dev/stick $7" ] || { echo "mount: bad device" >&2; exit 32; }
rmdir "$7" && ln -s '`+b.stick+`' "$7"
`, 0o755)
	write(filepath.Join(bin, "umount"), `#!/bin/sh
[ -L "$1" ] && rm "$1" && mkdir "$1"
`, 0o755)
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	undos, err := sys.OpenUndoStack(filepath.Join(dir, "undo.json"))
	if err != nil {
		t.Fatal(err)
	}
	b.Machine = &sys.Machine{Reporter: b.log, Undos: undos}
	for i, data := range []string{"first log\n", strings.Repeat("second log\n", 100_000)} {
		b.logs = append(b.logs, filepath.Join(dir, fmt.Sprintf("%d.log", i+1)))
		write(b.logs[i], data, 0o600)
	}
	t.Cleanup(func() {
		if left, _ := os.ReadDir(b.run); len(left) > 0 || b.Undos.Len() > 0 {
			t.Errorf("left mounted: %v, %d to undo", left, b.Undos.Len())
		}
	})
	return b
}

func (b *bench) options() SaveOptions {
	return SaveOptions{
		Place: Place{Device: "/dev/stick", FSType: "vfat"}, Files: b.logs, Name: "2026-01-02-03-04", Run: b.run,
		Secrets: [][]byte{[]byte("hunter2hunter2"), nil},
	}
}

// tree lists the files below a folder.
func tree(t *testing.T, dir string) (files []string) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(dir), ".", func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
