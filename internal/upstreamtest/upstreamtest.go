// Package upstreamtest is an application for tests to put behind the proxy. It
// remembers every request as its server parsed it and, for HTTP/1.1 without
// TLS, every byte that arrived, so that a test can tell what was forwarded from
// what somebody behind might have read. It answers with an echo of the request;
// a few paths behave in ways that proxies get wrong.
//
//	/_/events      server-sent events, the first at once, then one per Send
//	/_/websocket   echoes messages
//	/_/hang        never answers; returns when the request is cancelled
//	/_/headers     the same after its headers
//	/_/reset       begins a body of 1 MB and breaks the connection after some
//	/_/slow        sends the first half of a body, the second after Send
//	/_/early       a 103, then the echo
//	/_/trailers    answers with announced and unannounced trailers
//	/_/status?code=N
//	/_/set?name=value   sets response headers
package upstreamtest

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// Kind is what an upstream speaks.
type Kind uint8

// The kinds of upstream.
const (
	HTTP1 Kind = iota // plain
	TLS               // HTTP/2 and HTTP/1.1, with the certificate of Options
	H2C               // HTTP/2 without TLS
	Unix              // HTTP/1.1 on a unix socket
)

// Request is one request as it arrived.
type Request struct {
	Method, Target, Proto, Host string
	Header, Trailer             http.Header
	Body                        string
}

// Options change what Start makes. The zero value is a plain echo.
type Options struct {
	Kind Kind
	// Certificate is needed for TLS.
	Certificate *tls.Certificate
	// Handler replaces the echo and the paths above; requests are recorded still.
	Handler http.Handler
}

// Server is a running upstream.
type Server struct {
	url    *url.URL
	ln     net.Listener
	srv    *http.Server
	dir    string
	send   chan struct{}
	quit   chan struct{}
	closed sync.Once

	mu       sync.Mutex
	requests []Request
	raw      bytes.Buffer
	underWay int
	gone     int  // requests whose client went away, and switched connections that ended
	late     bool // somebody waited for too long
	changed  *sync.Cond
}

// Start listens on loopback, or on a unix socket in a directory of its own.
func Start(o Options) (*Server, error) {
	s := &Server{send: make(chan struct{}, 64), quit: make(chan struct{})}
	s.changed = sync.NewCond(&s.mu)
	handler := o.Handler
	if handler == nil {
		handler = s.routes()
	}
	s.srv = &http.Server{Handler: s.record(handler), Protocols: new(http.Protocols)}
	s.srv.Protocols.SetHTTP1(o.Kind != H2C)
	s.srv.Protocols.SetHTTP2(o.Kind == TLS)
	s.srv.Protocols.SetUnencryptedHTTP2(o.Kind == H2C)
	if err := s.listen(o); err != nil {
		return nil, err
	}
	go func() { _ = s.srv.Serve(s.ln) }()
	return s, nil
}

func (s *Server) listen(o Options) (err error) {
	if o.Kind == Unix {
		if s.dir, err = os.MkdirTemp("", "upstream"); err != nil {
			return err
		}
		path := filepath.Join(s.dir, "s")
		s.url = &url.URL{Scheme: "unix", Path: path}
		s.ln, err = net.Listen("unix", path)
	} else if s.ln, err = net.Listen("tcp", "127.0.0.1:0"); err == nil {
		scheme := map[Kind]string{HTTP1: "http", TLS: "https", H2C: "h2c"}[o.Kind]
		s.url = &url.URL{Scheme: scheme, Host: s.ln.Addr().String()}
	}
	if err != nil {
		return err
	}
	s.ln = &tapListener{s.ln, s}
	if o.Kind == TLS {
		if o.Certificate == nil {
			return fmt.Errorf("upstreamtest: TLS needs a certificate")
		}
		s.srv.TLSConfig = &tls.Config{Certificates: []tls.Certificate{*o.Certificate}, NextProtos: []string{"h2", "http/1.1"}, MinVersion: tls.VersionTLS12}
		s.ln = tls.NewListener(s.ln, s.srv.TLSConfig)
	}
	return nil
}

// URL is what a route's to says.
func (s *Server) URL() *url.URL { u := *s.url; return &u }

// Close breaks every connection.
func (s *Server) Close() {
	s.closed.Do(func() {
		close(s.quit)
		_ = s.srv.Close()
		if s.dir != "" {
			_ = os.RemoveAll(s.dir)
		}
	})
}

// Send lets /_/events or /_/slow go one step further.
func (s *Server) Send() { s.send <- struct{}{} }

// Requests are those that have arrived, in order.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Last is the latest request; the zero Request if there was none.
func (s *Server) Last() Request {
	if all := s.Requests(); len(all) > 0 {
		return all[len(all)-1]
	}
	return Request{}
}

// Raw is every byte that arrived on all connections, in the order of reading.
func (s *Server) Raw() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.raw.String()
}

// Reset forgets requests and bytes.
func (s *Server) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests, s.gone = nil, 0
	s.raw.Reset()
}

// WaitGone blocks until n requests have been cancelled by the other side, or
// connections that had left HTTP have ended.
func (s *Server) WaitGone(n int) {
	s.wait("requests to go", func() bool { return s.gone >= n })
}

// WaitRequests blocks until n requests have arrived.
func (s *Server) WaitRequests(n int) {
	s.wait("requests to arrive", func() bool { return len(s.requests) >= n })
}

