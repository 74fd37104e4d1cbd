package steps

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"auto-installer/hosts"
	"auto-installer/internal/disk/block"
	"auto-installer/internal/disk/gate"
	"auto-installer/internal/engine"
	"auto-installer/internal/engine/enginetest"
	"auto-installer/internal/sys"
	"auto-installer/lab/topology"
	"auto-installer/steps/preflight"
)

// absolute matches the paths in a command line or its input.
var absolute = regexp.MustCompile(`(?:^|[\s'"=:(])(/[^/\s'",;:)#][^\s'",;:)#]*)`)

// harmlessPlaces are the folders in which a plan may name files: the target's, and those in
// memory or on the medium.
var harmlessPlaces = []string{Target, engine.RunDir, "/nix/store", Medium, "/dev/null"}

// writers are the commands of a plan that write to the devices that they name.
var writers = []string{"sfdisk", "cryptsetup", "mkfs.vfat", "mkfs.ext4", "mkswap", "mount", "swapon"}

// planned verifies that the plan for a disk names only that disk's devices.
func (c *tally) planned(t *rapid.T, m *topology.Machine, root string, n *topology.Node, disk Disk) {
	a := drawAnswers(t)
	a.Disk = disk
	p, err := InstallPlan(a, engine.DefaultPaths())
	if err != nil {
		if e, ok := errors.AsType[*sys.Fault](err); !ok || e.Code != sys.CodeMachine || e.Hint == "" || n.Size > 64<<30 {
			t.Fatalf("no plan for %s: %#v", n.Name, err)
		}
		return
	}
	c.plans++
	mapper := "/dev/mapper/" + a.Host.LUKS.MapperName
	own := []string{n.Path, "/dev/fd/3"}
	for i := range 3 {
		own = append(own, partitionPath(n, i+1))
	}
	if a.Host.LUKS.Enable {
		own = append(own, mapper)
	}
	gone := false
	for _, s := range p.Steps {
		for _, action := range s.Actions {
			words := slices.Concat([]string{action.Stdin}, action.Argv, action.Env)
			if strings.Contains(action.Does, "/dev/") {
				words = append(words, action.Does)
			}
			text := strings.Join(words, " ")
			var devices []string
			for _, found := range absolute.FindAllStringSubmatch(text, -1) {
				path := found[1]
				if slices.Contains(own, path) {
					devices = append(devices, path)
				} else if !slices.ContainsFunc(harmlessPlaces, func(p string) bool { return path == p || strings.HasPrefix(path, p+"/") }) {
					t.Fatalf("the plan for %s names %s: %s: %s", n.Path, path, s.Name, text)
				}
			}
			if len(action.Argv) == 0 {
				continue
			}
			if s.Phase == engine.Check && (len(devices) > 0 || strings.Contains(text, Target)) {
				t.Fatalf("before the gate %s runs %s", s.Name, text)
			}
			if s.Phase != engine.Check && slices.Contains(writers, action.Argv[0]) && len(devices) == 0 {
				t.Fatalf("%s does not say to what it writes: %s", s.Name, text)
			}
			gone = gone || action.Argv[0] == "sfdisk" && slices.Contains(action.Argv, n.Path)
		}
	}
	if !gone {
		t.Fatalf("the plan does not partition %s", n.Path)
	}
	inTheWay(t, m, root, a.Host)
}

// partitionPath returns the kernel's name of a partition.
func partitionPath(n *topology.Node, number int) string {
	if n.Kind == "sd" || n.Kind == "vd" {
		return fmt.Sprintf("%s%d", n.Path, number)
	}
	return fmt.Sprintf("%sp%d", n.Path, number)
}

