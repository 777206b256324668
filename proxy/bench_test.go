package proxy

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"testing"

	"sallyport/config"
	"sallyport/identity"
	"sallyport/policy"
	"sallyport/session"
)

// benchUpstream answers 1 KiB and costs as little as net/http can.
func benchUpstream(b *testing.B) *httptest.Server {
	body := make([]byte, 1024)
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) }))
	b.Cleanup(up.Close)
	return up
}

func benchServe(b *testing.B, h http.Handler) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	srv := NewServer(h, ServerOptions{Insecure: true})
	go func() { _ = srv.Serve(ln) }()
	b.Cleanup(func() { _ = srv.Close() })
	return ln.Addr().String()
}

// benchLoad sends requests over kept connections, as cheaply as a client can.
func benchLoad(b *testing.B, addr string) {
	request := []byte("GET /some/path?x=y HTTP/1.1\r\nHost: app.test\r\nUser-Agent: bench\r\nAccept: */*\r\nCookie: __Host-sp=alice; theme=dark\r\n\r\n")
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			b.Error(err)
			return
		}
		defer c.Close()
		r := bufio.NewReader(c)
		for pb.Next() {
			if _, err := c.Write(request); err != nil {
				b.Error(err)
				return
			}
			res, err := http.ReadResponse(r, nil)
			if err != nil || res.StatusCode != http.StatusOK {
				b.Errorf("%v, %v", res, err)
				return
			}
			_, _ = io.Copy(io.Discard, res.Body)
		}
	})
}

// BenchmarkForward compares the whole way through the proxy, signed in and with
// an assertion, with ReverseProxy on the same transport and nothing else.
func BenchmarkForward(b *testing.B) {
	up := benchUpstream(b)
	u := mustURL(b, up.URL)
	b.Run("bare", func(b *testing.B) {
		pool, err := NewTransports(nil).pool(protocolH1, "", defaultConnectTimeout, config.UpstreamTLS{})
		if err != nil {
			b.Fatal(err)
		}
		benchLoad(b, benchServe(b, &httputil.ReverseProxy{
			Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(u) }, Transport: pool.transport, BufferPool: newBuffers(),
		}))
	})
	for _, routes := range []int{1, 10_000} {
		b.Run(fmt.Sprintf("identity/%d", routes), func(b *testing.B) {
			benchLoad(b, benchServe(b, benchHandler(b, u.String(), routes)))
		})
	}
}

func benchHandler(b *testing.B, to string, n int) *Handler {
	routes := manyRoutes("hosts", n-1)
	app := route("app", "app.test")
	app.PassIdentityHeaders = true
	routes = append(routes, app)
	for _, r := range routes {
		r.To = []config.Upstream{{URL: mustURL(b, to)}}
	}
	claims := claimHeaders("email", "groups")
	p := &people{}
	alice := aSession("alice")
	h, err := New(Options{
		Routes: routes, Authenticator: p, Authorizer: p, Assertions: assertions(b, AssertionOptions{ClaimsHeaders: claims}),
		Transports: NewTransports(nil), Streams: NewStreams(nil), Render: renderCode, Logger: slog.New(slog.DiscardHandler),
		Hygiene: config.Hygiene{MergeSlashes: true, NormalizePath: true}, Identity: config.Identity{ClaimsHeaders: claims},
		Upstream: config.UpstreamDefaults{Timeout: 30e9},
	})
	if err != nil {
		b.Fatal(err)
	}
	always := alwaysAlice{p, alice}
	h.o.Authenticator, h.o.Authorizer = always, always
	return h
}

func BenchmarkAssertionFromMemory(b *testing.B) {
	a := assertions(b, AssertionOptions{ClaimsHeaders: claimHeaders("email")})
	s := aSession("alice")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.tell(s, nil, "app.test", "", nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTarget(b *testing.B) {
	p := pathRules(b, nil)
	for _, raw := range []string{"/some/ordinary/path?with=query", "/a%20b/../c//d"} {
		b.Run(raw, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = p.read(raw)
			}
		})
	}
}

// alwaysAlice signs everybody in and lets everybody through at no cost.
type alwaysAlice struct {
	*people
	alice *session.Session
}

func (a alwaysAlice) Session(*http.Request, *config.Route) (*session.Session, error) {
	return a.alice, nil
}

func (a alwaysAlice) Check(*config.Route, *session.Session, policy.Request) (policy.Decision, *identity.Person) {
	return policy.Decision{Effect: policy.Allow}, nil
}

func (a alwaysAlice) Decide(r *config.Route, s *session.Session, req policy.Request) (policy.Decision, *identity.Person) {
	return a.Check(r, s, req)
}

// BenchmarkRecheck decides 10,000 streams of as many people anew, among as many
// routes.
func BenchmarkRecheck(b *testing.B) {
	h := benchHandler(b, "http://127.0.0.1:1", 10_000)
	s := h.o.Streams
	r := httptest.NewRequest("GET", "https://app.test/x", nil)
	app, _ := h.gate.router.Match("app.test", "/x")
	for i := range 10_000 {
		alice := aSession(fmt.Sprint("alice", i))
		x := &exchange{h: h, r: r, host: "app.test", target: target{match: "/x"}, plan: h.plans[app], session: alice}
		s.add(&stream{session: alice.ID, x: x, end: func(ending) {}})
	}
	for b.Loop() {
		if n := s.Recheck(b.Context(), h, func(string) bool { return true }); n != 0 {
			b.Fatalf("%d were cut", n)
		}
	}
}
