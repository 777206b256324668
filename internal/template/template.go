// Package template is the little language of set_request_headers values:
// literal text with references to what the proxy knows about the request and
// its session. A template is parsed once, when the configuration is read; its
// parts are typed, so that executing one (in proxy) is a switch and nothing a
// request carries is ever read as a template.
//
//	${pomerium.jwt}                     the signed assertion
//	${pomerium.access_token}            the identity provider's access token
//	${pomerium.id_token}                the identity provider's ID token
//	${pomerium.client_cert_fingerprint} SHA-256 of the client certificate, hex
//	${pomerium.client_cert_san_dns}     its DNS names, comma-separated
//	${pomerium.client_cert_san_email}   its e-mail addresses, comma-separated
//	${pomerium.request.headers["X"]}    a header of the request
//	$pomerium.jwt                       the same without braces
//	$$                                  a dollar sign
package template

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// Kind is what a part stands for.
type Kind uint8

// The kinds of parts.
const (
	Literal Kind = iota
	JWT
	AccessToken
	IDToken
	ClientCertFingerprint
	ClientCertSANDNS
	ClientCertSANEmail
	RequestHeader
)

// ErrUnknown is a reference that was surely meant as one and that nobody knows.
var ErrUnknown = errors.New("unknown reference")

// Names are the references there are, as written, sorted.
func Names() []string {
	return append(slices.Sorted(maps.Keys(names)), `pomerium.request.headers["NAME"]`)
}

// names are the references that take no argument, as written.
var names = map[string]Kind{
	"pomerium.jwt":                     JWT,
	"pomerium.access_token":            AccessToken,
	"pomerium.id_token":                IDToken,
	"pomerium.client_cert_fingerprint": ClientCertFingerprint,
	"pomerium.client_cert_san_dns":     ClientCertSANDNS,
	"pomerium.client_cert_san_email":   ClientCertSANEmail,
}

// Part is one piece of a template. Text is the literal, or the header's name
// for RequestHeader; it is empty for the rest.
type Part struct {
	Kind Kind
	Text string
}

// Template is a parsed value. The zero value is the empty text. Read-only.
type Template struct {
	Parts []Part
}

// Literal returns the text of a template without references, and false for one
// that has any.
func (t *Template) Literal() (string, bool) {
	switch {
	case len(t.Parts) == 0:
		return "", true
	case len(t.Parts) == 1 && t.Parts[0].Kind == Literal:
		return t.Parts[0].Text, true
	}
	return "", false
}

// Uses reports whether any part is of kind k.
func (t *Template) Uses(k Kind) bool {
	for _, p := range t.Parts {
		if p.Kind == k {
			return true
		}
	}
	return false
}

// Parse reads s. Its errors name the reference that is wrong and never the text
// around it, which may be a credential.
func Parse(s string) (*Template, error) {
	var t Template
	var text strings.Builder
	for s != "" {
		i := strings.IndexByte(s, '$')
		if i < 0 {
			i = len(s)
		}
		text.WriteString(s[:i])
		s = s[i:]
		part, rest, err := reference(s)
		if err != nil {
			return nil, err
		}
		s = rest
		if part.Kind == Literal {
			text.WriteString(part.Text)
			continue
		}
		t.literal(&text)
		t.Parts = append(t.Parts, part)
	}
	t.literal(&text)
	return &t, nil
}

// literal moves the text gathered so far into a part.
func (t *Template) literal(text *strings.Builder) {
	if text.Len() > 0 {
		t.Parts = append(t.Parts, Part{Text: text.String()})
		text.Reset()
	}
}

// reference reads what begins with the dollar sign at the start of s. A dollar
// sign that begins nothing stands for itself.
func reference(s string) (part Part, rest string, err error) {
	switch {
	case s == "":
		return Part{}, "", nil
	case strings.HasPrefix(s, "$$"):
		return Part{Text: "$"}, s[2:], nil
	case strings.HasPrefix(s, "${"):
		end := strings.IndexByte(s, '}')
		if end < 0 {
			return Part{}, "", errors.New("\"${\" is not closed by \"}\"")
		}
		part, err = resolve(strings.TrimSpace(s[2:end]))
		return part, s[end+1:], err
	}
	if n := nameLength(s[1:]); n > 0 {
		part, err = resolve(s[1 : 1+n])
		return part, s[1+n:], err
	}
	return Part{Text: "$"}, s[1:], nil
}

// nameLength is how long a name without braces is: dotted identifiers that
// begin with a letter.
func nameLength(s string) int {
	n := 0
	for n < len(s) {
		c := s[n]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_'
		inner := n > 0 && ('0' <= c && c <= '9' || c == '.' && n+1 < len(s) && isLetter(s[n+1]))
		if !letter && !inner {
			break
		}
		n++
	}
	return n
}

func isLetter(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_'
}

// resolve turns the inside of a reference into its part.
func resolve(name string) (Part, error) {
	if k, ok := names[name]; ok {
		return Part{Kind: k}, nil
	}
	const open = "pomerium.request.headers["
	if !strings.HasPrefix(name, open) || !strings.HasSuffix(name, "]") {
		return Part{}, unknown(name)
	}
	header, ok := unquote(name[len(open) : len(name)-1])
	if !ok || !httpguts.ValidHeaderFieldName(header) {
		return Part{}, fmt.Errorf("%q: expected the name of a header in quotes, as in headers[\"X-Name\"]", name)
	}
	return Part{Kind: RequestHeader, Text: header}, nil
}

// unknown names a reference that nobody knows if it was surely meant as one.
// Anything else after a dollar sign may be part of a password.
func unknown(name string) error {
	if strings.HasPrefix(name, "pomerium") {
		return fmt.Errorf("%w %q", ErrUnknown, name)
	}
	return errors.New("a dollar sign begins no known reference")
}

func unquote(s string) (string, bool) {
	if len(s) < 2 || s[0] != s[len(s)-1] || s[0] != '"' && s[0] != '\'' {
		return "", false
	}
	return s[1 : len(s)-1], true
}
