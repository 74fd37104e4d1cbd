package tui

import (
	"context"

	"auto-installer/internal/engine"
	"auto-installer/steps"
)

// askUnfinished asks whether to continue the unfinished install on the disk.
func (p *Plain) askUnfinished(context.Context) error {
	if p.begun = p.backend.Unfinished(p.answers); p.begun == nil {
		return nil
	}
	p.say("There is %s.", p.begun)
	if !p.begun.Proven() {
		p.say("It cannot be continued: %s. The install starts over.", steps.Unproven)
		p.resume(false)
		return nil
	}
	for {
		text, err := p.line("Continue it, c, or start over, s", "c")
		if err != nil {
			return err
		}
		if text == "c" || text == "s" {
			p.resume(text == "c")
			return nil
		}
	}
}

// reopen asks for the passphrase of the container that is there.
func (p *Plain) reopen(ctx context.Context) error {
	for {
		text, err := p.askSecret("Passphrase of the unfinished install on the disk, not shown")
		if err != nil {
			return err
		}
		p.answers.Passphrase = text
		if err = p.backend.TryPassphrase(ctx, p.answers); err == nil {
			return nil
		}
		clear(text)
		p.answers.Passphrase = nil
		p.say("It does not open the disk: %s.", engine.NewError("", err).Cause)
	}
}
