package clientcert

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"sallyport/internal/certtest"
)

func verifier(t testing.TB, r Rules) *Verifier {
	t.Helper()
	v, err := New(r)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func trusting(t testing.TB, authorities ...*certtest.Pair) *Verifier {
	t.Helper()
	var r Rules
	for _, a := range authorities {
		r.Authorities = append(r.Authorities, a.Cert)
	}
	return verifier(t, r)
}

// verdict is "" for trust.
func verdict(v *Verifier, chain ...*x509.Certificate) string {
	if _, err := v.Verify(chain, time.Now()); err != nil {
		return err.Error()
	}
	return ""
}

func TestACertificateOfAnAuthorityIsTrusted(t *testing.T) {
	a, b := certtest.Authority(t, "A"), certtest.Authority(t, "B")
	v := trusting(t, a, b)
	for _, by := range []*certtest.Pair{a, b} {
		alice := by.Client("alice")
		until, err := v.Verify(alice.Chain(), time.Now())
		if err != nil || !until.Equal(alice.Cert.NotAfter) {
			t.Errorf("by %s: until %v, %v; want the end of the certificate, %v", by.Cert.Subject, until, err, alice.Cert.NotAfter)
		}
	}
	anyUse := a.Client("any", func(c *x509.Certificate) { c.ExtKeyUsage = nil })
	if got := verdict(v, anyUse.Cert); got != "" {
		t.Errorf("without extended key usage: %s", got)
	}
}

// What an attacker without the authority's key can put together is not trusted.
func TestForgedCertificatesAreNotTrusted(t *testing.T) {
	ca := certtest.Authority(t, "Company CA")
	namesake := certtest.Authority(t, "Company CA") // the same subject, another key
	alice := ca.Client("alice")
	v := trusting(t, ca)
	leafAsCA := alice.Client("mallory") // signed with a key that may not sign
	for _, tt := range []struct {
		what  string
		chain []*x509.Certificate
		want  string
	}{
		{"self-signed with the authority's name", []*x509.Certificate{namesake.Cert}, "no authority of downstream_mtls.ca signed it"},
		{"of another authority with the same subject", []*x509.Certificate{namesake.Client("alice").Cert, namesake.Cert}, "no authority of downstream_mtls.ca signed it"},
		{"with the true authority sent along", []*x509.Certificate{namesake.Client("alice").Cert, ca.Cert}, "no authority of downstream_mtls.ca signed it"},
		{"a leaf used as an authority", []*x509.Certificate{leafAsCA.Cert, alice.Cert}, "no authority"},
		{"a leaf used as an authority, root sent along", []*x509.Certificate{leafAsCA.Cert, alice.Cert, ca.Cert}, "no authority"},
		{"somebody else's good certificate behind it", []*x509.Certificate{namesake.Client("mallory").Cert, alice.Cert}, "no authority"},
		{"nothing", nil, "no certificate came"},
	} {
		if got := verdict(v, tt.chain...); !strings.Contains(got, tt.want) || got == "" {
			t.Errorf("%s: got %q, want %q", tt.what, got, tt.want)
		}
	}
}

func TestNameConstraintsOfAnAuthorityAreHeld(t *testing.T) {
	ca := certtest.Authority(t, "root")
	branch := ca.Intermediate("branch", func(c *x509.Certificate) {
		c.PermittedDNSDomains, c.PermittedDNSDomainsCritical = []string{"branch.example.com"}, true
		c.PermittedEmailAddresses = []string{"branch.example.com"}
	})
	v := trusting(t, ca)
	named := func(dns, mail string) *certtest.Pair {
		return branch.Client("x", func(c *x509.Certificate) {
			if dns != "" {
				c.DNSNames = []string{dns}
			}
			if mail != "" {
				c.EmailAddresses = []string{mail}
			}
		})
	}
	if got := verdict(v, named("a.branch.example.com", "a@branch.example.com").Chain()...); got != "" {
		t.Errorf("inside: %s", got)
	}
	for _, bad := range []*certtest.Pair{named("www.example.com", ""), named("", "ceo@example.com"), named("a.branch.example.com", "ceo@example.com")} {
		if got := verdict(v, bad.Chain()...); !strings.Contains(got, "cannot be verified") {
			t.Errorf("%v %v: got %q", bad.Cert.DNSNames, bad.Cert.EmailAddresses, got)
		}
	}
}

// TestEachRuleRestricts takes one certificate that each rule alone keeps out, and
// that passes without the rule.
func TestEachRuleRestricts(t *testing.T) {
	ca, other := certtest.Authority(t, "CA"), certtest.Authority(t, "other")
	alice := ca.Client("alice", func(c *x509.Certificate) { c.DNSNames = []string{"alice.example.com"} })
	deep := ca.Intermediate("intermediate").Client("deep")
	name, err := NewName("dns", `bob\.example\.com`)
	if err != nil {
		t.Fatal(err)
	}
	open := Rules{Authorities: []*x509.Certificate{ca.Cert}}
	for _, tt := range []struct {
		rule   string
		who    *certtest.Pair
		change func(*Rules)
		want   string
	}{
		{"Authorities", alice, func(r *Rules) { r.Authorities = []*x509.Certificate{other.Cert} }, "no authority of downstream_mtls.ca signed it"},
		{"Lists", alice, func(r *Rules) { r.Lists = []*x509.RevocationList{ca.Revoke(alice)} }, "revoked"},
		{"Names", alice, func(r *Rules) { r.Names = []Name{name} }, "none of its names"},
		{"MaxDepth", deep, func(r *Rules) { r.MaxDepth = 1 }, "2 certificates stand above it, and max_verify_depth allows 1"},
	} {
		if got := verdict(verifier(t, open), tt.who.Chain()...); got != "" {
			t.Errorf("%s: without the rule: %s", tt.rule, got)
		}
		r := open
		tt.change(&r)
		if got := verdict(verifier(t, r), tt.who.Chain()...); !strings.Contains(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.rule, got, tt.want)
		}
	}
}

