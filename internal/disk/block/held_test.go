package block

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"auto-installer/internal/disk/gpt"
	"auto-installer/internal/sys"
)

const mib = 1 << 20

// extents are those of testDisk's partitions.
var extents = []gpt.Partition{{Number: 1, Start: mib, Size: 8 * mib}, {Number: 2, Start: 9 * mib, Size: 16 * mib}, {Number: 3, Start: 25 * mib, Size: 4 * mib}}

// diskFile is an empty file of 32 MiB.
func diskFile(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("root is needed for loop devices: just unit runs these tests as root")
	}
	file := filepath.Join(t.TempDir(), "disk")
	if err := errors.Join(os.WriteFile(file, nil, 0o600), os.Truncate(file, 32*mib)); err != nil {
		t.Fatal(err)
	}
	return file
}

func loopDisk(t *testing.T) string {
	t.Helper()
	path := tool(t, "losetup", "--partscan", "--find", "--show", diskFile(t))
	t.Cleanup(func() { tool(t, "losetup", "--detach", path) })
	return path
}

// ownLoop is a loop device that no other process picks as a free one.
func ownLoop(t *testing.T) string {
	t.Helper()
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { control.Close() })
	number := 1000 + os.Getpid()%1000
	if err := unix.IoctlSetInt(int(control.Fd()), unix.LOOP_CTL_ADD, number); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.IoctlSetInt(int(control.Fd()), unix.LOOP_CTL_REMOVE, number); err != nil {
			t.Error(err)
		}
	})
	return "/dev/loop" + strconv.Itoa(number)
}

// tool runs a program of util-linux or the like.
func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		t.Fatalf("%s is needed: ./bootstrap installs it", name)
	}
	if err != nil {
		t.Fatalf("%s %q: %v: %s", name, args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func takeDisk(t *testing.T, path string) *Held {
	t.Helper()
	h := &Held{}
	if _, err := h.Take(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h
}

// part gives the kernel partitions, as a table on the disk would, until the test
// ends. It does what addpart and delpart do, which Debian 13 does not have.
func part(t *testing.T, path string, extents ...gpt.Partition) {
	t.Helper()
	tell := func(op int32, e gpt.Partition) error {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		p := unix.BlkpgPartition{Start: e.Start, Length: e.Size, Pno: int32(e.Number)}
		arg := unix.BlkpgIoctlArg{Op: op, Datalen: int32(unsafe.Sizeof(p)), Data: (*byte)(unsafe.Pointer(&p))}
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), unix.BLKPG, uintptr(unsafe.Pointer(&arg))); errno != 0 {
			return errno
		}
		return nil
	}
	for _, e := range extents {
		if err := tell(unix.BLKPG_ADD_PARTITION, e); err != nil {
			t.Fatalf("adding partition %d to %s: %v", e.Number, path, err)
		}
		t.Cleanup(func() { _ = tell(unix.BLKPG_DEL_PARTITION, e) })
	}
}

// handed is a disk of three partitions that was handed over.
func handed(t *testing.T) (*Held, string) {
	t.Helper()
	path := loopDisk(t)
	h := takeDisk(t, path)
	part(t, path, extents...)
	h.wrote = true
	if err := h.HandOver(t.Context(), extents); err != nil {
		t.Fatal(err)
	}
	return h, path
}

func isClaimed(path string) bool {
	busy, err := Busy(path)
	return busy && err == nil
}

func refused(t *testing.T, err error, code sys.Code, words string) {
	t.Helper()
	f, ok := errors.AsType[*sys.Fault](err)
	if !ok || f.Code != code || f.Hint == "" || !strings.Contains(f.Cause, words) {
		t.Errorf("%#v (%v), not of code %d with %q", f, err, code, words)
	}
}

// machine is a System of commands that are not followed further.
func machine() sys.System {
	return &sys.Machine{Reporter: sys.Silent{}, Undos: &sys.UndoStack{}}
}

// From the gate to the end nothing else can claim the disk. Only a command that
// names a partition finds it free.
func TestHeld(t *testing.T) {
	path := loopDisk(t)
	h := takeDisk(t, path)
	if !isClaimed(path) || h.Check() != nil {
		t.Errorf("the disk is not claimed: %v", h.Check())
	}
	lock, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_SH|unix.LOCK_NB); !errors.Is(err, unix.EWOULDBLOCK) {
		t.Errorf("udev may look: %v", err)
	}
	g := h.Guard(machine())
	run := func(argv ...string) {
		t.Helper()
		if err := g.Run(t.Context(), sys.Cmd{Argv: argv}); err != nil {
			t.Fatal(err)
		}
	}
	table := sys.Cmd{
		Argv:  []string{"sfdisk", "--wipe", "always", "--wipe-partitions", "always", "--no-reread", "--no-tell-kernel", "--lock=no", path},
		Stdin: []byte("label: gpt\nsize=8MiB\nsize=16MiB\nsize=4MiB\n"),
	}
	if err := g.Run(t.Context(), table); err != nil {
		t.Fatal(err)
	}
	if err := h.Reread(t.Context()); err != nil {
		t.Error(err)
	}
	if parts, err := partitionsOf(h.facts.DevNo); err != nil || len(parts) == 0 { // a kernel that knows no GPT
		part(t, path, extents...)
	}
	if err := h.HandOver(t.Context(), extents); err != nil {
		t.Fatal(err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_SH|unix.LOCK_NB); err != nil {
		t.Errorf("udev may not look: %v", err)
	}
	lock.Close()
	p := func(n int) string { return PartitionPath(path, n) }
	claimed := func(when string) {
		t.Helper()
		for _, path := range []string{path, p(1), p(2), p(3)} {
			if !isClaimed(path) {
				t.Errorf("%s: %s is free", when, path)
			}
		}
	}
	claimed("after the partitioning")
	run("mkfs.ext4", "-q", p(2))
	run("mkfs.ext4", "-q", p(1))
	run("mkswap", p(3))
	claimed("after mkfs")
	if out, err := exec.Command("find", "/proc/self/fd", "-lname", path+"*").CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("a command inherits %s, %v", out, err)
	}

	at := t.TempDir()
	umount := sys.Cmd{Argv: []string{"umount", "--recursive", at}, While: sys.Mounted(at)}
	t.Cleanup(func() { _ = g.Unwind(context.Background()) })
	if err := g.Do(t.Context(), sys.Cmd{Argv: []string{"mount", p(2), at}}, umount); err != nil {
		t.Fatal(err)
	}
	run("mkdir", filepath.Join(at, "boot"))
	run("mount", p(1), filepath.Join(at, "boot"))
	swapoff := sys.Cmd{Argv: []string{"swapoff", p(3)}, While: sys.SwapOn(p(3))}
	if err := g.Do(t.Context(), sys.Cmd{Argv: []string{"swapon", p(3)}}, swapoff); err != nil {
		t.Fatal(err)
	}
	claimed("when all is mounted")
	boot := filepath.Join(at, "boot")
	if err := h.Mounted(at, boot); err != nil {
		t.Error(err)
	}
	refused(t, h.Mounted(at, filepath.Dir(at)), sys.CodeWritten, filepath.Dir(at)+" is not the target's")
	tool(t, "mount", "-t", "tmpfs", "none", boot)
	refused(t, h.Mounted(at, boot), sys.CodeWritten, boot+" is not the target's")
	tool(t, "umount", boot)
	run("blkid", "--probe", p(1))
	if err := errors.Join(h.Check(), g.Unwind(t.Context()), h.Close()); err != nil {
		t.Fatal(err)
	}
	// Not whether the disk is free: a mount namespace that was made meanwhile
	// keeps what was mounted then.
	if out, _ := exec.Command("find", "/proc/"+strconv.Itoa(os.Getpid())+"/fd", "-lname", path+"*").CombinedOutput(); len(out) > 0 {
		t.Errorf("when all is done it has open %s", out)
	}
	refused(t, h.Check(), sys.CodeGate, "is not held")
}

