package hosts

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

const (
	upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits = "0123456789"
	alnum  = upper + "abcdefghijklmnopqrstuvwxyz" + digits
)

// Validate gives every mistake in h that shows without a machine, in the order
// of the options. The errors have no file and line: Parse adds those.
func (h Host) Validate() []*Error {
	var c checker
	c.host(h)
	c.labels(h)
	c.encryption(h)
	c.swap(h)
	c.mountDirs(h)
	c.commands(h)
	c.remote(h)
	c.ref(h.RepoRef)
	c.clonePath(h.RepoClonePath)
	c.packages(h)
	c.screen(h)
	c.user(h)
	return c.problems
}

// CheckName checks a host's name.
func CheckName(name string) error {
	var c checker
	if c.host(Host{TargetHost: name}); len(c.problems) > 0 {
		return c.problems
	}
	return nil
}

// checker collects mistakes; each of its methods checks one group of options.
type checker struct {
	problems Errors
}

func (c *checker) add(key, problem, allowed string) *Error {
	e := &Error{Key: key, Problem: problem, Allowed: allowed}
	c.problems = append(c.problems, e)
	return e
}

// missing reports a required option.
func (c *checker) missing(key, allowed string) *Error {
	e := c.add(key, "is required, but not set", allowed)
	e.hint = "set " + key
	return e
}

func (c *checker) host(h Host) {
	const allowed = "a nixosConfigurations name: at most 63 letters, digits, _ and -, no - at either end"
	name := h.TargetHost
	switch {
	case name == "":
		c.missing("targetHost", allowed)
	case len(name) > 63:
		c.add("targetHost", fmt.Sprintf("%s has %d bytes", quote(name), len(name)), allowed)
	case !onlyHas(name, alnum+"_-"):
		c.add("targetHost", quote(name)+" has "+stranger(name, alnum+"_-"), allowed)
	case strings.Trim(name, "-") != name:
		c.add("targetHost", quote(name)+" begins or ends with -", allowed)
	}
}

func (c *checker) encryption(h Host) {
	const allowed = "at most 127 letters, digits and _ . + -, not control, no - first"
	name := h.LUKS.MapperName
	switch {
	case name == "":
		c.missing("luks.mapperName", allowed)
	case len(name) > 127: // DM_NAME_LEN less its NUL, linux/dm-ioctl.h
		c.add("luks.mapperName", fmt.Sprintf("%s has %d bytes", quote(name), len(name)), allowed)
	case !onlyHas(name, alnum+"_.+-"):
		c.add("luks.mapperName", quote(name)+" has "+stranger(name, alnum+"_.+-"), allowed)
	case slices.Contains([]string{"control", ".", ".."}, name) || name[0] == '-':
		c.add("luks.mapperName", quote(name)+" is not a name for a mapped device", allowed)
	case !h.LUKS.Enable && name != Default().LUKS.MapperName:
		c.ignored("luks.mapperName", quote(name), "luks.enable", "no luks.mapperName")
	}
}

func (c *checker) swap(h Host) {
	if _, err := parseSize(h.Swap.Size); err != nil {
		c.add("swap.size", err.Error(), sizeAllowed)
	} else if !h.Swap.Enable && h.Swap.Size != Default().Swap.Size {
		c.ignored("swap.size", quote(h.Swap.Size), "swap.enable", "no swap.size")
	}
}

// ignored reports an option without effect, such as a swap size without swap:
// the user expects one.
func (c *checker) ignored(key, value, enable, without string) {
	e := c.add(key, value+" is set, but "+enable+" is false", enable+" = true, or "+without)
	e.related = enable
	e.hint = "set " + enable + " = true, or remove " + key
}

func (c *checker) mountDirs(h Host) {
	const allowed = `a folder below /mnt, such as "persist" or "/mnt/persist", without ..`
	for i, dir := range h.ExtraMountDirs {
		key := fmt.Sprintf("extraMountDirs[%d]", i+1)
		switch full := underMount(dir); {
		case dir == "":
			c.add(key, "is empty", allowed)
		case !isText(dir):
			c.add(key, quote(dir)+" has a control character", allowed)
		case hasDotDot(dir):
			c.add(key, quote(dir)+" has ..", allowed)
		case full == mountRoot:
			c.add(key, quote(dir)+" is /mnt itself", allowed)
		case !isBelow(full, mountRoot):
			c.add(key, quote(dir)+" is not below /mnt", allowed)
		case isBelow(full, path.Clean(h.RepoClonePath)):
			c.add(key, quote(dir)+" lies in repoClonePath, which git needs empty",
				"a folder outside "+quote(h.RepoClonePath)).related = "repoClonePath"
		}
	}
}

