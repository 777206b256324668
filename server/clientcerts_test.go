package server_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sallyport/authorize"
	"sallyport/internal/certtest"
	"sallyport/internal/harness"
	"sallyport/server"
)

const clientRoutes = `
  - {name: public, from: "https://public.localhost:%[1]s", to: "%[2]s", allow_websockets: true, allow_public_unauthenticated_access: true,
     set_request_headers: {X-Cert: "${pomerium.client_cert_fingerprint}", X-Mail: "${pomerium.client_cert_san_email}", X-Name: "${pomerium.client_cert_san_dns}"}}
  - {name: app, from: "https://app.localhost:%[1]s", to: "%[2]s", policy: [{allow: {or: [{authenticated_user: true}]}}]}
  - {name: alices, from: "https://alices.localhost:%[1]s", to: "%[2]s", policy: [{allow: {and: [{client_certificate: {san_email: alice@example.com}}]}}]}
  - {name: valid, from: "https://valid.localhost:%[1]s", to: "%[2]s", policy: [{allow: {or: [{accept: true}]}, deny: {or: [{invalid_client_certificate: true}]}}]}
`

// holders are an authority and people with certificates.
type holders struct {
	ca, other      *certtest.Pair
	alice, bob     *certtest.Pair
	stranger, gone *certtest.Pair // of the other authority; revoked
	dir            string
}

func newHolders(t *testing.T) *holders {
	t.Helper()
	h := &holders{ca: certtest.Authority(t, "Company CA"), other: certtest.Authority(t, "Company CA"), dir: t.TempDir()}
	mail := func(s string) certtest.Option {
		return func(c *x509.Certificate) { c.EmailAddresses = []string{s} }
	}
	h.alice, h.bob = h.ca.Client("alice", mail("alice@example.com")), h.ca.Client("bob", mail("bob@example.com"))
	h.stranger, h.gone = h.other.Client("alice", mail("alice@example.com")), h.ca.Client("gone", mail("alice@example.com"))
	h.revoke(t, h.gone)
	return h
}

func (h *holders) crl() string { return filepath.Join(h.dir, "clients.crl") }