// A disk that anybody uses is not taken, and what was opened for that is let go
// of.
func TestTakeWhatIsUsed(t *testing.T) {
	path := loopDisk(t)
	part(t, path, extents...)
	other, err := os.OpenFile(PartitionPath(path, 2), os.O_RDONLY|os.O_EXCL, 0)
	if err != nil {
		t.Fatal(err)
	}
	h := &Held{}
	_, err = h.Take(t.Context(), path)
	refused(t, err, sys.CodeGate, path+" is in use")
	other.Close()
	if _, err := h.Take(t.Context(), filepath.Join(t.TempDir(), "gone")); err == nil {
		t.Error("nothing was taken")
	}
	if f, err := h.Take(t.Context(), path); err != nil || f.Size != 32*mib || f.LogicalSector != 512 || f.DiskSeq == 0 || f.ReadOnly {
		t.Errorf("%+v, %v", f, err)
	}
	_ = h.Close()
	if isClaimed(path) {
		t.Error("it is still held")
	}
}

// A disk that was attached in the place of another has another number, though
// all that it shows is the same.
func TestTakeAnotherDisk(t *testing.T) {
	path, file := ownLoop(t), diskFile(t)
	tool(t, "losetup", path, file)
	t.Cleanup(func() { tool(t, "losetup", "--detach", path) })
	inv, err := Survey(t.Context(), machine(), "/")
	if err != nil {
		t.Fatal(err)
	}
	var seen Device
	for _, d := range inv.Devices {
		if d.Path == path {
			seen = d
		}
	}
	before := takeDisk(t, path)
	if why := before.Facts().Differ(seen); why != "" {
		t.Fatal(why)
	}
	_ = before.Close()
	tool(t, "losetup", "--detach", path)
	tool(t, "losetup", path, file)
	f := takeDisk(t, path).Facts()
	if why := f.Differ(seen); !strings.Contains(why, "its sequence number is") {
		t.Errorf("%q", why)
	}
}

