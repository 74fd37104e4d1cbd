package tui

import (
	"regexp"
	"testing"
)

// On the Linux console taking bold back darkens a bright colour, so none may
// be without.
func TestBrightIsBold(t *testing.T) {
	s := newStyles(true)
	bright, bold := regexp.MustCompile(`[\[;]9[0-7][;m]`), regexp.MustCompile(`[\[;]1[;m]`)
	for name, i := range map[string]ink{
		"title": s.title, "text": s.text, "strong": s.strong, "dim": s.dim, "rule": s.rule, "accent": s.accent,
		"selected": s.selected, "good": s.good, "warn": s.warn, "bad": s.bad, "key": s.key,
	} {
		if on := i("x"); bright.MatchString(on) && !bold.MatchString(on) {
			t.Errorf("%s is %q", name, i("x"))
		}
	}
}
