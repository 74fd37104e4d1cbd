package steps

import (
	"slices"
	"strings"
	"testing"

	"auto-installer/internal/engine"
)

// Preflight verifies that a virtual machine can start. It starts after the boot proof, on a
// target that is read-only.
func TestProveBootVM(t *testing.T) {
	a := answers(t)["luks"]
	a.ProveBoot = "container"
	if err := a.Validate(); err == nil || !strings.Contains(err.Error(), "container") {
		t.Errorf("%v", err)
	}
	a.ProveBoot, a.SkipVerify = ProveVM, true
	p, err := InstallPlan(a, engine.DefaultPaths())
	if err != nil {
		t.Fatal(err)
	}
	gateSplits(t, p)
	at := map[engine.Name]int{}
	for i, s := range p.Steps {
		at[s.Name] = i
	}
	if at["vm"] != 1 || at["vm"] > at["gate"] || at["bootvm"] != at["bootproof"]+1 || at["finish"] != at["bootvm"]+1 {
		t.Errorf("%v", at)
	}
	var lines []string
	for _, action := range p.Steps[at["bootvm"]].Actions {
		lines = append(lines, strings.Join(action.Argv, " "))
		if strings.Contains(action.Stdin+strings.Join(action.Argv, " "), "horse") {
			t.Error("the passphrase is shown")
		}
	}
	if lines[0] != "mount -o remount,ro /mnt/boot" || lines[1] != "mount -o remount,ro /mnt" ||
		!strings.Contains(lines[3], "driver=file,node-name=disk,filename=/dev/nvme0n1,read-only=on,") ||
		!slices.Equal(lines[4:], []string{"mount -o remount,rw /mnt", "mount -o remount,rw /mnt/boot"}) {
		t.Errorf("%q", lines)
	}
	for _, action := range p.Steps[at["bootproof"]].Actions {
		if slices.Contains(action.Argv, "verify") {
			t.Error("the store is hashed again")
		}
	}
	if line := a.CommandLine(); !strings.Contains(line, "--prove-boot vm") || !strings.Contains(line, "--skip-verify") {
		t.Error(line)
	}
}
