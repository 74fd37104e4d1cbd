package network

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"auto-installer/internal/sys"
)

// Manager is a program that joins Wi-Fi networks. Its errors are *sys.Fault,
// or the context's cause.
type Manager interface {
	// Name is the program's, for people.
	Name() string
	// Scan looks for networks, which takes some seconds. The strongest come
	// first; several radios of one network are one, hidden networks none.
	Scan(ctx context.Context) ([]AccessPoint, error)
	// Connect joins a network that Scan found, and returns once it is joined;
	// an address may come later. The passphrase is nil for one without. It is
	// neither kept nor put into a command line, a log or an error.
	Connect(ctx context.Context, ap AccessPoint, passphrase []byte) error
}

// How a Wi-Fi network is secured.
type Security int

// Values of Security.
const (
	Open       Security = iota
	OWE                 // encrypted without a passphrase (Enhanced Open)
	WPA                 // a passphrase: WPA, WPA2, and WPA3 beside these
	SAE                 // a passphrase: WPA3 only
	Unsuitable          // WEP, and 802.1X, which wants more than a passphrase
)

// AccessPoint is a Wi-Fi network in reach.
type AccessPoint struct {
	SSID     string // as it is sent: any bytes, at most 32; show Name instead
	Signal   int    // percent
	Secured  bool   // wants a passphrase, or more
	InUse    bool
	Security Security
}

// Name is the SSID made safe for a screen.
func (ap AccessPoint) Name() string { return sys.Clean(ap.SSID) }

// probe is how long a manager may take to say that it runs: iwctl waits for
// its daemon for ever.
const probe = 3 * time.Second

// WiFi finds the manager that is running: NetworkManager, or else iwd. It is
// nil, without an error, if there is none. Root is where /sys and /var/lib/iwd
// are.
func WiFi(ctx context.Context, s sys.System, root string) (Manager, error) {
	for _, m := range []interface {
		Manager
		runs(ctx context.Context) bool
	}{
		&networkManager{s: s},
		&iwd{s: s, root: root},
	} {
		short, cancel := context.WithTimeout(ctx, probe)
		runs := m.runs(short)
		cancel()
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if runs {
			return m, nil
		}
	}
	return nil, nil
}

// check says why a passphrase cannot be this network's, before anything tries
// it: 8 to 63 printable ASCII characters, or 64 hexadecimal digits for the key
// itself (IEEE 802.11-2020, annex J.4.1). The error does not hold it.
func check(ap AccessPoint, passphrase []byte) error {
	const hint = "type the passphrase as it is printed on the router; upper and lower case differ"
	bad := func(format string, args ...any) error { return sys.Faultf(sys.CodeUsage, hint, format, args...) }
	switch ap.Security {
	case Open, OWE:
		if len(passphrase) > 0 {
			return bad("this network has no passphrase")
		}
		return nil
	case Unsuitable:
		return sys.Faultf(sys.CodeUsage, "use a network with WPA2 or WPA3 and a passphrase, or a cable",
			"the network %q wants more than a passphrase (802.1X), or is of the broken kind WEP", ap.Name())
	}
	n := len(passphrase)
	printable := !slices.ContainsFunc(passphrase, func(c byte) bool { return c < 32 || c > 126 })
	switch {
	case n == 64 && isKey(passphrase):
		return nil
	case n < 8:
		return bad("a Wi-Fi passphrase has at least 8 characters, this has %d", utf8.RuneCount(passphrase))
	case n > 63:
		return bad("a Wi-Fi passphrase has at most 63 characters, or is a key of 64 hexadecimal digits")
	case !printable:
		return bad("a Wi-Fi passphrase has only letters, digits and signs of plain ASCII; see the keyboard layout")
	}
	return nil
}

// isKey tells the key itself from a passphrase.
func isKey(passphrase []byte) bool {
	key := make([]byte, 32)
	defer clear(key)
	_, err := hex.Decode(key, passphrase)
	return len(passphrase) == 64 && err == nil
}

// checkSSID refuses what no manager can be told on its command line.
func checkSSID(ssid string) error {
	if ssid == "" || len(ssid) > 32 || strings.ContainsRune(ssid, 0) {
		return sys.Faultf(sys.CodeUsage, "choose a network from the list", "a Wi-Fi network's name has 1 to 32 bytes")
	}
	return nil
}

// merge makes one of all radios with the same name and security, and sorts:
// the one in use, then by strength. What differs in security stays apart, so
// that nobody can put an open network in a secured one's place.
func merge(all []AccessPoint) []AccessPoint {
	var merged []AccessPoint
	for _, ap := range all {
		if checkSSID(ap.SSID) != nil {
			continue // hidden, or of no use
		}
		ap.Signal = min(max(ap.Signal, 0), 100)
		ap.Secured = ap.Security != Open && ap.Security != OWE
		i := slices.IndexFunc(merged, func(m AccessPoint) bool { return m.SSID == ap.SSID && m.Security == ap.Security })
		if i < 0 {
			merged = append(merged, ap)
			continue
		}
		merged[i].Signal = max(merged[i].Signal, ap.Signal)
		merged[i].InUse = merged[i].InUse || ap.InUse
	}
	slices.SortStableFunc(merged, func(a, b AccessPoint) int {
		switch {
		case a.InUse != b.InUse && a.InUse:
			return -1
		case a.InUse != b.InUse:
			return 1
		case a.Signal != b.Signal:
			return b.Signal - a.Signal
		}
		return strings.Compare(a.SSID, b.SSID)
	})
	return merged
}

// joinFault explains why joining failed.
func joinFault(ctx context.Context, ap AccessPoint, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	hint := "try again nearer to the router, or another network"
	if ap.Secured {
		hint = "most often the passphrase is wrong: type it again and see the keyboard layout; or go nearer to the router"
	}
	return sys.WithHint(err, sys.CodeSource, hint, fmt.Sprintf("joining the Wi-Fi network %q", ap.Name()))
}

// scanFault explains why looking for networks failed.
func scanFault(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return sys.WithHint(err, sys.CodeSource, "see that the Wi-Fi adapter is there and switched on (`rfkill list`)", "looking for Wi-Fi networks")
}

// escaped writes a passphrase with every byte that escape has something for
// replaced. The result is to be wiped.
func escaped(passphrase []byte, escape func(c byte) string) []byte {
	var out bytes.Buffer
	out.Grow(4 * len(passphrase)) // so that no copy is left behind
	for _, c := range passphrase {
		if e := escape(c); e != "" {
			out.WriteString(e)
		} else {
			out.WriteByte(c)
		}
	}
	return out.Bytes()
}
