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

	"auto-installer/hosts"
	"auto-installer/internal/disk/block"
	"auto-installer/internal/disk/gpt"
	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
)

// journal is what a later engine needs to resume an install: which steps were finished on
// which disk, with which GUIDs. It holds no secret.
//
// The engine writes it to memory from the first write on, and to the ESP, which can be read
// without the passphrase, while that is mounted. The finish step removes it.
type journal struct {
	Schema string         `json:"schema"`
	Host   string         `json:"host"`
	Mode   string         `json:"mode"`
	Disk   block.Identity `json:"disk"`  // before the first write
	GUIDs  [4]string      `json:"guids"` // of the table, then of the partitions
	// Partitions are the planned ones. Their names do not include the label of a root in a
	// LUKS container.
	Partitions []gpt.Partition `json:"partitions"`
	RootLabel  string          `json:"rootLabel"`
	Steps      int             `json:"steps"` // how many steps write or prove
	Done       []engine.Name   `json:"done"`  // the finished ones of them
	Time       time.Time       `json:"time"`  // when the last of them finished
	// Serial counts how often the journal was written: the higher one is the newer one.
	Serial int `json:"serial"`
}

// journalSchema is the version of the journal. A journal of any other version is refused.
const journalSchema = "auto-installer/journal/1"

// maxJournal is more than any journal has, in bytes.
const maxJournal = 64 << 10

func journalFile(p engine.Paths) string { return filepath.Join(p.Dir, "journal.json") }

// errNoJournal: no install was started, or it has finished.
var errNoJournal = errors.New("no unfinished install to resume")

// readJournal reads the journal in memory.
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

// maxSerial is more than any install reaches.
const maxSerial = 1 << 20

// parseJournal reads an untrusted journal. It returns an error unless the journal is
// complete and valid.
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
		return j, errors.New("the journal is too large")
	case err != nil:
		return j, fmt.Errorf("the journal is damaged: %w", err)
	case form.Schema != journalSchema:
		return j, fmt.Errorf("the journal has the schema %q; this program reads %s", sys.Clean(form.Schema), journalSchema)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&j); err != nil {
		return journal{}, fmt.Errorf("the journal is damaged: %w", err)
	}
	if err := j.validate(); err != nil {
		return journal{}, fmt.Errorf("the journal is damaged: %w", err)
	}
	return j, nil
}

// validate returns an error for a journal that this installer does not write.
func (j journal) validate() error {
	switch {
	case hosts.CheckName(j.Host) != nil:
		return errors.New("invalid host")
	case j.Mode != modeFlake && j.Mode != modePrebuilt:
		return errors.New("invalid mode")
	case len(j.Partitions) < 2 || len(j.Partitions) > 3:
		return fmt.Errorf("invalid number of partitions: %d", len(j.Partitions))
	case j.Serial < 1 || j.Serial > maxSerial:
		return fmt.Errorf("invalid serial: %d", j.Serial)
	case j.Steps < len(j.Done) || j.Steps > maxSteps:
		return fmt.Errorf("invalid number of steps: %d, %d of them done", j.Steps, len(j.Done))
	}
	for i, guid := range j.GUIDs[:len(j.Partitions)+1] {
		if !isGUID(guid) {
			return errors.New("invalid GUID")
		}
		if i > 0 && (j.Partitions[i-1].GUID != guid || j.Partitions[i-1].Number != i) {
			return fmt.Errorf("partition %d does not match its GUID", i)
		}
	}
	for i, name := range j.Done {
		if !stepName.MatchString(string(name)) || slices.Contains(j.Done[:i], name) {
			return errors.New("invalid step")
		}
	}
	return nil
}

// fits returns an error unless the journal is of an install with these answers.
func (j journal) fits(a Answers) error {
	before, now := j.Disk, a.Disk.identity
	if before.PTUUID = now.PTUUID; now.PTUUID == j.GUIDs[0] {
		// A disk with neither WWN nor serial number is identified by the table that was
		// written: after a reboot its path may differ.
		before.Path, before.DevNo = now.Path, now.DevNo
	}
	same, why := before.Same(now)
	switch {
	case j.Host != a.Host.TargetHost || j.Mode != a.mode():
		why = "it is of " + j.Host + " (" + j.Mode + ")"
	case !same:
	case j.done(stepPartition) && now.PTUUID != j.GUIDs[0]:
		why = "the disk was repartitioned since"
	default:
		return nil
	}
	return fmt.Errorf("the unfinished install differs: %s", why)
}

func (j journal) done(step engine.Name) bool { return slices.Contains(j.Done, step) }

// note adds a finished step to the journal in memory.
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

// drop removes the journal from memory. The finish step removes it from the ESP.
func (j *journal) drop(p engine.Paths) error {
	if err := os.Remove(journalFile(p)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
