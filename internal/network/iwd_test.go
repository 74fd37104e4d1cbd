package network

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"auto-installer/internal/sys"
)

// What iwctl 2.3 prints, by its source: client/display.c, client/station.c.
const (
	bold        = "\x1b[1;90m"
	off         = "\x1b[0m"
	dashes      = "\x1b[90m--------------------------------------------------------------------------------\n" + off
	stationHead = "                                 Station: wlan0                                 " + "\n" + dashes
	scanYes     = stationHead + "            Scanning              yes                                              \n"
	scanNo      = stationHead + "            Scanning              no                                               \n" +
		"            State                 connected                                        \n"
	tableHead = "                               Available networks                              " + bold + " " + off + "\n" + dashes +
		bold + "      Network name                      Security            Signal\n" + off + dashes
)

func TestParseIwctl(t *testing.T) {
	got := parseIwctl(tableHead +
		"  " + bold + "> " + off + "  home                              psk                 -4200   \n" +
		"      two  words psk -1               psk                 -7550   \n" +
		"       leading                        open                -9900   \n" +
		"      work                              8021x               -6000   \n" +
		"      grüße                           psk                 -12000  \r\n" +
		"      home                              psk                 -8000   \n" +
		"      \x1b[2Jodd                            psk                 -9000   \n" +
		"\n")
	want := []AccessPoint{
		{SSID: "home", Signal: 100, Secured: true, InUse: true, Security: WPA},
		{SSID: "work", Signal: 80, Secured: true, Security: Unsuitable},
		{SSID: "two  words psk -1", Signal: 49, Secured: true, Security: WPA},
		{SSID: "\x1b[2Jodd", Signal: 20, Secured: true, Security: WPA},
		{SSID: " leading", Signal: 2},
		{SSID: "grüße", Signal: 0, Secured: true, Security: WPA},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	if got := parseIwctl(tableHead + "No networks available\n\n"); len(got) > 0 {
		t.Errorf("%+v", got)
	}
}

func FuzzParseIwctl(f *testing.F) {
	f.Add(tableHead + "  " + bold + "> " + off + "  home      psk     -4200   \n")
	f.Fuzz(func(t *testing.T, out string) {
		sane(t, parseIwctl(out))
		scanning(out)
	})
}

func iwArgs(args ...string) []string {
	return append([]string{"iwctl", "--dont-ask", "--", "station", "wlan0"}, args...)
}

func TestIwdScan(t *testing.T) {
	f := sys.NewFake(t)
	f.Expect(iwArgs("scan")...).Fails(1, "Operation already in progress")
	f.Expect(iwArgs("show")...).Prints(scanYes)
	f.Expect(iwArgs("show")...).Prints(scanNo)
	f.Expect(iwArgs("get-networks", "rssi-dbms")...).Prints(tableHead + "      home                              psk                 -4200   \n")
	got, err := (&iwd{s: f, device: "wlan0"}).Scan(t.Context())
	if err != nil || len(got) != 1 || got[0].SSID != "home" {
		t.Errorf("%+v, %v", got, err)
	}
	f.Expect(iwArgs("scan")...)
	f.Expect(iwArgs("show")...).Prints(scanNo)
	f.Expect(iwArgs("get-networks", "rssi-dbms")...).Fails(1, "no station")
	if _, err := (&iwd{s: f, device: "wlan0"}).Scan(t.Context()); err == nil {
		t.Error("no error")
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("why")
	cancel(why)
	f.Expect(iwArgs("scan")...)
	f.Expect(iwArgs("show")...).Prints(scanYes)
	if _, err := (&iwd{s: f, device: "wlan0"}).Scan(ctx); !errors.Is(err, why) {
		t.Errorf("%v", err)
	}
}

func TestIwdConnect(t *testing.T) {
	root := t.TempDir()
	f := sys.NewFake(t)
	m := &iwd{s: f, root: root, device: "wlan0"}
	ap := AccessPoint{SSID: "-my net_1", Secured: true, Security: WPA}
	f.Expect(iwArgs("connect", ap.SSID, "psk")...)
	if err := m.Connect(t.Context(), ap, []byte(secret)); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(root, "var/lib/iwd/-my net_1.psk")
	got, err := os.ReadFile(file)
	if want := "[Security]\nPassphrase=correct\\s\"horse\"\\s\\\\battery\\s\n"; err != nil || string(got) != want {
		t.Errorf("%q, %v", got, err)
	}
	for name, mode := range map[string]os.FileMode{file: 0o600, filepath.Dir(file): 0o700} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	nowhere(t, f, nil)

	// A failure leaves what was there, or nothing.
	f.Expect(iwArgs("connect", ap.SSID, "psk")...).Fails(1, "Operation failed")
	err = m.Connect(t.Context(), ap, []byte("another one"))
	if fault, ok := errors.AsType[*sys.Fault](err); !ok || !strings.Contains(fault.Hint, "passphrase is probably wrong") {
		t.Errorf("%+v", err)
	}
	if now, err := os.ReadFile(file); err != nil || string(now) != string(got) {
		t.Errorf("%q, %v", now, err)
	}
	other := AccessPoint{SSID: "../ü", Secured: true, Security: WPA}
	f.Expect(iwArgs("connect", other.SSID, "psk")...).Fails(1, "Operation failed")
	if err := m.Connect(t.Context(), other, []byte(secret)); err == nil {
		t.Error("no error")
	}
	if entries, err := os.ReadDir(filepath.Dir(file)); err != nil || len(entries) != 1 {
		t.Errorf("%v, %v", entries, err)
	}

	f.Expect(iwArgs("connect", "cafe", "open")...)
	if err := m.Connect(t.Context(), AccessPoint{SSID: "cafe"}, nil); err != nil {
		t.Error(err)
	}
	nowhere(t, f, nil)
}

func TestIwdConnectNeedsItsFolder(t *testing.T) {
	root := t.TempDir()
	put(t, root, "var/lib/iwd", "a file in its place")
	m := &iwd{s: sys.NewFake(t), root: root, device: "wlan0"}
	err := m.Connect(t.Context(), AccessPoint{SSID: "x", Secured: true, Security: WPA}, []byte(secret))
	if fault, ok := errors.AsType[*sys.Fault](err); !ok || fault.Hint == "" {
		t.Errorf("%+v", err)
	}
}

func TestIwdFile(t *testing.T) {
	for ssid, want := range map[string]string{
		"home":      "home.psk",
		"My-Net_ 2": "My-Net_ 2.psk",
		"a.b":       "=612e62.psk",
		"../x":      "=2e2e2f78.psk",
		"ü":         "=c3bc.psk",
		"=":         "=3d.psk",
		"\xff":      "=ff.psk",
	} {
		if got := iwdFile(ssid); got != want {
			t.Errorf("%q: %q, want %q", ssid, got, want)
		}
	}
}

func TestIwdNetwork(t *testing.T) {
	key := strings.Repeat("0aF9", 16)
	for _, c := range []struct{ pass, want string }{
		{key, "PreSharedKey=" + key},
		{" #a\\n=b  ", "Passphrase=\\s#a\\\\n=b\\s\\s"},
	} {
		if got := string(iwdNetwork([]byte(c.pass))); got != "[Security]\n"+c.want+"\n" {
			t.Errorf("%q: %q", c.pass, got)
		}
	}
}
