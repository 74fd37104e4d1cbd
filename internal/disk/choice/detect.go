package choice

import (
	"context"
	"os"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/sys"
)

// Options say where to look and what the user named.
type Options struct {
	Root string // where /proc, /sys and /dev are; empty is "/"
	// Want is --disk or INSTALL_DISK as it was given: a device, a link to one,
	// or an image file. Empty leaves the choice to Choose.
	Want string
}

// Found is what was found and, if nothing spoke against it, chosen.
type Found struct {
	Inventory *block.Inventory
	Verdicts  []Verdict
	Chosen    Verdict
}

// Run lists the disks and chooses one. If none can be chosen, the error is a
// *sys.Fault with sys.CodeDisk, and what was found is returned all the same.
// An image file is taken only if it was named, and has the type "file".
func Run(ctx context.Context, s sys.System, o Options) (Found, error) {
	if o.Root == "" {
		o.Root = "/"
	}
	inv, err := block.Survey(ctx, s, o.Root)
	if err != nil {
		return Found{}, err
	}
	f := Found{Inventory: inv, Verdicts: Rank(inv)}
	want := o.Want
	if want != "" {
		if real, err := block.Resolve(o.Root, want); err == nil {
			want = real
		}
		if info, err := os.Stat(o.Want); err == nil && info.Mode().IsRegular() {
			f.Chosen, err = image(o.Want)
			return f, err
		}
	}
	f.Chosen, err = Choose(f.Verdicts, want)
	return f, err
}

// image is the verdict on an image file that the user named.
func image(path string) (Verdict, error) {
	d, err := block.Image(path)
	if err != nil {
		return Verdict{}, fault("name a block device or an image file that can be read", "%w", err)
	}
	inv := &block.Inventory{Devices: []block.Device{d}}
	v := Rank(inv)[0]
	if v.Refused != "" {
		return Verdict{}, fault("make it as large as a disk first: truncate --size 8G FILE", "%s cannot be taken: %s", path, v.Refused)
	}
	v.Reasons = append([]string{"an image file, as named"}, v.Reasons...)
	return v, nil
}
