package lab

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// Monitor talks QMP to a running QEMU.
type Monitor struct {
	conn io.ReadWriter
	call sync.Mutex // one command at a time

	answers chan qmpMessage

	mu      sync.Mutex
	events  []Event
	changed chan struct{} // closed and replaced at each event, and at the end
	closed  bool
}

// Event is an event that QEMU reported, such as DEVICE_DELETED.
type Event struct {
	Name string
	Data json.RawMessage
}

type qmpMessage struct {
	Return json.RawMessage `json:"return"`
	Error  *qmpError       `json:"error"`
	Event  string          `json:"event"`
	Data   json.RawMessage `json:"data"`
}

type qmpError struct {
	Class string `json:"class"`
	Desc  string `json:"desc"`
}

func (e *qmpError) Error() string { return e.Desc }

var errGone = errors.New("the machine is gone")

// newMonitor reads QEMU's greeting and enters command mode.
func newMonitor(ctx context.Context, conn io.ReadWriter, log io.Writer) (*Monitor, error) {
	m := &Monitor{conn: conn, answers: make(chan qmpMessage), changed: make(chan struct{})}
	go m.follow(log)
	if err := m.Execute(ctx, "qmp_capabilities", nil, nil); err != nil {
		return nil, err
	}
	return m, nil
}

func (m *Monitor) follow(log io.Writer) {
	defer close(m.answers)
	lines := bufio.NewReader(m.conn)
	for {
		line, err := lines.ReadBytes('\n')
		_, _ = log.Write(line)
		var message qmpMessage
		if len(line) > 0 && json.Unmarshal(line, &message) == nil {
			switch {
			case message.Event != "":
				m.note(Event{message.Event, message.Data}, false)
			case message.Return != nil || message.Error != nil:
				m.answers <- message
			}
		}
		if err != nil {
			m.note(Event{}, true)
			return
		}
	}
}

func (m *Monitor) note(event Event, closed bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !closed {
		m.events = append(m.events, event)
	}
	m.closed = closed
	close(m.changed)
	m.changed = make(chan struct{})
}

// Execute runs one QMP command and stores what it returned in result, unless nil.
func (m *Monitor) Execute(ctx context.Context, command string, arguments, result any) error {
	m.call.Lock()
	defer m.call.Unlock()
	request, err := json.Marshal(struct {
		Execute   string `json:"execute"`
		Arguments any    `json:"arguments,omitempty"`
	}{command, arguments})
	if err != nil {
		return err
	}
	if _, err := m.conn.Write(append(request, '\n')); err != nil {
		return fmt.Errorf("qmp %s: %w", command, err)
	}
	select {
	case answer, ok := <-m.answers:
		switch {
		case !ok:
			return fmt.Errorf("qmp %s: %w", command, errGone)
		case answer.Error != nil:
			return fmt.Errorf("qmp %s: %w", command, answer.Error)
		case result != nil:
			return json.Unmarshal(answer.Return, result)
		}
		return nil
	case <-ctx.Done():
		// Discard a late answer, so that the next command does not get it.
		go func() { <-m.answers }()
		return fmt.Errorf("qmp %s: %w", command, context.Cause(ctx))
	}
}

// AwaitEvent waits for the first event, past or to come, that want accepts.
func (m *Monitor) AwaitEvent(ctx context.Context, want func(Event) bool) (Event, error) {
	seen := 0
	for {
		m.mu.Lock()
		fresh, changed, closed := m.events[seen:], m.changed, m.closed
		m.mu.Unlock()
		for _, event := range fresh {
			seen++
			if want(event) {
				return event, nil
			}
		}
		if closed {
			return Event{}, errGone
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Event{}, context.Cause(ctx)
		}
	}
}
