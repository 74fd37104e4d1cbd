package tui

import (
	"auto-installer/hosts"
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
	plan   *steps.Plan

	keymap string // as it is loaded now

	reattached bool // the install was started by other screens
	run        run
	failure    *steps.Error
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
	s.plan, s.chosen = nil, true
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