func (h *holders) revoke(t *testing.T, revoked ...*certtest.Pair) {
	t.Helper()
	tmp := h.crl() + ".new"
	if err := os.WriteFile(tmp, []byte(certtest.ListPEM(h.ca.Revoke(revoked...))), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(tmp, h.crl()); err != nil {
		t.Fatal(err)
	}
}

// mtls is the configuration that trusts the authority.
func (h *holders) mtls(more string) string {
	return "runtime_flags: {config_hot_reload: false}\ndownstream_mtls:\n  ca: " + base64.StdEncoding.EncodeToString([]byte(certtest.PEM(h.ca.Cert))) + "\n  crl_file: " + h.crl() + "\n" + more
}

// clientOf shows a certificate whatever authorities are asked for, on one
// connection as long as it stands; nil shows none.
func clientOf(t *testing.T, p *certtest.Pair, h2 bool, cache tls.ClientSessionCache) *http.Client {
	t.Helper()
	conf := &tls.Config{InsecureSkipVerify: true, ClientSessionCache: cache}
	if p != nil {
		conf.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return p.TLS(), nil }
	}
	tr := &http.Transport{DialContext: harness.DialLoopback, TLSClientConfig: conf, ForceAttemptHTTP2: h2}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 30 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func get(t *testing.T, c *http.Client, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequest("GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "application/json")
	resp, err := c.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestEveryRouteNeedsATrustedCertificateByDefault(t *testing.T) {
	h := newHolders(t)
	w := harness.Start(t, harness.Options{Routes: clientRoutes, Extra: h.mtls("")})
	front := "https://authenticate.localhost:" + w.Port
	for _, h2 := range []bool{false, true} {
		for _, tt := range []struct {
			who    *certtest.Pair
			url    string
			status int
			code   string
		}{
			{nil, w.URL("public", "/"), 495, "client-certificate-required"},
			{nil, w.URL("app", "/"), 495, "client-certificate-required"},
			{h.stranger, w.URL("public", "/"), 495, "invalid-client-certificate"},
			{h.gone, w.URL("public", "/"), 495, "invalid-client-certificate"},
			{h.gone, w.URL("alices", "/"), 495, "invalid-client-certificate"},
			{h.alice, w.URL("public", "/"), 200, ""},
			{h.alice, w.URL("alices", "/"), 200, ""},
			{h.bob, w.URL("alices", "/"), 403, "denied"},
			{h.alice, w.URL("app", "/"), 401, "unauthenticated"},
			// the proxy's own pages and probes
			{nil, w.URL("public", "/healthz"), 200, ""},
			{nil, w.URL("public", "/ping"), 200, ""},
			{nil, w.URL("public", "/.well-known/pomerium/jwks.json"), 200, ""},
			{nil, w.URL("app", "/.pomerium/"), 200, ""},
			{nil, front + "/.pomerium/", 200, ""},
			{h.stranger, front + "/.pomerium/", 200, ""},
			{nil, w.URL("nowhere", "/"), 404, "route-not-found"},
		} {
			status, body := get(t, clientOf(t, tt.who, h2, nil), tt.url)
			if status != tt.status || !strings.Contains(body, tt.code) {
				t.Errorf("h2 %v, %s by %v: %d %.200s; want %d %q", h2, tt.url, subjectOf(tt.who), status, body, tt.status, tt.code)
			}
		}
	}
	if log := w.Log.String(); strings.Contains(log, "alice@example.com") || strings.Contains(log, "MII") {
		t.Error("the log holds more of a certificate than its fingerprint")
	}
	until(t, "the decision record says which certificate it was, and what was wrong with it", func() bool {
		log := w.Log.String()
		return strings.Contains(log, `"client-certificate-problem":"it was revoked`) && strings.Contains(log, `"client-certificate":"`)
	})
}

func subjectOf(p *certtest.Pair) string {
	if p == nil {
		return "nobody"
	}
	return p.Cert.Subject.String()
}

func TestWithoutDownstreamMTLSNobodyIsAsked(t *testing.T) {
	h := newHolders(t)
	w := harness.Start(t, harness.Options{Routes: clientRoutes})
	asked := false
	conf := &tls.Config{InsecureSkipVerify: true, GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		asked = true
		return h.alice.TLS(), nil
	}}
	c := &http.Client{Transport: &http.Transport{DialContext: harness.DialLoopback, TLSClientConfig: conf, DisableKeepAlives: true}}
	if status, _ := get(t, c, w.URL("public", "/")); status != 200 || asked {
		t.Errorf("%d, asked %v", status, asked)
	}
	if status, _ := get(t, c, w.URL("alices", "/")); status != 403 {
		t.Errorf("a rule on a certificate: %d, want 403", status)
	}
	if status, body := get(t, c, w.URL("valid", "/")); status != 495 || !strings.Contains(body, "client-certificate-required") {
		t.Errorf("a deny rule on the lack of one: %d %s", status, body)
	}
}

func TestEnforcementByPolicyLeavesItToTheRules(t *testing.T) {
	h := newHolders(t)
	w := harness.Start(t, harness.Options{Routes: clientRoutes, Extra: h.mtls("  enforcement: policy\n")})
	for _, tt := range []struct {
		who    *certtest.Pair
		host   string
		status int
	}{
		{nil, "public", 200},
		{h.stranger, "public", 200},
		{h.gone, "public", 200},
		{nil, "valid", 495},
		{h.stranger, "valid", 495},
		{h.gone, "valid", 495},
		{h.alice, "valid", 200},
		{nil, "alices", 403},
		{h.stranger, "alices", 403},
		{h.gone, "alices", 403},
		{h.bob, "alices", 403},
		{h.alice, "alices", 200},
	} {
		if status, body := get(t, clientOf(t, tt.who, true, nil), w.URL(tt.host, "/")); status != tt.status {
			t.Errorf("%s by %s: %d %.200s; want %d", tt.host, subjectOf(tt.who), status, body, tt.status)
		}
	}
}

func TestRejectConnectionEndsTheHandshake(t *testing.T) {
	h := newHolders(t)
	w := harness.Start(t, harness.Options{Routes: clientRoutes, Extra: h.mtls("  enforcement: reject_connection\n")})
	for _, who := range []*certtest.Pair{nil, h.stranger, h.gone} {
		for _, path := range []string{"/", "/healthz", "/.pomerium/"} {
			if status, body := get(t, clientOf(t, who, true, nil), w.URL("public", path)); status != 0 {
				t.Errorf("%s by %s: %d %.200s; want no connection", path, subjectOf(who), status, body)
			}
		}
	}
	if status, body := get(t, clientOf(t, h.alice, true, nil), w.URL("alices", "/")); status != 200 {
		t.Errorf("alice: %d %s", status, body)
	}
}

// What the certificate says reaches the upstream only if it is trusted, and never
// from the client's own headers.
func TestUpstreamsAreToldOfTrustedCertificatesAlone(t *testing.T) {
	h := newHolders(t)
	w := harness.Start(t, harness.Options{Routes: clientRoutes, Extra: h.mtls("  enforcement: policy\n") + "\ntrusted_proxies: [127.0.0.0/8]"})
	told := func(who *certtest.Pair) http.Header {
		req, err := http.NewRequest("GET", w.URL("public", "/"), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"X-Cert", "X-Mail", "X-Name"} {
			req.Header.Set(name, "forged")
		}
		for _, name := range clientCertHeaders {
			req.Header.Set(name, "forged")
		}
		resp, err := clientOf(t, who, true, nil).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		page := harness.Page{Status: resp.StatusCode, Body: string(body), URL: req.URL}
		return page.Seen(t).Header
	}
	seen := told(h.alice)
	if seen.Get("X-Mail") != "alice@example.com" || len(seen.Get("X-Cert")) != 64 {
		t.Errorf("alice: %q %q", seen.Get("X-Mail"), seen.Get("X-Cert"))
	}
	for _, who := range []*certtest.Pair{nil, h.stranger, h.gone} {
		seen := told(who)
		for _, name := range []string{"X-Cert", "X-Mail", "X-Name"} {
			if got := seen.Get(name); got != "" {
				t.Errorf("%s: the upstream is told %s: %q", subjectOf(who), name, got)
			}
		}
		for _, name := range clientCertHeaders {
			if got := seen.Get(name); got != "" {
				t.Errorf("%s: %s of the client reaches the upstream: %q", subjectOf(who), name, got)
			}
		}
	}
}

// clientCertHeaders are names under which other proxies tell of a certificate.
var clientCertHeaders = []string{
	"X-Forwarded-Client-Cert", "X-Forwarded-Tls-Client-Cert", "Client-Cert", "Client-Cert-Chain", "Ssl-Client-Cert", "Ssl-Client-Verify",
	"X-Ssl-Client-Verify", "X-Amzn-Mtls-Clientcert-Leaf", "X-Client-Cert",
	"X-Client-Cert-Chain", "X-Client-Certificate", "X-Client-Dn", "X-Client-Verify", "X-Ssl-Cert", "X-Arr-Clientcert", "X-Tls-Client-Cert",
}

// A ticket brings the certificate back, and no judgement with it.
func TestAResumedSessionIsJudgedAnew(t *testing.T) {
	for _, enforcement := range []string{"policy_with_default_deny", "reject_connection"} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			h := newHolders(t)
			extra := h.mtls("  enforcement: " + enforcement + "\n")
			w := harness.Start(t, harness.Options{Routes: clientRoutes, Extra: extra})
			cache := tls.NewLRUClientSessionCache(8)
			connect := func() (status int, resumed bool) {
				c := clientOf(t, h.alice, false, cache)
				tr := c.Transport.(*http.Transport)
				tr.TLSClientConfig.MinVersion, tr.TLSClientConfig.MaxVersion, tr.DisableKeepAlives = version, version, true
				resp, err := c.Get(w.URL("public", "/"))
				if err != nil {
					return 0, false
				}
				defer resp.Body.Close()
				_, _ = io.Copy(io.Discard, resp.Body)
				return resp.StatusCode, resp.TLS.DidResume
			}
			if status, resumed := connect(); status != 200 || resumed {
				t.Fatalf("%s: first: %d, resumed %v", enforcement, status, resumed)
			}
			if status, resumed := connect(); status != 200 || !resumed {
				t.Fatalf("%s, TLS %x: second: %d, resumed %v, want a session to be resumed", enforcement, version, status, resumed)
			}
			h.revoke(t, h.alice)
			if err := w.Server.Reload(); err != nil {
				t.Fatal(err)
			}
			want := map[string]int{"policy_with_default_deny": 495, "reject_connection": 0}[enforcement]
			if status, _ := connect(); status != want {
				t.Errorf("%s, TLS %x: with a ticket of before it was revoked: %d, want %d", enforcement, version, status, want)
			}
		}
	}
}