// inTheWay verifies that a mapper or a mount that blocks the install is found before the first
// write.
func inTheWay(t *rapid.T, m *topology.Machine, root string, h hosts.Host) {
	o := preflight.Options{FS: root, Target: Target, RunDir: root}
	if h.LUKS.Enable {
		o.Mapper = h.LUKS.MapperName
	}
	err := enginetest.Check(context.Background(), m.System(m.Tops), preflight.Ops(o)...)
	for _, n := range m.All() {
		if n.Mapper != "" && n.Mapper == o.Mapper && (err == nil || !strings.Contains(err.Error(), "a mapper is called "+o.Mapper)) {
			t.Fatalf("%s is %s, and preflight says %v", n.Path, n.Name, err)
		}
	}
	for _, mount := range m.Mounts {
		if strings.HasPrefix(mount.Point, Target+"/") && (err == nil || !strings.Contains(err.Error(), "mounted at "+mount.Point)) {
			t.Fatalf("%s is mounted, and preflight says %v", mount.Point, err)
		}
	}
}

func drawAnswers(t *rapid.T) Answers {
	h, err := hosts.Load(rapid.SampledFrom(hosts.Names()).Draw(t, "host"))
	if err != nil {
		t.Fatal(err)
	}
	a := Answers{Host: h}
	if rapid.Bool().Draw(t, "LUKS") {
		a.Host.LUKS.Enable, a.Host.Labels.LUKS = true, "T-LUKS"
		a.Host.LUKS.MapperName = rapid.SampledFrom([]string{"cryptroot", "stygiancrypt"}).Draw(t, "mapper")
	}
	if a.Host.LUKS.Enable {
		a.Passphrase = []byte(passphrase)
		if rapid.Bool().Draw(t, "recovery key") {
			a.RecoveryKey = []byte("another")
		}
	}
	if a.Host.Prebuilt {
		a.System = toplevel
	}
	return a
}

// gate confirms a disk, changes the machine or not, and runs the gate.
func (c *tally) gate(t *rapid.T, m *topology.Machine, n *topology.Node, confirmed Disk, dir string) {
	now, what := m.Later(t, n)
	laterRoot := lay(t, now, dir)
	err := enginetest.Check(context.Background(), now.System(now.Tops), gate.Ops(gate.Options{
		Disk: confirmed.identity, Refusal: refusal, Root: laterRoot, Read: func(context.Context) error { return nil },
		Hold: func(_ context.Context, path string) (block.Facts, error) {
			at := now.At(path)
			switch {
			case at == nil:
				return block.Facts{}, errors.New("no such device")
			case at.Busy:
				return block.Facts{}, errors.New("in use")
			}
			f := block.Facts{DevNo: at.DevNo, Size: at.Size, LogicalSector: at.Sector, ReadOnly: at.RO, Serial: at.Serial}
			if !now.OldLinux {
				f.DiskSeq = uint64(at.Seq)
			}
			return f, nil
		},
	})...)
	at := now.At(confirmed.Path)
	isSame := at != nil && now.Is(n, at) && at.PTUUID == n.PTUUID
	if err == nil {
		c.passed++
		if !isSame || !at.Takable() || at.Busy {
			t.Fatalf("%s: the gate opened for %s, which is %+v", what, confirmed.Path, at)
		}
	} else {
		c.shut++
		if f, ok := errors.AsType[*sys.Fault](err); !ok || f.Code != sys.CodeGate || f.Hint == "" {
			t.Fatalf("%s: %#v", what, err)
		}
		if what == "nothing" && !n.Busy {
			t.Fatalf("nothing happened to %s, and the gate was shut: %v", n.Path, err)
		}
	}
	if what != "nothing" {
		startEngine(t, now, laterRoot, confirmed, n, what)
	}
}

// startEngine verifies that an engine of the screens finds the confirmed disk, or none.
func startEngine(t *rapid.T, now *topology.Machine, root string, confirmed Disk, n *topology.Node, what string) {
	found, err := look(now, root, now.Tops, confirmed.stablePath())
	if err != nil {
		return
	}
	if DiskOf(found.Chosen).expect(confirmed.identity, false) != nil {
		return
	}
	if at := now.At("/dev/" + found.Chosen.Device.Name); !now.Is(n, at) || !at.Takable() {
		t.Fatalf("%s: %s was confirmed, and the engine takes %+v", what, confirmed.Path, at)
	}
}
