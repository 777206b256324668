package proxy

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"sallyport/config"
	"sallyport/internal/upstreamtest"
	"sallyport/internal/weberr"
)

func tlsPair(t *testing.T, c config.Certificate) *tls.Certificate {
	t.Helper()
	pair, err := tls.X509KeyPair(c.Cert, c.Key)
	if err != nil {
		t.Fatal(err)
	}
	return &pair
}

func TestEveryKindOfUpstreamIsReached(t *testing.T) {
	cert, _ := certificate(t, "upstream.test")
	for kind, want := range map[upstreamtest.Kind]string{
		upstreamtest.HTTP1: "HTTP/1.1", upstreamtest.H2C: "HTTP/2.0", upstreamtest.TLS: "HTTP/2.0", upstreamtest.Unix: "HTTP/1.1",
	} {
		w := newWorld(t, func(s *setup) {
			s.up = upstreamtest.Options{Kind: kind, Certificate: tlsPair(t, cert)}
			s.routes[0].TLS = config.UpstreamTLS{CA: cert.Cert, ServerName: "upstream.test"}
		})
		for _, h2 := range []bool{false, true} {
			req, _ := http.NewRequestWithContext(t.Context(), "POST", "https://app.test/a%20b?c=d", strings.NewReader("hello"))
			res, body := w.do(w.client(h2), req)
			got := w.up.Last()
			if res.StatusCode != 200 || got.Proto != want || got.Target != "/a%20b?c=d" || got.Body != "hello" || !strings.HasSuffix(body, "\n\nhello") {
				t.Errorf("%s, HTTP/2 in front %t: %d, upstream read %+v", w.up.URL(), h2, res.StatusCode, got)
			}
			wantVia := map[bool]string{false: "1.1 sallyport", true: "2.0 sallyport"}[h2]
			if got.Header.Get("Via") != wantVia || got.Header.Get("X-Forwarded-Host") != "app.test" {
				t.Errorf("%s: headers %v", w.up.URL(), got.Header)
			}
		}
	}
}

func TestUpstreamsAreVerified(t *testing.T) {
	cert, _ := certificate(t, "upstream.test")
	other, _ := certificate(t, "upstream.test")
	for _, tt := range []struct {
		name string
		tls  config.UpstreamTLS
		want int
	}{
		{"unknown authority", config.UpstreamTLS{}, 502},
		{"another authority", config.UpstreamTLS{CA: other.Cert, ServerName: "upstream.test"}, 502},
		{"another name", config.UpstreamTLS{CA: cert.Cert, ServerName: "elsewhere.test"}, 502},
		{"its own address", config.UpstreamTLS{CA: cert.Cert}, 200},
		{"the name it has", config.UpstreamTLS{CA: cert.Cert, ServerName: "upstream.test"}, 200},
		{"not verified", config.UpstreamTLS{SkipVerify: true}, 200},
	} {
		w := newWorld(t, func(s *setup) {
			s.up = upstreamtest.Options{Kind: upstreamtest.TLS, Certificate: tlsPair(t, cert)}
			s.routes[0].TLS = tt.tls
		})
		if got, _ := w.raw("GET / HTTP/1.1\nHost: app.test\n\n"); got != tt.want {
			t.Errorf("%s: status %d, want %d", tt.name, got, tt.want)
		}
	}
	for name, bad := range map[string]config.UpstreamTLS{"CA": {CA: []byte("x")}, "pair": {Certificate: &config.Certificate{Cert: []byte("x")}}} {
		if _, err := clientTLS(bad); err == nil {
			t.Errorf("%s: garbage was accepted", name)
		}
	}
}

func TestUpstreamsTakeTurnsByWeight(t *testing.T) {
	for _, tt := range []struct {
		weights []int
		want    string
	}{
		{[]int{0}, "[0]"},
		{[]int{0, 0, 0}, "[0 1 2]"},
		{[]int{3, 1}, "[0 0 1 0]"},
		{[]int{5, 1, 1}, "[0 0 1 0 2 0 0]"},
	} {
		var to []config.Upstream
		for _, w := range tt.weights {
			to = append(to, config.Upstream{Weight: w})
		}
		if got := fmt.Sprint(turns(to)); got != tt.want {
			t.Errorf("weights %v: %s, want %s", tt.weights, got, tt.want)
		}
	}
	count := [2]int{}
	order := turns([]config.Upstream{{Weight: 3_000_000}, {Weight: 1_000_000}})
	for _, i := range order {
		count[i]++
	}
	if len(order) > 1024 || count[0] < 2*count[1] || count[0] > 4*count[1] {
		t.Errorf("large weights: %d turns, %v", len(order), count)
	}
}

