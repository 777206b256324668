package proxy

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/config"
)

// identityWorld has routes that pass identity headers and routes that do not.
func identityWorld(t *testing.T, change func(*setup)) *world {
	return newWorld(t, func(s *setup) {
		pass, ws := route("pass", "pass.test"), route("ws", "ws.test")
		pass.PassIdentityHeaders, ws.PassIdentityHeaders, ws.WebSockets = true, true, true
		s.routes = []*config.Route{route("app", "app.test"), pass, ws}
		s.claims = []config.ClaimHeader{{Header: "X-Pomerium-Claim-Email", Claim: "email"}, {Header: "X-Email", Claim: "email"}, {Header: "X-Department", Claim: "department"}}
		s.o.Hygiene.Underscores = "allow"
		if change != nil {
			change(s)
		}
	})
}

// identityNames are all headers that tell, or that an application might take
// for such, in the spellings of T10.
func identityNames() []string {
	var all []string
	for _, name := range []string{
		"X-Pomerium-Jwt-Assertion", "X-Pomerium-Jwt-Assertion-For", "X-Pomerium-Claim-Email", "X-Pomerium-Claim-Other", "X-Pomerium-Authorization",
		"X-Pomerium-Intercepted-Response", "X-Email", "X-Department",
		"X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-Groups", "X-Forwarded-Access-Token", "X-Auth-Request-Email", "X-Webauth-User", "Remote-User", "X-Remote-User",
	} {
		under := strings.ReplaceAll(name, "-", "_")
		all = append(all, name, strings.ToLower(name), strings.ToUpper(name), under, strings.Replace(name, "-", "_", 1),
			strings.ToLower(under), "HTTP_"+under, "Http-"+name)
	}
	return all
}

// assertClean fails if anything of the client's is left.
func (w *world) assertClean(what string) {
	w.t.Helper()
	last := w.up.Last()
	if last.Method == "" {
		w.t.Errorf("%s: nothing was forwarded", what)
		return
	}
	for name, values := range last.Header {
		if strings.Contains(strings.Join(values, " "), "FORGED") {
			w.t.Errorf("%s: the upstream read %s: %q", what, name, values)
		}
	}
	for name, values := range last.Trailer {
		if strings.Contains(strings.Join(values, " "), "FORGED") {
			w.t.Errorf("%s: the upstream read trailer %s: %q", what, name, values)
		}
	}
	if strings.Contains(w.up.Raw(), "FORGED") {
		w.t.Errorf("%s: the upstream read %q", what, w.up.Raw())
	}
	w.up.Reset()
}

// T09, T10: identity headers of clients reach no upstream, in no spelling.
func TestClientsIdentityHeadersReachNoUpstream(t *testing.T) {
	w := identityWorld(t, nil)
	for _, host := range []string{"app.test", "pass.test"} {
		for _, cookie := range []string{"", "Cookie: __Host-sp=alice\n"} {
			for _, name := range identityNames() {
				w.raw("GET / HTTP/1.1\nHost: " + host + "\n" + cookie + name + ": FORGED\n" + name + ": FORGED2\n\n")
				w.assertClean(fmt.Sprintf("%s, cookie %q, %s", host, cookie, name))
			}
		}
	}
}

func TestClientsIdentityHeadersReachNoUpstreamOverHTTP2(t *testing.T) {
	w := identityWorld(t, func(s *setup) { s.routes[1].From.Host = "app.test"; s.routes = s.routes[1:2] })
	for _, name := range identityNames() {
		w.h2(t, "app.test", ":method", "GET", ":path", "/", ":authority", "app.test", strings.ToLower(name), "FORGED")
		w.assertClean(name)
	}
}

// T09: on the way to a WebSocket as well.
func TestClientsIdentityHeadersReachNoWebSocket(t *testing.T) {
	w := identityWorld(t, nil)
	c := w.dial()
	c.send("GET /_/websocket HTTP/1.1\nHost: ws.test\nConnection: Upgrade, X-Email, X-Pomerium-Jwt-Assertion\nUpgrade: websocket\nSec-WebSocket-Version: 13\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\nCookie: __Host-sp=alice\nX-Email: FORGED\nX-Pomerium-Jwt-Assertion: FORGED\nX_Email: FORGED\n\n")
	if res, err := http.ReadResponse(c.r, nil); err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("handshake: %v, %v", res, err)
	}
	if got := w.up.Last().Header.Get("X-Email"); got != "alice@example.com" {
		t.Errorf("X-Email = %q, want alice's", got)
	}
	w.assertClean("websocket")
}

