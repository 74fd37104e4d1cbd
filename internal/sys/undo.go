package sys

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// UndoStack is the list of commands that undo what was done to the running system
// (mounts, mappers, swap). It is in a file, so that the next start can clean up after a
// killed program. It holds argument vectors, never input. Use it in one goroutine.
type UndoStack struct {
	file string
	cmds []Cmd
}

// OpenUndoStack reads the stack from a file. A missing file is an empty stack. A
// damaged file is renamed to FILE.damaged, and the stack is empty.
func OpenUndoStack(file string) (*UndoStack, error) {
	u := &UndoStack{file: file}
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return u, nil
	}
	if err != nil {
		return nil, err
	}
	if u.cmds, err = parseUndos(data); err != nil {
		// It must not block every later start. The survey of the disks finds what is
		// still mounted.
		return u, os.Rename(file, file+".damaged")
	}
	return u, nil
}

// parseUndos reads the list of a stack. A command without a name is an error.
func parseUndos(data []byte) ([]Cmd, error) {
	var cmds []Cmd
	err := json.Unmarshal(data, &cmds)
	if err == nil && slices.ContainsFunc(cmds, func(c Cmd) bool { return len(c.Argv) == 0 || c.Argv[0] == "" }) {
		err = errors.New("a command has no name")
	}
	if err != nil {
		return nil, err
	}
	return cmds, nil
}

func (u *UndoStack) Len() int {
	return len(u.cmds)
}

// Holds returns whether a command of this name is in the stack.
func (u *UndoStack) Holds(name string) bool {
	return slices.ContainsFunc(u.cmds, func(c Cmd) bool { return c.Argv[0] == name })
}

func (u *UndoStack) push(c Cmd) error {
	u.cmds = append(u.cmds, Cmd{Does: c.Does, Argv: c.Argv, While: c.While})
	return u.save()
}

// remove removes the newest command with the same arguments as c.
func (u *UndoStack) remove(c Cmd) error {
	for i := len(u.cmds) - 1; i >= 0; i-- {
		if slices.Equal(u.cmds[i].Argv, c.Argv) {
			u.cmds = slices.Delete(u.cmds, i, i+1)
			break
		}
	}
	return u.save()
}

func (u *UndoStack) save() error {
	if u.file == "" { // of a program that leaves nothing to undo
		return nil
	}
	data, err := json.Marshal(u.cmds)
	if err != nil {
		return err
	}
	return WriteFile(u.file, data, 0o600)
}

// WriteFile replaces a file atomically: readers see the old bytes or the new.
func WriteFile(name string, data []byte, mode fs.FileMode) error {
	tmp, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(data)
	err = errors.Join(err, tmp.Chmod(mode), tmp.Sync(), tmp.Close())
	if err != nil {
		return err
	}
	return os.Rename(tmp.Name(), name)
}

// WriteIn replaces a file below a folder atomically, with mode 600 and this owner (-1: this
// process's). It removes the part that an interrupted run left.
func WriteIn(root *os.Root, name string, data []byte, uid, gid int) error {
	tmp := name + ".new"
	if err := root.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := root.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Chown(uid, gid), f.Sync(), f.Close()); err != nil {
		return err
	}
	return root.Rename(tmp, name)
}

// SyncDir writes the entries of a folder out to its disk.
func SyncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
