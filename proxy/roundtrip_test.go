package proxy

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/config"
)

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
	const dead = "127.0.0.1:1" // a port that no listener gets by chance
	w := newWorld(t, func(s *setup) {
		s.routes[0].To = []config.Upstream{{URL: mustURL(t, "http://"+dead+"/base")}}
	})
	if code, body := w.raw("GET / HTTP/1.1\nHost: app.test\n\n"); code != 502 || body != "upstream-unreachable\n" {
		t.Errorf("one dead upstream: %d %q", code, body)
	}
	w = newWorld(t, nil)
	w.handler.plans[w.o.Routes[0]].upstreams = append(w.handler.plans[w.o.Routes[0]].upstreams, &upstream{
		name: "dead", scheme: "http", addr: dead, base: "/base",
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

	w = newWorld(t, func(s *setup) {
		s.up.Handler = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
		s.routes[0].To = nil
	})
	p := w.handler.plans[w.o.Routes[0]]
	p.upstreams = append(p.upstreams, p.upstreams[0])
	if code, _ := w.raw("POST / HTTP/1.1\nHost: app.test\nContent-Length: 5\n\nhello"); code != 502 || len(w.up.Requests()) != 1 {
		t.Errorf("broken while answering: status %d after %d attempts, want 502 after one", code, len(w.up.Requests()))
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
	pairs := [2]*pool{}
	for i := range pairs {
		pair, _ := certificate(t, "proxy.test")
		if pairs[i], err = ts.pool(protocolH1, "", time.Second, config.UpstreamTLS{Certificate: &pair}); err != nil {
			t.Fatal(err)
		}
	}
	if pairs[0] == pairs[1] || pairs[0] == a {
		t.Error("connections that show one certificate are lent to routes with another")
	}
	pairs = [2]*pool{}
	ts.Close()
	a, same, other = nil, nil, nil
	began := time.Now()
	for left := 1; left > 0; { // until the collector has found that nobody holds them
		if runtime.GC(); time.Since(began) > patience {
			t.Fatalf("%d pools are still held", left)
		}
		ts.mu.Lock()
		left = len(ts.pools)
		ts.mu.Unlock()
	}
}

// T54: a request that may have been acted on is sent again only if that is
// harmless.
func TestOnlyIdempotentRequestsAreSentAgain(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	lines := make(chan string, 16)
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go breakOnSecond(c, lines)
		}
	}()
	w := newWorld(t, func(s *setup) { s.routes[0].To = []config.Upstream{{URL: mustURL(t, "http://"+ln.Addr().String())}} })
	for _, tt := range []struct {
		line   string
		status int
		read   []string
	}{
		{"GET /1", 200, []string{"GET /1"}},
		{"GET /2", 200, []string{"GET /2", "GET /2"}}, // broken off, and again on a new connection
		{"POST /3", 502, []string{"POST /3"}},
	} {
		if code, _ := w.raw(tt.line + " HTTP/1.1\nHost: app.test\nContent-Length: 0\n\n"); code != tt.status {
			t.Errorf("%s: status %d, want %d", tt.line, code, tt.status)
		}
		var read []string
		for range len(lines) {
			read = append(read, <-lines)
		}
		if diff := cmp.Diff(tt.read, read); diff != "" {
			t.Errorf("%s: the upstream read (-want +got):\n%s", tt.line, diff)
		}
	}
}

// breakOnSecond answers the first request of a connection and breaks it on the
// second.
func breakOnSecond(c net.Conn, lines chan<- string) {
	defer c.Close()
	r := bufio.NewReader(c)
	for n := range 2 {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		lines <- req.Method + " " + req.RequestURI
		if n == 0 {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}
	}
}

func TestNeverSentIsAboutDialing(t *testing.T) {
	if !neverSent(fmt.Errorf("x: %w", &dialError{errTest})) || neverSent(errTest) || neverSent(nil) {
		t.Error("neverSent is wrong")
	}
	if !errors.Is(&dialError{errTest}, errTest) {
		t.Error("the cause is lost")
	}
}
