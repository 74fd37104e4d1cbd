package steps

import (
	"context"
	"encoding/json"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
)

// Handover is what the screens pass to an engine: every answer as one JSON on descriptor
// 3, and each secret on a descriptor of its own after it.
type Handover struct {
	Answers
	Paths     engine.Paths
	DiskPath  string
	Confirmed block.Identity // the disk as the operator saw it
	Secrets   []bool         // which secrets are passed, in the order of Answers.secrets
}

// firstFD is the descriptor of the JSON.
const firstFD = 3

// SkipFile is the file in the engine's folder that makes it continue without the age
// identity that it waits for.
const SkipFile = "go-without"

// Handover returns the JSON and then the secrets, which are not copied. The screens power
// off themselves.
func (a *Answers) Handover(p engine.Paths) ([][]byte, error) {
	h := Handover{Answers: *a, Paths: p, DiskPath: a.Disk.stablePath(), Confirmed: a.Disk.identity}
	h.Power = false
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

// More than the JSON and a secret have, in bytes.
const (
	maxAnswers = 1 << 20
	maxSecret  = 64 << 10
)

// TakeHandover reads what the screens have passed to this process.
func TakeHandover() (*Handover, error) {
	const hint = "this command is for the screens only; use `auto-installer install`"
	data, err := sys.ReadSecretFD(firstFD, maxAnswers)
	if err != nil {
		return nil, sys.Usage(hint, "cannot read the answers: %v", err)
	}
	var h Handover
	if err := json.Unmarshal(data, &h); err != nil {
		return nil, sys.Usage(hint, "invalid answers: %v", err)
	}
	fd := firstFD
	for i, s := range h.secrets() {
		if i >= len(h.Secrets) || !h.Secrets[i] {
			continue
		}
		fd++
		if *s.value, err = sys.ReadSecretFD(fd, maxSecret); err != nil {
			h.Wipe()
			return nil, sys.Usage("start the screens again", "cannot read a secret: %v", err)
		}
	}
	return &h, nil
}

// Plan surveys the disks again and makes the plan, if the disk is still the confirmed one.
func (h *Handover) Plan(ctx context.Context) (*Install, error) {
	var err error
	if h.Disk, err = ChooseDisk(ctx, h.DiskPath); err != nil {
		return nil, err
	}
	if err := h.Disk.expect(h.Confirmed, h.Resume); err != nil {
		return nil, err
	}
	if !h.Resume {
		h.WarnOfUnfinished(h.Paths)
	}
	return MakePlan(h.Answers, h.Paths)
}

// expect verifies that this is the confirmed disk. A resume does not compare the partition
// table, which the unfinished install has written.
func (d Disk) expect(confirmed block.Identity, resume bool) error {
	if resume {
		confirmed.PTUUID = d.identity.PTUUID
	}
	if same, why := confirmed.Same(d.identity); !same {
		return sys.Faultf(sys.CodeGate, "look at the disks again, and confirm the disk once more",
			"%s is not the confirmed disk: %s", d.Path, why)
	}
	return nil
}
