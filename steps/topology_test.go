package steps

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"auto-installer/internal/disk/choice"
	"auto-installer/internal/disk/gpt"
	"auto-installer/internal/sys"
	"auto-installer/lab/topology"
)

// TestTopology generates machines, and follows each from the survey of its disks to the gate and
// the plan. It judges by how the machine was generated, never by what the program reports.
//
// It generates -rapid.checks machines, by default 400, and the same ones in each run.
// -rapid.seed=N generates others, and 0 random ones. It shrinks a machine that fails, prints it,
// and stores it below testdata/rapid, where the next run tries it first.
func TestTopology(t *testing.T) {
	seen, dir := &tally{}, inMemory(t)
	rapid.Check(t, func(t *rapid.T) { seen.machine(t, dir) })
	t.Logf("%d machines: %d disks, %d of them refused; %d chosen without asking, %d asked for; %d plans; %d gates passed, %d shut",
		seen.machines, seen.disks, seen.refused, seen.chosen, seen.asked, seen.plans, seen.passed, seen.shut)
	if few := seen.machines / 20; min(seen.chosen, seen.asked, seen.plans, seen.passed, seen.shut) < few {
		t.Error("what was made up hardly reaches the plan")
	}
}

// FuzzTopology is TestTopology with machines from the fuzzer.
func FuzzTopology(f *testing.F) {
	dir := inMemory(f)
	f.Fuzz(rapid.MakeFuzz(func(t *rapid.T) { new(tally).machine(t, dir) }))
}

// inMemory returns a folder for many small files.
func inMemory(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "topology")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// tally counts what the machines covered.
type tally struct {
	machines, disks, refused, chosen, asked, plans, passed, shut int
}

func (c *tally) machine(t *rapid.T, dir string) {
	m := topology.Draw(t)
	root := lay(t, m, dir)
	t.Log("the machine:\n" + m.String())
	found, err := look(m, root, m.Tops, "")
	if f, ok := errors.AsType[*sys.Fault](err); err != nil && (!ok || f.Code != sys.CodeDisk) {
		t.Fatalf("the disks were not listed: %v", err)
	}
	c.machines++
	explained(t, m, found)
	steady(t, m, root, found, err)
	chosen := c.choice(t, m, found, err)
	for _, n := range m.All() {
		if disk, ok := c.named(t, m, root, found, n); ok {
			c.planned(t, m, root, n, disk)
			c.gate(t, m, n, disk, dir)
		}
	}
	attachedAnew(t, m, dir, chosen)
}

