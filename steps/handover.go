package steps

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
)

// Handover is what the screens give to an engine: every answer as one JSON on
// descriptor 3, and each secret on a descriptor of its own after it.
type Handover struct {
	Answers
	Paths     engine.Paths
	Medium    medium
	DiskPath  string
	Confirmed block.Identity // the disk as the operator saw it
	Secrets   []bool         // which of the secrets are given, in their order
}

// firstFD is the descriptor of the answers.
const firstFD = 3

// handover is the JSON, and the secrets after it. They are not copied.
func (a *Answers) handover(p engine.Paths) ([][]byte, error) {
	h := Handover{Answers: *a, Paths: p, Medium: a.medium, DiskPath: a.Disk.stablePath(), Confirmed: a.Disk.identity}
	parts := [][]byte{nil}
	for _, s := range a.secrets() {
		h.Secrets = append(h.Secrets, *s.value != nil)
		if *s.value != nil {
			parts = append(parts, *s.value)
		}
	}
	var err error
	parts[0], err = json.Marshal(h)
	return parts, err
}

// More than the answers and a secret take, in bytes.
const (
	maxAnswers = 1 << 20
	maxSecret  = 64 << 10
)

// TakeHandover reads what the screens have given to this process.
func TakeHandover() (*Handover, error) {
	data, err := readFD(firstFD, maxAnswers)
	if err != nil {
		return nil, engine.Usage("this command is the screens' own; use `auto-installer install`", "the answers cannot be read: %v", err)
	}
	var h Handover
	if err := json.Unmarshal(data, &h); err != nil {
		return nil, engine.Usage("this command is the screens' own; use `auto-installer install`", "the answers are not understood: %v", err)
	}
	h.medium = h.Medium
	fd := uintptr(firstFD)
	for i, s := range h.secrets() {
		if i >= len(h.Secrets) || !h.Secrets[i] {
			continue
		}
		fd++
		if *s.value, err = readFD(fd, maxSecret); err != nil {
			h.Wipe()
			return nil, engine.Usage("start the screens again", "a secret cannot be read: %v", err)
		}
	}
	return &h, nil
}

// readFD reads a descriptor to its end into one buffer, and closes it, so that no
// command inherits it.
func readFD(fd uintptr, most int) ([]byte, error) {
	f := os.NewFile(fd, fmt.Sprintf("descriptor %d", fd))
	if f == nil {
		return nil, os.ErrInvalid
	}
	defer f.Close()
	buf := make([]byte, most+1)
	n, err := io.ReadFull(f, buf)
	if err == nil {
		clear(buf)
		return nil, fmt.Errorf("more than %d bytes", most)
	}
	if n == 0 || err != io.ErrUnexpectedEOF { //nolint:errorlint // io.ReadFull wraps nothing
		return nil, err
	}
	return buf[:n:n], nil
}

// Plan looks at the disks again and makes the plan, if the disk is still the one
// that was confirmed. The error is an *engine.Error.
func (h *Handover) Plan(ctx context.Context) (*Install, error) {
	var err error
	if h.Disk, err = ChooseDisk(ctx, h.DiskPath); err != nil {
		return nil, err
	}
	if err := h.Disk.expect(h.Confirmed, h.Resume); err != nil {
		return nil, err
	}
	if h.Resume {
		return ResumePlan(h.Answers, h.Paths)
	}
	h.WarnOfUnfinished(h.Paths)
	return InstallPlan(h.Answers, h.Paths)
}

// expect verifies that this is the disk that was confirmed. A resume leaves out
// the partition table, which the unfinished install has written.
func (d Disk) expect(confirmed block.Identity, resume bool) error {
	if resume {
		confirmed.PTUUID = d.identity.PTUUID
	}
	if same, why := confirmed.Same(d.identity); !same {
		return engine.NewError("", sys.Faultf(sys.CodeGate, "look at the disks again, and confirm the disk once more",
			"%s is not the disk that was confirmed: %s", d.Path, why))
	}
	return nil
}
