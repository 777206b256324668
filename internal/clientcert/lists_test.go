package clientcert

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"strings"
	"testing"
	"time"

	"sallyport/internal/certtest"
)

func listed(t testing.TB, ca *certtest.Pair, lists ...*x509.RevocationList) *Verifier {
	t.Helper()
	return verifier(t, Rules{Authorities: []*x509.Certificate{ca.Cert}, Lists: lists})
}

func TestRevokedCertificatesAreNotTrusted(t *testing.T) {
	ca, other := certtest.Authority(t, "CA"), certtest.Authority(t, "other")
	alice, bob := ca.Client("alice"), ca.Client("bob")
	v := verifier(t, Rules{Authorities: []*x509.Certificate{ca.Cert, other.Cert}, Lists: []*x509.RevocationList{ca.Revoke(alice)}})
	if got := verdict(v, alice.Cert); !strings.Contains(got, "revoked") {
		t.Errorf("alice: %q", got)
	}
	for _, who := range []*certtest.Pair{bob, other.Client("of an authority without a list")} {
		if got := verdict(v, who.Cert); got != "" {
			t.Errorf("%s: %s", who.Cert.Subject, got)
		}
	}
}

// A revoked authority takes all that it signed with it, though the list is not
// that of the leaf's own issuer.
func TestWhatARevokedAuthoritySignedIsNotTrusted(t *testing.T) {
	root := certtest.Authority(t, "root")
	good, bad := root.Intermediate("good"), root.Intermediate("bad")
	v := listed(t, root, root.Revoke(bad))
	if got := verdict(v, good.Client("x").Chain()...); got != "" {
		t.Errorf("below the good one: %s", got)
	}
	if got := verdict(v, bad.Client("x").Chain()...); !strings.Contains(got, "revoked") {
		t.Errorf("below the revoked one: %q", got)
	}
}

func TestTheListOfAnIntermediateCounts(t *testing.T) {
	root := certtest.Authority(t, "root")
	branch := root.Intermediate("branch")
	alice := branch.Client("alice")
	if got := verdict(listed(t, root, branch.Revoke(alice)), alice.Chain()...); !strings.Contains(got, "revoked") {
		t.Errorf("got %q", got)
	}
	// The list of somebody of the same name, whom the root did not make.
	forger := certtest.Authority(t, "branch")
	if got := verdict(listed(t, root, forger.Revoke()), alice.Chain()...); !strings.Contains(got, "not signed by its issuer") {
		t.Errorf("a forged list: got %q", got)
	}
}

func TestAForgedListIsRefused(t *testing.T) {
	ca, namesake := certtest.Authority(t, "CA"), certtest.Authority(t, "CA")
	_, err := New(Rules{Authorities: []*x509.Certificate{ca.Cert}, Lists: []*x509.RevocationList{namesake.Revoke()}})
	if err == nil || !strings.Contains(err.Error(), `the list of "CN=CA" was not signed by the authority of that name`) {
		t.Errorf("got %v", err)
	}
	mute := certtest.Authority(t, "mute", func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCertSign })
	template := *mute
	withUse := *mute.Cert
	withUse.KeyUsage |= x509.KeyUsageCRLSign
	template.Cert = &withUse
	if _, err := New(Rules{Authorities: []*x509.Certificate{mute.Cert}, Lists: []*x509.RevocationList{template.Revoke()}}); err == nil {
		t.Error("the list of an authority that may sign none is taken")
	}
}

// Two authorities of one name, as after a change of keys: each list is its own
// authority's.
func TestListsOfNamesakesAreKeptApart(t *testing.T) {
	before, after := certtest.Authority(t, "CA"), certtest.Authority(t, "CA")
	alice, bob := before.Client("alice"), after.Client("bob")
	both := []*x509.Certificate{before.Cert, after.Cert}
	v := verifier(t, Rules{Authorities: both, Lists: []*x509.RevocationList{before.Revoke(alice), after.Revoke()}})
	if got := verdict(v, alice.Cert); !strings.Contains(got, "revoked") {
		t.Errorf("alice: %q", got)
	}
	if got := verdict(v, bob.Cert); got != "" {
		t.Errorf("bob: %q", got)
	}
	half := verifier(t, Rules{Authorities: both, Lists: []*x509.RevocationList{before.Revoke()}})
	if got := verdict(half, bob.Cert); !strings.Contains(got, "not signed by its issuer") {
		t.Errorf("where only the other one's list is there: %q", got)
	}
}