// T54: what has not been sent may go to another upstream; nothing else is
// repeated.
func TestAnotherUpstreamIsTriedOnlyIfNothingWasSent(t *testing.T) {
	down, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead := "http://" + down.Addr().String() + "/base"
	down.Close()
	w := newWorld(t, func(s *setup) {
		s.routes[0].To = []config.Upstream{{URL: mustURL(t, dead)}}
	})
	if code, body := w.raw("GET / HTTP/1.1\nHost: app.test\n\n"); code != 502 || body != "upstream-unreachable\n" {
		t.Errorf("one dead upstream: %d %q", code, body)
	}
	w = newWorld(t, nil)
	w.handler.plans[w.o.Routes[0]].upstreams = append(w.handler.plans[w.o.Routes[0]].upstreams, &upstream{
		name: "dead", scheme: "http", addr: down.Addr().String(), host: "dead", base: "/base",
		pool: w.handler.plans[w.o.Routes[0]].upstreams[0].pool, h1: w.handler.plans[w.o.Routes[0]].upstreams[0].h1,
	})
	w.handler.plans[w.o.Routes[0]].turn = []int{1}
	for range 3 {
		if code, body := w.raw("POST /x HTTP/1.1\nHost: app.test\nContent-Length: 5\n\nhello"); code != 200 || !strings.HasPrefix(body, "POST /x ") || !strings.HasSuffix(body, "\n\nhello") {
			t.Errorf("one of two is dead: %d %q", code, body)
		}
	}
	if n := len(w.up.Requests()); n != 3 {
		t.Errorf("%d requests arrived, want 3", n)
	}

	reads := 0
	w = newWorld(t, func(s *setup) {
		s.up.Handler = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reads++; panic(http.ErrAbortHandler) })
		s.routes[0].To = nil
	})
	p := w.handler.plans[w.o.Routes[0]]
	p.upstreams = append(p.upstreams, p.upstreams[0])
	if code, _ := w.raw("POST / HTTP/1.1\nHost: app.test\nContent-Length: 5\n\nhello"); code != 502 || reads != 1 {
		t.Errorf("broken while answering: status %d after %d attempts, want 502 after one", code, reads)
	}
}

// T54: a client that leaves takes its request with it.
func TestClientThatLeavesCancelsTheUpstream(t *testing.T) {
	w := newWorld(t, nil)
	c := w.dial()
	c.send("GET /_/hang HTTP/1.1\nHost: app.test\n\n")
	w.up.WaitRequests(1)
	c.Close()
	w.up.WaitGone(1)
}

// T54: an answer that breaks off is seen to break off.
func TestAnswerThatBreaksOffIsSeenToBreakOff(t *testing.T) {
	w := newWorld(t, nil)
	for _, h2 := range []bool{false, true} {
		req, _ := http.NewRequestWithContext(t.Context(), "GET", "https://app.test/_/reset", nil)
		res, err := w.client(h2).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err == nil || string(body) != "begun" {
			t.Errorf("HTTP/2 %t: read %q, %v; want an error after what was sent", h2, body, err)
		}
	}
	// and leaves no dirty connection behind
	for range 3 {
		if code, body := w.raw("GET /clean HTTP/1.1\nHost: app.test\n\n"); code != 200 || !strings.HasPrefix(body, "GET /clean ") {
			t.Errorf("afterwards: %d %q", code, body)
		}
	}
}

func ms(n int) *time.Duration {
	d := time.Duration(n) * time.Millisecond
	return &d
}

