package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// qemu answers each request with answer, as QEMU or its guest agent does.
func qemu(t *testing.T, answer func(request string) string) net.Conn {
	t.Helper()
	host, machine := net.Pipe()
	t.Cleanup(func() { host.Close(); machine.Close() })
	go func() {
		lines := bufio.NewReader(machine)
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				return
			}
			if reply := answer(line); reply == "hang up" {
				machine.Close()
			} else if reply != "" {
				io.WriteString(machine, reply)
			}
		}
	}()
	return host
}

func TestMonitor(t *testing.T) {
	conn := qemu(t, func(request string) string {
		switch {
		case strings.Contains(request, "qmp_capabilities"):
			return `{"QMP": {"version": {}}}` + "\r\n" + `{"return": {}}` + "\r\n"
		case strings.Contains(request, "query-status"):
			return `{"event": "RESUME", "data": {}}` + "\n" + `{"return": {"status": "running"}}` + "\n"
		case strings.Contains(request, "quit"):
			return "hang up"
		}
		return `{"error": {"class": "CommandNotFound", "desc": "no such command"}}` + "\n"
	})
	monitor, err := newMonitor(t.Context(), conn, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	var status struct{ Status string }
	if err := monitor.Execute(t.Context(), "query-status", nil, &status); err != nil || status.Status != "running" {
		t.Errorf("got %+v, %v", status, err)
	}
	if _, err := monitor.AwaitEvent(t.Context(), func(e Event) bool { return e.Name == "RESUME" }); err != nil {
		t.Error(err)
	}
	if err := monitor.Execute(t.Context(), "no-such", nil, nil); err == nil || !strings.Contains(err.Error(), "no such command") {
		t.Errorf("the error is %v", err)
	}
	if err := monitor.Execute(t.Context(), "quit", nil, nil); !errors.Is(err, errGone) {
		t.Errorf("after the end the error is %v", err)
	}
	if _, err := monitor.AwaitEvent(t.Context(), func(Event) bool { return false }); !errors.Is(err, errGone) {
		t.Errorf("after the end the error is %v", err)
	}
}

// TestAgentFindsItsPlace: the agent does not take an answer to an abandoned request for
// the next one's.
func TestAgentFindsItsPlace(t *testing.T) {
	slow := true
	conn := qemu(t, func(request string) string {
		var id int
		request = strings.TrimPrefix(request, "\xff")
		switch n, _ := fmt.Sscanf(request, `{"execute":"guest-sync-delimited","arguments":{"id":%d}}`, &id); {
		case n == 1:
			return fmt.Sprintf("\xff{\"return\": %d}\n", id)
		case strings.Contains(request, "guest-exec-status"):
			return `{"return": {"exited": true, "signal": 15, "out-data": "aGk="}}` + "\n"
		case strings.Contains(request, "guest-exec"):
			return `{"return": {"pid": 42}}` + "\n"
		case slow:
			slow = false
			time.Sleep(100 * time.Millisecond)
			return `{"return": {"late": true}}` + "\n"
		}
		return `{"return": {}}` + "\n"
	})
	agent := newAgent(conn)
	if err := agent.Await(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	slow = true
	if err := agent.execute(ctx, "guest-ping", nil, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the error is %v", err)
	}
	result, err := agent.Run(t.Context(), []byte("in"), "cat")
	if err != nil || string(result.Stdout) != "hi" || result.Exit != 128+15 {
		t.Errorf("got %+v, %v", result, err)
	}
}

func TestChord(t *testing.T) {
	for char, want := range map[rune]string{'a': "a", 'A': "shift a", '!': "shift 1", '\n': "ret", '/': "slash", '"': "shift apostrophe"} {
		if keys, err := chord(char); err != nil || strings.Join(keys, " ") != want {
			t.Errorf("%q: got %q, %v", char, keys, err)
		}
	}
	if _, err := chord('é'); err == nil {
		t.Error("no error for a character without a key")
	}
}
