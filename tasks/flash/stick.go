package flash

import (
	"context"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/disk/choice"
	"auto-installer/internal/sys"
)

// Stick is a disk that an image can be written to.
type Stick = choice.Stick

// Sticks lists the disks that an image can be written to.
func Sticks(ctx context.Context) ([]Stick, error) {
	inv, err := block.Survey(ctx, sys.Looking(), "/")
	if err != nil {
		return nil, err
	}
	all := choice.Sticks(inv)
	return slices.DeleteFunc(all, func(s Stick) bool { return s.Refused != "" }), nil
}

// ChooseStick finds the disk that the operator named, by a path of any kind. With
// reading set it is only read, so any disk will do.
func ChooseStick(ctx context.Context, want string, reading bool) (Stick, error) {
	inv, err := block.Survey(ctx, sys.Looking(), "/")
	if err != nil {
		return Stick{}, err
	}
	if real, err := block.Resolve("/", want); err == nil {
		want = real
	}
	return choice.ChooseStick(inv, want, reading)
}

// refusedStick says why a disk may not be written to now, or is empty.
func refusedStick(inv *block.Inventory, path string) string {
	for _, s := range choice.Sticks(inv) {
		switch {
		case s.Path != path:
		case s.Refused == "" && len(s.Mounted) > 0:
			return "it is mounted at " + strings.Join(s.Mounted, ", ")
		default:
			return s.Refused
		}
	}
	return "it is not there"
}

// NeedAccess checks that this user may open a disk, before the program asks anything.
func NeedAccess(s Stick, write bool) error {
	mode := uint32(unix.R_OK)
	if write {
		mode |= unix.W_OK
	}
	if unix.Access(s.Path, mode) != nil {
		return block.NoPermission(s.Path)
	}
	return nil
}
