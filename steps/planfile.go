package steps

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
	"auto-installer/steps/journal"
)

// PlanSchema is the version of an install plan's JSON; see docs/plan.schema.json.
const PlanSchema = "auto-installer/plan/1"

// sum returns the SHA-256 of the plan's JSON without its hash.
func (p Install) sum() string {
	p.Hash = ""
	data, err := json.Marshal(p)
	if err != nil {
		panic(err) // JSON can hold every plan
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// maxPlan is more than any plan has, in bytes.
const maxPlan = 4 << 20

// ReadPlan reads the plan of an install that `plan --json` has written. The error is an
// *engine.Error.
func ReadPlan(name string) (*Install, error) {
	data, err := sys.ReadAtMost(name, maxPlan)
	if err != nil {
		return nil, engine.Usage("name a file that `auto-installer plan --json` wrote", "--plan: %v", err)
	}
	p, err := parsePlan(data)
	if err != nil {
		return nil, engine.Usage("make a new plan with `auto-installer plan --json`", "--plan: %s %v", name, err)
	}
	return p, nil
}

// parsePlan reads a plan, and verifies that it is valid and was not edited.
func parsePlan(data []byte) (*Install, error) {
	var p Install
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")) // an editor's byte order mark
	if err := json.Unmarshal(data, &p); err != nil {
		return nil, fmt.Errorf("is not a plan: %w", err)
	}
	switch {
	case p.Schema != PlanSchema:
		return nil, fmt.Errorf("has the schema %q; this program reads %s", sys.Clean(p.Schema), PlanSchema)
	case p.Hash != p.sum():
		return nil, errors.New("was edited: its hash does not match")
	}
	if err := journal.CheckPartitions(p.guids(), p.Partitions); err != nil {
		return nil, fmt.Errorf("is damaged: %w", err)
	}
	return &p, nil
}

// guids returns the GUIDs of the disk and its partitions.
func (p *Install) guids() [4]string {
	all := [4]string{p.DiskGUID}
	for i, part := range p.Partitions {
		all[i+1] = part.GUID
	}
	return all
}

// PlanAgain makes the plan that was read once more, with its GUIDs, from the answers and
// the machine of this run. If the result differs, the error says how. If the plan was made
// without its system, the result has the system. The error is an *engine.Error.
func PlanAgain(a Answers, paths engine.Paths, was *Install) (*Install, error) {
	b := builder{a: a, h: a.Host, paths: paths, disk: a.Disk.Path, guids: was.guids()}
	p, err := b.plan()
	if err != nil {
		return nil, err
	}
	same := p
	if was.SystemUnknown {
		b.a.System, b.a.noSystem = unknownSystem, true
		if same, err = b.plan(); err != nil {
			return nil, err
		}
	}
	// The kernel may give the device another number at each boot.
	seen := *was
	if isIt, _ := seen.Disk.Same(p.Disk); isIt {
		seen.Disk.DevNo = p.Disk.DevNo
	}
	if seen.sum() == same.sum() {
		return p, nil
	}
	e := engine.Usage("check the differences; if they are expected, make a new plan", "the plan differs from the one in the file:")
	for _, d := range differences(seen, *same) {
		e.Cause += "\n  " + d
	}
	return nil, e
}

// maxDifferences bounds how many differences an error shows.
const maxDifferences = 8

// differences returns the fields in which two plans differ.
func differences(was, is Install) []string {
	was.Hash, is.Hash = "", ""
	var list []string
	compare("", asJSON(was), asJSON(is), func(at string, was, is any) {
		list = append(list, fmt.Sprintf("%s was %s and is %s", at, brief(was), brief(is)))
	})
	if n := len(list); n > maxDifferences {
		list = append(list[:maxDifferences], fmt.Sprintf("and %d more", n-maxDifferences))
	}
	return list
}

// Lacks returns an error if the plan was made without its system and the answers do not
// have it either. The error is an *engine.Error.
func (p Install) Lacks(a Answers) error {
	if p.SystemUnknown && a.System == "" {
		return engine.Usage("name the system with --system, or install from the medium that carries it",
			"the plan was made without the prebuilt system of %s, and its path is not known here either", sys.Clean(p.Host))
	}
	return nil
}

// asJSON returns a plan as decoded JSON.
func asJSON(p Install) (v any) {
	data, err := json.Marshal(p)
	if err == nil {
		d := json.NewDecoder(bytes.NewReader(data))
		d.UseNumber()
		err = d.Decode(&v)
	}
	if err != nil {
		panic(err) // as in sum
	}
	return v
}

// compare calls differs for the smallest parts of two JSON trees that are not equal. A
// missing part is nil.
func compare(at string, was, is any, differs func(at string, was, is any)) {
	if reflect.DeepEqual(was, is) {
		return
	}
	switch a := was.(type) {
	case map[string]any:
		if b, ok := is.(map[string]any); ok {
			keys := slices.Sorted(maps.Keys(a))
			for k := range b {
				if _, both := a[k]; !both {
					keys = append(keys, k)
				}
			}
			for _, k := range keys {
				name := k
				if at != "" {
					name = at + "." + k
				}
				compare(name, a[k], b[k], differs)
			}
			return
		}
	case []any:
		if b, ok := is.([]any); ok && len(a) == len(b) {
			for i := range a {
				compare(fmt.Sprintf("%s[%d]", at, i), a[i], b[i], differs)
			}
			return
		}
	}
	differs(at, was, is)
}

// brief returns a part of a plan, short enough for a line.
func brief(v any) string {
	if v == nil {
		return "absent"
	}
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // as in sum
	}
	s := sys.Clean(string(data))
	if len(s) > 100 {
		s = s[:97] + "..."
	}
	return s
}
