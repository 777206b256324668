package identity

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxMail bounds an e-mail address: 64 octets, "@", 255 octets (RFC 5321 §4.5.3.1).
const maxMail = 320

// Mail is an e-mail address as policies compare it. Both parts are empty if two
// readers could take it for two addresses or cannot see all of it: a second "@",
// quotes, spaces, control or invisible characters, an incomplete domain. An
// address without "@" has no domain.
type Mail struct {
	Address, Domain string
	// Folded says that both are folded already.
	Folded bool
}

// ReadMail reads an address. It does not allocate, so that capital letters stay.
func ReadMail(raw string) Mail {
	if raw == "" || len(raw) > maxMail || !plain(raw) {
		return Mail{Folded: true}
	}
	local, domain, found := strings.Cut(raw, "@")
	if found && (local == "" || !domainComplete(domain)) {
		return Mail{Folded: true}
	}
	return Mail{raw, domain, small(raw)}
}

// Mail returns the person's address. Of a Person that NewPerson made it was read
// and folded once for all.
func (p *Person) Mail() Mail {
	return p.mail.of(p.Email)
}

// Mail returns the subject's address. After Index it was read and folded once for
// all.
func (s *Subject) Mail() Mail {
	return s.mail.of(s.Email)
}

// keptMail is an address, read and folded.
type keptMail struct {
	mail Mail
	from string
}

func keepMail(raw string) keptMail { return keptMail{ReadMail(raw).Fold(), raw} }

// of is the address in raw; kept, unless raw has changed since.
func (k *keptMail) of(raw string) Mail {
	if k.mail.Folded && k.from == raw {
		return k.mail
	}
	return ReadMail(raw)
}

// Fold returns m folded, which allocates where that changes anything.
func (m Mail) Fold() Mail {
	if !m.Folded {
		m.Address = Fold(m.Address)
		_, m.Domain, _ = strings.Cut(m.Address, "@")
		m.Folded = true
	}
	return m
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