// WaitIdle blocks until nothing is under way. A request that was given up before
// it arrived counts as one that is not.
func (s *Server) WaitIdle() {
	s.wait("requests to end", func() bool { return s.underWay == 0 })
}

// patience bounds every wait.
const patience = 2 * time.Minute

// wait blocks until what holds, which a request that comes or goes may change. It
// panics where that does not happen: a test that waits for ever names no cause.
func (s *Server) wait(what string, holds func() bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	late := time.AfterFunc(patience, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.late = true
		s.changed.Broadcast()
	})
	defer late.Stop()
	for !holds() {
		if s.late {
			panic(fmt.Sprintf("upstreamtest: waited %s for %s; %d arrived, %d are under way, %d are gone", patience, what, len(s.requests), s.underWay, s.gone))
		}
		s.changed.Wait()
	}
}

// record notes the request when it arrives, its body and trailers when the
// handler has ended.
func (s *Server) record(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		at := len(s.requests)
		s.underWay++
		s.requests = append(s.requests, Request{
			Method: r.Method, Target: r.RequestURI, Proto: r.Proto, Host: r.Host, Header: r.Header.Clone(),
		})
		s.changed.Broadcast()
		s.mu.Unlock()
		body := &bodyTap{ReadCloser: r.Body}
		r.Body = body
		defer func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			if at < len(s.requests) {
				s.requests[at].Body, s.requests[at].Trailer = body.seen.String(), r.Trailer.Clone()
			}
			if r.Context().Err() != nil || r.Header.Get("Upgrade") != "" { // a hijacked one ends when it returns
				s.gone++
			}
			s.underWay--
			s.changed.Broadcast()
		}()
		next.ServeHTTP(w, r)
	})
}

type bodyTap struct {
	io.ReadCloser
	seen bytes.Buffer
}

func (b *bodyTap) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.seen.Write(p[:n])
	return n, err
}

type tapListener struct {
	net.Listener
	s *Server
}

func (l *tapListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &tapConn{c, l.s}, nil
}

type tapConn struct {
	net.Conn
	s *Server
}

func (c *tapConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.s.mu.Lock()
	c.s.raw.Write(p[:n])
	c.s.mu.Unlock()
	return n, err
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/_/events", s.events)
	mux.HandleFunc("/_/websocket", echoMessages)
	mux.HandleFunc("/_/hang", func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-s.quit:
		}
	})
	mux.HandleFunc("/_/headers", func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).Flush()
		select {
		case <-r.Context().Done():
		case <-s.quit:
		}
	})
	mux.HandleFunc("/_/reset", reset)
	mux.HandleFunc("/_/slow", s.slow)
	mux.HandleFunc("/_/early", early)
	mux.HandleFunc("/_/trailers", trailers)
	mux.HandleFunc("/_/status", func(w http.ResponseWriter, r *http.Request) {
		code, _ := strconv.Atoi(r.URL.Query().Get("code"))
		w.WriteHeader(code)
	})
	mux.HandleFunc("/_/set", func(w http.ResponseWriter, r *http.Request) {
		for name, values := range r.URL.Query() {
			w.Header()[http.CanonicalHeaderKey(name)] = values
		}
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/_/") {
			mux.ServeHTTP(w, r)
			return
		}
		Echo(w, r)
	})
}

// Echo answers with the request as text: its line, its headers sorted, its body.
func Echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s %s\nHost: %s\n", r.Method, r.RequestURI, r.Proto, r.Host)
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		for _, v := range r.Header[name] {
			fmt.Fprintf(&b, "%s: %s\n", name, v)
		}
	}
	fmt.Fprintf(&b, "\n%s", body)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write(b.Bytes())
}

func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	for n := 1; ; n++ {
		fmt.Fprintf(w, "data: %d\n\n", n)
		if http.NewResponseController(w).Flush() != nil {
			return
		}
		select {
		case <-s.send:
		case <-r.Context().Done():
			return
		case <-s.quit:
			return
		}
	}
}

func (s *Server) slow(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Length", "8")
	_, _ = io.WriteString(w, "half")
	_ = http.NewResponseController(w).Flush()
	select {
	case <-s.send:
		_, _ = io.WriteString(w, "full")
	case <-r.Context().Done():
	case <-s.quit:
	}
}

func echoMessages(w http.ResponseWriter, r *http.Request) {
	c, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return
	}
	defer func() { _ = c.CloseNow() }()
	for {
		kind, data, err := c.Read(r.Context())
		if err != nil || c.Write(r.Context(), kind, data) != nil {
			return
		}
	}
}

func reset(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000000")
	_, _ = io.WriteString(w, "begun")
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

func early(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Link", "</style.css>; rel=preload")
	w.Header()["Set-Cookie"] = r.URL.Query()["cookie"]
	w.WriteHeader(http.StatusEarlyHints)
	clear(w.Header())
	Echo(w, r)
}

func trailers(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Trailer", "X-Announced")
	_, _ = io.WriteString(w, "body")
	w.Header().Set("X-Announced", "a")
	w.Header().Set(http.TrailerPrefix+"X-Late", "b")
	for name, values := range r.URL.Query() {
		w.Header()[http.TrailerPrefix+http.CanonicalHeaderKey(name)] = values
	}
}
