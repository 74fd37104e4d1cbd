package source

import (
	"net/url"
	"strings"
)

// Address is the host and port that a git URL is fetched from, as net.Dial
// takes them, or empty for a path on this machine (gitprotocol URLs, git-clone(1)
// "Git URLs").
func Address(remote string) string {
	if remote == "" || strings.HasPrefix(remote, "/") || strings.HasPrefix(remote, "file:") {
		return ""
	}
	if strings.Contains(remote, "://") {
		u, err := url.Parse(strings.TrimPrefix(remote, "git+"))
		if err != nil || u.Hostname() == "" {
			return ""
		}
		port := u.Port()
		if port == "" {
			port = map[string]string{"https": "443", "http": "80", "ssh": "22", "git": "9418"}[u.Scheme]
		}
		return join(u.Hostname(), port)
	}
	// user@host:path
	host, _, ok := strings.Cut(remote, ":")
	if !ok {
		return ""
	}
	if _, after, ok := strings.Cut(host, "@"); ok {
		host = after
	}
	return join(host, "22")
}

func join(host, port string) string {
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return host + ":" + port
}
