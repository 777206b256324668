package proxy

import (
	"net/http"
	"strings"

	"sallyport/internal/template"
)

// expand executes the templates of set_request_headers on what is left of the
// client's headers.
func (x *exchange) expand(h http.Header) []toldHeader {
	if len(x.plan.set) == 0 {
		return nil
	}
	set := make([]toldHeader, 0, len(x.plan.set))
	for _, s := range x.plan.set {
		var b strings.Builder
		for _, part := range s.template.Parts {
			b.WriteString(x.part(part, h))
		}
		set = append(set, toldHeader{s.name, []string{headerText(b.String())}})
	}
	return set
}

func (x *exchange) part(p template.Part, h http.Header) string {
	switch p.Kind {
	case template.Literal:
		return p.Text
	case template.RequestHeader:
		return strings.Join(h.Values(p.Text), ", ")
	case template.JWT:
		if x.told != nil {
			return x.told.jwt[0]
		}
	case template.AccessToken:
		if x.session != nil {
			return x.session.Tokens.Access
		}
	case template.IDToken:
		if x.session != nil {
			return x.session.Tokens.ID
		}
	default:
		return x.certificatePart(p.Kind)
	}
	return ""
}

// certificatePart tells of a certificate that is trusted: what another says of
// itself, anybody can write.
func (x *exchange) certificatePart(k template.Kind) string {
	shown := x.h.certificate(x)
	if !shown.Trusted() {
		return ""
	}
	switch k {
	case template.ClientCertFingerprint:
		return shown.Fingerprint
	case template.ClientCertSANDNS:
		return strings.Join(shown.Leaf.DNSNames, ",")
	case template.ClientCertSANEmail:
		return strings.Join(shown.Leaf.EmailAddresses, ",")
	}
	return ""
}

// headerText is text as one header value: what a header cannot hold is
// percent-encoded.
func headerText(s string) string {
	for i := range len(s) {
		if s[i] < ' ' && s[i] != '\t' || s[i] == 0x7f {
			return encodeValue(s)
		}
	}
	return s
}
