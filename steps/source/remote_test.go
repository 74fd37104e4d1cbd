package source

import (
	"testing"
)

func TestAddress(t *testing.T) {
	for remote, want := range map[string]string{
		"":                                   "",
		"/srv/git/x.git":                     "",
		"file:///srv/git/x.git":              "",
		"https://github.com/a/b.git":         "github.com:443",
		"http://host/x":                      "host:80",
		"https://host:8443/x":                "host:8443",
		"git://10.0.2.100/nix-config.git":    "10.0.2.100:9418",
		"ssh://git@host/x":                   "host:22",
		"ssh://git@host:2222/x":              "host:2222",
		"git+ssh://git@host/x":               "host:22",
		"git+https://host/x":                 "host:443",
		"https://[2001:db8::1]/x":            "[2001:db8::1]:443",
		"ssh://git@[2001:db8::1]:2222/x":     "[2001:db8::1]:2222",
		"git@github.com:a/b.git":             "github.com:22",
		"host:a/b":                           "host:22",
		"git@[2001:db8::1]:a/b":              "[2001:db8::1]:22",
		"[2001:db8::1]:a/b":                  "[2001:db8::1]:22",
		"git@host:path/[x]:y":                "host:22",
		"relative/path":                      "",
		"./odd:name":                         "",
		"../odd:name":                        "",
		"unknown://host/x":                   "",
		"https:///nohost":                    "",
		"https://bad host/x":                 "",
		"git+file:///srv/git/x.git":          "",
		"https://user:pass@example.com:99/x": "example.com:99",
	} {
		if got := Address(remote); got != want {
			t.Errorf("Address(%q) = %q, want %q", remote, got, want)
		}
	}
}
