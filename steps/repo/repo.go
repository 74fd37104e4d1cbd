// Package repo copies the config repo to where the host wants it.
package repo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
)

// Options says what is copied where.
type Options struct {
	From string // the clone in RAM
	Root string // the target's mount point
	To   string // repoClonePath, below the target
	// Home is the user's home directory below the target, or empty without a user. A repo
	// in it belongs to the user, and so does every directory on its path.
	Home     string
	UID, GID int
}

func (o Options) inHome() bool {
	return o.Home != "" && strings.HasPrefix(o.To, o.Home+"/")
}

// Ops copy the clone that was evaluated, so the target has the same revision.
func Ops(o Options) []engine.Op {
	ops := []engine.Op{engine.Do("", o.within).Doing("checking the path of the config repo on the target").
		Hint(sys.CodeWritten, "start over (--start-over): that creates new file systems")}
	owner := fmt.Sprintf("%d:%d", o.UID, o.GID)
	if o.inHome() {
		// mkdir -p would create directories of root in the user's home.
		ops = append(ops, engine.Run(sys.Cmd{
			Does: "create the user's home",
			Argv: []string{"install", "-d", "-m", "0700", "-o", fmt.Sprint(o.UID), "-g", fmt.Sprint(o.GID), o.Home},
		}))
		if rest, err := filepath.Rel(o.Home, filepath.Dir(o.To)); err == nil && rest != "." {
			dirs := []string{"install", "-d", "-o", fmt.Sprint(o.UID), "-g", fmt.Sprint(o.GID)}
			at := o.Home
			for part := range strings.SplitSeq(rest, "/") {
				at = filepath.Join(at, part)
				dirs = append(dirs, at)
			}
			ops = append(ops, engine.Run(sys.Cmd{Does: "create the directories on its path", Argv: dirs}))
		}
	} else {
		ops = append(ops, engine.Run(sys.Cmd{Does: "create its parent", Argv: []string{"mkdir", "-p", filepath.Dir(o.To)}}))
	}
	ops = append(ops,
		// An interrupted install may have left a part of a clone.
		engine.Run(sys.Cmd{Does: "remove an earlier copy", Argv: []string{"rm", "--recursive", "--force", "--one-file-system", "--", o.To}}),
		engine.Run(sys.Cmd{Does: "copy the clone with its history", Argv: []string{"cp", "--archive", "--no-target-directory", o.From, o.To}}))
	if o.inHome() {
		ops = append(ops, engine.Run(sys.Cmd{Does: "give it to the user", Argv: []string{"chown", "--recursive", owner, o.To}}))
	}
	return ops
}

// within fails if a link on the target leads out of it, which the commands would follow.
func (o Options) within(context.Context, sys.System) error {
	root, err := os.OpenRoot(o.Root)
	if err != nil {
		return err
	}
	defer root.Close()
	below, err := filepath.Rel(o.Root, filepath.Dir(o.To))
	if err != nil {
		return err
	}
	if _, err := root.Stat(below); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
