//go:build e2e

package lab

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const gib = 1 << 30

// TestPlain, scenario 1: plain ESP and root, from the flake on the git server. The
// machine powers off by itself, as a real one does.
func TestPlain(t *testing.T) {
	t.Parallel()
	target := disk(t, "TARGET", NVMe, 512, 5*gib)
	i := liveMachine(t, Config{Network: GitServer, Disks: []Disk{target}})
	i.install("demo", target)
	lap(t, i.Machine, "installed once")

	// Again without --no-power, over the installed system, with the log on the host's
	// side.
	p, err := i.Agent.Start(t.Context(), nil, "auto-installer", "install", "--host", "demo", "--confirm", "yes",
		"--disk", target.ID(), "--log-file", "/lab/install.log")
	if err != nil {
		t.Fatal(err)
	}
	_ = p // ends with the machine
	ctx, cancel := context.WithTimeout(t.Context(), Hung)
	defer cancel()
	if err := i.AwaitOff(ctx); err != nil {
		log, _ := os.ReadFile(filepath.Join(i.share, "install.log"))
		t.Fatalf("%v\n%s", err, log)
	}
	i.untouched()
	i.clean(target)
	i.startsInVM(target)
	m := i.boots(target, "demo", nil)
	if m.RootLabel != "DEMO-ROOT" || m.Mapper != nil || m.Swap != nil || m.RootDevice != "/dev/nvme0n1p2" {
		t.Errorf("the marker is %+v", m)
	}
	if got := fact(m, m.RepoPath); !strings.HasPrefix(got, "755 0:0") {
		t.Errorf("%s is %s", m.RepoPath, got)
	}
}

// TestSwapOffline, scenario 2: the swap layout, prebuilt, on 4096-byte sectors, with the
// network cable unplugged.
func TestSwapOffline(t *testing.T) {
	t.Parallel()
	target := disk(t, "TARGET", NVMe, 4096, 5*gib)
	i := liveMachine(t, Config{Network: Unplugged, Disks: []Disk{target}})
	i.install(i.host("demo-swap"), target)
	i.off(target)
	m := i.boots(target, "demo-swap", nil)
	if m.RootLabel != "SWAP1-ROOT" || m.Swap == nil || m.Swap.Kind != "plain" || m.Swap.Device != "/dev/nvme0n1p3" {
		t.Errorf("the marker is %+v, swap %+v", m, m.Swap)
	}
}

// host writes a host.toml of the lab into the live system and returns its path.
func (i *installer) host(name string) string {
	i.t.Helper()
	return i.write("/run/"+name+".toml", i.hostTOML(name))
}

const passphrase = "correct horse battery staple"

// typed answers the boot prompt, first wrong, then right.
func typed(ctx context.Context, m *Machine) error {
	for _, answer := range []string{"incorrect donkey", passphrase} {
		if err := m.Console.ExpectString(ctx, "Please enter passphrase"); err != nil {
			return err
		}
		if err := m.Console.Type(answer + "\r"); err != nil {
			return err
		}
	}
	return nil
}

// TestLUKS, scenario 3: LUKS, prebuilt, the passphrase from a descriptor. The passphrase
// must be nowhere but in the keyslot.
func TestLUKS(t *testing.T) {
	t.Parallel()
	target := disk(t, "TARGET", VirtioBlk, 512, 5*gib)
	i := liveMachine(t, Config{Disks: []Disk{target}})
	shell(t, i.Machine, "rm /usr/local/bin/cryptsetup") // a key derivation of the real cost
	i.must(i.Console.Type("cat /etc/os-release\r"))     // so that there is something to search
	host := i.host("demo-luks")
	i.write("/run/passphrase", passphrase)

	spy := i.spyOnProcesses("luksFormat", "nixos-install")
	out := shell(t, i.Machine, "auto-installer install --host "+host+" --disk "+target.ID()+
		" --confirm yes --no-power --passphrase-fd 3 3</run/passphrase 2>&1")
	processes := spy()
	i.letGo()
	shell(t, i.Machine, "rm /run/passphrase")

	journal := shell(t, i.Machine, "journalctl --output short-full; dmesg")
	events := shell(t, i.Machine, "cat /run/auto-installer/*.jsonl /run/auto-installer/*.log; cat /run/auto-installer/undo.json")
	header := shell(t, i.Machine, "cryptsetup luksDump "+target.ID()+"-part2; cryptsetup open --test-passphrase --key-file - "+target.ID()+
		"-part2 </dev/null && echo OPENED || true")
	if !strings.Contains(header, "argon2id") || strings.Contains(header, "OPENED") {
		t.Errorf("the header is wrong:\n%s", header)
	}
	i.off(target)
	for where, text := range map[string]string{
		"output": out, "processes": processes, "journal": journal, "events and log": events,
		"console": string(i.Console.Transcript()),
	} {
		if len(text) < 100 {
			t.Errorf("%s: only %d bytes to search", where, len(text))
		}
		if strings.Contains(text, passphrase) {
			t.Errorf("the passphrase is in the %s", where)
		}
	}
	for _, file := range []string{target.Path, i.Out} {
		notIn(t, file, passphrase)
	}

	i.startsInVM(target, "--passphrase-file", i.keepFile("passphrase", passphrase))
	m := i.boots(target, "demo-luks", typed)
	if m.Mapper == nil || *m.Mapper != "demo-crypt" || m.RootLabel != "LUKS1-ROOT" {
		t.Errorf("the marker is %+v", m)
	}
}

