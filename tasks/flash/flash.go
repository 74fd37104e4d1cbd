// Package flash writes an image to a USB stick or memory card, and verifies it.
//
// It reads the whole image and checks its checksum before it writes anything.
// Then it reads the image again and writes it, and finally compares the stick
// with it.
package flash

import (
	"context"
	"fmt"
	"path/filepath"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/sys"
)

// Options says what to write where.
type Options struct {
	Image Image
	Want  Checksum // of the image file, see Expect
	Disk  block.Identity
	Eject bool
	// VerifyOnly compares the disk with the image and writes nothing.
	VerifyOnly bool

	// Job carries results from one step to the next. Each plan needs a new one.
	Job *Job
	// Held is the disk, from the gate to the end of Verify.
	Held *block.Held
}

// Job is what one step passes to the next.
type Job struct {
	content *content // of the image, from Check
	disk    *disk    // from Write
}

// Unmount is the first step if a part of the disk is mounted.
type Unmount struct {
	Points []string // in the order to unmount them
}

// UnmountActions lists what RunUnmount will do.
func UnmountActions(o Unmount) []sys.Action { return sys.Actions(o.commands()...) }

func (o Unmount) commands() []sys.Cmd {
	var cmds []sys.Cmd
	for _, p := range o.Points {
		cmds = append(cmds, sys.Cmd{Does: "unmount " + p, Argv: []string{"umount", p}})
	}
	return cmds
}

// RunUnmount unmounts. Nothing mounts it again after a failure.
func RunUnmount(ctx context.Context, s sys.System, o Unmount) error {
	for _, c := range o.commands() {
		if err := s.Run(ctx, c); err != nil {
			return sys.WithHint(err, sys.CodeGate, "`fuser --verbose --mount` shows what uses it; nothing was written", "to "+c.Does)
		}
		s.Log(c.Does)
	}
	return nil
}

// CheckActions lists what Check will do.
func CheckActions(o Options) []sys.Action {
	read := "read all of " + o.Image.Path
	if o.Image.Compression != "" {
		read += ", decompressed,"
	}
	compare := "note its SHA-256: there is no checksum to compare it with"
	if o.Want.Sum != "" {
		compare = "compare its SHA-256 with " + o.Want.Sum + " (" + o.Want.From + ")"
	}
	return []sys.Action{{Does: read + " and see that it fits on the disk"}, {Does: compare}}
}

// Check reads the image to its end. The error has sys.CodeSource if the image is
// damaged or does not match its checksum, and sys.CodeMachine if it is larger
// than the disk.
func Check(ctx context.Context, s sys.System, o Options) error {
	c, err := o.Image.read(ctx, s, o.Disk.Size)
	if err != nil {
		return err
	}
	name := filepath.Base(o.Image.Path)
	switch {
	case o.Want.Missing != "":
		s.Log(fmt.Sprintf("%s has the SHA-256 %s", name, c.fileSum)) // the plan warns
	case o.Want.Sum == "":
		s.Log(fmt.Sprintf("%s has the SHA-256 %s; there is no %s.sha256 or SHA256SUMS beside it to compare it with", name, c.fileSum, name))
	case o.Want.Sum != c.fileSum:
		return sys.Faultf(sys.CodeSource, "fetch the image again; nothing was written",
			"%s is damaged or another image: its SHA-256 is %s; %s says %s", o.Image.Path, c.fileSum, o.Want.From, o.Want.Sum)
	default:
		s.Log(fmt.Sprintf("%s has the SHA-256 %s, as %s says", name, c.fileSum, o.Want.From))
	}
	if o.Image.Compression != "" {
		s.Log(fmt.Sprintf("unpacked it has %s, SHA-256 %s", block.FormatSize(c.size), c.sum))
	}
	o.Job.content = c
	return nil
}

// toSector rounds n bytes up to whole sectors of a disk.
func toSector(n int64, sector int) int64 {
	s := int64(sector)
	return (n + s - 1) / s * s
}
