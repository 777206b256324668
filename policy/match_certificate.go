package policy

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"strings"

	"sallyport/internal/clientcert"
)

// compileCertificate asks the leaf of a client certificate that is trusted: what
// an untrusted one says of itself, anybody can write. All fields must hold.
func compileCertificate(c *criterion) question {
	tests := make([]certificateTest, len(c.matchers))
	for i, m := range c.matchers {
		tests[i] = newCertificateTest(m)
	}
	return func(f facts) bool {
		cert := f.in.Request.trustedCertificate()
		if cert == nil {
			return false
		}
		known := f.in.Request.ClientCertificateFacts
		if known == nil {
			known = clientcert.FactsOf(cert)
		}
		for _, test := range tests {
			if !test(cert, known) {
				return false
			}
		}
		return true
	}
}

// certificateTest asks one thing of a certificate.
type certificateTest func(*x509.Certificate, *clientcert.Facts) bool

// newCertificateTest makes the test of one field; the operator of a name's field
// is "san_email is" and the like. Any name may match.
func newCertificateTest(m matcher) certificateTest {
	field, op, _ := strings.Cut(m.op, " ")
	switch field {
	case "fingerprint":
		return digestTest(m.operands, hex.DecodeString, func(f *clientcert.Facts) [sha256.Size]byte { return f.Sum })
	case "spki_hash":
		return digestTest(m.operands, base64.StdEncoding.DecodeString, func(f *clientcert.Facts) [sha256.Size]byte { return f.KeySum })
	}
	test := stringOperators[op](exact, m.operands)
	return func(c *x509.Certificate, known *clientcert.Facts) bool {
		switch field {
		case "san_email":
			return anyName(c.EmailAddresses, test)
		case "san_dns":
			return anyName(c.DNSNames, test)
		}
		return anyName(known.URIs, test)
	}
}

func anyName(names []string, test func(string) bool) bool {
	for _, name := range names {
		if test(name) {
			return true
		}
	}
	return false
}

// digestTest compares SHA-256 digests, kept as bytes so that comparing one costs
// no text.
func digestTest(operands []operand, decode func(string) ([]byte, error), sum func(*clientcert.Facts) [sha256.Size]byte) certificateTest {
	wanted := make(map[[sha256.Size]byte]bool, len(operands))
	for _, o := range operands {
		if b, err := decode(o.value.str); err == nil && len(b) == sha256.Size {
			wanted[[sha256.Size]byte(b)] = true
		}
	}
	return func(_ *x509.Certificate, known *clientcert.Facts) bool { return wanted[sum(known)] }
}

// compileInvalidCertificate asks for the lack of a certificate, or of trust in it.
func compileInvalidCertificate(*criterion) question {
	return func(f facts) bool { return f.in.Request.trustedCertificate() == nil }
}

func whyCertificate(f facts, holds bool) Reason {
	switch {
	case !holds:
		return ReasonValidClientCertificate
	case f.in.Request.ClientCertificate == nil:
		return ReasonClientCertificateRequired
	}
	return ReasonInvalidClientCertificate
}

func hadCertificate(f facts, _ *criterion) []string {
	cert := f.in.Request.ClientCertificate
	if cert == nil {
		return nil
	}
	sum := sha256.Sum256(cert.Raw)
	had := []string{"fingerprint " + hex.EncodeToString(sum[:])}
	had = append(had, cert.EmailAddresses...)
	had = append(had, cert.DNSNames...)
	for _, u := range cert.URIs {
		had = append(had, u.String())
	}
	switch err := f.in.Request.ClientCertificateError; {
	case err != nil:
		had = append(had, "not trusted: "+err.Error())
	case !f.in.Request.ClientCertificateTrusted:
		had = append(had, "not trusted: nobody verified it")
	}
	return had
}
