//go:build e2e

package lab

import "testing"

// alone starts a machine for one fault of the machine itself.
func alone(t *testing.T, c Config) *seeding {
	t.Helper()
	m := &seeding{target: c.Disks[0], disks: c.Disks, installer: liveMachine(t, c)}
	m.note()
	return m
}

// TestRefusesBIOS, scenario 6 on a machine without UEFI firmware.
func TestRefusesBIOS(t *testing.T) {
	t.Parallel()
	m := alone(t, Config{BIOS: true, Network: GitServer, Disks: []Disk{disk(t, "TARGET", VirtioBlk, 512, 5*gib)}})
	m.refuses(seed{name: "no UEFI", step: "preflight", exit: 5, words: "UEFI", args: m.with()})
}

// TestSeededSmallMachine: a machine with too little memory, whose disk is then unplugged.
func TestSeededSmallMachine(t *testing.T) {
	t.Parallel()
	if !*full {
		t.Skip("a part of `just campaign`")
	}
	target := disk(t, "TARGET", VirtioBlk, 512, 5*gib)
	m := alone(t, Config{Memory: 850, Network: GitServer, Disks: []Disk{target}})
	m.refuses(seed{name: "too little memory", step: "preflight", exit: 5, words: "too little memory", args: m.with()})
	m.refuses(seed{
		name: "no disk but the stick", step: inDetect, exit: 4, words: "no disk can be used", args: installArgs("demo", Disk{}),
		begin: func(i *installer) { i.must(i.Unplug(i.t.Context(), target.Serial)) },
	})
	powerOff(t, m.Machine)
	m.untouched()
}
