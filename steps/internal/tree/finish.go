package tree

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"auto-installer/steps/internal/sys"
)

// Command is the hidden command of the program that calls Main with its one
// argument.
const Command = "finish-tree"

const exitChanged = 3

// Main is that command: it finishes what the file describes, and returns the
// exit code. Only a kill stops it.
func Main(file string, stderr io.Writer) int {
	signal.Ignore(syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM)
	err := finish(file)
	if err == nil {
		return 0
	}
	_, _ = fmt.Fprintln(stderr, err) // who would read it may be gone
	if errors.Is(err, errChanged) {
		return exitChanged
	}
	return 1
}

// errChanged is the error of a file that someone else changed meanwhile.
var errChanged = errors.New("was changed meanwhile")

// Commit puts all that is staged in its place, or nothing. It cannot be
// stopped half-way: ctx is looked at before it begins.
func (t *Tx) Commit(ctx context.Context) error {
	if t.lock == nil {
		return errors.New("the change has ended already")
	}
	if err := ctx.Err(); err != nil {
		return errors.Join(context.Cause(ctx), t.Rollback())
	}
	if len(t.ops) == 0 {
		return t.Rollback()
	}
	data, err := json.Marshal(plan{t.root, t.ops})
	if err == nil {
		err = writeOwned(filepath.Join(t.dir, planName), data)
	}
	if err == nil {
		err = t.spawn(filepath.Join(t.dir, planName))
	}
	if err != nil && !errors.Is(err, errStarted) {
		return errors.Join(err, t.Rollback())
	}
	err = errors.Join(err, t.lock.Close())
	t.lock = nil
	dropState(t.state)
	return err
}

// errStarted marks a failure after the first rename: it is for Recover now.
var errStarted = errors.New("some files are changed and some are not")

// spawn carries out the plan. Once it is the journal there is no way back.
func (t *Tx) spawn(file string) error {
	err := t.inItsOwnProcess(file)
	if err == nil {
		return nil
	}
	says := sys.Clean(err.Error())
	if _, gone := os.Stat(filepath.Join(t.dir, journalName)); gone == nil {
		return &sys.Fault{
			Cause: "replacing the files: " + says, Code: sys.CodeUnexpected, Err: errStarted,
			Hint: "run the same command again: it begins with finishing this",
		}
	}
	if errors.Is(err, errChanged) {
		return sys.Faultf(sys.CodeUsage, "look at it, and run the command again; nothing was changed", "%s", says)
	}
	return fmt.Errorf("replacing the files: %w", err)
}

// inItsOwnProcess lets this program finish it once more, in a session of its own:
// what ends this one does not reach it. It holds the lock.
func (t *Tx) inItsOwnProcess(file string) error {
	self, err := os.Executable()
	if err != nil {
		return finish(file)
	}
	cmd := exec.Command(self, Command, file)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Dir = "/"
	cmd.ExtraFiles = []*os.File{t.lock}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if cmd.Start() != nil {
		return finish(file) // the program was replaced or removed
	}
	err = cmd.Wait()
	if err == nil {
		return nil
	}
	says := strings.TrimSpace(stderr.String())
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == exitChanged {
		return &sys.Fault{Cause: says, Err: errChanged}
	}
	return fmt.Errorf("%w: %s", err, says)
}

// finish carries out a transaction that file describes: a plan, if all files
// are still as they were; or a journal, to the end.
func finish(file string) error {
	p, err := readPlan(file)
	if err != nil {
		return err
	}
	dir := filepath.Dir(file)
	if filepath.Base(file) == planName {
		for _, o := range p.Ops {
			now, err := current(p.Root, o.Path)
			if err != nil {
				return err
			}
			if now != o.Before {
				return fmt.Errorf("%s %w", o.Path, errChanged)
			}
		}
		// From here on there is no way back.
		if err := os.Rename(file, filepath.Join(dir, journalName)); err != nil {
			return err
		}
		if err := syncDir(dir); err != nil {
			return err
		}
	}
	if err := p.apply(dir); err != nil {
		return err
	}
	// First of all the journal: from here on there is nothing to go on with.
	return errors.Join(os.Remove(filepath.Join(dir, journalName)), os.RemoveAll(dir))
}

// apply does what is left to do. It can be called again after any failure.
func (p *plan) apply(dir string) error {
	folders := map[string]bool{}
	for _, o := range p.Ops {
		now, err := current(p.Root, o.Path)
		if err != nil {
			return err
		}
		if now == o.After {
			continue // done before
		}
		if now != o.Before {
			return fmt.Errorf("%s was changed meanwhile; what was to become of it is in %s", o.Path, filepath.Join(dir, o.Staged))
		}
		if err := p.move(dir, o); err != nil {
			return fmt.Errorf("%s: %w", o.Path, err)
		}
		folders[filepath.Join(p.Root, filepath.Dir(o.Path))] = true
	}
	for folder := range folders {
		if err := syncDir(folder); err != nil {
			return err
		}
	}
	return nil
}

// move renames one file into its place, without following a link out of the
// tree.
func (p *plan) move(dir string, o op) error {
	root, err := os.OpenRoot(p.Root)
	if err != nil {
		return err
	}
	defer root.Close()
	parent := filepath.Dir(o.Path)
	if o.After != "" {
		if err := mkdirAll(root, parent); err != nil {
			return err
		}
	}
	d, err := root.Open(parent)
	if err != nil {
		return err
	}
	defer d.Close()
	base := filepath.Base(o.Path)
	if o.After == "" {
		err = unix.Unlinkat(int(d.Fd()), base, 0)
	} else {
		err = unix.Renameat(unix.AT_FDCWD, filepath.Join(dir, o.Staged), int(d.Fd()), base)
	}
	return err
}

// mkdirAll makes folders that are the owner's of the one above.
func mkdirAll(root *os.Root, dir string) error {
	info, err := root.Stat(dir)
	if err == nil && !info.IsDir() {
		return errors.New("not a folder")
	}
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(dir)
	if err := mkdirAll(root, parent); err != nil {
		return err
	}
	if err := root.Mkdir(dir, 0o755); err != nil {
		return err
	}
	if os.Geteuid() != 0 {
		return nil
	}
	above, err := root.Stat(parent)
	if err != nil {
		return err
	}
	s := above.Sys().(*syscall.Stat_t)
	return root.Lchown(dir, int(s.Uid), int(s.Gid))
}

// recoverAll finishes every journal and drops every plan. The lock is held, so
// nobody else is at it.
func recoverAll(root, state string) (finished int, err error) {
	entries, err := os.ReadDir(state)
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), txPrefix) {
			continue
		}
		dir := filepath.Join(state, e.Name())
		file := filepath.Join(dir, journalName)
		if _, err := os.Stat(file); err == nil {
			if err := finish(file); err != nil {
				return finished, sys.WithHint(err, sys.CodeUnexpected, "put that file right, or remove "+dir+" to leave all as it is now",
					"finishing what a command that was killed had begun in "+root)
			}
			finished++
			continue
		}
		if err := os.RemoveAll(dir); err != nil {
			return finished, err
		}
	}
	return finished, nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
