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
)

// Unfinished is an install that was interrupted. If it is Proven, it can be resumed.
type Unfinished struct {
	Host string
	Done int         // how many steps that write were finished
	Of   int         // how many there are
	Last engine.Name // the last finished step
	Time time.Time   // when it finished
	// Encrypted: there is a LUKS container, which the passphrase must open.
	Encrypted bool
	// FromDisk: the journal is only on the disk, because the machine was rebooted.
	FromDisk bool
}

// Proven returns whether this installer wrote the disk. A journal in memory proves it,
// because no earlier owner of the disk could write there. After a reboot, only a LUKS
// container proves it, which the operator's passphrase must open. The journal on the disk
// proves nothing, because everything in it is public.
func (u Unfinished) Proven() bool { return !u.FromDisk || u.Encrypted }

// Unproven says why an install that is not Proven is not resumed.
const Unproven = "the machine was restarted and the disk is not encrypted, so nothing proves who wrote what is on it"

// unfinished returns the install that a journal describes.
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

// FindUnfinished returns the install that these answers would resume. It returns nil if
// there is none, if it was of another host or disk, if the host's definition has changed, or
// if the disk cannot be read.
func FindUnfinished(a Answers, p engine.Paths) *Unfinished {
	plan, err := ResumePlan(standIn(a), p)
	if err != nil {
		return nil
	}
	return plan.unfinished
}

// WarnOfUnfinished makes the plan say that it starts over an unfinished install.
func (a *Answers) WarnOfUnfinished(p engine.Paths) { a.unfinished = FindUnfinished(*a, p) }

// findJournal finds the journal to resume: in memory or, after a reboot, on the disk. It
// takes the first one that matches the answers.
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

// journalOf reads the journal of a disk or disk image.
func journalOf(d Disk) (journal, error) {
	r, err := block.OpenDirect(d.Path)
	if err != nil {
		return journal{}, fmt.Errorf("%w, and %s cannot be read: %w", errNoJournal, d.Path, err)
	}
	defer func() { _ = r.Close() }() // only read
	return journalOn(r, r.Size(), d.LogicalSector)
}

// The journal on the ESP is two files, and the older one is overwritten. FAT cannot rename a
// file over another atomically: after a power cut neither may be intact, because Linux
// writes the cluster and the size of the new entry later.
const journalDir = "auto-installer"

var journalNames = [2]string{"journal-a.json", "journal-b.json"}

// journalOn reads the journal on a disk's ESP without mounting it. A journal of another
// partition table is an error.
func journalOn(r io.ReaderAt, size int64, sector int) (journal, error) {
	none := func(err error) (journal, error) { return journal{}, fmt.Errorf("%w: %w", errNoJournal, err) }
	table, err := gpt.Read(r, size, sector)
	if err != nil {
		return none(err)
	}
	if len(table.Partitions) == 0 || table.Partitions[0].Type != gpt.TypeESP {
		return none(errors.New("the first partition is not an ESP"))
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
			err = errors.New("the journal on the disk is for another partition table")
		}
		return j, err
	})
	if errors.Is(err, os.ErrNotExist) {
		return none(err)
	}
	return newest, err
}

// newestJournal reads both files. It returns the newer journal and the name of the other
// file. If neither is valid, the error is that of the first file that exists.
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

// isOf returns whether the journal is for a partition table.
func (j journal) isOf(t *gpt.Table) bool {
	return t.DiskGUID == j.GUIDs[0] && slices.Equal(t.Partitions, j.Partitions)
}

// store writes the journal to the ESP, which is mounted at boot, and syncs it.
func (j journal) store(boot string) error {
	data, err := j.encode()
	if err != nil {
		return err
	}
	dir := filepath.Join(boot, journalDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	_, older, _ := newestJournal(func(name string) (journal, error) { // without a valid journal, the first file is the older one
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
	return errors.Join(err, f.Sync(), f.Close(), sys.SyncDir(dir), sys.SyncDir(boot))
}

// standIn returns the answers with a placeholder for the passphrase, for a plan that is only
// shown.
func standIn(a Answers) Answers {
	if a.Host.LUKS.Enable && a.Passphrase == nil {
		a.Passphrase = []byte("placeholder")
	}
	return a
}

// TryPassphrase verifies that the passphrase of the answers opens the LUKS container of the
// unfinished install. The error is an *engine.Error.
func TryPassphrase(ctx context.Context, a Answers) error {
	o := encrypt.Options{Device: block.PartitionPath(a.Disk.Path, 2), Passphrase: a.Passphrase}
	if err := engine.NewStep(stepUnlock, "", engine.Check, encrypt.TryOps(o)...).Run(ctx, sys.Looking()); err != nil {
		return engine.NewError("", err)
	}
	return nil
}