func TestAnExpiredListRefusesAllThatItIsAbout(t *testing.T) {
	ca, other := certtest.Authority(t, "CA"), certtest.Authority(t, "other")
	now := time.Now()
	old := ca.List(x509.RevocationList{ThisUpdate: now.Add(-2 * time.Hour), NextUpdate: now.Add(-time.Minute)})
	both := []*x509.Certificate{ca.Cert, other.Cert}
	v := verifier(t, Rules{Authorities: both, Lists: []*x509.RevocationList{old}})
	if got := verdict(v, ca.Client("alice").Cert); !strings.Contains(got, "expired on") {
		t.Errorf("got %q", got)
	}
	if got := verdict(v, other.Client("bob").Cert); got != "" {
		t.Errorf("of an authority without a list: %s", got)
	}
	if got := verdict(listed(t, ca, old, ca.Revoke()), ca.Client("alice").Cert); got != "" {
		t.Errorf("with a newer one beside it: %s", got)
	}
	fresh := ca.Revoke()
	until, err := listed(t, ca, fresh).Verify([]*x509.Certificate{ca.Client("alice", func(c *x509.Certificate) { c.NotAfter = now.Add(24 * time.Hour) }).Cert}, now)
	if err != nil || !until.Equal(ca.Cert.NotAfter) && !until.Equal(fresh.NextUpdate) || until.After(fresh.NextUpdate) {
		t.Errorf("until %v, %v; want no later than the end of the list, %v", until, err, fresh.NextUpdate)
	}
}

// Of two versions of a list the newer one counts, in whatever order; parts of a
// list count side by side.
func TestTheNewestListCounts(t *testing.T) {
	ca := certtest.Authority(t, "CA")
	alice := ca.Client("alice")
	now := time.Now()
	before := ca.List(x509.RevocationList{ThisUpdate: now.Add(-2 * time.Hour), NextUpdate: now.Add(time.Hour)}, alice)
	after := ca.List(x509.RevocationList{ThisUpdate: now.Add(-time.Hour), NextUpdate: now.Add(time.Hour), Number: big.NewInt(2)})
	for _, order := range [][]*x509.RevocationList{{before, after}, {after, before}} {
		if got := verdict(listed(t, ca, order...), alice.Cert); got != "" {
			t.Errorf("taken back: %q", got)
		}
	}
	part := func(n byte, revoked ...*certtest.Pair) *x509.RevocationList {
		return ca.List(x509.RevocationList{ThisUpdate: now.Add(-time.Duration(n) * time.Hour), NextUpdate: now.Add(time.Hour), ExtraExtensions: []pkix.Extension{
			{Id: oidDistributionPoint, Critical: true, Value: []byte{0x30, 0x03, 0x83, 0x01, n}}, // onlySomeReasons
		}}, revoked...)
	}
	for _, order := range [][]*x509.RevocationList{{part(1, alice), part(2)}, {part(2), part(1, alice)}, {part(2, alice), part(1)}} {
		if got := verdict(listed(t, ca, order...), alice.Cert); !strings.Contains(got, "revoked") {
			t.Errorf("in one of two parts: %q", got)
		}
	}
}

func TestListsThatDoNotSayAllAreRefused(t *testing.T) {
	ca := certtest.Authority(t, "CA")
	with := func(e pkix.Extension) string {
		return certtest.ListPEM(ca.List(x509.RevocationList{ThisUpdate: time.Now(), NextUpdate: time.Now().Add(time.Hour), ExtraExtensions: []pkix.Extension{e}}))
	}
	for _, tt := range []struct{ what, text, want string }{
		{"delta", with(pkix.Extension{Id: oidDelta, Critical: true, Value: []byte{2, 1, 1}}), "delta list"},
		{"indirect", with(pkix.Extension{Id: oidDistributionPoint, Critical: true, Value: []byte{0x30, 3, 0x84, 1, 0xff}}), "indirect list"},
		{"attribute certificates", with(pkix.Extension{Id: oidDistributionPoint, Critical: true, Value: []byte{0x30, 3, 0x85, 1, 0xff}}), "indirect list"},
		{"malformed", with(pkix.Extension{Id: oidDistributionPoint, Critical: true, Value: []byte{0x30, 9}}), "indirect list"},
		{"unknown and critical", with(pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}}), "critical extension that is not understood: 1.2.3"},
		{"no list", certtest.PEM(ca.Cert), "no block of type X509 CRL"},
		{"garbage", "garbage", "list number 1"},
		{"garbage in PEM", "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n", "list number 1"},
		{"nothing", "", "list number 1"},
	} {
		if lists, err := Lists([]byte(tt.text)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %d lists, %v; want %q", tt.what, len(lists), err, tt.want)
		}
	}
	good := []string{
		with(pkix.Extension{Id: oidDistributionPoint, Critical: true, Value: []byte{0x30, 3, 0x81, 1, 0xff}}), // onlyContainsUserCerts
		with(pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3}, Value: []byte{5, 0}}),
		string(ca.Revoke().Raw), // DER
		certtest.ListPEM(ca.Revoke(), ca.Revoke()),
	}
	for i, text := range good {
		if lists, err := Lists([]byte(text)); err != nil || len(lists) == 0 {
			t.Errorf("good list number %d: %v", i+1, err)
		}
	}
}

// FuzzLists: whatever stands in a file, it is lists or an error.
func FuzzLists(f *testing.F) {
	ca := certtest.Authority(f, "CA")
	f.Add([]byte(certtest.ListPEM(ca.Revoke(ca.Client("x")))))
	f.Add(ca.Revoke(ca.Client("x")).Raw)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, text []byte) {
		lists, err := Lists(text)
		if (err == nil) != (len(lists) > 0) {
			t.Errorf("%d lists, %v", len(lists), err)
		}
		index(lists)
	})
}
