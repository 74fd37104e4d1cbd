package steps

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/google/uuid"

	"auto-installer/hosts"
	"auto-installer/internal/disk/block"
	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
	"auto-installer/steps/partition"
)

// journal is what a second engine needs to continue after the first: which
// steps were finished on which disk, and the GUIDs that were written there. It
// holds no secret.
//
// It is kept in memory from the first write on, and on the ESP, which can be
// read without the passphrase, from when that is mounted until all is proven.
type journal struct {
	Schema string         `json:"schema"`
	Host   string         `json:"host"`
	Mode   string         `json:"mode"`
	Disk   block.Identity `json:"disk"`  // as it was before the first write
	GUIDs  [4]string      `json:"guids"` // the table's, then the partitions'
	// Partitions are those that were planned. In a LUKS container the root's
	// label is none of theirs.
	Partitions []partition.Partition `json:"partitions"`
	RootLabel  string                `json:"rootLabel"`
	Steps      int                   `json:"steps"` // how many write
	Done       []engine.Name         `json:"done"`  // the finished ones
	Time       time.Time             `json:"time"`  // when the last of them was
	// Serial counts how often it was written: of two, the higher is the newer.
	Serial int `json:"serial"`
}

// journalSchema is the form of a journal. Another program's form is not
// guessed at: it would be continued wrongly.
const journalSchema = "auto-installer/journal/1"

// maxJournal is more than any journal takes, in bytes.
const maxJournal = 64 << 10

func journalFile(p engine.Paths) string { return filepath.Join(p.Dir, "journal.json") }

// errNoJournal: nothing was begun, or it came to its end.
var errNoJournal = errors.New("there is no unfinished install to continue")

// readJournal finds what an earlier engine left in memory.
func readJournal(p engine.Paths) (journal, error) {
	f, err := os.Open(journalFile(p))
	if errors.Is(err, fs.ErrNotExist) {
		return journal{}, errNoJournal
	}
	if err != nil {
		return journal{}, err
	}
	defer f.Close()
	return parseJournal(f)
}

var stepName = regexp.MustCompile(`^[a-z]{1,32}$`)

// maxSteps is more than any plan has.
const maxSteps = 64

// maxSerial is more than any install writes its journal.
const maxSerial = 1 << 20

// parseJournal reads a journal of a disk that nobody vouches for: it is whole
// and of this form, or an error.
func parseJournal(r io.Reader) (journal, error) {
	var j journal
	data, err := io.ReadAll(io.LimitReader(r, maxJournal+1))
	if err != nil {
		return j, err
	}
	var form struct {
		Schema string `json:"schema"`
	}
	switch err := json.Unmarshal(data, &form); {
	case len(data) > maxJournal:
		return j, errors.New("the journal is too large to be one")
	case err != nil:
		return j, fmt.Errorf("the journal is damaged: %w", err)
	case form.Schema != journalSchema:
		return j, fmt.Errorf("the journal has the schema %q, and this program knows %s", sys.Clean(form.Schema), journalSchema)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&j); err != nil {
		return journal{}, fmt.Errorf("the journal is damaged: %w", err)
	}
	if err := j.sane(); err != nil {
		return journal{}, fmt.Errorf("the journal is damaged: %w", err)
	}
	return j, nil
}

// sane tells what in a journal cannot be.
func (j journal) sane() error {
	switch {
	case hosts.CheckName(j.Host) != nil:
		return errors.New("its host is none")
	case j.Mode != "flake" && j.Mode != "prebuilt":
		return errors.New("its mode is none")
	case len(j.Partitions) < 2 || len(j.Partitions) > 3:
		return fmt.Errorf("it has %d partitions", len(j.Partitions))
	case j.Serial < 1 || j.Serial > maxSerial:
		return fmt.Errorf("it was written %d times", j.Serial)
	case j.Steps < len(j.Done) || j.Steps > maxSteps:
		return fmt.Errorf("it has %d steps, of which %d are done", j.Steps, len(j.Done))
	}
	for i, guid := range j.GUIDs[:len(j.Partitions)+1] {
		if id, err := uuid.Parse(guid); err != nil || id.String() != guid {
			return errors.New("a GUID is none")
		}
		if i > 0 && (j.Partitions[i-1].GUID != guid || j.Partitions[i-1].Number != i) {
			return fmt.Errorf("partition %d is another one", i)
		}
	}
	for i, name := range j.Done {
		if !stepName.MatchString(string(name)) || slices.Contains(j.Done[:i], name) {
			return errors.New("a step is none")
		}
	}
	return nil
}

// fits tells whether the answers are those of the unfinished install.
func (j journal) fits(a Answers) error {
	mode := "flake"
	if a.System != "" {
		mode = "prebuilt"
	}
	before, now := j.Disk, a.Disk.identity
	if before.PTUUID = now.PTUUID; now.PTUUID == j.GUIDs[0] {
		// A disk with neither WWN nor serial number is known by the table
		// that was written: after a restart it may be called otherwise.
		before.Path, before.DevNo = now.Path, now.DevNo
	}
	same, why := before.Same(now)
	switch {
	case j.Host != a.Host.TargetHost || j.Mode != mode:
		why = "it was " + j.Host + " (" + j.Mode + ")"
	case !same:
	case j.done(stepPartition) && now.PTUUID != j.GUIDs[0]:
		why = "the disk has been partitioned anew since"
	default:
		return nil
	}
	return fmt.Errorf("the unfinished install was another one: %s", why)
}

func (j journal) done(step engine.Name) bool { return slices.Contains(j.Done, step) }

// note adds a finished step.
func (j *journal) note(p engine.Paths, step engine.Name) error {
	if !j.done(step) {
		j.Done = append(j.Done, step)
	}
	j.Serial++
	j.Time = time.Now().UTC().Truncate(time.Second)
	data, err := j.encode()
	if err != nil {
		return err
	}
	return sys.WriteFile(journalFile(p), data, 0o600)
}

func (j journal) encode() ([]byte, error) {
	data, err := json.MarshalIndent(j, "", "  ")
	return append(data, '\n'), err
}

// drop forgets the journal in memory. That on the ESP is the finish step's.
func (j *journal) drop(p engine.Paths) error {
	if err := os.Remove(journalFile(p)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
