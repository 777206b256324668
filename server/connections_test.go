package server_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"sallyport/internal/harness"
)

// client is a connection from an address of this machine.
type client struct {
	*tls.Conn
	r *bufio.Reader
}

// connect opens one, nil where it is refused.
func connect(t *testing.T, w *harness.World, from string) *client {
	t.Helper()
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: time.Minute}
	c, err := tls.DialWithDialer(dialer, "tcp", "127.0.0.1:"+w.Port, &tls.Config{InsecureSkipVerify: true, ServerName: "public.localhost"})
	if err != nil {
		return nil
	}
	t.Cleanup(func() { c.Close() })
	return &client{c, bufio.NewReader(c)}
}

func (c *client) get(w *harness.World) int {
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: public.localhost:%s\r\n\r\n", w.Port)
	res, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return 0
	}
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode
}

// T53: whoever opens connections and does nothing with them leaves half of them to
// others, and all together leave descriptors for the work.
func TestConnectionsAreBoundedInAllAndForEachAddress(t *testing.T) {
	w := harness.Start(t, harness.Options{MaxConnections: 8})
	var idle []*client
	for range 4 {
		idle = append(idle, connect(t, w, "127.0.0.2"))
	}
	if connect(t, w, "127.0.0.2") != nil {
		t.Error("a fifth connection of one address, of eight in all, was taken")
	}
	other := connect(t, w, "127.0.0.3")
	if other == nil || other.get(w) != 200 {
		t.Fatal("somebody else is refused")
	}
	for _, from := range []string{"127.0.0.3", "127.0.0.4", "127.0.0.5"} {
		if connect(t, w, from) == nil {
			t.Fatalf("%s is refused", from)
		}
	}
	if connect(t, w, "127.0.0.6") != nil {
		t.Error("a ninth connection was taken")
	}
	if idle[0].get(w) != 200 || other.get(w) != 200 {
		t.Error("those who were taken are not served")
	}
	until(t, "the log tells it", func() bool { return strings.Contains(w.Log.String(), "connections are refused") })
	idle[0].Close()
	until(t, "a connection that was closed makes room", func() bool { return connect(t, w, "127.0.0.6") != nil })
	if log := w.Log.String(); strings.Count(log, "connections are refused") != 1 {
		t.Error("the log tells it more than once")
	}
}

// Trusted proxies bring everybody's connections; what has left HTTP counts until it
// ends.
func TestTrustedProxiesAndWebSocketsCountAsConnections(t *testing.T) {
	w := harness.Start(t, harness.Options{
		MaxConnections: 4, Upstream: http.HandlerFunc(beating),
		Extra: "trusted_proxies: [127.0.0.7]",
		Routes: `
  - {name: public, from: "https://public.localhost:%[1]s", to: "%[2]s", allow_websockets: true, allow_public_unauthenticated_access: true}
`,
	})
	for i := range 3 {
		if connect(t, w, "127.0.0.7") == nil {
			t.Fatalf("connection %d of a trusted proxy is refused", i+1)
		}
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DialContext: harness.DialLoopback}
	ws, _, err := websocket.Dial(t.Context(), "wss://public.localhost:"+w.Port+"/ws", &websocket.DialOptions{HTTPClient: &http.Client{Transport: transport}})
	if err != nil {
		t.Fatal(err)
	}
	if connect(t, w, "127.0.0.8") != nil {
		t.Error("a WebSocket does not count")
	}
	_ = ws.CloseNow()
	until(t, "a WebSocket that ended makes room", func() bool { return connect(t, w, "127.0.0.8") != nil })
}