// spyOnProcesses records what every process exposes until the returned function is
// called, which checks that the record has the words.
func (i *installer) spyOnProcesses(words ...string) func() string {
	i.t.Helper()
	spy, err := i.Agent.Start(i.t.Context(), nil, "/lab/spy", "/run/spy")
	i.must(err)
	return func() string {
		i.t.Helper()
		i.must(spy.Signal(i.t.Context(), "TERM"))
		if end, err := spy.Wait(i.t.Context()); err != nil || end.Exit != 0 {
			i.t.Fatalf("the spy: %v, %s", err, end.Stderr)
		}
		seen := shell(i.t, i.Machine, "cat /run/spy")
		for _, word := range words {
			if !strings.Contains(seen, word) {
				i.t.Errorf("the spy missed %s", word)
			}
		}
		return seen
	}
}

// notIn searches a file, or all files of a folder, for a text.
func notIn(t *testing.T, path, text string) {
	t.Helper()
	err := filepath.WalkDir(path, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		found, err := contains(name, []byte(text))
		if found {
			t.Errorf("%q is in %s", text, filepath.Base(name))
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func contains(name string, text []byte) (bool, error) {
	f, err := os.Open(name)
	if err != nil {
		return false, err
	}
	defer f.Close()
	buf := make([]byte, 4<<20)
	kept := 0
	for {
		n, err := f.Read(buf[kept:])
		if bytes.Contains(buf[:kept+n], text) {
			return true, nil
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return false, err
		}
		end := kept + n
		kept = min(len(text)-1, end)
		copy(buf, buf[end-kept:end])
	}
}

// TestEverything, scenario 4: LUKS and swap, with every option that writes to the disk.
func TestEverything(t *testing.T) {
	t.Parallel()
	target := disk(t, "TARGET", NVMe, 4096, 5*gib)
	i := liveMachine(t, Config{Disks: []Disk{target}})
	host := i.host("demo-full")
	i.write("/run/passphrase", passphrase+"\n")
	shell(t, i.Machine, `
		umask 077
		age-keygen -o /run/demo.agekey
		ssh-keygen -q -t ed25519 -N '' -C demo-installer -f /run/deploy`)
	i.install(host, target, "--passphrase-file", "/run/passphrase",
		"--age-identity", "/run/demo.agekey", "--deploy-key", "/run/deploy")
	key := shell(t, i.Machine, "cat /run/demo.agekey /run/deploy")
	logs := shell(t, i.Machine, "cat /run/auto-installer/*.jsonl /run/auto-installer/*.log; journalctl")
	for line := range strings.Lines(key) {
		if line = strings.TrimSpace(line); len(line) > 40 && strings.Contains(logs, line) {
			t.Error("a line of a private key is in the logs")
		}
	}
	i.off(target)

	m := i.boots(target, "demo-full", typed)
	if m.Swap == nil || m.Swap.Kind != "random" || m.Mapper == nil {
		t.Errorf("the marker is %+v, swap %+v", m, m.Swap)
	}
	for path, want := range map[string]string{
		"/etc/age/demo-full.agekey": "600 0:0 in 700",
		"/persist":                  "750 0:0 in 755",
		"/models":                   "750 0:0 in 755",
		"/home/demo":                "700 1000:100 in 755",
		"/home/demo/nix-config":     "755 1000:100 in 700",
		"/home/demo/.ssh":           "700 1000:100 in 700",
		"/home/demo/.ssh/id_deploy": "600 1000:100 in 700",
		"/home/demo/.ssh/config":    "600 1000:100 in 700",
	} {
		if got := fact(m, path); got != want {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
}
