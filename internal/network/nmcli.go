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

func nmcli(does string, args ...string) sys.Cmd {
	return sys.Cmd{
		Does: does,
		Argv: append([]string{"nmcli", "--terse", "--colors", "no"}, args...),
		Env:  []string{"LC_ALL=C.UTF-8"}, // otherwise it translates its output
	}
}

// HasWiFi reports whether NetworkManager runs, which joins Wi-Fi networks.
func HasWiFi(ctx context.Context, s sys.System) bool {
	c := nmcli("check whether NetworkManager runs", "--fields", "RUNNING", "general", "status")
	c.Quiet = true
	out, err := s.Output(ctx, c)
	return err == nil && strings.TrimSpace(string(out)) == "running"
}

// Scan looks for Wi-Fi networks, which takes some seconds. It lists the strongest
// first, each network once, and no hidden ones. The error is a *sys.Fault, or the
// context's cause.
func Scan(ctx context.Context, s sys.System) ([]AccessPoint, error) {
	c := nmcli("look for Wi-Fi networks", "--escape", "yes", "--fields", "IN-USE,SIGNAL,SECURITY,SSID-HEX",
		"device", "wifi", "list", "--rescan", "yes")
	c.Quiet = true
	out, err := s.Output(ctx, c)
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, sys.WithHint(err, sys.CodeSource, "check that the Wi-Fi adapter is attached and switched on (`rfkill list`)",
			"looking for Wi-Fi networks")
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

// Join joins a network from Scan, and returns once it is joined; an address may
// come later. The passphrase, nil for a network without one, goes in on standard
// input, as a password file, and from there to NetworkManager's memory. The error
// is as in Scan.
func Join(ctx context.Context, s sys.System, ap AccessPoint, passphrase []byte) error {
	if err := check(ap, passphrase); err != nil {
		return err
	}
	forget(ctx, s) // of an earlier attempt
	if err := s.Run(ctx, addCmd(ap)); err != nil {
		return joinFault(ctx, ap, err)
	}
	up := nmcli("join the Wi-Fi network", "--wait", "45", "connection", "up", "id", profile)
	if ap.Secured {
		secrets := passwordFile(passphrase)
		defer clear(secrets)
		up.Argv = append(up.Argv, "passwd-file", "/dev/stdin")
		up.Stdin, up.Secret = secrets, "passphrase"
	}
	if err := s.Run(ctx, up); err != nil {
		forget(context.WithoutCancel(ctx), s)
		return joinFault(ctx, ap, err)
	}
	// Earlier, NetworkManager could try to connect before it has the passphrase.
	// Without this, the network works until the signal is lost once.
	again := nmcli("join it again by itself", "connection", "modify", "--temporary", "id", profile, "connection.autoconnect", "yes")
	if err := s.Run(ctx, again); err != nil {
		s.Log("Wi-Fi will not come back by itself: " + err.Error())
	}
	return nil
}

// forget removes the profile, if there is one.
func forget(ctx context.Context, s sys.System) {
	c := nmcli("forget the profile", "connection", "delete", "id", profile)
	c.Quiet = true
	_, _ = s.Output(ctx, c)
}

// joinFault explains why joining failed.
func joinFault(ctx context.Context, ap AccessPoint, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	hint := "try again closer to the router, or use another network"
	if ap.Secured {
		hint = "the passphrase is probably wrong: type it again and check the keyboard layout; or move closer to the router"
	}
	return sys.WithHint(err, sys.CodeSource, hint, fmt.Sprintf("joining the Wi-Fi network %q", ap.Name()))
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
	const setting = "802-11-wireless-security.psk:"
	file := make([]byte, 0, len(setting)+4*len(passphrase)+1) // growing later would leave a copy in memory
	file = append(file, setting...)
	for _, c := range passphrase {
		if c == '\\' || c <= ' ' || c > '~' {
			file = fmt.Appendf(file, `\%03o`, c)
		} else {
			file = append(file, c)
		}
	}
	return append(file, '\n')
}
