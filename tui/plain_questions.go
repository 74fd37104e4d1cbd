package tui

import (
	"bytes"
	"context"
	"strings"

	"auto-installer/internal/engine"
	"auto-installer/internal/passphrases"
	"auto-installer/steps"
)

// The questions of plain mode, in the order of the screens. The words of a refusal
// or a warning are the screens' own.

func (p *Plain) askHost(context.Context) error {
	at := 0
	switch len(p.hosts) {
	case 0:
		return engine.Usage("name one with --host", "this medium defines no host")
	case 1:
	default:
		p.say("Hosts:")
		for i, h := range p.hosts {
			p.say("%d. %s", i+1, h.TargetHost)
		}
		var err error
		if at, err = p.pick("Which host", len(p.hosts)); err != nil {
			return err
		}
	}
	p.setHost(p.hosts[at])
	p.say("Host: %s.", p.host().TargetHost)
	return nil
}

func (p *Plain) showChecks(ctx context.Context) error {
	for _, name := range checkNames {
		got := p.backend.Check(ctx, name, p.host())
		state := map[steps.CheckState]string{steps.CheckGood: "good", steps.CheckWarn: "warning"}[got.State]
		p.say("Check of %s: %s, %s.", name, or(state, "bad"), got.Saw)
	}
	return nil
}

func (p *Plain) askKeymap(ctx context.Context) error {
	for {
		name, err := p.line("Keymap of the console", or(p.keymap, p.host().Keymap))
		if err != nil || p.setKeymap(ctx, name) {
			return err
		}
		if again, err := p.yes("Try another", "n"); err != nil || !again {
			return err
		}
	}
}

func (p *Plain) askBundle(context.Context) error {
	for p.answers.Bundle != nil && p.answers.AgeIdentity == nil {
		pass, err := p.askSecret("Passphrase of the sealed keys of " + p.host().TargetHost + ", not shown; leave it empty to go on without them")
		if err != nil || len(pass) == 0 {
			return err
		}
		keys, err := p.backend.OpenBundle(p.host().TargetHost, p.answers.Bundle, pass)
		clear(pass)
		if err != nil {
			p.say("The keys are not open: %s.", engine.NewError("", err).Cause)
			continue
		}
		p.answers.TakeKeys(keys)
		p.say("The keys are open.")
	}
	return nil
}

func (p *Plain) askDisk(ctx context.Context) error {
	all, err := p.backend.Disks(ctx)
	if err != nil {
		return err
	}
	var free []steps.Verdict
	for _, v := range all {
		about := strings.Join([]string{v.Device.Path, steps.CleanText(v.Device.Model), steps.Size(v.Device.Size), summary(v)}, ", ")
		if v.Refused != "" {
			p.say("Not offered: %s.", about)
			continue
		}
		free = append(free, v)
		p.say("%d. %s. Serial %s. %s", len(free), about, or(steps.CleanText(v.Device.Serial), "none"), strings.Join(v.Holds, ", "))
	}
	if len(free) == 0 {
		return engine.Usage("plug one in", "this machine has no disk to install to")
	}
	i, err := p.pick("Which disk", len(free))
	if err != nil {
		return err
	}
	p.disks, p.answers.Disk = all, steps.DiskOf(free[i])
	return nil
}

// askUnfinished asks whether to resume the unfinished install on the disk.
func (p *Plain) askUnfinished(context.Context) error {
	if p.interrupted = p.backend.Unfinished(p.answers); p.interrupted == nil {
		return nil
	}
	p.say("The disk holds %s.", p.interrupted)
	if !p.interrupted.Proven() {
		p.say("It cannot be resumed: %s. The install starts over.", steps.Unproven)
		p.resume(false)
		return nil
	}
	for {
		text, err := p.line("Resume it, r, or start over, s", "r")
		if err != nil {
			return err
		}
		if text == "r" || text == "s" {
			p.resume(text == "r")
			return nil
		}
	}
}

func (p *Plain) showPlan(context.Context) error {
	plan, err := p.backend.Plan(p.answers)
	if err != nil {
		return err
	}
	p.plan = plan
	for _, w := range plan.Warnings {
		p.say("Warning: %s.", w)
	}
	for _, n := range plan.Notes {
		p.say("Note: %s.", n)
	}
	for _, part := range plan.Partitions {
		p.say("Partition %d: %s, %s.", part.Number, part.Name, steps.Size(part.Size))
	}
	p.say("The same without questions: %s", p.backend.CommandLine(p.answers))
	return nil
}

