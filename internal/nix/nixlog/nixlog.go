// Package nixlog reads nix's internal-json log, and explains nix's failures.
package nixlog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"auto-installer/internal/sys"
)

// Activity and result types of nix's internal-json log (nix
// src/libutil/logging.hh). Unknown numbers are ignored.
const (
	actCopyPath   = 100
	actCopyPaths  = 103
	actBuilds     = 104
	actBuild      = 105
	actVerify     = 107
	actSubstitute = 108

	resBuildLogLine = 101
	resSetPhase     = 104
	resProgress     = 105
	resPostBuildLog = 107
)

// Limits on what a broken log can make this package remember and count.
const (
	maxActivities = 100_000
	maxName       = 33 + 211 // hash and name of a store path, in bytes
	maxCount      = 1 << 60
	maxPart       = 64 << 10 // of a message in the log, in bytes
)

// Log reads nix's internal-json log: feed it each line of standard error.
type Log struct {
	// Line receives the lines for people: messages and build output.
	Line func(string)
	// Progress receives each new state.
	Progress func(sys.Progress)

	acts map[uint64]*activity
	// The bytes of all copies, finished ones too, so that the sum never shrinks.
	bytesDone, bytesTotal int64
	paths, builds         counter
	label                 string
	last                  sys.Progress
	// Error is the last message of level 0, without colour: why nix failed. A
	// failed build takes precedence over the failures that it causes.
	Error string
	said  string // Error with the places in files
}

var buildFailed = regexp.MustCompile(`^(?:builder for|[Cc]annot build) '`)

type activity struct {
	typ         int
	name        string
	done, total int64
}

type counter struct{ done, total int64 }

type message struct {
	Action string            `json:"action"`
	ID     uint64            `json:"id"`
	Type   int               `json:"type"`
	Level  int               `json:"level"`
	Text   string            `json:"text"`
	Msg    string            `json:"msg"`
	RawMsg string            `json:"raw_msg"`
	Fields []json.RawMessage `json:"fields"`
}

// levelInfo is the most verbose level to show (nix lvlInfo).
const levelInfo = 3

// Run runs a nix command that logs internal-json, and logs its messages. The error
// has nix's words and not its JSON.
func Run(ctx context.Context, s sys.System, c sys.Cmd) error {
	log := &Log{Line: s.Log, Progress: s.Progress}
	err := s.Lines(ctx, c, log.Feed)
	if exit, ok := errors.AsType[*sys.ExitError](err); ok {
		// The output of git and ssh; then nix's message with the places in files,
		// and in short, which is the line that the error shows.
		exit.Tail = slices.DeleteFunc(exit.Tail, func(line string) bool { return strings.HasPrefix(line, "@nix ") })
		if log.Error != "" {
			exit.Tail = append(append(exit.Tail, strings.Split(log.said, "\n")...), "error: "+strings.Join(strings.Fields(log.Error), " "))
		}
	}
	return err
}

// Feed takes one line. It passes on lines that are not nix's JSON: ssh and git
// write there too.
func (l *Log) Feed(line string) {
	// A prompt of ssh or git may precede it on the line.
	if i := strings.Index(line, "@nix {"); i > 0 {
		l.say(line[:i])
		line = line[i:]
	}
	rest, ok := strings.CutPrefix(line, "@nix ")
	if !ok {
		l.say(line)
		return
	}
	var m message
	if err := json.Unmarshal([]byte(rest), &m); err != nil {
		if strings.HasPrefix(rest, "{") {
			line = fmt.Sprintf("nix printed a message of %d bytes that cannot be read", len(line))
		}
		l.say(line)
		return
	}
	switch m.Action {
	case "msg":
		l.message(m)
	case "start":
		l.start(m)
	case "result":
		l.result(m)
	case "stop":
		l.stop(m.ID)
	}
}

// say passes on a line without the colours of nix and builds.
func (l *Log) say(line string) { l.Line(sys.Clean(line)) }

