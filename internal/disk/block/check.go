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

var errGone = errors.New("the disk is gone: it was unplugged, or it failed")

// Check makes sure that the disk is still the one from Take, that the paths of
// the disk and its partitions lead to it, and that only the install uses it. The
// error is a *sys.Fault, with CodeGate before the first write.
func (h *Held) Check() error {
	err := h.identify()
	if err == nil {
		err = h.judge()
	}
	return h.fault(err)
}

// Identify is Check without the users of the disk.
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
		if n, ok := now[p.number]; !ok || n.start != p.start || n.size != p.size || n.devNo != p.devNo {
			return fmt.Errorf("partition %d of %s is not the one that the installer made", p.number, h.path)
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
		err = fmt.Errorf("%s is device %s now; the confirmed disk has %s", path, number, devNo)
	}
	return err
}

// checkMapper makes sure that a mapper is upon the held disk and nothing else.
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

// fault adds a hint that depends on whether the disk was written to.
func (h *Held) fault(err error) error {
	if err == nil {
		return nil
	}
	code, hint := sys.CodeGate, "look at the disks again and confirm again; nothing was written"
	if h.wrote {
		code, hint = sys.CodeWritten, "`lsblk` and `findmnt` show the current state; release the disk and start over"
	}
	return sys.WithHint(err, code, hint, "making sure of the disk before the next write")
}

// judge makes sure that only the install uses the disk.
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
		if i := slices.IndexFunc(uses, func(u use) bool { return !u.own }); i >= 0 {
			return fmt.Errorf("something else uses the disk: %s", uses[i].what)
		}
	}
	return nil
}

type use struct {
	what string
	own  bool // the install made it
}

// uses lists the uses that this process can see. Others, such as a mount in
// another namespace, make a claim fail.
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
	swaps, err := sys.Swaps("/")
	if err != nil {
		return nil, err
	}
	for _, s := range swaps {
		if n, err := nodeNumber(s.Path); err == nil && slices.Contains(numbers, n) {
			all = append(all, use{nameOf(n) + " is swap in use", h.made(sys.SwapOn(s.Path))})
		}
	}
	return all, nil
}

// upon lists the numbers of a device and of all devices upon it. It calls each
// for every holder of one of them.
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

// Mounted makes sure that the file systems at these mount points are the disk's,
// not the live system's below or another one above. The host's own commands may
// mount and unmount, so it does nothing after them.
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
			err = fmt.Errorf("it was unmounted, or something was mounted over it: device %s is there now", number)
		}
		if err != nil {
			return h.fault(fmt.Errorf("%s is not the target's: %w", point, err))
		}
	}
	return nil
}

func nameOf(devNo string) string {
	home, err := os.Readlink(sysfsOf(devNo))
	if err != nil {
		return "device " + devNo
	}
	return "/dev/" + filepath.Base(home)
}

func (h *Held) made(c sys.Condition) bool { return slices.Contains(h.own, c) }

// mountIsOwn reports whether a mount point is one of the install's, or below
// one.
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

// partitionsOf lists the kernel's partitions of a disk, by number.
func partitionsOf(devNo string) (map[int]heldPartition, error) {
	home := sysfsOf(devNo)
	if _, err := os.Stat(home); err != nil {
		return nil, errGone
	}
	parts := map[int]heldPartition{}
	for _, name := range list(home + "/") {
		dir := filepath.Join(home, name)
		n := int(readNumber(filepath.Join(dir, "partition")))
		if n == 0 {
			continue
		}
		parts[n] = heldPartition{
			number: n,
			start:  readNumber(filepath.Join(dir, "start")) * 512, // always in units of 512
			size:   readNumber(filepath.Join(dir, "size")) * 512,
			devNo:  readText(filepath.Join(dir, "dev")),
		}
	}
	return parts, nil
}