func (p *Plain) askPassphrase(ctx context.Context) error {
	if !p.host().LUKS.Enable {
		return nil
	}
	once := p.askNewPassphrase
	if p.reopens() {
		once = p.askOldPassphrase
	}
	for p.answers.Passphrase == nil {
		if err := once(ctx); err != nil {
			return err
		}
	}
	return nil
}

// askOldPassphrase asks for the passphrase of the existing container, and takes it
// if it opens that.
func (p *Plain) askOldPassphrase(ctx context.Context) error {
	text, err := p.askSecret("Passphrase of the unfinished install on the disk, not shown")
	if err != nil {
		return err
	}
	a := p.answers
	a.Passphrase = text
	if err := p.backend.TryPassphrase(ctx, a); err != nil {
		clear(text)
		p.say("It does not open the disk: %s.", engine.NewError("", err).Cause)
		return nil
	}
	p.answers.Passphrase = text
	return nil
}

// askNewPassphrase asks for a passphrase twice, and takes it if nothing speaks
// against it.
func (p *Plain) askNewPassphrase(ctx context.Context) (err error) {
	first, err := p.askSecret("Passphrase for the disk, not shown")
	if err != nil {
		return err
	}
	taken := false
	defer func() {
		if !taken {
			clear(first)
		}
	}()
	if len(first) == 0 {
		p.say("The passphrase is empty.")
		return nil
	}
	p.say("It is %s.", passphrases.StrengthOf(first).Advice)
	second, err := p.askSecret("Once more")
	if err != nil {
		return err
	}
	defer clear(second)
	if !bytes.Equal(first, second) {
		p.say("%s; type both again.", mismatch(first, second))
		return nil
	}
	if taken, err = p.compareKeymaps(ctx, first); taken {
		p.answers.Passphrase = first
	}
	return err
}

// compareKeymaps reports whether to take a passphrase that is typed with this keymap
// now, and with the boot prompt's at every start.
func (p *Plain) compareKeymaps(ctx context.Context, passphrase []byte) (take bool, err error) {
	boot := p.host().Keymap
	if p.keymap == boot {
		return true, nil
	}
	got, unknown := p.backend.Typing(ctx, passphrase, p.keymap, boot)
	if unknown != nil {
		got = steps.Typing{} // the engine warns of it
	}
	switch {
	case got.Missing > 0:
		p.say("Choose another passphrase: %s.", missingKeys(got, steps.CleanText(boot)))
		return false, nil
	case got.Moved > 0:
		p.say("Warning: %s.", movedKeys(got, steps.CleanText(boot)))
		again, err := p.yes("Load that keymap and type the passphrase again", "y")
		if err != nil || !again {
			return err == nil, err
		}
		p.setKeymap(ctx, boot)
		return false, nil
	}
	return true, nil
}

func (p *Plain) askRecovery(context.Context) error {
	if !p.host().LUKS.Enable || p.reopens() {
		return nil
	}
	if want, err := p.yes("Make a recovery key", "n"); err != nil || !want {
		return err
	}
	key := passphrases.NewRecoveryKey()
	p.say("Write it down; type it without the blanks: %s", keyGroups(key))
	for {
		text, err := p.line("Type its last eight letters", "")
		if err != nil {
			clear(key)
			return err
		}
		if strings.EqualFold(text, string(keyEnd(key))) {
			p.answers.RecoveryKey = key
			return nil
		}
		p.say("These are not its last eight letters.")
	}
}

func (p *Plain) askConfirm(context.Context) error {
	v, _ := p.verdict(p.answers.Disk.Path)
	d := v.Device
	title, _ := p.effect(v)
	holds := or(strings.Join(v.Holds, ", "), unknownContents)
	if v.Blank {
		holds = "nothing"
	}
	p.say("%s: %s, %s, serial %s, %s. On it: %s.", title, d.Path, or(steps.CleanText(d.Model), "no model"),
		or(steps.CleanText(d.Serial), "none"), steps.Size(d.Size), steps.CleanText(holds))
	p.say("%s", p.consequence(v))
	for {
		text, err := p.line(p.question(), "")
		if err != nil {
			return err
		}
		if text == word {
			return nil
		}
		p.say("Nothing was done. Type the word yes, or q to leave.")
	}
}
