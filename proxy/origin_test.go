package proxy

import (
	"bufio"
	"net/http"
	"testing"

	"sallyport/config"
)

// handshake opens a WebSocket with further header lines and returns the status.
func (w *world) handshake(host, lines string) int {
	w.t.Helper()
	c := w.dial()
	defer c.Close()
	c.send("GET /_/websocket HTTP/1.1\nHost: " + host + "\nConnection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n" + lines + "\n")
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return res.StatusCode
}

// Cross-site WebSocket hijacking: a page elsewhere opens a connection that the
// browser sends the person's cookie with.
func TestWebSocketOfAForeignPageIsRefusedWhereASessionCounts(t *testing.T) {
	const foreign, alice = "Origin: https://evil.test\n", "Cookie: __Host-sp=alice\n"
	w := newWorld(t, func(s *setup) {
		listing, port, plain := route("list", "list.test"), route("port", "port.test:8443"), route("plain", "http://plain.test")
		listing.CORS.AllowOrigins = []string{"https://friend.test"}
		s.routes = []*config.Route{route("app", "app.test"), listing, port, plain}
		for _, r := range s.routes {
			r.WebSockets = true
		}
	})
	for _, tt := range []struct {
		host, lines string
		want        int
	}{
		{"app.test", alice, 101},
		{"app.test", alice + "Origin: https://app.test\n", 101},
		{"app.test", alice + "Origin: https://app.test:443\n", 101},
		{"app.test:443", alice + "Origin: https://app.test\n", 101},
		{"APP.test.", alice + "Origin: https://app.test\n", 101},
		{"app.test", alice + foreign, 403},
		{"app.test", alice + "Origin: null\n", 403},
		{"app.test", alice + "Origin: \n", 403},
		{"app.test", alice + "Origin: http://app.test\n", 403},
		{"app.test", alice + "Origin: https://app.test:8443\n", 403},
		{"app.test", alice + "Origin: https://other.app.test\n", 403},
		{"app.test", alice + "Origin: https://app.test.evil.test\n", 403},
		{"app.test", alice + "Origin: https://app.test@evil.test\n", 403},
		{"app.test", alice + "Origin: https://app.test/x\n", 403},
		{"app.test", alice + "Origin: https://app.test, https://evil.test\n", 403},
		{"app.test", alice + "Origin: https://app.test\nOrigin: https://evil.test\n", 403},
		{"app.test", alice + foreign + "X-Forwarded-Host: evil.test\n", 403},
		{"app.test", foreign, 101}, // nobody's session rides along
		{"list.test", alice + "Origin: https://friend.test\n", 101},
		{"list.test", alice + "Origin: https://list.test\n", 101},
		{"list.test", alice + foreign, 403},
		{"port.test:8443", alice + "Origin: https://port.test:8443\n", 101},
		{"port.test:8443", alice + "Origin: https://port.test\n", 403},
		{"plain.test", alice + "Origin: http://plain.test\n", 101},
		{"plain.test:80", alice + "Origin: http://plain.test\n", 101},
		{"plain.test", alice + "Origin: https://plain.test\n", 403},
	} {
		before := len(w.up.Requests())
		if got := w.handshake(tt.host, tt.lines); got != tt.want {
			t.Errorf("%s %q: status %d, want %d", tt.host, tt.lines, got, tt.want)
		}
		if forwarded := len(w.up.Requests()) - before; tt.want == 403 && forwarded != 0 {
			t.Errorf("%s %q: refused, and forwarded %d times", tt.host, tt.lines, forwarded)
		}
	}
	w.people.anon = true // the policy lets everybody in: the session does not count
	if got := w.handshake("app.test", alice+foreign); got != 101 {
		t.Errorf("public route: status %d, want 101", got)
	}
}

// Other requests of foreign pages are the browser's matter: CORS and SameSite.
func TestForeignOriginRefusesNothingButUpgrades(t *testing.T) {
	w := newWorld(t, nil)
	if status, _ := w.raw("POST / HTTP/1.1\nHost: app.test\nCookie: __Host-sp=alice\nOrigin: https://evil.test\nContent-Length: 0\n\n"); status != 200 {
		t.Errorf("status %d, want 200", status)
	}
}