func TestDepthCountsWhatStandsAboveTheLeaf(t *testing.T) {
	root := certtest.Authority(t, "root")
	one := root.Intermediate("one")
	two := one.Intermediate("two")
	for _, tt := range []struct {
		who      *certtest.Pair
		max      int
		anchored []*certtest.Pair
		ok       bool
	}{
		{root.Client("x"), 1, []*certtest.Pair{root}, true},
		{one.Client("x"), 1, []*certtest.Pair{root}, false},
		{one.Client("x"), 2, []*certtest.Pair{root}, true},
		{two.Client("x"), 2, []*certtest.Pair{root}, false},
		{two.Client("x"), 3, []*certtest.Pair{root}, true},
		{two.Client("x"), 0, []*certtest.Pair{root}, true},
		{two.Client("x"), 1, []*certtest.Pair{two}, true}, // an authority need not be a root
		{two.Client("x"), 1, []*certtest.Pair{root, two}, true},
	} {
		r := Rules{MaxDepth: tt.max}
		for _, a := range tt.anchored {
			r.Authorities = append(r.Authorities, a.Cert)
		}
		if got := verdict(verifier(t, r), tt.who.Chain()...); (got == "") != tt.ok {
			t.Errorf("below %s, at most %d: %q, want trust %v", tt.who.Cert.Issuer, tt.max, got, tt.ok)
		}
	}
	if got := verdict(trusting(t, root), one.Client("x").Cert); !strings.Contains(got, "no authority") {
		t.Errorf("without the intermediate: %q", got)
	}
}

func TestTimesAndUsesAreHeld(t *testing.T) {
	ca := certtest.Authority(t, "CA")
	old := func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }
	expired := ca.Intermediate("expired", old)
	v := trusting(t, ca)
	for _, tt := range []struct {
		who  *certtest.Pair
		want string
	}{
		{ca.Client("expired", old), "it expired on "},
		{ca.Client("future", func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }), "it is not valid before "},
		{expired.Client("x"), "a certificate above it expired on "},
		{ca.Client("server", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }), "it is not for client authentication"},
		{ca.Client("mail", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection} }), "it is not for client authentication"},
		{ca.Intermediate("servers", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }).Client("x"), "it is not for client authentication"},
		{ca.Client("odd", func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}
		}), "cannot be verified"},
	} {
		if got := verdict(v, tt.who.Chain()...); !strings.Contains(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.who.Cert.Subject, got, tt.want)
		}
	}
}

