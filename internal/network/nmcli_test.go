package network

import (
	"context"
	"encoding/hex"
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"auto-installer/internal/sys"
)

func nmArgs(args ...string) []string {
	return append([]string{"nmcli", "--terse", "--colors", "no"}, args...)
}

var (
	nmForget = nmArgs("connection", "delete", "id", profile)
	nmUp     = nmArgs("--wait", "45", "connection", "up", "id", profile)
	nmAuto   = nmArgs("connection", "modify", "--temporary", "id", profile, "connection.autoconnect", "yes")
)

func nmAdd(more ...string) []string {
	return nmArgs(append([]string{
		"connection", "add", "type", "wifi", "con-name", profile, "ifname", "*", "save", "no", "autoconnect", "no", "ssid",
	}, more...)...)
}

func TestHasWiFi(t *testing.T) {
	for want, prints := range map[bool]string{true: "running\n", false: "not running\n"} {
		f := sys.NewFake(t)
		f.Expect(nmArgs("--fields", "RUNNING", "general", "status")...).Prints(prints)
		if HasWiFi(t.Context(), f) != want {
			t.Errorf("%q: not %v", prints, want)
		}
	}
	f := sys.NewFake(t)
	f.Expect(nmArgs("--fields", "RUNNING", "general", "status")...).Fails(127, "not found")
	if HasWiFi(t.Context(), f) {
		t.Error("without nmcli")
	}
}

