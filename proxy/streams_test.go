package proxy

import (
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"pgregory.net/rapid"
)

func wsWorld(t *testing.T, change func(*setup)) *world {
	return newWorld(t, func(s *setup) {
		s.routes[0].WebSockets = true
		if change != nil {
			change(s)
		}
	})
}

func (w *world) websocket(who string) *websocket.Conn {
	w.t.Helper()
	c, _, err := websocket.Dial(w.t.Context(), "wss://app.test/_/websocket", &websocket.DialOptions{
		HTTPClient: w.client(false), HTTPHeader: http.Header{"Cookie": {"__Host-sp=" + who}}, CompressionMode: websocket.CompressionContextTakeover,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = c.CloseNow() })
	return c
}

func echoes(t *testing.T, c *websocket.Conn, text string) {
	t.Helper()
	if err := c.Write(t.Context(), websocket.MessageText, []byte(text)); err != nil {
		t.Fatal(err)
	}
	if _, got, err := c.Read(t.Context()); err != nil || string(got) != text {
		t.Fatalf("echo of %.20q: %.20q, %v", text, got, err)
	}
}

func TestWebSocketEndsWithItsSessionAndSaysWhy(t *testing.T) {
	w := wsWorld(t, func(s *setup) { s.routes[0].Timeout, s.o.Upstream.Timeout = ms(50), *ms(50) })
	alice, bob := w.websocket("alice"), w.websocket("bob")
	echoes(t, alice, "hello")
	echoes(t, bob, strings.Repeat("x", 30_000))
	if n := w.streams.Count(); n != 2 {
		t.Errorf("%d streams are open, want 2", n)
	}
	if n := w.streams.CutSession("session-of-alice", "signed-out"); n != 1 {
		t.Errorf("%d were cut, want 1", n)
	}
	_, _, err := alice.Read(t.Context())
	if ce := (websocket.CloseError{}); !asClose(err, &ce) || ce.Code != 1008 || ce.Reason != "session ended: signed-out" {
		t.Errorf("alice read %v, want close 1008 with the reason", err)
	}
	echoes(t, bob, "still here")
	if n := w.streams.CutAll("restart"); n != 1 {
		t.Errorf("CutAll cut %d, want 1", n)
	}
	_, _, err = bob.Read(t.Context())
	if ce := (websocket.CloseError{}); !asClose(err, &ce) || ce.Code != 1012 || ce.Reason != "restart" {
		t.Errorf("bob read %v, want close 1012", err)
	}
	w.up.WaitGone(2)
	if n := w.streams.CutSession("session-of-alice", "again"); n != 0 {
		t.Errorf("cut again: %d", n)
	}
}

func asClose(err error, ce *websocket.CloseError) bool { return errors.As(err, ce) }

func TestClosingPassesThrough(t *testing.T) {
	w := wsWorld(t, nil)
	c := w.websocket("alice")
	echoes(t, c, "hello")
	if err := c.Close(websocket.StatusNormalClosure, "done"); err != nil {
		t.Errorf("close: %v", err)
	}
	w.up.WaitGone(1)
}

func TestSilentWebSocketEndsWhereTheRouteSaysSo(t *testing.T) {
	w := wsWorld(t, func(s *setup) { s.routes[0].IdleTimeout = ms(80) })
	c := w.websocket("alice")
	_, _, err := c.Read(t.Context())
	if ce := (websocket.CloseError{}); !asClose(err, &ce) || ce.Code != 1001 {
		t.Errorf("read %v, want close 1001", err)
	}
	w.up.WaitGone(1)
}

// A download, a stream of events and a request that waits end with the session.
func TestWhatIsUnderWayEndsWithTheSession(t *testing.T) {
	for _, path := range []string{"/_/events", "/_/slow", "/_/hang"} {
		for _, h2 := range []bool{false, true} {
			w := newWorld(t, nil)
			var wg sync.WaitGroup
			started := make(chan struct{})
			var status int
			var failed error
			wg.Go(func() {
				req, _ := http.NewRequestWithContext(t.Context(), "GET", "https://app.test"+path, nil)
				req.Header.Set("Cookie", "__Host-sp=alice")
				res, err := w.client(h2).Do(req)
				if failed = err; err != nil {
					close(started)
					return
				}
				defer res.Body.Close()
				status = res.StatusCode
				if path != "/_/hang" {
					_, _ = io.ReadFull(res.Body, make([]byte, 4))
				}
				close(started)
				_, failed = io.ReadAll(res.Body)
			})
			w.up.WaitRequests(1)
			if path != "/_/hang" {
				<-started
			}
			if n := w.streams.CutSession("session-of-bob", "x"); n != 0 {
				t.Errorf("%s: bob's end cut %d of alice's", path, n)
			}
			if n := w.streams.CutSession("session-of-alice", "revoked"); n != 1 {
				t.Errorf("%s: %d cut, want 1", path, n)
			}
			wg.Wait()
			if path == "/_/hang" && status != 401 {
				t.Errorf("%s, HTTP/2 %t: status %d, %v; want 401", path, h2, status, failed)
			}
			if path != "/_/hang" && (status != 200 || failed == nil) {
				t.Errorf("%s, HTTP/2 %t: status %d, %v; want an answer that breaks off", path, h2, status, failed)
			}
			w.up.WaitGone(1)
		}
	}
}

