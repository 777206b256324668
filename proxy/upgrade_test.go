package proxy

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"sallyport/config"
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
