package vm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"auto-installer/internal/sys"
)

// stages are in boot order. The last one is the proof: the system's own init runs,
// which the initrd starts only from the mounted root. The words are from OVMF,
// Linux, NixOS's scripts, systemd and getty.
var stages = []struct {
	name string
	seen *regexp.Regexp
}{
	{"the firmware", regexp.MustCompile(`BdsDxe: |UEFI Interactive Shell`)},
	{"the loader", regexp.MustCompile(`BdsDxe: starting Boot|systemd-boot|GNU GRUB`)},
	{"the kernel", regexp.MustCompile(`Linux version \d|EFI stub: |\[ +\d+\.\d{6}\]`)},
	{"the initrd", regexp.MustCompile(`<<< NixOS Stage 1 >>>|Running in initrd|Booting initrd of|(?i:passphrase for)`)},
	{"its init", regexp.MustCompile(`<<< NixOS Stage 2 >>>|(?:^|\n)[^\n ]+ login: ?$|Reached target [^\n]*(?i:multi-user|graphical)`)},
}

// welcome is systemd's greeting; in an initrd it says so.
var welcome = regexp.MustCompile(`Welcome to [^\n]*!`)

// dead matches a system that will boot no further.
var dead = regexp.MustCompile(`[^\n]*(?:Kernel panic - not syncing|[Ee]mergency (?:mode|shell|Shell)|No bootable (?:option|device)|` +
	`An error occurred in stage 1|BdsDxe: failed to (?:load|start)|Timed out waiting for device|Error loading EFI binary|Failed to (?:load|execute|start) [^\n]*\.efi)[^\n]*`)

// prompt matches a prompt for the LUKS passphrase, at the end of the output.
var prompt = regexp.MustCompile(`(?i)(?:passphrase|password)[^\n]*:(?: ?\(press tab for no echo\))? ?$`)

const (
	most     = 16 << 10               // how much output is searched, in bytes
	maxTyped = 3                      // how often the passphrase is typed
	pause    = 400 * time.Millisecond // a prompt drops earlier input
)

var errEnded = errors.New("the serial line ended")

// watch follows a serial line.
type watch struct {
	s          sys.System
	passphrase []byte
	began      time.Time
	limit      time.Duration
	line       net.Conn

	at    int    // stages reached
	text  []byte // the last of the output
	whole int    // how much of text is logged
	typed int
}

// reached says how far the system came.
func (w *watch) reached() string {
	if w.at == 0 {
		return "the serial line stayed silent"
	}
	return "the system came as far as " + stages[w.at-1].name
}

// follow reads until the system reaches init, or fails to.
func (w *watch) follow(ctx context.Context) (string, error) {
	buf := make([]byte, 4096)
	for {
		w.s.Progress(sys.Progress{
			Done: int64(min(time.Since(w.began), w.limit) / time.Second), Total: int64(w.limit / time.Second), Unit: "seconds at most", Label: w.reached(),
		})
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		if time.Since(w.began) > w.limit {
			return "", inconclusive{fmt.Errorf("%s within %v", w.reached(), w.limit)}
		}
		_ = w.line.SetReadDeadline(time.Now().Add(time.Second)) // a socket takes it
		n, err := w.line.Read(buf)
		w.take(buf[:n])
		if how, err := w.judge(); how != "" || err != nil {
			return how, err
		}
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return "", errEnded
		}
		// A prompt is complete when the line is quiet.
		if errors.Is(err, os.ErrDeadlineExceeded) || prompt.Match(w.text) {
			if how, err := w.answer(); how != "" || err != nil {
				return how, err
			}
		}
	}
}

// take adds output, and logs its lines.
func (w *watch) take(b []byte) {
	w.text = append(w.text, bytes.ReplaceAll(b, []byte("\r"), nil)...)
	for {
		i := bytes.IndexByte(w.text[w.whole:], '\n')
		if i < 0 {
			break
		}
		w.log(w.text[w.whole : w.whole+i])
		w.whole += i + 1
	}
	if len(w.text) > 2*most {
		drop := len(w.text) - most
		w.text = append([]byte(nil), w.text[drop:]...)
		w.whole = max(0, w.whole-drop)
	}
}

func (w *watch) log(line []byte) {
	if text := w.redact(string(line)); text != "" {
		w.s.Log("vm: " + text)
	}
}

// redact makes a line safe to log, without the passphrase if the system echoed
// it.
func (w *watch) redact(line string) string {
	if len(w.passphrase) > 0 {
		line = strings.ReplaceAll(line, string(w.passphrase), "<passphrase>")
	}
	return strings.TrimSpace(sys.Clean(line))
}

// judge searches the output for a new stage, or a failure.
func (w *watch) judge() (how string, err error) {
	text := ansi.Strip(string(w.text))
	for i := len(stages) - 1; i >= w.at; i-- {
		last := i == len(stages)-1
		if stages[i].seen.MatchString(text) || last && greets(text) {
			w.at = i + 1
			break
		}
	}
	if w.at == len(stages) {
		return fmt.Sprintf("the disk starts in a virtual machine, from the firmware to %s, in %.0f s", stages[w.at-1].name, time.Since(w.began).Seconds()), nil
	}
	if line := dead.FindString(text); line != "" {
		return "", fmt.Errorf("%s, and then: %s", w.reached(), w.redact(line))
	}
	return "", nil
}

func greets(text string) bool {
	for _, line := range welcome.FindAllString(text, -1) {
		if low := strings.ToLower(line); !strings.Contains(low, "initr") && !strings.Contains(low, "grub") {
			return true
		}
	}
	return false
}

// answer types the passphrase at a prompt.
func (w *watch) answer() (how string, err error) {
	text := ansi.Strip(string(w.text))
	if !prompt.MatchString(text) {
		return "", nil
	}
	switch {
	case len(w.passphrase) == 0:
		w.s.Warn("not proven: the boot after the passphrase prompt, because there is no passphrase for the virtual machine")
		return "the disk starts in a virtual machine, up to its passphrase prompt", nil
	case w.typed == maxTyped:
		return "", errors.New("the system asks for the passphrase again")
	}
	w.typed++
	w.log(w.text[w.whole:])
	time.Sleep(pause)
	typed := append(append([]byte(nil), w.passphrase...), '\r')
	_, err = w.line.Write(typed)
	clear(typed)
	// The prompt is answered.
	w.text, w.whole = nil, 0
	if err != nil {
		return "", errEnded
	}
	return "", nil
}
