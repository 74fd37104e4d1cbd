package steps

import (
	"bytes"
	"cmp"
	"errors"
	"io/fs"
	"path/filepath"

	"auto-installer/internal/sys"
	"auto-installer/secrets"
)

// MediumHosts has a folder for each host of the medium, with its host.toml and, if it has
// some, its sealed keys.
const MediumHosts = "/etc/auto-installer/hosts"

// Keys are the sealed keys of a host, decrypted: the contents of two files.
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

// TakeKeys adds the keys to the answers, unless flags have given them. It takes them
// over: Answers.Wipe wipes them.
func (a *Answers) TakeKeys(k Keys) {
	for _, s := range []struct{ into, from *[]byte }{{&a.AgeIdentity, &k.AgeIdentity}, {&a.DeployKey, &k.DeployKey}} {
		if *s.into == nil {
			*s.into = *s.from
		} else {
			clear(*s.from)
		}
	}
}

// maxBundle is more than any sealed keys have, in bytes.
const maxBundle = 1 << 20

// ReadBundle reads sealed keys: from the file, or else those of the host on the medium. It
// returns nil if the medium has none.
func ReadBundle(file, host string) ([]byte, error) {
	name := cmp.Or(file, filepath.Join(MediumHosts, host, "bundle.age"))
	data, err := sys.ReadAtMost(name, maxBundle)
	switch {
	case file == "" && errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, sys.Usage("name a readable file", "--bundle: %v", err)
	}
	return data, nil
}

// OpenBundle decrypts a host's sealed keys with their passphrase, which takes about a
// second. where says where the passphrase was read from, or is empty if it was typed.
func OpenBundle(where, host string, sealed, passphrase []byte) (Keys, error) {
	b, err := secrets.Open(sealed, passphrase)
	switch {
	case errors.Is(err, secrets.ErrWrongPassphrase) && where == "":
		return Keys{}, sys.Usage("check the keyboard layout and Caps Lock, then type it again", "the passphrase does not open the sealed keys")
	case errors.Is(err, secrets.ErrWrongPassphrase):
		return Keys{}, sys.Usage("verify that the only line of "+where+" is the passphrase of the sealed keys of "+host,
			"the passphrase does not open the sealed keys: it was read from %s", where)
	case err != nil:
		return Keys{}, sys.Usage("seal the keys again on the build machine", "the sealed keys cannot be read: %v", err)
	}
	defer b.Wipe()
	if b.Host != host {
		return Keys{}, sys.Usage("use the medium or the file of this host", "these are the sealed keys of %s, not of %s", sys.Clean(b.Host), host)
	}
	k := Keys{AgeIdentity: bytes.Clone(b.Identity.File())}
	if b.DeployKey != nil {
		k.DeployKey = bytes.Clone(b.DeployKey.Bytes())
	}
	return k, nil
}
