package steps

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"auto-installer/internal/disk/block/blocktest"
	"auto-installer/internal/disk/choice"
	"auto-installer/internal/engine"
	"auto-installer/lab/topology"
)

// TestLesson04BootEntriesByGUID: the boot order comes from the firmware's variables, and its
// entries find their disks by the partition's GUID.
func TestLesson04BootEntriesByGUID(t *testing.T) {
	fake, root := blocktest.Machine(t, "laptop")
	found, err := choice.Run(t.Context(), fake, root, "")
	if err != nil {
		t.Fatal(err)
	}
	why := strings.Join(found.Chosen.Reasons, ", ")
	if found.Chosen.Device.Name != "nvme0n1" || !strings.Contains(why, "the firmware boots from it: Boot0001") {
		t.Errorf("%s: %s", found.Chosen.Device.Name, why)
	}
	// It ranks above a larger disk with more partitions and an ESP.
	m := twoDisks()
	m.Firmware = &topology.Firmware{
		Entries: []topology.Entry{{Number: 7, Active: true, PartUUID: m.Tops[1].Parts[0].PartUUID}},
		Order:   []uint16{7},
	}
	if v := lookAt(t, m)[0]; v.Device.Name != "sdb" || !strings.Contains(v.Reasons[0], "Boot0007") {
		t.Errorf("%s: %q", v.Device.Name, v.Reasons)
	}
	m.Firmware = nil
	if v := lookAt(t, m)[0]; v.Device.Name != "sda" {
		t.Errorf("without the entry: %s", v.Device.Name)
	}
}

// twoDisks are sda, large, with an ESP and two more partitions, and sdb, small, with one
// partition.
func twoDisks() *topology.Machine {
	large := &topology.Node{Kind: "sd", Type: "disk", Tran: "sata", Size: 500 << 30, Sector: 512, Serial: "LARGE", PTType: "gpt"}
	small := &topology.Node{Kind: "sd", Type: "disk", Tran: "sata", Size: 16 << 30, Sector: 512, Serial: "SMALL", PTType: "gpt"}
	part := func(of *topology.Node, number int, kind, fs string) {
		of.Parts = append(of.Parts, &topology.Node{
			Type: "part", Number: number, Below: []*topology.Node{of}, Size: 1 << 30, Sector: 512, PartType: kind, FSType: fs,
			PartUUID: fmt.Sprintf("%08x-1111-4222-8333-444455556666", len(of.Serial)<<8+int(of.Size>>30)+number),
		})
	}
	part(large, 1, "c12a7328-f81f-11d2-ba4b-00a0c93ec93b", "vfat")
	part(large, 2, "", "ext4")
	part(large, 3, "", "ext4")
	part(small, 1, "", "vfat")
	return &topology.Machine{
		Tops: []*topology.Node{large, small}, Mounts: []topology.Mount{{Source: "tmpfs", FS: "tmpfs", Point: "/"}},
	}
}

func lookAt(t *testing.T, m *topology.Machine) []choice.Verdict {
	t.Helper()
	root := t.TempDir()
	if err := m.Lay(root); err != nil {
		t.Fatal(err)
	}
	found, err := look(m, root, m.Tops, "")
	if found.Verdicts == nil {
		t.Fatal(err)
	}
	return found.Verdicts
}

