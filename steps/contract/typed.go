package contract

import (
	"context"

	"auto-installer/hosts/facts"
	"auto-installer/internal/console/keymap"
	"auto-installer/internal/sys"
)

// Typed is a secret that the operator types at the boot prompt.
type Typed struct {
	Name string // in words
	Text []byte
}

// checkTyped refuses a secret that the keymap has no keys for. A keymap that
// cannot be read is a note.
func checkTyped(ctx context.Context, s sys.System, c *facts.Comparison, name string, ts []Typed) error {
	if len(ts) == 0 {
		return nil
	}
	table, err := keymap.Read(ctx, s, name)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		c.Note("the keymap %s cannot be read, so whether the boot prompt takes the passphrase is unknown: %v", name, err)
		return nil
	}
	for _, t := range ts {
		ty := table.Of(t.Text)
		if ty.Missing > 0 {
			c.Differs("choose another "+t.Name+", of letters and digits that every keymap has",
				"no key of the keymap %s gives %s of the %s, which you type with it at the boot prompt", name, keymap.Characters(ty.Missing), t.Name)
		}
		if ty.Accents > 0 {
			c.Note("with the keymap %s, %s of the %s can only be typed by an accent key, which a boot prompt may not know",
				name, keymap.Characters(ty.Accents), t.Name)
		}
		if ty == (keymap.Typing{}) {
			s.Log("every character of the " + t.Name + " is on a key of the keymap " + name)
		}
	}
	return nil
}
