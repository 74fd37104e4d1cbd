package tui

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/passphrases"
	"auto-installer/internal/sys"
	"auto-installer/steps"
	"auto-installer/tui/machine"
)

// The questions of plain mode, in the order of the screens. The words of a refusal
// or a warning are the screens' own.

func (p *plain) askHost(context.Context) {
	if len(p.hosts) == 0 {
		p.err = sys.Usage("name one with --host", "this medium defines no host")
		return
	}
	at := 0
	if len(p.hosts) > 1 {
		var names []string
		for _, h := range p.hosts {
			names = append(names, h.TargetHost)
		}
		at = p.pick("Which host", names...)
	}
	p.setHost(p.hosts[at])
	p.say("Host: %s.", p.host().TargetHost)
}

func (p *plain) showChecks(ctx context.Context) {
	for _, name := range checkNames {
		got := p.backend.Check(ctx, name, p.host())
		state := map[machine.CheckState]string{machine.CheckGood: "good", machine.CheckWarn: "warning"}[got.State]
		p.say("Check of %s: %s, %s.", name, or(state, "bad"), got.Saw)
	}
}

func (p *plain) askKeymap(ctx context.Context) {
	for again := true; again; {
		name := p.line("Keymap of the console", or(p.keymap, p.host().Keymap))
		again = p.err == nil && !p.setKeymap(ctx, name) && p.yes("Try another", "n")
	}
}

func (p *plain) askBundle(context.Context) {
	host := p.host().TargetHost
	for p.answers.Bundle != nil && p.answers.AgeIdentity == nil {
		pass := p.askSecret("Passphrase of the sealed keys of " + host + ", not shown; leave it empty to go on without them")
		if len(pass) == 0 {
			return
		}
		keys, err := p.backend.OpenBundle(host, p.answers.Bundle, pass)
		clear(pass)
		if err != nil {
			p.say("The keys are not open: %s.", sys.AsFault(err).Cause)
			continue
		}
		p.answers.TakeKeys(keys)
		p.say("The keys are open.")
	}
}

func (p *plain) askDisk(ctx context.Context) {
	if p.disks, p.err = p.backend.Disks(ctx); p.err != nil {
		return
	}
	var free []steps.Verdict
	var offers []string
	for _, v := range p.disks {
		about := strings.Join([]string{v.Device.Path, clean(v.Device.Model), block.FormatSize(v.Device.Size), summary(v)}, ", ")
		if v.Refused != "" {
			p.say("Not offered: %s.", about)
			continue
		}
		free = append(free, v)
		serial := or(clean(v.Device.Serial), "none")
		offers = append(offers, fmt.Sprintf("%s. Serial %s. %s", about, serial, strings.Join(v.Holds, ", ")))
	}
	if len(free) == 0 {
		p.err = sys.Usage("plug one in", "this machine has no disk to install to")
		return
	}
	p.answers.Disk = steps.DiskOf(free[p.pick("Which disk", offers...)])
}

// askUnfinished asks whether to resume the unfinished install on the disk.
func (p *plain) askUnfinished(context.Context) {
	if p.interrupted = p.backend.Unfinished(p.answers); p.interrupted == nil {
		return
	}
	p.say("The disk holds %s.", p.interrupted)
	offers, at := p.offers(), 0
	if p.interrupted.Proven() {
		var all []string
		for _, o := range offers {
			all = append(all, o.label+": "+o.about)
		}
		at = p.pick("Which", all...)
	} else {
		p.say("It cannot be resumed: %s. The install starts over.", steps.Unproven)
	}
	offers[at].do()
}

func (p *plain) showPlan(context.Context) {
	if p.plan, p.err = p.backend.Plan(p.answers); p.err != nil {
		return
	}
	for _, w := range p.plan.Warnings {
		p.say("Warning: %s.", w)
	}
	for _, n := range p.plan.Notes {
		p.say("Note: %s.", n)
	}
	for _, part := range p.plan.Partitions {
		p.say("Partition %d: %s, %s.", part.Number, part.Name, block.FormatSize(part.Size))
	}
	p.say("The same without questions: %s", p.answers.CommandLine())
}

func (p *plain) askPassphrase(ctx context.Context) {
	for p.err == nil && p.host().LUKS.Enable && p.answers.Passphrase == nil {
		if p.reopens() {
			p.askOldPassphrase(ctx)
		} else {
			p.askNewPassphrase(ctx)
		}
	}
}

// askOldPassphrase asks for the passphrase of the existing container, and takes it
// if it opens that.
func (p *plain) askOldPassphrase(ctx context.Context) {
	a := p.answers
	a.Passphrase = p.askSecret("Passphrase of the unfinished install on the disk, not shown")
	if p.err != nil {
		return
	}
	if err := p.backend.TryPassphrase(ctx, a); err != nil {
		clear(a.Passphrase)
		p.say("It does not open the disk: %s.", sys.AsFault(err).Cause)
		return
	}
	p.answers.Passphrase = a.Passphrase
}

// askNewPassphrase asks for a passphrase twice, and takes it if nothing speaks
// against it.
func (p *plain) askNewPassphrase(ctx context.Context) {
	first := p.askSecret("Passphrase for the disk, not shown")
	defer clear(first)
	if len(first) == 0 {
		p.say("The passphrase is empty.")
		return
	}
	p.say("It is %s.", passphrases.StrengthOf(first).Advice)
	second := p.askSecret("Once more")
	defer clear(second)
	switch {
	case !bytes.Equal(first, second):
		p.say("%s; type both again.", mismatch(first, second))
	case p.suitsBoot(ctx, first):
		p.answers.Passphrase = bytes.Clone(first)
	}
}

// suitsBoot reports whether to take a passphrase that is typed with this keymap now,
// and with the boot prompt's at every start.
func (p *plain) suitsBoot(ctx context.Context, passphrase []byte) bool {
	boot := p.host().Keymap
	if p.keymap == boot {
		return true
	}
	got, err := p.backend.Typing(ctx, passphrase, p.keymap, boot)
	switch missing, moved := atBoot(got, err, boot); {
	case missing != "":
		p.say("Choose another passphrase: %s.", missing)
		return false
	case moved != "":
		p.say("Warning: %s.", moved)
		if p.yes("Load that keymap and type the passphrase again", "y") {
			p.setKeymap(ctx, boot)
			return false
		}
	}
	return true
}

func (p *plain) askRecovery(context.Context) {
	if !p.host().LUKS.Enable || p.reopens() || !p.yes("Make a recovery key", "n") {
		return
	}
	key := passphrases.NewRecoveryKey()
	p.say("Write it down; type it without the blanks: %s", keyGroups(key))
	for p.err == nil {
		if strings.EqualFold(p.line("Type its last eight letters", ""), string(keyEnd(key))) {
			p.answers.RecoveryKey = key
			return
		}
		p.say("These are not its last eight letters.")
	}
	clear(key)
}

func (p *plain) askConfirm(context.Context) {
	v, _ := p.verdict(p.answers.Disk.Path)
	d := v.Device
	title, _ := p.effect(v)
	holds := or(strings.Join(v.Holds, ", "), unknownContents)
	if v.Blank {
		holds = "nothing"
	}
	p.say("%s: %s, %s, serial %s, %s. On it: %s.", title, d.Path, or(clean(d.Model), "no model"),
		or(clean(d.Serial), "none"), block.FormatSize(d.Size), clean(holds))
	p.say("%s", p.consequence(v))
	for p.line(p.question(), "") != word && p.err == nil {
		p.say("Nothing was done. Type the word yes, or q to leave.")
	}
}
