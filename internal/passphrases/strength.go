package passphrases

import (
	"math"
	"unicode"
	"unicode/utf8"
)

// Strength is how hard a passphrase is to guess, with advice.
type Strength struct {
	Score  int // 0, useless, to 4, strong
	Advice string
}

// StrengthOf estimates a passphrase by its length, the kinds of its characters, and
// how much of it repeats or counts. It has no dictionary, so it may overestimate. It makes
// no copy of the passphrase, which could not be wiped.
func StrengthOf(p []byte) Strength {
	bits := entropy(p)
	switch {
	case bits < 28:
		return Strength{0, "guessed at once"}
	case bits < 45:
		return Strength{1, "weak: guessed in hours by someone who has the disk"}
	case bits < 60:
		return Strength{2, "fair: longer is better than stranger"}
	case bits < 75:
		return Strength{3, "good"}
	}
	return Strength{4, "strong"}
}

// entropy returns an upper bound in bits: the characters that do not follow from the two
// before, times the bits of the alphabets that they come from.
func entropy(p []byte) float64 {
	var lower, upper, digit, other, blank, wide bool
	var before, last rune
	n := 0.0
	for rest := p; len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		rest = rest[size:]
		switch {
		case r >= utf8.RuneSelf:
			wide = true
		case unicode.IsLower(r):
			lower = true
		case unicode.IsUpper(r):
			upper = true
		case unicode.IsDigit(r):
			digit = true
		case r == ' ':
			blank = true
		default:
			other = true
		}
		step := r - last
		switch {
		case r == last, r == before, last != 0 && (step == 1 || step == -1) && last-before == step:
			n += 0.2
		default:
			n++
		}
		before, last = last, r
	}
	size := 0.0
	for _, kind := range []struct {
		has  bool
		size float64
	}{{lower, 26}, {upper, 26}, {digit, 10}, {other, 32}, {blank, 1}, {wide, 100}} {
		if kind.has {
			size += kind.size
		}
	}
	if size < 2 {
		return 0
	}
	// Letters in words depend on each other: about half of the bits of random ones.
	bits := math.Log2(size)
	if !digit && !other && !wide && (!upper || !lower) {
		bits *= 0.6
	}
	return n * bits
}
