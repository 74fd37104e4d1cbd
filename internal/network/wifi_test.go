package network

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"auto-installer/internal/sys"
)

const secret = `correct "horse" \battery `

func put(t *testing.T, root, name, data string) {
	t.Helper()
	file := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
}

// nowhere fails if the secret, or a part of it, was given to a command in any
// way but on its standard input, or was logged.
func nowhere(t *testing.T, f *sys.Fake, err error) {
	t.Helper()
	text := strings.Join(f.Logged, "\n")
	if err != nil {
		text += err.Error()
	}
	for _, c := range f.Ran {
		text += strings.Join(c.Argv, " ") + strings.Join(c.Env, " ") + c.Action().Stdin
		if len(c.Stdin) > 0 && c.Secret == "" {
			t.Errorf("%s: its input is not marked as a secret", c)
		}
	}
	for _, part := range []string{"horse", "battery"} {
		if strings.Contains(text, part) {
			t.Errorf("%q is in %q", part, text)
		}
	}
}

func TestCheckPassphrase(t *testing.T) {
	for _, c := range []struct {
		security Security
		pass     string
		says     string // empty: fine
	}{
		{WPA, "12345678", ""},
		{SAE, strings.Repeat("a", 63), ""},
		{WPA, strings.Repeat("aF", 32), ""},
		{WPA, strings.Repeat("g", 64), "at most 63"},
		{WPA, strings.Repeat("a", 65), "at most 63"},
		{WPA, "1234567", "at least 8 characters; this one has 7"},
		{WPA, "", "at least 8"},
		{WPA, "schlüssel", "plain ASCII"},
		{WPA, "1234567\n", "plain ASCII"},
		{Open, "", ""},
		{OWE, "", ""},
		{Open, "12345678", "no passphrase"},
		{Unsuitable, "12345678", "802.1X"},
	} {
		err := check(AccessPoint{SSID: "x", Security: c.security}, []byte(c.pass))
		switch {
		case (err == nil) != (c.says == ""):
			t.Errorf("%d %q: %v", c.security, c.pass, err)
		case err != nil:
			f, ok := errors.AsType[*sys.Fault](err)
			if !ok || f.Hint == "" || !strings.Contains(f.Cause, c.says) || len(c.pass) > 7 && strings.Contains(f.Cause+f.Hint, c.pass) {
				t.Errorf("%q: %+v", c.pass, err)
			}
		}
	}
}

func TestMerge(t *testing.T) {
	got := merge([]AccessPoint{
		{SSID: "home", Signal: 40, Security: WPA},
		{SSID: "home", Signal: 70, Security: WPA},
		{SSID: "home", Signal: 99, Security: Open}, // pretends to be it
		{SSID: "", Signal: 100},
		{SSID: "nul\x00", Signal: 100},
		{SSID: strings.Repeat("x", 33), Signal: 100},
		{SSID: "mine", Signal: 10, Security: SAE, InUse: true},
		{SSID: "loud", Signal: 1000, Security: OWE},
		{SSID: "a\x1b[2J\u202eb", Signal: -5},
	})
	want := []AccessPoint{
		{SSID: "mine", Signal: 10, Security: SAE, Secured: true, InUse: true},
		{SSID: "loud", Signal: 100, Security: OWE},
		{SSID: "home", Signal: 99},
		{SSID: "home", Signal: 70, Security: WPA, Secured: true},
		{SSID: "a\x1b[2J\u202eb"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	if n := got[4].Name(); n != "ab" {
		t.Errorf("shown as %q", n)
	}
}

// sane checks what holds for every list.
func sane(t *testing.T, all []AccessPoint) {
	t.Helper()
	for _, ap := range all {
		if checkSSID(ap.SSID) != nil || ap.Signal < 0 || ap.Signal > 100 || !utf8.ValidString(ap.Name()) ||
			strings.ContainsAny(ap.Name(), "\x1b\n\r") || ap.Secured != (ap.Security != Open && ap.Security != OWE) {
			t.Errorf("%+v", ap)
		}
	}
}
