package proxy

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/config"
	"sallyport/internal/certtest"
	"sallyport/internal/clientcert"
	"sallyport/internal/requestid"
	"sallyport/internal/weberr"
	"sallyport/policy"
	"sallyport/session"
	"sallyport/telemetry"
)

// Whoever reads the access record learns what a request came to: which route and
// upstream it met, what was decided about whom, and why the answer is what it is.
func TestTheAccessRecordSaysWhatARequestCameTo(t *testing.T) {
	w := newWorld(t, func(s *setup) {
		s.routes = []*config.Route{route("app", "app.test"), route("deny", "deny.test"), route("login", "in.test"), route("down", "down.test")}
		for _, r := range s.routes {
			r.Name = r.ID + "-name"
		}
		s.routes[0].CORS.AllowOrigins = []string{spa}
		s.routes[3].To = []config.Upstream{{URL: mustURL(t, "http://127.0.0.1:1")}}
	})
	up := w.up.URL().Host
	for _, tt := range []struct {
		method, host, target string
		header               http.Header
		want                 string // detail, upstream, route, effect, e-mail
	}{
		{"GET", "app.test", "/", http.Header{"Cookie": {"__Host-sp=alice"}}, "via_upstream " + up + " app-name allow alice@example.com"},
		{"GET", "app.test", "/", nil, "via_upstream " + up + " app-name allow "},
		{"GET", "deny.test", "/", http.Header{"Cookie": {"__Host-sp=bob"}}, "denied  deny-name deny bob@example.com"},
		{"GET", "in.test", "/", nil, "unauthenticated  login-name unauthenticated "},
		{"GET", "down.test", "/", nil, "upstream-unreachable 127.0.0.1:1 down-name allow "},
		{"OPTIONS", "app.test", "/", http.Header{"Origin": {spa}, "Access-Control-Request-Method": {"PUT"}}, "cors-preflight  app-name  "},
		{"GET", "app.test", "/healthz", nil, "health    "},
		{"GET", "app.test", "/.pomerium/", nil, "authenticate    "},
		{"GET", "nowhere.test", "/", nil, "route-not-found    "},
		{"GET", "app.test", "/%00", nil, "bad-request    "},
		{"TRACE", "app.test", "/", nil, "method-not-allowed    "},
	} {
		r := httptest.NewRequest(tt.method, "http://"+tt.host+tt.target, nil)
		r.RequestURI = tt.target
		for name, values := range tt.header {
			r.Header[name] = values
		}
		ctx, access := telemetry.WithAccess(r.Context())
		w.handler.ServeHTTP(httptest.NewRecorder(), r.WithContext(ctx))
		fields := []string{"response-code-details", "upstream-cluster", "route-id", "effect", "email"}
		if got := recorded(t, access, fields, r); got != tt.want {
			t.Errorf("%s %s%s is recorded as %q, want %q", tt.method, tt.host, tt.target, got, tt.want)
		}
	}
}

// A client that went away is no failure of the upstream's.
func TestAClientThatWentAwayIsRecordedAsGone(t *testing.T) {
	w := newWorld(t, nil)
	ctx, access := telemetry.WithAccess(t.Context())
	ctx, leave := context.WithCancel(ctx)
	go func() {
		w.up.WaitRequests(1)
		leave()
	}()
	r := httptest.NewRequestWithContext(ctx, "GET", "http://app.test/_/hang", nil)
	r.RequestURI = "/_/hang"
	w.handler.ServeHTTP(httptest.NewRecorder(), r)
	if got := recorded(t, access, []string{"response-code-details"}, r); got != "client-gone" {
		t.Errorf("recorded as %q, want client-gone", got)
	}
}

// recorded are the fields of an access record.
func recorded(t *testing.T, a *telemetry.Access, fields []string, r *http.Request) string {
	t.Helper()
	var line bytes.Buffer
	a.Log(slog.New(slog.NewJSONHandler(&line, nil)), fields, telemetry.Finished{Request: r})
	var said map[string]any
	if err := json.Unmarshal(line.Bytes(), &said); err != nil {
		t.Fatal(err)
	}
	var values []string
	for _, f := range fields {
		values = append(values, fmt.Sprint(said[f]))
	}
	return strings.Join(values, " ")
}