func (l *Log) message(m message) {
	text := m.RawMsg
	if text == "" {
		text = m.Msg
	}
	if text = strings.TrimSpace(ansi.Strip(text)); m.Level == 0 && text != "" && !buildFailed.MatchString(l.Error) {
		l.Error = strings.TrimPrefix(text, "error: ")
		l.said = ansi.Strip(m.Msg)
	}
	if m.Level > levelInfo {
		return
	}
	for part := range strings.SplitSeq(m.Msg, "\n") {
		if strings.TrimSpace(part) == "" {
			continue
		}
		for len(part) > maxPart {
			head := strings.TrimSuffix(sys.Shorten(part, maxPart), "…")
			l.say(head)
			part = part[len(head):]
		}
		l.say(part)
	}
}

func (l *Log) start(m message) {
	if l.acts == nil {
		l.acts = map[uint64]*activity{}
	}
	if len(l.acts) >= maxActivities {
		return
	}
	a := &activity{typ: m.Type}
	switch m.Type {
	case actCopyPath, actSubstitute, actBuild:
		a.name = storeName(text(m.Fields, 0))
		l.label = a.name
	}
	if m.Text != "" && m.Level <= levelInfo {
		l.say(m.Text)
	}
	l.acts[m.ID] = a
	l.report()
}

func (l *Log) result(m message) {
	a := l.acts[m.ID]
	switch m.Type {
	case resBuildLogLine, resPostBuildLog:
		name := ""
		if a != nil && a.name != "" {
			name = a.name + "> "
		}
		l.say(name + text(m.Fields, 0))
	case resSetPhase:
		if a != nil {
			l.label = a.name + ": " + text(m.Fields, 0)
			l.report()
		}
	case resProgress:
		if a == nil {
			return
		}
		done, total := number(m.Fields, 0), number(m.Fields, 1)
		switch a.typ {
		case actCopyPath:
			l.copied(a, done, total)
		case actCopyPaths, actVerify:
			l.paths = counter{done, total}
		case actBuilds:
			l.builds = counter{done, total}
		}
		l.report()
	}
}

func (l *Log) stop(id uint64) {
	a := l.acts[id]
	if a == nil {
		return
	}
	delete(l.acts, id)
	if a.typ == actCopyPath {
		// A stopped copy is complete, whatever its last count was.
		l.copied(a, a.total, a.total)
	}
	l.report()
}

// report passes on the progress: in paths, whose total nix knows first, or in
// builds if nothing is left to copy. Counts never pass their totals.
func (l *Log) report() {
	p := sys.Progress{Done: l.paths.done, Total: l.paths.total, Unit: "paths", Label: l.label}
	if l.builds.total > 0 && l.paths.done >= l.paths.total {
		p.Done, p.Total, p.Unit = l.builds.done, l.builds.total, "builds"
	}
	p.Done = max(0, min(p.Done, p.Total))
	p.Bytes, p.BytesTotal = l.bytesDone, l.bytesTotal
	if p.Total > 0 && p != l.last {
		l.last = p
		l.Progress(p)
	}
}

// copied adds the new counts of a copy to the sums.
func (l *Log) copied(a *activity, done, total int64) {
	done = min(done, total)
	l.bytesDone = max(0, min(l.bytesDone+done-a.done, maxCount))
	l.bytesTotal = max(0, min(l.bytesTotal+total-a.total, maxCount))
	a.done, a.total = done, total
}

// storeName is the readable part of a store path: no folder, no hash.
func storeName(path string) string {
	name := path[strings.LastIndexByte(path, '/')+1:]
	name = name[:min(len(name), maxName)]
	if len(name) > 33 && name[32] == '-' {
		name = name[33:]
	}
	return strings.TrimSuffix(name, ".drv")
}

// field is zero if it is missing or of another type.
func field[T any](fields []json.RawMessage, i int) (v T) {
	if i < len(fields) {
		_ = json.Unmarshal(fields[i], &v)
	}
	return v
}

func text(fields []json.RawMessage, i int) string { return field[string](fields, i) }

func number(fields []json.RawMessage, i int) int64 {
	return max(0, min(field[int64](fields, i), maxCount))
}
