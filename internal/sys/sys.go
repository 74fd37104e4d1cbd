// Package sys is the only code that starts a command, and so the only code that
// mounts, partitions or formats. Steps get a System; they do not know how it reports,
// or whether it is a fake.
package sys

import (
	"context"
	"slices"
	"time"
)

// System is what a step may do to the machine, and how it reports.
type System interface {
	Reporter

	// Run starts a command and waits for it. Each line that it prints goes to
	// the log. The error is an *ExitError if the command ran and failed.
	Run(ctx context.Context, c Cmd) error

	// Output is Run that returns standard output in place of logging it. More than
	// MaxOutput bytes are an error.
	Output(ctx context.Context, c Cmd) ([]byte, error)

	// Lines is Run that calls each with every line of standard error in place of
	// logging it. Lines arrive in order, on one goroutine.
	Lines(ctx context.Context, c Cmd, each func(line string)) error

	// Do is Run for what must be undone at the end. It registers the undo command
	// before c runs, and removes it if c fails. Undo commands run last in, first out:
	// in Unwind, after a failure, or at the next start if the program was killed.
	Do(ctx context.Context, c, undo Cmd) error

	// Unwind runs all registered undo commands now and returns their failures.
	Unwind(ctx context.Context) error

	// Keep removes all registered undo commands: what they would undo stays.
	Keep() error
}

// MaxOutput bounds what Output returns, in bytes.
const MaxOutput = 64 << 20

// Cmd is a command to run.
type Cmd struct {
	Does  string   // what it does, in a few words, for people
	Argv  []string // Argv[0] is looked up in PATH
	Stdin []byte   // its standard input; nil means empty
	// Extra is a second secret, which the command reads from descriptor 3 (/dev/fd/3).
	Extra []byte
	// Secret names what Stdin holds, such as "passphrase". The dry run and the log
	// show the name in place of the bytes.
	Secret string
	// Long names the last argument if it is too long to show. The dry run and the log
	// show the name in its place.
	Long  string   `json:",omitempty"`
	Env   []string // added to the environment, NAME=value; no secrets
	Quiet bool     // it only reads: no event
	// Mute keeps its standard error out of the log, for a command that may fail. The
	// error of the command still quotes it.
	Mute bool `json:",omitempty"`
	// Owner is a folder. If root starts the command, it runs as the owner of that
	// folder, without root's rights. Empty: it runs as the program does.
	Owner string `json:",omitempty"`
	// Silence is how long it may print nothing before it is ended, because the other
	// end of its connection is gone. 0: for ever.
	Silence time.Duration `json:",omitempty"`
	// While is the condition under which an undo command is needed. Empty: always.
	While Condition `json:",omitempty"`
}

// Action is one line of a step in the dry run.
type Action struct {
	Does  string   `json:"does"`
	Argv  []string `json:"argv,omitempty"`  // absent: a function of this program
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

// String returns the command as one types it in a shell, without its input.
func (c Cmd) String() string { return Quote(c.Argv) }

// Progress is how far a step is.
type Progress struct {
	Done  int64  `json:"done"`
	Total int64  `json:"total,omitempty"` // 0: not known
	Unit  string `json:"unit"`            // "bytes", "paths", "builds", "files"
	Label string `json:"label,omitempty"` // what the step works on now
	// Bytes and BytesTotal count the same work in bytes, 0 if not known.
	Bytes      int64 `json:"bytes,omitempty"`
	BytesTotal int64 `json:"bytesTotal,omitempty"`
}

// Waiting is what a step needs from the operator, and how to give it.
type Waiting struct {
	For string   `json:"for"`
	How []string `json:"how"` // lines, some of them commands
}
