// Package journal keeps what a later engine needs to resume an install: in memory, and on
// the ESP for after a power cut.
package journal

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
	"auto-installer/internal/disk/gpt"
	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
)

// Journal is what a later engine needs to resume an install: which steps were finished on
// which disk, with which GUIDs. It holds no secret.
//
// The engine writes it to memory from the first write on, and to the ESP, which can be read
// without the passphrase, while that is mounted. The finish step removes it.
type Journal struct {
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

// Schema is the version of the journal. A journal of any other version is refused.
const Schema = "auto-installer/journal/1"

// The modes of an install.
const (
	Flake    = "flake"
	Prebuilt = "prebuilt"
)

// Partition is the step after which the disk has the table of the journal.
const Partition engine.Name = "partition"

// ErrNone: no install was started, or it has finished.
var ErrNone = errors.New("no unfinished install to resume")

// file is the journal in memory, in the engine's folder.
func file(dir string) string { return filepath.Join(dir, "journal.json") }

// read reads a journal from a file.
func read(name string) (Journal, error) {
	f, err := os.Open(name)
	if err != nil {
		return Journal{}, err
	}
	defer f.Close()
	return parse(f)
}

// maxSize is more than any journal has, in bytes.
const maxSize = 64 << 10

var stepName = regexp.MustCompile(`^[a-z]{1,32}$`)

// maxSteps is more than any plan has.
const maxSteps = 64

// maxSerial is more than any install reaches.
const maxSerial = 1 << 20

// parse reads an untrusted journal. It returns an error unless the journal is
// complete and valid.
func parse(r io.Reader) (Journal, error) {
	var j Journal
	data, err := io.ReadAll(io.LimitReader(r, maxSize+1))
	if err != nil {
		return j, err
	}
	var form struct {
		Schema string `json:"schema"`
	}
	switch err := json.Unmarshal(data, &form); {
	case len(data) > maxSize:
		return j, errors.New("the journal is too large")
	case err != nil:
		return j, fmt.Errorf("the journal is damaged: %w", err)
	case form.Schema != Schema:
		return j, fmt.Errorf("the journal has the schema %q; this program reads %s", sys.Clean(form.Schema), Schema)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&j); err != nil {
		return Journal{}, fmt.Errorf("the journal is damaged: %w", err)
	}
	if err := j.validate(); err != nil {
		return Journal{}, fmt.Errorf("the journal is damaged: %w", err)
	}
	return j, nil
}

// validate returns an error for a journal that this installer does not write.
func (j Journal) validate() error {
	switch {
	case hosts.CheckName(j.Host) != nil:
		return errors.New("invalid host")
	case j.Mode != Flake && j.Mode != Prebuilt:
		return errors.New("invalid mode")
	case j.Serial < 1 || j.Serial > maxSerial:
		return fmt.Errorf("invalid serial: %d", j.Serial)
	case j.Steps < len(j.Done) || j.Steps > maxSteps:
		return fmt.Errorf("invalid number of steps: %d, %d of them done", j.Steps, len(j.Done))
	}
	if err := CheckPartitions(j.GUIDs, j.Partitions); err != nil {
		return err
	}
	for i, name := range j.Done {
		if !stepName.MatchString(string(name)) || slices.Contains(j.Done[:i], name) {
			return errors.New("invalid step")
		}
	}
	return nil
}

// CheckPartitions verifies the partitions of a plan or journal, and the GUIDs of the table
// and of each of them.
func CheckPartitions(guids [4]string, partitions []gpt.Partition) error {
	if len(partitions) < 2 || len(partitions) > 3 {
		return fmt.Errorf("invalid number of partitions: %d", len(partitions))
	}
	for i, guid := range guids[:len(partitions)+1] {
		// As the installer writes them.
		if id, err := uuid.Parse(guid); err != nil || id.String() != guid {
			return fmt.Errorf("invalid GUID %q", sys.Clean(guid))
		}
		if i > 0 && (partitions[i-1].GUID != guid || partitions[i-1].Number != i) {
			return fmt.Errorf("partition %d does not match its GUID", i)
		}
	}
	return nil
}

// fits returns an error unless the journal is of the same host, mode and disk as now.
func (j Journal) fits(now Journal) error {
	before, disk := j.Disk, now.Disk
	if before.PTUUID = disk.PTUUID; disk.PTUUID == j.GUIDs[0] {
		// A disk with neither WWN nor serial number is identified by the table that was
		// written: after a reboot its path may differ.
		before.Path, before.DevNo = disk.Path, disk.DevNo
	}
	same, why := before.Same(disk)
	switch {
	case j.Host != now.Host || j.Mode != now.Mode:
		why = "it is of " + j.Host + " (" + j.Mode + ")"
	case !same:
	case j.Has(Partition) && disk.PTUUID != j.GUIDs[0]:
		why = "the disk was repartitioned since"
	default:
		return nil
	}
	return fmt.Errorf("the unfinished install differs: %s", why)
}

// Has returns whether a step is finished.
func (j Journal) Has(step engine.Name) bool { return slices.Contains(j.Done, step) }

// Note adds a finished step to the journal in memory, which is in dir.
func (j *Journal) Note(dir string, step engine.Name) error {
	if !j.Has(step) {
		j.Done = append(j.Done, step)
	}
	j.Serial++
	j.Time = time.Now().UTC().Truncate(time.Second)
	data, err := j.encode()
	if err != nil {
		return err
	}
	return sys.WriteFile(file(dir), data, 0o600)
}

func (j Journal) encode() ([]byte, error) {
	data, err := json.MarshalIndent(j, "", "  ")
	return append(data, '\n'), err
}

// Drop removes the journal from memory. The finish step removes it from the ESP.
func Drop(dir string) error {
	if err := os.Remove(file(dir)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
