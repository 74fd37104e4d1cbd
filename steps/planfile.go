package steps

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

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

// ReadPlan reads the plan of an install that `plan --json` has written.
func ReadPlan(name string) (*Install, error) {
	data, err := sys.ReadAtMost(name, maxPlan)
	if err != nil {
		return nil, sys.Usage("name a file that `auto-installer plan --json` wrote", "--plan: %v", err)
	}
	p, err := parsePlan(data)
	if err != nil {
		return nil, sys.Usage("make a new plan with `auto-installer plan --json`", "--plan: %s %v", name, err)
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
// without its system, the result has the system.
func PlanAgain(a Answers, paths engine.Paths, was *Install) (*Install, error) {
	b := builder{a: a, h: a.Host, paths: paths, guids: was.guids()}
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
	e := sys.Usage("check the differences; if they are expected, make a new plan", "the plan differs from the one in the file:")
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
	before, now := fields(was), fields(is)
	both := maps.Clone(before)
	maps.Copy(both, now)
	var list []string
	for _, at := range slices.Sorted(maps.Keys(both)) {
		if before[at] != now[at] {
			list = append(list, fmt.Sprintf("%s was %s and is %s", at, brief(before[at]), brief(now[at])))
		}
	}
	if n := len(list); n > maxDifferences {
		list = append(list[:maxDifferences], fmt.Sprintf("and %d more", n-maxDifferences))
	}
	return list
}

// fields returns the fields of a plan's JSON, by their path: disk.serial, steps[3].actions[0].argv[1].
func fields(p Install) map[string]any {
	var tree any
	data, err := json.Marshal(p)
	if err == nil {
		d := json.NewDecoder(bytes.NewReader(data))
		d.UseNumber()
		err = d.Decode(&tree)
	}
	if err != nil {
		panic(err) // as in sum
	}
	all := map[string]any{}
	var add func(at string, v any)
	add = func(at string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, part := range v {
				add(strings.TrimPrefix(at+"."+k, "."), part)
			}
		case []any:
			for i, part := range v {
				add(fmt.Sprintf("%s[%d]", at, i), part)
			}
		default:
			all[at] = v
		}
	}
	add("", tree)
	return all
}

// Lacks returns an error if the plan was made without its system and the answers do not
// have it either.
func (p Install) Lacks(a Answers) error {
	if p.SystemUnknown && a.System == "" {
		return sys.Usage("name the system with --system, or install from the medium that carries it",
			"the plan was made without the prebuilt system of %s, and its path is not known here either", sys.Clean(p.Host))
	}
	return nil
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
