package proxy

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sallyport/config"
)

// T01, T02, T03: the path that is decided on is the path that is forwarded.
func TestPathDecidedIsPathForwarded(t *testing.T) {
	w := newWorld(t, nil)
	for _, target := range []string{
		"/public/../admin", "/public/%2e%2e/admin", "/public/..%2fadmin", "/public/.%2e/", "/public/..;/admin", "/public/%252e%252e/",
		`/public\..\admin`, "/public/%5c../admin", "/admin2", "//admin", "/ADMIN", "/admin%2f", "/%61dmin", "/admin.", "/admin%20", "/admin%00",
		"/private#/public", "/private%23", "/private;jsessionid=1", "/private;/..", "/private%3fx", "/a%20b?c=/../d", "/gr%C3%BC%C3%9Fe", "/.",
	} {
		w.up.Reset()
		w.people.decided = nil
		status, _ := w.raw("GET " + target + " HTTP/1.1\nHost: app.test\nConnection: close\n\n")
		got := w.up.Requests()
		switch {
		case status == http.StatusBadRequest && len(got) == 0:
		case status != http.StatusOK || len(got) != 1:
			t.Errorf("%s: status %d with %d requests forwarded, want 400 with none or 200 with one", target, status, len(got))
		default:
			path, _, _ := strings.Cut(got[0].Target, "?")
			forwarded, err := url.PathUnescape(path)
			if decided := w.people.lastDecided(t).Path; err != nil || forwarded != decided {
				t.Errorf("%s: decided on %q, forwarded %q", target, decided, forwarded)
			}
		}
	}
}

// Every generated target that is let through reaches the upstream as the path
// that was matched and decided on.
func TestGeneratedTargetsAreForwardedAsDecided(t *testing.T) {
	for _, action := range []string{"reject_request", "keep_unchanged", "unescape_and_forward"} {
		w := newWorld(t, func(s *setup) { s.o.Hygiene.EscapedSlashes = action })
		c := w.dial()
		rapid.Check(t, func(rt *rapid.T) {
			target := genTarget().Draw(rt, "target")
			w.up.Reset()
			w.people.decided = nil
			c.send("GET " + target + " HTTP/1.1\r\nHost: app.test\r\n\r\n")
			res, _ := c.read()
			if res.Close { // refused before it reached the handler
				c = w.dial()
			}
			got := w.up.Requests()
			if len(got) == 0 {
				if res.StatusCode != http.StatusBadRequest {
					rt.Fatalf("%s %q: status %d without an upstream", action, target, res.StatusCode)
				}
				return
			}
			path, query, _ := strings.Cut(got[0].Target, "?")
			decided, forwarded := w.people.lastDecided(t).Path, decodeAsMatched(rt, path, action)
			if forwarded != decided {
				rt.Fatalf("%s %q: decided on %q, forwarded %q", action, target, decided, got[0].Target)
			}
			if _, want, _ := strings.Cut(target, "?"); query != want {
				rt.Fatalf("%s %q: forwarded query %q", action, target, query)
			}
		})
	}
}

// decodeAsMatched decodes a path as an upstream would, but for what
// keep_unchanged keeps.
func decodeAsMatched(t *rapid.T, path, action string) string {
	if action == "keep_unchanged" {
		path = strings.NewReplacer("%2F", "%252F", "%5C", "%255C", "%25", "%2525").Replace(path)
	}
	out, err := url.PathUnescape(path)
	if err != nil {
		t.Fatalf("forwarded %q: %v", path, err)
	}
	return out
}

