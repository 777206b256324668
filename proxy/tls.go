package proxy

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"sallyport/config"
)

// Certificates chooses the certificate of a connection by the name that the
// client asked for: the one of that very name, else one with a wildcard for it,
// else a self-signed one made on the spot. Set replaces all of them at once;
// connections that stand keep theirs. Safe for concurrent use.
type Certificates struct {
	now   func() time.Time
	table atomic.Pointer[certTable]

	mu       sync.Mutex
	fallback *tls.Certificate
}

// certTable is one immutable set of certificates.
type certTable struct {
	exact    map[string]*tls.Certificate
	wildcard map[string]*tls.Certificate // "*.example.com" under "example.com"
	first    *tls.Certificate            // for clients that name nothing
}

// fallbackLife is how long a self-signed certificate is good for.
const fallbackLife = 90 * 24 * time.Hour

// NewCertificates has none but the self-signed one.
func NewCertificates(now func() time.Time) *Certificates {
	if now == nil {
		now = time.Now
	}
	c := &Certificates{now: now}
	c.table.Store(&certTable{})
	return c
}

// Set takes the pairs in force from now on; where two cover a name, the first
// does. One that cannot be used is an error, and the old ones stay.
func (c *Certificates) Set(certs []config.Certificate) error {
	t := &certTable{exact: map[string]*tls.Certificate{}, wildcard: map[string]*tls.Certificate{}}
	for i, pem := range certs {
		pair, err := tls.X509KeyPair(pem.Cert, pem.Key)
		if err != nil {
			where := pem.CertFile
			if where == "" {
				where = fmt.Sprintf("number %d", i+1)
			}
			return fmt.Errorf("certificate %s: %w", where, err)
		}
		t.add(&pair)
	}
	c.table.Store(t)
	return nil
}

// add indexes a certificate by the names it covers.
func (t *certTable) add(pair *tls.Certificate) {
	if t.first == nil {
		t.first = pair
	}
	names := pair.Leaf.DNSNames
	if len(names) == 0 && len(pair.Leaf.IPAddresses) == 0 {
		names = []string{pair.Leaf.Subject.CommonName}
	}
	for _, ip := range pair.Leaf.IPAddresses {
		names = append(names[:len(names):len(names)], ip.String())
	}
	for _, name := range names {
		m := t.exact
		name = strings.ToLower(strings.TrimSuffix(name, "."))
		if rest, ok := strings.CutPrefix(name, "*."); ok {
			m, name = t.wildcard, rest
		}
		if m[name] == nil {
			m[name] = pair
		}
	}
}

// find returns the configured certificate that covers name, nil for none.
func (t *certTable) find(name string) *tls.Certificate {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if pair := t.exact[name]; pair != nil {
		return pair
	}
	_, parent, _ := strings.Cut(name, ".")
	return t.wildcard[parent]
}

// Same reports whether one configured certificate covers both names, so that a
// browser may rightly use a connection to one for the other.
func (c *Certificates) Same(a, b string) bool {
	t := c.table.Load()
	pair := t.find(a)
	return pair != nil && pair.Leaf.VerifyHostname(b) == nil
}

// Covers reports whether a configured certificate covers name.
func (c *Certificates) Covers(name string) bool { return c.table.Load().find(name) != nil }

// get is tls.Config.GetCertificate.
func (c *Certificates) get(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	t := c.table.Load()
	if hello.ServerName == "" && t.first != nil {
		return t.first, nil
	}
	if pair := t.find(hello.ServerName); pair != nil {
		return pair, nil
	}
	return c.selfSigned()
}

// selfSigned makes the fallback, once per life. It names no host, so that no
// client mistakes it for a real one.
func (c *Certificates) selfSigned() (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if c.fallback != nil && now.Before(c.fallback.Leaf.NotAfter) {
		return c.fallback, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	leaf := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "Sallyport, no certificate configured"},
		DNSNames:  []string{"sallyport.invalid"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(fallbackLife),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, leaf, key.Public(), key)
	if err != nil {
		return nil, err
	}
	if leaf, err = x509.ParseCertificate(der); err != nil {
		return nil, err
	}
	c.fallback = &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
	return c.fallback, nil
}

// TLSConfig is for the public listener: TLS 1.2 and 1.3, forward secrecy and
// AEAD only, HTTP/2 and HTTP/1.1.
func (c *Certificates) TLSConfig() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: c.get,
		NextProtos:     []string{"h2", "http/1.1"},
		CipherSuites: []uint16{
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		},
	}
}
