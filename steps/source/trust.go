package source

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"net"
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

// known returns whether one of the files has a key of a server. A file that cannot be read is
// ignored.
func known(host, port string, files []string) bool {
	// No server has this key, so the error lists those that the file has.
	stranger, _ := ssh.NewPublicKey(make(ed25519.PublicKey, ed25519.PublicKeySize))
	for _, file := range files {
		check, err := knownhosts.New(file)
		if err != nil {
			continue
		}
		// With another port than 22, ssh looks for [host]:port first, and then for the host.
		for _, port := range []string{port, "22"} {
			at := net.JoinHostPort(strings.ToLower(host), port)
			if found, ok := errors.AsType[*knownhosts.KeyError](check(at, &net.TCPAddr{}, stranger)); ok && len(found.Want) > 0 {
				return true
			}
		}
	}
	return false
}
