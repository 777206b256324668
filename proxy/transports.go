package proxy

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"net"
	"net/http"
	"runtime"
	"sync"
	"time"
	"weak"

	"github.com/prometheus/client_golang/prometheus"

	"sallyport/config"
)

// Bounds towards upstreams.
const (
	defaultConnectTimeout = 5 * time.Second
	upstreamIdleTimeout   = 60 * time.Second
	maxIdlePerHost        = 1024
	maxResponseHeader     = 64 << 10
	upstreamBuffer        = 16 << 10
)

// Transports are the connections to upstreams, one pool per set of settings.
// They live as long as the process: a reload that changes nothing about an
// upstream keeps its connections. A pool that no generation uses any more is
// forgotten by itself.
type Transports struct {
	mu    sync.Mutex
	pools map[poolKey]weak.Pointer[pool]
	dials *prometheus.CounterVec
}

// poolKey is what makes connections different.
type poolKey struct {
	protocol protocol
	socket   string // path of the unix socket, "" for TCP
	connect  time.Duration
	tls      [sha256.Size]byte
}

// protocol is what is spoken to an upstream.
type protocol uint8

const (
	protocolAny protocol = iota // HTTP/1.1, or HTTP/2 where TLS agrees on it
	protocolH1                  // HTTP/1.1 alone, for upgrades
	protocolH2C                 // HTTP/2 without TLS
)

// pool is one http.Transport; generations hold it strongly.
type pool struct{ transport *http.Transport }

// NewTransports registers the count of connections opened with reg, which may
// be nil.
func NewTransports(reg prometheus.Registerer) *Transports {
	t := &Transports{pools: map[poolKey]weak.Pointer[pool]{}}
	t.dials = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "sallyport_upstream_connections_total", Help: "Connections opened to upstreams, by result.",
	}, []string{"result"})
	if reg != nil {
		reg.MustRegister(t.dials)
	}
	return t
}

// pool returns the pool of these settings, a new one where there is none.
func (t *Transports) pool(p protocol, socket string, connect time.Duration, settings config.UpstreamTLS) (*pool, error) {
	key := poolKey{protocol: p, socket: socket, connect: connect, tls: digest(settings)}
	t.mu.Lock()
	defer t.mu.Unlock()
	if known := t.pools[key].Value(); known != nil {
		return known, nil
	}
	conf, err := clientTLS(settings)
	if err != nil {
		return nil, err
	}
	made := &pool{t.transport(p, socket, connect, conf)}
	ref := weak.Make(made)
	t.pools[key] = ref
	runtime.AddCleanup(made, func(tr *http.Transport) {
		tr.CloseIdleConnections()
		t.mu.Lock()
		if t.pools[key] == ref {
			delete(t.pools, key)
		}
		t.mu.Unlock()
	}, made.transport)
	return made, nil
}

func (t *Transports) transport(p protocol, socket string, connect time.Duration, conf *tls.Config) *http.Transport {
	tr := &http.Transport{
		DialContext:            t.dial(socket, connect),
		TLSClientConfig:        conf,
		TLSHandshakeTimeout:    connect,
		DisableCompression:     true, // the client's Accept-Encoding decides
		MaxIdleConns:           0,
		MaxIdleConnsPerHost:    maxIdlePerHost,
		IdleConnTimeout:        upstreamIdleTimeout,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: maxResponseHeader,
		WriteBufferSize:        upstreamBuffer,
		ReadBufferSize:         upstreamBuffer,
		Protocols:              new(http.Protocols),
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second},
	}
	tr.Protocols.SetHTTP1(p != protocolH2C)
	tr.Protocols.SetHTTP2(p == protocolAny)
	tr.Protocols.SetUnencryptedHTTP2(p == protocolH2C)
	return tr
}

// dialError marks a connection that never came to be: nothing of the request
// has left, so it may go elsewhere.
type dialError struct{ err error }

func (e *dialError) Error() string { return e.err.Error() }
func (e *dialError) Unwrap() error { return e.err }

func (t *Transports) dial(socket string, connect time.Duration) func(context.Context, string, string) (net.Conn, error) {
	d := &net.Dialer{Timeout: connect, KeepAlive: 30 * time.Second}
	ok, failed := t.dials.WithLabelValues("ok"), t.dials.WithLabelValues("failed")
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		if socket != "" {
			network, addr = "unix", socket
		}
		conn, err := d.DialContext(ctx, network, addr)
		if err != nil {
			failed.Inc()
			return nil, &dialError{err}
		}
		ok.Inc()
		return conn, nil
	}
}

// Close closes the connections that carry no request.
func (t *Transports) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, ref := range t.pools {
		if p := ref.Value(); p != nil {
			p.transport.CloseIdleConnections()
		}
	}
}
