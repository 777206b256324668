package identity

import (
	"math"
	"strconv"
)

// maxExact is up to where a float64 tells integers apart.
const maxExact = 1 << 53

// Number reads a JSON number as a claim or an attribute holds it: a float64, or its
// digits as text from 2^53 on, where a float64 would make another number of it. The
// ids of some systems are that long, and to tell or compare the number beside one
// is to take somebody for somebody else. Not ok where no float64 comes near.
func Number(literal string) (value any, ok bool) {
	n, err := strconv.ParseFloat(literal, 64)
	switch {
	case err != nil:
		return nil, false
	case math.Abs(n) >= maxExact:
		return literal, true
	}
	return n, true
}