// T09: trailers are headers that come late.
func TestClientsIdentityTrailersReachNoUpstream(t *testing.T) {
	w := identityWorld(t, nil)
	for _, name := range append(identityNames(), "Authorization", "Cookie", "X-Real-Ip", "Forwarded") {
		w.raw("POST / HTTP/1.1\nHost: pass.test\nTransfer-Encoding: chunked\nTrailer: " + name + ", X-Checksum\n\n3\nabc\n0\n" + name + ": FORGED\nX-Checksum: fine\n\n")
		w.up.WaitRequests(1)
		w.assertClean(name)
	}
	w.raw("POST / HTTP/1.1\nHost: pass.test\nTransfer-Encoding: chunked\nTrailer: X-Checksum\n\n3\nabc\n0\nX-Checksum: fine\n\n")
	if got := w.up.Last().Trailer.Get("X-Checksum"); got != "fine" {
		t.Errorf("an announced trailer was lost: %v", w.up.Last().Trailer)
	}
}

// T11: listing our headers in Connection takes nothing away.
func TestConnectionHeaderHasNoSayOverOurHeaders(t *testing.T) {
	w := identityWorld(t, nil)
	for _, lines := range []string{
		"Connection: X-Pomerium-Jwt-Assertion, x-email, X-Pomerium-Claim-Email, Via, X-Forwarded-For, X-Forwarded-Proto\n",
		"Connection: x-pomerium-jwt-assertion\nConnection: X-EMAIL,X-Pomerium-Claim-Email\n",
		"Connection: close, X-Pomerium-Jwt-Assertion ,, X-Email\t\n",
		"Connection: keep-alive\nProxy-Connection: X-Email\nKeep-Alive: X-Email\nTE: X-Email\n",
		"Connection: X-Pomerium-Jwt-Assertion\nX-Pomerium-Jwt-Assertion: FORGED\nX-Email: FORGED\n",
	} {
		w.raw("GET / HTTP/1.1\nHost: pass.test\nCookie: __Host-sp=alice\n" + lines + "\n")
		got := w.up.Last().Header
		if strings.Count(got.Get("X-Pomerium-Jwt-Assertion"), ".") != 2 || got.Get("X-Email") != "alice@example.com" ||
			got.Get("X-Pomerium-Claim-Email") != "alice@example.com" || got.Get("X-Forwarded-Proto") != "https" || got.Get("Via") == "" {
			t.Errorf("%q: the upstream read %v", lines, got)
		}
		w.assertClean(lines)
	}
}

func TestIdentityIsToldWhereTheRoutePassesIt(t *testing.T) {
	w := identityWorld(t, nil)
	w.raw("GET / HTTP/1.1\nHost: pass.test\nCookie: __Host-sp=bob\n\n")
	got := w.up.Last().Header
	if claims := payload(t, got.Get("X-Pomerium-Jwt-Assertion")); claims["sub"] != "00ubob" || claims["aud"] != "pass.test" {
		t.Errorf("claims %v", claims)
	}
	if v, there := got["X-Department"]; !there || v[0] != "" {
		t.Errorf("a claim that is missing gives %q, want an empty header", v)
	}
	w.raw("GET / HTTP/1.1\nHost: app.test\nCookie: __Host-sp=bob\n\n")
	w.raw("GET / HTTP/1.1\nHost: pass.test\n\n")
	w.people.anon = true
	w.raw("GET / HTTP/1.1\nHost: pass.test\nCookie: __Host-sp=bob\n\n")
	for i, r := range w.up.Requests()[1:] {
		for name := range r.Header {
			if strings.HasPrefix(name, "X-Pomerium") || name == "X-Email" {
				t.Errorf("request %d, not passed, nobody or nobody who counts: %s is told", i, name)
			}
		}
	}
}

