package block

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"auto-installer/internal/disk/gpt"
	"auto-installer/internal/sys"
)

// Held is the target disk, open from the gate to the end of the install. While
// it is open, no other device can get its number, so everything with that number
// belongs to the confirmed disk.
//
// Until the partitions are written, Held claims the whole disk (open(2), O_EXCL
// of a block device): nothing else can claim it or a partition of it, as mount,
// swapon, dmsetup and mkfs do. After HandOver it claims each partition instead,
// and releases a claim only for a command that names the partition, see Guard.
//
// No command inherits the descriptors. The zero value holds nothing.
type Held struct {
	path  string
	facts Facts

	whole *os.File // claims all of it; nil after HandOver
	lock  *os.File // keeps udev away (flock); nil after HandOver
	disk  *os.File // read-only, and claims nothing

	parts []heldPartition // after HandOver
	own   []sys.Condition // the install's own uses of it, which it will undo
	wrote bool            // a command ran that names the disk
	// shell: the host's own commands ran, so uses of the disk may be theirs.
	shell bool

	between func() // in tests: called when nothing is claimed
}

type heldPartition struct {
	number      int
	start, size int64 // bytes
	path        string
	devNo       string
	claim       *os.File // nil while a command or the install uses it
}

// How long udev or another reader may be in the way.
const (
	lockPatience  = 10 * time.Second
	claimPatience = 2 * time.Second
	patienceStep  = 50 * time.Millisecond
)

// Take opens a disk exclusively for writing, and keeps udev away from it
// (systemd: docs/BLOCK_DEVICE_LOCKING.md). It writes nothing.
func (h *Held) Take(ctx context.Context, path string) (Facts, error) {
	_ = h.Close() // of an earlier attempt
	h.path = path
	err := h.take(ctx)
	if err != nil {
		return Facts{}, errors.Join(OpenFault(path, err), h.Close())
	}
	return h.facts, nil
}

func (h *Held) take(ctx context.Context) (err error) {
	// udev claims a disk for a moment when it rereads the table.
	err = sys.Patiently(ctx, claimPatience, patienceStep, passing(unix.EBUSY), func() (err error) {
		h.whole, err = os.OpenFile(h.path, os.O_RDWR|os.O_EXCL, 0)
		return err
	})
	if err != nil {
		return err
	}
	if h.facts, err = factsOf(h.whole); err != nil {
		return err
	}
	if h.lock, err = openNumber(h.path, os.O_RDWR, h.facts.DevNo); err != nil {
		return err
	}
	if h.disk, err = openNumber(h.path, os.O_RDONLY, h.facts.DevNo); err != nil {
		return err
	}
	return sys.Patiently(ctx, lockPatience, patienceStep, passing(unix.EWOULDBLOCK), func() error {
		return unix.Flock(int(h.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	})
}

// openNumber opens a path and checks that it leads to the device of a number.
func openNumber(path string, flags int, devNo string) (*os.File, error) {
	f, err := os.OpenFile(path, flags|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	number, err := deviceNumber(f)
	if err == nil && number != devNo {
		err = &fs.PathError{Op: "open", Path: path, Err: errors.New("it leads to another device now")}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// File is the disk, open for writing; nil after HandOver.
func (h *Held) File() *os.File { return h.whole }

// Facts are those of the disk when Take opened it.
func (h *Held) Facts() Facts { return h.facts }

// Reread makes the kernel read the partition table, on the exclusive descriptor,
// so that nothing else can claim the disk meanwhile.
func (h *Held) Reread(ctx context.Context) error {
	if h.whole == nil {
		return errors.New("the disk is not held")
	}
	// A reader of an old partition ends soon.
	err := sys.Patiently(ctx, lockPatience, patienceStep, passing(unix.EBUSY), func() error {
		return unix.IoctlSetInt(int(h.whole.Fd()), unix.BLKRRPART, 0)
	})
	if err != nil {
		return fmt.Errorf("the kernel cannot read the new partition table of %s: %w", h.path, err)
	}
	return nil
}

// HandOver replaces the claim to the whole disk by a claim to each partition. The
// kernel must have exactly the wanted partitions. If anything else claims the
// disk or a partition in the moment between, HandOver fails. Then it lets udev
// at the disk.
func (h *Held) HandOver(ctx context.Context, want []gpt.Partition) error {
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
		if !ok || p.start != w.Start || p.size != w.Size {
			return h.fault(fmt.Errorf("the kernel has partition %d with %d bytes from byte %d on; the installer wrote %d from %d on",
				w.Number, p.size, p.start, w.Size, w.Start))
		}
		p.path = PartitionPath(h.path, w.Number)
		parts = append(parts, p)
	}
	if len(found) != len(want) {
		return h.fault(fmt.Errorf("the kernel has %d partitions; the installer wrote %d", len(found), len(want)))
	}
	err = h.whole.Close()
	h.whole, h.parts = nil, parts
	if h.between != nil {
		h.between()
	}
	if err == nil {
		err = h.claimAll(ctx)
	}
	// Closing a writable descriptor makes udev probe the disk. The claims keep
	// udev from rereading the table, which would remove the partitions for a
	// moment.
	err = errors.Join(err, h.lock.Close())
	h.lock = nil
	return h.fault(err)
}

// claimAll claims every partition that the install does not use, and checks that
// nothing else uses one.
func (h *Held) claimAll(ctx context.Context) error {
	for i := range h.parts {
		if err := h.claim(ctx, &h.parts[i]); err != nil {
			return err
		}
	}
	return h.judge()
}

// claim claims a partition, unless something uses it that judge will find.
func (h *Held) claim(ctx context.Context, p *heldPartition) error {
	if p.claim != nil {
		return nil
	}
	err := sys.Patiently(ctx, claimPatience, patienceStep, passing(unix.EBUSY), func() error {
		f, err := openNumber(p.path, os.O_RDONLY|unix.O_EXCL, p.devNo)
		if err == nil {
			p.claim = f
		} else if errors.Is(err, unix.EBUSY) {
			uses, lookErr := h.uses(p.devNo)
			if lookErr != nil {
				return lookErr
			}
			if len(uses) > 0 { // judge finds out whose they are
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

// Close releases the disk. Held then holds nothing.
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

// passing tells an error that ends by itself.
func passing(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}
