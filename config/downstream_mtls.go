package config

import (
	"bytes"
	"crypto/x509"
	"strings"
	"time"

	"sallyport/internal/clientcert"
	"sallyport/internal/nearest"
	"sallyport/policy"
)

// What becomes of clients without a trusted certificate.
const (
	// DefaultDeny denies them on every route; pages of the proxy itself answer.
	DefaultDeny = "policy_with_default_deny"
	// ByPolicy leaves it to the criteria client_certificate and
	// invalid_client_certificate.
	ByPolicy = "policy"
	// RejectConnection ends the handshake, and denies them as DefaultDeny does on
	// connections that stood when the certificate lost its trust.
	RejectConnection = "reject_connection"
)

// ClientCertificates is downstream_mtls.
type ClientCertificates struct {
	// Rules say which certificates are trusted. Without authorities none is asked
	// for.
	Rules       clientcert.Rules
	Enforcement string // DefaultDeny, ByPolicy or RejectConnection
	Position    Position
}

// Asked reports whether clients are asked for a certificate.
func (c *ClientCertificates) Asked() bool { return len(c.Rules.Authorities) > 0 }

var downstreamMTLSKeys = []key[globals]{
	custom("downstream_mtls", "mapping", func(g *globals, v value) {
		if entries, ok := v.pairs(); ok {
			g.ClientCertificates.Position = v.position()
			g.mtls = decode(v.l, downstreamMTLSTable, &g.ClientCertificates, entries)
		}
	}, "Which certificates clients show when they connect, and what becomes of those who show none that is trusted.").
		unset("no client is asked for a certificate").sub(downstreamMTLSTable.list()),
}

var downstreamMTLSTable = newTable("downstream_mtls", nil, []key[ClientCertificates]{
	custom("ca", caKind.name, func(c *ClientCertificates, v value) { c.Rules.Authorities = v.clientAuthorities() },
		"The authorities whose certificates are trusted, one or more.").file(),
	custom("crl", "base64 of PEM or DER", func(c *ClientCertificates, v value) { c.Rules.Lists = v.revocations() },
		"Lists of revoked certificates, one or more in PEM, or one in DER. The newest of each authority counts; those that an authority without a list issued count as not revoked. One that has expired refuses all that it is about.").file(),
	works("enforcement", enum(DefaultDeny, ByPolicy, RejectConnection), func(c *ClientCertificates) *string { return &c.Enforcement },
		"What becomes of clients without a trusted certificate: policy_with_default_deny answers 495 on every route, and serves `/ping`, `/healthz`, `/.pomerium/` and the authenticate host; "+
			"policy denies only where a policy says so; reject_connection ends the handshake.").def(DefaultDeny),
	custom("match_subject_alt_names", "list of {KIND: pattern}", (*ClientCertificates).readNames,
		"What a certificate must be called: one of its subject alternative names must match one of the patterns as a whole. Kinds: "+strings.Join(clientcert.Kinds, ", ")+".").unset("any name does"),
	works("max_verify_depth", countKind, func(c *ClientCertificates) *int { return &c.Rules.MaxDepth },
		"How many certificates may stand above the client's own, the authority included. 0 is any number.").def("1"),
})

// clientAuthorities reads the bundle, and says of what in it can hardly be meant.
func (v value) clientAuthorities() []*x509.Certificate {
	text, ok := v.authorities()
	if !ok {
		return nil
	}
	all, err := clientcert.Bundle(text)
	if err != nil {
		v.fail("give the certificates of the authorities that sign for clients, in PEM", "%v", err)
		return nil
	}
	for _, c := range all {
		switch {
		case v.l.o.Now().After(c.NotAfter):
			v.warn("give its successor", "the authority %q expired on %s: nothing that it signed is trusted", c.Subject, c.NotAfter.UTC().Format(time.RFC3339))
		case !c.IsCA:
			v.warn("give the certificate of the authority that signs for clients", "%q is no authority: of it, only the certificate itself is trusted", c.Subject)
		}
	}
	return all
}

