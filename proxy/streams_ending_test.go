package proxy

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"pgregory.net/rapid"

	"sallyport/config"
	"sallyport/identity"
	"sallyport/internal/upstreamtest"
	"sallyport/policy"
	"sallyport/session"
	"sallyport/store"
)

// later is what a later moment makes of a request: another decision, or another
// state of its session.
type later struct {
	*people
	effect policy.Effect
	err    error
}

func (l later) Current(_ context.Context, s *session.Session) (*session.Session, error) {
	return s, l.err
}

func (l later) Check(*config.Route, *session.Session, policy.Request) (policy.Decision, *identity.Person) {
	d := policy.Decision{Effect: l.effect, SignIn: policy.SignIn{Aged: true}}
	if l.effect == policy.Deny {
		d.DenyReasons = policy.Reasons(policy.ReasonGroupsUnauthorized)
	}
	return d, nil
}

// moments are the ways in which access ends, and how a request that has no answer
// yet is answered.
var moments = []struct {
	name   string
	later  later
	routes func([]*config.Route) []*config.Route
	status int
	code   string // ours, "" for a redirect
	grpc   codes.Code
	close  websocket.StatusCode
	reason string
}{
	{name: "the session ended", later: later{effect: policy.Allow, err: session.ErrNone}, status: 401, code: "unauthenticated", grpc: codes.Unauthenticated, close: 1008, reason: "session ended: it is no longer valid"},
	{name: "denied", later: later{effect: policy.Deny}, status: 403, code: "denied", grpc: codes.PermissionDenied, close: 1008, reason: "access ended: groups-unauthorized"},
	{name: "nobody counts", later: later{effect: policy.Unauthenticated}, status: 401, code: "unauthenticated", grpc: codes.Unauthenticated, close: 1008, reason: "access ended: "},
	{name: "a stronger sign-in", later: later{effect: policy.StepUp}, status: 302, grpc: codes.Unauthenticated, close: 1008, reason: "access ended: "},
	{name: "the store is down", later: later{effect: policy.Allow, err: store.ErrUnavailable}, status: 503, code: "sessions-unavailable", grpc: codes.Unavailable, close: 1013, reason: "the session cannot be checked"},
	{
		name: "the route is gone", later: later{effect: policy.Allow}, status: 404, code: "route-not-found", grpc: codes.NotFound, close: 1008, reason: "the route is no more",
		routes: func(all []*config.Route) []*config.Route { return all[:0] },
	},
}

// next is the generation after w's, in which l decides.
func (w *world) next(l later, routes func([]*config.Route) []*config.Route) *Handler {
	w.t.Helper()
	l.people = w.people
	o := w.o
	o.Authenticator, o.Authorizer = l, l
	if routes != nil {
		o.Routes = routes(o.Routes)
	}
	h, err := New(o)
	if err != nil {
		w.t.Fatal(err)
	}
	return h
}

func ofAlice(subject string) bool { return subject == "00ualice" }

// Who is not answered yet gets the answer that the next request would get, and
// not a request to sign in that mends nothing.
func TestWhatIsCutBeforeItsAnswerIsToldWhy(t *testing.T) {
	for _, m := range moments {
		for _, h2 := range []bool{false, true} {
			w := newWorld(t, nil)
			type result struct {
				res *http.Response
				err error
			}
			done := make(chan result, 1)
			go func() {
				req, _ := http.NewRequestWithContext(t.Context(), "GET", "https://app.test/_/hang", nil)
				req.Header.Set("Cookie", "__Host-sp=alice")
				res, err := w.client(h2).Transport.RoundTrip(req)
				done <- result{res, err}
			}()
			w.up.WaitRequests(1)
			if n := w.streams.Recheck(t.Context(), w.next(m.later, m.routes), ofAlice); n != 1 {
				t.Errorf("%s: %d were cut, want 1", m.name, n)
			}
			got := <-done
			if got.err != nil {
				t.Errorf("%s, HTTP/2 %t: %v", m.name, h2, got.err)
				continue
			}
			if got.res.StatusCode != m.status || got.res.Header.Get("X-Code") != m.code {
				t.Errorf("%s, HTTP/2 %t: %d %q, want %d %q", m.name, h2, got.res.StatusCode, got.res.Header.Get("X-Code"), m.status, m.code)
			}
			got.res.Body.Close()
			w.up.WaitGone(1)
		}
	}
}

func TestAWebSocketIsToldWhyItEnds(t *testing.T) {
	for _, m := range moments {
		w := wsWorld(t, nil)
		alice, bob := w.websocket("alice"), w.websocket("bob")
		echoes(t, alice, "hello")
		if n := w.streams.Recheck(t.Context(), w.next(m.later, m.routes), ofAlice); n != 1 {
			t.Errorf("%s: %d were cut, want 1", m.name, n)
		}
		_, _, err := alice.Read(t.Context())
		if ce := (websocket.CloseError{}); !asClose(err, &ce) || ce.Code != m.close || ce.Reason != m.reason {
			t.Errorf("%s: %v, want %d %q", m.name, err, m.close, m.reason)
		}
		echoes(t, bob, "still here")
	}
}

