package tui

import (
	"context"
	"errors"
	"os/exec"
	"slices"

	tea "charm.land/bubbletea/v2"

	"auto-installer/hosts"
	"auto-installer/internal/sys"
	"auto-installer/steps"
	"auto-installer/tui/machine"
)

// session is what the screens share: the answers so far and what the machine
// said. Only Update writes to it.
type session struct {
	backend Backend
	opts    Options
	forget  func() // wipes the screens' secrets; nil in plain mode

	state   state     // the screen that is shown
	to      state     // where it wants to go
	cmds    []tea.Cmd // to be started
	hosts   []hosts.Host
	answers steps.Answers
	chosen  bool // a host has been chosen

	disks       []steps.Verdict
	disksErr    error
	listed      bool   // disks holds the machine's disks
	diskAt      string // path of the disk under the cursor
	notice      string // why the screens went back to the disk screen
	plan        *steps.Install
	interrupted *steps.Unfinished // the unfinished install on the chosen disk, or nil

	keymap string // the one that is loaded
	note   note   // of this screen

	network   machine.NetworkState
	networkOf string // name of the host that network is about

	reattached bool // other screens started the install
	elsewhere  bool // another console started it, while these were shown
	run        run
}

func (s *session) start(cmd tea.Cmd) { s.cmds = append(s.cmds, cmd) }

func (s *session) goTo(to state) { s.to = to }

func (s *session) host() hosts.Host { return s.answers.Host }

// setHost takes a host and drops the answers that belong to another.
func (s *session) setHost(h hosts.Host) {
	if s.chosen && s.answers.Host.TargetHost == h.TargetHost {
		return
	}
	s.wipeAnswers()
	s.answers = steps.Answers{Host: h, Power: true}
	s.opts.Fill(&s.answers)
	s.plan, s.interrupted, s.chosen = nil, nil, true
}

// join drops the answers and follows the install that another console started.
func (s *session) join() {
	s.wipeAnswers()
	s.answers.Disk = steps.Disk{} // these screens cannot start that install again
	s.chosen = false              // the next setHost fills in flags and medium again
	s.reattached, s.elsewhere = true, true
}

func (s *session) wipeAnswers() {
	s.answers.Wipe()
	if s.forget != nil {
		s.forget()
	}
}

// resume decides whether the unfinished install is resumed. Its container has
// keys already, so a recovery key for a new one is wiped.
func (s *session) resume(yes bool) {
	s.answers.Resume, s.plan = yes, nil
	if s.reopens() {
		clear(s.answers.RecoveryKey)
		s.answers.RecoveryKey = nil
	}
}

// reopens reports whether the passphrase must open an existing container.
func (s *session) reopens() bool {
	return s.answers.Resume && s.interrupted != nil && s.interrupted.Encrypted
}

// looked reports whether the state of the network is that of this host.
func (s *session) looked() bool { return s.networkOf != "" && s.networkOf == s.host().TargetHost }

// installing is the name of the host of the install, else of the chosen host.
func (s *session) installing() string {
	if s.run.plan != nil {
		return clean(s.run.plan.Host)
	}
	return s.host().TargetHost
}

func (s *session) diskIndex(path string) int {
	return slices.IndexFunc(s.disks, func(v steps.Verdict) bool { return v.Device.Path == path })
}

// verdict finds a disk in the newest list.
func (s *session) verdict(path string) (steps.Verdict, bool) {
	if i := s.diskIndex(path); i >= 0 {
		return s.disks[i], true
	}
	return steps.Verdict{}, false
}

func (s *session) listDisks() {
	askTwo(s, func() ([]steps.Verdict, error) { return s.backend.Disks(context.Background()) }, s.foundDisks)
}

// watchDisks lists the disks again whenever one comes or goes.
func (s *session) watchDisks() {
	ask(s, func() <-chan struct{} { return s.backend.WatchDisks(context.Background()) }, s.awaitDisks)
}

func (s *session) awaitDisks(changes <-chan struct{}) {
	ask(s, func() bool { _, ok := <-changes; return ok }, func(ok bool) {
		if ok {
			s.listDisks()
			s.awaitDisks(changes)
		}
	})
}

// foundDisks takes a new list. If the chosen disk is gone, replaced or now
// refused, the screens go back to the choice and say why.
func (s *session) foundDisks(disks []steps.Verdict, err error) {
	if s.disksErr = err; err != nil {
		return
	}
	s.disks, s.listed = disks, true
	if _, ok := s.verdict(s.diskAt); !ok && len(disks) > 0 {
		s.diskAt = disks[0].Device.Path
	}
	chosen := s.answers.Disk.Path
	if chosen == "" || s.state <= stateDisk || s.state >= stateInstall {
		return
	}
	switch v, ok := s.verdict(chosen); {
	case !ok:
		s.notice = chosen + " is gone"
	case v.Refused != "" && v.PathTo == "":
		s.notice = chosen + " can no longer be used: " + clean(v.Refused)
	case !s.answers.Disk.Same(v):
		s.notice = chosen + " is a different disk now"
	default:
		return
	}
	s.answers.Disk, s.plan = steps.Disk{}, nil
	s.goTo(stateDisk)
}

// shell opens a rescue shell, and calls back when it has ended. On a kiosk's
// virtual console the shell is on another console: this one never shows a prompt.
func (s *session) shell(by asker, back func(error)) {
	open := func() (*exec.Cmd, error) {
		if s.opts.Kiosk {
			if shown, err := s.backend.ToRescue(); shown || err != nil {
				return nil, err
			}
		}
		return s.backend.Shell(), nil
	}
	askTwo(by, open, func(shell *exec.Cmd, err error) {
		if shell == nil {
			back(err)
			return
		}
		s.start(tea.ExecProcess(shell, func(err error) tea.Msg {
			if _, ok := errors.AsType[*exec.ExitError](err); ok {
				err = nil // the exit code is that of the operator's last command
			}
			return answer{by, func() { back(err) }}
		}))
	})
}

// shellBack says how to come back from the rescue shell.
func (s *session) shellBack() string {
	if s.opts.Kiosk && s.opts.Console {
		return "on tty2; Alt+F1 comes back here"
	}
	return "exit comes back here"
}

// left says what a failed install has left on the disk.
func (s *session) left() string {
	code := sys.CodeOK
	if s.run.failed != nil {
		code = s.run.failed.Code
	}
	stopped := code == sys.CodeInterrupt || code == sys.CodeTerminated
	switch {
	case !s.run.written:
		return "Nothing was written to any disk."
	case code == sys.CodeBootProof, (stopped || s.run.killed) && s.run.proving():
		return "Everything is written, but not proven to work."
	case stopped:
		return "The install was stopped: the disk may be incomplete and not start."
	}
	return "The disk is incomplete and will not start."
}

// version names the program's version and the commit that the medium was built from.
func (s *session) version(between string) string {
	text := "auto-installer " + s.opts.Version
	if s.opts.Revision != "" {
		text += between + "medium built from " + clean(s.opts.Revision)
	}
	return text
}

// inWords is an error and its hint in one line.
func inWords(err error) string {
	e := sys.AsFault(err)
	if e.Hint == "" {
		return e.Cause
	}
	return e.Cause + "; " + e.Hint
}

// powerVerb is what the machine does at the end.
func powerVerb(reboot bool) string {
	if reboot {
		return "restart"
	}
	return "power off"
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
