package clientcert

import (
	"crypto/sha256"
	"crypto/x509"
)

// Facts are what policies ask of a certificate that is not to be had from its
// fields for nothing: worked out once for a connection, not for each decision.
type Facts struct {
	// Sum is the SHA-256 of the certificate, KeySum that of its public key with the
	// key's algorithm (subjectPublicKeyInfo, RFC 7469).
	Sum, KeySum [sha256.Size]byte
	// URIs are its names of that kind, as text.
	URIs []string
}

// FactsOf works them out.
func FactsOf(c *x509.Certificate) *Facts {
	f := &Facts{Sum: sha256.Sum256(c.Raw), KeySum: sha256.Sum256(c.RawSubjectPublicKeyInfo)}
	for _, u := range c.URIs {
		f.URIs = append(f.URIs, u.String())
	}
	return f
}
