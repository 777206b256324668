package config

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"time"
)

// pemPair is a certificate or key whose other half may still come.
type pemPair struct{ cert, key half }

type half struct {
	pem []byte
	at  value
}

func (h *half) read(v value) {
	h.at = v
	if b, ok := v.certificatePEM(); ok {
		h.pem = b
	}
}

// certificateFiles is one entry of certificates.
type certificateFiles struct{ cert, key value }

var certificateTable = newTable("an entry of certificates", nil, []key[certificateFiles]{
	custom("cert", "path", func(c *certificateFiles, v value) { c.cert = v }, "The certificate, with its chain, in PEM."),
	custom("key", "path", func(c *certificateFiles, v value) { c.key = v }, "Its key in PEM.").secret(),
})

func (g *globals) readCertificates(v value) {
	items, _ := v.list()
	for _, item := range items {
		entries, ok := item.pairs()
		if !ok {
			continue
		}
		var f certificateFiles
		said := decode(v.l, certificateTable, &f, entries)
		if !said["cert"].given() || !said["key"].given() {
			item.fail("each entry is {cert: PATH, key: PATH}", "expected both cert and key")
			continue
		}
		var p pemPair
		if p.cert.readFile(f.cert, false) && p.key.readFile(f.key, true) {
			g.addCertificate(p)
		}
	}
}

func (h *half) readFile(v value, secret bool) bool {
	w, ok := v.content(secret)
	if ok {
		h.read(w)
	}
	return h.pem != nil
}

// addCertificate checks a pair and adds it to those that are served.
func (g *globals) addCertificate(p pemPair) {
	if c, ok := p.certificate(); ok {
		g.certificateAt = append(g.certificateAt, p.cert.at)
		g.Listen.Certificates = append(g.Listen.Certificates, c)
	}
}

// certificate is the pair if its halves belong together.
func (p pemPair) certificate() (Certificate, bool) {
	c := Certificate{Cert: p.cert.pem, Key: p.key.pem, CertFile: p.cert.at.path, KeyFile: p.key.at.path}
	pair, err := tls.X509KeyPair(c.Cert, c.Key)
	if err != nil {
		p.cert.at.fail(pairHint(c, err), "certificate and key cannot be used: %v", err)
		return c, false
	}
	if leaf := pair.Leaf; leaf != nil && p.cert.at.l.o.Now().After(leaf.NotAfter) {
		p.cert.at.warn("renew it; it is served all the same, and clients refuse it", "the certificate expired on %s", leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	return c, true
}

// complete returns the pair's certificate once all keys are read: nil without
// one, and a problem where one half is missing. A half whose file could not be
// read is not missing: that has been told.
func (p pemPair) complete(said given, cert, key string) *Certificate {
	switch {
	case !said[cert].given() && !said[key].given():
		return nil
	case !said[key].given():
		said[cert].fail("add "+key+", the private key that belongs to it", "given without %s", key)
		return nil
	case !said[cert].given():
		said[key].fail("add "+cert+", the certificate that belongs to it", "given without %s", cert)
		return nil
	case p.cert.pem == nil || p.key.pem == nil:
		return nil
	}
	c, ok := p.certificate()
	if !ok {
		return nil
	}
	return &c
}

// authorities is a bundle of certificates in PEM.
func (v value) authorities() ([]byte, bool) {
	b, ok := v.certificatePEM()
	if !ok {
		return nil, false
	}
	found := false
	for rest := b; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			v.fail("keep only the parts that begin with -----BEGIN CERTIFICATE-----", "expected certificates alone, got a block of type %q", block.Type)
			return nil, false
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			v.fail("export it from the authority again; openssl x509 -in FILE -text shows whether it is whole", "a certificate cannot be read: %v", err)
			return nil, false
		}
		found = true
	}
	if !found {
		v.fail("PEM begins with -----BEGIN CERTIFICATE-----; openssl x509 -inform der -in FILE makes it from DER", "expected certificates in PEM, found none")
	}
	return b, found
}

// pairHint is what to do about a pair that does not work: most often the two
// files were swapped, or one of them is of another certificate.
func pairHint(c Certificate, err error) string {
	switch {
	case holdsKey(c.Cert) && !holdsKey(c.Key):
		return "the two are swapped: the certificate and its chain belong first, the private key second"
	case bytes.Contains(c.Key, []byte("ENCRYPTED")):
		return "keys with a passphrase are not read: openssl pkey -in KEY -out NEW_KEY takes it off"
	case strings.Contains(err.Error(), "does not match"):
		return "they are of different certificates; in a chain, the certificate of the host itself comes first"
	}
	return "a certificate, followed by its chain, and its private key, both in PEM"
}

func holdsKey(text []byte) bool { return bytes.Contains(text, []byte("PRIVATE KEY-----")) }
