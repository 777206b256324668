package policy

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"math/big"
	"net/url"
	"strings"
)

var (
	someCertificate, otherCertificate = makeCertificate(), makeCertificate()
	errUntrusted                      = errors.New("signed by nobody known")
	fingerprintOf                     = func(c *x509.Certificate) string { s := sha256.Sum256(c.Raw); return hex.EncodeToString(s[:]) }
	keyHashOf                         = func(c *x509.Certificate) string {
		s := sha256.Sum256(c.RawSubjectPublicKeyInfo)
		return base64.StdEncoding.EncodeToString(s[:])
	}
)

func makeCertificate() *x509.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"a.example.com", "b.example.com"}, EmailAddresses: []string{"alice@example.com"},
		URIs: []*url.URL{{Scheme: "spiffe", Host: "example.com", Path: "/a"}},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return cert
}

// trust makes the request one with a certificate that was verified.
func trust(in *Input, c *x509.Certificate) {
	in.Request.ClientCertificate, in.Request.ClientCertificateTrusted = c, true
}

// colons writes a fingerprint as browsers show it.
func colons(s string) string {
	var pairs []string
	for i := 0; i < len(s); i += 2 {
		pairs = append(pairs, strings.ToUpper(s[i:i+2]))
	}
	return strings.Join(pairs, ":")
}

// certificateMatches are criteria that the property tests draw.
var certificateMatches = []any{
	map[string]any{"fingerprint": fingerprintOf(someCertificate)},
	map[string]any{"fingerprint": []any{colons(fingerprintOf(otherCertificate)), colons(fingerprintOf(someCertificate))}},
	map[string]any{"fingerprint": fingerprintOf(otherCertificate)},
	map[string]any{"spki_hash": keyHashOf(someCertificate), "san_dns": "b.example.com"},
	map[string]any{"spki_hash": []any{keyHashOf(otherCertificate)}},
	map[string]any{"san_email": map[string]any{"ends_with": "@example.com"}},
	map[string]any{"san_dns": map[string]any{"is": "a.example.com", "starts_with": "b."}},
	map[string]any{"san_dns": map[string]any{"not_in": []any{"a.example.com", "b.example.com"}}},
	map[string]any{"san_uri": "spiffe://example.com/a"},
}