// revocations reads lists. A file is taken as it is: one in DER may well end in
// what elsewhere is a newline.
func (v value) revocations() []*x509.RevocationList {
	text := []byte(v.n.Value)
	if v.path != "" {
		var err error
		if text, err = v.l.read(v.path); err != nil {
			v.unreadable(v.path, false, err)
			return nil
		}
	} else if !bytes.Contains(text, []byte("-----BEGIN ")) {
		var err error
		if text, err = decode64(v.n.Value); err != nil {
			v.fail("to name a file write crl_file", "expected base64 of lists of revoked certificates")
			return nil
		}
	}
	lists, err := clientcert.Lists(text)
	if err != nil {
		v.fail("give the lists as the authority publishes them, in PEM or DER", "expected lists of revoked certificates: %v", err)
	}
	return lists
}

func (c *ClientCertificates) readNames(v value) {
	items, _ := v.list()
	for _, item := range items {
		entries, ok := item.pairs()
		if !ok {
			continue
		}
		if len(entries) != 1 {
			item.fail("each entry is one {KIND: pattern}", "expected one kind of name, got %d", len(entries))
			continue
		}
		c.readName(entries[0])
	}
}

func (c *ClientCertificates) readName(e pair) {
	pattern, ok := e.value.word()
	if !ok {
		return
	}
	kind := e.key.n.Value
	name, err := clientcert.NewName(kind, pattern)
	if err != nil {
		hint := ""
		if near := nearest.To(kind, clientcert.Kinds); near != "" && near != kind {
			hint = "did you mean \"" + near + "\"?"
		}
		e.key.fail(hint, "%v", err)
		return
	}
	c.Rules.Names = append(c.Rules.Names, name)
}

// checkClientCertificates looks at what the keys make together.
func (l *loader) checkClientCertificates(g *globals, said given) {
	c := &g.ClientCertificates
	whole := said["downstream_mtls"]
	if !g.mtls["ca"].given() {
		for _, k := range downstreamMTLSTable.keys {
			if v := g.mtls[k.Name]; v.given() {
				v.fail("give the authority of the clients as downstream_mtls.ca_file", "given without ca: no certificate would be asked for")
			}
		}
		return
	}
	if g.Listen.Insecure {
		whole.fail("end TLS here, or have the proxy in front ask for certificates", "has no effect beside insecure_server, which leaves TLS to a proxy in front")
	}
	if !c.Asked() {
		return
	}
	l.checkRevocations(c, g.mtls["crl"])
}

// checkRevocations holds the lists against authorities and clock.
func (l *loader) checkRevocations(c *ClientCertificates, v value) {
	if err := clientcert.CheckLists(c.Rules.Lists, c.Rules.Authorities); err != nil {
		v.fail("fetch the list again, from the authority itself", "%v", err)
		return
	}
	for _, list := range c.Rules.Lists {
		if _, known := clientcert.Signer(list, c.Rules.Authorities); !known {
			v.warn("give its authority in ca, or be sure that clients send it along", "the list of %q is of no authority in ca: it counts for clients that show one of that name", list.Issuer)
		}
		if clientcert.Expired(list, l.o.Now()) {
			v.warn("fetch a newer one, before each expires", "the list of %q expired on %s: every certificate of that authority is refused", list.Issuer, list.NextUpdate.UTC().Format(time.RFC3339))
		}
	}
}

// checkCertificates makes the route ask for a certificate where all do, and warns
// where it speaks of one that nobody asks for.
func (d *draft) checkCertificates(c *ClientCertificates) {
	if c.Asked() {
		if c.Enforcement != ByPolicy {
			d.Policy = policy.Join(policy.RequireCertificate(c.Position), d.Policy)
		}
		return
	}
	const hint = "give the authority of the clients as downstream_mtls.ca_file"
	for _, at := range d.Policy.Uses("client_certificate") {
		d.at.l.warn(at, hint, "client_certificate never holds: without downstream_mtls no certificate is asked for")
	}
	for _, at := range d.Policy.Uses("invalid_client_certificate") {
		d.at.l.warn(at, hint, "invalid_client_certificate always holds: without downstream_mtls no certificate is asked for")
	}
	for _, v := range d.certificateHeaders {
		v.warn(hint, "without downstream_mtls no certificate is asked for: the reference stands for nothing")
	}
}