// A call ends with a status, in the trailers, whether or not it had messages.
func TestACallEndsWithAStatus(t *testing.T) {
	for _, m := range moments {
		g, err := upstreamtest.StartGRPC()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(g.Close)
		w := newWorld(t, func(s *setup) { s.routes[0].To = []config.Upstream{{URL: mustURL(t, "h2c://"+g.Addr())}} })
		cc, err := grpc.NewClient("passthrough:///"+w.tls, grpc.WithAuthority("app.test"),
			grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{ServerName: "app.test", RootCAs: w.roots})))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cc.Close() })
		watch := func(who string) grpc.ServerStreamingClient[healthpb.HealthCheckResponse] {
			t.Helper()
			ctx := metadata.AppendToOutgoingContext(t.Context(), "cookie", "__Host-sp="+who)
			s, err := healthpb.NewHealthClient(cc).Watch(ctx, &healthpb.HealthCheckRequest{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Recv(); err != nil {
				t.Fatal(err)
			}
			return s
		}
		alice, bob := watch("alice"), watch("bob")
		if n := w.streams.Recheck(t.Context(), w.next(m.later, m.routes), ofAlice); n != 1 {
			t.Errorf("%s: %d were cut, want 1", m.name, n)
		}
		if _, err := alice.Recv(); status.Code(err) != m.grpc {
			t.Errorf("%s: %v, want %v", m.name, err, m.grpc)
		}
		g.Health.SetServingStatus("", healthpb.HealthCheckResponse_NOT_SERVING)
		if r, err := bob.Recv(); err != nil || r.GetStatus() != healthpb.HealthCheckResponse_NOT_SERVING {
			t.Errorf("%s: bob's call: %v, %v", m.name, r, err)
		}
	}
}

// webFrame is a frame of a gRPC-web body.
func webFrame(flags byte, message string) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{flags}, uint32(len(message))), message...)
}

// A gRPC-web call has its status in the body, which is base64 for -text types;
// where a message was begun, nothing of ours may follow.
func TestAWebCallEndsWithAStatusBetweenMessages(t *testing.T) {
	whole := webFrame(0, "hello")
	for _, tt := range []struct {
		name, kind string
		sent       []byte
		told       bool
	}{
		{"between messages", "application/grpc-web+proto", whole, true},
		{"within a message", "application/grpc-web+proto", whole[:7], false},
		{"within a header", "application/grpc-web+proto", whole[:3], false},
		{"as text", "application/grpc-web-text", []byte(base64.StdEncoding.EncodeToString(whole)), true},
		{"as text, within a message", "application/grpc-web-text", []byte(base64.StdEncoding.EncodeToString(whole[:6])), false},
		{"after the upstream's status", "application/grpc-web", append(whole, webFrame(0x80, "grpc-status:0\r\n")...), false},
		{"an answer that is no call", "text/plain", whole, false},
	} {
		w := newWorld(t, func(s *setup) {
			s.up.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", tt.kind)
				_, _ = w.Write(tt.sent)
				_ = http.NewResponseController(w).Flush()
				<-r.Context().Done()
			})
		})
		req, _ := http.NewRequestWithContext(t.Context(), "POST", "https://app.test/x", strings.NewReader("m"))
		req.Header.Set("Cookie", "__Host-sp=alice")
		req.Header.Set("Content-Type", "application/grpc-web+proto")
		res, err := w.client(false).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(res.Body, make([]byte, len(tt.sent))); err != nil {
			t.Fatal(err)
		}
		w.streams.CutSession("session-of-alice", "revoked")
		rest, err := io.ReadAll(res.Body)
		res.Body.Close()
		if !tt.told && (err == nil || len(rest) > 0) || tt.told && err != nil {
			t.Errorf("%s: the rest is %q, %v; want a status: %t", tt.name, rest, err, tt.told)
		}
		if strings.HasPrefix(tt.kind, "application/grpc-web-text") {
			rest, _ = base64.StdEncoding.DecodeString(string(rest))
		}
		if tt.told && (len(rest) < 5 || rest[0] != 0x80 || !bytes.HasPrefix(rest[5:], []byte("grpc-status:16\r\n"))) {
			t.Errorf("%s: the rest is %q, want status 16", tt.name, rest)
		}
	}
}

