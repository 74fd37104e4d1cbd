package network

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"auto-installer/internal/sys"
)

// Security is how a Wi-Fi network is secured.
type Security int

// Values of Security.
const (
	Open       Security = iota
	OWE                 // encrypted without a passphrase (Enhanced Open)
	WPA                 // a passphrase: WPA, WPA2, and WPA3 beside these
	SAE                 // a passphrase: WPA3 only
	Unsuitable          // WEP, and 802.1X, which needs more than a passphrase
)

// AccessPoint is a Wi-Fi network in reach.
type AccessPoint struct {
	SSID     string // any bytes, at most 32; show Name instead
	Signal   int    // percent
	Secured  bool   // needs a passphrase, or more
	InUse    bool
	Security Security
}

// Name is the SSID made safe for a screen.
func (ap AccessPoint) Name() string { return sys.Clean(ap.SSID) }

// check refuses a name or a passphrase that the network cannot have, before
// NetworkManager tries it. A passphrase has 8 to 63 printable ASCII characters, or 64
// hexadecimal digits for the key itself (IEEE 802.11-2020, annex J.4.1). The
// error does not contain it.
func check(ap AccessPoint, passphrase []byte) error {
	const hint = "type the passphrase as printed on the router; upper and lower case differ"
	bad := func(format string, args ...any) error { return sys.Faultf(sys.CodeUsage, hint, format, args...) }
	if err := checkSSID(ap.SSID); err != nil {
		return err
	}
	switch ap.Security {
	case Open, OWE:
		if len(passphrase) > 0 {
			return bad("this network has no passphrase")
		}
		return nil
	case Unsuitable:
		return sys.Faultf(sys.CodeUsage, "use a network with WPA2 or WPA3 and a passphrase, or a cable",
			"the network %q needs more than a passphrase (802.1X), or uses WEP, which is broken", ap.Name())
	}
	n := len(passphrase)
	printable := !slices.ContainsFunc(passphrase, func(c byte) bool { return c < 32 || c > 126 })
	switch {
	case n == 64 && isKey(passphrase):
		return nil
	case n < 8:
		return bad("a Wi-Fi passphrase has at least 8 characters; this one has %d", utf8.RuneCount(passphrase))
	case n > 63:
		return bad("a Wi-Fi passphrase has at most 63 characters, or is a key of 64 hexadecimal digits")
	case !printable:
		return bad("a Wi-Fi passphrase has only letters, digits and signs of plain ASCII; check the keyboard layout")
	}
	return nil
}

// isKey reports whether a passphrase is hexadecimal, as the key itself.
func isKey(passphrase []byte) bool {
	return !slices.ContainsFunc(passphrase, func(c byte) bool { return !strings.ContainsRune("0123456789abcdefABCDEF", rune(c)) })
}

// checkSSID refuses names that no command line can contain.
func checkSSID(ssid string) error {
	if ssid == "" || len(ssid) > 32 || strings.ContainsRune(ssid, 0) {
		return sys.Faultf(sys.CodeUsage, "choose a network from the list", "a Wi-Fi network's name has 1 to 32 bytes")
	}
	return nil
}

// merge joins the radios of one network, and sorts: the network in use first, then
// by strength. Networks of different security stay apart, so that an open
// network cannot pass as a secured one.
func merge(all []AccessPoint) []AccessPoint {
	var merged []AccessPoint
	for _, ap := range all {
		if checkSSID(ap.SSID) != nil {
			continue // hidden, or unusable
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
		inUse := map[bool]int{true: 1}
		return cmp.Or(cmp.Compare(inUse[b.InUse], inUse[a.InUse]), cmp.Compare(b.Signal, a.Signal), cmp.Compare(a.SSID, b.SSID))
	})
	return merged
}
