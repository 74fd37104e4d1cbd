package lab

import (
	"context"
	"fmt"
	"regexp"
	"strings"
)

// What an operator does at each of the installer's screens. The operator knows a
// screen by its name in the header, and relies on few other words.

// At waits for the screen of that name. It fails at once if the install fails.
func (o *Operator) At(ctx context.Context, name string) ([]string, error) {
	on := regexp.MustCompile(`\b` + name + `\b`)
	failed := false
	screen, err := o.Await(ctx, "the screen "+name, func(screen []string) bool {
		failed = name != "Failed" && strings.Contains(screen[0], "Failed")
		return failed || on.MatchString(screen[0])
	})
	if failed {
		return nil, fmt.Errorf("the install failed:\n%s", strings.Join(screen, "\n"))
	}
	return screen, err
}

// do runs the steps up to the first that fails.
func do(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// The following make steps for do.
func (o *Operator) at(ctx context.Context, name string) func() error {
	return func() error { _, err := o.At(ctx, name); return err }
}

func (o *Operator) see(ctx context.Context, texts ...string) func() error {
	return func() error { _, err := o.See(ctx, texts...); return err }
}

func (o *Operator) press(ctx context.Context, keys ...string) func() error {
	return func() error { return o.Press(ctx, keys...) }
}

func (o *Operator) types(ctx context.Context, text string) func() error {
	return func() error { return o.Type(ctx, text) }
}

func (o *Operator) shot(ctx context.Context, name string) func() error {
	return func() error { return o.Shot(ctx, name) }
}

// complains waits for a line that starts with an exclamation mark.
func (o *Operator) complains(ctx context.Context) func() error {
	return func() error {
		_, err := o.Await(ctx, "a complaint", func(screen []string) bool {
			for _, line := range screen {
				if strings.HasPrefix(strings.TrimSpace(line), "! ") {
					return true
				}
			}
			return false
		})
		return err
	}
}

// Welcome waits for the checks, looks at the help, and goes on.
func (o *Operator) Welcome(ctx context.Context) error {
	checked := func() error {
		_, err := o.Await(ctx, "the end of the checks", func(screen []string) bool {
			return Shows(screen, "firmware") && !Shows(screen, "checking")
		})
		return err
	}
	return do(o.at(ctx, "Welcome"), checked, o.shot(ctx, "welcome"),
		o.press(ctx, "?"), o.see(ctx, "Ctrl+L"), o.shot(ctx, "help"), o.press(ctx, "esc"), checked,
		o.press(ctx, "enter"))
}

// Keyboard goes on with the loaded keymap.
func (o *Operator) Keyboard(ctx context.Context) error {
	return do(o.at(ctx, "Keyboard"), o.press(ctx, "enter"))
}

// Keys types a wrong passphrase for the sealed keys, reads the complaint, and
// opens them.
func (o *Operator) Keys(ctx context.Context, wrong, passphrase string) error {
	return do(o.at(ctx, "Keys"), o.shot(ctx, "keys"), o.types(ctx, wrong), o.press(ctx, "enter"),
		o.complains(ctx), o.shot(ctx, "keys-wrong"), o.types(ctx, passphrase), o.press(ctx, "enter"))
}

// ChooseDisk chooses a disk by its serial.
func (o *Operator) ChooseDisk(ctx context.Context, serial string) error {
	choose := func() error { return o.choose(ctx, regexp.MustCompile(`\b`+serial+`\b`), "down") }
	return do(o.at(ctx, "Disk"), choose, o.shot(ctx, "disk"),
		o.press(ctx, "d"), o.see(ctx, "bytes"), o.shot(ctx, "disk-details"),
		o.press(ctx, "d", "enter"))
}

// planned waits for the plan.
func (o *Operator) planned(ctx context.Context) func() error {
	return func() error { return do(o.at(ctx, "Plan"), o.see(ctx, "partition", "after")) }
}

// Plan reads the plan, looks at the command that does the same, and goes on.
func (o *Operator) Plan(ctx context.Context) error {
	return do(o.planned(ctx), o.shot(ctx, "plan"),
		o.press(ctx, "c"), o.see(ctx, "--disk"), o.shot(ctx, "plan-command"), o.press(ctx, "enter"))
}

// Passphrase types the passphrase twice.
func (o *Operator) Passphrase(ctx context.Context, passphrase string) error {
	return do(o.at(ctx, "Passphrase"), o.shot(ctx, "passphrase"),
		o.types(ctx, passphrase), o.press(ctx, "enter"),
		o.types(ctx, passphrase), o.shot(ctx, "passphrase-twice"), o.press(ctx, "enter"))
}

// MistypePassphrase types the passphrase and then another one, reads the
// complaint, and types the second one correctly.
func (o *Operator) MistypePassphrase(ctx context.Context, passphrase, wrong string) error {
	return do(o.at(ctx, "Passphrase"), o.shot(ctx, "passphrase"),
		o.types(ctx, passphrase), o.press(ctx, "enter"), o.types(ctx, wrong), o.press(ctx, "enter"),
		o.complains(ctx), o.shot(ctx, "passphrase-mismatch"),
		o.types(ctx, passphrase), o.shot(ctx, "passphrase-twice"), o.press(ctx, "enter"))
}

// NoRecoveryKey goes on without a recovery key.
func (o *Operator) NoRecoveryKey(ctx context.Context) error {
	return do(o.at(ctx, "Recovery"), o.press(ctx, "enter"))
}

var recoveryGroups = regexp.MustCompile(`\b(?:[cbdefghijklnrtuv]{4} ){3,7}[cbdefghijklnrtuv]{4}\b`)

// RecoveryKey makes a recovery key, reads it from the screen, and types a wrong end
// and then the right one.
func (o *Operator) RecoveryKey(ctx context.Context) (key string, err error) {
	err = do(o.at(ctx, "Recovery"), o.shot(ctx, "recovery"), o.press(ctx, "m"), func() error {
		_, err := o.Await(ctx, "a recovery key", func(screen []string) bool {
			key = strings.ReplaceAll(strings.Join(recoveryGroups.FindAllString(strings.Join(screen, "\n"), -1), ""), " ", "")
			return len(key) == 32
		})
		return err
	}, o.shot(ctx, "recovery-key"), o.press(ctx, "enter"), o.see(ctx, "eight"),
		o.types(ctx, "bbbbbbbb"), o.press(ctx, "enter"), o.complains(ctx), o.shot(ctx, "recovery-wrong"),
		func() error { return o.Type(ctx, key[len(key)-8:]) }, o.shot(ctx, "recovery-confirm"), o.press(ctx, "enter"))
	return key, err
}

// Confirm types a wrong word, sees it refused, and types yes.
func (o *Operator) Confirm(ctx context.Context, wrong string) error {
	return do(o.at(ctx, "Confirm"), o.see(ctx, "yes"), o.shot(ctx, "confirm"),
		o.types(ctx, wrong), o.press(ctx, "enter"), o.see(ctx, "type the word yes"), o.shot(ctx, "confirm-wrong"),
		o.types(ctx, "yes"), o.shot(ctx, "confirm-yes"), o.press(ctx, "enter"), o.at(ctx, "Install"))
}

// Yes types yes.
func (o *Operator) Yes(ctx context.Context) error {
	return do(o.at(ctx, "Confirm"), o.types(ctx, "yes"), o.press(ctx, "enter"), o.at(ctx, "Install"))
}

// Watch follows the install to its end. On the way it opens the full log and the
// Ctrl+C question; at the end it stops the countdown.
func (o *Operator) Watch(ctx context.Context) error {
	return do(o.shot(ctx, "install"), o.done(ctx, "mount"), o.shot(ctx, "install-half"),
		o.press(ctx, "z"), o.shot(ctx, "install-log"), o.press(ctx, "z"),
		o.press(ctx, "ctrl+c"), o.see(ctx, "Esc"), o.shot(ctx, "install-quit"), o.press(ctx, "esc"),
		o.at(ctx, "Done"), o.press(ctx, "space"), o.shot(ctx, "done"))
}

// done waits until a step is ticked off.
func (o *Operator) done(ctx context.Context, step string) func() error {
	tick := regexp.MustCompile(`√\s+` + step + `\b`)
	return func() error {
		screen, err := o.Await(ctx, "the end of the step "+step, func(screen []string) bool {
			return tick.MatchString(strings.Join(screen, "\n")) || strings.Contains(screen[0], "Failed")
		})
		if err == nil && strings.Contains(screen[0], "Failed") {
			err = fmt.Errorf("the install failed:\n%s", strings.Join(screen, "\n"))
		}
		return err
	}
}
