package network

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"auto-installer/internal/sys"
)

// iwd is the wireless daemon of that name, by iwctl(1). iwctl's table has been the
// same since version 1.
type iwd struct {
	s      sys.System
	root   string
	device string // the wireless interface, known after runs
}

// iwdState is where iwd keeps its networks (iwd.network(5)).
const iwdState = "var/lib/iwd"

func iwctl(does string, args ...string) sys.Cmd {
	// After --, an SSID is never an option. A prompt for a passphrase would wait
	// forever.
	return sys.Cmd{Does: does, Argv: append([]string{"iwctl", "--dont-ask", "--"}, args...), Quiet: true}
}

// Name implements Manager.
func (m *iwd) Name() string { return "iwd" }

// runs finds the first wireless interface that iwd uses as a station.
func (m *iwd) runs(ctx context.Context) bool {
	all, err := State(m.root)
	if err != nil {
		return false
	}
	for _, i := range all {
		if i.Kind != Wireless {
			continue
		}
		if _, err := m.s.Output(ctx, iwctl("check whether iwd runs", "station", i.Name, "show")); err == nil {
			m.device = i.Name
			return true
		}
	}
	return false
}

// scanTime is the time limit of a scan. iwctl itself returns at once.
const (
	scanTime = 12 * time.Second
	scanStep = 500 * time.Millisecond
)

// Scan implements Manager.
func (m *iwd) Scan(ctx context.Context) ([]AccessPoint, error) {
	// It fails if a scan is running, which is fine.
	if err := m.s.Run(ctx, iwctl("look for Wi-Fi networks", "station", m.device, "scan")); err != nil {
		m.s.Log(err.Error())
	}
	for began := time.Now(); time.Since(began) < scanTime; {
		out, err := m.s.Output(ctx, iwctl("check whether the scan has ended", "station", m.device, "show"))
		if err != nil || !scanning(string(out)) {
			break
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(scanStep):
		}
	}
	out, err := m.s.Output(ctx, iwctl("list the Wi-Fi networks", "station", m.device, "get-networks", "rssi-dbms"))
	if err != nil {
		return nil, scanFault(ctx, err)
	}
	return parseIwctl(string(out)), nil
}

// colour is what iwctl puts around words, even without a terminal. Other escape
// sequences may be part of an SSID.
var colour = regexp.MustCompile("\x1b\\[[0-9;]*m")

// scanning reads the line "Scanning  yes" of a station's properties.
func scanning(out string) bool {
	for line := range strings.Lines(colour.ReplaceAllString(out, "")) {
		if f := strings.Fields(line); len(f) >= 2 && f[len(f)-2] == "Scanning" {
			return f[len(f)-1] == "yes"
		}
	}
	return false
}

// row is a line of iwctl's table (iwd: client/station.c,
// ordered_networks_display): six columns for the margin and the mark of the
// network in use, the name, blanks, its type, and the signal in hundredths of
// dBm.
var row = regexp.MustCompile(`^(?s)  (> |  )  (.+?) +(open|wep|psk|8021x|hotspot) +(-?[0-9]{1,6}) *$`)

// parseIwctl reads the table of networks. It ignores other lines, and a name that
// iwctl breaks over two lines.
func parseIwctl(out string) []AccessPoint {
	var all []AccessPoint
	for line := range strings.SplitSeq(out, "\n") {
		f := row.FindStringSubmatch(colour.ReplaceAllString(strings.TrimRight(line, "\r"), ""))
		if f == nil {
			continue
		}
		kind, ok := map[string]Security{"open": Open, "psk": WPA}[f[3]]
		if !ok {
			kind = Unsuitable
		}
		hundredths, _ := strconv.Atoi(f[4]) // digits
		all = append(all, AccessPoint{SSID: f[2], InUse: f[1] == "> ", Security: kind, Signal: percent(float64(hundredths) / 100)})
	}
	return merge(all)
}

// percent turns dBm into percent: -50 dBm and more is 100, -100 dBm is 0.
func percent(dBm float64) int {
	return int(math.Round(min(max(2*(dBm+100), 0), 100)))
}

// Connect implements Manager. The passphrase goes into iwd's own file, which only
// root can read.
func (m *iwd) Connect(ctx context.Context, ap AccessPoint, passphrase []byte) error {
	if err := check(ap, passphrase); err != nil {
		return err
	}
	back := func() error { return nil }
	kind := "open"
	if ap.Secured {
		kind = "psk"
		var err error
		if back, err = m.know(ap.SSID, passphrase); err != nil {
			return sys.WithHint(err, sys.CodeMachine, "run the installer as root, and make /var writable", "writing the passphrase for iwd")
		}
	}
	c := iwctl("join the Wi-Fi network", "station", m.device, "connect", ap.SSID, kind)
	c.Quiet = false
	if err := m.s.Run(ctx, c); err != nil {
		return joinFault(ctx, ap, errors.Join(err, back()))
	}
	return nil
}

// know writes iwd's file for a network, and returns a function that restores the
// earlier file.
func (m *iwd) know(ssid string, passphrase []byte) (back func() error, err error) {
	dir := filepath.Join(m.root, iwdState)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	file := filepath.Join(dir, iwdFile(ssid))
	before, err := os.ReadFile(file)
	switch {
	case err == nil:
		back = func() error { return sys.WriteFile(file, before, 0o600) }
	case errors.Is(err, fs.ErrNotExist):
		back = func() error { return os.Remove(file) }
	default:
		return nil, err
	}
	data := iwdNetwork(passphrase)
	defer clear(data)
	return back, sys.WriteFile(file, data, 0o600)
}

// iwdFile is the name of a network's file: the SSID as it is if it has only
// letters, digits, blanks, underscores and minus signs, and else in
// hexadecimal after an equals sign (iwd.network(5), naming).
func iwdFile(ssid string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_ ", r)
	}
	if strings.IndexFunc(ssid, func(r rune) bool { return !plain(r) }) >= 0 {
		ssid = "=" + hex.EncodeToString([]byte(ssid))
	}
	return ssid + ".psk"
}

// iwdNetwork is the content of such a file. It has backslash escapes, and iwd
// trims blanks at the start (iwd.network(5), file format).
func iwdNetwork(passphrase []byte) []byte {
	key := "Passphrase="
	if isKey(passphrase) {
		key = "PreSharedKey="
	}
	value := escaped(passphrase, func(c byte) string {
		switch c {
		case '\\':
			return `\\`
		case ' ':
			return `\s`
		}
		return ""
	})
	defer clear(value)
	return bytes.Join([][]byte{[]byte("[Security]\n" + key), value, []byte("\n")}, nil)
}
