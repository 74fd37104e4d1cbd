package tui

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"auto-installer/internal/engine"
	"auto-installer/steps"
)

// Plain asks the same questions as the screens, one line at a time, for screen
// readers and terminals that cannot be drawn on. Nothing is ever redrawn.
type Plain struct {
	*session
	in  *bufio.Reader
	out io.Writer
	// secret reads a line without showing it.
	secret func() ([]byte, error)
}

// errLeft is the operator's wish to leave.
var errLeft = &engine.Error{
	Cause: "left by the operator; nothing was written to any disk", Hint: "start it again when you are ready", Code: 130,
}

// RunPlain asks on the terminal until the install has ended.
func RunPlain(ctx context.Context, b Backend, o Options) error {
	p := &Plain{
		session: &session{backend: b, opts: o, hosts: o.Hosts}, in: bufio.NewReader(os.Stdin), out: engine.Shown{W: os.Stdout},
		secret: func() ([]byte, error) { return ReadHidden(os.Stdin) },
	}
	defer p.answers.Wipe()
	return p.ask(ctx)
}

// ask goes through the questions, in the order of the screens.
func (p *Plain) ask(ctx context.Context) error {
	p.say("%s. Answer each question and press Enter; q leaves.", p.about(", "))
	switch {
	case p.backend.Running():
		p.say("There is an install on this machine already; this is what it tells.")
		return p.follow(ctx)
	case p.backend.Attached():
		if again, err := p.earlier(ctx); !again {
			return err
		}
	}
	for _, question := range []func(context.Context) error{
		p.askHost, p.tellChecks, p.askKeymap, p.askBundle, p.askDisk, p.askUnfinished, p.tellPlan, p.askPassphrase, p.askRecovery, p.askConfirm,
	} {
		if err := question(ctx); err != nil {
			return err
		}
	}
	if err := p.backend.Start(p.answers, false); err != nil {
		return err
	}
	return p.follow(ctx)
}

func (p *Plain) say(format string, args ...any) {
	_, _ = fmt.Fprintf(p.out, format+"\n", args...) // a terminal that is gone ends the next question
}

// line asks for a line. An empty answer is the default.
func (p *Plain) line(question, otherwise string) (string, error) {
	if otherwise != "" {
		question += " [" + otherwise + "]"
	}
	_, _ = fmt.Fprintf(p.out, "%s: ", question)
	text, err := p.in.ReadString('\n')
	if err != nil {
		return "", errLeft
	}
	switch text = strings.TrimSpace(text); text {
	case "q":
		return "", errLeft
	case "":
		return otherwise, nil
	}
	return text, nil
}

// pick asks for a number from 1 to n.
func (p *Plain) pick(question string, n, otherwise int) (int, error) {
	for {
		def := ""
		if otherwise > 0 {
			def = itoa(otherwise)
		}
		text, err := p.line(question, def)
		if err != nil {
			return 0, err
		}
		for i := 1; i <= n; i++ {
			if text == itoa(i) {
				return i - 1, nil
			}
		}
		p.say("Type a number from 1 to %d.", n)
	}
}

func (p *Plain) askHost(context.Context) error {
	switch len(p.hosts) {
	case 0:
		return engine.Usage("name one with --host", "no host is defined on this medium")
	case 1:
		p.setHost(p.hosts[0])
	default:
		p.say("Hosts:")
		for i, h := range p.hosts {
			p.say("%d. %s", i+1, h.TargetHost)
		}
		i, err := p.pick("Which host", len(p.hosts), 0)
		if err != nil {
			return err
		}
		p.setHost(p.hosts[i])
	}
	p.say("Host: %s.", p.host().TargetHost)
	return nil
}

func (p *Plain) tellChecks(ctx context.Context) error {
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
		if err != nil {
			return err
		}
		if err := p.backend.SetKeymap(ctx, name); err != nil {
			p.say("It is not loaded: %s.", engine.NewError("", err).Cause)
			if again, err := p.line("Try another, y or n", "n"); err != nil || again != "y" {
				return err
			}
			continue
		}
		p.keymap = name
		return nil
	}
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
		return engine.Usage("plug one in", "there is no disk to install to")
	}
	i, err := p.pick("Which disk", len(free), 0)
	if err != nil {
		return err
	}
	p.disks, p.answers.Disk = all, steps.DiskOf(free[i])
	return nil
}

func (p *Plain) tellPlan(context.Context) error {
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

func (p *Plain) askConfirm(context.Context) error {
	v, _ := p.verdict(p.answers.Disk.Path)
	d := v.Device
	say, question := "Everything on %s will be destroyed", "Type yes to install "+p.host().TargetHost+" on it"
	switch {
	case p.answers.Resume:
		say, question = "The install on %s will be continued", "Type yes to continue installing "+p.host().TargetHost
	case v.Blank:
		say = "The blank disk %s will be written"
	}
	holds := or(strings.Join(v.Holds, ", "), "nothing that is known")
	if v.Blank {
		holds = "nothing"
	}
	p.say(say+": %s, serial %s, %s. On it: %s.", d.Path, or(steps.CleanText(d.Model), "no model"),
		or(steps.CleanText(d.Serial), "none"), steps.Size(d.Size), steps.CleanText(holds))
	p.say("%s", p.means(v))
	for {
		text, err := p.line(question, "")
		if err != nil {
			return err
		}
		if text == word {
			return nil
		}
		p.say("Nothing was done. Type the word yes, or q to leave.")
	}
}
