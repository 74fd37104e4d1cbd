package tui

import (
	"context"
	"fmt"
	"strings"

	"auto-installer/internal/engine"
	"auto-installer/steps"
)

func (p *Plain) askBundle(context.Context) error {
	for p.answers.Bundle != nil && p.answers.AgeIdentity == nil {
		pass, err := p.askSecret("Passphrase of the keys of " + p.host().TargetHost + ", not shown; nothing to go on without them")
		if err != nil || len(pass) == 0 {
			return err
		}
		keys, err := p.backend.OpenBundle(p.host().TargetHost, p.answers.Bundle, pass)
		clear(pass)
		if err != nil {
			p.say("They are not open: %s.", engine.NewError("", err).Cause)
			continue
		}
		p.answers.TakeKeys(keys)
		p.say("The keys are open.")
	}
	return nil
}

func (p *Plain) askPassphrase(ctx context.Context) error {
	if p.once() {
		return p.reopen(ctx)
	}
	for p.host().LUKS.Enable {
		first, err := p.askSecret("Passphrase for the disk, not shown")
		if err != nil {
			return err
		}
		if len(first) == 0 {
			p.say("It is empty.")
			continue
		}
		p.say("It is %s.", steps.PassphraseStrength(first).Advice)
		second, err := p.askSecret("Once more")
		if err != nil {
			clear(first)
			return err
		}
		same := string(first) == string(second)
		why := mismatch(first, second)
		clear(second)
		if same {
			good, err := p.tryKeys(ctx, first)
			if good && err == nil {
				p.answers.Passphrase = first
				return nil
			}
			clear(first)
			if err != nil {
				return err
			}
			continue
		}
		clear(first)
		p.say("%s.", why)
	}
	return nil
}

// tryKeys tells whether to go on with a passphrase, as to the keymap of the
// boot prompt.
func (p *Plain) tryKeys(ctx context.Context, passphrase []byte) (good bool, err error) {
	boot := p.host().Keymap
	if p.keymap == boot {
		return true, nil
	}
	got, problem := p.backend.Typing(ctx, passphrase, p.keymap, boot)
	if problem != nil {
		got = steps.Typing{} // the engine warns of it
	}
	switch {
	case got.Missing > 0:
		p.say("It will not do: %s.", missing(got, steps.CleanText(boot)))
		return false, nil
	case got.Moved > 0:
		p.say("Beware: %s.", elsewhere(got, steps.CleanText(boot)))
		again, err := p.line("Load that keymap and type it again, y or n", "y")
		if err != nil || again == "n" {
			return err == nil, err
		}
		if err := p.backend.SetKeymap(ctx, boot); err != nil {
			p.say("It is not loaded: %s.", engine.NewError("", err).Cause)
			return false, nil
		}
		p.keymap = boot
		return false, nil
	}
	return true, nil
}

func (p *Plain) askSecret(question string) ([]byte, error) {
	_, _ = fmt.Fprintf(p.out, "%s: ", question)
	s, err := p.secret()
	p.say("")
	if err != nil {
		return nil, errLeft
	}
	return s, nil
}

func (p *Plain) askRecovery(context.Context) error {
	if !p.host().LUKS.Enable || p.once() {
		return nil
	}
	want, err := p.line("Make a recovery key, y or n", "n")
	if err != nil || want != "y" {
		return err
	}
	key := steps.NewRecoveryKey()
	var groups []string
	for i := 0; i < len(key); i += groupLen {
		groups = append(groups, string(key[i:i+groupLen]))
	}
	p.say("Write it down; it is typed without the blanks: %s", strings.Join(groups, " "))
	for {
		text, err := p.line("Type its last eight letters", "")
		if err != nil {
			clear(key)
			return err
		}
		if strings.EqualFold(text, string(key[len(key)-2*groupLen:])) {
			p.answers.RecoveryKey = key
			return nil
		}
		p.say("Those are not its last eight letters.")
	}
}
