package identity

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// FoldRune lowers a letter as e-mail addresses compare here, but never makes an
// ASCII letter of another one: the Kelvin sign stays what it is, or "\u212Aim@"
// would be "kim@".
func FoldRune(r rune) rune {
	if r < utf8.RuneSelf {
		if 'A' <= r && r <= 'Z' {
			return r + ('a' - 'A')
		}
		return r
	}
	if l := unicode.ToLower(r); l >= utf8.RuneSelf {
		return l
	}
	return r
}

// Fold returns s with every letter folded; s itself if that changes nothing.
func Fold(s string) string { return strings.Map(FoldRune, s) }
