// Package certtest makes authorities, client certificates and lists of revoked
// ones for tests: a few lines where openssl would take a screen. Keys are real,
// and nothing is kept.
package certtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"
	"time"
)

// Pair is a certificate with its key, and the certificates above it that a client
// would send along.
type Pair struct {
	t     testing.TB
	Cert  *x509.Certificate
	Key   crypto.Signer
	Above []*x509.Certificate
}

// Option changes a certificate before it is signed.
type Option func(*x509.Certificate)

// Authority makes one that signed itself.
func Authority(t testing.TB, name string, opts ...Option) *Pair {
	t.Helper()
	return issue(t, nil, authority(name), opts)
}

// Intermediate makes an authority under p. Clients with its certificates send it
// along.
func (p *Pair) Intermediate(name string, opts ...Option) *Pair {
	p.t.Helper()
	return issue(p.t, p, authority(name), opts)
}

// Client makes a certificate for client authentication, good for an hour.
func (p *Pair) Client(name string, opts ...Option) *Pair {
	p.t.Helper()
	return issue(p.t, p, &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, opts)
}

func authority(name string) *x509.Certificate {
	return &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
}

func issue(t testing.TB, by *Pair, c *x509.Certificate, opts []Option) *Pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		t.Fatal(err)
	}
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	for _, o := range opts {
		o(c)
	}
	parent, signer := c, crypto.Signer(key)
	p := &Pair{t: t, Key: key}
	if by != nil {
		parent, signer = by.Cert, by.Key
		if by.Above != nil || by.Cert.Issuer.String() != by.Cert.Subject.String() {
			p.Above = append([]*x509.Certificate{by.Cert}, by.Above...)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	if p.Cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return p
}

// Revoke makes p's list of revoked certificates, good for an hour.
func (p *Pair) Revoke(revoked ...*Pair) *x509.RevocationList {
	p.t.Helper()
	return p.List(x509.RevocationList{ThisUpdate: time.Now().Add(-time.Hour), NextUpdate: time.Now().Add(time.Hour)}, revoked...)
}

// List is Revoke with other times, number and extensions.
func (p *Pair) List(l x509.RevocationList, revoked ...*Pair) *x509.RevocationList {
	p.t.Helper()
	if l.Number == nil {
		l.Number = big.NewInt(1)
	}
	for _, r := range revoked {
		l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: r.Cert.SerialNumber, RevocationTime: l.ThisUpdate})
	}
	der, err := x509.CreateRevocationList(rand.Reader, &l, p.Cert, p.Key)
	if err != nil {
		p.t.Fatal(err)
	}
	made, err := x509.ParseRevocationList(der)
	if err != nil {
		p.t.Fatal(err)
	}
	return made
}

// Chain is what a client shows: its certificate and those above it but the root.
func (p *Pair) Chain() []*x509.Certificate { return append([]*x509.Certificate{p.Cert}, p.Above...) }

// TLS is the chain with the key, for a client.
func (p *Pair) TLS() *tls.Certificate {
	c := &tls.Certificate{PrivateKey: p.Key, Leaf: p.Cert}
	for _, above := range p.Chain() {
		c.Certificate = append(c.Certificate, above.Raw)
	}
	return c
}

// PEM is certificates as a file holds them.
func PEM(certs ...*x509.Certificate) string {
	var out []byte
	for _, c := range certs {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return string(out)
}

// ListPEM is lists of revoked certificates as a file holds them.
func ListPEM(lists ...*x509.RevocationList) string {
	var out []byte
	for _, l := range lists {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: l.Raw})...)
	}
	return string(out)
}
