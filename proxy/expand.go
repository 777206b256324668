package proxy

import (
	"crypto/sha256"
	"encoding/hex"
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

func (x *exchange) certificatePart(k template.Kind) string {
	if x.r.TLS == nil || len(x.r.TLS.PeerCertificates) == 0 {
		return ""
	}
	leaf := x.r.TLS.PeerCertificates[0]
	switch k {
	case template.ClientCertFingerprint:
		sum := sha256.Sum256(leaf.Raw)
		return hex.EncodeToString(sum[:])
	case template.ClientCertSANDNS:
		return strings.Join(leaf.DNSNames, ",")
	case template.ClientCertSANEmail:
		return strings.Join(leaf.EmailAddresses, ",")
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
