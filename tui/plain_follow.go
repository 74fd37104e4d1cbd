package tui

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"auto-installer/hosts"
	"auto-installer/internal/engine"
)

// follow tells the install's events to its end, and what is next.
func (p *Plain) follow(ctx context.Context) error {
	p.answers.Wipe()
	if err := p.tell(ctx); err != nil {
		return err
	}
	var host hosts.Host
	if p.chosen {
		host = p.host()
	}
	return p.end(ctx, host)
}

// earlier tells of an install that has ended, and asks whether to begin anew.
// If not, the error is that of the install.
func (p *Plain) earlier(ctx context.Context) (again bool, err error) {
	p.say("An install on this machine has ended; this is what it told.")
	failed := p.tell(ctx)
	if failed != nil {
		if told := inWords(failed); told != "" { // that it was killed, no event tells
			p.say("%s.", told)
		}
	}
	text, err := p.line("Begin anew, y or n", "n")
	if err != nil || text != "y" {
		return false, failed
	}
	p.say("Letting go of what was left.")
	err = p.backend.PutAway()
	return err == nil, err
}

// tell tells the install's events. Ctrl+C asks the engine to stop, and its
// last event then ends this.
func (p *Plain) tell(ctx context.Context) error {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGINT)
	defer signal.Stop(stop)
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		select {
		case <-stop:
			p.say("Stopping.")
			if err := p.backend.Stop(); err != nil {
				p.say("It cannot be stopped: %v.", err)
			}
		case <-ended:
		}
	}()
	t := &engine.Text{W: p.out, Verbose: true}
	var failure *engine.Error
	err := p.backend.Follow(ctx, func(e engine.Event) {
		t.Event(e)
		if e.Kind == engine.KindEnded {
			failure = e.Error
		}
	})
	if err == nil && failure != nil {
		return &engine.Error{Code: failure.Code} // its events have told
	}
	return err
}

// end powers off after a while in which the stick can be pulled.
func (p *Plain) end(ctx context.Context, h hosts.Host) error {
	reboot := p.chosen && !h.PowerOff
	verb := "powers off"
	if reboot {
		verb = "restarts"
	}
	p.say("Now remove the stick. The machine %s in %d seconds; Ctrl+C keeps it on.", verb, int(countdown/time.Second))
	held := make(chan os.Signal, 1)
	signal.Notify(held, syscall.SIGINT)
	defer signal.Stop(held)
	select {
	case <-held:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(countdown):
		return p.backend.Power(ctx, reboot)
	}
}
