//go:build e2e

package lab

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"
)

const greeting = "hello, only from the secrets"

// withSecrets makes a config repo at /run/config in which demo has a secret,
// and keys: right.agekey opens it, wrong.agekey does not.
func (i *installer) withSecrets() {
	i.t.Helper()
	i.write("/run/greeting", greeting)
	shell(i.t, i.Machine, `
		umask 077
		cd /run
		age-keygen -o right.agekey; age-keygen -o wrong.agekey
		git clone --quiet git://10.0.2.100/nix-config.git config
		mkdir config/secrets
		cat >config/secrets/keys.nix <<-END
			{
			  demo = [ "$(age-keygen -y right.agekey)" ];
			}
		END
		cat >config/secrets/secrets.nix <<-END
			let
			  keys = import ./keys.nix;
			in
			{
			  "greeting.age".publicKeys = keys.demo;
			}
		END
		age -r "$(age-keygen -y right.agekey)" -o config/secrets/greeting.age greeting
		rm greeting
		git -C config add secrets
		git -C config -c user.name=lab -c user.email=lab@localhost commit --quiet -m 'A secret'`)
}

// waiting waits until the engine needs something, and returns its words on how to give
// it.
func (i *installer) waiting() []string {
	i.t.Helper()
	out := shell(i.t, i.Machine, `
		for _ in $(seq 3000); do
			grep -h '"event":"waiting"' /run/auto-installer/events.jsonl 2>/dev/null && exit
			grep -q '"event":"ended"' /run/auto-installer/events.jsonl 2>/dev/null && break
			sleep 0.1
		done
		tail -n 20 /run/auto-installer/install.log >&2; exit 1`)
	var e struct{ Waiting struct{ How []string } }
	if err := json.Unmarshal([]byte(out), &e); err != nil {
		i.t.Fatalf("%v: %s", err, out)
	}
	return e.Waiting.How
}

// decrypted reports whether a booted system has decrypted the greeting.
func decrypted(m Marker) bool {
	sum := sha256.Sum256([]byte(greeting))
	return len(m.Secrets) == 1 && m.Secrets[0] == Secret{"greeting", hex.EncodeToString(sum[:])}
}

// TestIdentityBySCP: the install refuses an identity that does not open the host's
// secrets before it writes anything. Without one, it waits at the end, and takes the
// right one when it comes over the network.
func TestIdentityBySCP(t *testing.T) {
	t.Parallel()
	target := disk(t, "TARGET", NVMe, 512, 5*gib)
	i := liveMachine(t, Config{Network: GitServer, Disks: []Disk{target}})
	i.withSecrets()
	keys := shell(t, i.Machine, "cat /run/right.agekey /run/wrong.agekey")
	blank := hash(t, target)
	i.refused(7, "secrets/greeting.age", installArgs("demo", target, "--source", "/run/config", "--age-identity", "/run/wrong.agekey")...)
	if hash(t, target) != blank {
		t.Error("the disk was written to")
	}

	shell(t, i.Machine, "rm /run/auto-installer/events.jsonl")
	spy := i.spyOnProcesses("nixos-install")
	p, err := i.Agent.Start(t.Context(), nil, append([]string{"auto-installer"}, installArgs("demo", target, "--source", "/run/config")...)...)
	i.must(err)
	how := i.waiting()
	lap(t, i.Machine, "waiting")
	command := ""
	for _, line := range how {
		if strings.HasPrefix(line, "  scp ") {
			command = strings.TrimSpace(line)
			break
		}
	}
	if command == "" || !strings.Contains(strings.Join(how, "\n"), "SHA256:") {
		t.Fatalf("it says\n%s", strings.Join(how, "\n"))
	}
	shell(t, i.Machine, `
		mkdir -p -m 0700 /root/.ssh /run/sender
		ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519
		cp /root/.ssh/id_ed25519.pub /root/.ssh/authorized_keys
		systemctl start ssh
		cd /run/sender
		send() { cp "/run/$1" demo.agekey; `+strings.Replace(command, "scp ", "scp -o StrictHostKeyChecking=accept-new ", 1)+`; }
		send wrong.agekey
		for _ in $(seq 3000); do
			grep -q 'sent is refused' /run/auto-installer/events.jsonl && break
			sleep 0.1
		done
		grep -q 'sent is refused: it does not open secrets/greeting.age' /run/auto-installer/events.jsonl
		send right.agekey`)
	r, err := p.Wait(t.Context())
	i.must(err)
	if r.Exit != 0 {
		t.Fatalf("exit code %d\n%s%s", r.Exit, r.Stdout, r.Stderr)
	}
	i.letGo()
	var lines []string
	for line := range strings.Lines(keys) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "AGE-SECRET-KEY") {
			lines = append(lines, line)
		}
	}
	i.secretless(map[string]string{"processes": spy()}, append(lines, greeting)...)
	shell(t, i.Machine, "rm -r /run/*.agekey /run/sender")
	i.notInFiles(append(lines, greeting)...)
	i.off(target)
	m := i.boots(target, "demo", nil)
	if got := fact(m, "/etc/age/demo.agekey"); got != "600 0:0 in 700" || !decrypted(m) {
		t.Errorf("the identity is %s, the secrets are %+v", got, m.Secrets)
	}
}