func payload(t *testing.T, jwt string) map[string]any {
	t.Helper()
	parts := strings.Split(jwt, ".")
	if len(parts) != 3 {
		t.Fatalf("no JWT: %q", jwt)
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(raw, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

// T14: what is for us stays with us.
func TestOurCookiesAndAuthorizationReachNoUpstream(t *testing.T) {
	w := newWorld(t, nil)
	for _, tt := range []struct{ in, cookie, auth string }{
		{"Cookie: __Host-sp=alice", "", ""},
		{"Cookie: a=1; __Host-sp=alice; b=2", "a=1; b=2", ""},
		{"Cookie: a=1;__Host-sp=alice;__Host-sp_csrf=x;  b=\"2 3\"", "a=1; b=\"2 3\"", ""},
		{"Cookie: __Host-sp=alice\nCookie: __Host-sp=bob; a=1", "a=1", ""},
		{"Cookie: a=1;b=2;;c", "a=1;b=2;;c", ""}, // not ours: not touched
		{"Cookie: =__Host-sp=alice; a=1", "a=1", ""},
		{"Cookie:  __Host-sp =alice; a=1", "a=1", ""},
		{"Cookie: \"__Host-sp\"=alice; a=1", "a=1", ""},
		{"Authorization: Pomerium abc", "", ""},
		{"Authorization: pomerium\tabc", "", "pomerium\tabc"}, // no form of ours
		{"Authorization: BEARER pomerium-abc", "", ""},
		{"Authorization: Bearer   Pomerium-abc", "", ""},
		{"Authorization: Bearer abc", "", "Bearer abc"},
		{"Authorization: Basic dTpw", "", "Basic dTpw"},
		{"X-Pomerium-Authorization: abc", "", ""},
	} {
		w.raw("GET / HTTP/1.1\nHost: app.test\n" + tt.in + "\n\n")
		got := w.up.Last().Header
		if strings.Join(got["Cookie"], "|") != tt.cookie || got.Get("Authorization") != tt.auth || got["X-Pomerium-Authorization"] != nil {
			t.Errorf("%s: the upstream read Cookie %q, Authorization %q", tt.in, got["Cookie"], got["Authorization"])
		}
	}
	for in, want := range map[string]string{
		"pomerium_session=tok": "", "a=1&pomerium_session=tok&b=%20": "a=1&b=%20", "%70omerium%5Fsession=tok&a=1": "a=1",
		"a=pomerium_session": "a=pomerium_session", "pomerium_session": "", "x_pomerium_session=1": "x_pomerium_session=1",
		"a=1;b=2&c&&d=%zz": "a=1;b=2&c&&d=%zz", "z=1&a=2&a=1": "z=1&a=2&a=1",
	} {
		w.raw("GET /?" + in + " HTTP/1.1\nHost: app.test\n\n")
		if _, got, _ := strings.Cut(w.up.Last().Target, "?"); got != want {
			t.Errorf("query %q was forwarded as %q, want %q", in, got, want)
		}
	}
}

// T14: an upstream cannot set or end a session.
func TestUpstreamsSetNoCookieOfOurs(t *testing.T) {
	w := newWorld(t, func(s *setup) {
		s.up.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header()["Set-Cookie"] = []string{
				"a=1; Path=/", "__Host-sp=evil; Secure; Path=/", " __Host-sp_csrf=evil", "__Host-sp=; Max-Age=0", "=__Host-sp=evil", "__Host-sp", "b=__Host-sp=2",
			}
			w.Header().Set("X-Pomerium-Intercepted-Response", "true")
			w.Header().Set("Alt-Svc", `h3=":443"`)
			w.Header().Set("Trailer", "Set-Cookie")
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, "upstream's own")
		})
	})
	c := w.dial()
	c.send("GET / HTTP/1.1\nHost: app.test\n\n")
	res, body := c.read()
	if diff := cmp.Diff([]string{"a=1; Path=/", "b=__Host-sp=2"}, res.Header["Set-Cookie"]); diff != "" {
		t.Errorf("Set-Cookie (-want +got):\n%s", diff)
	}
	// T38: the upstream's refusal is not ours and looks like none of ours.
	if res.StatusCode != 403 || body != "upstream's own" || res.Header.Get("X-Pomerium-Intercepted-Response") != "" || res.Header.Get("Alt-Svc") != "" {
		t.Errorf("%d %q %v", res.StatusCode, body, res.Header)
	}
}

func TestEarlyHintsAndTrailersSetNoCookieOfOurs(t *testing.T) {
	w := newWorld(t, nil)
	c := w.dial()
	c.send("GET /_/early?cookie=__Host-sp%3Devil&cookie=a%3D1 HTTP/1.1\nHost: app.test\n\n")
	res, err := http.ReadResponse(c.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != 103 || res.Header.Get("Link") == "" || strings.Join(res.Header["Set-Cookie"], "|") != "a=1" {
		t.Errorf("interim answer %d %v", res.StatusCode, res.Header)
	}
	if res, _ := c.read(); res.StatusCode != 200 {
		t.Errorf("final answer %d", res.StatusCode)
	}
	c = w.dial()
	c.send("GET /_/trailers?set-cookie=__Host-sp%3Devil HTTP/1.1\nHost: app.test\nTE: trailers\n\n")
	res, _ = c.read()
	if res.Trailer.Get("X-Announced") != "a" || res.Trailer.Get("X-Late") != "b" || res.Trailer.Get("Set-Cookie") != "" {
		t.Errorf("trailers %v", res.Trailer)
	}
}

// T14: an upstream does not have a browser forget our cookies, or those of other
// hosts, whatever it calls them.
func TestUpstreamsClearNoCookieOfOurs(t *testing.T) {
	w := newWorld(t, nil)
	for in, want := range map[string]string{
		`"cookies"`:                           "",
		`"cache", "cookies", "storage"`:       `"cache", "storage"`,
		`"*"`:                                 `"cache", "storage"`,
		`"cookies","executionContexts"`:       `"executionContexts"`,
		`"cache"`:                             `"cache"`,
		"\"Cookies\", \"cookies\t\", cookies": "",
	} {
		req, _ := http.NewRequestWithContext(t.Context(), "GET", "https://app.test/_/set?clear-site-data="+url.QueryEscape(in), nil)
		res, _ := w.do(w.client(true), req)
		if got := strings.Join(res.Header["Clear-Site-Data"], "|"); got != want {
			t.Errorf("%s became %q, want %q", in, got, want)
		}
	}
}
