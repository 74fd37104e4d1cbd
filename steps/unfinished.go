package steps

import (
	"context"
	"fmt"
	"time"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
	"auto-installer/steps/encrypt"
	"auto-installer/steps/journal"
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

// unfinishedOf returns the install that a journal describes.
func unfinishedOf(j journal.Journal, fromDisk, luks bool) Unfinished {
	return Unfinished{
		Host: j.Host, Done: len(j.Done), Of: j.Steps, Last: j.Done[len(j.Done)-1], Time: j.Time, FromDisk: fromDisk,
		Encrypted: luks && j.Has(stepEncrypt),
	}
}

func (u Unfinished) String() string {
	return fmt.Sprintf("an unfinished install of %s on this disk: %d of %d steps are done, the last (%s) on %s UTC",
		u.Host, u.Done, u.Of, u.Last, u.Time.UTC().Format("2006-01-02 15:04"))
}

// FindUnfinished returns the install that these answers would resume. It returns nil
// without one, if it was of another host or disk, if the host's definition has changed, or if
// the disk cannot be read.
func FindUnfinished(a Answers, p engine.Paths) *Unfinished {
	plan, err := ResumePlan(standIn(a), p)
	if err != nil {
		return nil
	}
	return plan.unfinished
}

// WarnOfUnfinished makes the plan say that it starts over an unfinished install.
func (a *Answers) WarnOfUnfinished(p engine.Paths) { a.unfinished = FindUnfinished(*a, p) }

// standIn returns the answers with a placeholder for the passphrase, for a plan that is only
// shown.
func standIn(a Answers) Answers {
	if a.Host.LUKS.Enable && a.Passphrase == nil {
		a.Passphrase = []byte("placeholder")
	}
	return a
}

// TryPassphrase verifies that the passphrase of the answers opens the LUKS container of the
// unfinished install.
func TryPassphrase(ctx context.Context, a Answers) error {
	o := encrypt.Options{Device: block.PartitionPath(a.Disk.Path, 2), Passphrase: a.Passphrase}
	return engine.NewStep(stepUnlock, "", engine.Check, encrypt.TryOps(o)...).Run(ctx, sys.Looking())
}
