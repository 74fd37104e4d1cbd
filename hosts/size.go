package hosts

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

const sizeAllowed = "a whole number with K, M, G, T or P (1024-based), at least 1M, such as 8G"

// parseSize gives the bytes of a size in sgdisk's form. It refuses a number
// without a unit: sgdisk counts sectors then, which depend on the disk.
func parseSize(text string) (int64, error) {
	number := strings.TrimRight(text, "KMGTPkmgtp")
	if number == "" || !onlyHas(number, digits) || len(text)-len(number) > 1 {
		return 0, errors.New(quote(text) + " is not a size")
	}
	if number == text {
		return 0, errors.New(quote(text) + " has no unit")
	}
	unit := strings.ToUpper(text[len(number):])
	shift := 10 * (1 + strings.Index("KMGTP", unit))
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n > math.MaxInt64>>shift {
		return 0, errors.New(quote(text) + " is too large")
	}
	if n <<= shift; n < 1<<20 {
		return 0, errors.New(quote(text) + " is too small")
	}
	return n, nil
}