func TestTimeouts(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*config.Route, *config.UpstreamDefaults)
		path   string
		code   string // "" for an answer that breaks off
	}{
		{"default, no answer", func(_ *config.Route, d *config.UpstreamDefaults) { d.Timeout = *ms(50) }, "/_/hang", "upstream-timeout"},
		{"route, no answer", func(r *config.Route, _ *config.UpstreamDefaults) { r.Timeout = ms(50) }, "/_/hang", "upstream-timeout"},
		{"idle, no answer", func(r *config.Route, _ *config.UpstreamDefaults) { r.IdleTimeout = ms(50) }, "/_/hang", "upstream-timeout"},
		{"route, half an answer", func(r *config.Route, _ *config.UpstreamDefaults) { r.Timeout = ms(50) }, "/_/slow", ""},
		{"idle, half an answer", func(r *config.Route, _ *config.UpstreamDefaults) { r.IdleTimeout = ms(50) }, "/_/slow", ""},
		{"idle, events", func(r *config.Route, _ *config.UpstreamDefaults) { r.IdleTimeout = ms(50) }, "/_/events", ""},
	} {
		w := newWorld(t, func(s *setup) { tt.change(s.routes[0], &s.o.Upstream) })
		c := w.dial()
		c.send("GET " + tt.path + " HTTP/1.1\nHost: app.test\n\n")
		res, err := http.ReadResponse(c.r, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.ReadAll(res.Body)
		if tt.code == "" && (res.StatusCode != 200 || err == nil) {
			t.Errorf("%s: %d, %v; want an answer that breaks off", tt.name, res.StatusCode, err)
		}
		if tt.code != "" && (res.StatusCode != 504 || res.Header.Get("X-Code") != tt.code) {
			t.Errorf("%s: %d %s, want 504 %s", tt.name, res.StatusCode, res.Header.Get("X-Code"), tt.code)
		}
		w.up.WaitGone(1) // the upstream is not left working for nobody
	}
}

func TestTimeoutsThatDoNotApply(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*config.Route, *config.UpstreamDefaults)
		want   [4]time.Duration // headers, total, idle, streams
	}{
		{"default", func(_ *config.Route, d *config.UpstreamDefaults) {}, [4]time.Duration{30 * time.Second, 0, defaultIdleTimeout, 0}},
		{"timeout", func(r *config.Route, _ *config.UpstreamDefaults) { r.Timeout = ms(1) }, [4]time.Duration{*ms(1), *ms(1), defaultIdleTimeout, 0}},
		{"no timeout", func(r *config.Route, _ *config.UpstreamDefaults) { r.Timeout = ms(0) }, [4]time.Duration{0, 0, defaultIdleTimeout, 0}},
		{"idle alone", func(r *config.Route, _ *config.UpstreamDefaults) { r.IdleTimeout = ms(2) }, [4]time.Duration{0, 0, *ms(2), *ms(2)}},
		{"no idle", func(r *config.Route, _ *config.UpstreamDefaults) { r.IdleTimeout = ms(0) }, [4]time.Duration{0, 0, 0, 0}},
	} {
		r, d := route("x", "x.test"), config.UpstreamDefaults{Timeout: 30 * time.Second}
		tt.change(r, &d)
		var p plan
		p.setTimeouts(r, d)
		if got := [4]time.Duration{p.headers, p.total, p.idle, p.streams}; got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// A stream of events outlives the timeout of its route.
func TestEventsFlowAtOnceAndAreNoSlowAnswer(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.routes[0].Timeout = ms(100) })
	c := w.dial()
	c.send("GET /_/events HTTP/1.1\nHost: app.test\n\n")
	res, err := http.ReadResponse(c.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 64)
	n, err := io.ReadAtLeast(res.Body, buf, 9)
	if err != nil || string(buf[:n]) != "data: 1\n\n" {
		t.Fatalf("first event: %q, %v", buf[:n], err)
	}
	timer := time.NewTimer(200 * time.Millisecond) // past the timeout, which must not fire
	<-timer.C
	w.up.Send()
	n, err = io.ReadAtLeast(res.Body, buf, 9)
	if err != nil || string(buf[:n]) != "data: 2\n\n" {
		t.Errorf("second event: %q, %v", buf[:n], err)
	}
}

// T53: a client that stops in the middle of its body is not waited for.
func TestSilentClientIsNotWaitedFor(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.o.BodyTimeout = 50 * time.Millisecond })
	c := w.dial()
	c.send("POST / HTTP/1.1\nHost: app.test\nContent-Length: 10\n\nhello")
	if res, _ := c.read(); res.StatusCode != http.StatusRequestTimeout || !c.closed() {
		t.Errorf("status %d, want 408 and a closed connection", res.StatusCode)
	}
	w.up.WaitGone(1)
}

