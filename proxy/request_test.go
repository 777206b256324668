package proxy

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/netip"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/config"
	"sallyport/identity"
	"sallyport/internal/certtest"
	"sallyport/internal/clientcert"
	"sallyport/internal/template"
)

// T13: what an untrusted client says about its way changes nothing.
func TestForwardingHeadersCountFromTrustedProxiesAlone(t *testing.T) {
	forged := "X-Forwarded-For: 203.0.113.9\nX-Forwarded-Host: evil.test\nX-Forwarded-Proto: http\nX-Forwarded-Port: 1\nX-Forwarded-Prefix: /p\n" +
		"X-Forwarded-Uri: /admin\nX-Forwarded-Method: POST\nX-Forwarded-Server: s\nForwarded: for=203.0.113.9;host=evil.test\nX-Real-IP: 203.0.113.9\n" +
		"X-Original-URL: /admin\nX-Rewrite-URL: /admin\nCF-Connecting-IP: 203.0.113.9\nTrue-Client-IP: 203.0.113.9\nX-Envoy-Original-Path: /admin\n" +
		"Proxy: http://evil.test\nHTTP2-Settings: AAAA\nX-Original-Host: evil.test\nX-Client-IP: 203.0.113.9\n"
	for _, tt := range []struct {
		name    string
		trusted []netip.Prefix
		hops    int
		skip    bool
		ip, xff string
		real    string
	}{
		{"nobody", nil, 0, false, "127.0.0.1", "127.0.0.1", ""},
		{"somebody else", prefixes("10.0.0.0/8"), 0, false, "127.0.0.1", "127.0.0.1", ""},
		{"nobody, not appended", nil, 0, true, "127.0.0.1", "", ""},
		{"this one", prefixes("127.0.0.0/8"), 0, false, "203.0.113.9", "203.0.113.9, 127.0.0.1", "203.0.113.9"},
		{"by count", nil, 1, false, "203.0.113.9", "203.0.113.9, 127.0.0.1", "203.0.113.9"},
		{"this one, not appended", prefixes("127.0.0.1/32"), 0, true, "203.0.113.9", "203.0.113.9", "203.0.113.9"},
	} {
		w := newWorld(t, func(s *setup) {
			s.o.Hygiene.TrustedProxies, s.o.Hygiene.XFFTrustedHops, s.o.Hygiene.SkipXFFAppend = tt.trusted, tt.hops, tt.skip
		})
		if status, _ := w.raw("GET / HTTP/1.1\nHost: app.test\n" + forged + "\n"); status != 200 {
			t.Fatalf("%s: status %d", tt.name, status)
		}
		got := w.up.Last().Header
		want := http.Header{"X-Forwarded-Host": {"app.test"}, "X-Forwarded-Port": {"443"}, "X-Forwarded-Proto": {"https"}, "Via": {"1.1 sallyport"}}
		if tt.xff != "" {
			want["X-Forwarded-For"] = []string{tt.xff}
		}
		if tt.real != "" {
			for _, name := range []string{"X-Real-Ip", "Cf-Connecting-Ip", "True-Client-Ip", "X-Client-Ip"} {
				want[name] = []string{tt.real}
			}
			want["X-Envoy-Original-Path"] = []string{"/admin"}
			want["X-Forwarded-Prefix"] = []string{"/p"}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: headers (-want +got):\n%s", tt.name, diff)
		}
		if d := w.people.lastDecided(t); d.IP.String() != tt.ip || d.Host != "app.test" || d.Path != "/" || d.Method != "GET" {
			t.Errorf("%s: decided on %+v", tt.name, d)
		}
	}
}

func prefixes(list ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, s := range list {
		all = append(all, netip.MustParsePrefix(s))
	}
	return all
}

func TestKubernetesIsSpokenToInThePersonsName(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.routes[0].KubernetesToken = "service-token" })
	w.people.persons["00ualice"] = identity.NewPerson(identity.Person{ID: "00ualice", Email: "alice@corp.test", Groups: []identity.Group{{ID: "g1", Name: "dev"}}})
	forged := "Authorization: Bearer stolen\nImpersonate-User: admin\nImpersonate-Group: system:masters\nImpersonate-Uid: 0\nImpersonate-Extra-Scopes: all\n"
	w.raw("GET / HTTP/1.1\nHost: app.test\nCookie: __Host-sp=alice\n" + forged + "\n")
	got := w.up.Last().Header
	if got.Get("Authorization") != "Bearer service-token" || got.Get("Impersonate-User") != "alice@corp.test" ||
		strings.Join(got["Impersonate-Group"], "|") != "g1|dev" || got["Impersonate-Uid"] != nil || got["Impersonate-Extra-Scopes"] != nil {
		t.Errorf("as alice: %v", got)
	}
	w.raw("GET / HTTP/1.1\nHost: app.test\n" + forged + "\n")
	for name := range w.up.Last().Header {
		if name == "Authorization" || strings.HasPrefix(name, "Impersonate") {
			t.Errorf("as nobody: %s is sent", name)
		}
	}
}

