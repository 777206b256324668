package server

import (
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sallyport/internal/clientip"
)

const (
	// mostConnections is the most that clients may have open at once.
	mostConnections = 50_000
	// keptFiles are descriptors for what is ours: store, log, Okta, listeners.
	keptFiles = 256
	// tellEvery is how often refused connections are told to the log.
	tellEvery = time.Minute
)

// connections bounds what clients have open, so that descriptors are left for
// upstreams, Okta and the store: a connection costs a stranger nothing, and may be
// kept for minutes without a request. One address has half of them at most, a
// network of 64 bits for IPv6; this machine, and proxies in front that the operator
// trusts, all.
type connections struct {
	most    int
	trusted func(netip.Addr) bool
	log     *slog.Logger
	refused prometheus.Counter

	mu   sync.Mutex
	open int
	from map[netip.Addr]int
	told time.Time
}

// newConnections bounds connections to most; 0: what the limit of open files lets,
// half of which is for the other side of requests.
func newConnections(s *Server, most int) *connections {
	if most == 0 {
		most = mostConnections
		var files syscall.Rlimit
		if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files) == nil && files.Cur < 2*mostConnections+keptFiles {
			most = max(16, (int(files.Cur)-keptFiles)/2)
		}
	}
	c := &connections{most: most, log: s.log.Logger, from: map[netip.Addr]int{}}
	c.trusted = func(peer netip.Addr) bool {
		return peer == netip.IPv6Loopback() || peer.Unmap() == netip.AddrFrom4([4]byte{127, 0, 0, 1}) || clientip.New(clientip.Options{Trusted: s.gen.Load().cfg.Hygiene.TrustedProxies}).Contains(peer)
	}
	c.refused = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "sallyport_connections_refused_total", Help: "Connections of clients closed at once because there were too many, of all or of one address.",
	})
	s.registry.MustRegister(c.refused, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "sallyport_connections_open", Help: "Connections that clients have open.",
	}, func() float64 { c.mu.Lock(); defer c.mu.Unlock(); return float64(c.open) }))
	return c
}

// listen bounds what comes in on ln.
func (c *connections) listen(ln net.Listener) net.Listener { return &boundedListener{ln, c} }

type boundedListener struct {
	net.Listener
	c *connections
}

// Accept closes what is too much and waits for the next.
func (l *boundedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		var peer netip.Addr
		if tcp, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
			peer = tcp.AddrPort().Addr()
		}
		if key := wholeNetwork(peer); l.c.enter(key, peer) {
			return &boundedConn{Conn: conn, leave: sync.OnceFunc(func() { l.c.leave(key) })}, nil
		}
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // nothing is left to wait for
		}
		_ = conn.Close()
	}
}

// enter counts a connection, or reports that there are too many.
func (c *connections) enter(key, peer netip.Addr) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open < c.most && (c.from[key] < max(1, c.most/2) || c.trusted(peer)) {
		c.open++
		c.from[key]++
		return true
	}
	c.refused.Inc()
	if now := time.Now(); now.Sub(c.told) >= tellEvery {
		c.told = now
		c.log.Warn("connections are refused: there are too many", slog.String("peer", peer.String()),
			slog.Int("of_this_address", c.from[key]), slog.Int("of_all", c.open), slog.Int("limit", c.most))
	}
	return false
}

func (c *connections) leave(key netip.Addr) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open--
	if c.from[key]--; c.from[key] <= 0 {
		delete(c.from, key)
	}
}

// boundedConn is counted until it is closed, whoever has it then.
type boundedConn struct {
	net.Conn
	leave func()
}

func (c *boundedConn) Close() error {
	c.leave()
	return c.Conn.Close()
}

// CloseWrite lets a server end an answer without losing it, as on TCP itself.
func (c *boundedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
