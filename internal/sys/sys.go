// Package sys is the only code that starts a command, and with it the only
// code that mounts, partitions or formats. Steps get a System and know nothing
// of how it reports or how it is faked.
package sys

import (
	"context"
	"slices"
	"time"
)

// System is what a step may do to the machine, and how it tells of it.
type System interface {
	// Run starts a command and waits for it. Each line that it prints goes to
	// the log. The error is an *ExitError if the command ran and failed.
	Run(ctx context.Context, c Cmd) error

	// Output is Run with standard output returned rather than logged. It is
	// an error if that is more than MaxOutput bytes.
	Output(ctx context.Context, c Cmd) ([]byte, error)

	// Lines is Run with every line of standard error given to each instead of
	// the log, without its line end. Lines arrive in order, on one goroutine.
	Lines(ctx context.Context, c Cmd, each func(line string)) error

	// Log adds a line to the log.
	Log(line string)

	// Warn adds a line to the log that the operator must see at the end.
	Warn(line string)

	// Proven adds a line to the log that says what the step has proven.
	Proven(what string)

	// Progress tells how far the step is. Total is 0 where it is not known.
	Progress(p Progress)

	// Waiting tells what the step needs of the operator before it can go on;
	// the zero value tells that it goes on.
	Waiting(w Waiting)

	// Do is Run for what must be taken back at the end. The undo command is
	// registered before c runs, and dropped again if c fails. Undo commands
	// run last in, first out: in Unwind, or after a failure, or at the next
	// start if the program was killed.
	Do(ctx context.Context, c, undo Cmd) error

	// Unwind runs all registered undo commands now and returns what failed.
	Unwind(ctx context.Context) error

	// Keep forgets all registered undo commands: what was done is to stay.
	Keep() error
}

// MaxOutput bounds what Output keeps, in bytes.
const MaxOutput = 64 << 20

// Cmd is a command to run.
type Cmd struct {
	Does  string   // what it is for, in a few words, for people
	Argv  []string // Argv[0] is looked up in PATH
	Stdin []byte   // what it reads, nothing if nil
	// Extra can be read at descriptor 3, /dev/fd/3: a second secret.
	Extra []byte
	// Secret says in words what Stdin holds ("passphrase"); then neither the
	// dry run nor the log shows the bytes.
	Secret string
	// Long says in words what the last argument is, if it is too long to be
	// shown; then neither the dry run nor the log shows it.
	Long  string   `json:",omitempty"`
	Env   []string // additions to the environment, NAME=value; no secrets
	Quiet bool     // looking, not doing: not worth an event
	// Mute keeps what it prints on standard error out of the log: that it fails
	// is an answer too. An error has it all the same.
	Mute bool `json:",omitempty"`
	// Owner is a folder. If root starts the command, it runs as the owner of that,
	// in a session without root's rights. Empty: it runs as the program does.
	Owner string `json:",omitempty"`
	// Silence is how long it may print nothing before it is ended: what it
	// speaks with is gone. 0: it may be silent for as long as it likes.
	Silence time.Duration `json:",omitempty"`
	// While says, of an undo command, what must be there for it to be needed:
	// one of the conditions below. Empty: it always is.
	While Condition `json:",omitempty"`
}

// Action is one thing that a step does, as the dry run shows it.
type Action struct {
	Does  string   `json:"does"`
	Argv  []string `json:"argv,omitempty"`  // absent: done in process
	Stdin string   `json:"stdin,omitempty"` // text, or <passphrase> and the like
	Env   []string `json:"env,omitempty"`
}

// Action describes the command without running it.
func (c Cmd) Action() Action {
	a := Action{Does: c.Does, Argv: c.Argv, Stdin: string(c.Stdin), Env: c.Env}
	if c.Secret != "" {
		a.Stdin = "<" + c.Secret + ">"
	}
	if c.Long != "" {
		a.Argv = append(slices.Clone(c.Argv[:len(c.Argv)-1]), "<"+c.Long+">")
	}
	return a
}

// Actions describes commands without running them.
func Actions(cmds ...Cmd) []Action {
	as := make([]Action, len(cmds))
	for i, c := range cmds {
		as[i] = c.Action()
	}
	return as
}

// String is the command as one could type it in a shell, without its input.
func (c Cmd) String() string { return Quote(c.Argv) }

// Progress is how far a step is.
type Progress struct {
	Done  int64  `json:"done"`
	Total int64  `json:"total,omitempty"` // 0: not known
	Unit  string `json:"unit"`            // "bytes", "paths", "builds", "files"
	Label string `json:"label,omitempty"` // what is being worked on now
	// Bytes and BytesTotal are what was copied beside that, 0 if not known.
	Bytes      int64 `json:"bytes,omitempty"`
	BytesTotal int64 `json:"bytesTotal,omitempty"`
}

// Waiting is what a step needs of the operator, and how it can be given.
type Waiting struct {
	For string   `json:"for"`
	How []string `json:"how"` // lines, some of them commands
}