// T05, T06: targets and methods that are no requests for a resource.
func TestWhatIsNoRequestForAResourceIsRefused(t *testing.T) {
	w := newWorld(t, nil)
	for _, tt := range []struct {
		name, raw string
		status    int
	}{
		{"absolute form, other authority", "GET http://other.test/ HTTP/1.1\nHost: app.test\n\n", 400},
		{"absolute form, unknown host in Host", "GET http://app.test/ HTTP/1.1\nHost: evil.test\n\n", 400},
		{"asterisk", "OPTIONS * HTTP/1.1\nHost: app.test\n\n", 400},
		{"GET asterisk", "GET * HTTP/1.1\nHost: app.test\n\n", 400},
		{"CONNECT", "CONNECT app.test:443 HTTP/1.1\nHost: app.test:443\n\n", 405},
		{"CONNECT with a path", "CONNECT /x HTTP/1.1\nHost: app.test\n\n", 405},
		{"TRACE", "TRACE / HTTP/1.1\nHost: app.test\n\n", 405},
		{"trace in lower case", "trace / HTTP/1.1\nHost: app.test\n\n", 405},
		{"TRACK", "TRACK / HTTP/1.1\nHost: app.test\n\n", 405},
		{"PRI", "PRI * HTTP/1.1\nHost: app.test\n\n", 405},
		{"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 405},
		{"invalid escape", "GET /%zz HTTP/1.1\nHost: app.test\n\n", 400},
		{"overlong", "GET /%c0%ae%c0%ae/ HTTP/1.1\nHost: app.test\n\n", 400},
		{"NUL", "GET /a%00b HTTP/1.1\nHost: app.test\n\n", 400},
		{"CRLF", "GET /a%0d%0aX:%20y HTTP/1.1\nHost: app.test\n\n", 400},
		{"long path", "GET /" + strings.Repeat("a", 20<<10) + " HTTP/1.1\nHost: app.test\n\n", 414},
		{"very long path", "GET /" + strings.Repeat("a", 80<<10) + " HTTP/1.1\nHost: app.test\n\n", 431},
		{"long host", "GET / HTTP/1.1\nHost: " + strings.Repeat("a", 4000) + "\n\n", 400},
		{"no host", "GET / HTTP/1.1\n\n", 400},
		{"empty host", "GET / HTTP/1.1\nHost:\n\n", 400},
		{"HTTP/1.0 without host", "GET / HTTP/1.0\n\n", 400},
		{"two hosts", "GET / HTTP/1.1\nHost: app.test\nHost: other.test\n\n", 400},
		{"list of hosts", "GET / HTTP/1.1\nHost: app.test,other.test\n\n", 400},
		{"user information", "GET / HTTP/1.1\nHost: app.test@evil.test\n\n", 400},
		{"unknown host", "GET / HTTP/1.1\nHost: unknown.test\n\n", 404},
	} {
		status, _ := w.raw(tt.raw)
		if n := len(w.up.Requests()); status != tt.status || n != 0 {
			t.Errorf("%s: status %d with %d requests forwarded, want %d with none", tt.name, status, n, tt.status)
		}
	}
}

// T06: nothing that a request says about itself switches sign-in off.
func TestNothingInARequestSwitchesSignInOff(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.routes = []*config.Route{route("login", "app.test")} })
	for _, raw := range []string{
		"GET / HTTP/1.1\nHost: app.test\nUser-Agent: GoogleHC/1.0\n\n",
		"GET / HTTP/1.1\nHost: app.test\nUser-Agent: kube-probe/1.30\n\n",
		"HEAD / HTTP/1.1\nHost: app.test\n\n",
		"OPTIONS / HTTP/1.1\nHost: app.test\nOrigin: https://x.test\nAccess-Control-Request-Method: GET\n\n",
		"POST / HTTP/1.1\nHost: app.test\nX-HTTP-Method-Override: OPTIONS\nContent-Length: 0\n\n",
		"GET /healthz/ HTTP/1.1\nHost: app.test\n\n",
		"GET /healthz/x HTTP/1.1\nHost: app.test\n\n",
		"GET /ping.css HTTP/1.1\nHost: app.test\n\n",
		"POST /ping HTTP/1.1\nHost: app.test\nContent-Length: 0\n\n",
		"GET /metrics HTTP/1.1\nHost: app.test\n\n",
		"GET /Healthz HTTP/1.1\nHost: app.test\n\n",
		"GET /x/robots.txt HTTP/1.1\nHost: app.test\n\n",
	} {
		c := w.dial()
		c.send(raw)
		res, err := http.ReadResponse(c.r, &http.Request{Method: strings.Fields(raw)[0]})
		if err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != http.StatusUnauthorized || len(w.up.Requests()) != 0 {
			t.Errorf("%.40q: status %d, want 401", raw, res.StatusCode)
		}
	}
	for path, want := range map[string]string{"/ping": "OK", "/healthz": "OK", "/robots.txt": robots} {
		if status, body := w.raw("GET " + path + " HTTP/1.1\nHost: app.test\n\n"); status != 200 || body != want {
			t.Errorf("%s: %d %q, want 200 %q", path, status, body, want)
		}
	}
}