func (c *checker) commands(h Host) {
	for i, command := range h.ExtraPostMountCommands {
		key := fmt.Sprintf("extraPostMountCommands[%d]", i+1)
		if strings.TrimSpace(command) == "" {
			c.add(key, "is empty", "a shell command")
		} else if !isScript(command) {
			c.add(key, "has a NUL or is not UTF-8", "a shell command")
		}
	}
	if !isScript(h.ExtraBootCommands) {
		c.add("extraBootCommands", "has a NUL or is not UTF-8", "shell commands")
	}
}

func (c *checker) packages(h Host) {
	const moduleAllowed = "kernel module names, of letters, digits, _ and -"
	for i, module := range h.ExtraInitrdKernelModules {
		if !isWord(module, alnum+"_-") {
			c.add(fmt.Sprintf("extraInitrdKernelModules[%d]", i+1), quote(module)+" is not a module name", moduleAllowed)
		}
	}
	const packageAllowed = "nixpkgs attribute names, such as bolt or python3Packages.requests"
	for i, attr := range h.ExtraPackages {
		for part := range strings.SplitSeq(attr, ".") {
			if !isWord(part, alnum+"_'-") || strings.Contains(digits+"'", part[:1]) {
				c.add(fmt.Sprintf("extraPackages[%d]", i+1), quote(attr)+" is not an attribute name", packageAllowed)
				break
			}
		}
	}
}

// maxColumns bounds a banner's lines: the widest VGA text mode. The screens crop
// longer lines on a narrower console.
const maxColumns = 132

func (c *checker) screen(h Host) {
	const bannerAllowed = "lines of at most 132 columns, of printable characters"
	for i, line := range strings.Split(h.BannerText, "\n") {
		if !isText(line) || strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
			c.add("bannerText", fmt.Sprintf("line %d has an unprintable character", i+1), bannerAllowed)
		} else if n := columns(line); n > maxColumns {
			c.add("bannerText", fmt.Sprintf("line %d has %d columns", i+1, n), bannerAllowed)
		}
	}

	const keymapAllowed = "a console keymap, such as us or de-latin1"
	keymap := h.Keymap
	switch {
	case keymap == "":
		c.missing("keymap", keymapAllowed)
	case !onlyHas(keymap, alnum+"._+-/"):
		c.add("keymap", quote(keymap)+" has "+stranger(keymap, alnum+"._+-/"), keymapAllowed)
	case strings.Contains(keymap, "..") || strings.Contains("-/", keymap[:1]):
		c.add("keymap", quote(keymap)+" is not a keymap name", keymapAllowed)
	}
}

func (c *checker) user(h Host) {
	const userAllowed = "a user name: at most 32 of a-z 0-9 _ -, a letter or _ first; or empty"
	name := h.TargetUser
	lower := strings.ToLower(upper)
	switch {
	case name == "":
	case len(name) > 32 || !onlyHas(name, lower+digits+"_-") || strings.Contains(digits+"-", name[:1]):
		c.add("targetUser", quote(name)+" is not a user name", userAllowed)
	case name == "root" && h.TargetUID != 0:
		e := c.add("targetUser", fmt.Sprintf(`"root" has targetUid %d`, h.TargetUID), "targetUid 0 with root")
		e.related = "targetUid"
	}

	const idAllowed = "1 to 65533, or 0 where targetUser is root"
	for _, id := range []struct {
		key   string
		value int
	}{{"targetUid", h.TargetUID}, {"targetGid", h.TargetGID}} {
		// 65534 is the user nobody, 65535 is -1 to old system calls.
		if id.value < 0 || id.value > 65533 {
			c.add(id.key, fmt.Sprintf("%d is out of range", id.value), idAllowed)
		} else if id.value == 0 && name != "root" {
			c.add(id.key, "0 belongs to root", idAllowed).related = "targetUser"
		}
	}
}

// onlyHas tells whether text has no other characters than chars.
func onlyHas(text, chars string) bool {
	return stranger(text, chars) == ""
}

// stranger quotes the first character of text that is not in chars; empty if all
// are.
func stranger(text, chars string) string {
	for _, r := range text {
		if !strings.ContainsRune(chars, r) {
			return fmt.Sprintf("%q", r)
		}
	}
	return ""
}

// isWord tells whether text has chars only, is not empty and is not a flag.
func isWord(text, chars string) bool {
	return text != "" && text[0] != '-' && onlyHas(text, chars)
}

// isText tells whether text is UTF-8 without control characters.
func isText(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl)
}

// isScript tells whether a shell can run text.
func isScript(text string) bool {
	return utf8.ValidString(text) && !strings.Contains(text, "\x00")
}

func hasDotDot(file string) bool {
	return slices.Contains(strings.Split(file, "/"), "..")
}

// isBelow tells whether file lies strictly below dir; both must be clean.
func isBelow(file, dir string) bool {
	return strings.HasPrefix(file, dir+"/")
}

// columns is how wide the console shows a line.
func columns(line string) int {
	n := 0
	for _, r := range line {
		switch width.LookupRune(r).Kind() {
		case width.EastAsianWide, width.EastAsianFullwidth:
			n += 2
		default:
			n++
		}
	}
	return n
}
