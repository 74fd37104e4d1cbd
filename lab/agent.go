package lab

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"time"
)

// Agent talks to the guest agent of a live machine: it runs commands and moves
// files, without the consoles and the network.
type Agent struct {
	conn  io.ReadWriter
	lines chan []byte // closed when the machine is gone

	call sync.Mutex // one request at a time
	lost bool       // an earlier answer may still be on its way
}

// Result is a command's output and how it ended.
type Result struct {
	Stdout, Stderr []byte
	Exit           int // 128 + the signal, if one ended it
}

func newAgent(conn io.ReadWriter) *Agent {
	a := &Agent{conn: conn, lines: make(chan []byte, 16), lost: true}
	go func() {
		defer close(a.lines)
		lines := bufio.NewReader(conn)
		for {
			line, err := lines.ReadBytes('\n')
			if err != nil {
				return
			}
			a.lines <- line
		}
	}()
	return a
}

// Await waits until the agent answers: the live system is up. Until then, nothing reads
// the requests. Many would fill the socket, and the next one would wait forever.
func (a *Agent) Await(ctx context.Context) error {
	for patience := time.Second; ; patience = min(2*patience, 30*time.Second) {
		try, cancel := context.WithTimeout(ctx, patience)
		err := a.execute(try, "guest-ping", nil, nil)
		cancel()
		if err == nil || ctx.Err() != nil || errors.Is(err, errGone) {
			return err
		}
	}
}

