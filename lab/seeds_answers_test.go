//go:build e2e

package lab

import (
	"strings"
	"testing"

	"auto-installer/modules"
	"auto-installer/secrets"
)

// The files that the seeds name, in the live system.
const seedDir = "/run/seeds"

// seeds returns all faults, the cheapest first; those that cannot be undone come last.
func (m *seeding) seeds() []seed {
	var all []seed
	for _, some := range [][]seed{m.wrongAnswers(), m.wrongHosts(), m.wrongDisks(), m.wrongMachine(), m.wrongContract(), m.wrongSource(), m.wrongAtTheGate()} {
		all = append(all, some...)
	}
	return append(all, m.last()...)
}

// files makes the files that the seeds name.
func (m *seeding) files() {
	m.t.Helper()
	m.write("/run/passphrase", passphrase)
	m.host("demo-luks")
	m.host("demo-full")
	if !*full {
		return
	}
	m.write("/run/contract.nix", modules.Contract)
	shell(m.t, m.Machine, `
		umask 077; mkdir -p `+seedDir+`/tiny; cd `+seedDir+`
		: >empty; printf 'one\ntwo\n' >lines; printf '%0600d' 0 >long
		printf 'passw\303\266rd of words' >umlaut
		age-keygen -o a.agekey 2>/dev/null; age-keygen -o b.agekey 2>/dev/null
		cat a.agekey b.agekey >two.agekey; age-keygen -y a.agekey >public.agekey
		install -m 644 a.agekey open.agekey
		ssh-keygen -q -t ed25519 -N '' -f deploy; ssh-keygen -q -t ed25519 -N secret -f locked
		truncate -s 8G disk.img
		echo a config repo that is never evaluated >tiny/README
		export GIT_AUTHOR_NAME=lab GIT_AUTHOR_EMAIL=lab@localhost GIT_COMMITTER_NAME=lab GIT_COMMITTER_EMAIL=lab@localhost
		git init --quiet --bare -b main empty.git
		repo() { git init --quiet -b main $1; git -C $1 add --all; git -C $1 commit --quiet -m 'A repo'; }
		cp -R tiny noflake; repo noflake
		mkdir broken nohost; echo '{ outputs = ' >broken/flake.nix; repo broken
		echo '{ outputs = _: { nixosConfigurations = { }; }; }' >nohost/flake.nix; repo nohost
		nix --extra-experimental-features 'nix-command flakes' eval --json --offline \
			'git+file:///iso/auto-installer/nix-config#nixosConfigurations.demo-full.config' \
			--apply "$(cat /run/contract.nix)" >fits.json`)
	for name, host := range map[string]string{"demo.bundle": "demo", "other.bundle": "other"} {
		m.write(seedDir+"/"+name, string(sealedBundle(m.t, host)))
	}
}