func TestBodiesStreamBothWays(t *testing.T) {
	w := newWorld(t, func(s *setup) {
		s.up.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_ = http.NewResponseController(w).EnableFullDuplex()
			buf := make([]byte, 1)
			for {
				if _, err := io.ReadFull(r.Body, buf); err != nil {
					return
				}
				_, _ = w.Write(buf)
				_ = http.NewResponseController(w).Flush()
			}
		})
	})
	in, out := io.Pipe()
	req, _ := http.NewRequestWithContext(t.Context(), "POST", "https://app.test/", in)
	go func() { _, _ = io.WriteString(out, "a") }()
	res, err := w.client(true).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	buf := make([]byte, 1)
	for _, c := range "abc" {
		if c != 'a' {
			_, _ = io.WriteString(out, string(c))
		}
		if _, err := io.ReadFull(res.Body, buf); err != nil || buf[0] != byte(c) {
			t.Fatalf("sent %c, got %q, %v", c, buf, err)
		}
	}
	out.Close()
	if rest, err := io.ReadAll(res.Body); err != nil || len(rest) > 0 {
		t.Errorf("at the end: %q, %v", rest, err)
	}
}

func TestGRPCPassesWithTrailersAndMetadata(t *testing.T) {
	g, err := upstreamtest.StartGRPC()
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	w := newWorld(t, func(s *setup) {
		s.routes[0].To = []config.Upstream{{URL: mustURL(t, "h2c://"+g.Addr())}}
		s.routes[0].PassIdentityHeaders = true
	})
	cc, err := grpc.NewClient("passthrough:///"+w.tls, grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{ServerName: "app.test", RootCAs: w.roots})),
		grpc.WithAuthority("app.test"))
	if err != nil {
		t.Fatal(err)
	}
	defer cc.Close()
	ctx := metadata.AppendToOutgoingContext(t.Context(), "cookie", "__Host-sp=alice; a=1", "x-mine", "1", "x-pomerium-jwt-assertion", "forged")
	client := healthpb.NewHealthClient(cc)
	var trailer metadata.MD
	res, err := client.Check(ctx, &healthpb.HealthCheckRequest{}, grpc.Trailer(&trailer))
	if err != nil || res.GetStatus() != healthpb.HealthCheckResponse_SERVING || strings.Join(trailer["x-trailer"], "") != "seen" {
		t.Errorf("Check: %v, %v, trailer %v", res, err, trailer)
	}
	if _, err := client.Check(ctx, &healthpb.HealthCheckRequest{Service: "none"}); status.Code(err) != codes.NotFound {
		t.Errorf("a status in trailers: %v, want NotFound", err)
	}
	md := g.Calls()[0]
	if strings.Join(md["cookie"], "|") != "a=1" || strings.Join(md["x-mine"], "") != "1" || strings.Count(strings.Join(md["x-pomerium-jwt-assertion"], "|"), ".") != 2 || strings.Join(md["te"], "") == "gzip" {
		t.Errorf("metadata %v", md)
	}
	stream, err := client.Watch(ctx, &healthpb.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []healthpb.HealthCheckResponse_ServingStatus{healthpb.HealthCheckResponse_SERVING, healthpb.HealthCheckResponse_NOT_SERVING} {
		g.Health.SetServingStatus("", s)
		if m, err := stream.Recv(); err != nil || m.GetStatus() != s {
			t.Errorf("Watch: %v, %v; want %v", m, err, s)
		}
	}
	if n := w.streams.Count(); n != 1 {
		t.Errorf("%d streams are open, want 1", n)
	}
	if n := w.streams.CutSession("session-of-alice", "signed-out"); n != 1 {
		t.Errorf("%d were cut, want 1", n)
	}
	if m, err := stream.Recv(); err == nil {
		t.Errorf("after the cut: %v", m)
	}
}

// T38: what failed behind us is told in general words, with none of the
// client's secrets.
func TestFailuresTellNothingOfTheInside(t *testing.T) {
	w := newWorld(t, func(s *setup) {
		s.routes = []*config.Route{route("gone", "gone.test"), route("deny", "deny.test"), route("login", "in.test"), route("details", "details.test")}
		s.routes[0].To = []config.Upstream{{URL: mustURL(t, "http://127.0.0.1:1/secret")}}
		s.o.Render = func(w http.ResponseWriter, _ *http.Request, err error) {
			e := weberr.As(err)
			w.WriteHeader(e.HTTPStatus())
			fmt.Fprint(w, e.Code, e.Title, e.Message, e.Next, e.Details)
		}
	})
	for host, want := range map[string]struct {
		status int
		code   string
	}{"gone.test": {502, "upstream-unreachable"}, "deny.test": {403, "denied"}, "in.test": {401, "unauthenticated"}, "unknown.test": {404, "route-not-found"}} {
		c := w.dial()
		c.send("GET / HTTP/1.1\nHost: " + host + "\nCookie: secret=1\nAuthorization: Basic secret\n\n")
		res, body := c.read()
		if res.StatusCode != want.status || !strings.HasPrefix(body, want.code) || strings.Contains(body, "127.0.0.1") || strings.Contains(body, "secret") {
			t.Errorf("%s: %d %q", host, res.StatusCode, body)
		}
		if res.Header.Get("X-Pomerium-Intercepted-Response") != "true" {
			t.Errorf("%s: our own answer is not marked: %v", host, res.Header)
		}
	}
	if n := len(w.up.Requests()); n != 0 {
		t.Errorf("%d requests were forwarded", n)
	}
}

