package proxy

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"pgregory.net/rapid"

	"sallyport/config"
	"sallyport/internal/upstreamtest"
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
}

// T08: every spelling of a host is the same route, another one is refused.
func TestHostSpellingsAreOneRoute(t *testing.T) {
	for _, many := range []int{1, 200} {
		w := newWorld(t, func(s *setup) {
			s.routes = []*config.Route{route("login", "app.test"), route("login6", "[::1]"), route("loginidn", "bücher.test")}
			for _, r := range manyRoutes("hosts", many) {
				s.routes = append(s.routes, r)
			}
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
}

// h2 sends one request, field by field, on a fresh HTTP/2 connection and
// returns the status, or how the stream ended.
func (w *world) h2(t *testing.T, sni string, fields ...string) string {
	t.Helper()
	return w.h2Body(t, sni, "", fields...)
}

func (w *world) h2Body(t *testing.T, sni, body string, fields ...string) string {
	t.Helper()
	c, err := tls.Dial("tcp", w.tls, &tls.Config{ServerName: sni, InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var block bytes.Buffer
	enc := hpack.NewEncoder(&block)
	for i := 0; i < len(fields); i += 2 {
		_ = enc.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
		if i == 0 && fields[1] != "CONNECT" {
			_ = enc.WriteField(hpack.HeaderField{Name: ":scheme", Value: "https"})
		}
	}
	_, _ = io.WriteString(c, http2.ClientPreface)
	f := http2.NewFramer(c, c)
	_ = f.WriteSettings()
	_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndStream: body == "", EndHeaders: true})
	if body != "" {
		_ = f.WriteData(1, true, []byte(body))
	}
	f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			return err.Error()
		}
		switch frame := frame.(type) {
		case *http2.MetaHeadersFrame:
			return frame.PseudoValue("status")
		case *http2.RSTStreamFrame:
			return frame.ErrCode.String()
		case *http2.GoAwayFrame:
			return frame.ErrCode.String()
		}
	}
}

// Mistake 1: a CONNECT with a body would reach an HTTP/1.1 upstream unframed.
func TestHTTP2ConnectReachesNoUpstream(t *testing.T) {
	w := newWorld(t, nil)
	smuggled := "GET /admin HTTP/1.1\r\nHost: app.test\r\nX-Pomerium-Jwt-Assertion: forged\r\n\r\n"
	if got := w.h2Body(t, "app.test", smuggled, ":method", "CONNECT", ":authority", "app.test:443"); got != "405" {
		t.Errorf("CONNECT with a body: %s, want 405", got)
	}
	if got := w.h2Body(t, "app.test", smuggled, ":method", "CONNECT", ":authority", "app.test", ":protocol", "websocket", ":path", "/"); got == "200" {
		t.Error("extended CONNECT was accepted")
	}
	if raw := w.up.Raw(); raw != "" {
		t.Errorf("the upstream read %q", raw)
	}
}

// T50 on HTTP/2: what HTTP/1.1 behind us would read otherwise.
func TestHTTP2RequestsThatHTTP1ReadsOtherwise(t *testing.T) {
	w := newWorld(t, nil)
	get := []string{":method", "GET", ":path", "/", ":authority", "app.test"}
	for name, fields := range map[string][]string{
		"CRLF in a value":     append(get[:6:6], "x-a", "b\r\nx-forged: 1"),
		"colon in a name":     append(get[:6:6], "x-a: b", "c"),
		"upper case name":     append(get[:6:6], "X-A", "c"),
		"connection header":   append(get[:6:6], "connection", "close"),
		"transfer-encoding":   append(get[:6:6], "transfer-encoding", "chunked"),
		"upgrade":             append(get[:6:6], "upgrade", "h2c"),
		"te other than trail": append(get[:6:6], "te", "gzip"),
		"two paths":           append(get[:6:6], ":path", "/admin"),
		"pseudo after header": append(get[:6:6], "x-a", "b", ":path", "/x"),
		"space in the path":   {":method", "GET", ":path", "/ HTTP/1.1\r\nX: y", ":authority", "app.test"},
		"absolute path":       {":method", "GET", ":path", "https://other.test/", ":authority", "app.test"},
		"no path":             {":method", "GET", ":authority", "app.test"},
		"method with a space": {":method", "GET /x", ":path", "/", ":authority", "app.test"},
		"host beside":         append(get[:6:6], "host", "other.test"),
		"user information":    {":method", "GET", ":path", "/", ":authority", "x@app.test"},
		"underscore":          append(get[:6:6], "x_a", "b"),
		"trace":               {":method", "TRACE", ":path", "/", ":authority", "app.test"},
	} {
		if got := w.h2(t, "app.test", fields...); strings.HasPrefix(got, "2") {
			t.Errorf("%s: status %s", name, got)
		}
	}
	if raw := w.up.Raw(); raw != "" {
		t.Errorf("the upstream read %q", raw)
	}
	if got := w.h2(t, "app.test", append(get[:6:6], "host", "app.test")...); got != "200" {
		t.Errorf("the same host twice: %s, want 200", got)
	}
}

// T50: the upstream sees one request at most, and never the hidden one.
func TestSmuggledRequestsReachNoUpstream(t *testing.T) {
	hidden := "GET /hidden HTTP/1.1\r\nHost: app.test\r\n\r\n"
	for _, tt := range []struct{ name, raw string }{
		{"CL.TE", "POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden},
		{"TE.CL", "POST / HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n" + fmt.Sprintf("%x", len(hidden)) + "\r\n" + hidden + "\r\n0\r\n\r\n"},
		{"TE twice", "POST / HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + hidden},
		{"TE obscure", "POST / HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: xchunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + hidden},
		{"TE with a vertical tab", "POST / HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding:\x0bchunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + hidden},
		{"TE with a space before the colon", "POST / HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding : chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + hidden},
		{"TE in HTTP/1.0", "POST / HTTP/1.0\r\nHost: app.test\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden},
		{"two lengths", "POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 0\r\nContent-Length: 44\r\n\r\n" + hidden},
		{"list of lengths", "POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 0, 44\r\n\r\n" + hidden},
		{"signed length", "POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: +0\r\n\r\n" + hidden},
		{"bad chunk size", "POST / HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n" + hidden},
		{"CONNECT", "CONNECT app.test:80 HTTP/1.1\r\nHost: app.test:80\r\n\r\n" + hidden},
		{"refused upgrade", "GET / HTTP/1.1\r\nHost: app.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"},
	} {
		w := newWorld(t, nil)
		c := w.dial()
		c.send(tt.raw)
		res, err := http.ReadResponse(c.r, nil)
		if err != nil {
			t.Errorf("%s: no answer: %v", tt.name, err)
			continue
		}
		_, _ = io.Copy(io.Discard, res.Body)
		if !res.Close || !c.closed() {
			t.Errorf("%s: status %d, and the connection stays open", tt.name, res.StatusCode)
		}
		for _, r := range w.up.Requests() {
			if r.Target != "/" {
				t.Errorf("%s: the upstream read %q", tt.name, w.up.Raw())
			}
		}
	}
}

// T50: an unfinished body ends the upstream's request unfinished.
func TestBrokenChunkIsTheClientsFault(t *testing.T) {
	w := newWorld(t, nil)
	c := w.dial()
	c.send("POST / HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n")
	res, _ := c.read()
	if res.StatusCode != http.StatusBadRequest || !c.closed() {
		t.Errorf("status %d, want 400 and a closed connection", res.StatusCode)
	}
	if strings.HasSuffix(w.up.Raw(), "0\r\n\r\n") {
		t.Errorf("the upstream read a finished body: %q", w.up.Raw())
	}
}

// Mistake 2: only protocols that the route allows leave HTTP.
func TestUpgradesThatTheRouteDoesNotAllowAreRefused(t *testing.T) {
	w := newWorld(t, func(s *setup) {
		s.routes = []*config.Route{route("none", "app.test"), route("ws", "ws.test"), route("spdy", "spdy.test")}
		s.routes[1].WebSockets = true
		s.routes[2].SPDY = true
		s.up.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Connection", "Upgrade")
			w.Header().Set("Upgrade", r.Header.Get("Upgrade"))
			w.WriteHeader(http.StatusSwitchingProtocols)
		})
	})
	const key = "Sec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n"
	for _, tt := range []struct {
		host, headers string
		status        int
	}{
		{"app.test", "Connection: Upgrade\nUpgrade: websocket\n" + key, 403},
		{"app.test", "Connection: Upgrade, HTTP2-Settings\nUpgrade: h2c\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\n", 403},
		{"ws.test", "Connection: Upgrade, HTTP2-Settings\nUpgrade: h2c\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\n", 403},
		{"ws.test", "Connection: Upgrade\nUpgrade: websocket, h2c\n" + key, 403},
		{"ws.test", "Connection: Upgrade\nUpgrade: websocket\nUpgrade: h2c\n" + key, 403},
		{"ws.test", "Connection: Upgrade\nUpgrade: xyz\n", 403},
		{"ws.test", "Connection: Upgrade\nUpgrade: spdy/3.1\n", 403},
		{"ws.test", "Connection: Upgrade\nUpgrade: TLS/1.2\n", 403},
		{"ws.test", "Upgrade: websocket\n" + key, 400},
		{"ws.test", "Connection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 777\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n", 400},
		{"ws.test", "Connection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\n", 400},
		{"ws.test", "Connection: Upgrade\nUpgrade: websocket\nContent-Length: 3\n" + key + "\nabc", 400},
		{"spdy.test", "Connection: Upgrade\nUpgrade: websocket\n" + key, 403},
	} {
		text := "GET / HTTP/1.1\nHost: " + tt.host + "\n" + tt.headers
		if !strings.HasSuffix(text, "abc") {
			text += "\n"
		}
		status, _ := w.raw(text)
		if status != tt.status || len(w.up.Requests()) != 0 {
			t.Errorf("%s %q: status %d with %d forwarded, want %d", tt.host, tt.headers, status, len(w.up.Requests()), tt.status)
		}
	}
	// An upstream that switches to WebSocket without having understood is not believed.
	if status, _ := w.raw("GET / HTTP/1.1\nHost: ws.test\nConnection: Upgrade\nUpgrade: websocket\n" + key + "\n"); status != http.StatusBadGateway {
		t.Errorf("wrong Sec-WebSocket-Accept: status %d, want 502", status)
	}
	c := w.dial()
	c.send("GET / HTTP/1.1\nHost: spdy.test\nConnection: upgrade\nUpgrade: SPDY/3.1\n\n")
	if res, err := http.ReadResponse(c.r, nil); err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Errorf("allowed SPDY: %v, %v", res, err)
	}
}

func TestSwitchOfProtocolsThatNobodyAskedForIsBadGateway(t *testing.T) {
	for _, answer := range []string{
		"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\nGET /forged",
		"HTTP/1.1 101 Switching Protocols\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged",
	} {
		w := newWorld(t, func(s *setup) {
			s.up.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				c, _, err := http.NewResponseController(w).Hijack()
				if err == nil {
					_, _ = io.WriteString(c, answer)
					_ = c.Close()
				}
			})
		})
		if status, body := w.raw("GET / HTTP/1.1\nHost: app.test\n\n"); status != http.StatusBadGateway || strings.Contains(body, "forged") {
			t.Errorf("status %d %q, want 502", status, body)
		}
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

var _ = upstreamtest.HTTP1
