package lab

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"regexp"
	"sync"
)

// Console is a serial line. It keeps everything that the machine prints, and matches
// it in order, as a person would read it.
type Console struct {
	conn io.ReadWriter

	mu      sync.Mutex
	text    []byte        // everything printed so far
	read    int           // how much of it Expect has matched
	mirror  io.Writer     // sees the text as it comes, see Mirror
	closed  bool          // the other end is gone
	changed chan struct{} // closed and replaced when text grows or the line closes
}

// newConsole starts to read conn, and copies what it reads to the writers.
func newConsole(conn io.ReadWriter, copies ...io.Writer) *Console {
	c := &Console{conn: conn, changed: make(chan struct{})}
	go c.follow(io.MultiWriter(copies...))
	return c
}

func (c *Console) follow(copies io.Writer) {
	piece := make([]byte, 4096)
	for {
		n, err := c.conn.Read(piece)
		_, _ = copies.Write(piece[:n])
		c.mu.Lock()
		if c.mirror != nil {
			_, _ = c.mirror.Write(piece[:n])
		}
		c.text = append(c.text, piece[:n]...)
		c.closed = err != nil
		close(c.changed)
		c.changed = make(chan struct{})
		c.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// Expect waits until pattern matches the text after the last match, and returns the
// match and its groups.
func (c *Console) Expect(ctx context.Context, pattern *regexp.Regexp) ([]string, error) {
	for {
		c.mu.Lock()
		rest, closed, changed := c.text[c.read:], c.closed, c.changed
		if at := pattern.FindSubmatchIndex(rest); at != nil {
			c.read += at[1]
			c.mu.Unlock()
			return groups(rest, at), nil
		}
		c.mu.Unlock()
		if closed {
			return nil, fmt.Errorf("console: closed before /%s/ came; its last lines:\n%s", pattern, tail(rest))
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, fmt.Errorf("console: /%s/ did not come: %w; its last lines:\n%s", pattern, context.Cause(ctx), tail(rest))
		}
	}
}

// ExpectString is Expect for a literal text.
func (c *Console) ExpectString(ctx context.Context, text string) error {
	_, err := c.Expect(ctx, regexp.MustCompile(regexp.QuoteMeta(text)))
	return err
}

// Write types text on the console; a line needs its "\r".
func (c *Console) Write(text []byte) (int, error) { return c.conn.Write(text) }

// Type is Write for a string.
func (c *Console) Type(text string) error {
	_, err := io.WriteString(c.conn, text)
	return err
}

// Mirror writes everything printed so far to w, and then what follows.
func (c *Console) Mirror(w io.Writer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, _ = w.Write(c.text)
	c.mirror = w
}

// Transcript returns everything that the machine has printed so far.
func (c *Console) Transcript() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return bytes.Clone(c.text)
}

func groups(text []byte, at []int) []string {
	var found []string
	for i := 0; i < len(at); i += 2 {
		group := ""
		if at[i] >= 0 {
			group = string(text[at[i]:at[i+1]])
		}
		found = append(found, group)
	}
	return found
}

// tail returns the end of a text, for an error message.
func tail(text []byte) []byte {
	const most = 1500
	if len(text) > most {
		text = text[len(text)-most:]
	}
	return text
}