func TestRobotsIsTheApplicationsOwnForThoseLetIn(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.routes = []*config.Route{route("login", "app.test"), route("deny", "deny.test")} })
	if status, body := w.raw("GET /robots.txt HTTP/1.1\nHost: app.test\nCookie: __Host-sp=alice\n\n"); status != 200 || !strings.HasPrefix(body, "GET /robots.txt") {
		t.Errorf("let in: %d %q", status, body)
	}
	for _, host := range []string{"deny.test", "login.test"} {
		if status, body := w.raw("GET /robots.txt HTTP/1.1\nHost: " + host + "\n\n"); status != 200 || body != robots {
			t.Errorf("%s: %d %q", host, status, body)
		}
	}
	if n := len(w.up.Requests()); n != 1 {
		t.Errorf("the upstream was asked %d times, want only by who was let in", n)
	}
}

// T08: every spelling of a host is the same route, another one is refused.
func TestHostSpellingsAreOneRoute(t *testing.T) {
	for _, many := range []int{1, 200} {
		w := newWorld(t, func(s *setup) {
			s.routes = []*config.Route{route("login", "app.test"), route("login6", "[::1]"), route("loginidn", "bücher.test")}
			s.routes = append(s.routes, manyRoutes("hosts", many)...)
		})
		for _, host := range []string{"app.test", "APP.TEST", "app.test.", "app.test:443", "app.test:8443", "App.Test.:80", "[::1]", "[0:0::1]:443", "xn--bcher-kva.test"} {
			if status, _ := w.raw("GET / HTTP/1.1\nHost: " + host + "\nX-Forwarded-Host: app0.example.com\n\n"); status != 401 {
				t.Errorf("%d routes: %s: status %d, want 401", many, host, status)
			}
		}
	}
}

func TestConnectionForOneHostDoesNotServeAnother(t *testing.T) {
	w := newWorld(t, func(s *setup) {
		s.routes = []*config.Route{route("app", "app.test"), route("other", "other.test"), route("wild", "*.wild.test")}
	})
	for _, tt := range []struct {
		sni, host string
		status    int
	}{
		{"app.test", "app.test", 200},
		{"app.test", "APP.test.:443", 200},
		{"app.test", "other.test", 421},
		{"app.test", "a.wild.test", 421}, // one certificate, but HTTP/1.1 has no reason to
		{"login.test", "app.test", 421},
		{"a.wild.test", "b.wild.test", 421},
		{"lb.internal", "app.test", 200}, // a load balancer's own name is no route
		{"", "app.test", 200},
	} {
		c := w.dialTLS(tt.sni)
		c.send("GET / HTTP/1.1\nHost: " + tt.host + "\n\n")
		if res, _ := c.read(); res.StatusCode != tt.status {
			t.Errorf("SNI %q, Host %q: status %d, want %d", tt.sni, tt.host, res.StatusCode, tt.status)
		}
	}
	for host, want := range map[string]string{"a.wild.test": "200", "other.test": "421", "login.test": "421"} {
		if got := w.h2(t, "app.test", ":method", "GET", ":path", "/", ":authority", host); got != want {
			t.Errorf("HTTP/2, SNI app.test, :authority %s: status %s, want %s", host, got, want)
		}
	}
	w.handler.gate.same = nil
	if got := w.h2(t, "app.test", ":method", "GET", ":path", "/", ":authority", "a.wild.test"); got != "421" {
		t.Errorf("HTTP/2, nobody knows of certificates: status %s, want 421", got)
	}
}

