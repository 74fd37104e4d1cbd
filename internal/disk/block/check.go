package block

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"auto-installer/internal/sys"
)

// errGone: the disk is not attached any more.
var errGone = errors.New("the disk is gone: it was unplugged, or has failed")

// Check makes sure that the disk is the one that was taken, that the paths of
// the disk and its partitions lead to it, and that nobody but the install uses
// a partition. The error is a *sys.Fault, of CodeGate before the first write.
func (h *Held) Check() error {
	err := h.identify()
	if err == nil {
		err = h.judge()
	}
	return h.fault(err)
}

// Identify is Check but for the users.
func (h *Held) Identify() error { return h.fault(h.identify()) }

func (h *Held) identify() error {
	if h.disk == nil {
		return errors.New("the disk is not held")
	}
	seq, err := diskSeq(int(h.disk.Fd()))
	if err != nil {
		return err
	}
	home := sysfsOf(h.facts.DevNo)
	if _, err := os.Stat(home); err != nil {
		return errGone
	}
	if shown := uint64(max(readNumber(filepath.Join(home, "diskseq")), 0)); seq != h.facts.DiskSeq || shown != 0 && shown != seq {
		return fmt.Errorf("another disk was attached in the place of %s", h.path)
	}
	if err := leadsTo(h.path, h.facts.DevNo); err != nil {
		return err
	}
	if len(h.parts) == 0 {
		return nil
	}
	now, err := partitionsOf(h.facts.DevNo)
	if err != nil {
		return err
	}
	if len(now) != len(h.parts) {
		return fmt.Errorf("%s had %d partitions and has %d now", h.path, len(h.parts), len(now))
	}
	for _, p := range h.parts {
		if n, ok := now[p.Number]; !ok || n.Extent != p.Extent || n.devNo != p.devNo {
			return fmt.Errorf("partition %d of %s is not the one that was made", p.Number, h.path)
		}
		if err := leadsTo(p.path, p.devNo); err != nil {
			return err
		}
	}
	return nil
}

func leadsTo(path, devNo string) error {
	number, err := nodeNumber(path)
	if err == nil && number != devNo {
		err = fmt.Errorf("%s is device %s now, and the disk that was confirmed has %s", path, number, devNo)
	}
	return err
}

// checkMapper makes sure that a mapper's node leads to what was built upon the
// held disk, and upon nothing else.
func (h *Held) checkMapper(path string) error {
	number, err := nodeNumber(path)
	if err != nil {
		return err
	}
	home := sysfsOf(number)
	below := list(filepath.Join(home, "slaves"))
	isOurs := readText(filepath.Join(home, "dm/name")) == filepath.Base(path) && len(below) > 0
	for _, name := range below {
		devNo := readText(filepath.Join(home, "slaves", name, "dev"))
		isOurs = isOurs && slices.ContainsFunc(h.parts, func(p heldPartition) bool { return p.devNo == devNo })
	}
	if !isOurs {
		return fmt.Errorf("%s is not the mapper of %s: it is upon %s", path, h.path, strings.Join(below, ", "))
	}
	return nil
}

// fault explains an error by what it means for the disk.
func (h *Held) fault(err error) error {
	if err == nil {
		return nil
	}
	code, hint := sys.CodeGate, "look at the disks again and confirm anew; nothing was written"
	if h.wrote {
		code, hint = sys.CodeWritten, "`lsblk` and `findmnt` show what there is now; let go of the disk and start again"
	}
	return sys.WithHint(err, code, hint, "making sure of the disk before the next write")
}

// judge makes sure that nobody but the install uses the disk.
func (h *Held) judge() error {
	if h.shell || h.whole != nil {
		return nil
	}
	numbers := []string{h.facts.DevNo}
	for _, p := range h.parts {
		numbers = append(numbers, p.devNo)
	}
	for _, number := range numbers {
		uses, err := h.uses(number)
		if err != nil {
			return err
		}
		for _, u := range uses {
			if !u.own {
				return fmt.Errorf("something came in: %s", u.what)
			}
		}
	}
	return nil
}

// use is something that uses a device or what is built upon it.
type use struct {
	what string
	own  bool // the install made it
}