// A client that reads nothing cannot keep what its session has lost.
func TestClientThatDoesNotReadIsCutAsWell(t *testing.T) {
	w := newWorld(t, func(s *setup) {
		s.up.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			chunk := make([]byte, 1<<20)
			for r.Context().Err() == nil {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		})
	})
	c := w.dial()
	c.send("GET / HTTP/1.1\nHost: app.test\nCookie: __Host-sp=alice\n\n")
	w.up.WaitRequests(1)
	if n := w.streams.CutSession("session-of-alice", "revoked"); n != 1 {
		t.Errorf("%d were cut, want 1", n)
	}
	w.up.WaitGone(1)
	w.waitForNoStream()
}

// waitForNoStream blocks until no exchange is under way.
func (w *world) waitForNoStream() {
	w.t.Helper()
	for began := time.Now(); ; time.Sleep(time.Millisecond) {
		left := 0
		for i := range w.streams.shards {
			sh := &w.streams.shards[i]
			sh.mu.Lock()
			left += len(sh.m)
			sh.mu.Unlock()
		}
		if left == 0 {
			return
		}
		if time.Since(began) > patience {
			w.t.Fatalf("exchanges of %d sessions are still under way", left)
		}
	}
}

// Nor can one that has left HTTP.
func TestSwitchedClientThatDoesNotReadIsCutAsWell(t *testing.T) {
	w := newWorld(t, func(s *setup) {
		s.routes[0].SPDY = true
		s.up.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			c, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			_, err = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n")
			for chunk := make([]byte, 1<<20); err == nil; {
				_, err = c.Write(chunk)
			}
		})
	})
	c := w.dial()
	c.send("POST / HTTP/1.1\nHost: app.test\nCookie: __Host-sp=alice\nConnection: Upgrade\nUpgrade: SPDY/3.1\nContent-Length: 0\n\n")
	if res, err := http.ReadResponse(c.r, nil); err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%v, %v; want 101", res, err)
	}
	if n := w.streams.CutSession("session-of-alice", "revoked"); n != 1 {
		t.Errorf("%d were cut, want 1", n)
	}
	w.waitForNoStream()
}

func TestRestartLeavesPlainRequestsAlone(t *testing.T) {
	w := newWorld(t, nil)
	c := w.dial()
	c.send("GET /_/slow HTTP/1.1\nHost: app.test\nCookie: __Host-sp=alice\n\n")
	res, err := http.ReadResponse(c.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if n := w.streams.CutAll("restart"); n != 0 {
		t.Errorf("%d were cut", n)
	}
	w.up.Send()
	if body, err := io.ReadAll(res.Body); err != nil || string(body) != "halffull" {
		t.Errorf("%q, %v", body, err)
	}
}

func TestStreamsKeepCountUnderLoad(t *testing.T) {
	s := NewStreams(nil)
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			var ended int
			st := &stream{session: string(rune('a' + i%3)), end: func(ending) { ended++ }}
			s.add(st)
			s.become(st, kind(i)%kinds)
			if i%7 == 0 {
				s.CutSession(st.session, "x")
			}
			s.remove(st)
			if ended > 1 {
				t.Errorf("ended %d times", ended)
			}
		})
	}
	wg.Wait()
	if n := s.Count(); n != 0 {
		t.Errorf("Count = %d at the end", n)
	}
	for i := range s.shards {
		if len(s.shards[i].m) != 0 {
			t.Errorf("shard %d still holds %v", i, s.shards[i].m)
		}
	}
	if n := s.CutSession("", "x"); n != 0 {
		t.Errorf("nobody's session was cut: %d", n)
	}
}

