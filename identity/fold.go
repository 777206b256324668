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

// FoldedEmail returns the person's e-mail folded, without allocating, and whether
// that is known: not of a Person that NewPerson did not make, nor of one whose
// Email has been changed since.
func (p *Person) FoldedEmail() (folded string, ok bool) {
	return p.folded, p.folded != "" && p.foldedFrom == p.Email
}