// sealedBundle returns keys of a host, sealed with the passphrase.
func sealedBundle(t *testing.T, host string) []byte {
	t.Helper()
	id, err := secrets.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	b := &secrets.Bundle{Host: host, Identity: id}
	defer b.Wipe()
	sealed, err := secrets.Seal(b, []byte(passphrase))
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

// with returns the arguments of an install of demo to the target, and more.
func (m *seeding) with(more ...string) []string { return installArgs("demo", m.target, more...) }

func (m *seeding) wrongAnswers() []seed {
	encrypted := func(more ...string) []string { return installArgs("/run/demo-luks.toml", m.target, more...) }
	file := func(name string) string { return seedDir + "/" + name }
	plan := "auto-installer plan --json --no-power --host demo --disk " + m.target.ID() + " >/run/plan.json"
	byPlan := []string{"install", "--plan", "/run/plan.json", "--confirm", "yes", "--no-power"}
	all := []seed{
		{name: "not confirmed", slice: true, words: "--confirm must be the word yes", args: []string{"install", "--host", "demo", "--disk", m.target.ID(), "--confirm", "y", "--no-power"}},
		{name: "no passphrase", slice: true, words: "no passphrase", args: encrypted()},
		{name: "an unknown flag", words: "unknown flag", args: m.with("--dsik", "/dev/sda")},
		{name: "contradicting flags", words: "resume", args: m.with("--resume", "--start-over")},
		{name: "an empty passphrase", words: "it is empty", args: encrypted("--passphrase-file", file("empty"))},
		{name: "a passphrase of 600 bytes", words: "longer than 512 bytes", args: encrypted("--passphrase-file", file("long"))},
		{name: "a passphrase of two lines", words: "could not be typed", args: encrypted("--passphrase-file", file("lines"))},
		{name: "a missing passphrase file", words: "no such file", args: encrypted("--passphrase-file", file("nothing"))},
		{name: "a descriptor that is not open", words: "bad file descriptor", args: encrypted("--passphrase-fd", "200")},
		{name: "a passphrase for no container", words: "would protect nothing", args: m.with("--passphrase-file", "/run/passphrase")},
		{name: "the recovery key is the passphrase", words: "is the passphrase", args: encrypted("--passphrase-file", "/run/passphrase", "--recovery-key-file", "/run/passphrase")},
		{name: "an invalid age identity", words: "not an age identity file", args: m.with("--age-identity", file("deploy"))},
		{name: "two age identities", words: "with one AGE-SECRET-KEY-1 line", args: m.with("--age-identity", file("two.agekey"))},
		{name: "a recipient for an identity", words: "a public key, not the private one", args: m.with("--age-identity", file("public.agekey"))},
		{name: "a secret that every user can read", words: "every user can read", args: []string{"install", "--unattended", "--host", "demo", "--disk", m.target.ID(), "--age-identity", file("open.agekey"), "--no-power"}},
		{name: "a secret in the Nix store", words: "is in the Nix store", prep: "ls -d /nix/store/*-demo-full-facts >/run/in-store; ln -sf $(head -n 1 /run/in-store) /run/secret", args: m.with("--age-identity", "/run/secret")},
		{name: "an invalid deploy key", words: "deploy key cannot be read", args: m.with("--deploy-key", file("a.agekey"))},
		{name: "a deploy key with a passphrase", words: "deploy key cannot be read", args: m.with("--deploy-key", file("locked"))},
		{name: "invalid sealed keys", words: "sealed keys cannot be read", args: m.with("--bundle", file("a.agekey"), "--bundle-passphrase-file", "/run/passphrase")},
		{name: "a wrong passphrase for sealed keys", words: "does not open the sealed keys", args: m.with("--bundle", file("demo.bundle"), "--bundle-passphrase-file", file("umlaut"))},
		{name: "another host's sealed keys", words: "keys of other, not of demo", args: m.with("--bundle", file("other.bundle"), "--bundle-passphrase-file", "/run/passphrase")},
		{name: "sealed keys without passphrase", words: "the sealed keys need a passphrase", args: m.with("--bundle", file("demo.bundle"))},
		{name: "no sealed keys on the medium", words: "no sealed keys of demo", args: m.with("--bundle-passphrase-file", "/run/passphrase")},
		{name: "an invalid ref", words: "is not a name of a branch", args: m.with("--ref", "main..next")},
		{name: "a password in the remote", words: "has a password", args: m.with("--remote", "https://me:secret@example.org/r.git")},
		{name: "a system that is not a store path", words: "is not a store path", args: m.with("--system", "/run/current-system")},
		{name: "no prebuilt system on the medium", words: "needs a prebuilt system", args: installArgs("/run/unbuilt.toml", m.target), prep: m.variant("demo-swap", "unbuilt", `targetHost = "demo-swap"`, `targetHost = "unbuilt"`)},
		{name: "unattended, no host on the medium", words: "the medium has no host", args: []string{"install", "--unattended", "--disk", m.target.ID()}},
		{name: "a disk image", words: "is a file, not a disk", args: append(installArgs("demo", Disk{}), "--disk", file("disk.img"))},
		{name: "nothing to resume", words: "no unfinished install", args: m.with("--resume")},
		{name: "an invalid plan", words: "is not a plan", args: byPlan, prep: "echo yes >/run/plan.json"},
		{name: "a plan with another schema", words: "has the schema", args: byPlan, prep: plan + "; sed -i 's|installer/plan/1|installer/plan/9|' /run/plan.json"},
		{name: "an edited plan", words: "was edited", args: byPlan, prep: plan + "; sed -i 's|DEMO-ROOT|OTHER-ROOT|' /run/plan.json"},
		{name: "a plan for another disk", words: "the plan differs from the one in the file", args: append(byPlan, "--disk", m.pulled.ID()), prep: plan},
		{
			name: "a plan from before a new partition table", words: "disk.ptUUID was", args: byPlan, marks: true,
			prep: plan + "; sfdisk --quiet --disk-id " + m.target.ID() + " 6a09e667-bb67-4e3c-a54f-510e527fade6; udevadm settle",
		},
	}
	for n := range all {
		all[n].step, all[n].exit = inAnswers, 2
	}
	return all
}

// variant returns a script that writes a changed definition to /run/NAME.toml.
func (m *seeding) variant(host, name string, changes ...string) string {
	return "cat >/run/" + name + ".toml <<'END-OF-HOST'\n" + strings.NewReplacer(changes...).Replace(m.hostTOML(host)) + "\nEND-OF-HOST\n"
}

func (m *seeding) wrongHosts() []seed {
	bad := func(name, words, host string, changes ...string) seed {
		return seed{name: name, words: words, prep: m.variant(host, "bad", changes...), args: append(installArgs("/run/bad.toml", m.target), "--passphrase-file", "/run/passphrase")}
	}
	all := []seed{
		{name: "an unknown host", slice: true, words: "nosuchhost", args: installArgs("nosuchhost", m.target)},
		{name: "a wrong type in host.toml", slice: true, words: "/run/bad.toml:", prep: m.variant("demo", "bad", "[labels]", "swap.enable = \"no\"\n[labels]"), args: installArgs("/run/bad.toml", m.target)},
		bad("host.toml with invalid TOML", "/run/bad.toml:", "demo", "[labels]", "[labels"),
		bad("a misspelt option", "swap.enabel", "demo-swap", "enable =", "enabel ="),
		bad("an ESP label that is too long", "has 12 bytes", "demo", "DEMO-EFI", "DEMO-EFI-123"),
		bad("an ESP label of small letters", "has 'd'", "demo", "DEMO-EFI", "demo-efi"),
		bad("the same label twice", "is the same as labels.efi", "demo", "DEMO-ROOT", "DEMO-EFI"),
		bad("LUKS without its label", "is required by luks.enable", "demo-luks", `luks = "LUKS1-LUKS"`, ""),
		bad("an invalid swap size", "swap.size", "demo-swap", "512M", "some"),
		bad("a folder outside the target", "is not below /mnt", "demo-full", `"persist"`, `"/home"`),
		bad("the config repo inside the ESP", "is in /mnt/boot", "demo", "/mnt/etc/nix-config", "/mnt/boot/nix-config"),
	}
	for n := range all {
		all[n].step, all[n].exit = inHost, 3
	}
	return all
}