func TestNamesMustMatchAsAWholeAndOneIsEnough(t *testing.T) {
	ca := certtest.Authority(t, "CA")
	alice := ca.Client("cn.example.com", func(c *x509.Certificate) {
		c.DNSNames = []string{"x.example.com", "alice.example.com"}
		c.EmailAddresses = []string{"alice@example.com"}
		c.IPAddresses = []net.IP{net.ParseIP("192.0.2.7")}
		c.URIs = []*url.URL{{Scheme: "spiffe", Host: "example.com", Path: "/alice"}}
	})
	principal := ca.Client("upn", func(c *x509.Certificate) {
		c.ExtraExtensions = []pkix.Extension{principalNames(t, "alice@corp.example", "a2@corp.example")}
	})
	none := ca.Client("alice.example.com")
	for _, tt := range []struct {
		who           *certtest.Pair
		kind, pattern string
		ok            bool
	}{
		{alice, "dns", `alice\.example\.com`, true},
		{alice, "dns", `alice`, false},
		{alice, "dns", `.*\.com|y`, true},
		{alice, "dns", `xalice.example.com|alice`, false},
		{alice, "dns", `cn\.example\.com`, false},
		{none, "dns", `.*`, false},
		{alice, "email", `[a-z]+@example\.com`, true},
		{alice, "email", `@example\.com`, false},
		{alice, "ip_address", `192\.0\.2\.\d+`, true},
		{alice, "ip_address", `192\.0\.2`, false},
		{alice, "uri", `spiffe://example\.com/.*`, true},
		{alice, "uri", `https://.*`, false},
		{alice, "user_principal_name", `.*`, false},
		{principal, "user_principal_name", `a2@corp\.example`, true},
		{principal, "user_principal_name", `a2@corp`, false},
		{principal, "email", `.*`, false},
	} {
		name, err := NewName(tt.kind, tt.pattern)
		if err != nil {
			t.Fatal(err)
		}
		v := verifier(t, Rules{Authorities: []*x509.Certificate{ca.Cert}, Names: []Name{name}})
		if got := verdict(v, tt.who.Cert); (got == "") != tt.ok {
			t.Errorf("%s of %s: %q: got %q, want trust %v", tt.kind, tt.who.Cert.Subject, tt.pattern, got, tt.ok)
		}
	}
	both := verifier(t, Rules{Authorities: []*x509.Certificate{ca.Cert}, Names: []Name{must(NewName("dns", "no")), must(NewName("email", "alice@example.com"))}})
	if got := verdict(both, alice.Cert); got != "" {
		t.Errorf("one of two: %s", got)
	}
	if got := verdict(verifier(t, Rules{Authorities: []*x509.Certificate{ca.Cert}, Names: []Name{}}), alice.Cert); got == "" {
		t.Error("an empty list of names lets everybody in")
	}
	if _, err := NewName("cn", "x"); err == nil {
		t.Error("an unknown kind is taken")
	}
	if _, err := NewName("dns", "("); err == nil {
		t.Error("a bad pattern is taken")
	}
}

func must(n Name, err error) Name {
	if err != nil {
		panic(err)
	}
	return n
}

// principalNames is a subjectAltName of other names and one more that is none of
// ours.
func principalNames(t testing.TB, names ...string) pkix.Extension {
	t.Helper()
	type other struct {
		ID    asn1.ObjectIdentifier
		Value asn1.RawValue
	}
	var all []asn1.RawValue
	add := func(id asn1.ObjectIdentifier, s string) {
		text, err := asn1.MarshalWithParams(s, "utf8")
		if err != nil {
			t.Fatal(err)
		}
		der, err := asn1.MarshalWithParams(other{id, asn1.RawValue{Class: asn1.ClassContextSpecific, IsCompound: true, Bytes: text}}, "tag:0")
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, asn1.RawValue{FullBytes: der})
	}
	add(asn1.ObjectIdentifier{1, 2, 3}, "no@corp.example")
	for _, s := range names {
		add(oidPrincipal, s)
	}
	der, err := asn1.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return pkix.Extension{Id: oidSubjectAltName, Value: der}
}
