package source

import (
	"cmp"
	"net"
	"net/url"
	"strings"
)

// Address returns the host and port of a git URL, in the form of net.Dial, or an empty string
// for a path on this machine.
func Address(remote string) string {
	if _, host, port := server(remote); port != "" {
		return net.JoinHostPort(host, port)
	}
	return ""
}

// server takes a git URL apart (git-clone(1), "Git URLs"). A path on this machine has no port.
func server(remote string) (scheme, host, port string) {
	if remote == "" || strings.HasPrefix(remote, "/") || strings.HasPrefix(remote, "file:") {
		return "", "", ""
	}
	if strings.Contains(remote, "://") {
		u, err := url.Parse(strings.TrimPrefix(remote, "git+"))
		if err != nil || u.Hostname() == "" {
			return "", "", ""
		}
		standard := map[string]string{"https": "443", "http": "80", "ssh": "22", "git": "9418"}
		return u.Scheme, u.Hostname(), cmp.Or(u.Port(), standard[u.Scheme])
	}
	// user@host:path, where host may be [an IPv6 address]. A slash before the colon makes
	// it a path.
	host, _, ok := strings.Cut(remote, ":")
	if before, after, bracket := strings.Cut(remote, "["); bracket && !strings.ContainsAny(before, ":/") {
		host, _, ok = strings.Cut(after, "]:")
	}
	if !ok || strings.Contains(host, "/") {
		return "", "", ""
	}
	if _, after, ok := strings.Cut(host, "@"); ok {
		host = after
	}
	return "ssh", host, "22"
}