// Check refuses anything that is no longer the disk before the next command.
func TestCheck(t *testing.T) {
	for name, c := range map[string]struct {
		happens func(t *testing.T, h *Held, path string)
		words   string
	}{
		"the disk's node": {func(t *testing.T, _ *Held, path string) { swapNode(t, path) }, "is device"},
		"a partition's node": {func(t *testing.T, _ *Held, path string) {
			swapNode(t, PartitionPath(path, 2))
		}, "p2 is device"},
		"a node is gone": {func(t *testing.T, _ *Held, path string) {
			away(t, PartitionPath(path, 1))
		}, "no such file"},
		"another disk came to its number": {func(_ *testing.T, h *Held, _ string) { h.facts.DiskSeq-- }, "another disk was attached"},
		"unplugged":                       {func(_ *testing.T, h *Held, _ string) { h.facts.DevNo = "7:1048575" }, "the disk is gone"},
		"one more partition": {func(t *testing.T, _ *Held, path string) {
			part(t, path, gpt.Partition{Number: 4, Start: 30 * mib, Size: mib})
		}, "had 3 partitions and has 4 now"},
		"a partition at another place": {func(_ *testing.T, h *Held, _ string) { h.parts[1].start += 512 }, "partition 2 of"},
		"a mapper that is not there":   {func(*testing.T, *Held, string) {}, "/dev/mapper/not-there: no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			h, path := handed(t)
			c.happens(t, h, path)
			argv := []string{"mkfs.ext4", PartitionPath(path, 2), "/dev/mapper/not-there"}
			err := h.Guard(sys.NewFake(t)).Run(t.Context(), sys.Cmd{Argv: argv}) // runs nothing
			refused(t, err, sys.CodeWritten, c.words)
		})
	}
}

// Before anything was written the code says so.
func TestCheckBeforeTheFirstWrite(t *testing.T) {
	path := loopDisk(t)
	h := takeDisk(t, path)
	swapNode(t, path)
	err := h.Guard(sys.NewFake(t)).Run(t.Context(), sys.Cmd{Argv: []string{"sfdisk", path}})
	refused(t, err, sys.CodeGate, path+" is device")
	refused(t, new(Held).Identify(), sys.CodeGate, "is not held")
	if new(Held).Reread(t.Context()) == nil || new(Held).HandOver(t.Context(), extents) == nil {
		t.Error("nothing is held, and it works")
	}
}

// away moves a node: the kernel would not recognize a new one as its own.
func away(t *testing.T, path string) {
	t.Helper()
	if err := os.Rename(path, path+"-away"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Rename(path+"-away", path); err != nil {
			t.Error(err)
		}
	})
}

// swapNode puts the node of another device in the place of one.
func swapNode(t *testing.T, path string) {
	t.Helper()
	away(t, path)
	if err := unix.Mknod(path, unix.S_IFBLK|0o600, int(unix.Mkdev(7, 1048574))); err != nil {
		t.Fatal(err)
	}
}

// HandOver notices other users of the disk between its two claims.
func TestHandOverNoticed(t *testing.T) {
	for name, c := range map[string]struct {
		comes func(t *testing.T, path string)
		words string
	}{
		"a claim to a partition": {func(t *testing.T, path string) { claimFor(t, PartitionPath(path, 1)) }, "something else holds"},
		"a claim to the disk":    {claimFor, "something else holds"},
		"a mount": {func(t *testing.T, path string) {
			mountFor(t, PartitionPath(path, 2))
		}, "something else uses the disk: /dev/"},
	} {
		t.Run(name, func(t *testing.T) {
			path := loopDisk(t)
			part(t, path, extents...)
			tool(t, "mkfs.ext4", "-q", PartitionPath(path, 2))
			h := takeDisk(t, path)
			h.between = func() { c.comes(t, path) }
			refused(t, h.HandOver(t.Context(), extents), sys.CodeGate, c.words)
		})
	}
	t.Run("other partitions", func(t *testing.T) {
		path := loopDisk(t)
		part(t, path, extents...)
		h := takeDisk(t, path)
		refused(t, h.HandOver(t.Context(), extents[:2]), sys.CodeGate, "the kernel has 3 partitions")
		moved := slices.Clone(extents)
		moved[2].Size += 512
		refused(t, h.HandOver(t.Context(), moved), sys.CodeGate, "the kernel has partition 3 with")
		if !isClaimed(path) {
			t.Error("the disk is free")
		}
	})
}

func claimFor(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDONLY|os.O_EXCL, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
}

