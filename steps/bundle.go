package steps

import (
	"bytes"
	"cmp"
	"errors"
	"io/fs"
	"path/filepath"

	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
	"auto-installer/secrets"
)

// MediumHosts is where an installer medium names the hosts that it is for: a
// folder each, with host.toml and, if there is one, the sealed bundle.
const MediumHosts = "/etc/auto-installer/hosts"

// Keys are what a sealed bundle holds: file contents.
type Keys struct {
	AgeIdentity []byte
	DeployKey   []byte // or nil
}

// Wipe overwrites the keys.
func (k *Keys) Wipe() {
	clear(k.AgeIdentity)
	clear(k.DeployKey)
	*k = Keys{}
}

// TakeKeys answers with keys of a bundle what no flag has answered. They are
// the answers' from then on.
func (a *Answers) TakeKeys(k Keys) {
	for _, s := range []struct{ into, from *[]byte }{{&a.AgeIdentity, &k.AgeIdentity}, {&a.DeployKey, &k.DeployKey}} {
		if *s.into == nil {
			*s.into = *s.from
		} else {
			clear(*s.from)
		}
	}
}

// maxBundle is more than any sealed bundle takes, in bytes.
const maxBundle = 1 << 20

// ReadBundle reads a sealed bundle: the file, or without one what the medium
// has for the host, which may be nothing.
func ReadBundle(file, host string) ([]byte, error) {
	name := cmp.Or(file, filepath.Join(MediumHosts, host, "bundle.age"))
	data, err := sys.ReadAtMost(name, maxBundle)
	switch {
	case file == "" && errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, engine.Usage("name a file that can be read", "--bundle: %v", err)
	}
	return data, nil
}

const wrongPassphrase = "the passphrase does not open the keys"

// OpenBundleFrom is OpenBundle with a passphrase that was not typed: where says
// where it was read from.
func OpenBundleFrom(where, host string, sealed, passphrase []byte) (Keys, error) {
	k, err := OpenBundle(host, sealed, passphrase)
	if e, ok := errors.AsType[*engine.Error](err); ok && e.Cause == wrongPassphrase {
		e.Cause += ": it was read from " + where
		e.Hint = "see that " + where + " has the passphrase that the keys of " + host + " were sealed with, in its only line"
	}
	return k, err
}

// OpenBundle opens a host's sealed bundle with its passphrase, which takes
// about a second. The error is an *Error.
func OpenBundle(host string, sealed, passphrase []byte) (Keys, error) {
	const anew = "seal the keys anew on the build machine"
	s, err := secrets.ParseSealed(sealed)
	if err != nil {
		return Keys{}, engine.Usage(anew, "the sealed keys cannot be read: %v", err)
	}
	b, err := s.OpenWithPassphrase(passphrase)
	switch {
	case errors.Is(err, secrets.ErrWrongPassphrase):
		return Keys{}, engine.Usage("look at the keyboard layout and Caps Lock, and type it again", wrongPassphrase)
	case err != nil:
		return Keys{}, engine.Usage(anew, "the sealed keys cannot be opened: %v", err)
	}
	defer b.Wipe()
	if b.Host != host {
		return Keys{}, engine.Usage("use the medium, or the file, of this host", "these are the keys of %s, not of %s", sys.Clean(b.Host), host)
	}
	k := Keys{AgeIdentity: bytes.Clone(b.Identity.File())}
	if b.DeployKey != nil {
		k.DeployKey = bytes.Clone(b.DeployKey.Bytes())
	}
	return k, nil
}
