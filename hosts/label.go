package hosts

import (
	"fmt"
	"strings"
)

// The characters of a label: those that udev does not escape in a
// /dev/disk/by-label name (systemd, src/shared/device-nodes.c). With an escaped
// label the installed system would not find its disk.
const (
	fatChars   = upper + digits + "_-"
	labelChars = alnum + "#+-.:=@_"
)

// labelRule is what one label may be, as the label of the partition's content
// and as the partition's name, for which GPT has 36 UTF-16 units.
type labelRule struct {
	key     string
	value   string
	most    int // bytes
	chars   string
	allowed string
	enable  string // the option that needs it, or empty: always needed
	needed  bool
}

func labelRules(h Host) []labelRule {
	const others = "letters, digits and # + - . : = @ _"
	return []labelRule{
		{"labels.efi", h.Labels.EFI, 11, fatChars, "at most 11 of A-Z 0-9 _ -", "", true},
		{"labels.root", h.Labels.Root, 16, labelChars, "at most 16 " + others, "", true},
		// LUKS2 itself takes 47.
		{"labels.luks", h.Labels.LUKS, 36, labelChars, "at most 36 " + others, "luks.enable", h.LUKS.Enable},
		{"labels.swap", h.Labels.Swap, 15, labelChars, "at most 15 " + others, "swap.enable", h.Swap.Enable},
	}
}

func (c *checker) labels(h Host) {
	rules := labelRules(h)
	for i, r := range rules {
		switch {
		case r.value == "" && r.needed:
			e := c.missing(r.key, r.allowed)
			if r.enable != "" {
				e.Problem = "is required by " + r.enable + ", but not set"
				e.related = r.enable
			}
			continue
		case r.value == "":
			continue
		case !r.needed:
			c.ignored(r.key, quote(r.value), r.enable, "no "+r.key)
		}
		switch {
		case len(r.value) > r.most:
			c.add(r.key, fmt.Sprintf("%s has %d bytes", quote(r.value), len(r.value)), r.allowed)
		case !onlyHas(r.value, r.chars):
			c.add(r.key, quote(r.value)+" has "+stranger(r.value, r.chars), r.allowed)
		case !strings.Contains(alnum, r.value[:1]):
			c.add(r.key, quote(r.value)+" begins with "+quote(r.value[:1]), "a letter or digit first")
		}
		for _, other := range rules[:i] {
			if strings.EqualFold(other.value, r.value) {
				// FAT and some firmware ignore case.
				e := c.add(r.key, quote(r.value)+" is the same as "+other.key, "labels that differ in more than case")
				e.related = other.key
			}
		}
	}
}

// LabelsFor derives the labels that a host needs from its name.
func LabelsFor(name string, luks, swap bool) Labels {
	stem := strings.Map(func(r rune) rune {
		if strings.ContainsRune(upper+digits, r) {
			return r
		}
		return -1
	}, strings.ToUpper(name))
	if stem == "" {
		stem = "HOST"
	}
	named := func(most int, end string) string { return stem[:min(len(stem), most-len(end))] + end }
	l := Labels{EFI: named(11, "-EFI"), Root: named(16, "-ROOT")}
	if luks {
		l.LUKS = named(16, "-LUKS")
	}
	if swap {
		l.Swap = named(15, "-SWAP")
	}
	return l
}
