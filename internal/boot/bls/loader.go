package bls

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// Config holds the fields of loader.conf that choose the entry.
type Config struct {
	Default, Preferred string // patterns of an entry's ID; @saved: the entry of the last boot
	Timeout            string
}

// ParseConfig reads loader.conf.
func ParseConfig(text string) (Config, error) {
	var c Config
	if err := plain(text); err != nil {
		return c, err
	}
	for key, value := range fields(text) {
		switch key {
		case "default":
			c.Default = value
		case "preferred":
			c.Preferred = value
		case "timeout":
			c.Timeout = value
		}
	}
	for _, p := range []string{c.Default, c.Preferred} {
		if _, err := path.Match(p, ""); err != nil {
			return c, fmt.Errorf("bad pattern %q", p)
		}
	}
	return c, nil
}

// Choose returns the entry that systemd-boot starts if no key is pressed, and
// why. OneShot and efiDefault are firmware variables, see efi.Boot; systemd-boot
// ignores one that matches no entry.
//
// It fails if there is no entry, or if loader.conf names a missing one, for
// which systemd-boot would start another.
func (c Config) Choose(entries []Entry, oneShot, efiDefault string) (e Entry, why string, err error) {
	list := slices.Clone(entries)
	slices.SortStableFunc(list, compare)
	find := func(pattern string, bad bool) bool {
		i := slices.IndexFunc(list, func(e Entry) bool {
			ok, err := path.Match(strings.ToLower(pattern), e.ID)
			return err == nil && ok && (bad || e.TriesLeft != 0)
		})
		if pattern == "" || i < 0 {
			return false
		}
		e = list[i]
		return true
	}
	switch {
	case len(list) == 0:
		return e, "", errors.New("there is no boot entry")
	case find(oneShot, true):
		return e, "the firmware's LoaderEntryOneShot", nil
	case efiDefault != "@saved" && find(efiDefault, true):
		return e, "the firmware's LoaderEntryDefault", nil
	case c.Preferred != "" && find(c.Preferred, false):
		return e, "loader.conf's preferred entry", nil
	case c.Default != "" && c.Default != "@saved":
		if !find(c.Default, true) {
			return e, "", fmt.Errorf("no boot entry matches loader.conf's default %q", c.Default)
		}
		return e, "loader.conf's default", nil
	}
	// Entries without tries left come last in the list.
	return list[0], "the first of the menu", nil
}

// compare orders entries as systemd-boot's menu does (UAPI.1, "Sorting").
func compare(a, b Entry) int {
	number := map[bool]int{true: 1} // false comes first
	c := cmp.Or(cmp.Compare(number[a.TriesLeft == 0], number[b.TriesLeft == 0]), cmp.Compare(number[a.SortKey == ""], number[b.SortKey == ""]))
	if c != 0 {
		return c
	}
	if a.SortKey != "" {
		c = cmp.Or(strings.Compare(a.SortKey, b.SortKey), strings.Compare(a.MachineID, b.MachineID), -CompareVersions(a.Version, b.Version))
	}
	if c = cmp.Or(c, -CompareVersions(a.ID, b.ID)); c == 0 && a.TriesLeft >= 0 && b.TriesLeft >= 0 {
		c = cmp.Or(cmp.Compare(b.TriesLeft, a.TriesLeft), cmp.Compare(a.TriesDone, b.TriesDone))
	}
	return c
}

// CompareVersions orders versions (UAPI.10 Version Format Specification): it
// compares numbers by value, and sorts a suffix after ~ before no suffix.
func CompareVersions(a, b string) int {
	for {
		a, b = skip(a), skip(b)
		for _, mark := range []string{"~", "", "-", "^", "."} {
			x, y := strings.HasPrefix(a, mark), strings.HasPrefix(b, mark)
			if mark == "" { // the end of a version
				x, y = a == "", b == ""
				if x && y {
					return 0
				}
			}
			switch {
			case x && y:
				if mark != "" {
					a, b = a[1:], b[1:]
				}
			case x:
				return -1
			case y:
				return 1
			}
		}
		da, db := prefix(a, isDigit), prefix(b, isDigit)
		if da != "" || db != "" {
			na, nb := strings.TrimLeft(da, "0"), strings.TrimLeft(db, "0")
			if c := cmp.Or(cmp.Compare(len(na), len(nb)), strings.Compare(na, nb)); c != 0 {
				return c
			}
			a, b = a[len(da):], b[len(db):]
			continue
		}
		la, lb := prefix(a, isLetter), prefix(b, isLetter)
		if c := strings.Compare(la, lb); c != 0 {
			return c
		}
		a, b = a[len(la):], b[len(lb):]
	}
}

func isDigit(r rune) bool  { return r >= '0' && r <= '9' }
func isLetter(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }

// skip drops leading characters that have no meaning in a version.
func skip(s string) string {
	return strings.TrimLeftFunc(s, func(r rune) bool { return !isDigit(r) && !isLetter(r) && !strings.ContainsRune("~-^.", r) })
}

func prefix(s string, is func(rune) bool) string {
	return s[:len(s)-len(strings.TrimLeftFunc(s, is))]
}
