package facts

import (
	"cmp"
	"fmt"
	"slices"

	"auto-installer/hosts"
)

// Place is where the machine has a device that a configuration names.
type Place int

// Places.
const (
	Nowhere  Place = iota
	OnTarget       // on the disk that will be erased
	Attached       // on another disk
	Unseen         // unknown: there is no machine to look at, as in the build of a medium
)

// NoMachine finds devices where there is no machine to look at.
func NoMachine(Reference) Place { return Unseen }

// Comparison collects mismatches between facts and what the installer makes.
type Comparison struct {
	Mismatches []Mismatch
	Notes      []string    // for the operator to know
	Used       []Reference // names by which the host finds what the installer makes

	made  hosts.Host
	facts *Facts
	find  func(Reference) Place
	// opened is the name under which the host opens the container that the
	// installer makes.
	opened string
}

// Mismatch is one difference, with both sides named, and its fix.
type Mismatch struct{ Problem, Fix string }

// Differs adds a mismatch.
func (c *Comparison) Differs(fix, format string, args ...any) {
	c.Mismatches = append(c.Mismatches, Mismatch{fmt.Sprintf(format, args...), fix})
}

// Note adds a note.
func (c *Comparison) Note(format string, args ...any) {
	c.Notes = append(c.Notes, fmt.Sprintf(format, args...))
}

// Compare compares a host's facts with what the installer makes of h. find says
// where the machine has a device; see [NoMachine].
func Compare(h hosts.Host, f *Facts, find func(Reference) Place) *Comparison {
	c := &Comparison{made: h, facts: f, find: find, opened: f.Opens(h)}
	c.fileSystems()
	c.luks()
	c.swap()
	c.resume()
	c.loader()
	c.keymap()
	c.user()
	return c
}

// option is a device option, and the names of the device that it must have.
type option struct {
	name  string // fileSystems."/".device
	key   string // of host.toml: labels.root
	makes []Reference
	fix   string // in place of another device, if not empty
}

// device compares one device option, and notes the name that the host uses.
func (c *Comparison) device(o option, device string) bool {
	ref := Refer(device)
	if slices.Contains(o.makes, ref) {
		c.Used = append(c.Used, ref)
		return true
	}
	fix, why := c.set(o), ""
	switch {
	case device == "":
		c.Differs(cmp.Or(o.fix, fix), "%s is not set; %s makes it %s", o.name, o.key, o.makes[0])
		return false
	case ref.Kind == ByUUID || ref.Kind == ByPartUUID:
		why = ": a UUID is new with every install"
	case ref.Kind == ByOther:
		why = ": that name may be another disk's at the next start"
	default:
		fix += ", or change " + o.key + " in host.toml"
	}
	c.Differs(cmp.Or(o.fix, fix), "%s is %q; %s makes it %s%s", o.name, device, o.key, o.makes[0], why)
	return false
}

// set is the fix that sets a device option. Only lib.mkForce overrides what
// disko defines.
func (c *Comparison) set(o option) string {
	force := ""
	if c.facts.Disko {
		force = "lib.mkForce "
	}
	return fmt.Sprintf("set %s = %s%q in the host's configuration", o.name, force, o.makes[0])
}

// elsewhere looks for a device that the installer does not make.
func (c *Comparison) elsewhere(option, device string, ref Reference, fix string) {
	switch c.find(ref) {
	case OnTarget:
		c.Differs("remove it from the host's configuration, or choose another disk",
			"%s is %q, on the disk that will be erased; the installer does not make it again", option, device)
	case Nowhere:
		c.Differs(fix, "%s is %q; the installer does not make it, and no disk here has it", option, device)
	case Unseen:
		c.Note("%s is %q, which the installer does not make: attach the disk that has it", option, device)
	case Attached:
	}
}

// isElsewhere tells whether a device is on another disk, or may be.
func (c *Comparison) isElsewhere(ref Reference) bool {
	at := c.find(ref)
	return at == Attached || at == Unseen
}