func TestMessageTrackerKnowsWhereMessagesBegin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		isText := rapid.Bool().Draw(t, "text")
		var text []byte
		starts := map[int]bool{0: true}
		for range rapid.IntRange(1, 5).Draw(t, "messages") {
			one := webFrame(0, strings.Repeat("m", rapid.SampledFrom([]int{0, 1, 2, 3, 255, 70_000}).Draw(t, "length")))
			if isText {
				one = []byte(base64.StdEncoding.EncodeToString(one))
			}
			text = append(text, one...)
			starts[len(text)] = true
		}
		track := messageTracker{text: isText}
		for at := 0; at < len(text); {
			n := min(rapid.IntRange(1, 40_000).Draw(t, "read"), len(text)-at)
			track.pass(text[at : at+n])
			at += n
			if track.between() != starts[at] {
				t.Fatalf("at byte %d of %d: between messages %t, want %t", at, len(text), track.between(), starts[at])
			}
		}
	})
}

// An upload ends with its answer: the client learns why, the upstream that the
// rest does not come.
func TestAnUploadThatIsCutIsToldWhy(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		w := newWorld(t, func(s *setup) {
			s.up.Handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
		})
		body, more := io.Pipe()
		go func() {
			for {
				if _, err := more.Write(make([]byte, 1024)); err != nil {
					return
				}
			}
		}()
		type result struct {
			status int
			code   string
		}
		done := make(chan result, 1)
		go func() {
			req, _ := http.NewRequestWithContext(t.Context(), "PUT", "https://app.test/x", body)
			req.Header.Set("Cookie", "__Host-sp=alice")
			res, err := w.client(h2).Do(req)
			if err != nil {
				done <- result{code: err.Error()}
				return
			}
			res.Body.Close()
			done <- result{status: res.StatusCode, code: res.Header.Get("X-Code")}
		}()
		w.up.WaitRequests(1)
		w.streams.Recheck(t.Context(), w.next(later{effect: policy.Deny}, nil), ofAlice)
		if got := <-done; got.status != 403 || got.code != "denied" {
			t.Errorf("HTTP/2 %t: %+v, want 403 denied", h2, got)
		}
		more.Close()
		w.up.WaitGone(1)
	}
}

// What people may do can change after a request was let in and before it is under
// way, when nobody sees it yet: it is looked at once more.
func TestWhatBeginsWhileOthersAreDecidedAnewIsDecidedToo(t *testing.T) {
	w := newWorld(t, nil)
	denied := w.next(later{effect: policy.Deny}, nil)
	w.people.onDecide = func() {
		if n := w.streams.Recheck(t.Context(), denied, ofAlice); n != 0 {
			t.Errorf("%d were cut before there was anything", n)
		}
	}
	if status, body := w.raw("GET /_/hang HTTP/1.1\nHost: app.test\nCookie: __Host-sp=alice\n\n"); status != 403 {
		t.Errorf("%d %s, want 403", status, body)
	}
}

// A store that hangs is asked once, not once for every stream; the sessions of
// those who have none are not asked for.
func TestAStoreThatIsDownIsAskedOnce(t *testing.T) {
	w := wsWorld(t, nil)
	socks := []*websocket.Conn{w.websocket("alice"), w.websocket("bob"), w.websocket("alice")}
	nobody := w.websocket("nobody")
	asked := 0
	o := w.o
	o.Authenticator = current{w.people, func() error { asked++; return fmt.Errorf("%w: for the test", store.ErrUnavailable) }}
	h, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if n := w.streams.Recheck(ctx, h, func(string) bool { return true }); n != 0 {
		t.Errorf("%d were cut by somebody who gave up", n)
	}
	asked = 0
	if n := w.streams.Recheck(t.Context(), h, func(string) bool { return true }); n != 3 || asked != 1 {
		t.Errorf("%d were cut after %d questions, want 3 after 1", n, asked)
	}
	for _, c := range socks {
		if _, _, err := c.Read(t.Context()); websocket.CloseStatus(err) != 1013 {
			t.Errorf("ended with %v, want 1013", err)
		}
	}
	echoes(t, nobody, "still here")
}

type current struct {
	*people
	ask func() error
}

func (c current) Current(_ context.Context, s *session.Session) (*session.Session, error) {
	if err := c.ask(); err != nil {
		return nil, err
	}
	return s, nil
}

// One session is asked for once, however much runs in its name.
func TestASessionIsAskedForOnce(t *testing.T) {
	w := wsWorld(t, nil)
	for range 3 {
		w.websocket("alice")
	}
	asked := 0
	o := w.o
	o.Authenticator = current{w.people, func() error { asked++; return nil }}
	h, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	if n := w.streams.Recheck(t.Context(), h, func(string) bool { return true }); n != 0 || asked != 1 {
		t.Errorf("%d were cut after %d questions, want none after 1", n, asked)
	}
	o.Authenticator = current{w.people, func() error { return errors.New("anything else") }}
	if h, err = New(o); err != nil {
		t.Fatal(err)
	}
	if n := w.streams.Recheck(t.Context(), h, func(string) bool { return true }); n != 3 {
		t.Errorf("%d were cut for an error that is not understood, want 3", n)
	}
}
