package policy

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"sallyport/identity"
)

// maxMail bounds an e-mail address: 64 octets, "@", 255 octets (RFC 5321 §4.5.3.1).
const maxMail = 320

// mailOf returns the e-mail that policies see: the directory's where there is a
// person, even if it has none, else the identity provider's.
func mailOf(s *identity.Subject, p *identity.Person) string {
	if p != nil {
		return p.Email
	}
	return s.Email
}

// mailFacts returns the e-mail of the subject and its domain as splitMail does,
// and whether both are folded. A person's address is folded once for all, and most
// others come in small letters.
func mailFacts(s *identity.Subject, p *identity.Person) (address, domain string, folded bool) {
	raw := mailOf(s, p)
	address, domain = splitMail(raw)
	if address == "" {
		return "", "", true
	}
	if p != nil {
		if lower, ok := p.FoldedEmail(); ok {
			_, domain, _ = strings.Cut(lower, "@")
			return lower, domain, true
		}
	}
	return address, domain, small(raw)
}

// small reports whether folding s would surely leave it as it is.
func small(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c >= utf8.RuneSelf || 'A' <= c && c <= 'Z' {
			return false
		}
	}
	return true
}

// splitMail returns the address as policies compare it and its domain: both
// empty if two readers could take it for two addresses or cannot see all of it
// (a second "@", quotes, spaces, control or invisible characters, an incomplete
// domain). An address without "@" has no domain.
func splitMail(mail string) (address, domain string) {
	if mail == "" || len(mail) > maxMail || !plain(mail) {
		return "", ""
	}
	local, domain, found := strings.Cut(mail, "@")
	if !found {
		return mail, ""
	}
	if local == "" || !domainComplete(domain) {
		return "", ""
	}
	return mail, domain
}

func domainComplete(domain string) bool {
	return domain != "" && domain[0] != '.' && domain[len(domain)-1] != '.' &&
		!strings.Contains(domain, "..") && !strings.Contains(domain, "@")
}

// plain reports whether every character is visible, unquoted and valid UTF-8.
func plain(s string) bool {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= utf8.RuneSelf:
			return plainRunes(s)
		case c <= ' ' || c == 0x7f || c == '"':
			return false
		}
	}
	return true
}

func plainRunes(s string) bool {
	for _, r := range s {
		if r == '"' || r == utf8.RuneError || unicode.IsSpace(r) || unicode.In(r, unicode.Cc, unicode.Cf) {
			return false
		}
	}
	return true
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