// uses are all that can be seen. What cannot be, such as a mount in another
// namespace, keeps a claim from being had.
func (h *Held) uses(devNo string) ([]use, error) {
	var all []use
	numbers := upon(devNo, func(number, name string) {
		mapper := "/dev/mapper/" + readText(filepath.Join(sysfsOf(number), "holders", name, "dm/name"))
		all = append(all, use{nameOf(number) + " is held by " + name, h.made(sys.Exists(mapper))})
	})
	mounts, err := Mounts("/")
	if err != nil {
		return nil, err
	}
	for _, m := range mounts {
		if slices.Contains(numbers, m.DevNo) {
			all = append(all, use{nameOf(m.DevNo) + " is mounted at " + m.Point, h.mountIsOwn(m.Point)})
		}
	}
	swaps, err := Swaps("/")
	if err != nil {
		return nil, err
	}
	for _, s := range swaps {
		if n, err := nodeNumber(s.Path); err == nil && slices.Contains(numbers, n) {
			all = append(all, use{nameOf(n) + " is swapped to", h.made(sys.SwapOn(s.Path))})
		}
	}
	return all, nil
}

// upon are the number of a device and those of all that is built upon it. each
// is called for every holder of one of them.
func upon(devNo string, each func(number, holder string)) []string {
	numbers := []string{devNo}
	for i := 0; i < len(numbers); i++ {
		home := filepath.Join(sysfsOf(numbers[i]), "holders")
		for _, name := range list(home) {
			each(numbers[i], name)
			if n := readText(filepath.Join(home, name, "dev")); n != "" && !slices.Contains(numbers, n) {
				numbers = append(numbers, n)
			}
		}
	}
	return numbers
}

// Mounted makes sure that the file systems at these mount points are the disk's:
// not the live system's below, nor one that somebody has mounted above. The
// host's own commands may have done so.
func (h *Held) Mounted(points ...string) error {
	if h == nil || h.shell {
		return nil
	}
	var numbers []string
	for _, p := range h.parts {
		numbers = append(numbers, upon(p.devNo, func(_, _ string) {})...)
	}
	for _, point := range points {
		var st unix.Stat_t
		err := unix.Stat(point, &st)
		if number := MajorMinor(st.Dev); err == nil && !slices.Contains(numbers, number) {
			err = fmt.Errorf("it was unmounted, or something was mounted above it: there is device %s now", number)
		}
		if err != nil {
			return h.fault(fmt.Errorf("%s is not the target's: %w", point, err))
		}
	}
	return nil
}

// nameOf is the kernel's name of a device.
func nameOf(devNo string) string {
	home, err := os.Readlink(sysfsOf(devNo))
	if err != nil {
		return "device " + devNo
	}
	return "/dev/" + filepath.Base(home)
}

func (h *Held) made(c sys.Condition) bool { return slices.Contains(h.own, c) }

// mountIsOwn tells whether something is mounted where the install has mounted
// the target, or below.
func (h *Held) mountIsOwn(point string) bool {
	for dir := point; ; dir = filepath.Dir(dir) {
		if h.made(sys.Mounted(dir)) {
			return true
		}
		if dir == "/" || dir == "." {
			return false
		}
	}
}

// partitionsOf are the partitions that the kernel has of a disk, by number.
func partitionsOf(devNo string) (map[int]heldPartition, error) {
	home := sysfsOf(devNo)
	entries, err := os.ReadDir(home + "/")
	if err != nil {
		return nil, errGone
	}
	parts := map[int]heldPartition{}
	for _, e := range entries {
		dir := filepath.Join(home, e.Name())
		n := int(readNumber(filepath.Join(dir, "partition")))
		if n == 0 {
			continue
		}
		parts[n] = heldPartition{
			Extent: Extent{
				Number: n,
				Start:  readNumber(filepath.Join(dir, "start")) * 512, // always in units of 512
				Size:   readNumber(filepath.Join(dir, "size")) * 512,
			},
			devNo: readText(filepath.Join(dir, "dev")),
		}
	}
	return parts, nil
}

// release lets go of a partition for a command.
func (p *heldPartition) release() error {
	if p.claim == nil {
		return nil
	}
	err := p.claim.Close()
	p.claim = nil
	return err
}
