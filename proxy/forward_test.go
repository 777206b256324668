package proxy

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"sallyport/config"
	"sallyport/internal/upstreamtest"
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

func TestBodyWaitsForTheUpstreamsConsent(t *testing.T) {
	w := newWorld(t, nil)
	c := w.dial()
	c.send("POST / HTTP/1.1\nHost: app.test\nContent-Length: 5\nExpect: 100-continue\n\n")
	if res, err := http.ReadResponse(c.r, nil); err != nil || res.StatusCode != http.StatusContinue {
		t.Fatalf("%v, %v; want 100", res, err)
	}
	c.send("hello")
	res, body := c.read()
	for res.StatusCode == http.StatusContinue { // the upstream's own, passed on beside ours
		res, body = c.read()
	}
	if res.StatusCode != 200 || !strings.HasSuffix(body, "\n\nhello") {
		t.Errorf("%d %q", res.StatusCode, body)
	}
}
