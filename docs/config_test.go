package docs_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sallyport/config"
)

// etc fills a directory with what the shown configurations find in
// /etc/sallyport.
func etc(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "example.com"}, DNSNames: []string{"*.example.com"},
		IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"tls.crt":              pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		"clients-ca.pem":       pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		"tls.key":              pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
		"okta-client-secret":   []byte("shown-nowhere-and-long-enough-0123456789\n"),
		"okta-service-account": []byte(base64.StdEncoding.EncodeToString([]byte(`{"api_key":"00abcdefghijklmnopqrstuvwxyz0123456789"}`))),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// A block marked "yaml complete" is a whole configuration.
func TestCompleteConfigurationsLoad(t *testing.T) {
	dir := etc(t)
	n := 0
	for _, p := range pages(t) {
		for _, f := range p.fences {
			if f.info != "yaml complete" {
				continue
			}
			n++
			file := filepath.Join(dir, "config.yaml")
			text := strings.ReplaceAll(f.text, "/etc/sallyport/", dir+"/")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			cfg, problems := config.Load(config.LoadOptions{File: file, Environ: []string{"HOME=" + dir}})
			for _, problem := range problems {
				t.Errorf("%s:%d: %v (%s)", p.path, f.line, problem, problem.Hint)
			}
			if cfg == nil {
				continue
			}
			for _, warning := range cfg.Warnings {
				t.Errorf("%s:%d: shown configurations give no warnings, got %v (%s)", p.path, f.line, warning, warning.Hint)
			}
		}
	}
	if n < 3 {
		t.Errorf("found %d complete configurations, expected at least 3", n)
	}
}
