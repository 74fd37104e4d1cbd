package lab

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// TryKeyboard selects another keymap, tries a key on it, selects the first one
// again and continues with it. A keymap applies to virtual consoles only.
func (o *Operator) TryKeyboard(ctx context.Context, first, other, key, gives string) error {
	try := regexp.MustCompile(`(?m)^\W*try\W+(\S*)`)
	tried := func() error {
		ctx, cancel := context.WithTimeout(ctx, Hung)
		defer cancel()
		// The screens load the keymap in the background, so the key is retried.
		for ctx.Err() == nil {
			screen, err := o.Screen(ctx)
			if err != nil {
				return err
			}
			if at := try.FindStringSubmatch(strings.Join(screen, "\n")); at != nil && strings.HasSuffix(at[1], gives) {
				return nil
			}
			if err := o.Press(ctx, "backspace", key); err != nil {
				return err
			}
			time.Sleep(200 * time.Millisecond)
		}
		return fmt.Errorf("the keymap %s did not make %s of %s: %w", other, gives, key, context.Cause(ctx))
	}
	listed := func() error {
		_, err := o.Await(ctx, "the list of keymaps", func(screen []string) bool { _, ok := chosen(screen); return ok })
		return err
	}
	return do(o.at(ctx, "Keyboard"), listed, o.shot(ctx, "keyboard"), o.keymap(ctx, other),
		o.press(ctx, "tab"), tried, o.shot(ctx, "keyboard-"+other), o.press(ctx, "tab"),
		o.keymap(ctx, first), o.press(ctx, "enter"))
}

var find = regexp.MustCompile(`(?m)^\W*find *(\S*)`)

// search replaces the search text of a list with a name. It repeats lost keys: a
// busy machine's keyboard drops some.
func (o *Operator) search(ctx context.Context, name string) error {
	for range 5 {
		if err := o.still(ctx); err != nil {
			return err
		}
		screen, err := o.Screen(ctx)
		if err != nil {
			return err
		}
		at := find.FindStringSubmatch(strings.Join(screen, "\n"))
		switch {
		case at == nil:
			return fmt.Errorf("this screen has no search:\n%s", strings.Join(screen, "\n"))
		case at[1] == name:
			return nil
		}
		for range at[1] {
			if err := o.Press(ctx, "backspace"); err != nil {
				return err
			}
		}
		if err := o.Type(ctx, name); err != nil {
			return err
		}
		typed := &Operator{Terminal: o.Terminal, Patience: 15 * time.Second}
		if _, err := typed.See(ctx, "find "+name); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
	}
	return o.see(ctx, "find "+name)()
}

// keymap searches for a keymap by its name and selects it.
func (o *Operator) keymap(ctx context.Context, name string) func() error {
	return func() error {
		if err := o.search(ctx, name); err != nil {
			return err
		}
		// Only a moving cursor selects a keymap, so it moves at least once. The list is
		// in alphabetical order.
		first, then := "home", "down"
		if name > "m" {
			first, then = "end", "up"
		}
		if err := o.Press(ctx, then, first); err != nil {
			return err
		}
		if err := o.still(ctx); err != nil {
			return err
		}
		if err := o.choose(ctx, regexp.MustCompile(`^`+regexp.QuoteMeta(name)+`(\s|$)`), then); err != nil {
			return err
		}
		return o.see(ctx, "Now: "+name)()
	}
}

// choose moves the cursor to a row by pressing a key. The screen may be older than the
// last key, so choose presses it again if the cursor has not moved for a while.
func (o *Operator) choose(ctx context.Context, row *regexp.Regexp, key string) error {
	ctx, cancel := context.WithTimeout(ctx, Hung)
	defer cancel()
	moves := &Operator{Terminal: o.Terminal, Patience: 2 * time.Second}
	last := ""
	for ctx.Err() == nil {
		screen, err := moves.Await(ctx, "a moving cursor", func(screen []string) bool {
			at, ok := chosen(screen)
			return ok && (at != last || row.MatchString(at))
		})
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
		if err == nil {
			if last, _ = chosen(screen); row.MatchString(last) {
				return nil
			}
		}
		if err := o.Press(ctx, key); err != nil {
			return err
		}
	}
	return fmt.Errorf("the cursor found no row like %s; the last was %q", row, last)
}

// chosen returns the row that the cursor is on, without the cursor. A text field's
// line has a cursor too.
func chosen(screen []string) (string, bool) {
	for _, line := range screen {
		row, ok := strings.CutPrefix(strings.TrimSpace(line), "►")
		row = strings.TrimSpace(row)
		if ok && !strings.HasPrefix(row, "find") && !strings.HasPrefix(row, "try ") && row != "try" {
			return row, true
		}
	}
	return "", false
}
