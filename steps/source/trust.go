package source

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// KnownHosts are the system-wide files with the host keys of servers (ssh_config(5),
// GlobalKnownHostsFile). NixOS writes the first one from programs.ssh.knownHosts.
var KnownHosts = []string{"/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"}

// IsCommit returns whether a name is the full hash of a commit, SHA-1 or SHA-256. git never
// takes a branch or tag of that name for it (gitrevisions(7)).
func IsCommit(name string) bool { return fullHash.MatchString(name) }

var fullHash = regexp.MustCompile(`^[0-9a-f]{40}([0-9a-f]{24})?$`)

// Untrusted returns why the clone may be from an impostor, or an empty string. The hash of a
// commit covers all of its files, so a pinned clone needs no trust in the server.
func (o Options) Untrusted(knownHosts []string) string {
	scheme, host, port := server(o.Remote)
	pinned := IsCommit(o.Ref) || o.Ref == "" && IsCommit(o.Pin)
	if o.Local != "" || port == "" || pinned {
		return ""
	}
	const pin = "pin a commit (repoRef, --ref)"
	switch {
	case scheme == "git" || scheme == "http":
		return fmt.Sprintf("%s:// does not authenticate %s, which sends the config repo: use https or ssh, or %s", scheme, host, pin)
	case scheme == "ssh" && !known(host, port, knownHosts):
		return fmt.Sprintf("no host key of %s is known, so any machine could send the config repo in its place: set programs.ssh.knownHosts on the medium, or %s", host, pin)
	}
	return ""
}

// known returns whether one of the files has a key of a server (sshd(8),
// "SSH_KNOWN_HOSTS FILE FORMAT"). Like ssh, it ignores unreadable files and invalid lines.
func known(host, port string, files []string) bool {
	// With another port than 22, ssh looks for [host]:port first.
	names := []string{strings.ToLower(knownhosts.Normalize(net.JoinHostPort(host, port))), strings.ToLower(host)}
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

// matches returns whether a line's patterns match a name: one does, and none with a ! does.
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

// hashed returns whether |1|salt|hash is that of the name (ssh-keygen(1), -H).
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
	is, _ := filepath.Match(literal.Replace(pattern), name) // with these there is no bad pattern
	return is
}

// literal escapes what only filepath.Match gives a meaning.
var literal = strings.NewReplacer(`\`, `\\`, "[", `\[`)
