package flash

import (
	"cmp"
	"context"
	"strings"

	"golang.org/x/sys/unix"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/disk/choice"
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

	device block.Device
}

func stickOf(s choice.Stick) Stick {
	return Stick{
		Path: s.Device.Path, ByID: cmp.Or(s.Device.ByID, s.Device.Path), Name: choice.DescribeStick(s), Mounted: s.Mounted, Holds: s.Holds,
		device: s.Device,
	}
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

// ChooseStick finds the disk that the operator named, by a path of any kind. With
// reading set it is only read, so any disk will do. The error is an *Error.
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

// refusedStick says why a disk may not be written to now, or is empty.
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

// NeedAccess checks that this user may open a disk, before the program asks
// anything. The error is an *Error.
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
