package hosts

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// Medium is the options of a host's installer medium, as modules/installer.nix
// passes them.
type Medium struct {
	Target        bool       `json:"target"` // the host's own configuration is known
	Source        bool       `json:"source"` // the config repo is on the medium
	Revision      string     `json:"revision"`
	DirtyRevision string     `json:"dirtyRevision"`
	Bundle        string     `json:"bundle"`    // file; may be empty
	DeployKey     bool       `json:"deployKey"` // the medium has one
	Unattended    Unattended `json:"unattended"`
}

// Unattended is autoInstaller.unattended. Each file is one of the running
// medium.
type Unattended struct {
	Enable               bool   `json:"enable"`
	Disk                 string `json:"disk"`
	PassphraseFile       string `json:"passphraseFile"`
	BundlePassphraseFile string `json:"bundlePassphraseFile"`
	AgeIdentityFile      string `json:"ageIdentityFile"`
	NoAgeIdentity        bool   `json:"noAgeIdentity"`
}

// ParseMedium reads the options of a medium. It refuses unknown ones: module
// and program are of one version.
func ParseMedium(data []byte) (Medium, error) {
	var m Medium
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return m, fmt.Errorf("the options of the medium are invalid: %w", err)
	}
	return m, nil
}

// Check gives what is wrong with the medium of h, and what the operator should
// know of it.
func (m Medium) Check(h Host) (bad Errors, notes []string) {
	var c checker
	target := "target = self.nixosConfigurations." + h.TargetHost
	if h.Prebuilt && !m.Target {
		c.set("prebuilt", "is true, but target is not set: the medium would carry no system", target)
	}
	if h.Prebuilt && !m.Source {
		c.set("prebuilt", "is true, but source is not set: the target would clone the config repo over the network", "source = self")
	}
	isUnpinned := !h.Prebuilt && h.RepoRef == "" && m.Revision == ""
	if isUnpinned && m.DirtyRevision != "" {
		e := c.add("revision", "the config repo has uncommitted changes ("+m.DirtyRevision+"), which a clone on the target would not have", "")
		e.hint = "commit and push them (git add --all && git commit), or set repoRef to what the target is to install"
	}
	c.unattended(h, m)

	note := func(when bool, text string) {
		if when {
			notes = append(notes, text)
		}
	}
	note(isUnpinned && m.DirtyRevision == "", "revision is not set: the installer takes the HEAD that the remote has at the time of the install")
	note(!m.Target, "target is not set: the installer compares the host's configuration with what it makes only when it runs")
	note(m.DeployKey && h.TargetUser == "", "targetUser is not set: no user gets the deploy key, and root owns the clone; set targetUser in host.toml")
	note(h.Prebuilt && h.RepoRemote == "", "repoRemote is not set: the config repo on the host has no remote to pull from; set repoRemote in host.toml")
	return c.problems, notes
}

// set reports an option that needs another one.
func (c *checker) set(key, problem, other string) {
	c.add(key, problem, other).hint = "set " + other
}

func (c *checker) unattended(h Host, m Medium) {
	u := m.Unattended
	if !u.Enable {
		return
	}
	const passphrase, bundle = "unattended.passphraseFile", "unattended.bundlePassphraseFile"
	switch {
	case h.LUKS.Enable && u.PassphraseFile == "":
		c.add(passphrase, "is required by luks.enable, but not set", "a file of the running medium").hint = "set " + passphrase
	case !h.LUKS.Enable && u.PassphraseFile != "":
		c.ignored(passphrase, quote(u.PassphraseFile), "luks.enable", "no "+passphrase)
	}
	if u.BundlePassphraseFile != "" && m.Bundle == "" {
		e := c.add(bundle, "is set, but bundle is not: there are no sealed keys to open", "bundle = ./bundle.age, or no "+bundle)
		e.hint = "set bundle = ./bundle.age, or remove " + bundle
	}
	var identities []string
	for _, way := range []struct {
		name  string
		given bool
	}{
		{"bundlePassphraseFile", u.BundlePassphraseFile != ""}, {"ageIdentityFile", u.AgeIdentityFile != ""}, {"noAgeIdentity", u.NoAgeIdentity},
	} {
		if way.given {
			identities = append(identities, way.name)
		}
	}
	if len(identities) > 1 {
		c.add("unattended", "several options give the age identity: "+strings.Join(identities, ", "), "one of them").hint = "keep one of them"
	}
}
