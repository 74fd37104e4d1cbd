package sys

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// recorder is a Reporter that records everything.
type recorder struct {
	mu       sync.Mutex
	commands []string
	lines    []string
	warnings []string
	progress []Progress
}

func (r *recorder) Command(c Cmd)    { r.keep(&r.commands, c.String()) }
func (r *recorder) Log(line string)  { r.keep(&r.lines, line) }
func (r *recorder) Warn(line string) { r.keep(&r.warnings, line) }

func (r *recorder) Proven(line string)  { r.keep(&r.warnings, line) }
func (r *recorder) Progress(p Progress) { r.progress = append(r.progress, p) }

func (r *recorder) Waiting(w Waiting) { r.keep(&r.lines, "waiting for "+w.For) }

func (r *recorder) keep(to *[]string, s string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	*to = append(*to, s)
}

func newMachine(t *testing.T) (*Machine, *recorder) {
	t.Helper()
	undos, err := OpenUndoStack(filepath.Join(t.TempDir(), "undo.json"))
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{}
	// A busy machine may be slow to read what a command has printed.
	return &Machine{Reporter: r, Undos: undos, Grace: time.Minute}, r
}

func sh(script string, args ...string) Cmd {
	return Cmd{Does: "test", Argv: append([]string{"sh", "-c", script, "sh"}, args...)}
}

func TestRunLogsLines(t *testing.T) {
	for _, c := range []struct {
		name, script string
		want         []string
	}{
		{"newlines", `printf 'one\ntwo\n'`, []string{"one", "two"}},
		{"carriage returns", `printf '1%%\r2%%\r\ndone'`, []string{"1%", "2%", "done"}},
		{"no end", `printf 'no end'`, []string{"no end"}},
		{"standard error", `echo oops >&2`, []string{"oops"}},
		{"unsafe", `printf '\033[31mred\033[0m\007\t\377\n'`, []string{"red \ufffd"}},
		{"silent", `true`, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, r := newMachine(t)
			if err := m.Run(t.Context(), sh(c.script)); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(r.lines, c.want) {
				t.Errorf("logged %q, want %q", r.lines, c.want)
			}
			if len(r.commands) != 1 {
				t.Errorf("%d commands were reported", len(r.commands))
			}
		})
	}
}

func TestLongLineIsBroken(t *testing.T) {
	m, r := newMachine(t)
	const n = 3 * maxLine
	if err := m.Run(t.Context(), sh(`head -c "$1" /dev/zero | tr '\0' x`, strconv.Itoa(n))); err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, l := range r.lines {
		if total += len(l); len(l) > 2*maxLine {
			t.Errorf("a line of %d bytes", len(l))
		}
	}
	if total != n || len(r.lines) < 2 {
		t.Errorf("%d bytes in %d lines, want %d in several", total, len(r.lines), n)
	}
}

func TestLinesOfBothStreamsAreWhole(t *testing.T) {
	m, r := newMachine(t)
	const n = 2000
	err := m.Run(t.Context(), sh(`i=0; while [ $i -lt $1 ]; do echo "out $i"; echo "err $i" >&2; i=$((i+1)); done`, strconv.Itoa(n)))
	if err != nil {
		t.Fatal(err)
	}
	for _, stream := range []string{"out ", "err "} {
		at := 0
		for _, l := range r.lines {
			if rest, ok := strings.CutPrefix(l, stream); ok {
				if rest != strconv.Itoa(at) {
					t.Fatalf("%q came when %d was next", l, at)
				}
				at++
			}
		}
		if at != n {
			t.Errorf("%d lines of %q, want %d", at, stream, n)
		}
	}
}

func TestQuietIsNotReported(t *testing.T) {
	m, r := newMachine(t)
	c := sh("true")
	c.Quiet = true
	if err := m.Run(t.Context(), c); err != nil || len(r.commands) != 0 {
		t.Errorf("err %v, reported %q", err, r.commands)
	}
}

// Standard error of a mute command is only in its error.
func TestMute(t *testing.T) {
	m, r := newMachine(t)
	c := sh("echo no such thing >&2; exit 1")
	c.Mute = true
	_, err := m.Output(t.Context(), c)
	if err == nil || !strings.Contains(err.Error(), "no such thing") || len(r.lines) != 0 {
		t.Errorf("err %v, logged %q", err, r.lines)
	}
}

func TestStdinAndEnvReachTheCommand(t *testing.T) {
	m, _ := newMachine(t)
	in := []byte("no\x00newline at its end\xff")
	c := sh(`cat; printf %s "$EXTRA"`)
	c.Stdin, c.Env = in, []string{"EXTRA=more"}
	out, err := m.Output(t.Context(), c)
	if err != nil || string(out) != string(in)+"more" {
		t.Errorf("got %q, %v", out, err)
	}
	// Without input, standard input ends at once; it is not the terminal.
	if out, err := m.Output(t.Context(), Cmd{Argv: []string{"cat"}}); err != nil || len(out) != 0 {
		t.Errorf("got %q, %v", out, err)
	}
}

func TestOutputIsLimited(t *testing.T) {
	m, r := newMachine(t)
	out, err := m.Output(t.Context(), sh(`head -c "$1" /dev/zero; echo note >&2`, strconv.Itoa(MaxOutput)))
	if err != nil || len(out) != MaxOutput {
		t.Errorf("%d bytes, %v", len(out), err)
	}
	if !slices.Equal(r.lines, []string{"note"}) {
		t.Errorf("logged %q", r.lines)
	}
	_, err = m.Output(t.Context(), sh(`head -c "$1" /dev/zero`, strconv.Itoa(MaxOutput+1)))
	if err == nil || !strings.Contains(err.Error(), "64 MiB") {
		t.Errorf("one byte too many: %v", err)
	}
}

func TestLinesGetStandardErrorRaw(t *testing.T) {
	m, r := newMachine(t)
	var got []string
	if err := m.Lines(t.Context(), sh(`printf '\033[1mraw\n' >&2; echo out`), func(l string) { got = append(got, l) }); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, []string{"\x1b[1mraw"}) || !slices.Equal(r.lines, []string{"out"}) {
		t.Errorf("each got %q, log got %q", got, r.lines)
	}
}

// The output of a command is logged without colours. A step's own lines go to the
// reporter unchanged, and Visible shows them.
func TestPrintedLinesAreClean(t *testing.T) {
	m, r := newMachine(t)
	if err := m.Run(t.Context(), Cmd{Argv: []string{"printf", `a\033[31mb\342\200\256\n`}}); err != nil {
		t.Fatal(err)
	}
	m.Log("c\x1b[2Jd")
	if r.lines[0] != "ab" || r.lines[1] != "c\x1b[2Jd" {
		t.Errorf("%q", r.lines)
	}
}
