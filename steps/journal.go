package steps

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"auto-installer/steps/internal/block"
	"auto-installer/steps/internal/sys"
	"auto-installer/steps/partition"
)

// journal is what a second engine needs to continue after the first: which
// steps were finished on which disk, and the GUIDs that were written there. It
// holds no secret.
type journal struct {
	Host  string         `json:"host"`
	Mode  string         `json:"mode"`
	Disk  block.Identity `json:"disk"`  // as it was before the first write
	GUIDs [4]string      `json:"guids"` // the table's, then the partitions'
	// Partitions are those that were planned.
	Partitions []partition.Partition `json:"partitions"`
	Done       []string              `json:"done"` // names of the finished steps
}

func journalFile(p Paths) string { return filepath.Join(p.Dir, "journal.json") }

// readJournal finds what an earlier engine left.
func readJournal(p Paths) (journal, error) {
	var j journal
	data, err := os.ReadFile(journalFile(p))
	if errors.Is(err, fs.ErrNotExist) {
		return j, fault(sys.CodeUsage, "leave out --resume", "there is no unfinished install to continue")
	}
	if err == nil {
		err = json.Unmarshal(data, &j)
	}
	return j, err
}

// fits tells whether the answers are those of the unfinished install.
func (j journal) fits(a Answers) error {
	mode := "flake"
	if a.System != "" {
		mode = "prebuilt"
	}
	before, now := j.Disk, a.Disk.identity
	before.PTUUID = now.PTUUID // it was written since
	same, why := before.Same(now)
	switch {
	case j.Host != a.Host.TargetHost || j.Mode != mode:
		why = "it was " + j.Host + " (" + j.Mode + ")"
	case !same:
	default:
		return nil
	}
	return fault(sys.CodeUsage, "leave out --resume to start over", "the unfinished install was another one: %s", why)
}

func (j journal) done(step string) bool { return slices.Contains(j.Done, step) }

// note adds a finished step.
func (j *journal) note(p Paths, step string) error {
	if !j.done(step) {
		j.Done = append(j.Done, step)
	}
	data, err := json.MarshalIndent(j, "", "  ")
	if err != nil {
		return err
	}
	return sys.WriteFile(journalFile(p), data, 0o600)
}

// drop forgets the journal of an install that is done.
func (j *journal) drop(p Paths) error {
	if err := os.Remove(journalFile(p)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
