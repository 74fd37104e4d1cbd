package block

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"auto-installer/internal/sys"
)

// Held is a disk that this program has open from the gate to the end: while it
// is, no other device can come to its number, so whatever is found by that
// number is of the disk that was confirmed.
//
// Until the partitions are written the whole disk is claimed (open(2), O_EXCL
// of a block device): nobody can claim it or a partition of it, which is what
// mounting, swapping, mapping and mkfs do. After HandOver each partition is
// claimed instead, and a claim is let go of only for the command that is given
// the partition; see Guard.
//
// None of the descriptors is inherited by a command. The zero value holds
// nothing.
type Held struct {
	path  string
	facts Facts

	whole *os.File // claims all of it; nil after HandOver
	lock  *os.File // keeps udev from looking (flock); nil after HandOver
	disk  *os.File // read-only, and claims nothing

	parts []heldPartition // after HandOver
	own   []sys.Condition // what the install made of it, and will take back
	wrote bool            // a command was given the disk
	// shell: the host's own commands ran, and what they made of the disk is
	// not known.
	shell bool

	between func() // in tests: called while nothing is claimed
}

// Extent is where the kernel has a partition. Start and Size are bytes.
type Extent struct {
	Number      int
	Start, Size int64
}

type heldPartition struct {
	Extent
	path  string
	devNo string
	claim *os.File // nil while a command or the install itself uses it
}

// How long udev or another that only looks may be in the way.
const (
	lockPatience  = 10 * time.Second
	claimPatience = 2 * time.Second
	patienceStep  = 50 * time.Millisecond
)

// Take opens a disk exclusively for writing, and keeps udev from looking at it
// (systemd: docs/BLOCK_DEVICE_LOCKING.md). Nothing is written.
func (h *Held) Take(ctx context.Context, path string) (Facts, error) {
	_ = h.Close() // of an earlier try
	h.path = path
	err := h.take(ctx)
	if err != nil {
		return Facts{}, errors.Join(OpenFault(path, err), h.Close())
	}
	return h.facts, nil
}

func (h *Held) take(ctx context.Context) (err error) {
	// udev claims a disk for a moment when it reads the table again.
	err = retry(ctx, claimPatience, unix.EBUSY, func() (err error) {
		h.whole, err = os.OpenFile(h.path, os.O_RDWR|os.O_EXCL, 0)
		return err
	})
	if err != nil {
		return err
	}
	if h.facts, err = factsOf(h.whole); err != nil {
		return err
	}
	if h.lock, err = h.openSame(os.O_RDWR); err != nil {
		return err
	}
	if h.disk, err = h.openSame(os.O_RDONLY); err != nil {
		return err
	}
	return retry(ctx, lockPatience, unix.EWOULDBLOCK, func() error {
		return unix.Flock(int(h.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	})
}

// openSame opens the path again, and makes sure that it leads to the disk that
// is open already.
func (h *Held) openSame(flags int) (*os.File, error) {
	return openNumber(h.path, flags, h.facts.DevNo)
}

// errReplaced: the node of a path is not that of the device any more.
var errReplaced = errors.New("it leads to another device now")

func openNumber(path string, flags int, devNo string) (*os.File, error) {
	f, err := os.OpenFile(path, flags|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	number, err := deviceNumber(f)
	if err == nil && number != devNo {
		err = &fs.PathError{Op: "open", Path: path, Err: errReplaced}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// File is the disk as it is open for writing, until HandOver; nil afterwards.
func (h *Held) File() *os.File { return h.whole }

// Facts are what the disk said of itself when it was taken.
func (h *Held) Facts() Facts { return h.facts }

// Reread makes the kernel read the partition table. It does so on the exclusive
// descriptor, so that nobody can come in meanwhile.
func (h *Held) Reread(ctx context.Context) error {
	if h.whole == nil {
		return errors.New("the disk is not held")
	}
	// Whoever has an old partition open, to look at it, is soon done.
	err := retry(ctx, lockPatience, unix.EBUSY, func() error {
		return unix.IoctlSetInt(int(h.whole.Fd()), unix.BLKRRPART, 0)
	})
	if err != nil {
		return fmt.Errorf("the kernel does not read the new partition table of %s: %w", h.path, err)
	}
	return nil
}

// HandOver makes of the claim to the whole disk one to each partition. They
// must be the kernel's, all of them and no other. Between the two claims is a
// moment; whoever came in then has the disk or a partition, and the claim to
// that one fails. Then udev may look.
func (h *Held) HandOver(ctx context.Context, want []Extent) error {
	if h.whole == nil {
		return errors.New("the disk is not held")
	}
	if err := h.identify(); err != nil {
		return h.fault(err)
	}
	found, err := partitionsOf(h.facts.DevNo)
	if err != nil {
		return h.fault(err)
	}
	parts := make([]heldPartition, 0, len(want))
	for _, w := range want {
		p, ok := found[w.Number]
		if !ok || p.Extent != w {
			return h.fault(fmt.Errorf("the kernel has partition %d as %+v, written was %+v", w.Number, p.Extent, w))
		}
		p.path = PartitionPath(h.path, w.Number)
		parts = append(parts, p)
	}
	if len(found) != len(want) {
		return h.fault(fmt.Errorf("the kernel has %d partitions, written were %d", len(found), len(want)))
	}
	err = h.whole.Close()
	h.whole, h.parts = nil, parts
	if h.between != nil {
		h.between()
	}
	if err == nil {
		err = h.claimAll(ctx)
	}
	// Closing a descriptor that could write is what udev takes as the sign to
	// look again, and the claims keep it from reading the table anew, which
	// would take the partitions away for a moment.
	err = errors.Join(err, h.lock.Close())
	h.lock = nil
	if err != nil {
		return h.fault(err)
	}
	return nil
}

// claimAll takes every partition that the install does not use, and sees that
// nobody else does.
func (h *Held) claimAll(ctx context.Context) error {
	for i := range h.parts {
		if err := h.claim(ctx, &h.parts[i]); err != nil {
			return err
		}
	}
	return h.judge()
}

// claim takes a partition, unless the install itself uses it.
func (h *Held) claim(ctx context.Context, p *heldPartition) error {
	if p.claim != nil {
		return nil
	}
	err := retry(ctx, claimPatience, unix.EBUSY, func() error {
		f, err := openNumber(p.path, os.O_RDONLY|unix.O_EXCL, p.devNo)
		if err == nil {
			p.claim = f
		} else if errors.Is(err, unix.EBUSY) {
			uses, lookErr := h.uses(p.devNo)
			if lookErr != nil {
				return lookErr
			}
			if len(uses) > 0 { // of whom, judge says
				return nil
			}
		}
		return err
	})
	if errors.Is(err, unix.EBUSY) {
		return fmt.Errorf("something else holds %s", p.path)
	}
	return err
}

// Close lets go of the disk. Held then holds nothing.
func (h *Held) Close() error {
	if h == nil {
		return nil
	}
	var errs []error
	for _, p := range h.parts {
		if p.claim != nil {
			errs = append(errs, p.claim.Close())
		}
	}
	for _, f := range []*os.File{h.whole, h.lock, h.disk} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	*h = Held{}
	return errors.Join(errs...)
}

// retry does something again while it fails with an error that passes.
func retry(ctx context.Context, patience time.Duration, passing error, do func() error) error {
	for deadline := time.Now().Add(patience); ; {
		err := do()
		if !errors.Is(err, passing) || time.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(patienceStep):
		}
	}
}