func TestStreamsAreMeasured(t *testing.T) {
	reg := prometheus.NewRegistry()
	s := NewStreams(reg)
	for _, k := range []kind{kindRequest, kindEvents, kindGRPC, kindWebSocket, kindUpgrade} {
		st := &stream{session: "a", end: func(ending) {}}
		s.add(st)
		s.become(st, k)
	}
	s.CutSession("a", "x")
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			got[f.GetName()+" "+m.GetLabel()[0].GetValue()] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	want := map[string]float64{}
	for _, k := range []string{"events", "grpc", "websocket", "upgrade", "request"} {
		want["sallyport_streams_cut_total "+k] = 1
		if k != "request" {
			want["sallyport_streams_open "+k] = 1
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
	if n := s.Count(); n != 4 {
		t.Errorf("Count = %d, want 4: a plain request is none", n)
	}
}

// wsFrame is an unmasked frame of n bytes.
func wsFrame(n int) []byte {
	f := []byte{0x82}
	switch {
	case n < 126:
		f = append(f, byte(n))
	case n < 1<<16:
		f = binary.BigEndian.AppendUint16(append(f, 126), uint16(n))
	default:
		f = binary.BigEndian.AppendUint64(append(f, 127), uint64(n))
	}
	return append(f, make([]byte, n)...)
}

func TestFrameTrackerKnowsWhereFramesBegin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var text []byte
		starts := map[int]bool{0: true}
		for range rapid.IntRange(1, 5).Draw(t, "frames") {
			n := rapid.SampledFrom([]int{0, 1, 125, 126, 127, 300, 65535, 65536, 70000}).Draw(t, "length")
			text = append(text, wsFrame(n)...)
			starts[len(text)] = true
		}
		var track frameTracker
		for at := 0; at < len(text); {
			n := min(rapid.IntRange(1, 40_000).Draw(t, "read"), len(text)-at)
			track.pass(text[at : at+n])
			at += n
			if track.between() != starts[at] {
				t.Fatalf("at byte %d of %d: between frames %t, want %t", at, len(text), track.between(), starts[at])
			}
		}
	})
}

type pipeEnd struct {
	io.Reader
	closed chan struct{}
}

func (p *pipeEnd) Write(b []byte) (int, error) { return len(b), nil }
func (p *pipeEnd) Close() error                { close(p.closed); return nil }

func TestCloseFrameNeverFallsIntoAFrame(t *testing.T) {
	why := ending{code: closePolicy, reason: "over"}
	for name, tt := range map[string]struct {
		sent []byte
		told bool
	}{"between frames": {wsFrame(5), true}, "before any": {nil, true}, "inside a payload": {wsFrame(5)[:4], false}, "inside a header": {wsFrame(300)[:3], false}} {
		x := &exchange{}
		s := &switched{ReadWriteCloser: &pipeEnd{strings.NewReader(string(tt.sent)), make(chan struct{})}, x: x, frames: true}
		buf := make([]byte, 512)
		n := 0
		if len(tt.sent) > 0 {
			n, _ = s.Read(buf)
		}
		s.end(why)
		rest, err := io.ReadAll(s)
		if n != len(tt.sent) || err != nil {
			t.Fatalf("%s: read %d, %v", name, n, err)
		}
		if told := string(rest) == string(closeFrame(why)); told != tt.told || !told && len(rest) > 0 {
			t.Errorf("%s: the rest is %q", name, rest)
		}
	}
	if f := closeFrame(ending{code: closePolicy, reason: strings.Repeat("x", 500)}); len(f) != 127 || f[1] != 125 {
		t.Errorf("a long reason makes %d bytes, length %d", len(f), f[1])
	}
}

// A session may end after a request was let in and before it is under way: what
// it starts ends all the same.
func TestWhatBeginsWhileItsSessionEndsIsCut(t *testing.T) {
	for _, path := range []string{"/_/events", "/_/hang", "/"} {
		w := newWorld(t, nil)
		w.people.onDecide = func() { w.streams.CutSession("session-of-alice", "revoked") }
		c := w.dial()
		c.send("GET " + path + " HTTP/1.1\nHost: app.test\nCookie: __Host-sp=alice\n\n")
		if res, err := http.ReadResponse(c.r, nil); err != nil || res.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %v, %v; want 401", path, res, err)
		}
		w.people.onDecide = nil
		if status, _ := w.raw("GET / HTTP/1.1\nHost: app.test\nCookie: __Host-sp=bob\n\n"); status != 200 {
			t.Errorf("%s: bob, whose session lives: %d", path, status)
		}
		if n := w.streams.Count(); n != 0 {
			t.Errorf("%s: %d streams are left", path, n)
		}
	}
}
