package proxy

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"sallyport/config"
	"sallyport/internal/weberr"
)

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

func TestHandshakesAreWholeOrRefused(t *testing.T) {
	handshake := func(change func(*http.Request)) *http.Request {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header = http.Header{"Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="}, "Sec-Websocket-Version": {"13"}, "Connection": {"keep-alive, Upgrade"}, "Upgrade": {"WebSocket"}}
		change(r)
		return r
	}
	for _, tt := range []struct {
		name   string
		change func(*http.Request)
		status int // 0: let through
	}{
		{"whole", func(*http.Request) {}, 0},
		{"another method", func(r *http.Request) { r.Method = "POST" }, 400},
		{"no key", func(r *http.Request) { r.Header.Del("Sec-Websocket-Key") }, 400},
		{"a key that is no base64", func(r *http.Request) { r.Header.Set("Sec-Websocket-Key", "dGhlIHNhbXBsZSBub25jZQ==!") }, 400},
		{"a short key", func(r *http.Request) { r.Header.Set("Sec-Websocket-Key", "dGhl") }, 400},
		{"two keys", func(r *http.Request) { r.Header.Add("Sec-Websocket-Key", "dGhlIHNhbXBsZSBub25jZQ==") }, 400},
		{"another version", func(r *http.Request) { r.Header.Set("Sec-Websocket-Version", "8") }, 400},
		{"with a body", func(r *http.Request) { r.ContentLength = 1 }, 400},
		{"without Connection", func(r *http.Request) { r.Header.Del("Connection") }, 400},
		{"HTTP/1.0", func(r *http.Request) { r.ProtoMinor = 0 }, 400},
		{"HTTP/2", func(r *http.Request) { r.ProtoMajor, r.ProtoMinor = 2, 1 }, 400},
		{"two protocols", func(r *http.Request) { r.Header.Add("Upgrade", "foo") }, 403},
		{"another protocol", func(r *http.Request) { r.Header.Set("Upgrade", "bar") }, 403},
		{"one that is allowed, with a body", func(r *http.Request) {
			r.Header.Set("Upgrade", "FOO/1")
			r.ContentLength = 1
		}, 0},
	} {
		p := &plan{route: route("app", "app.test")}
		p.setUpgrades(&config.Route{WebSockets: true, Upgrades: []string{"Foo/1"}}, config.Hygiene{})
		rec := httptest.NewRecorder()
		x := &exchange{w: rec, plan: p, r: handshake(tt.change)}
		err := x.checkUpgrade()
		if status := 0; err != nil {
			status = weberr.As(err).HTTPStatus()
			if status != tt.status {
				t.Errorf("%s: %v, want status %d", tt.name, err, tt.status)
			}
		} else if tt.status != 0 || x.upgrade == "" {
			t.Errorf("%s: let through as %q, want status %d", tt.name, x.upgrade, tt.status)
		}
		if closes := rec.Header().Get("Connection") == "close"; closes != (err != nil && x.r.ProtoMajor == 1) {
			t.Errorf("%s: the connection is closed: %t", tt.name, closes)
		}
	}
	if got := newUpgrades(&config.Route{SPDY: true}, "Bar"); strings.Join(got, " ") != "spdy/3.1 bar" {
		t.Errorf("upgrades %q, want those of the route and of all routes, in lower case", got)
	}
}

func newUpgrades(r *config.Route, everywhere ...string) []string {
	p := &plan{}
	p.setUpgrades(r, config.Hygiene{AllowUpgrades: everywhere})
	return p.upgrades
}

func TestASwitchAnswersWhatWasAsked(t *testing.T) {
	const key = "dGhlIHNhbXBsZSBub25jZQ=="
	for _, tt := range []struct {
		name, asked, said, accept string
		want                      bool
	}{
		{"a WebSocket", "websocket", " WebSocket ", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", true}, // RFC 6455 1.3
		{"a wrong key", "websocket", "websocket", "s3pPLMBiTxaQ9kYGzzhZRbK+xOp=", false},
		{"another protocol", "websocket", "foo", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", false},
		{"nobody asked", "", "", "", false},
		{"another one", "foo", "foo", "", true},
		{"another one, unasked", "foo", "bar", "", false},
	} {
		x := &exchange{upgrade: tt.asked, r: &http.Request{Header: http.Header{"Sec-Websocket-Key": {key}}}}
		res := &http.Response{Header: http.Header{"Upgrade": {tt.said}, "Sec-Websocket-Accept": {tt.accept}}}
		if err := x.checkSwitch(res); (err == nil) != tt.want {
			t.Errorf("%s: %v, want it believed: %t", tt.name, err, tt.want)
		}
	}
}

func TestUpgradesOfForeignPagesEndTheirConnection(t *testing.T) {
	p := &plan{route: route("app", "app.test")}
	for origin, refused := range map[string]bool{"https://app.test": false, "https://APP.test:443": false, "https://evil.test": true, "http://app.test": true, "null": true, "app.test": true, "https://": true, "https://app.test/x": true, "https:app.test": true} {
		rec := httptest.NewRecorder()
		x := &exchange{w: rec, plan: p, host: "app.test", upgrade: "websocket", session: aSession("alice"), r: &http.Request{Header: http.Header{"Origin": {origin}}}}
		if err := x.checkOrigin(); (err != nil) != refused || (rec.Header().Get("Connection") == "close") != refused {
			t.Errorf("%s: %v, Connection %q; want it refused and closed: %t", origin, err, rec.Header().Get("Connection"), refused)
		}
	}
}

// The client may have sent more than HTTP behind its question.
func TestAnUpgradeThatTheUpstreamDeclinesEndsItsConnection(t *testing.T) {
	w := newWorld(t, func(s *setup) {
		s.routes[0].WebSockets = true
		s.up.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "no") })
	})
	c := w.dial()
	c.send("GET / HTTP/1.1\nHost: app.test\nConnection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\nSec-WebSocket-Version: 13\n\n")
	if res, body := c.read(); res.StatusCode != 200 || body != "no" || res.Header.Get("Connection") != "close" && !res.Close {
		t.Errorf("%d %q, Connection %q; want the answer and an end", res.StatusCode, body, res.Header.Get("Connection"))
	}
}
