package server_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"sallyport/internal/harness"
)

// beat is how often something passes through an open stream of these tests.
const beat = 20 * time.Millisecond

// beating is an application that never ends by itself: it sends by WebSocket, by
// events, as a download, reads an upload, or says nothing at all.
func beating(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/ws":
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
		if err != nil {
			return
		}
		defer c.CloseNow()
		every(c.CloseRead(r.Context()), func() error { return c.Write(r.Context(), websocket.MessageText, []byte("beat")) })
	case "/events":
		w.Header().Set("Content-Type", "text/event-stream")
		drip(w, r, "data: beat\n\n")
	case "/download":
		w.Header().Set("Content-Length", "1000000000")
		drip(w, r, strings.Repeat("x", 1000))
	case "/upload":
		_, _ = io.Copy(io.Discard, r.Body)
	case "/wait":
		<-r.Context().Done()
	default:
		harness.Echo(w, r)
	}
}

func every(ctx context.Context, do func() error) {
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for do() == nil {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func drip(w http.ResponseWriter, r *http.Request, text string) {
	every(r.Context(), func() error {
		if _, err := io.WriteString(w, text); err != nil {
			return err
		}
		return http.NewResponseController(w).Flush()
	})
}

// live is one open stream of somebody.
type live struct {
	kind  string
	beats atomic.Int64 // what has come through
	quiet bool         // nothing ever does
	end   chan string  // how it ended, in the words of ended
}

// started waits until something came through.
func (l *live) started(t *testing.T) {
	t.Helper()
	until(t, "a beat of "+l.kind, func() bool { return l.quiet || l.beats.Load() > 0 })
}

// ended waits until the stream is over and says how.
func (l *live) ended(t *testing.T) string {
	t.Helper()
	select {
	case how := <-l.end:
		return how
	case <-time.After(time.Minute):
		return "is open still"
	}
}

// goesOn waits for more to come through.
func (l *live) goesOn(t *testing.T) {
	t.Helper()
	before := l.beats.Load()
	until(t, "another beat of "+l.kind, func() bool { return l.quiet || l.beats.Load() > before })
	select {
	case how := <-l.end:
		t.Errorf("%s of somebody else ended: %s", l.kind, how)
	default:
	}
}

// visitor opens streams in the name of a browser's session.
type visitor struct {
	t    *testing.T
	w    *harness.World
	b    *harness.Browser
	host string
	all  []*live
}

func (v *visitor) cookie() string {
	var pairs []string
	for name, value := range v.b.Cookies(v.host + ".localhost") {
		pairs = append(pairs, name+"="+value)
	}
	return strings.Join(pairs, "; ")
}

func (v *visitor) open(kind string) *live {
	l := &live{kind: kind, end: make(chan string, 1)}
	v.all = append(v.all, l)
	return l
}

func (v *visitor) transport(h2 bool) *http.Transport {
	tr := &http.Transport{DialContext: harness.DialLoopback, TLSClientConfig: insecure.Clone(), ForceAttemptHTTP2: h2}
	if !h2 {
		tr.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
	}
	v.t.Cleanup(tr.CloseIdleConnections)
	return tr
}

// openAll opens one stream of every kind.
func (v *visitor) openAll() {
	v.webSocket()
	for _, h2 := range []bool{false, true} {
		v.request(h2, "GET", "/events", nil)
		v.request(h2, "GET", "/download", nil)
		v.request(h2, "PUT", "/upload", nil)
		v.request(h2, "GET", "/wait", nil)
	}
	v.calls()
	for _, l := range v.all {
		l.started(v.t)
	}
}

func (v *visitor) webSocket() {
	v.t.Helper()
	c, err := dialWebSocket(v.t, v.w, v.b, v.host)
	if err != nil {
		v.t.Fatal(err)
	}
	v.t.Cleanup(func() { _ = c.CloseNow() })
	l := v.open("WebSocket")
	go func() {
		for {
			if _, _, err := c.Read(v.t.Context()); err != nil {
				l.end <- fmt.Sprintf("closed %d", websocket.CloseStatus(err))
				return
			}
			l.beats.Add(1)
		}
	}()
}

// request sends a request whose answer, or whose body, does not end.
func (v *visitor) request(h2 bool, method, path string, body io.Reader) {
	l := v.open(fmt.Sprintf("%s, HTTP/2 %t", path, h2))
	l.quiet = path == "/wait"
	if path == "/upload" {
		r, w := io.Pipe()
		body = r
		go every(v.t.Context(), func() error { _, err := w.Write(make([]byte, 1000)); l.beats.Add(1); return err })
		v.t.Cleanup(func() { _ = r.Close() })
	}
	req, err := http.NewRequestWithContext(v.t.Context(), method, v.w.URL(v.host, path), body)
	if err != nil {
		v.t.Fatal(err)
	}
	req.Header.Set("Cookie", v.cookie())
	go func() {
		res, err := v.transport(h2).RoundTrip(req)
		if err != nil {
			l.end <- "no answer: " + err.Error()
			return
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusOK {
			l.end <- fmt.Sprintf("answered %d", res.StatusCode)
			return
		}
		for buf := make([]byte, 4096); ; l.beats.Add(1) {
			switch _, err := res.Body.Read(buf); err {
			case nil:
			case io.EOF:
				l.end <- "came to an end that looks whole"
				return
			default:
				l.end <- "broke off"
				return
			}
		}
	}()
}

// calls opens a gRPC call that is sent to and one that both sides send on.
func (v *visitor) calls() {
	v.t.Helper()
	cc, err := grpc.NewClient("passthrough:///call.localhost:"+v.w.Port,
		grpc.WithTransportCredentials(credentials.NewTLS(insecure.Clone())),
		grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) {
			return harness.DialLoopback(ctx, "tcp", addr)
		}))
	if err != nil {
		v.t.Fatal(err)
	}
	v.t.Cleanup(func() { _ = cc.Close() })
	caller := visitor{host: "call", b: v.b}
	ctx := metadata.AppendToOutgoingContext(v.t.Context(), "cookie", caller.cookie())
	watch, err := healthpb.NewHealthClient(cc).Watch(ctx, &healthpb.HealthCheckRequest{})
	if err != nil {
		v.t.Fatal(err)
	}
	v.receive("gRPC server stream", watch, new(healthpb.HealthCheckResponse))
	talk, err := cc.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/echo/Talk")
	if err != nil {
		v.t.Fatal(err)
	}
	v.receive("gRPC both ways", talk, new(healthpb.HealthCheckRequest))
	go every(ctx, func() error { return talk.SendMsg(&healthpb.HealthCheckRequest{Service: "beat"}) })
}

func (v *visitor) receive(kind string, s grpc.ClientStream, into any) {
	l := v.open(kind)
	go func() {
		for {
			if err := s.RecvMsg(into); err != nil {
				l.end <- "call ended: " + status.Code(err).String()
				return
			}
			l.beats.Add(1)
		}
	}()
}