func TestNmcliScan(t *testing.T) {
	f := sys.NewFake(t)
	f.Expect(nmArgs("--escape", "yes", "--fields", "IN-USE,SIGNAL,SECURITY,SSID-HEX", "device", "wifi", "list", "--rescan", "yes")...).Prints(
		" :62:WPA2:686F6D65\n" + // home
			"*:80:WPA1 WPA2:686F6D65\n" +
			" :55:WPA2 WPA3:613A625C63\n" + // a:b\c
			" :54:WPA3:736165\n" +
			" :53:OWE:6F7765\n" +
			" :52::63616665\n" + // cafe
			" :51:WPA2 802.1X:776F726B\n" +
			" :50:WEP:6F6C64\n" +
			" :49:WPA2:\n" + // hidden
			" :48:WPA2:FF1B5B324A0A\n" + // not UTF-8, and a screen that is cleared
			"Error: junk\n :x:WPA2:61\n :1:WPA2:6\n")
	got, err := Scan(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	want := []AccessPoint{
		{SSID: "home", Signal: 80, Secured: true, InUse: true, Security: WPA},
		{SSID: `a:b\c`, Signal: 55, Secured: true, Security: WPA},
		{SSID: "sae", Signal: 54, Secured: true, Security: SAE},
		{SSID: "owe", Signal: 53, Security: OWE},
		{SSID: "cafe", Signal: 52},
		{SSID: "work", Signal: 51, Secured: true, Security: Unsuitable},
		{SSID: "old", Signal: 50, Secured: true, Security: Unsuitable},
		{SSID: "\xff\x1b[2J\n", Signal: 48, Secured: true, Security: WPA},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	f.Expect(f.Ran[0].Argv...).Fails(2, "Error: no Wi-Fi device found.")
	if _, err := Scan(t.Context(), f); err == nil || !strings.Contains(err.Error(), "no Wi-Fi device") {
		t.Errorf("%v", err)
	}
}

func TestNmcliConnect(t *testing.T) {
	f := sys.NewFake(t)
	f.Expect(nmForget...).Fails(10, "unknown connection")
	f.Expect(nmAdd("home", "wifi-sec.key-mgmt", "wpa-psk")...)
	f.Expect(append(slices.Clone(nmUp), "passwd-file", "/dev/stdin")...)
	f.Expect(nmAuto...)
	var seen []byte
	watched := &spy{System: f, see: func(c sys.Cmd) { seen = append(seen, c.Stdin...) }}
	err := Join(t.Context(), watched, AccessPoint{SSID: "home", Secured: true, Security: WPA}, []byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	if want := `802-11-wireless-security.psk:correct\040"horse"\040\134battery\040` + "\n"; string(seen) != want {
		t.Errorf("input %q", seen)
	}
	nowhere(t, f, nil)
	for _, c := range f.Ran {
		if strings.Trim(string(c.Stdin), "\x00") != "" {
			t.Errorf("%s: its input is not wiped", c)
		}
	}
}

// spy sees commands while they run, before their input is wiped.
type spy struct {
	sys.System
	see func(sys.Cmd)
}

func (s *spy) Run(ctx context.Context, c sys.Cmd) error {
	s.see(c)
	return s.System.Run(ctx, c)
}

func TestNmcliConnectKinds(t *testing.T) {
	for security, more := range map[Security][]string{
		Open: {"-x"}, OWE: {"-x", "wifi-sec.key-mgmt", "owe"}, SAE: {"-x", "wifi-sec.key-mgmt", "sae"},
	} {
		f := sys.NewFake(t)
		f.Expect(nmForget...)
		f.Expect(nmAdd(more...)...)
		ap, up, pass := AccessPoint{SSID: "-x", Security: security}, nmUp, []byte(nil)
		if security == SAE {
			ap.Secured, pass, up = true, []byte(secret), append(slices.Clone(nmUp), "passwd-file", "/dev/stdin")
		}
		f.Expect(up...)
		f.Expect(nmAuto...).Fails(1, "no") // no reason to fail
		if err := Join(t.Context(), f, ap, pass); err != nil {
			t.Errorf("%d: %v", security, err)
		}
	}
}

func TestNmcliConnectFails(t *testing.T) {
	ap := AccessPoint{SSID: "home", Secured: true, Security: WPA}
	f := sys.NewFake(t)
	f.Expect(nmForget...)
	f.Expect(nmAdd("home", "wifi-sec.key-mgmt", "wpa-psk")...)
	f.Expect(append(slices.Clone(nmUp), "passwd-file", "/dev/stdin")...).Fails(4, "Error: Connection activation failed: Secrets were required, but not provided.")
	f.Expect(nmForget...)
	err := Join(t.Context(), f, ap, []byte(secret))
	fault, ok := errors.AsType[*sys.Fault](err)
	if !ok || !strings.Contains(fault.Hint, "passphrase is probably wrong") || fault.Code != sys.CodeSource {
		t.Errorf("%+v", err)
	}
	nowhere(t, f, err)

	// Refused before any command.
	f = sys.NewFake(t)
	for _, c := range []struct {
		ap   AccessPoint
		pass string
	}{{ap, "short"}, {AccessPoint{}, ""}, {AccessPoint{SSID: "x", Security: Unsuitable, Secured: true}, secret}} {
		if err := Join(t.Context(), f, c.ap, []byte(c.pass)); err == nil {
			t.Errorf("%+v is taken", c)
		}
	}
}

// unescapePassword is what nmcli makes of a value in a password file
// (NetworkManager: src/libnm-glib-aux/nm-shared-utils.c,
// nm_utils_buf_utf8safe_unescape with STRIP_SPACES).
func unescapePassword(t *testing.T, file []byte) string {
	t.Helper()
	value, ok := strings.CutPrefix(string(file), "802-11-wireless-security.psk:")
	value, end := strings.CutSuffix(value, "\n")
	if !ok || !end || strings.ContainsAny(value, "\r\n") {
		t.Fatalf("%q", file)
	}
	var out strings.Builder
	for s := strings.Trim(value, " \t"); s != ""; {
		if s[0] != '\\' {
			out.WriteByte(s[0])
			s = s[1:]
			continue
		}
		n, err := strconv.ParseUint(s[1:4], 8, 8)
		if err != nil {
			t.Fatal(err)
		}
		out.WriteByte(byte(n))
		s = s[4:]
	}
	return out.String()
}

func FuzzPasswordFile(f *testing.F) {
	f.Add([]byte(secret))
	f.Add([]byte("  \\040 \\\\ # :="))
	f.Fuzz(func(t *testing.T, pass []byte) {
		if got := unescapePassword(t, passwordFile(pass)); got != string(pass) {
			t.Errorf("%q read back as %q", pass, got)
		}
	})
}

func FuzzParseNmcli(f *testing.F) {
	f.Add("*:80:WPA1 WPA2:686F6D65\n :49:WPA2:\n")
	f.Add(`a\:b:\\:::` + "\r\n")
	f.Fuzz(func(t *testing.T, out string) {
		sane(t, parseNmcli(out))
		hexed := strings.ToUpper(hex.EncodeToString([]byte(out)))
		if all := parseNmcli(" :5:WPA2:" + hexed); len(all) == 1 && all[0].SSID != out {
			t.Errorf("%q is read as %q", out, all[0].SSID)
		}
	})
}
