package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"sallyport/config"
	"sallyport/internal/proxyproto"
	"sallyport/proxy"
)

// listeners are the sockets of one process. Each serves one purpose; nothing
// for operators is ever on the public one.
type listeners struct {
	mu      sync.Mutex
	main    *endpoint
	health  *endpoint
	metrics *endpoint
	others  []*endpoint
}

// endpoint is a listener with its server.
type endpoint struct {
	name string
	ln   net.Listener
	srv  *http.Server
}

func (l *listeners) open(s *Server, cfg *config.Config) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := s.state.certs.Set(certificatesOf(cfg)); err != nil {
		return err
	}
	var err error
	if l.health, err = l.plain("health_check_addr", cfg.Telemetry.HealthAddress, s.health, s); err != nil {
		return err
	}
	if l.metrics, err = l.openMetrics(s, cfg); err != nil {
		return err
	}
	if _, err = l.plain("debug_address", cfg.Telemetry.DebugAddress, refuseRebound(debugHandler()), s); err != nil {
		return err
	}
	if err = l.openRedirect(s, cfg); err != nil {
		return err
	}
	return l.openMain(s, cfg)
}

// openMain listens for the public. It comes last: once it accepts, everything
// stands.
func (l *listeners) openMain(s *Server, cfg *config.Config) error {
	ln, err := bind("address", cfg.Listen.Address)
	if err != nil {
		return err
	}
	ln = s.clientsOf(ln, proxyproto.Required)
	srv := proxy.NewServer(s.Handler(), proxy.ServerOptions{
		Insecure: cfg.Listen.Insecure, ReadTimeout: cfg.Listen.TimeoutRead, WriteTimeout: cfg.Listen.TimeoutWrite,
		IdleTimeout: cfg.Listen.TimeoutIdle, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	})
	if !cfg.Listen.Insecure {
		srv.TLSConfig = s.askForCertificates(s.state.tlsConfig())
	}
	l.main = &endpoint{"address", ln, srv}
	go l.main.serve(s)
	s.useCertificates(cfg)
	return nil
}

// bind listens at the address that key names; where it cannot, it says what to do.
func bind(key, addr string) (net.Listener, error) {
	ln, err := net.Listen("tcp", addr)
	switch {
	case err == nil:
		return ln, nil
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%s: %w: ports below 1024 need the capability CAP_NET_BIND_SERVICE, or root", key, err)
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s: %w: stop the program that listens there, or set %s to another address", key, err, key)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("%s: %w: it is none of this machine's addresses; \":443\" stands for all of them", key, err)
	}
	return nil, fmt.Errorf("%s: %w: expected HOST:PORT or :PORT", key, err)
}

// plain opens a listener for operators; nil if addr is empty.
func (l *listeners) plain(name, addr string, h http.Handler, s *Server) (*endpoint, error) {
	if addr == "" {
		return nil, nil
	}
	ln, err := bind(name, addr)
	if err != nil {
		return nil, err
	}
	return l.plainOn(name, ln, h, s), nil
}

// openRedirect listens for plain HTTP. Its answers depend on no address, so that
// balancers may speak the PROXY protocol there or leave it.
func (l *listeners) openRedirect(s *Server, cfg *config.Config) error {
	addr := cfg.Listen.HTTPRedirectAddr
	if addr == "" {
		return nil
	}
	ln, err := bind("http_redirect_addr", addr)
	if err != nil {
		return err
	}
	l.plainOn("http_redirect_addr", s.clientsOf(ln, proxyproto.Optional), s.state.redirectHandler(), s)
	return nil
}

// plainOn serves HTTP without TLS on ln.
func (l *listeners) plainOn(name string, ln net.Listener, h http.Handler, s *Server) *endpoint {
	e := &endpoint{name, ln, &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}}
	l.others = append(l.others, e)
	go e.serve(s)
	return e
}

func (e *endpoint) serve(s *Server) {
	serve := e.srv.Serve
	if e.srv.TLSConfig != nil {
		serve = func(ln net.Listener) error { return e.srv.ServeTLS(ln, "", "") }
	}
	if err := serve(e.ln); !errors.Is(err, http.ErrServerClosed) {
		s.log.Error("listener failed", slog.String("listener", e.name), slog.Any("error", err))
		s.health.set(e.name, err)
	}
}

func (e *endpoint) address() string {
	if e == nil {
		return ""
	}
	return e.ln.Addr().String()
}

func (l *listeners) addr() string { l.mu.Lock(); defer l.mu.Unlock(); return l.main.address() }

func (l *listeners) healthAddr() string { l.mu.Lock(); defer l.mu.Unlock(); return l.health.address() }

func (l *listeners) metricsAddr() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.metrics.address()
}

// drain lets load balancers see the 503 of /readyz for drain_delay, then stops
// accepting, cuts streams and waits for requests in flight until ctx ends.
func (l *listeners) drain(ctx context.Context, s *Server) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.main != nil {
		delay := time.NewTimer(s.gen.Load().cfg.Listen.DrainDelay)
		select {
		case <-delay.C:
		case <-ctx.Done():
		}
		delay.Stop()
		s.state.streams.CutAll("the proxy is restarting")
		if err := l.main.srv.Shutdown(ctx); err != nil {
			s.log.Warn("requests were still in flight at the end of the drain", slog.Any("error", err))
			_ = l.main.srv.Close()
		}
	}
	var errs []error
	for _, e := range l.others {
		errs = append(errs, e.srv.Close())
	}
	return errors.Join(errs...)
}

func (l *listeners) openMetrics(s *Server, cfg *config.Config) (*endpoint, error) {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{Registry: s.registry}))
	guarded, err := metricsGuard(cfg.Telemetry, mux)
	if err != nil {
		return nil, err
	}
	return l.plain("metrics_address", cfg.Telemetry.MetricsAddress, refuseRebound(guarded), s)
}

func debugHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}

// redirectToHTTPS sends everything to the same place under https. A Host that
// is not one is refused, and a target that is no path ("http:.evil.test", which
// would make the host a longer one), so that nobody is sent elsewhere.
func redirectToHTTPS(w http.ResponseWriter, r *http.Request) {
	host, ok := proxy.CleanHost(r.Host)
	target := r.URL.RequestURI()
	if !ok || !strings.HasPrefix(target, "/") {
		http.Error(w, "bad host or target", http.StatusBadRequest)
		return
	}
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	w.Header().Set("Connection", "close")
	http.Redirect(w, r, "https://"+host+target, http.StatusMovedPermanently)
}
