package clientcert

import (
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"regexp"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Kinds are the kinds of names, as match_subject_alt_names calls them.
var Kinds = []string{"dns", "email", "ip_address", "uri", "user_principal_name"}

// Name is one entry of match_subject_alt_names. Make it with NewName.
type Name struct {
	kind    string
	pattern *regexp.Regexp
}

// NewName makes a name that the whole of a subject alternative name of that kind
// must match.
func NewName(kind, pattern string) (Name, error) {
	if !slices.Contains(Kinds, kind) {
		return Name{}, fmt.Errorf("unknown kind of name %q", kind)
	}
	re, err := regexp.Compile(`^(?:` + pattern + `)$`)
	if err != nil {
		return Name{}, fmt.Errorf("expected a regular expression: %w", err)
	}
	return Name{kind, re}, nil
}

// named reports whether a certificate has one of the names that are wanted.
func (v *Verifier) named(leaf *x509.Certificate) bool {
	if v.rules.Names == nil {
		return true
	}
	return slices.ContainsFunc(v.rules.Names, func(n Name) bool {
		return slices.ContainsFunc(namesOf(leaf, n.kind), n.pattern.MatchString)
	})
}

// namesOf are the subject alternative names of one kind. The common name is none.
func namesOf(c *x509.Certificate, kind string) []string {
	var out []string
	switch kind {
	case "dns":
		return c.DNSNames
	case "email":
		return c.EmailAddresses
	case "ip_address":
		for _, ip := range c.IPAddresses {
			out = append(out, ip.String())
		}
	case "uri":
		for _, u := range c.URIs {
			out = append(out, u.String())
		}
	case "user_principal_name":
		for _, e := range c.Extensions {
			if e.Id.Equal(oidSubjectAltName) {
				out = append(out, principals(e.Value)...)
			}
		}
	}
	return out
}

var (
	oidSubjectAltName = asn1.ObjectIdentifier{2, 5, 29, 17}
	// Microsoft's user principal name, as an otherName.
	oidPrincipal = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 20, 2, 3}
)

// principals are the user principal names of a subjectAltName extension, which
// crypto/x509 does not read (RFC 5280 4.2.1.6: OtherName). What is not well
// formed is no name.
func principals(extension []byte) []string {
	der := cryptobyte.String(extension)
	var names cryptobyte.String
	if !der.ReadASN1(&names, cbasn1.SEQUENCE) || !der.Empty() {
		return nil
	}
	var out []string
	for !names.Empty() {
		var body cryptobyte.String
		var tag cbasn1.Tag
		if !names.ReadAnyASN1(&body, &tag) {
			return nil
		}
		if tag != cbasn1.Tag(0).Constructed().ContextSpecific() {
			continue
		}
		if s, ok := principal(body); ok {
			out = append(out, s)
		}
	}
	return out
}

func principal(other cryptobyte.String) (string, bool) {
	var oid asn1.ObjectIdentifier
	var value, text cryptobyte.String
	ok := other.ReadASN1ObjectIdentifier(&oid) && oid.Equal(oidPrincipal) &&
		other.ReadASN1(&value, cbasn1.Tag(0).Constructed().ContextSpecific()) && other.Empty() &&
		value.ReadASN1(&text, cbasn1.UTF8String) && value.Empty()
	return string(text), ok
}