// TestLesson05NeverSilentlyTheFullest: a disk with data is not chosen if another is blank, and
// neither of two equal disks is; the largest may be. Each refusal names the disk and the
// reason.
func TestLesson05NeverSilentlyTheFullest(t *testing.T) {
	blank := func(m *topology.Machine, which ...int) *topology.Machine {
		for _, i := range which {
			m.Tops[i].Parts, m.Tops[i].PTType = nil, ""
		}
		return m
	}
	alike := blank(twoDisks(), 0, 1)
	alike.Tops[1].Size = alike.Tops[0].Size
	for name, c := range map[string]struct {
		m    *topology.Machine
		want string // the disk, or the error
	}{
		"the fuller one, and a blank one": {blank(twoDisks(), 1), "the first holds data and the other is blank"},
		"two alike":                       {alike, "they rank the same"},
		"two blank ones":                  {blank(twoDisks(), 0, 1), "/dev/sda"},
	} {
		root := t.TempDir()
		if err := c.m.Lay(root); err != nil {
			t.Fatal(err)
		}
		found, err := look(c.m, root, c.m.Tops, "")
		if got := found.Chosen.Device.Path; got != c.want && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: chose %q, %v", name, got, err)
		}
		for i, v := range found.Verdicts {
			if v.Rank != i+1 || len(v.Reasons) == 0 {
				t.Errorf("%s: %s has rank %d, for %q", name, v.Device.Path, v.Rank, v.Reasons)
			}
		}
	}
}

// TestLesson06WhatRunsIsNotOffered: the disks of the running system are refused, also
// removable ones, and so is everything that is in use or is not a disk.
func TestLesson06WhatRunsIsNotOffered(t *testing.T) {
	for machine, refused := range map[string]map[string]string{
		"laptop": {"sda": "the running system stands on it", "zram0": "memory", "loop0": "loop"},
		"server": {
			"sda": "md array", "sdb": "md array", "sdc": "LUKS", "sdd": "swap", "sdg": "multipath", "sdh": "multipath",
			"sdi": "mounted", "sdj": "mounted", "sdk": "ZFS", "dm-0": "LVM", "md127": "md array", "sr0": "optical",
		},
		"plain": {"sdb": "no medium", "sdc": "read-only"},
	} {
		fake, root := blocktest.Machine(t, machine)
		found, _ := choice.Run(t.Context(), fake, root, "")
		seen := 0
		for _, v := range found.Verdicts {
			words, ok := refused[v.Device.Name]
			if !ok {
				continue
			}
			seen++
			if v.Candidate || v.ByNameOnly || !strings.Contains(v.Refused, words) {
				t.Errorf("%s: %s is refused for %q", machine, v.Device.Name, v.Refused)
			}
			if got, err := choice.Choose(found.Verdicts, v.Device.Path); err == nil {
				t.Errorf("%s: %s was taken by its name", machine, got.Device.Path)
			}
		}
		if seen != len(refused) {
			t.Errorf("%s: %d of %d are listed", machine, seen, len(refused))
		}
	}
	stick := blocktest.Inventory(t, "laptop")
	for _, d := range stick.Devices {
		if d.Name == "sda" && d.Removable {
			t.Error("this stick says that it is removable, so it proves nothing")
		}
	}
}

// TestLesson07NoPartitionByItsLabel: no command of a plan names a partition by its label, and a
// label that another disk has is reported before the gate.
func TestLesson07NoPartitionByItsLabel(t *testing.T) {
	for name, a := range answers(t) {
		p, err := InstallPlan(a, engine.DefaultPaths())
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range p.Steps {
			for _, action := range s.Actions {
				for _, word := range slices.Concat(action.Argv, action.Env, []string{action.Stdin}) {
					for _, bad := range []string{"by-label", "by-partlabel", "LABEL=", "/dev/disk/"} {
						if strings.Contains(word, bad) {
							t.Errorf("%s: %s runs %q", name, s.Name, action.Argv)
						}
					}
				}
			}
		}
		if i, gate := index(p, "contract"), index(p, "gate"); i < 0 || i > gate {
			t.Errorf("%s: labels are compared in step %d, the gate is %d", name, i, gate)
		}
	}
	inv := blocktest.Inventory(t, "fivedisks")
	for _, d := range inv.Devices {
		if d.Name != "vda" {
			continue
		}
		found := choice.CarriesLabel(inv, d, []string{"DEMO-ROOT"})
		if len(found) != 2 || !strings.Contains(found[0].Where, "/dev/sdc2 (on /dev/sdc) has the filesystem label DEMO-ROOT") {
			t.Errorf("%+v", found)
		}
	}
}
