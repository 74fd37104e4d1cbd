// Package bls reads entries of the Boot Loader Specification (UAPI.1) and
// systemd-boot's loader.conf(5), and finds the entry that systemd-boot starts.
package bls

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// MaxFile is the size limit of such a file, in bytes.
const MaxFile = 64 << 10

// Entry is one entry of the boot menu: a Type #1 file in loader/entries, or a
// unified kernel image in EFI/Linux (Type #2).
type Entry struct {
	File string // its name in that folder
	ID   string // the file's name without the counter of boot attempts, in lower case

	Version, SortKey, MachineID, Architecture string

	// One of these is the path of what it starts, on the ESP.
	Linux, EFI, UKI string
	Initrds         []string
	DeviceTree      string
	Options         string // the kernel's command line

	// TriesLeft is how many boot attempts are left; -1: they are not counted
	// (systemd.io/AUTOMATIC_BOOT_ASSESSMENT).
	TriesLeft, TriesDone int
}

// counter is the part of a file's name that counts boot attempts.
var counter = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)\+([0-9]{1,9})(?:-([0-9]{1,9}))?(\.(?:conf|efi))$`)
})

func named(file string) Entry {
	e := Entry{File: file, ID: strings.ToLower(counter().ReplaceAllString(file, "$3")), TriesLeft: -1}
	if m := counter().FindStringSubmatch(file); m != nil {
		e.TriesLeft, _ = strconv.Atoi(m[1]) // digits
		e.TriesDone, _ = strconv.Atoi(m[2]) // or nothing
	}
	return e
}

// ParseEntry reads a Type #1 entry. An entry that starts nothing is an error.
func ParseEntry(file, text string) (Entry, error) {
	e := named(file)
	if err := plain(text); err != nil {
		return e, err
	}
	var options []string
	single := map[string]*string{
		"version": &e.Version, "sort-key": &e.SortKey, "machine-id": &e.MachineID, "architecture": &e.Architecture,
		"linux": &e.Linux, "efi": &e.EFI, "uki": &e.UKI, "devicetree": &e.DeviceTree,
	}
	for key, value := range fields(text) {
		switch to := single[key]; {
		case to != nil:
			*to = value
		case key == "initrd":
			e.Initrds = append(e.Initrds, value)
		case key == "options":
			options = append(options, value)
		}
	}
	e.Options = strings.Join(options, " ")
	starts := slices.DeleteFunc([]string{e.Linux, e.EFI, e.UKI}, func(what string) bool { return what == "" })
	switch len(starts) {
	case 0:
		return e, errors.New("it names neither linux nor efi nor uki")
	case 1:
		return e, nil
	}
	return e, errors.New("it names more than one of linux, efi and uki")
}

// ParseUnified makes the entry of a unified kernel image from its .osrel and
// .cmdline sections (UAPI.5). It fails if systemd-boot would not list the image.
func ParseUnified(file, osrel, cmdline string) (Entry, error) {
	e := named(file)
	e.UKI = "/EFI/Linux/" + file
	e.Options = strings.Trim(cmdline, " \t\r\n\x00")
	if err := plain(e.Options); err != nil {
		return e, fmt.Errorf(".cmdline: %w", err)
	}
	rel := map[string]string{}
	for line := range strings.Lines(osrel) {
		k, v, ok := strings.Cut(strings.Trim(line, " \t\r\n\x00"), "=")
		if ok && !strings.HasPrefix(k, "#") {
			rel[k] = strings.Trim(v, `"'`)
		}
	}
	title := cmp.Or(rel["PRETTY_NAME"], rel["IMAGE_ID"], rel["NAME"], rel["ID"])
	e.Version = cmp.Or(rel["IMAGE_VERSION"], rel["VERSION"], rel["VERSION_ID"], rel["BUILD_ID"])
	e.SortKey = cmp.Or(rel["IMAGE_ID"], rel["ID"])
	if title == "" || e.Version == "" {
		return e, errors.New("its .osrel section has no name or no version, so systemd-boot does not list it")
	}
	return e, nil
}

// Param is the last value of a parameter of a kernel command line, which is the
// one that counts, or empty. A value may be in double quotes (kernel:
// admin-guide/kernel-parameters.rst).
func Param(cmdline, name string) string {
	value := ""
	quoted := false
	for word := range strings.FieldsFuncSeq(cmdline, func(r rune) bool {
		if r == '"' {
			quoted = !quoted
		}
		return !quoted && (r == ' ' || r == '\t' || r == '\n')
	}) {
		if v, ok := strings.CutPrefix(strings.ReplaceAll(word, `"`, ""), name+"="); ok {
			value = v
		}
	}
	return value
}

// fields yields each line's key and value. Like systemd-boot, it ignores empty
// values and comments.
func fields(text string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for line := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '\n' || r == '\r' }) {
			line = strings.Trim(line, " \t")
			i := strings.IndexAny(line, " \t")
			if strings.HasPrefix(line, "#") || i < 0 {
				continue
			}
			value := strings.TrimLeft(line[i:], " \t")
			if n := len(value); n > 1 && value[0] == '"' && value[n-1] == '"' {
				value = value[1 : n-1]
			}
			if value != "" && !yield(line[:i], value) {
				return
			}
		}
	}
}

// plain refuses text that no such file contains.
func plain(text string) error {
	switch {
	case len(text) > MaxFile:
		return fmt.Errorf("it has more than %d bytes", MaxFile)
	case strings.ContainsRune(text, 0):
		return errors.New("it has a NUL byte")
	}
	return nil
}
