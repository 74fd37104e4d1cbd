package block

import (
	"context"
	"errors"
	"testing"

	"golang.org/x/sys/unix"
)

func TestSample(t *testing.T) {
	path := loopDisk(t)
	h := takeDisk(t, path)
	if err := h.Sample(t.Context()); err != nil {
		t.Error(err)
	}
	why := errors.New("stopped")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	if err := h.Sample(ctx); !errors.Is(err, why) {
		t.Errorf("%v", err)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if err := h.Sample(t.Context()); err == nil {
		t.Error("a disk that is not held was read")
	}
}

// The end of the disk is looked at too, and what is in memory does not hide
// that it cannot be read.
func TestSampleOfADiskThatCannotBeRead(t *testing.T) {
	file := diskFile(t)
	path := ownLoop(t)
	tool(t, "losetup", path, file)
	t.Cleanup(func() { tool(t, "losetup", "--detach", path) })
	h := takeDisk(t, path)
	if err := h.Sample(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := unix.Truncate(file, 31*mib); err != nil { // the kernel still has 32
		t.Fatal(err)
	}
	if err := h.Sample(t.Context()); err == nil {
		t.Error("the end is not there, and was read")
	}
}

// A loop device on a partition uses the partition, although the kernel lets others
// claim it.
func TestSurveyLoopUponAPartition(t *testing.T) {
	path := loopDisk(t)
	part(t, path, extents...)
	upon := tool(t, "losetup", "--find", "--show", "--read-only", PartitionPath(path, 2))
	t.Cleanup(func() { tool(t, "losetup", "--detach", upon) })
	inv, err := Survey(t.Context(), machine(), "/")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range inv.Devices {
		for _, p := range d.Partitions {
			if p.Path == PartitionPath(path, 2) && len(p.Holders) == 1 && "/dev/"+p.Holders[0] == upon {
				return
			}
		}
	}
	t.Errorf("nothing holds it: %+v", inv.Devices)
}
