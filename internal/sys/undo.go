package sys

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// UndoStack is the list of commands that take back what was done to the
// running system (mounts, mappers, swap). It is kept in a file, so that the
// next start can undo what a killed program left behind.
type UndoStack struct {
	file string
	mu   sync.Mutex
	cmds []Cmd
}

// OpenUndoStack reads the stack that file holds; a missing file is an empty
// one, and a damaged one is put aside. It holds argument vectors only, never
// input.
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
		// It must not keep every later start from working. What is still
		// mounted is found when the disks are looked at.
		return u, os.Rename(file, file+".damaged")
	}
	return u, nil
}

// parseUndos reads the list of a stack. A command without a name is none.
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

// Len is the number of commands left to run.
func (u *UndoStack) Len() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.cmds)
}

// Holds tells whether a command that starts with this word is to be run.
func (u *UndoStack) Holds(name string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.ContainsFunc(u.cmds, func(c Cmd) bool { return c.Argv[0] == name })
}

func (u *UndoStack) push(c Cmd) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.cmds = append(u.cmds, Cmd{Does: c.Does, Argv: c.Argv, While: c.While})
	return u.save()
}

func (u *UndoStack) newestFirst() []Cmd {
	u.mu.Lock()
	defer u.mu.Unlock()
	cmds := slices.Clone(u.cmds)
	slices.Reverse(cmds)
	return cmds
}

// remove takes out the newest command that is the same as c.
func (u *UndoStack) remove(c Cmd) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	for i := len(u.cmds) - 1; i >= 0; i-- {
		if slices.Equal(u.cmds[i].Argv, c.Argv) {
			u.cmds = slices.Delete(u.cmds, i, i+1)
			break
		}
	}
	return u.save()
}

// clear forgets every command.
func (u *UndoStack) clear() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.cmds = nil
	return u.save()
}

func (u *UndoStack) save() error {
	if u.file == "" { // of a program whose end nobody has to take care of
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
