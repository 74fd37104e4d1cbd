package flash

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/disk/choice"
	"auto-installer/internal/disk/gate"
	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
)

// Stick is a disk that an image can be written to.
type Stick struct {
	Path    string
	ByID    string   // a path that stays the same when it is plugged in again
	Name    string   // path, model, serial number, size and bus
	Mounted []string // what must be unmounted first
	Holds   []string // what is on it

	identity block.Identity
	numbers  []string // device numbers, of its partitions too
}

func stickOf(s choice.Stick) Stick {
	stick := Stick{
		Path: s.Device.Path, ByID: cmp.Or(s.Device.ByID, s.Device.Path), Name: choice.DescribeStick(s), Mounted: s.Mounted, Holds: s.Holds,
		identity: block.IdentityOf(s.Device),
	}
	for _, b := range s.Device.Below() {
		stick.numbers = append(stick.numbers, b.DevNo)
	}
	return stick
}

// Sticks lists the disks that an image can be written to.
func Sticks(ctx context.Context) ([]Stick, error) {
	inv, err := block.Survey(ctx, sys.Looking(), "/")
	if err != nil {
		return nil, engine.NewError("", err)
	}
	var all []Stick
	for _, s := range choice.Sticks(inv) {
		if s.Refused == "" {
			all = append(all, stickOf(s))
		}
	}
	return all, nil
}

// ChooseStick finds the disk that the operator named, by a path of any kind.
// With reading set it is not to be written to: then any disk will do. The error
// is an *Error.
func ChooseStick(ctx context.Context, want string, reading bool) (Stick, error) {
	inv, err := block.Survey(ctx, sys.Looking(), "/")
	if err != nil {
		return Stick{}, engine.NewError("", err)
	}
	if real, err := block.Resolve("/", want); err == nil {
		want = real
	}
	s, err := choice.ChooseStick(inv, want, reading)
	if err != nil {
		return Stick{}, engine.NewError("", err)
	}
	return stickOf(s), nil
}

// Request is what to write where.
type Request struct {
	Image  Image
	Stick  Stick
	SHA256 string // that the image must have, in hex; empty: what is beside it
	Eject  bool
	// VerifyOnly compares the stick with the image and writes nothing.
	VerifyOnly bool
}

// Plan makes the plan of writing an image to a stick, or of comparing
// them. The error is an *Error.
func Plan(f Request) (*engine.Task, error) {
	if f.Image.Size() > f.Stick.identity.Size {
		return nil, engine.NewError("", sys.Faultf(sys.CodeMachine, "take a larger one", "%s (%s) does not fit on %s",
			f.Image.Path, block.FormatSize(f.Image.Size()), f.Stick.Name))
	}
	if err := f.onStick(); err != nil {
		return nil, err
	}
	want, err := Expect(f.Image.Path, f.SHA256)
	if err != nil {
		return nil, engine.NewError("", err)
	}
	warnings := []string{}
	if want.Missing != "" {
		warnings = append(warnings, want.Missing)
	}
	o := Options{
		Image: f.Image, Want: want, Disk: f.Stick.identity, Eject: f.Eject, VerifyOnly: f.VerifyOnly, Job: &Job{}, Held: &block.Held{},
	}
	name := filepath.Base(f.Image.Path)
	check := engine.NewStep("image", "read the image to its end", engine.Check, engine.Whole(o, CheckActions, Check))
	verify := engine.NewStep("verify", "read the stick back", engine.Prove, engine.Whole(o, VerifyActions, Verify))
	if f.VerifyOnly {
		p := engine.NewTask(fmt.Sprintf("comparing %s with %s", f.Stick.Name, name), check, verify)
		p.Warnings = warnings
		return p, nil
	}
	list := []engine.Step{check}
	if len(f.Stick.Mounted) > 0 {
		list = append(list, engine.NewStep("unmount", "unmount the stick", engine.Check, engine.Whole(Unmount{Points: f.Stick.Mounted}, UnmountActions, RunUnmount)))
	}
	list = append(list,
		engine.NewStep("gate", "verify that this is still the disk that was confirmed, and unused", engine.Check,
			gate.Ops(gate.Options{Disk: f.Stick.identity, Refusal: refusedStick, Hold: o.Held.Take, Read: o.Held.Sample})...),
		engine.NewStep("write", "write the image", engine.Write, engine.Whole(o, WriteActions, Write)),
		verify)
	p := engine.NewTask(fmt.Sprintf("flashing %s to %s", name, f.Stick.Name), list...)
	p.Holds, p.Target = []io.Closer{o.Held}, f.Stick.Path
	p.Warnings = warnings
	if !f.Image.Hybrid {
		p.Warnings = append(p.Warnings, "the image has no partition table: most machines do not start it from a stick")
	}
	return p, nil
}

// refusedStick tells why a disk may not be written to now, or is empty.
func refusedStick(inv *block.Inventory, path string) string {
	for _, s := range choice.Sticks(inv) {
		switch {
		case s.Device.Path != path:
		case s.Refused == "" && len(s.Mounted) > 0:
			return "it is mounted at " + strings.Join(s.Mounted, ", ")
		default:
			return s.Refused
		}
	}
	return "it is not there"
}

// onStick refuses an image that lies on the stick itself.
func (f Request) onStick() error {
	var st unix.Stat_t
	if err := unix.Stat(f.Image.Path, &st); err != nil {
		return engine.NewError("", sys.Faultf(sys.CodeUsage, "name the image again", "%s: %w", f.Image.Path, err))
	}
	number := block.MajorMinor(st.Dev)
	if !f.VerifyOnly && slices.Contains(f.Stick.numbers, number) {
		return engine.NewError("", sys.Faultf(sys.CodeDisk, "copy the image to another disk first", "%s lies on %s itself", f.Image.Path, f.Stick.Path))
	}
	return nil
}

// NeedAccess makes sure that this user may open a disk, before anything is
// asked. The error is an *Error.
func NeedAccess(s Stick, write bool) error {
	mode := uint32(unix.R_OK)
	if write {
		mode |= unix.W_OK
	}
	if unix.Access(s.Path, mode) != nil {
		return engine.NewError("", block.NoPermission(s.Path))
	}
	return nil
}

// NoStick is an error of the choice of a stick.
func NoStick(hint, format string, args ...any) *engine.Error {
	return engine.NewError("", sys.Faultf(sys.CodeDisk, hint, format, args...))
}
