package relabel

import (
	"context"
	"slices"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/disk/gpt"
	"auto-installer/internal/sys"
)

// swap finds the swap partition: the one in use, or the only one of the root's
// disk.
func (f *finder) swap(ctx context.Context) error {
	plain := f.partitions(func(p block.Device) bool { return p.Swap })
	random := f.partitions(f.isRandomSwap)
	switch {
	case f.o.Swap == "":
		for _, d := range slices.Concat(plain, random) {
			f.l.Warnings = append(f.l.Warnings, "the swap on "+d.Path+" stays as it is: the host's definition has none")
		}
		return nil
	case f.o.LUKS == "" && len(random) > 0:
		return misfit("use it without randomEncryption, or label it by hand",
			"the swap on %s is encrypted, and the host's is not", random[0].Path)
	case f.o.LUKS != "" && len(plain) > 0:
		return misfit("use it with randomEncryption, as the README says, and run the command again",
			"the swap on %s is not encrypted, and the host's is encrypted at each boot", plain[0].Path)
	}
	found := slices.Concat(plain, random)
	if len(found) == 0 {
		found = f.partitions(func(p block.Device) bool {
			return p.PartType == gpt.TypeSwap && (f.o.LUKS != "" || p.FSType == "swap")
		})
	}
	if len(found) != 1 {
		return misfit("switch on the host's swap and no other of that disk; or set swap.enable = false in its definition",
			"%s", several("the swap partition", found))
	}
	if err := f.partition("swap", found[0], f.o.Swap); err != nil {
		return err
	}
	if f.o.LUKS != "" {
		return nil // each boot encrypts it with a new key, so it has no label
	}
	if err := f.add(ctx, "swap", Swap, found[0], f.o.Swap); err != nil {
		return err
	}
	if len(plain) == 1 && f.l.Labels[len(f.l.Labels)-1].Differs() {
		return f.inUse(found[0])
	}
	return nil
}

// inUse notes how the swap is used. relabel switches it off, so it refuses one whose
// content does not fit in memory.
func (f *finder) inUse(d block.Device) error {
	swaps, err := sys.Swaps(f.o.FS)
	if err != nil {
		return err
	}
	free, err := sys.MemAvailable(f.o.FS)
	if err != nil {
		return err
	}
	for _, s := range swaps {
		if path, err := block.Resolve(f.o.FS, s.Path); err != nil || !d.Is(path) {
			continue
		}
		if s.Used > free/4*3 {
			return sys.Faultf(sys.CodeGate, "end programs that need much memory, and run the command again",
				"the swap must be switched off for its label, and the %s in it would not fit in the %s of free memory",
				block.FormatSize(s.Used), block.FormatSize(free))
		}
		f.l.Swap = &s
	}
	return nil
}

// isRandomSwap reports whether a partition holds a swap that each boot encrypts with
// a new key.
func (f *finder) isRandomSwap(p block.Device) bool {
	return slices.ContainsFunc(p.Children, func(c block.Device) bool {
		return c.Type == "crypt" && c.Swap && p.FSType != "crypto_LUKS"
	})
}