func TestUnauthenticatedNavigationsAreSentToSignIn(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.routes = []*config.Route{route("login", "app.test")} })
	c := w.dial()
	c.send("GET / HTTP/1.1\nHost: app.test\nAccept: text/html\n\n")
	if res, _ := c.read(); res.StatusCode != 302 || res.Header.Get("Location") != "https://login.test/sign-in" {
		t.Errorf("%d to %q", res.StatusCode, res.Header.Get("Location"))
	}
	if code, _ := w.raw("GET / HTTP/1.1\nHost: app.test\nCookie: __Host-sp=alice\n\n"); code != 200 {
		t.Errorf("signed in: %d", code)
	}
}

// Nobody is let in, and nobody is signed out, because sessions cannot be read.
func TestWhileSessionsCannotBeReadPublicRoutesGoOn(t *testing.T) {
	w := newWorld(t, func(s *setup) {
		s.routes = []*config.Route{route("public", "public.test"), route("login", "in.test"), route("deny", "deny.test")}
	})
	w.people.outage = weberr.StoreUnavailable(time.Second, errTest)
	for host, want := range map[string]int{"public.test": 200, "in.test": 503, "deny.test": 503} {
		if code, _ := w.raw("GET / HTTP/1.1\nHost: " + host + "\nCookie: __Host-sp=alice\n\n"); code != want {
			t.Errorf("%s: %d, want %d", host, code, want)
		}
	}
}

func TestPanicsStayWithinTheirRequest(t *testing.T) {
	w := newWorld(t, nil)
	w.people.panics = true
	c := w.dial()
	c.send("GET / HTTP/1.1\nHost: app.test\n\n")
	res, body := c.read()
	if res.StatusCode != 500 || strings.Contains(body, "secret") || len(w.up.Requests()) != 0 {
		t.Errorf("%d %q", res.StatusCode, body)
	}
	w.people.panics = false
	c.send("GET / HTTP/1.1\nHost: app.test\n\n")
	if res, _ := c.read(); res.StatusCode != 200 {
		t.Errorf("afterwards: %d", res.StatusCode)
	}
}

func TestReservedPathsBelongToTheAuthenticatorOnHostsOfOurs(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.o.Hygiene.EscapedSlashes = "keep_unchanged" })
	for _, tt := range []struct{ host, target, want string }{
		{"app.test", "/.pomerium", "authenticator"},
		{"app.test", "/.pomerium/x", "authenticator"},
		{"app.test", "/x/../.pomerium/", "authenticator"},
		{"app.test", "/%2epomerium/", "authenticator"},
		{"app.test", "/.pomerium%2fuser", "authenticator"},
		{"app.test", "//.pomerium/", "authenticator"},
		{"app.test", "/.well-known/pomerium", "authenticator"},
		{"app.test", "/.well-known/pomerium/jwks.json", "authenticator"},
		{"login.test", "/oauth2/callback", "authenticator"},
		{"login.test:443", "/", "authenticator"},
		{"app.test", "/.well-known/openid-configuration", "GET /.well"},
		{"app.test", "/.pomeriumx", "GET /.pomeriumx"},
		{"app.test", "/oauth2/callback", "GET /oauth2"},
		{"unknown.test", "/.pomerium/", "route-not-found"},
		{"unknown.test", "/.well-known/pomerium", "route-not-found"},
	} {
		if _, body := w.raw("GET " + tt.target + " HTTP/1.1\nHost: " + tt.host + "\n\n"); !strings.HasPrefix(body, tt.want) {
			t.Errorf("%s%s: %.40q, want %q", tt.host, tt.target, body, tt.want)
		}
	}
}