// execute runs one request. If an earlier one was given up, it first clears the line:
// it sends a number and reads up to its echo.
func (a *Agent) execute(ctx context.Context, command string, arguments, result any) error {
	a.call.Lock()
	defer a.call.Unlock()
	if a.lost {
		if err := a.sync(ctx); err != nil {
			return err
		}
	}
	a.lost = true
	if err := a.send(command, arguments); err != nil {
		return err
	}
	line, err := a.receive(ctx)
	if err != nil {
		return fmt.Errorf("agent %s: %w", command, err)
	}
	a.lost = false
	var answer qmpMessage
	if err := json.Unmarshal(line, &answer); err != nil {
		return fmt.Errorf("agent %s: %w", command, err)
	}
	if answer.Error != nil {
		return fmt.Errorf("agent %s: %w", command, answer.Error)
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(answer.Return, result)
}

func (a *Agent) sync(ctx context.Context) error {
	id := rand.Int32()
	// The byte 0xFF resets the agent's parser.
	if _, err := a.conn.Write([]byte{0xFF}); err != nil {
		return errGone
	}
	if err := a.send("guest-sync-delimited", map[string]any{"id": id}); err != nil {
		return err
	}
	for {
		line, err := a.receive(ctx)
		if err != nil {
			return err
		}
		var answer struct {
			Return json.RawMessage `json:"return"`
		}
		line = line[bytes.LastIndexByte(line, 0xFF)+1:]
		if json.Unmarshal(line, &answer) == nil && string(answer.Return) == fmt.Sprint(id) {
			a.lost = false
			return nil
		}
	}
}

func (a *Agent) send(command string, arguments any) error {
	request, err := json.Marshal(struct {
		Execute   string `json:"execute"`
		Arguments any    `json:"arguments,omitempty"`
	}{command, arguments})
	if err != nil {
		return err
	}
	if _, err := a.conn.Write(append(request, '\n')); err != nil {
		return errGone
	}
	return nil
}

func (a *Agent) receive(ctx context.Context) ([]byte, error) {
	select {
	case line, ok := <-a.lines:
		if !ok {
			return nil, errGone
		}
		return line, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Process is a command that Start started.
type Process struct {
	agent *Agent
	argv  []string
	PID   int
}

// Start runs a command in the live system, as root, without waiting for it.
func (a *Agent) Start(ctx context.Context, stdin []byte, argv ...string) (*Process, error) {
	arguments := map[string]any{"path": argv[0], "arg": argv[1:], "capture-output": true}
	if stdin != nil {
		arguments["input-data"] = stdin // base64 by encoding/json
	}
	var started struct{ PID int }
	if err := a.execute(ctx, "guest-exec", arguments, &started); err != nil {
		return nil, fmt.Errorf("start %q: %w", argv[0], err)
	}
	return &Process{agent: a, argv: argv, PID: started.PID}, nil
}

// Poll asks once whether the command has ended; the result is valid only then.
func (p *Process) Poll(ctx context.Context) (result Result, done bool, err error) {
	var status struct {
		Exited   bool
		ExitCode int
		Signal   int
		Out      []byte `json:"out-data"`
		Err      []byte `json:"err-data"`
	}
	if err := p.agent.execute(ctx, "guest-exec-status", map[string]any{"pid": p.PID}, &status); err != nil {
		return Result{}, false, err
	}
	if status.Signal != 0 {
		status.ExitCode = 128 + status.Signal
	}
	return Result{status.Out, status.Err, status.ExitCode}, status.Exited, nil
}

// Wait waits for the command to end. Giving up through ctx leaves it running.
func (p *Process) Wait(ctx context.Context) (Result, error) {
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, 250*time.Millisecond) {
		result, done, err := p.Poll(ctx)
		if err != nil || done {
			return result, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return Result{}, fmt.Errorf("%q is still running: %w", p.argv, context.Cause(ctx))
		}
	}
}

// Signal sends the command a signal by name, such as "TERM".
func (p *Process) Signal(ctx context.Context, signal string) error {
	_, err := p.agent.Output(ctx, "kill", "-s", signal, fmt.Sprint(p.PID))
	return err
}

// Run runs a command in the live system, as root, and waits for its end. A failing
// command is not an error here: see Result.Exit, or use Output.
func (a *Agent) Run(ctx context.Context, stdin []byte, argv ...string) (Result, error) {
	process, err := a.Start(ctx, stdin, argv...)
	if err != nil {
		return Result{}, err
	}
	return process.Wait(ctx)
}

// Output is Run for a command that must succeed.
func (a *Agent) Output(ctx context.Context, argv ...string) (string, error) {
	result, err := a.Run(ctx, nil, argv...)
	if err == nil && result.Exit != 0 {
		err = fmt.Errorf("%q exited %d\n%s%s", argv, result.Exit, result.Stdout, result.Stderr)
	}
	return string(result.Stdout), err
}

// Shell is Output for a bash script, which stops at its first failing line.
func (a *Agent) Shell(ctx context.Context, script string) (string, error) {
	return a.Output(ctx, "bash", "-euo", "pipefail", "-c", script)
}

// ReadFile reads a file of the live system.
func (a *Agent) ReadFile(ctx context.Context, path string) ([]byte, error) {
	handle, err := a.open(ctx, path, "r")
	if err != nil {
		return nil, err
	}
	defer a.close(ctx, handle)
	var data []byte
	for {
		var piece struct {
			Buf []byte `json:"buf-b64"`
			EOF bool
		}
		arguments := map[string]any{"handle": handle, "count": 1 << 20}
		if err := a.execute(ctx, "guest-file-read", arguments, &piece); err != nil {
			return nil, &os.PathError{Op: "read", Path: path, Err: err}
		}
		data = append(data, piece.Buf...)
		if piece.EOF {
			return data, nil
		}
	}
}

// WriteFile writes a file of the live system; a new one has mode 0666 less the
// agent's umask.
func (a *Agent) WriteFile(ctx context.Context, path string, data []byte) error {
	handle, err := a.open(ctx, path, "w")
	if err != nil {
		return err
	}
	defer a.close(ctx, handle)
	for len(data) > 0 {
		piece := data[:min(len(data), 1<<20)]
		data = data[len(piece):]
		arguments := map[string]any{"handle": handle, "buf-b64": piece}
		if err := a.execute(ctx, "guest-file-write", arguments, nil); err != nil {
			return &os.PathError{Op: "write", Path: path, Err: err}
		}
	}
	return nil
}

func (a *Agent) open(ctx context.Context, path, mode string) (handle int, err error) {
	if err := a.execute(ctx, "guest-file-open", map[string]any{"path": path, "mode": mode}, &handle); err != nil {
		return 0, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return handle, nil
}

func (a *Agent) close(ctx context.Context, handle int) {
	_ = a.execute(ctx, "guest-file-close", map[string]any{"handle": handle}, nil)
}