// lay writes a machine to a folder of its own.
func lay(t *rapid.T, m *topology.Machine, dir string) string {
	root, err := os.MkdirTemp(dir, "")
	if err == nil {
		t.Cleanup(func() { os.RemoveAll(root) })
		err = m.Lay(root)
	}
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func look(m *topology.Machine, root string, order []*topology.Node, want string) (choice.Found, error) {
	return choice.Run(context.Background(), m.System(order), root, want)
}

// said maps the facts of a disk to the words of a refusal.
var said = map[topology.Why]string{
	topology.Live: "the running system stands on it", topology.Started: "this session was started from it",
	topology.Medium: "an installation medium", topology.Mounted: "is mounted at", topology.Swap: "is swap in use", topology.Held: "in use by",
	topology.OnePath: "one path of a multipath device", topology.ReadOnly: "it is read-only", topology.Empty: "no medium in it",
	topology.Twin: "it is the same disk as",
}

// explained verifies that every device is listed once, and refused for exactly the reasons that
// hold.
func explained(t *rapid.T, m *topology.Machine, found choice.Found) {
	of := map[*topology.Node]choice.Verdict{}
	for _, v := range found.Verdicts {
		n := m.At("/dev/" + v.Device.Name)
		if _, twice := of[n]; n == nil || twice {
			t.Fatalf("%s is listed, which is %v", v.Device.Name, n)
		}
		of[n] = v
	}
	for _, n := range m.All() {
		v, listed := of[n]
		isPart := n.Type == "part"
		states := 0
		for _, s := range []bool{v.Candidate, v.ByNameOnly, v.Refused != ""} {
			if s {
				states++
			}
		}
		switch {
		case listed == isPart:
			t.Fatalf("%s of type %s: listed is %v", n.Name, n.Type, listed)
		case isPart:
		case states != 1 || v.Refused == "" && len(v.Reasons) == 0:
			t.Fatalf("%s has no explanation: %+v", n.Name, v)
		case v.Candidate != (v.Rank > 0):
			t.Fatalf("%s has rank %d", n.Name, v.Rank)
		case !n.IsDisk() && v.Refused == "":
			t.Fatalf("%s is no disk and not refused", n.Name)
		case !n.IsDisk():
		case n.Takable() && m.Stands(n) != n: // another path
			if v.PathTo != m.Stands(n).Path || !strings.Contains(v.Refused, "it is the same disk as "+v.PathTo) {
				t.Fatalf("%s: %s stands for it, said is %q", n.Name, m.Stands(n).Path, v.Refused)
			}
		case n.Takable() != (v.Refused == ""):
			t.Fatalf("%s: true is %v, said is %q", n.Name, n.Why, v.Refused)
		case n.Takable() && v.Candidate == n.RM:
			t.Fatalf("%s: removable is %v, candidate is %v", n.Name, n.RM, v.Candidate)
		case v.Blank == v.HoldsData && n.Size > 0:
			t.Fatalf("%s: blank is %v, holds data is %v", n.Name, v.Blank, v.HoldsData)
		case n.Takable() && v.Blank != n.Blank():
			t.Fatalf("%s: blank is %v", n.Name, v.Blank)
		}
		for why := range n.Why {
			if n.IsDisk() && !n.Why[topology.Empty] && !strings.Contains(v.Refused, said[why]) {
				t.Fatalf("%s: that %s is not said: %q", n.Name, why, v.Refused)
			}
		}
	}
	if text := choice.Table(found.Verdicts, 80); strings.ContainsAny(text, "\x1b\x07") {
		t.Fatalf("the table moves the cursor: %q", text)
	}
}

// steady verifies that neither a second survey nor another order of lsblk's lines changes the
// result.
func steady(t *rapid.T, m *topology.Machine, root string, found choice.Found, err error) {
	again, err2 := look(m, root, rapid.Permutation(m.Tops).Draw(t, "order of lsblk"), "")
	if !reflect.DeepEqual(found.Verdicts, again.Verdicts) || fmt.Sprint(err) != fmt.Sprint(err2) || !reflect.DeepEqual(found.Chosen, again.Chosen) {
		t.Fatalf("a second look saw\n%s%v\nthe first one\n%s%v", choice.Table(again.Verdicts, 0), err2, choice.Table(found.Verdicts, 0), err)
	}
}

// named verifies that a device can be named only if it may be taken, and returns it then.
func (c *tally) named(t *rapid.T, m *topology.Machine, root string, found choice.Found, n *topology.Node) (Disk, bool) {
	if n.IsDisk() {
		c.disks++
		if !n.Takable() {
			c.refused++
		}
	}
	got, err := choice.Choose(found.Verdicts, n.Path)
	ok := n.IsDisk() && n.Takable()
	if (err == nil) != ok || ok && got.Device.Name != m.Stands(n).Name {
		t.Fatalf("%s was named, which is %v: got %q, %v", n.Path, n.Why, got.Device.Name, err)
	}
	if !ok {
		wellPut(t, err)
		return Disk{}, false
	}
	if m.Stands(n) != n { // the plan is for that one
		return Disk{}, false
	}
	d := DiskOf(got)
	// The engine must find the same disk by its stable path.
	if again, err := look(m, root, m.Tops, d.stablePath()); err != nil || again.Chosen.Device.Name != n.Name {
		t.Fatalf("%s is %s: %v", d.stablePath(), again.Chosen.Device.Name, err)
	}
	return d, true
}

func wellPut(t *rapid.T, err error) {
	if f, ok := errors.AsType[*sys.Fault](err); !ok || f.Code != sys.CodeDisk || f.Cause == "" || f.Hint == "" {
		t.Fatalf("%#v", err)
	}
}

// choice verifies what is chosen without a name, and returns it or nil.
func (c *tally) choice(t *rapid.T, m *topology.Machine, found choice.Found, err error) *topology.Node {
	var candidates []*topology.Node
	for _, n := range m.Disks() {
		if n.Takable() && !n.RM && m.Stands(n) == n {
			candidates = append(candidates, n)
		}
	}
	if err != nil {
		c.asked++
		wellPut(t, err)
		if len(candidates) == 1 && !candidates[0].IsMember() && (!candidates[0].External() || candidates[0].Blank()) {
			t.Fatalf("the only disk was not chosen: %v", err)
		}
		return nil
	}
	c.chosen++
	n := m.At("/dev/" + found.Chosen.Device.Name)
	if n == nil || !slices.Contains(candidates, n) {
		t.Fatalf("chosen was %s", found.Chosen.Device.Path)
	}
	switch {
	case n.Hidden:
		t.Fatalf("%s was chosen, which this session was started from", n.Name)
	case n.IsMember():
		t.Fatalf("%s was chosen, part of an array", n.Name)
	case n.External() && !n.Blank():
		t.Fatalf("%s was chosen, attached from outside and not blank", n.Name)
	}
	for _, o := range candidates {
		switch {
		case o == n:
		case merit(m, n).compare(merit(m, o)) >= 0:
			t.Fatalf("%s was chosen before %s: %v, %v", n.Name, o.Name, merit(m, n), merit(m, o))
		case !n.Blank() && o.Blank():
			t.Fatalf("%s was chosen, which holds data, and %s is blank", n.Name, o.Name)
		case n.External() && !o.External():
			t.Fatalf("%s was chosen, attached from outside, and %s is not", n.Name, o.Name)
		}
	}
	return n
}

// merits orders disks, smallest first: the firmware's boot order, an ESP, the number of
// partitions, the size.
type merits [4]int64

func (a merits) compare(b merits) int { return slices.Compare(a[:], b[:]) }

func merit(m *topology.Machine, n *topology.Node) merits {
	a := merits{1 << 20, 1, -int64(len(n.Parts)), -n.Size}
	has := map[string]bool{}
	for _, p := range n.Parts {
		has[p.PartUUID] = true
		if p.PartType == gpt.TypeESP || p.PartType == "0xef" {
			a[1] = 0
		}
	}
	if m.Firmware == nil {
		return a
	}
	for place, number := range m.Firmware.Order {
		for _, e := range m.Firmware.Entries {
			isCurrent := m.Firmware.Current != nil && *m.Firmware.Current == number
			if e.Number == number && e.Active && !isCurrent && e.PartUUID != "" && has[e.PartUUID] {
				a[0] = min(a[0], int64(place))
			}
		}
	}
	return a
}

// attachedAnew verifies that the kernel's names of the disks, which depend on the order in which
// it finds them, do not matter.
func attachedAnew(t *rapid.T, m *topology.Machine, dir string, chosen *topology.Node) {
	m.Tops = rapid.Permutation(m.Tops).Draw(t, "order of attaching")
	root := lay(t, m, dir)
	found, err := look(m, root, m.Tops, "")
	explained(t, m, found)
	var now *topology.Node
	if err == nil {
		now = m.At("/dev/" + found.Chosen.Device.Name)
	}
	if now != chosen && (now == nil || chosen == nil || now.Body != chosen.Body) { // any path of it
		t.Fatalf("in another order %v is chosen, not %v: %v", now, chosen, err)
	}
}