func TestResponseHeadersAreLaidAndRewritten(t *testing.T) {
	w := newWorld(t, func(s *setup) {
		s.o.SetResponseHeaders = map[string]string{"X-Frame-Options": "SAMEORIGIN", "strict-transport-security": "max-age=1"}
		s.routes = append(s.routes, route("deny", "deny.test"))
		s.routes[0].SetResponseHeaders = map[string]string{"X-Frame-Options": "DENY", "X-Mine": "1"}
		s.routes[0].RewriteResponseHeaders = []config.RewriteHeader{{Header: "location", Prefix: "http://inside/", Value: "https://app.test/"}}
	})
	c := w.dial()
	c.send("GET /_/set?location=http%3A%2F%2Finside%2Fx&X-Mine=upstream&X-Other=http%3A%2F%2Finside%2F&X-Request-Id=upstream HTTP/1.1\nHost: app.test\n\n")
	res, _ := c.read()
	for name, want := range map[string]string{
		"X-Frame-Options": "DENY", "X-Mine": "1", "Strict-Transport-Security": "max-age=1", "Location": "https://app.test/x", "X-Other": "http://inside/", "X-Request-Id": "",
	} {
		if got := strings.Join(res.Header[name], "|"); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	c = w.dial()
	c.send("GET / HTTP/1.1\nHost: deny.test\n\n")
	if res, _ := c.read(); res.Header.Get("Strict-Transport-Security") == "" {
		t.Error("our own answers lack the headers for every response")
	}
}

func TestHugeAnswerHeadersAreBadGateway(t *testing.T) {
	w := newWorld(t, func(s *setup) {
		s.up.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			for i := range 20 {
				w.Header().Set(fmt.Sprint("X-", i), strings.Repeat("a", 8<<10))
			}
		})
	})
	if code, _ := w.raw("GET / HTTP/1.1\nHost: app.test\n\n"); code != 502 {
		t.Errorf("status %d, want 502", code)
	}
}

func TestRedirectAndResponseRoutes(t *testing.T) {
	regex := route("regex", "re.test", "regex=/x/.*")
	regex.Redirect = &config.Redirect{Prefix: "/y", Status: 302}
	routes := []*config.Route{
		{ID: "r1", From: config.From{Scheme: "https", Host: "r1.test"}, Redirect: &config.Redirect{Host: "new.test", Status: 301}},
		{ID: "r2", From: config.From{Scheme: "http", Host: "r2.test"}, Redirect: &config.Redirect{HTTPS: true, StripQuery: true, Status: 308}},
		{ID: "r3", From: config.From{Scheme: "https", Host: "r3.test"}, Match: config.Match{Prefix: "/old"}, Redirect: &config.Redirect{Prefix: "/new", Port: 8443, Status: 302}},
		{ID: "r4", From: config.From{Scheme: "https", Host: "r4.test"}, Redirect: &config.Redirect{Path: "/landing?from=x", Scheme: "http", Status: 303}},
		{ID: "r5", From: config.From{Scheme: "https", Host: "r5.test"}, Response: &config.Response{Status: 418, Body: "teapot"}, SetResponseHeaders: map[string]string{"Content-Type": "text/html"}},
		{ID: "deny", From: config.From{Scheme: "https", Host: "r6.test"}, Response: &config.Response{Status: 200, Body: "secret"}},
		{ID: "r7", From: config.From{Scheme: "https", Host: "r7.test"}, Redirect: &config.Redirect{Host: "new.test:99"}},
		regex,
	}
	w := newWorld(t, func(s *setup) { s.routes = routes })
	for _, tt := range []struct {
		host, target, location string
		status                 int
	}{
		{"r1.test:8443", "/a?b=c", "https://new.test/a?b=c", 301},
		{"r2.test", "/a?b=c", "https://r2.test/a", 308},
		{"r2.test:80", "/a", "https://r2.test/a", 308},
		{"r3.test", "/old/x%20y?z", "https://r3.test:8443/new/x%20y?z", 302},
		{"r3.test", "/old", "https://r3.test:8443/new", 302},
		{"r4.test", "/a?b=c", "http://r4.test/landing?from=x", 303},
		{"r7.test", "//evil.test/%2e", "https://new.test:99/evil.test/", 301},
		{"re.test", "/x/1", "https://re.test/y", 302},
	} {
		c := w.dial()
		c.send("GET " + tt.target + " HTTP/1.1\nHost: " + tt.host + "\n\n")
		if res, _ := c.read(); res.StatusCode != tt.status || res.Header.Get("Location") != tt.location {
			t.Errorf("%s%s: %d to %q, want %d to %q", tt.host, tt.target, res.StatusCode, res.Header.Get("Location"), tt.status, tt.location)
		}
	}
	c := w.dial()
	c.send("GET / HTTP/1.1\nHost: r5.test\n\n")
	if res, body := c.read(); res.StatusCode != 418 || body != "teapot" || res.Header.Get("Content-Type") != "text/html" {
		t.Errorf("response: %d %q %v", res.StatusCode, body, res.Header)
	}
	if code, body := w.raw("GET / HTTP/1.1\nHost: r6.test\n\n"); code != 403 || strings.Contains(body, "secret") {
		t.Errorf("a response route that is denied: %d %q", code, body)
	}
}

