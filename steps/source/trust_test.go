package source

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const hostKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"

func TestUntrusted(t *testing.T) {
	const commit = "0123456789abcdef0123456789abcdef01234567"
	file := filepath.Join(t.TempDir(), "ssh_known_hosts")
	lines := strings.Join([]string{
		"# a comment", "", "github.com,140.82.121.3 " + hostKey, "[git.example.org]:2222 " + hostKey,
		"*.corp.example,!bad.corp.example " + hostKey, "@cert-authority *.signed.example " + hostKey, "@revoked gone.example " + hostKey,
		"plain.example " + hostKey, "[2001:db8::1]:2222 " + hostKey,
	}, "\n") + "\n"
	if err := os.WriteFile(file, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		o    Options
		want string // a part of the warning, or empty
	}{
		{Options{Remote: "git@github.com:me/c"}, ""},
		{Options{Remote: "git@GitHub.com:me/c"}, ""},
		{Options{Remote: "ssh://git@github.com/me/c"}, ""},
		{Options{Remote: "git+ssh://git@github.com/me/c"}, ""},
		{Options{Remote: "git@gitlab.com:me/c"}, "no host key of gitlab.com"},
		{Options{Remote: "ssh://git@gitlab.com/me/c", Ref: "main"}, "programs.ssh.knownHosts"},
		{Options{Remote: "git@gitlab.com:me/c", Ref: commit}, ""},
		{Options{Remote: "git@gitlab.com:me/c", Pin: commit}, ""},
		{Options{Remote: "git@gitlab.com:me/c", Pin: commit, Ref: "main"}, "no host key"}, // the ref wins
		{Options{Remote: "git@gitlab.com:me/c", Ref: commit[:39]}, "no host key"},
		{Options{Remote: "git@gitlab.com:me/c", Local: "/srv/c"}, ""},
		{Options{Remote: "ssh://git@git.example.org:2222/c"}, ""},
		{Options{Remote: "ssh://git@git.example.org/c"}, "no host key of git.example.org"},
		{Options{Remote: "ssh://git@plain.example:2222/c"}, ""}, // as ssh: then without the port
		{Options{Remote: "ssh://git@[2001:db8::1]:2222/c"}, ""},
		{Options{Remote: "git@a.corp.example:c"}, ""},
		{Options{Remote: "git@bad.corp.example:c"}, "no host key"},
		{Options{Remote: "git@x.signed.example:c"}, ""},
		{Options{Remote: "git@gone.example:c"}, "no host key"},
		{Options{Remote: "https://gitlab.com/me/c"}, ""},
		{Options{Remote: "git+https://gitlab.com/me/c"}, ""},
		{Options{Remote: "git://10.0.2.100/c"}, "git:// does not authenticate"},
		{Options{Remote: "git://10.0.2.100/c", Ref: "v1"}, "10.0.2.100"},
		{Options{Remote: "git://10.0.2.100/c", Pin: commit}, ""},
		{Options{Remote: "http://host/c"}, "http:// does not authenticate"},
		{Options{Remote: "/srv/git/c"}, ""},
		{Options{Remote: "file:///srv/git/c"}, ""},
		{Options{}, ""},
	} {
		got := c.o.Untrusted([]string{filepath.Join(t.TempDir(), "gone"), file})
		if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%+v: %q, want %q", c.o, got, c.want)
		}
	}
	if got := (Options{Remote: "git@github.com:me/c"}).Untrusted(nil); got == "" {
		t.Error("github.com is known without a file")
	}
	// A file that Go cannot read may have the key; the warning is on the safe side.
	odd := filepath.Join(t.TempDir(), "odd")
	if err := os.WriteFile(odd, []byte("not a line of known_hosts\ngithub.com "+hostKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if (Options{Remote: "git@github.com:me/c"}).Untrusted([]string{odd}) == "" || (Options{Remote: "git@github.com:me/c"}).Untrusted([]string{odd, file}) != "" {
		t.Error("an invalid line")
	}
	// Hashed names, as ssh-keygen writes them.
	if err := os.WriteFile(file, []byte("github.com "+hostKey+"\n[git.example.org]:2222 "+hostKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("ssh-keygen", "-H", "-f", file).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for remote, want := range map[string]bool{"git@github.com:c": true, "ssh://git@git.example.org:2222/c": true, "git@gitlab.com:c": false} {
		if got := (Options{Remote: remote}).Untrusted([]string{file}) == ""; got != want {
			t.Errorf("hashed, %s is known: %v", remote, got)
		}
	}
}

func FuzzKnownHosts(f *testing.F) {
	f.Add([]byte("@cert-authority *.a,!b.a,|1|c2FsdA==|aGFzaA== "+hostKey+" x\n"), "b.a")
	f.Fuzz(func(t *testing.T, data []byte, host string) {
		file := filepath.Join(t.TempDir(), "known_hosts")
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if known(host, "22", []string{file}) && len(data) < len(hostKey)/2 {
			t.Errorf("%q is known by %q", host, data)
		}
	})
}

// FuzzAddress takes any remote: its address can be dialled, and Untrusted does not fail.
func FuzzAddress(f *testing.F) {
	for _, remote := range []string{"git@[2001:db8::1]:a/b", "ssh://git@host:2222/x", "git://10.0.2.100/x", "https://h/x", "a:b"} {
		f.Add(remote)
	}
	f.Fuzz(func(t *testing.T, remote string) {
		if address := Address(remote); address != "" {
			if _, _, err := net.SplitHostPort(address); err != nil && !strings.ContainsAny(remote, "[]") {
				t.Errorf("%q has the address %q: %v", remote, address, err)
			}
		}
		Options{Remote: remote}.Untrusted(nil)
	})
}
