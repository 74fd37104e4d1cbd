package steps

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
	"auto-installer/steps/journal"
)

// written returns a plan as `plan --json` writes it.
func written(t *testing.T, p *Install) string {
	t.Helper()
	data, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "plan.json")
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// validates fails if a file does not match the schema.
func validates(t *testing.T, file string) {
	t.Helper()
	schema, err := jsonschema.NewCompiler().Compile("../docs/plan.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	doc, err := jsonschema.UnmarshalJSON(f)
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(doc); err != nil {
		t.Error(err)
	}
}

// Every kind of plan matches the schema, and can be made again from its file.
func TestPlanAgain(t *testing.T) {
	for name, a := range answers(t) {
		t.Run(name, func(t *testing.T) {
			paths := engine.Paths{Dir: "/run/auto-installer"}
			p, err := InstallPlan(a, paths)
			if err != nil {
				t.Fatal(err)
			}
			file := written(t, p)
			validates(t, file)
			was, err := ReadPlan(file)
			if err != nil {
				t.Fatal(err)
			}
			if a.Disk.identity.Serial != "" {
				a.Disk.identity.DevNo = "259:7" // after a reboot
			}
			again, err := PlanAgain(a, paths, was)
			if err != nil {
				t.Fatal(err)
			}
			if again.DiskGUID != p.DiskGUID || again.Disk.DevNo != a.Disk.identity.DevNo {
				t.Errorf("%+v", again)
			}
		})
	}
}

// A plan that was made without the medium equals that of the medium, except for the path of the
// system. The medium carries it out.
func TestPlanWithoutSystem(t *testing.T) {
	paths := engine.Paths{Dir: "/run/auto-installer"}
	medium := answers(t)["medium"]
	a := Answers{Host: medium.Host, Disk: medium.Disk, Passphrase: medium.Passphrase, RecoveryKey: medium.RecoveryKey}
	if _, err := InstallPlan(a, paths); err == nil {
		t.Error("a prebuilt host is planned without its system unasked")
	}
	a.WithoutSystem()
	p, err := InstallPlan(a, paths)
	if err != nil {
		t.Fatal(err)
	}
	if !p.SystemUnknown || p.Mode != journal.Prebuilt || !strings.Contains(strings.Join(p.Notes, "\n"), "not known yet") {
		t.Errorf("%+v", p)
	}
	validates(t, written(t, p))
	was, err := ReadPlan(written(t, p))
	if err != nil {
		t.Fatal(err)
	}
	nothing := medium
	nothing.System = ""
	if e := sys.AsFault(was.Lacks(nothing)); e.Code != sys.CodeUsage || !strings.Contains(e.Hint, "--system") {
		t.Errorf("%+v", e)
	}
	if err := was.Lacks(medium); err != nil {
		t.Error(err)
	}
	again, err := PlanAgain(medium, paths, was)
	if err != nil {
		t.Fatal(err)
	}
	said, err := json.Marshal(again)
	if err != nil {
		t.Fatal(err)
	}
	if again.SystemUnknown || strings.Contains(string(said), "toplevel>") || !strings.Contains(string(said), toplevel) || again.DiskGUID != p.DiskGUID {
		t.Errorf("%s", said)
	}
	// Without the medium, the plan would differ.
	elsewhere := medium
	elsewhere.Source, elsewhere.Medium.Contract = "", ""
	if _, err := PlanAgain(elsewhere, paths, was); err == nil || !strings.Contains(err.Error(), "nix-config") {
		t.Errorf("%v", err)
	}
	medium.Host.Labels.Root = "OTHER"
	if _, err := PlanAgain(medium, paths, was); err == nil || strings.Contains(err.Error(), "toplevel") {
		t.Errorf("%v", err)
	}
	// A given repo is cloned.
	a = Answers{Host: medium.Host, Disk: medium.Disk, Passphrase: medium.Passphrase, Source: "/srv/x"}
	a.WithoutSystem()
	if a.Source != "/srv/x" || a.Medium.Plain {
		t.Errorf("%+v", a)
	}
}

func TestPlanThatDiffers(t *testing.T) {
	paths := engine.Paths{Dir: "/run/auto-installer"}
	for name, tt := range map[string]struct {
		change func(*Answers)
		words  []string
	}{
		"another disk of the same kind": {func(a *Answers) { a.Disk.identity.Serial = "S2" }, []string{`disk.serial was "S1" and is "S2"`}},
		"a table since":                 {func(a *Answers) { a.Disk.identity.PTUUID = "1234" }, []string{`disk.ptUUID was absent and is "1234"`}},
		"another path": {
			func(a *Answers) { a.Disk.Path, a.Disk.identity.Path = "/dev/nvme1n1", "/dev/nvme1n1" },
			[]string{`disk.path was "/dev/nvme0n1" and is "/dev/nvme1n1"`, "and "},
		},
		"another label": {func(a *Answers) { a.Host.Labels.Root = "OTHER-ROOT" }, []string{`partitions[1].name was`, `and is "OTHER-ROOT"`}},
		"power":         {func(a *Answers) { a.Power = !a.Power }, []string{"steps["}},
	} {
		t.Run(name, func(t *testing.T) {
			a := answers(t)["plain"]
			p, err := InstallPlan(a, paths)
			if err != nil {
				t.Fatal(err)
			}
			was, err := ReadPlan(written(t, p))
			if err != nil {
				t.Fatal(err)
			}
			tt.change(&a)
			_, err = PlanAgain(a, paths, was)
			e := sys.AsFault(err)
			if err == nil || e.Code != sys.CodeUsage || e.Hint == "" {
				t.Fatalf("%+v", err)
			}
			for _, w := range tt.words {
				if !strings.Contains(e.Cause, w) {
					t.Errorf("no %q in\n%s", w, e.Cause)
				}
			}
			if n := strings.Count(e.Cause, "\n"); n > maxDifferences+1 {
				t.Errorf("%d lines\n%s", n, e.Cause)
			}
		})
	}
}

func TestReadPlanRefuses(t *testing.T) {
	p, err := InstallPlan(answers(t)["plain"], engine.Paths{Dir: "/run/auto-installer"})
	if err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(written(t, p))
	if err != nil {
		t.Fatal(err)
	}
	rehash := func(change func(*Install)) []byte {
		q := *p
		q.Partitions = append(q.Partitions[:0:0], p.Partitions...)
		change(&q)
		q.Hash = q.sum()
		data, err := json.Marshal(q)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	for name, tt := range map[string]struct {
		data  []byte
		words string
	}{
		"edited":          {bytes.Replace(good, []byte("/dev/nvme0n1"), []byte("/dev/nvme0n2"), 1), "was edited"},
		"a newer form":    {bytes.Replace(good, []byte(PlanSchema), []byte("auto-installer/plan/2"), 1), "auto-installer/plan/2"},
		"no plan":         {[]byte("{}"), "has the schema"},
		"no JSON":         {[]byte("hello"), "is not a plan"},
		"cut short":       {good[:len(good)/2], "is not a plan"},
		"no partitions":   {rehash(func(q *Install) { q.Partitions = nil }), "invalid number of partitions: 0"},
		"a GUID of words": {rehash(func(q *Install) { q.DiskGUID = "x\nlabel: dos" }), "invalid GUID"},
	} {
		file := filepath.Join(t.TempDir(), "plan.json")
		if err := os.WriteFile(file, tt.data, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := ReadPlan(file)
		if e := sys.AsFault(err); err == nil || e.Code != sys.CodeUsage || e.Hint == "" || !strings.Contains(e.Cause, tt.words) {
			t.Errorf("%s: %+v", name, err)
		}
	}
	if _, err := parsePlan(append([]byte("\xef\xbb\xbf"), good...)); err != nil {
		t.Errorf("with a byte order mark: %v", err)
	}
	if _, err := ReadPlan("/no/such/file"); err == nil {
		t.Error("read what is not there")
	}
}

func FuzzParsePlan(f *testing.F) {
	f.Add([]byte("{}"))
	f.Add([]byte(`{"schema":"auto-installer/plan/1","partitions":[{},{}],"steps":[{"actions":[{"argv":[]}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := parsePlan(data)
		if err != nil {
			return
		}
		if p.Hash != p.sum() || len(p.Partitions) < 2 {
			t.Errorf("taken: %+v", p)
		}
	})
}