func mountFor(t *testing.T, path string) {
	t.Helper()
	at := t.TempDir()
	tool(t, "mount", path, at)
	t.Cleanup(func() { _ = exec.Command("umount", at).Run() })
}

// intruder is a System whose commands let something happen, and do nothing.
type intruder struct {
	*sys.Fake
	comes func()
	ran   int
}

func (i *intruder) Run(context.Context, sys.Cmd) error {
	i.ran++
	if i.comes != nil {
		i.comes()
	}
	return nil
}

// Guard notices other users of a partition after the command that had it.
func TestGuardNotices(t *testing.T) {
	for name, c := range map[string]struct {
		comes func(t *testing.T, path string)
		words string
	}{
		"a claim": {claimFor, "something else holds"},
		"a mount": {mountFor, "is mounted at"},
	} {
		t.Run(name, func(t *testing.T) {
			h, path := handed(t)
			p2 := PartitionPath(path, 2)
			if err := h.Guard(machine()).Run(t.Context(), sys.Cmd{Argv: []string{"mkfs.ext4", "-q", p2}}); err != nil {
				t.Fatal(err)
			}
			i := &intruder{Fake: sys.NewFake(t), comes: func() { c.comes(t, p2) }}
			refused(t, h.Guard(i).Run(t.Context(), sys.Cmd{Argv: []string{"cryptsetup", "luksFormat", p2}}), sys.CodeWritten, c.words)
			if i.ran != 1 {
				t.Errorf("%d commands ran", i.ran)
			}
		})
	}
	t.Run("a mount beside the install's own", func(t *testing.T) {
		h, path := handed(t)
		p2, at := PartitionPath(path, 2), t.TempDir()
		g := h.Guard(machine())
		if err := g.Run(t.Context(), sys.Cmd{Argv: []string{"mkfs.ext4", "-q", p2}}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = g.Unwind(context.Background()) })
		undo := sys.Cmd{Argv: []string{"umount", at}, While: sys.Mounted(at)}
		if err := g.Do(t.Context(), sys.Cmd{Argv: []string{"mount", p2, at}}, undo); err != nil {
			t.Fatal(err)
		}
		mountFor(t, p2)
		refused(t, g.Run(t.Context(), sys.Cmd{Argv: []string{"blkid", p2}}), sys.CodeWritten, "is mounted at")
		// What the host's own commands do with its disk is theirs to know.
		if err := g.Run(t.Context(), sys.Cmd{Argv: []string{"sh", "-c", "true"}}); err == nil {
			t.Error("missed a foreign mount")
		}
	})
	t.Run("the host's own commands", func(t *testing.T) {
		h, path := handed(t)
		p3 := PartitionPath(path, 3)
		g := h.Guard(machine())
		if err := g.Run(t.Context(), sys.Cmd{Argv: []string{"sh", "-c", "mkswap " + p3 + " && swapon " + p3 + " && swapoff " + p3}}); err != nil {
			t.Error(err)
		}
		swapNode(t, p3)
		refused(t, g.Run(t.Context(), sys.Cmd{Argv: []string{"blkid", p3}}), sys.CodeWritten, "p3 is device")
	})
}

func TestFactsDiffer(t *testing.T) {
	d := Device{Path: "/dev/x", DevNo: "8:0", DiskSeq: 3, Size: mib, LogicalSector: 512, Serial: "S_1", WWN: "0x5000c500a1b2c3d4"}
	same := Facts{DevNo: "8:0", DiskSeq: 3, Size: mib, LogicalSector: 512, Serial: " S  1 ", WWN: "naa.5000C500A1B2C3D4"}
	for words, change := range map[string]func(*Facts){
		"": func(*Facts) {}, "device number": func(f *Facts) { f.DevNo = "8:16" }, "sequence number": func(f *Facts) { f.DiskSeq = 4 },
		"size in bytes": func(f *Facts) { f.Size = 1 }, "sector size": func(f *Facts) { f.LogicalSector = 4096 },
		"write-protected": func(f *Facts) { f.ReadOnly = true }, "serial number": func(f *Facts) { f.Serial = "S 2" },
		"WWN": func(f *Facts) { f.WWN = "naa.5000c500ffffffff" },
	} {
		f := same
		change(&f)
		if why := f.Differ(d); (words == "") != (why == "") || !strings.Contains(why, words) {
			t.Errorf("%q, want %q", why, words)
		}
	}
	for _, f := range []Facts{
		{DevNo: "8:0", Size: mib, LogicalSector: 512},
		{DevNo: "8:0", DiskSeq: 3, Size: mib, LogicalSector: 512, Serial: "S_1", WWN: "t10.ATA     MODEL   S_1"},
	} {
		if why := f.Differ(d); why != "" {
			t.Errorf("%+v: %s", f, why)
		}
	}
}
