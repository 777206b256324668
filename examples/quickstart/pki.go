package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"time"
)

// pki is one certificate, signed by itself, for every *.localhost name of the
// quickstart. Browsers warn about it, rightly: nobody they know vouches for it.
type pki struct {
	certFile, keyFile string
	pair              tls.Certificate
	roots             *x509.CertPool
}

var localNames = []string{
	"verify.localhost", "admin.localhost", "authenticate.localhost", "okta.localhost", "localhost",
}

// newPKI makes the certificate, or takes the one that dir holds from before.
func newPKI(dir string) (*pki, error) {
	p := &pki{certFile: filepath.Join(dir, "localhost.pem"), keyFile: filepath.Join(dir, "localhost-key.pem")}
	if _, err := os.Stat(p.certFile); errors.Is(err, os.ErrNotExist) {
		if err := p.make(); err != nil {
			return nil, err
		}
	}
	var err error
	if p.pair, err = tls.LoadX509KeyPair(p.certFile, p.keyFile); err != nil {
		return nil, err
	}
	p.roots = x509.NewCertPool()
	p.roots.AddCert(p.pair.Leaf)
	return p, nil
}

func (p *pki) make() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "Sallyport quickstart on this machine"},
		DNSNames:     localNames,
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().AddDate(0, 3, 0),
		KeyUsage:     x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IsCA:         true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := writePEM(p.keyFile, "PRIVATE KEY", keyDER); err != nil {
		return err
	}
	return writePEM(p.certFile, "CERTIFICATE", der)
}

func writePEM(path, kind string, der []byte) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}
