package policy

import (
	"cmp"
	"unicode/utf8"

	"sallyport/identity"
)

// mailOf returns the e-mail that policies see: the directory's where there is a
// person, even if it has none, else the identity provider's.
func mailOf(s *identity.Subject, p *identity.Person) string {
	if p != nil {
		return p.Email
	}
	return s.Email
}

// mail reads that address, which sessions and the directory did once for all.
func (f facts) mail() identity.Mail {
	if f.in.Person != nil {
		return f.in.Person.Mail()
	}
	return f.in.Subject.Mail()
}

// unclearMail reports whether there is an e-mail, of which nobody can say what
// it is.
func (f facts) unclearMail() bool {
	return f.mail().Address == "" && mailOf(f.in.Subject, f.in.Person) != ""
}

// suspectMail reports whether an e-mail that does not count may be one that a rule
// is against: it is unclear, or the rule would hold of one that the token has and
// the directory does not, or that nobody vouches for.
func (f facts) suspectMail(holds func(identity.Mail) bool) bool {
	if f.unclearMail() {
		return true
	}
	raw := cmp.Or(f.in.Subject.Email, f.in.Subject.UnverifiedEmail)
	m := identity.ReadMail(raw)
	return raw != "" && (m.Address == "" || holds(m))
}

// cutFolded returns what follows want at the start of s, letter case aside; want
// is folded already.
func cutFolded(s, want string) (rest string, ok bool) {
	i := 0
	for i < len(s) && i < len(want) && s[i] < utf8.RuneSelf && want[i] < utf8.RuneSelf {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != want[i] {
			return "", false
		}
		i++
	}
	s = s[i:]
	for _, w := range want[i:] {
		r, size := utf8.DecodeRuneInString(s)
		if size == 0 || identity.FoldRune(r) != w {
			return "", false
		}
		s = s[size:]
	}
	return s, true
}

func equalFolded(s, want string) bool {
	rest, ok := cutFolded(s, want)
	return ok && rest == ""
}

func hasPrefixFolded(s, want string) bool {
	_, ok := cutFolded(s, want)
	return ok
}

func hasSuffixFolded(s, want string) bool {
	// A letter beyond ASCII may double in length when folded, or halve.
	start := max(0, len(s)-2*len(want))
	for i := start; i < len(s); i++ {
		if utf8.RuneStart(s[i]) && equalFolded(s[i:], want) {
			return true
		}
	}
	return want == ""
}

func containsFolded(s, want string) bool {
	for i := range s {
		if hasPrefixFolded(s[i:], want) {
			return true
		}
	}
	return want == ""
}

// foldedSet holds folded strings by the hash of their letters, so that looking
// one up needs no folded copy of it.
type foldedSet map[uint64][]string

func newFoldedSet(members []string) foldedSet {
	set := make(foldedSet, len(members))
	for _, m := range members {
		h := hashFolded(m)
		set[h] = append(set[h], m)
	}
	return set
}

func (set foldedSet) has(s string) bool {
	for _, m := range set[hashFolded(s)] {
		if equalFolded(s, m) {
			return true
		}
	}
	return false
}

// hashFolded is FNV-1a over the folded letters. Members come from the
// configuration, so nobody outside can make them collide.
func hashFolded(s string) uint64 {
	h := uint64(14695981039346656037)
	for _, r := range s {
		h = (h ^ uint64(identity.FoldRune(r))) * 1099511628211
	}
	return h
}
