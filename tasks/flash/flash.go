// Package flash writes an image to a USB stick or memory card, and verifies it.
//
// It reads the whole image and checks its checksum before it writes anything.
// Then it reads the image again and writes it, and finally compares the stick
// with it.
package flash

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/disk/gate"
	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
)

type Request struct {
	Image  Image
	Stick  Stick
	SHA256 string // that the image must have, in hex; empty: look beside the image
	Eject  bool
	// VerifyOnly compares the stick with the image and writes nothing.
	VerifyOnly bool
}

// job is a request and what its steps leave for those after them.
type job struct {
	Request
	id   block.Identity // of the stick
	want Checksum       // of the image file

	held    *block.Held // from the gate on
	content *content    // of the image, from its check
	disk    *disk       // from the write
}

// Plan makes the plan of writing an image to a stick, or of comparing them.
func Plan(r Request) (*engine.Task, error) {
	if r.Image.Size() > r.Stick.Device.Size {
		return nil, sys.Faultf(sys.CodeMachine, "take a larger one", "%s (%s) does not fit on %s",
			r.Image.Path, block.FormatSize(r.Image.Size()), r.Stick.Name)
	}
	if err := r.onStick(); err != nil {
		return nil, err
	}
	want, err := Expect(r.Image.Path, r.SHA256)
	if err != nil {
		return nil, err
	}
	j := &job{Request: r, id: block.IdentityOf(r.Stick.Device), want: want, held: &block.Held{}}
	name := filepath.Base(r.Image.Path)
	title := fmt.Sprintf("flashing %s to %s", name, r.Stick.Name)
	list := []engine.Step{engine.NewStep("image", "read the image to its end", engine.Check, j.readOps()...)}
	if r.VerifyOnly {
		title = fmt.Sprintf("comparing %s with %s", r.Stick.Name, name)
	} else {
		if len(r.Stick.Mounted) > 0 {
			list = append(list, engine.NewStep("unmount", "unmount the stick", engine.Check, unmountOps(r.Stick.Mounted)...))
		}
		list = append(list,
			engine.NewStep("gate", "verify that this is still the disk that was confirmed, and unused", engine.Check,
				gate.Ops(gate.Options{Disk: j.id, Refusal: refusedStick, Hold: j.held.Take, Read: j.held.Sample})...),
			engine.NewStep("write", "write the image", engine.Write, j.writeOps()...))
	}
	p := engine.NewTask(title, append(list, engine.NewStep("verify", "read the stick back", engine.Prove, j.verifyOps()...))...)
	if want.Missing != "" {
		p.Warnings = append(p.Warnings, want.Missing)
	}
	if !r.VerifyOnly {
		p.Holds, p.Target = []io.Closer{j.held}, r.Stick.Path
		if !r.Image.Hybrid {
			p.Warnings = append(p.Warnings, "the image has no partition table: most machines do not start it from a stick")
		}
	}
	return p, nil
}

// onStick refuses an image that lies on the stick itself.
func (r Request) onStick() error {
	var st unix.Stat_t
	if err := unix.Stat(r.Image.Path, &st); err != nil {
		return sys.Faultf(sys.CodeUsage, "name the image again", "%s: %w", r.Image.Path, err)
	}
	number := block.MajorMinor(st.Dev)
	if !r.VerifyOnly && slices.ContainsFunc(r.Stick.Device.Below(), func(d block.Device) bool { return d.DevNo == number }) {
		return sys.Faultf(sys.CodeDisk, "copy the image to another disk first", "%s lies on %s itself", r.Image.Path, r.Stick.Path)
	}
	return nil
}

// unmountOps unmount the stick, in order. Nothing mounts it again after a failure.
func unmountOps(points []string) (ops []engine.Op) {
	for _, p := range points {
		ops = append(ops, engine.Run(sys.Cmd{Does: "unmount " + p, Argv: []string{"umount", p}}).
			Hint(sys.CodeGate, "`fuser --verbose --mount` shows what uses it; nothing was written"))
	}
	return ops
}

// readOps read the image to its end. The error has sys.CodeSource if the image is
// damaged or does not match its checksum, and sys.CodeMachine if it is larger
// than the disk.
func (j *job) readOps() []engine.Op {
	read := "read all of " + j.Image.Path
	if j.Image.Compression != "" {
		read += ", decompressed,"
	}
	compare := "note its SHA-256: there is no checksum to compare it with"
	if j.want.Sum != "" {
		compare = "compare its SHA-256 with " + j.want.Sum + " (" + j.want.From + ")"
	}
	return []engine.Op{
		engine.Do(read+" and check that it fits on the disk", func(ctx context.Context, s sys.System) (err error) {
			j.content, err = j.Image.read(ctx, s, j.id.Size)
			return err
		}),
		engine.Do(compare, j.compareSum),
	}
}

func (j *job) compareSum(_ context.Context, s sys.System) error {
	name, c := filepath.Base(j.Image.Path), j.content
	switch {
	case j.want.Missing != "":
		s.Log(fmt.Sprintf("%s has the SHA-256 %s", name, c.fileSum)) // the plan warns
	case j.want.Sum == "":
		s.Log(fmt.Sprintf("%s has the SHA-256 %s; there is no %s.sha256 or SHA256SUMS beside it to compare it with", name, c.fileSum, name))
	case j.want.Sum != c.fileSum:
		return sys.Faultf(sys.CodeSource, "fetch the image again; nothing was written",
			"%s is damaged or another image: its SHA-256 is %s; %s says %s", j.Image.Path, c.fileSum, j.want.From, j.want.Sum)
	default:
		s.Log(fmt.Sprintf("%s has the SHA-256 %s, as %s says", name, c.fileSum, j.want.From))
	}
	if j.Image.Compression != "" {
		s.Log(fmt.Sprintf("unpacked it has %s, SHA-256 %s", block.FormatSize(c.size), c.sum))
	}
	return nil
}

// toSector rounds n bytes up to whole sectors of a disk.
func toSector(n int64, sector int) int64 {
	s := int64(sector)
	return (n + s - 1) / s * s
}