// A certificate that is revoked by a reload loses access at the next request, on
// the connection that stands, and what is open there ends.
func TestARevokedCertificateLosesAccessOnOpenConnections(t *testing.T) {
	for _, enforcement := range []string{"policy_with_default_deny", "policy", "reject_connection"} {
		for _, h2 := range []bool{false, true} {
			h := newHolders(t)
			open := make(chan struct{}, 1)
			upstream := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/events" {
					harness.Echo(rw, r)
					return
				}
				rw.Header().Set("Content-Type", "text/event-stream")
				rw.WriteHeader(200)
				_ = http.NewResponseController(rw).Flush()
				open <- struct{}{}
				<-r.Context().Done()
			})
			w := harness.Start(t, harness.Options{Routes: clientRoutes, Extra: h.mtls("  enforcement: " + enforcement + "\n"), Upstream: upstream})
			alice, bob := clientOf(t, h.alice, h2, nil), clientOf(t, h.bob, h2, nil)
			for who, c := range map[string]*http.Client{"alice": alice, "bob": bob} {
				if status, body := get(t, c, w.URL("valid", "/")); status != 200 {
					t.Fatalf("%s: %d %s", who, status, body)
				}
			}
			stream, err := alice.Get(w.URL("valid", "/events"))
			if err != nil {
				t.Fatal(err)
			}
			defer stream.Body.Close()
			<-open
			conns := countDials(alice)
			h.revoke(t, h.alice)
			if err := w.Server.Reload(); err != nil {
				t.Fatal(err)
			}
			want := 495
			if enforcement == "reject_connection" && !h2 {
				want = 0 // the stream has the connection, another one is refused
			}
			if status, body := get(t, alice, w.URL("valid", "/")); status != want {
				t.Errorf("%s, h2 %v: alice, revoked: %d %s, want %d", enforcement, h2, status, body, want)
			}
			if h2 && conns() != 0 {
				t.Errorf("%s: the request took a new connection: nothing was seen of the old one", enforcement)
			}
			_, _ = io.Copy(io.Discard, stream.Body)
			until(t, "the log says that the stream was cut", func() bool {
				return strings.Contains(w.Log.String(), "streams ended that would not be let in any more")
			})
			if status, body := get(t, bob, w.URL("valid", "/")); status != 200 {
				t.Errorf("%s, h2 %v: bob: %d %s", enforcement, h2, status, body)
			}
		}
	}
}