func TestRewritesAndHostHeaders(t *testing.T) {
	with := func(change func(*config.Route), match ...string) *config.Route {
		r := route("x", "app.test", match...)
		change(r)
		return r
	}
	to := func(path string) func(*config.Route) {
		return func(r *config.Route) { r.To = []config.Upstream{{URL: mustURL(t, "http://UPSTREAM"+path)}} }
	}
	prefix := func(p string) func(*config.Route) {
		return func(r *config.Route) { r.Rewrite = config.Rewrite{HasPrefix: true, Prefix: p} }
	}
	regex := func(e, s string) func(*config.Route) {
		return func(r *config.Route) { r.Rewrite = config.Rewrite{Regex: regexp.MustCompile(e), Substitution: s} }
	}
	host := func(h config.HostHeader) func(*config.Route) { return func(r *config.Route) { r.Host = h } }
	for _, tt := range []struct {
		name         string
		route        *config.Route
		target       string
		want, header string // Target and Host as the upstream read them; "" for 400
	}{
		{"to with a path", with(to("/base")), "/x?q", "/base/x?q", "UPSTREAM"},
		{"to with a path and a slash", with(to("/base/")), "/x", "/base/x", "UPSTREAM"},
		{"to with a path takes the prefix", with(to("/base"), "prefix=/app"), "/app/x", "/base/x", "UPSTREAM"},
		{"to with a slash is none", with(to("/"), "prefix=/app"), "/app/x", "/app/x", "UPSTREAM"},
		{"to with a path, root", with(to("/base")), "/", "/base/", "UPSTREAM"},
		{"prefix", with(prefix("/new"), "prefix=/old"), "/old/a%2Cb", "/new/a%2Cb", "UPSTREAM"},
		{"prefix, nothing left", with(prefix("/new"), "prefix=/old"), "/old", "/new", "UPSTREAM"},
		{"prefix, inside a word", with(prefix("/new"), "prefix=/old"), "/older", "/newer", "UPSTREAM"},
		{"prefix to root", with(prefix("/"), "prefix=/old"), "/old/a", "/a", "UPSTREAM"},
		{"prefix to root, nothing left", with(prefix("/"), "prefix=/old"), "/old", "/", "UPSTREAM"},
		{"prefix beyond ASCII", with(prefix("/new"), "prefix=/größe"), "/gr%c3%b6%C3%9Fe/x", "/new/x", "UPSTREAM"},
		{"prefix makes dots of pieces", with(prefix("/static/"), "prefix=/a"), "/a../secret", "", ""},
		{"exact path", with(prefix("/new"), "path=/old"), "/old", "/new", "UPSTREAM"},
		{"regex", with(regex(`^/u/([^/]+)/(.*)$`, "/${2}/of/${1}")), "/u/alice/mail%20box", "/mail%20box/of/alice", "UPSTREAM"},
		{"regex makes a query", with(regex(`^/u/(.*)$`, "/x?u=${1}")), "/u/a", "", ""},
		{"regex makes dots", with(regex(`^/u/(.*)$`, "/x/.${1}/y")), "/u/.", "", ""},
		{"regex makes no slash", with(regex(`^/(.*)$`, "${1}")), "/a", "/a", "UPSTREAM"},
		{"host preserved", with(host(config.HostHeader{Preserve: true})), "/", "/", "app.test"},
		{"host literal", with(host(config.HostHeader{Literal: "inside.test"})), "/", "/", "inside.test"},
		{"host from a header", with(host(config.HostHeader{FromHeader: "X-Target"})), "/", "/", "tenant.test"},
		{"host from a header that is missing", with(host(config.HostHeader{FromHeader: "X-None"})), "/", "/", "UPSTREAM"},
		{"host from a header that is none", with(host(config.HostHeader{FromHeader: "X-Bad"})), "/", "", ""},
		{"host from the path", with(host(config.HostHeader{PathRegex: regexp.MustCompile(`^/([^/]+)/.*$`), PathSubstitution: "${1}.inside.test"})), "/t1/x", "/t1/x", "t1.inside.test"},
		{"host from a path that is none", with(host(config.HostHeader{PathRegex: regexp.MustCompile(`^/(.+)$`), PathSubstitution: "${1}"})), "/a@b", "", ""},
	} {
		w := newWorld(t, func(s *setup) { s.routes = nil })
		addr := w.up.URL().Host
		if tt.route.To == nil {
			tt.route.To = []config.Upstream{{URL: w.up.URL()}}
		}
		for i := range tt.route.To {
			tt.route.To[i].URL.Host = addr
		}
		w.o.Routes = []*config.Route{tt.route}
		h, err := New(w.o)
		if err != nil {
			t.Fatal(err)
		}
		w.plain = w.listen(NewServer(h, ServerOptions{Insecure: true}), nil)
		code, _ := w.raw("GET " + tt.target + " HTTP/1.1\nHost: app.test\nX-Target: Tenant.test\nX-Bad: a/b\n\n")
		got := w.up.Last()
		if want := strings.ReplaceAll(tt.header, "UPSTREAM", addr); got.Target != tt.want || got.Host != want || (tt.want == "") != (code == 400) {
			t.Errorf("%s: status %d, upstream read %q at %q, want %q at %q", tt.name, code, got.Target, got.Host, tt.want, want)
		}
	}
}