func TestSetRequestHeadersExpandTemplatesOnce(t *testing.T) {
	w := newWorld(t, func(s *setup) {
		s.routes[0].SetRequestHeaders = []config.Header{
			{Name: "X-Jwt", Value: "${pomerium.jwt}"},
			{Name: "Authorization", Value: "Bearer ${pomerium.access_token}"},
			{Name: "X-Id", Value: "${pomerium.id_token}"},
			{Name: "X-Copy", Value: `[${pomerium.request.headers["X-In"]}]`},
			{Name: "X-Gone", Value: `[${pomerium.request.headers["X-Forwarded-User"]}${pomerium.request.headers["Cookie"]}]`},
			{Name: "X-Cert", Value: "${pomerium.client_cert_fingerprint}"},
			{Name: "X-Dollar", Value: "$$5"},
			{Name: "X-Both", Value: `${pomerium.request.headers["X-Many"]}`},
		}
		s.routes[0].RemoveRequestHeaders = []string{"x-in", "Via", "X-Forwarded-Host", "authorization"}
	})
	w.raw("GET / HTTP/1.1\nHost: app.test\nCookie: __Host-sp=alice; a=1\nX-In: ${pomerium.access_token}\nX-Forwarded-User: forged\nAuthorization: Basic x\nX-Many: a\nX-Many: b\n\n")
	got := w.up.Last().Header
	for name, want := range map[string]string{
		"Authorization": "Bearer access-of-alice", "X-Id": "id-of-alice", "X-Copy": "[${pomerium.access_token}]", "X-Gone": "[a=1]",
		"X-Cert": "", "X-Dollar": "$5", "X-Both": "a, b", "X-In": "", "Via": "", "X-Forwarded-Host": "",
	} {
		if got.Get(name) != want {
			t.Errorf("%s = %q, want %q", name, got.Get(name), want)
		}
	}
	if payload(t, got.Get("X-Jwt"))["sub"] != "00ualice" {
		t.Errorf("X-Jwt = %q", got.Get("X-Jwt"))
	}
}

// T10: what a route sets or removes is not to be had by a look-alike or as a
// trailer, whatever is allowed of underscores.
func TestNamesThatARouteSetsAreItsOwn(t *testing.T) {
	w := newWorld(t, func(s *setup) {
		s.o.Hygiene.Underscores = "allow"
		s.routes[0].SetRequestHeaders = []config.Header{{Name: "X-Team", Value: "ours"}}
		s.routes[0].RemoveRequestHeaders = []string{"X-Debug"}
	})
	w.raw("POST / HTTP/1.1\nHost: app.test\nTransfer-Encoding: chunked\nTrailer: X-Team, X-Debug, X-Sum\n" +
		"X-Team: FORGED\nX_Team: FORGED\nx-debug: FORGED\nX_DEBUG: FORGED\nX_Other: fine\n\n1\na\n0\nX-Team: FORGED\nX-Debug: FORGED\nX-Sum: fine\n\n")
	if raw := w.up.Raw(); strings.Contains(raw, "FORGED") || !strings.Contains(raw, "X-Team: ours") {
		t.Errorf("the upstream read %q", raw)
	}
	got := w.up.Last()
	if got.Header["X_other"] == nil || got.Trailer.Get("X-Sum") != "fine" {
		t.Errorf("other headers or trailers were lost: %v, %v", got.Header, got.Trailer)
	}
}

func TestReservedNamesAreCanonical(t *testing.T) {
	for _, list := range [][]string{neverFromClients, fromTrustedProxies} {
		for _, name := range list {
			if textproto.CanonicalMIMEHeaderKey(name) != name {
				t.Errorf("%q can never match a header of net/http", name)
			}
		}
	}
}

func TestHeaderTextIsLeftAloneUnlessItCannotBeAHeader(t *testing.T) {
	for in, want := range map[string]string{"": "", "a, b%": "a, b%", "a\tb": "a\tb", "é": "é", "a\r\nX: y, z": "a%0D%0AX: y%2C z", "a\x7f": "a%7F"} {
		if got := headerText(in); got != want {
			t.Errorf("headerText(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestTemplatesNameTheTrustedClientCertificate(t *testing.T) {
	ca := certtest.Authority(t, "CA")
	named := func(c *x509.Certificate) {
		c.DNSNames, c.EmailAddresses = []string{"a.test", "b.test"}, []string{"a@example.com", "b@example.com"}
	}
	leaf, forged := ca.Client("a", named), certtest.Authority(t, "CA").Client("a", named)
	verifier, err := clientcert.New(clientcert.Rules{Authorities: []*x509.Certificate{ca.Cert}})
	if err != nil {
		t.Fatal(err)
	}
	h := &Handler{o: Options{ClientCertificates: verifier, Now: time.Now}}
	x := &exchange{h: h, r: &http.Request{TLS: &tls.ConnectionState{PeerCertificates: leaf.Chain()}}}
	all := map[template.Kind]string{
		template.ClientCertFingerprint: fmt.Sprintf("%x", sha256.Sum256(leaf.Cert.Raw)),
		template.ClientCertSANDNS:      "a.test,b.test",
		template.ClientCertSANEmail:    "a@example.com,b@example.com",
	}
	for kind, want := range all {
		if got := x.part(template.Part{Kind: kind}, nil); got != want {
			t.Errorf("kind %d = %q, want %q", kind, got, want)
		}
	}
	for what, chain := range map[string][]*x509.Certificate{"without a certificate": nil, "forged": forged.Chain()} {
		x.r.TLS.PeerCertificates = chain
		for kind := range all {
			if got := x.part(template.Part{Kind: kind}, nil); got != "" {
				t.Errorf("%s, kind %d: %q", what, kind, got)
			}
		}
	}
}
