package policy

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Printable is text as a terminal may show it: what would move the cursor, change
// colours, begin a line or turn the direction of writing is U+FFFD.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' {
			return utf8.RuneError
		}
		return r
	}, s)
}
