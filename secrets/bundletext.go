package secrets

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// A bundle's content starts with its version and the host. Each key follows a line
// with its name and its length in bytes.
//
//	auto-installer bundle 1
//	host demo
//	identity 189
//	# created: …
//	deploy-key 399
//	-----BEGIN OPENSSH PRIVATE KEY-----…
//	end

var hostName = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9_-]*$`)

// CheckHost refuses the name of a host that needs an escape.
func CheckHost(host string) error {
	if !hostName.MatchString(host) || len(host) > 63 {
		return malformed("host name", "%q; letters, digits, - and _ are allowed, at most 63", host)
	}
	return nil
}

func (b *Bundle) encode() ([]byte, error) {
	if err := CheckHost(b.Host); err != nil {
		return nil, err
	}
	if b.Identity == nil || len(b.Identity.File()) == 0 {
		return nil, errors.New("a bundle needs an identity")
	}
	id, key := b.Identity.File(), b.DeployKey.Bytes()
	// Growing would leave copies, so it is allocated once.
	out := make([]byte, 0, len(id)+len(key)+len(b.Host)+200)
	out = fmt.Appendf(out, "%s\nhost %s\nidentity %d\n", bundleVersion, b.Host, len(id))
	out = append(append(out, id...), '\n')
	if len(key) > 0 {
		out = fmt.Appendf(out, "deploy-key %d\n", len(key))
		out = append(append(out, key...), '\n')
	}
	out = append(out, "end\n"...)
	if len(out) > maxBundle {
		clear(out)
		return nil, malformed("bundle", "it holds more than %d KiB", maxBundle>>10)
	}
	return out, nil
}

func decodeBundle(data []byte) (b *Bundle, err error) {
	d := bundleReader{rest: data}
	if v := d.line(); v != bundleVersion && d.err == nil {
		return nil, malformed("bundle", "another program made it, or a later version of this one")
	}
	b = &Bundle{Host: d.word("host")}
	id := d.part("identity")
	var key []byte
	if bytes.HasPrefix(d.rest, []byte("deploy-key ")) {
		key = d.part("deploy-key")
	}
	if d.line() != "end" || len(d.rest) > 0 || d.err != nil || CheckHost(b.Host) != nil {
		return nil, malformed("bundle", "its parts are damaged")
	}
	if b.Identity, err = ParseIdentity(id); err != nil {
		return nil, err
	}
	if key != nil {
		if b.DeployKey, err = NewBuffer(bytes.Clone(key)); err != nil {
			b.Wipe()
			return nil, err
		}
	}
	return b, nil
}

type bundleReader struct {
	rest []byte
	err  error
}

var errBundle = errors.New("damaged")

func (d *bundleReader) line() string {
	line, rest, found := bytes.Cut(d.rest, []byte("\n"))
	if !found {
		d.err = errBundle
		return ""
	}
	d.rest = rest
	return string(line)
}

// word is the rest of a line that starts with a name.
func (d *bundleReader) word(name string) string {
	if !bytes.HasPrefix(d.rest, []byte(name+" ")) {
		d.err = errBundle
		return ""
	}
	return strings.TrimPrefix(d.line(), name+" ")
}

func (d *bundleReader) part(name string) []byte {
	text := d.word(name)
	n, err := strconv.Atoi(text)
	if err != nil || n <= 0 || strconv.Itoa(n) != text || n >= len(d.rest) || d.rest[n] != '\n' {
		d.err = errBundle
		return nil
	}
	part := d.rest[:n]
	d.rest = d.rest[n+1:]
	return part
}
