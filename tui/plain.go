package tui

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
)

// plain asks the same questions as the screens, one line at a time, for screen
// readers and terminals without cursor control. It never redraws anything.
type plain struct {
	*session
	in     *bufio.Reader
	out    io.Writer
	secret func() ([]byte, error) // reads a line without echo
	err    error                  // ends the program; from then on, questions have no answer and nothing is said
}

// errLeft ends the program because the operator left.
var errLeft = &sys.Fault{
	Cause: "the operator left; nothing was written to any disk", Hint: "run the installer again when you are ready", Code: 130,
}

// RunPlain asks on the terminal, and returns when the install has ended.
func RunPlain(ctx context.Context, b Backend, o Options) error {
	p := &plain{
		session: &session{backend: b, opts: o, hosts: o.Hosts}, in: bufio.NewReader(os.Stdin), out: engine.Shown{W: os.Stdout},
		secret: func() ([]byte, error) { return ReadHidden(os.Stdin) },
	}
	defer p.answers.Wipe()
	return p.ask(ctx)
}

// ask goes through the questions, in the order of the screens.
func (p *plain) ask(ctx context.Context) error {
	p.say("%s. Answer each question and press Enter; q leaves.", p.version(", "))
	switch {
	case p.backend.Running():
		p.say("An install runs on this machine. These are its events.")
		return p.follow(ctx)
	case p.backend.Attached():
		if again, err := p.askAgain(ctx); !again {
			return err
		}
	}
	for _, question := range []func(context.Context){
		p.askHost, p.showChecks, p.askKeymap, p.askBundle, p.askDisk, p.askUnfinished, p.showPlan, p.askPassphrase, p.askRecovery, p.askConfirm,
	} {
		if question(ctx); p.err != nil {
			return p.err
		}
	}
	if err := p.backend.Start(p.answers); err != nil {
		return err
	}
	return p.follow(ctx)
}

func (p *plain) say(format string, args ...any) {
	if p.err == nil {
		_, _ = fmt.Fprintf(p.out, format+"\n", args...) // if the terminal is gone, the next question fails
	}
}

// line asks for a line. An empty answer is the default.
func (p *plain) line(question, otherwise string) string {
	if p.err != nil {
		return ""
	}
	if otherwise != "" {
		question += " [" + otherwise + "]"
	}
	_, _ = fmt.Fprintf(p.out, "%s: ", question) // as in say
	text, err := p.in.ReadString('\n')
	if text = strings.TrimSpace(text); err != nil || text == "q" {
		p.err = errLeft
		return ""
	}
	return or(text, otherwise)
}

// yes asks a question that is answered with y or n; anything else is the default.
func (p *plain) yes(question, otherwise string) bool {
	text := p.line(question+", y or n", otherwise)
	return p.err == nil && (text == "y" || otherwise == "y" && text != "n")
}

// pick lists what there is, and asks for its number. It returns its index.
func (p *plain) pick(question string, all ...string) int {
	for i, what := range all {
		p.say("%d. %s", i+1, what)
	}
	for p.err == nil {
		if i, err := strconv.Atoi(p.line(question, "")); err == nil && i >= 1 && i <= len(all) {
			return i - 1
		}
		p.say("Type a number from 1 to %d.", len(all))
	}
	return 0
}

func (p *plain) askSecret(question string) []byte {
	if p.err != nil {
		return nil
	}
	_, _ = fmt.Fprintf(p.out, "%s: ", question) // as in say
	s, err := p.secret()
	p.say("")
	if err != nil {
		p.err = errLeft
	}
	return s
}

// setKeymap loads a keymap, and says so if it cannot.
func (p *plain) setKeymap(ctx context.Context, name string) bool {
	err := p.backend.SetKeymap(ctx, name)
	if err != nil {
		p.say("The keymap is not loaded: %s.", sys.AsFault(err).Cause)
	} else {
		p.keymap = name
	}
	return err == nil
}

// askAgain shows an install that has ended, and asks whether to start over. If not,
// the error is that of the install.
func (p *plain) askAgain(ctx context.Context) (again bool, err error) {
	p.say("An install on this machine has ended. These are its events.")
	failed := p.events(ctx)
	if failed != nil {
		if why := inWords(failed); why != "" { // an engine that was killed sends no event of it
			p.say("%s.", why)
		}
	}
	if !p.yes("Start over", "n") {
		return false, failed
	}
	p.say("Unmounting and closing what the install left open.")
	err = p.backend.PutAway()
	return err == nil, err
}

// follow shows the install's events to its end, then powers off or restarts after
// a countdown.
func (p *plain) follow(ctx context.Context) error {
	p.answers.Wipe()
	if err := p.events(ctx); err != nil {
		return err
	}
	reboot := p.chosen && !p.host().PowerOff
	p.say("Now remove the stick. The machine will %s in %d seconds; Ctrl+C keeps it on.", powerVerb(reboot), int(countdown/time.Second))
	held, stop := signal.NotifyContext(context.Background(), syscall.SIGINT)
	defer stop()
	select {
	case <-held.Done():
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(countdown):
		return p.backend.Power(ctx, reboot)
	}
}

// events shows the install's events. Ctrl+C asks the engine to stop; its last event
// then ends this.
func (p *plain) events(ctx context.Context) error {
	interrupted, restore := signal.NotifyContext(context.Background(), syscall.SIGINT)
	defer restore()
	unhook := context.AfterFunc(interrupted, func() {
		p.say("Stopping the install.")
		if err := p.backend.Stop(); err != nil {
			p.say("The install cannot be stopped: %v.", err)
		}
	})
	defer unhook()
	t := &engine.Text{W: p.out}
	var failure *sys.Fault
	_, err := p.backend.Follow(ctx, func(e engine.Event) {
		t.Event(e)
		if e.Kind == engine.KindEnded {
			failure = e.Error
		}
	})
	if err == nil && failure != nil {
		return &sys.Fault{Code: failure.Code} // the events have shown the cause
	}
	return err
}
