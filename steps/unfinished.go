package steps

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/disk/fat"
	"auto-installer/internal/disk/gpt"
	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
	"auto-installer/steps/encrypt"
	"auto-installer/steps/partition"
)

// Unfinished is an install that was interrupted. One that is Proven can be continued.
type Unfinished struct {
	Host string
	Done int         // steps that write and were finished
	Of   int         // such steps in all
	Last engine.Name // name of the one that was finished last
	Time time.Time   // when it was
	// Encrypted: there is a LUKS container, which the passphrase must open.
	Encrypted bool
	// FromDisk: the machine was restarted since, so only the disk tells of it.
	FromDisk bool
}

// Proven tells whether this installer wrote what is on the disk. Memory, which
// no earlier owner of the disk could write to, proves it; after a restart only
// a LUKS container does, which the operator's passphrase must open. The journal
// on the disk proves nothing: it is made of what is public.
func (u Unfinished) Proven() bool { return !u.FromDisk || u.Encrypted }

// Unproven says why an install that is not Proven is not continued.
const Unproven = "the machine was restarted and the disk is not encrypted, so nothing proves who wrote what is on it"

// unfinished is what a journal tells of.
func (j journal) unfinished(fromDisk, luks bool) Unfinished {
	return Unfinished{
		Host: j.Host, Done: len(j.Done), Of: j.Steps, Last: j.Done[len(j.Done)-1], Time: j.Time, FromDisk: fromDisk,
		Encrypted: luks && j.done(stepEncrypt),
	}
}

func (u Unfinished) String() string {
	return fmt.Sprintf("an unfinished install of %s on this disk: %d of %d steps are done, the last (%s) on %s UTC",
		u.Host, u.Done, u.Of, u.Last, u.Time.UTC().Format("2006-01-02 15:04"))
}

// FindUnfinished tells of the install that these answers would continue, or
// returns nil: there is none, or it was of another host or disk, or the host's
// definition has changed since. A disk that cannot be read has none.
func FindUnfinished(a Answers, p engine.Paths) *Unfinished {
	plan, err := ResumePlan(standIn(a), p)
	if err != nil {
		return nil
	}
	return plan.unfinished
}

// WarnOfUnfinished has the plan that starts over say so.
func (a *Answers) WarnOfUnfinished(p engine.Paths) { a.unfinished = FindUnfinished(*a, p) }

// findJournal finds what is continued: what an earlier engine left in memory
// or, after a restart, on the disk. The first that fits counts.
func findJournal(a Answers, p engine.Paths) (j journal, fromDisk bool, err error) {
	var why error
	for _, from := range []func() (journal, error){
		func() (journal, error) { return readJournal(p) },
		func() (journal, error) { return journalOf(a.Disk) },
	} {
		j, err := from()
		if err == nil && len(j.Done) == 0 {
			err = errNoJournal
		}
		if err == nil {
			if err = j.fits(a); err == nil {
				return j, fromDisk, nil
			}
		}
		if why == nil || errors.Is(why, errNoJournal) {
			why = err
		}
		fromDisk = true
	}
	hint := "leave out --resume to start over"
	if errors.Is(why, errNoJournal) {
		hint = "leave out --resume"
	}
	return journal{}, false, sys.Faultf(sys.CodeUsage, hint, "%w", why)
}

// journalOf reads the journal of a disk, or of an image of one.
func journalOf(d Disk) (journal, error) {
	r, err := block.OpenDirect(d.Path)
	if err != nil {
		return journal{}, fmt.Errorf("%w, and %s cannot be read: %w", errNoJournal, d.Path, err)
	}
	defer func() { _ = r.Close() }() // it was read
	return journalOn(r, r.Size(), d.LogicalSector)
}

// The journal on the ESP is two files, of which the older one is written: FAT
// does not rename one over another in a way that a power cut leaves either
// whole (Linux writes the new entry's cluster and size later).
const journalDir = "auto-installer"

var journalNames = [2]string{"journal-a.json", "journal-b.json"}

// journalOn reads the journal on a disk's ESP without mounting it. It counts
// only if the disk has the very table that it tells of.
func journalOn(r io.ReaderAt, size int64, sector int) (journal, error) {
	none := func(err error) (journal, error) { return journal{}, fmt.Errorf("%w: %w", errNoJournal, err) }
	table, err := gpt.Read(r, size, sector)
	if err != nil {
		return none(err)
	}
	if len(table.Partitions) == 0 || table.Partitions[0].Type != partition.TypeESP {
		return none(errors.New("the first partition is no ESP"))
	}
	esp := table.Partitions[0]
	files, err := fat.Open(io.NewSectionReader(r, esp.Start, esp.Size), esp.Size)
	if err != nil {
		return none(err)
	}
	newest, _, err := newestJournal(func(name string) (journal, error) {
		f, err := files.Open(path.Join(journalDir, name))
		if err != nil {
			return journal{}, err
		}
		j, err := parseJournal(f)
		if err == nil && !j.isOf(table) {
			err = errors.New("the journal on the disk is of another partition table")
		}
		return j, err
	})
	if errors.Is(err, os.ErrNotExist) {
		return none(err)
	}
	return newest, err
}

// newestJournal reads the two files, and returns the newer one and the name of
// the other. The error tells of the first that is there, if none is good.
func newestJournal(read func(name string) (journal, error)) (newest journal, other string, err error) {
	other = journalNames[0]
	for i, name := range journalNames {
		j, problem := read(name)
		if problem == nil && j.Serial > newest.Serial {
			newest, other = j, journalNames[1-i]
		}
		if err == nil || errors.Is(err, os.ErrNotExist) && problem != nil {
			err = problem
		}
	}
	if newest.Serial > 0 {
		err = nil
	}
	return newest, other, err
}

// isOf tells whether a table is the one that the journal tells of.
func (j journal) isOf(t *gpt.Table) bool {
	return t.DiskGUID == j.GUIDs[0] && slices.EqualFunc(t.Partitions, j.Partitions, func(is gpt.Partition, was partition.Partition) bool {
		return was == partition.Partition{Number: is.Number, Start: is.Start, Size: is.Size, Type: is.Type, GUID: is.GUID, Name: is.Name}
	})
}

// keep writes the journal to the ESP that is mounted at boot. When it returns,
// it is on the disk.
func (j journal) keep(boot string) error {
	data, err := j.encode()
	if err != nil {
		return err
	}
	dir := filepath.Join(boot, journalDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	_, older, _ := newestJournal(func(name string) (journal, error) { // which one it is matters, why does not
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			return journal{}, err
		}
		defer f.Close()
		return parseJournal(f)
	})
	f, err := os.OpenFile(filepath.Join(dir, older), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close(), syncDir(dir), syncDir(boot))
}

func syncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// standIn is the answers with something for the passphrase, for a plan that
// nobody executes.
func standIn(a Answers) Answers {
	if a.Host.LUKS.Enable && a.Passphrase == nil {
		a.Passphrase = []byte("asked for later")
	}
	return a
}

// TryPassphrase makes sure that the passphrase of the answers opens what the
// unfinished install has encrypted. The error is an *Error.
func TryPassphrase(ctx context.Context, a Answers) error {
	o := encrypt.Options{Device: block.PartitionPath(a.Disk.Path, 2), Passphrase: a.Passphrase}
	if err := engine.NewStep(stepUnlock, "", engine.Check, encrypt.TryOps(o)...).Run(ctx, sys.Looking()); err != nil {
		return engine.NewError("", err)
	}
	return nil
}
