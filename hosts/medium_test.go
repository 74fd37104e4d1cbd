package hosts

import (
	"strings"
	"testing"
)

func TestMedium(t *testing.T) {
	plain := Default()
	plain.TargetHost, plain.RepoRemote = "demo", "https://example.org/nix-config.git"
	luks, prebuilt, pinned := plain, plain, plain
	luks.LUKS.Enable = true
	prebuilt.Prebuilt = true
	pinned.RepoRef = "main"
	noRemote := prebuilt
	noRemote.RepoRemote = ""
	withUser := plain
	withUser.TargetUser = "me"
	good := Medium{Target: true, Source: true, Revision: "0123456"}
	with := func(change func(*Medium)) Medium {
		m := good
		change(&m)
		return m
	}
	unattended := func(u Unattended) Medium {
		u.Enable = true
		return with(func(m *Medium) { m.Unattended = u })
	}
	for name, c := range map[string]struct {
		host   Host
		medium Medium
		bad    string
		hint   string
		note   string
	}{
		"good":                      {host: plain, medium: good},
		"prebuilt":                  {host: prebuilt, medium: good},
		"prebuilt without a system": {host: prebuilt, medium: with(func(m *Medium) { m.Target = false }), bad: "prebuilt: is true, but target is not set", hint: "self.nixosConfigurations.demo", note: "target is not set"},
		"prebuilt without a source": {host: prebuilt, medium: with(func(m *Medium) { m.Source = false }), bad: "prebuilt: is true, but source is not set", hint: "source = self"},
		"uncommitted":               {host: plain, medium: with(func(m *Medium) { m.Revision, m.DirtyRevision = "", "0123456-dirty" }), bad: "uncommitted changes (0123456-dirty)", hint: "git commit"},
		"uncommitted, with a ref":   {host: pinned, medium: with(func(m *Medium) { m.Revision, m.DirtyRevision = "", "0123456-dirty" })},
		"uncommitted, prebuilt":     {host: prebuilt, medium: with(func(m *Medium) { m.Revision, m.DirtyRevision = "", "0123456-dirty" })},
		"no revision":               {host: plain, medium: with(func(m *Medium) { m.Revision = "" }), note: "revision is not set"},
		"no configuration":          {host: plain, medium: with(func(m *Medium) { m.Target = false }), note: "target is not set"},
		"a deploy key of no user":   {host: plain, medium: with(func(m *Medium) { m.DeployKey = true }), note: "targetUser is not set"},
		"a deploy key of a user":    {host: withUser, medium: with(func(m *Medium) { m.DeployKey = true })},
		"no remote":                 {host: noRemote, medium: good, note: "repoRemote is not set"},

		"unattended":                           {host: luks, medium: unattended(Unattended{PassphraseFile: "/run/p", Disk: "/dev/disk/by-id/nvme-x"})},
		"unattended, LUKS without passphrase":  {host: luks, medium: unattended(Unattended{}), bad: "unattended.passphraseFile: is required by luks.enable", hint: "set unattended.passphraseFile"},
		"unattended, passphrase without LUKS":  {host: plain, medium: unattended(Unattended{PassphraseFile: "/run/p"}), bad: "luks.enable is false", hint: "luks.enable = true, or remove"},
		"unattended, passphrase of no bundle":  {host: plain, medium: unattended(Unattended{BundlePassphraseFile: "/run/p"}), bad: "there are no sealed keys to open", hint: "bundle = ./bundle.age"},
		"unattended, two identities":           {host: plain, medium: unattended(Unattended{AgeIdentityFile: "/run/p", NoAgeIdentity: true}), bad: "ageIdentityFile, noAgeIdentity", hint: "keep one"},
		"not unattended, LUKS, no passphrase":  {host: luks, medium: good},
		"not unattended, two identities given": {host: plain, medium: with(func(m *Medium) { m.Unattended.AgeIdentityFile, m.Unattended.NoAgeIdentity = "/run/p", true })},
	} {
		t.Run(name, func(t *testing.T) {
			bad, notes := c.medium.Check(c.host)
			if said := bad.Error(); !strings.Contains(said, c.bad) || c.bad == "" && said != "" || !strings.Contains(bad.Hint(), c.hint) || len(bad) > 1 {
				t.Errorf("%q, %q", said, bad.Hint())
			}
			if said := strings.Join(notes, "\n"); !strings.Contains(said, c.note) || c.note == "" && said != "" || len(notes) > 1 {
				t.Errorf("%q", said)
			}
		})
	}
}

func TestParseMedium(t *testing.T) {
	m, err := ParseMedium([]byte(`{"target": true, "revision": null, "unattended": {"enable": true, "disk": null, "passphraseFile": "/run/p"}}`))
	if err != nil || m != (Medium{Target: true, Unattended: Unattended{Enable: true, PassphraseFile: "/run/p"}}) {
		t.Errorf("%+v, %v", m, err)
	}
	for _, bad := range []string{`{"targte": true}`, `[]`, ``} {
		if _, err := ParseMedium([]byte(bad)); err == nil {
			t.Errorf("%q is no error", bad)
		}
	}
}
