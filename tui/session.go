package tui

import (
	"auto-installer/hosts"
	"auto-installer/internal/engine"
	"auto-installer/steps"
)

// session is what the screens share: the answers so far and what was found.
// Only Update writes to it.
type session struct {
	backend Backend
	opts    Options
	forget  func() // wipes what the screens hold for a host; nil without screens

	hosts   []hosts.Host
	answers steps.Answers
	chosen  bool // a host has been chosen

	disks  []steps.Verdict
	listed bool   // the disks have been looked at
	diskAt string // path of the disk under the cursor
	notice string // why the screen changed by itself, shown once on the disk screen
	plan   *steps.Install
	begun  *steps.Unfinished // on the disk that was chosen, or nil

	keymap string // as it is loaded now

	reattached bool // the install was started by other screens
	elsewhere  bool // and while these were shown: on another console
	run        run
	failure    *engine.Error
}

func (s *session) host() hosts.Host { return s.answers.Host }

// setHost takes a host and forgets answers that belonged to another.
func (s *session) setHost(h hosts.Host) {
	if s.chosen && s.answers.Host.TargetHost == h.TargetHost {
		return
	}
	s.answers.Wipe()
	if s.forget != nil {
		s.forget()
	}
	s.answers = steps.Answers{Host: h, Power: true}
	s.opts.Fill(&s.answers)
	s.plan, s.begun, s.chosen = nil, nil, true
}

// join lets go of the answers for an install that another console has started,
// and follows that one.
func (s *session) join() {
	s.answers.Wipe()
	if s.forget != nil {
		s.forget()
	}
	s.answers.Disk = steps.Disk{} // nothing here can start it again
	s.chosen = false              // what the flags and the medium answer is filled in anew
	s.reattached, s.elsewhere, s.failure = true, true, nil
}

// installing is the name of the host that is installed, or of the chosen one.
func (s *session) installing() string {
	if s.run.plan != nil {
		return clean(s.run.plan.Host)
	}
	return s.host().TargetHost
}

// verdict finds a disk among those found last.
func (s *session) verdict(path string) (steps.Verdict, bool) {
	for _, v := range s.disks {
		if v.Device.Path == path {
			return v, true
		}
	}
	return steps.Verdict{}, false
}
