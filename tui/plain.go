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
)

// Plain asks the same questions as the screens, one line at a time, for screen
// readers and terminals without cursor control. It never redraws anything.
type Plain struct {
	*session
	in  *bufio.Reader
	out io.Writer
	// secret reads a line without echo.
	secret func() ([]byte, error)
}

// errLeft ends the program because the operator left.
var errLeft = &engine.Error{
	Cause: "the operator left; nothing was written to any disk", Hint: "run the installer again when you are ready", Code: 130,
}

// RunPlain asks on the terminal, and returns when the install has ended.
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
	for _, question := range []func(context.Context) error{
		p.askHost, p.showChecks, p.askKeymap, p.askBundle, p.askDisk, p.askUnfinished, p.showPlan, p.askPassphrase, p.askRecovery, p.askConfirm,
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
	_, _ = fmt.Fprintf(p.out, format+"\n", args...) // if the terminal is gone, the next question fails
}

// line asks for a line. An empty answer is the default.
func (p *Plain) line(question, otherwise string) (string, error) {
	if otherwise != "" {
		question += " [" + otherwise + "]"
	}
	_, _ = fmt.Fprintf(p.out, "%s: ", question) // as in say
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

// yes asks a question that is answered with y or n; anything else is the default.
func (p *Plain) yes(question, otherwise string) (bool, error) {
	text, err := p.line(question+", y or n", otherwise)
	return text == "y" || otherwise == "y" && text != "n", err
}

// pick lists what there is, and asks for its number.
func (p *Plain) pick(question string, all ...string) (int, error) {
	for i, what := range all {
		p.say("%d. %s", i+1, what)
	}
	for {
		text, err := p.line(question, "")
		if err != nil {
			return 0, err
		}
		if i, err := strconv.Atoi(text); err == nil && i >= 1 && i <= len(all) {
			return i - 1, nil
		}
		p.say("Type a number from 1 to %d.", len(all))
	}
}

func (p *Plain) askSecret(question string) ([]byte, error) {
	_, _ = fmt.Fprintf(p.out, "%s: ", question) // as in say
	s, err := p.secret()
	p.say("")
	if err != nil {
		return nil, errLeft
	}
	return s, nil
}

// setKeymap loads a keymap, and says so if it cannot.
func (p *Plain) setKeymap(ctx context.Context, name string) bool {
	if err := p.backend.SetKeymap(ctx, name); err != nil {
		p.say("The keymap is not loaded: %s.", engine.NewError("", err).Cause)
		return false
	}
	p.keymap = name
	return true
}

// askAgain shows an install that has ended, and asks whether to start over. If not,
// the error is that of the install.
func (p *Plain) askAgain(ctx context.Context) (again bool, err error) {
	p.say("An install on this machine has ended. These are its events.")
	failed := p.events(ctx)
	if failed != nil {
		if why := inWords(failed); why != "" { // an engine that was killed sends no event of it
			p.say("%s.", why)
		}
	}
	if yes, err := p.yes("Start over", "n"); err != nil || !yes {
		return false, failed
	}
	p.say("Unmounting and closing what the install left open.")
	err = p.backend.PutAway()
	return err == nil, err
}

// follow shows the install's events to its end, then powers off or restarts after
// a countdown.
func (p *Plain) follow(ctx context.Context) error {
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
func (p *Plain) events(ctx context.Context) error {
	interrupted, restore := signal.NotifyContext(context.Background(), syscall.SIGINT)
	defer restore()
	unhook := context.AfterFunc(interrupted, func() {
		p.say("Stopping the install.")
		if err := p.backend.Stop(); err != nil {
			p.say("The install cannot be stopped: %v.", err)
		}
	})
	defer unhook()
	t := &engine.Text{W: p.out, Verbose: true}
	var failure *engine.Error
	err := p.backend.Follow(ctx, func(e engine.Event) {
		t.Event(e)
		if e.Kind == engine.KindEnded {
			failure = e.Error
		}
	})
	if err == nil && failure != nil {
		return &engine.Error{Code: failure.Code} // the events have shown the cause
	}
	return err
}
