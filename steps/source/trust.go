package source

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"net"
	"net/url"
	"os"
	"regexp"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// KnownHosts are the files by which ssh knows a server on every system
// (ssh_config(5), GlobalKnownHostsFile). NixOS writes the first one from
// programs.ssh.knownHosts.
var KnownHosts = []string{"/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"}

// whole is a commit's whole name. A branch or tag of that name does not stand in
// for it: git takes it for the commit alone (gitrevisions(7)).
var whole = regexp.MustCompile(`^[0-9a-f]{40}([0-9a-f]{24})?$`)

// Untrusted says why what is cloned may be the work of another than the
// remote's, or is empty. A commit's name is a hash of all that it holds, so a
// clone that is pinned to one is what it is, whoever sent it.
func (o Options) Untrusted(knownHosts []string) string {
	address := Address(o.Remote)
	pinned := whole.MatchString(o.Ref) || o.Ref == "" && whole.MatchString(o.Pin)
	if o.Local != "" || address == "" || pinned {
		return ""
	}
	server, _, err := net.SplitHostPort(address)
	if err != nil {
		return ""
	}
	const pin = "pin a commit (repoRef, --ref)"
	switch s := scheme(o.Remote); {
	case s == "git" || s == "http":
		return fmt.Sprintf("%s:// does not prove that %s sends the config repo, which becomes the system: use https or ssh, or %s", s, server, pin)
	case s == "ssh" && !known(address, knownHosts):
		return fmt.Sprintf("no host key of %s is known, so any machine may answer for it, and what it sends becomes the system: set programs.ssh.knownHosts on the medium, or %s", server, pin)
	}
	return ""
}

// scheme is the transport of a remote that has an Address.
func scheme(remote string) string {
	if !strings.Contains(remote, "://") {
		return "ssh"
	}
	u, err := url.Parse(strings.TrimPrefix(remote, "git+"))
	if err != nil {
		return ""
	}
	return u.Scheme
}

// known tells whether one of the files has a key for a server, given as
// host:port (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"). Files that cannot be read
// and lines that cannot be understood have none, as for ssh.
func known(address string, files []string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	// With another port than 22, ssh looks for [host]:port first.
	names := []string{strings.ToLower(knownhosts.Normalize(address)), strings.ToLower(host)}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		for line := range bytes.Lines(data) {
			marker, patterns, _, _, _, err := ssh.ParseKnownHosts(line)
			if err != nil || marker == "revoked" {
				continue
			}
			for _, name := range names {
				if matches(patterns, name) {
					return true
				}
			}
		}
	}
	return false
}

// matches tells whether a line's patterns are for a name: one of them fits, and
// none that begins with ! does.
func matches(patterns []string, name string) bool {
	fits := false
	for _, p := range patterns {
		p, not := strings.CutPrefix(p, "!")
		switch {
		case !hashed(p, name) && !glob(strings.ToLower(p), name):
		case not:
			return false
		default:
			fits = true
		}
	}
	return fits
}

// hashed tells whether |1|salt|hash is the name's (ssh-keygen(1), -H).
func hashed(pattern, name string) bool {
	f := strings.Split(pattern, "|")
	if len(f) != 4 || f[0] != "" || f[1] != "1" {
		return false
	}
	salt, err1 := base64.StdEncoding.DecodeString(f[2])
	sum, err2 := base64.StdEncoding.DecodeString(f[3])
	if err1 != nil || err2 != nil {
		return false
	}
	mac := hmac.New(sha1.New, salt)
	mac.Write([]byte(name))
	return hmac.Equal(mac.Sum(nil), sum)
}

// glob matches * and ? (ssh_config(5), PATTERNS).
func glob(pattern, name string) bool {
	star, back := -1, 0
	p, n := 0, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, back = p, n
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == name[n]):
			p, n = p+1, n+1
		case star >= 0:
			back++
			p, n = star+1, back
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