// What a policy goes by is what came: the request by its id, its query, and the
// certificate that was shown, trusted or not.
func TestPoliciesSeeTheRequestThatCame(t *testing.T) {
	ca := certtest.Authority(t, "CA")
	trusted, forged := ca.Client("a"), certtest.Authority(t, "CA").Client("a")
	verifier, err := clientcert.New(clientcert.Rules{Authorities: []*x509.Certificate{ca.Cert}})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		chain []*x509.Certificate
		trust bool
		code  string // where connections are rejected
	}{
		{"trusted", trusted.Chain(), true, ""},
		{"forged", forged.Chain(), false, "invalid-client-certificate"},
		{"none", nil, false, "client-certificate-required"},
	} {
		h := &Handler{o: Options{ClientCertificates: verifier, Now: time.Now}}
		r := httptest.NewRequest("PUT", "/x", nil)
		r.TLS = &tls.ConnectionState{PeerCertificates: tt.chain}
		x := &exchange{h: h, r: r.WithContext(requestid.With(r.Context(), "01request")), host: "app.test", target: target{match: "/x", query: "q"}}
		print := ""
		if tt.chain != nil {
			print = fmt.Sprintf("%x", sha256.Sum256(tt.chain[0].Raw))
		}
		req := h.policyRequest(x)
		got := []any{req.ID, req.Method, req.Host, req.Path, req.Query, req.ClientCertificateTrusted, req.ClientCertificateFingerprint, req.ClientCertificateError == nil}
		want := []any{"01request", "PUT", "app.test", "/x", "q", tt.trust, print, tt.trust || tt.chain == nil}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
		if err := h.checkConnection(x); err != nil {
			t.Errorf("%s: refused although connections are not: %v", tt.name, err)
		}
		h.o.RejectConnections = true
		if err := h.checkConnection(x); tt.code == "" && err != nil || tt.code != "" && (err == nil || weberr.As(err).Code != tt.code) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.code)
		}
		h.o.ClientCertificates = nil
		if err := h.checkConnection(x); err != nil {
			t.Errorf("%s: refused although none is asked for: %v", tt.name, err)
		}
	}
}

// A refusal says to a person what was wrong with the request.
func TestRefusalsSayWhatWasWrong(t *testing.T) {
	w := newWorld(t, func(s *setup) {
		s.o.BodyTimeout = 50 * time.Millisecond
		s.o.Render = func(w http.ResponseWriter, _ *http.Request, err error) {
			e := weberr.As(err)
			w.WriteHeader(e.HTTPStatus())
			fmt.Fprint(w, e.Code, "|", e.Title, "|", e.Message, "|", e.Next, "|", e.Err)
		}
	})
	for raw, want := range map[string]string{
		"GET /%00 HTTP/1.1\nHost: app.test\n\n":                                   "The request was refused: the path holds a control character.",
		"TRACE / HTTP/1.1\nHost: app.test\n\n":                                    "method-not-allowed|",
		"POST / HTTP/1.1\nHost: app.test\nContent-Length: 10\n\nhello":            "request-timeout|Bad request|The request did not arrive completely in time.",
		"POST / HTTP/1.1\nHost: app.test\nTransfer-Encoding: chunked\n\nzz\n\n":   "The body of the request is malformed.",
		"GET / HTTP/1.1\nHost: app.test\nConnection: upgrade\nUpgrade: other\n\n": `upgrade-refused|Protocol not allowed|This address does not speak the protocol that was asked for.|If it should, tell the people who run this application.|upgrade to ["other"] is not allowed on this route`,
	} {
		if _, body := w.raw(raw); !strings.Contains(body, want) {
			t.Errorf("%.30q is answered %q, want %q", raw, body, want)
		}
	}
}

