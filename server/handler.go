package server

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"time"

	"sallyport/internal/requestid"
	"sallyport/internal/weberr"
	"sallyport/telemetry"
)

// serve is step 1 of a request's path: one generation, an id, a record, a net
// under panics. Everything else is the generation's.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	gen := s.gen.Load()
	start := time.Now()
	ctx, access := telemetry.WithAccess(r.Context())
	id := requestID(r)
	ctx = requestid.With(ctx, id)
	rec := &recorder{ResponseWriter: w}
	rec.Header().Set(requestid.Header, id)
	s.metrics.InFlight.Inc()
	// Whatever ends the request, a client that breaks off included, it is recorded.
	defer func() {
		s.metrics.InFlight.Dec()
		d := time.Since(start)
		s.metrics.Observe(access.Route(), rec.code(), d)
		access.Log(s.log.Logger, gen.accessFields, telemetry.Finished{
			Request: r, RequestID: id, IP: gen.clientIP(r).String(), Status: rec.code(), Bytes: rec.bytes, Duration: d,
		})
	}()
	defer func() { s.contain(ctx, gen, rec, r, recover()) }()
	if isProbe(r) {
		answerProbe(rec, r)
		return
	}
	gen.handler.ServeHTTP(rec, r.WithContext(ctx))
}

// requestID keeps the id that a well-behaved client or load balancer gave, so
// that one id runs through all logs; anything else gets a new one.
func requestID(r *http.Request) string {
	if ids := r.Header[requestid.Header]; len(ids) == 1 && requestid.Valid(ids[0]) {
		return ids[0]
	}
	return requestid.New()
}

// isProbe is exact: no other path, suffix or method is answered without a
// decision.
func isProbe(r *http.Request) bool {
	return (r.URL.Path == "/ping" || r.URL.Path == "/healthz") && r.URL.RawPath == "" &&
		(r.Method == http.MethodGet || r.Method == http.MethodHead)
}

// answerProbe tells a load balancer that requests are being answered, on every
// host, as Pomerium does.
func answerProbe(w http.ResponseWriter, r *http.Request) {
	telemetry.AccessFrom(r.Context()).SetDetail("probe")
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = io.WriteString(w, "OK\n")
}

// contain turns a panic into a 500 for this request alone.
// http.ErrAbortHandler passes: it is how a broken upstream answer is made
// visible to the client.
func (s *Server) contain(ctx context.Context, gen *generation, rec *recorder, r *http.Request, v any) {
	if v == nil {
		return
	}
	if v == http.ErrAbortHandler {
		telemetry.AccessFrom(ctx).SetDetail("aborted")
		if rec.status == 0 {
			rec.status = http.StatusBadGateway
		}
		defer panic(v)
		return
	}
	s.metrics.Panics.Inc()
	s.log.Error("panic contained", slog.Any("panic", v), slog.String("request-id", requestid.From(ctx)),
		slog.String("stack", string(debug.Stack())))
	if rec.status == 0 {
		gen.pages.Error(rec, r.WithContext(ctx), weberr.Internal(fmt.Errorf("panic: %v", v)))
		return
	}
	defer panic(http.ErrAbortHandler)
}

// recorder remembers what was answered. Flush and Hijack reach the writer below
// through Unwrap (http.ResponseController).
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	return n, err
}

// Flush is here for code that asks for an http.Flusher by type.
func (w *recorder) Flush() { _ = http.NewResponseController(w.ResponseWriter).Flush() }

// Hijack counts as a 101: it is what every hijacker here answers.
func (w *recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err == nil && w.status == 0 {
		w.status = http.StatusSwitchingProtocols
	}
	return conn, rw, err
}

func (w *recorder) code() int {
	if w.status == 0 {
		return http.StatusOK
	}
	return w.status
}
