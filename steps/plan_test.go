package steps

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"encoding/pem"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"
	"golang.org/x/crypto/ssh"

	"auto-installer/hosts"
	"auto-installer/internal/disk/block"
	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
)

var update = flag.Bool("update", false, "write the golden files again")

const (
	toplevel   = "/nix/store/0123456789abcdfghijklmnpqrsvwxyz-nixos-system"
	passphrase = "correct horse battery staple"
)

var nvme = Disk{
	Path: "/dev/nvme0n1", Size: 512 << 30, LogicalSector: 512,
	identity: block.Identity{
		Path: "/dev/nvme0n1", Size: 512 << 30, LogicalSector: 512, Model: "Lab NVMe", Serial: "S1", WWN: "eui.1", DevNo: "259:0",
	},
}

func load(t *testing.T, name string) hosts.Host {
	t.Helper()
	h, err := hosts.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func ageIdentity(t *testing.T) []byte {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return []byte(id.String() + "\n")
}

func sshKey(t *testing.T) []byte {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(block)
}

func answers(t *testing.T) map[string]Answers {
	t.Helper()
	luksSwap := load(t, "ultraviolet")
	luksSwap.LUKS.Enable, luksSwap.Labels.LUKS = true, "UV-LUKS"
	prebuilt := load(t, "stygianlibrary")
	virtio := Disk{Path: "/dev/vda", Size: 64 << 30, LogicalSector: 4096, identity: block.Identity{
		Path: "/dev/vda", Size: 64 << 30, LogicalSector: 4096, DevNo: "254:0",
	}}
	flakeLUKS := prebuilt
	flakeLUKS.Prebuilt, flakeLUKS.RepoRef = false, "main"
	return map[string]Answers{
		"plain":     {Host: load(t, "demo"), Disk: nvme, Power: true},
		"swap":      {Host: load(t, "ultraviolet"), Disk: virtio, AgeIdentity: ageIdentity(t), DeployKey: sshKey(t), Remote: "git@git.example.org:nix-config.git"},
		"luks":      {Host: flakeLUKS, Disk: nvme, Passphrase: []byte(passphrase), AgeIdentity: ageIdentity(t), Power: true},
		"luks-swap": {Host: luksSwap, Disk: nvme, Passphrase: []byte(passphrase)},
		"pinned":    {Host: load(t, "ultraviolet"), Disk: virtio, Medium: medium{Revision: strings.Repeat("0123abcd", 5)}},
		"medium": {
			Host: prebuilt, Disk: nvme, Passphrase: []byte(passphrase), System: toplevel, Source: Medium + "/nix-config",
			RecoveryKey: []byte("bcdefghi"), Medium: medium{Plain: true, Contract: MediumHosts + "/stygianlibrary/contract.json"},
		},
		"prebuilt": {Host: prebuilt, Disk: nvme, Passphrase: []byte(passphrase), System: toplevel, Source: Medium + "/nix-config", Power: true},
	}
}

var guid = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`)

func TestPlans(t *testing.T) {
	for name, a := range answers(t) {
		t.Run(name, func(t *testing.T) {
			p, err := InstallPlan(a, engine.DefaultPaths())
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			engine.WritePlan(&out, &p.Plan)
			asJSON, err := json.Marshal(p)
			if err != nil {
				t.Fatal(err)
			}
			for _, secret := range []string{"horse", "AGE-SECRET", "OPENSSH PRIVATE"} {
				if strings.Contains(out.String()+string(asJSON), secret) {
					t.Errorf("the plan shows %q", secret)
				}
			}
			types := map[string]bool{}
			for _, part := range p.Partitions {
				types[part.Type] = true
			}
			text := guid.ReplaceAllStringFunc(out.String(), func(g string) string {
				if types[g] {
					return g
				}
				return "GUID"
			})
			file := filepath.Join("testdata", name+".golden")
			if *update {
				if err := errors.Join(os.MkdirAll("testdata", 0o755), os.WriteFile(file, []byte(text), 0o644)); err != nil {
					t.Fatal(err)
				}
			}
			golden, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if text != string(golden) {
				t.Errorf("the plan is not that of %s, see go test -update:\n%s", file, text)
			}
			gateSplits(t, p)
		})
	}
}

// harmless are the only commands that may run before the gate: they read, or write to memory.
var harmless = []string{"git", "install", "nix", "lsblk", "cp", "chmod"}

func gateSplits(t *testing.T, p *Install) {
	t.Helper()
	var names []engine.Name
	for _, s := range p.Steps {
		names = append(names, s.Name)
	}
	gate := slices.Index(names, "gate")
	if gate < 1 || names[gate+1] != "partition" {
		t.Fatalf("the steps are %q", names)
	}
	for i, s := range p.Steps {
		if (s.Phase != engine.Check) != (i > gate) {
			t.Errorf("step %s: the phase is %s", s.Name, s.Phase)
		}
		if s.Does == "" || len(s.Actions) == 0 {
			t.Errorf("step %s does not say what it does", s.Name)
		}
		for _, a := range s.Actions {
			if len(a.Argv) == 0 {
				continue
			}
			if i <= gate && !slices.Contains(harmless, a.Argv[0]) {
				t.Errorf("before the gate, %s runs %q", s.Name, a.Argv)
			}
			disk := p.Disk.Path
			for _, word := range a.Argv {
				if i <= gate && (strings.HasPrefix(word, disk) || strings.HasPrefix(word, Target)) {
					t.Errorf("before the gate, %s names the disk or the target: %q", s.Name, a.Argv)
				}
				if strings.Contains(word, "/by-label/") || strings.Contains(word, "/by-partlabel/") {
					t.Errorf("%s addresses a partition by its label: %q", s.Name, a.Argv)
				}
			}
		}
	}
	if p.Steps[0].Name != "preflight" || names[len(names)-1] != "finish" {
		t.Errorf("the steps are %q", names)
	}
	for _, s := range p.Steps {
		for _, a := range s.Actions {
			if len(a.Argv) > 0 && !strings.Contains(p.Steps[0].Actions[2].Does, a.Argv[0]) {
				t.Errorf("preflight does not look for %s", a.Argv[0])
			}
		}
	}
}

func TestEveryEmbeddedHostHasAPlan(t *testing.T) {
	for _, name := range hosts.Names() {
		a := Answers{Host: load(t, name), Disk: nvme}
		if a.Host.LUKS.Enable {
			a.Passphrase = []byte(passphrase)
		}
		if a.Host.Prebuilt {
			a.System = toplevel
		}
		p, err := InstallPlan(a, engine.DefaultPaths())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		gateSplits(t, p)
	}
}

func TestEveryPlanHasItsOwnGUIDs(t *testing.T) {
	seen := map[string]bool{}
	for range 3 {
		p, err := InstallPlan(answers(t)["swap"], engine.DefaultPaths())
		if err != nil {
			t.Fatal(err)
		}
		ids := []string{p.DiskGUID}
		for _, part := range p.Partitions {
			ids = append(ids, part.GUID)
		}
		for _, id := range ids {
			if seen[id] || !guid.MatchString(id) {
				t.Errorf("GUID %s", id)
			}
			seen[id] = true
		}
	}
}

func TestDiskTooSmall(t *testing.T) {
	a := answers(t)["swap"]
	a.Disk.Size = 8 << 30
	_, err := InstallPlan(a, engine.DefaultPaths())
	if e, ok := errors.AsType[*sys.Fault](err); !ok || e.Code != sys.CodeMachine || !strings.Contains(e.Cause, "too small") || e.Hint == "" {
		t.Errorf("%+v", err)
	}
}

// No step that writes runs a command before the gate holds the disk, also on resume.
func TestNothingIsWrittenUnheld(t *testing.T) {
	for name, a := range answers(t) {
		p, err := InstallPlan(a, engine.DefaultPaths())
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range p.Steps {
			if s.Phase == engine.Check {
				continue
			}
			for _, s := range []engine.Step{s, s.Resumed()} {
				err := s.Run(t.Context(), sys.NewFake(t)) // expects no command
				if f, ok := errors.AsType[*sys.Fault](err); !ok || f.Code != sys.CodeGate || !strings.Contains(f.Cause, "is not held") {
					t.Errorf("%s: %s: %v", name, s.Name, err)
				}
			}
		}
	}
}

// A host without a user gives the deploy key to no user.
func TestDeployKeyForNoUser(t *testing.T) {
	for user, want := range map[string]bool{"": true, "me": false} {
		a := answers(t)["swap"]
		a.Host.TargetUser, a.Host.RepoClonePath = user, "/mnt/nix-config"
		p, err := InstallPlan(a, engine.DefaultPaths())
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(strings.Join(p.Warnings, "\n"), "no user gets the deploy key"); got != want {
			t.Errorf("user %q: %q", user, p.Warnings)
		}
	}
}