// Operators may read on a denial how it was decided; whoever is not signed in may
// not, whatever the route.
func TestADenialIsTracedForThoseSignedIn(t *testing.T) {
	var shown *weberr.Trace
	w := newWorld(t, func(s *setup) {
		s.routes = []*config.Route{route("deny", "app.test")}
		s.o.Trace = func(r *config.Route, s *session.Session, req policy.Request) *weberr.Trace {
			if r.ID != "deny" || s == nil || req.Path != "/x" {
				t.Errorf("asked to trace %v for %v of %v", req.Path, s, r)
			}
			return &weberr.Trace{}
		}
		s.o.Render = func(w http.ResponseWriter, _ *http.Request, err error) {
			if e := weberr.As(err); e.Trace != nil {
				shown = e.Trace()
			}
			w.WriteHeader(http.StatusForbidden)
		}
	})
	if w.raw("GET /x HTTP/1.1\nHost: app.test\n\n"); shown != nil {
		t.Error("a trace is shown to nobody")
	}
	if w.raw("GET /x HTTP/1.1\nHost: app.test\nCookie: __Host-sp=alice\n\n"); shown == nil {
		t.Error("no trace is shown to alice")
	}
}

func TestUpstreamsLearnTheWayOfARequest(t *testing.T) {
	w := newWorld(t, nil)
	w.raw("GET / HTTP/1.1\nHost: app.test\nVia: 1.0 fred, 1.1 p.example.net\nVia: 1.1 q\n\n")
	if got := w.up.Last().Header["Via"]; cmp.Diff([]string{"1.0 fred, 1.1 p.example.net, 1.1 q, 1.1 sallyport"}, got) != "" {
		t.Errorf("Via %q, want ours behind the others", got)
	}
}

// An upstream that knows us by our certificate is shown it.
func TestUpstreamsAreShownTheRoutesCertificate(t *testing.T) {
	pair, _ := certificate(t, "proxy.test")
	up := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.TLS.PeerCertificates[0].Subject.CommonName)
	}))
	up.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	up.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	up.StartTLS()
	defer up.Close()
	for _, tt := range []struct {
		pair   *config.Certificate
		status int
		body   string
	}{{&pair, 200, "proxy.test"}, {nil, 502, "upstream-unreachable\n"}} {
		w := newWorld(t, func(s *setup) {
			s.routes[0].To = []config.Upstream{{URL: mustURL(t, up.URL)}}
			s.routes[0].TLS = config.UpstreamTLS{SkipVerify: true, Certificate: tt.pair}
		})
		if status, body := w.raw("GET / HTTP/1.1\nHost: app.test\n\n"); status != tt.status || body != tt.body {
			t.Errorf("with a certificate %t: %d %q, want %d %q", tt.pair != nil, status, body, tt.status, tt.body)
		}
	}
}

// What is no WebSocket gets no message of one when it is cut, and a WebSocket
// without a bound on its silence is one.
func TestOnlyWebSocketsAreToldWhyTheyEnd(t *testing.T) {
	w := newWorld(t, func(s *setup) {
		s.routes[0].SPDY = true
		s.up.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			c, rw, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n")
			_ = rw.Flush()
			_, _ = io.Copy(io.Discard, c)
		})
	})
	c := w.dial()
	c.send("POST / HTTP/1.1\nHost: app.test\nCookie: __Host-sp=alice\nConnection: Upgrade\nUpgrade: SPDY/3.1\nContent-Length: 0\n\n")
	res, err := http.ReadResponse(c.r, nil)
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%v, %v; want 101", res, err)
	}
	w.streams.CutSession("session-of-alice", "revoked")
	if rest, err := io.ReadAll(c.r); len(rest) > 0 || errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("after it was cut the client read %q, %v", rest, err)
	}

	ws := wsWorld(t, func(s *setup) { s.routes[0].IdleTimeout = ms(0) })
	echoes(t, ws.websocket("alice"), "hello")
}