// Mistake 8: header names and numbers that net/http lets through.
func TestHeadersAreBoundedAndPlain(t *testing.T) {
	many := strings.Repeat("X-A: b\n", 300)
	for _, tt := range []struct {
		name, action, headers string
		status                int
	}{
		{"underscore", "", "X_User: a\n", 400},
		{"underscore rejected", "reject_request", "X_Forwarded_User: a\n", 400},
		{"underscore dropped", "drop_header", "X_Other: a\n", 200},
		{"underscore allowed", "allow", "X_Other: a\n", 200},
		{"too many", "", many, 400},
		{"two authorizations", "", "Authorization: Basic a\nAuthorization: Basic b\n", 400},
		{"space in a name", "", "X Y: a\n", 400},
		{"space before the colon", "", "X-Y : a\n", 400},
		{"NBSP in a name", "", "X\u00a0Y: a\n", 400},
		{"control in a value", "", "X-Y: a\x01b\n", 400},
	} {
		w := newWorld(t, func(s *setup) { s.o.Hygiene.Underscores = tt.action })
		status, _ := w.raw("GET / HTTP/1.1\nHost: app.test\n" + tt.headers + "\n")
		if status != tt.status || status != 200 && len(w.up.Requests()) > 0 {
			t.Errorf("%s: status %d, want %d", tt.name, status, tt.status)
		}
		if _, passed := w.up.Last().Header["X_other"]; passed != (tt.action == "allow") {
			t.Errorf("%s: X_Other forwarded: %t", tt.name, passed)
		}
	}
}

func TestSettingsThatAreUnknownAreErrors(t *testing.T) {
	for _, h := range []config.Hygiene{{EscapedSlashes: "maybe"}, {Underscores: "maybe"}} {
		if _, err := newGate(h); err == nil {
			t.Errorf("%+v was accepted", h)
		}
	}
}

func TestEscapedSlashRedirectNamesNoOtherHost(t *testing.T) {
	w := newWorld(t, func(s *setup) {
		s.o.Hygiene.EscapedSlashes, s.o.Hygiene.MergeSlashes = "unescape_and_redirect", false
	})
	for raw, want := range map[string]string{
		"/a%2Fb?c=d":                "https://app.test/a/b?c=d",
		"/%2Fevil.test/":            "https://app.test//evil.test/",
		"/%5cevil.test":             "https://app.test//evil.test",
		"/a%2fb?pomerium_session=x": "https://app.test/a/b",
	} {
		c := w.dial()
		c.send("GET " + raw + " HTTP/1.1\nHost: app.test\n\n")
		if res, _ := c.read(); res.StatusCode != 307 || res.Header.Get("Location") != want {
			t.Errorf("%s: %d to %q, want 307 to %q", raw, res.StatusCode, res.Header.Get("Location"), want)
		}
	}
}

// T04: a query is neither matched nor decided on, and arrives as it was sent.
func TestQueryTakesNoPartInMatching(t *testing.T) {
	w := newWorld(t, func(s *setup) {
		s.routes = []*config.Route{
			route("public", "app.test", "regex=/public/.*"), route("deny-admin", "app.test", "regex=.*admin"), route("login", "app.test"),
		}
	})
	for _, tt := range []struct {
		target string
		status int
	}{
		{"/public/x?/admin", 200},
		{"/public/x?a=1;b=2&a=3", 200},
		{"/public/x?", 200},
		{"/private?x=/public/x", 401},
		{"/private?/public/x#/public/x", 400},
		{"/private%3f/public/x", 401},
		{"/admin?x=/public/", 403},
		{"/admin?x", 403},
		{"/?/public/&path=/public/x", 401},
	} {
		w.up.Reset()
		status, _ := w.raw("GET " + tt.target + " HTTP/1.1\nHost: app.test\n\n")
		if status != tt.status {
			t.Errorf("%s: status %d, want %d", tt.target, status, tt.status)
		}
		if status == 200 && w.up.Last().Target != strings.TrimSuffix(tt.target, "?") && w.up.Last().Target != tt.target {
			t.Errorf("%s was forwarded as %s", tt.target, w.up.Last().Target)
		}
		if d := w.people.decided; len(d) > 0 && strings.Contains(d[len(d)-1].Path, "?") && !strings.Contains(tt.target, "%3f") {
			t.Errorf("%s: decided on path %q", tt.target, d[len(d)-1].Path)
		}
	}
}