func TestConfigurationsThatCannotWorkAreErrors(t *testing.T) {
	good := newWorld(t, nil).o
	for name, change := range map[string]func(*Options, *config.Route){
		"no authenticator":  func(o *Options, _ *config.Route) { o.Authenticator = nil },
		"no streams":        func(o *Options, _ *config.Route) { o.Streams = nil },
		"authenticate host": func(o *Options, _ *config.Route) { o.AuthenticateHost = "a b" },
		"hygiene":           func(o *Options, _ *config.Route) { o.Hygiene.EscapedSlashes = "x" },
		"host":              func(_ *Options, r *config.Route) { r.From.Host = "a b" },
		"scheme":            func(_ *Options, r *config.Route) { r.To = []config.Upstream{{URL: mustURL(t, "ftp://x")}} },
		"no destination":    func(_ *Options, r *config.Route) { r.To = []config.Upstream{{URL: mustURL(t, "unix:")}} },
		"template": func(_ *Options, r *config.Route) {
			r.SetRequestHeaders = []config.Header{{Name: "X", Value: "${nothing}"}}
		},
		"CA": func(_ *Options, r *config.Route) { r.TLS.CA = []byte("x") },
	} {
		r := route("app", "app.test")
		r.To = []config.Upstream{{URL: mustURL(t, "http://x")}}
		o := good
		o.Routes = []*config.Route{r}
		change(&o, r)
		if _, err := New(o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	tunnel := route("tunnel", "tcp+https://ssh.test:22")
	tunnel.To = []config.Upstream{{URL: mustURL(t, "tcp://ssh:22")}}
	good.Routes = []*config.Route{tunnel}
	h, err := New(good)
	if err != nil {
		t.Fatal(err)
	}
	if r, o := h.gate.router.Match("ssh.test:22", "/"); o != NoHost {
		t.Errorf("a tunnel answers requests: %v", r)
	}
}

func TestTransportsAreSharedBySettingsAndForgotten(t *testing.T) {
	ts := NewTransports(nil)
	a, err := ts.pool(protocolH1, "", time.Second, config.UpstreamTLS{})
	if err != nil {
		t.Fatal(err)
	}
	same, _ := ts.pool(protocolH1, "", time.Second, config.UpstreamTLS{})
	other, _ := ts.pool(protocolH1, "", time.Second, config.UpstreamTLS{SkipVerify: true})
	if a != same || a == other {
		t.Errorf("pools: %p, %p, %p", a, same, other)
	}
	ts.Close()
}

func TestNeverSentIsAboutDialing(t *testing.T) {
	if !neverSent(fmt.Errorf("x: %w", &dialError{errTest})) || neverSent(errTest) || neverSent(nil) {
		t.Error("neverSent is wrong")
	}
	if !errors.Is(&dialError{errTest}, errTest) {
		t.Error("the cause is lost")
	}
}
