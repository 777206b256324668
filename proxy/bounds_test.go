package proxy

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"sallyport/config"
)

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
		change func(*config.Route, *config.UpstreamDefaults, time.Duration)
		path   string
		status int // 200 for an answer that breaks off
	}{
		{"default, no answer", func(_ *config.Route, d *config.UpstreamDefaults, after time.Duration) { d.Timeout = after }, "/_/hang", 504},
		{"route, no answer", func(r *config.Route, _ *config.UpstreamDefaults, after time.Duration) { r.Timeout = &after }, "/_/hang", 504},
		{"idle, no answer", func(r *config.Route, _ *config.UpstreamDefaults, after time.Duration) { r.IdleTimeout = &after }, "/_/hang", 504},
		{"route, half an answer", func(r *config.Route, _ *config.UpstreamDefaults, after time.Duration) { r.Timeout = &after }, "/_/slow", 200},
		{"idle, half an answer", func(r *config.Route, _ *config.UpstreamDefaults, after time.Duration) { r.IdleTimeout = &after }, "/_/slow", 200},
		{"idle, headers alone", func(r *config.Route, _ *config.UpstreamDefaults, after time.Duration) { r.IdleTimeout = &after }, "/_/headers", 200},
		{"idle, events", func(r *config.Route, _ *config.UpstreamDefaults, after time.Duration) { r.IdleTimeout = &after }, "/_/events", 200},
	} {
		unhurried(func(after time.Duration) bool {
			w := newWorld(t, func(s *setup) { tt.change(s.routes[0], &s.o.Upstream, after) })
			c := w.dial()
			c.send("GET " + tt.path + " HTTP/1.1\nHost: app.test\n\n")
			res, err := http.ReadResponse(c.r, nil)
			if err != nil {
				t.Fatal(err)
			}
			_, err = io.ReadAll(res.Body)
			w.up.WaitIdle() // the upstream is not left working for nobody
			switch {
			case res.StatusCode != tt.status && res.StatusCode == 504 && after < patience/8:
				return false
			case res.StatusCode != tt.status || tt.status == 200 && err == nil:
				t.Errorf("%s: %d, %v; want %d, and an answer that breaks off if it began", tt.name, res.StatusCode, err, tt.status)
			case tt.status == 504 && res.Header.Get("X-Code") != "upstream-timeout":
				t.Errorf("%s: %s, want upstream-timeout", tt.name, res.Header.Get("X-Code"))
			}
			return true
		})
	}
}

// unhurried gives a test more time until it has got as far as it wants: what a
// machine does within 50 ms, it may not do while it is busy.
func unhurried(try func(time.Duration) bool) {
	for after := 50 * time.Millisecond; !try(after); after *= 4 {
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

// A stream of events outlives the timeout of its route, and an answer that has
// begun the default one.
func TestWhatHasBegunIsNoSlowAnswer(t *testing.T) {
	for _, tt := range []struct {
		path, first, second string
		change              func(*setup, time.Duration)
	}{
		{"/_/events", "data: 1\n\n", "data: 2\n\n", func(s *setup, bound time.Duration) { s.routes[0].Timeout = &bound }},
		{"/_/slow", "half", "full", func(s *setup, bound time.Duration) { s.o.Upstream.Timeout = bound }},
	} {
		unhurried(func(bound time.Duration) bool {
			w := newWorld(t, func(s *setup) { tt.change(s, bound) })
			c := w.dial()
			c.send("GET " + tt.path + " HTTP/1.1\nHost: app.test\n\n")
			res, err := http.ReadResponse(c.r, nil)
			if err != nil {
				t.Fatal(err)
			}
			if res.StatusCode == http.StatusGatewayTimeout && bound < patience/8 {
				return false
			}
			buf := make([]byte, len(tt.first))
			if _, err := io.ReadFull(res.Body, buf); err != nil || string(buf) != tt.first {
				t.Fatalf("%s begins with %q, %v", tt.path, buf, err)
			}
			timer := time.NewTimer(2 * bound) // past the timeout, which must not fire
			<-timer.C
			w.up.Send()
			if _, err := io.ReadFull(res.Body, buf); err != nil || string(buf) != tt.second {
				t.Errorf("%s goes on with %q, %v", tt.path, buf, err)
			}
			return true
		})
	}
}

// What bounded one request does not bound its connection.
func TestAConnectionOutlivesTheBoundsOfItsRequests(t *testing.T) {
	unhurried(func(bound time.Duration) bool {
		w := newWorld(t, func(s *setup) { s.routes[0].IdleTimeout = &bound })
		c := w.dial()
		for n := range 3 {
			c.send("GET / HTTP/1.1\nHost: app.test\n\n")
			res, _ := c.read()
			if res.StatusCode == http.StatusGatewayTimeout && bound < patience/32 {
				return false
			}
			if res.StatusCode != http.StatusOK || res.Close {
				t.Fatalf("request %d: %d, and the connection ends: %t", n, res.StatusCode, res.Close)
			}
			timer := time.NewTimer(2 * bound) // past the bound, which must not fire
			<-timer.C
		}
		return true
	})
}

// As long as something moves, no bound on silence holds, however long it takes.
func TestWhatMovesIsNotIdle(t *testing.T) {
	const pieces = 6
	unhurried(func(bound time.Duration) bool {
		trickle := func(w io.Writer) {
			for range pieces {
				timer := time.NewTimer(bound / 2) // less than the bound, and in all more
				<-timer.C
				_, _ = io.WriteString(w, "x")
				if f, ok := w.(http.Flusher); ok {
					f.Flush()
				}
			}
		}
		for _, method := range []string{"GET", "POST"} {
			w := newWorld(t, func(s *setup) {
				s.routes[0].IdleTimeout = &bound
				s.up.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					n, _ := io.Copy(w, r.Body)
					if n == 0 {
						trickle(w)
					}
				})
			})
			c := w.dial()
			if method == "GET" {
				c.send("GET / HTTP/1.1\nHost: app.test\n\n")
			} else {
				c.send(fmt.Sprintf("POST / HTTP/1.1\nHost: app.test\nContent-Length: %d\n\n", pieces))
				trickle(c)
			}
			res, err := http.ReadResponse(c.r, nil)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(res.Body)
			if string(body) != strings.Repeat("x", pieces) {
				if bound < patience/32 {
					return false
				}
				t.Errorf("%s: %d %q, want all that moved", method, res.StatusCode, body)
			}
		}
		return true
	})
}

// A call may stay without a first message for longer than other requests wait.
func TestCallsWaitForTheirFirstMessage(t *testing.T) {
	const bound = 50 * time.Millisecond
	w := newWorld(t, func(s *setup) {
		s.o.Upstream.Timeout = bound
		s.up.Handler = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			timer := time.NewTimer(3 * bound) // past the timeout, which must not fire
			<-timer.C
		})
	})
	if status, body := w.raw("POST / HTTP/1.1\nHost: app.test\nContent-Type: application/grpc\nContent-Length: 0\n\n"); status != http.StatusOK {
		t.Errorf("%d %s, want 200", status, body)
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
	w.up.WaitIdle()
}
