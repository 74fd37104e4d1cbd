package contract

import (
	"context"

	"auto-installer/internal/console/keymap"
	"auto-installer/internal/sys"
)

// Typed is a secret that the operator types at the boot prompt.
type Typed struct {
	Name string // in words
	Text []byte
}

// readKeymap reads the keymap. One that cannot be read is a note.
func (c *checks) readKeymap(ctx context.Context, s sys.System) error {
	keys, err := keymap.Read(ctx, s, c.Host.Keymap)
	if err == nil {
		c.keys = &keys
	} else if ctx.Err() == nil {
		c.Note("the keymap %s cannot be read, so whether the boot prompt takes the passphrase is unknown: %v", c.Host.Keymap, err)
	}
	return context.Cause(ctx)
}

// typed refuses a secret that the keymap has no keys for.
func (c *checks) typed(t Typed) func(context.Context, sys.System) error {
	return func(_ context.Context, s sys.System) error {
		if c.keys == nil {
			return nil
		}
		how, name := c.keys.Of(t.Text), c.Host.Keymap
		if how.Missing > 0 {
			c.Differs("choose another "+t.Name+", of letters and digits that every keymap has",
				"no key of the keymap %s gives %s of the %s, which you type with it at the boot prompt", name, keymap.Characters(how.Missing), t.Name)
		}
		if how.Accents > 0 {
			c.Note("with the keymap %s, %s of the %s can only be typed by an accent key, which a boot prompt may not know",
				name, keymap.Characters(how.Accents), t.Name)
		}
		if how == (keymap.Typing{}) {
			s.Log("every character of the " + t.Name + " is on a key of the keymap " + name)
		}
		return nil
	}
}
