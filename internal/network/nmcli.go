package network

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"auto-installer/internal/sys"
)

// profile is the installer's connection. NetworkManager keeps it in memory only,
// until it restarts.
const profile = "auto-installer-wifi"

// networkManager is NetworkManager by nmcli(1).
type networkManager struct{ s sys.System }

func nmcli(does string, args ...string) sys.Cmd {
	return sys.Cmd{
		Does: does,
		Argv: append([]string{"nmcli", "--terse", "--colors", "no"}, args...),
		Env:  []string{"LC_ALL=C.UTF-8"}, // otherwise it translates its output
	}
}

// Name implements Manager.
func (m *networkManager) Name() string { return "NetworkManager" }

func (m *networkManager) runs(ctx context.Context) bool {
	c := nmcli("check whether NetworkManager runs", "--fields", "RUNNING", "general", "status")
	c.Quiet = true
	out, err := m.s.Output(ctx, c)
	return err == nil && strings.TrimSpace(string(out)) == "running"
}

// Scan implements Manager.
func (m *networkManager) Scan(ctx context.Context) ([]AccessPoint, error) {
	c := nmcli("look for Wi-Fi networks", "--escape", "yes", "--fields", "IN-USE,SIGNAL,SECURITY,SSID-HEX",
		"device", "wifi", "list", "--rescan", "yes")
	c.Quiet = true
	out, err := m.s.Output(ctx, c)
	if err != nil {
		return nil, scanFault(ctx, err)
	}
	return parseNmcli(string(out)), nil
}

// parseNmcli reads IN-USE:SIGNAL:SECURITY:SSID-HEX (NetworkManager:
// src/nmcli/devices.c, fill_output_access_point). The SSID comes in
// hexadecimal because the readable form loses bytes. No value has a colon. It
// ignores other lines.
func parseNmcli(out string) []AccessPoint {
	var all []AccessPoint
	for line := range strings.Lines(out) {
		f := strings.Split(strings.TrimRight(line, "\r\n"), ":")
		if len(f) != 4 {
			continue
		}
		signal, err1 := strconv.Atoi(f[1])
		ssid, err2 := hex.DecodeString(f[3])
		if err1 != nil || err2 != nil {
			continue
		}
		all = append(all, AccessPoint{SSID: string(ssid), Signal: signal, InUse: f[0] == "*", Security: nmSecurity(f[2])})
	}
	return merge(all)
}

// nmSecurity reads "WPA1 WPA2 802.1X" and the like.
func nmSecurity(s string) Security {
	words := strings.Fields(s)
	has := func(w string) bool { return slices.Contains(words, w) }
	switch {
	case len(words) == 0, has("--"):
		return Open
	case has("802.1X"), has("WPA-EAP-SUITE-B-192"), has("WEP"):
		return Unsuitable
	case has("WPA1"), has("WPA2"):
		return WPA
	case has("WPA3"):
		return SAE
	case has("OWE"):
		return OWE
	case has("OWE-TM"): // the open half of a network with an OWE half
		return Open
	}
	return Unsuitable
}

// Connect implements Manager. The passphrase goes in on standard input, as a
// password file, and from there to NetworkManager's memory.
func (m *networkManager) Connect(ctx context.Context, ap AccessPoint, passphrase []byte) error {
	if err := check(ap, passphrase); err != nil {
		return err
	}
	m.forget(ctx) // of an earlier attempt
	if err := m.s.Run(ctx, addCmd(ap)); err != nil {
		return joinFault(ctx, ap, err)
	}
	up := nmcli("join the Wi-Fi network", "--wait", "45", "connection", "up", "id", profile)
	if ap.Secured {
		secrets := passwordFile(passphrase)
		defer clear(secrets)
		up.Argv = append(up.Argv, "passwd-file", "/dev/stdin")
		up.Stdin, up.Secret = secrets, "passphrase"
	}
	if err := m.s.Run(ctx, up); err != nil {
		m.forget(context.WithoutCancel(ctx))
		return joinFault(ctx, ap, err)
	}
	// Earlier, NetworkManager could try to connect before it has the passphrase.
	// Without this, the network works until the signal is lost once.
	again := nmcli("join it again by itself", "connection", "modify", "--temporary", "id", profile, "connection.autoconnect", "yes")
	if err := m.s.Run(ctx, again); err != nil {
		m.s.Log("Wi-Fi will not come back by itself: " + err.Error())
	}
	return nil
}

// forget removes the profile, if there is one.
func (m *networkManager) forget(ctx context.Context) {
	c := nmcli("forget the profile", "connection", "delete", "id", profile)
	c.Quiet = true
	_, _ = m.s.Output(ctx, c)
}

// addCmd makes the profile, with the keys of nm-settings-nmcli(5). wpa-psk includes
// WPA3 where both ends support it.
func addCmd(ap AccessPoint) sys.Cmd {
	args := []string{
		"connection", "add", "type", "wifi", "con-name", profile, "ifname", "*", "save", "no", "autoconnect", "no",
		"ssid", ap.SSID,
	}
	if key := map[Security]string{WPA: "wpa-psk", SAE: "sae", OWE: "owe"}[ap.Security]; key != "" {
		args = append(args, "wifi-sec.key-mgmt", key)
	}
	return nmcli("make a profile for the Wi-Fi network", args...)
}

// passwordFile is nmcli's passwd-file. It has backslash escapes, and nmcli trims
// blanks at both ends (NetworkManager:
// src/libnmc-base/nm-client-utils.c, nmc_utils_parse_passwd_file).
func passwordFile(passphrase []byte) []byte {
	value := escaped(passphrase, func(c byte) string {
		if c == '\\' || c <= ' ' || c > '~' {
			return fmt.Sprintf(`\%03o`, c)
		}
		return ""
	})
	defer clear(value)
	const setting = "802-11-wireless-security.psk:"
	file := make([]byte, 0, len(setting)+len(value)+1)
	return append(append(append(file, setting...), value...), '\n')
}