// countDials counts the connections that a client opens from now on.
func countDials(c *http.Client) func() int {
	n := 0
	tr := c.Transport.(*http.Transport)
	tr.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		n++
		return harness.DialLoopback(ctx, network, addr)
	}
	return func() int { return n }
}

// The running instance explains a certificate by the rules in force.
func TestTheOperatorAsksAboutACertificate(t *testing.T) {
	h := newHolders(t)
	w := harness.Start(t, harness.Options{Routes: clientRoutes, Extra: h.mtls("")})
	for _, tt := range []struct {
		shown *certtest.Pair
		want  string
	}{{nil, "deny"}, {h.alice, "allow"}, {h.bob, "deny"}, {h.gone, "deny"}, {h.stranger, "deny"}} {
		q := server.ExplainRequest{Anonymous: true, Method: "GET", URL: w.URL("alices", "/")}
		if tt.shown != nil {
			q.ClientCertificate = certtest.PEM(tt.shown.Chain()...)
		}
		var got authorize.Explanation
		if code := admin(t, w, "POST", "/v1/explain", q, &got); code != 200 || got.Decision != tt.want {
			t.Errorf("%s: %d %s %v, want %s", subjectOf(tt.shown), code, got.Decision, got.Reasons, tt.want)
		}
	}
	var answer struct{ Error string }
	bad := server.ExplainRequest{Anonymous: true, Method: "GET", URL: w.URL("alices", "/"), ClientCertificate: "x"}
	if code := admin(t, w, "POST", "/v1/explain", bad, &answer); code != 400 {
		t.Errorf("no certificate: %d", code)
	}
}
