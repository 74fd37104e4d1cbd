package cli

import (
	"os"
	"path/filepath"
	"strings"

	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
	"auto-installer/steps"
)

// An unattended install has nobody to be asked, and nobody who would see that
// it goes wrong: --unattended stands for the word yes, and is stricter.

// unattendedAnswers finds the host, and checks the files of the secrets.
func (f *installFlags) unattendedAnswers() error {
	if !f.unattended {
		return nil
	}
	if f.host == "" {
		host, err := onlyHost(steps.MediumHosts)
		if err != nil {
			return err
		}
		f.host = host
	}
	var bad problems
	for _, secret := range []struct{ flag, file string }{
		{"--passphrase-file", f.passphraseFile},
		{"--recovery-key-file", f.recoveryFile},
		{"--age-identity", f.ageIdentity},
		{"--deploy-key", f.deployKey},
		{"--bundle-passphrase-file", f.bundlePassFile},
	} {
		bad.add(notForOthers(secret.flag, secret.file))
	}
	return bad.err()
}

// onlyHost is the host.toml of a medium that is for one host.
func onlyHost(dir string) (string, error) {
	found, _ := filepath.Glob(filepath.Join(dir, "*", "host.toml")) // the pattern is good
	switch len(found) {
	case 0:
		return "", engine.Usage("name the host with --host", "--unattended: the medium is for no host: there is none in %s", dir)
	case 1:
		return found[0], nil
	}
	for i, f := range found {
		found[i] = filepath.Base(filepath.Dir(f))
	}
	return "", engine.Usage("name one of them with --host", "--unattended: the medium is for several hosts: %s", strings.Join(found, ", "))
}

// notForOthers refuses a secret in a file that every user can read.
func notForOthers(flag, file string) error {
	if file == "" {
		return nil
	}
	fi, err := os.Stat(file)
	if err != nil {
		return engine.Usage("name a file that can be read", "%s: %v", flag, err)
	}
	if fi.IsDir() {
		return engine.Usage("name a file that can be read", "%s: %s is a folder", flag, file)
	}
	if others(fi) == everyUser {
		can := "read"
		if fi.Mode()&0o004 == 0 {
			can = "change"
		}
		return engine.Usage("chmod 600 "+sys.Quote([]string{file}), "%s: every user can %s %s", flag, can, file)
	}
	return nil
}

const nixStore = "/nix/store"

// inStore refuses a secret in the Nix store: every user can read it there, and
// it is copied to wherever the store is.
func inStore(flag, file, store string) error {
	real, err := filepath.EvalSymlinks(file)
	if err == nil && strings.HasPrefix(real, store+"/") {
		return engine.Usage("put it beside the store, readable by root alone, or seal it into the host's bundle",
			"%s: %s is in the Nix store, which every user can read", flag, file)
	}
	return nil
}
