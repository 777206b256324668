// Package proxyproto reads the PROXY protocol, versions 1 and 2, with which a
// balancer in front says whose connection it passes on
// (https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt). Who may say so
// is the caller's matter. A header is bounded in time and size, and it is read
// where the connection is served, so that a slow one holds up nobody else.
//
//	header.go       the two forms of a header
//	proxyproto.go   a listener whose connections begin with one
package proxyproto

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Rule is what is expected of a connection.
type Rule uint8

// The rules. Under Forbidden a connection that begins with a header is closed,
// under Required one that does not.
const (
	Ignored Rule = iota
	Forbidden
	Optional
	Required
)

// defaultTimeout is how long a header may take to arrive.
const defaultTimeout = 5 * time.Second

// Options say what is expected of whom.
type Options struct {
	// Rule is asked once for each connection; peer is invalid where it is no
	// address of IP.
	Rule func(peer netip.Addr) Rule
	// Timeout bounds the arrival of a header that may or must come [5 s].
	Timeout time.Duration
	// Refused is told of connections that were closed; nil: nobody.
	Refused func(peer net.Addr, err error)
}

// Listen puts o before the connections of ln.
func Listen(ln net.Listener, o Options) net.Listener {
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.Refused == nil {
		o.Refused = func(net.Addr, error) {}
	}
	return &listener{ln, o}
}

type listener struct {
	net.Listener
	o Options
}

// Accept never waits for a header.
func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	rule := l.o.Rule(peerOf(c))
	if rule == Ignored {
		return c, nil
	}
	return &conn{Conn: c, o: &l.o, rule: rule, r: bufio.NewReaderSize(c, 256)}, nil
}

func peerOf(c net.Conn) netip.Addr {
	if a, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		return a.AddrPort().Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}

// conn is a connection before, and after, its header was read.
type conn struct {
	net.Conn
	o    *Options
	rule Rule
	r    *bufio.Reader

	once   sync.Once
	client net.Addr // nil: the peer itself
	err    error
}

// RemoteAddr is the client's address. It waits for the header, which servers ask
// for first, before they set deadlines of their own.
func (c *conn) RemoteAddr() net.Addr {
	if c.rule != Forbidden {
		c.once.Do(c.begin)
	}
	if c.client != nil {
		return c.client
	}
	return c.Conn.RemoteAddr()
}

func (c *conn) Read(b []byte) (int, error) {
	c.once.Do(c.begin)
	if c.err != nil {
		return 0, c.err
	}
	if c.r.Buffered() > 0 {
		return c.r.Read(b)
	}
	return c.Conn.Read(b)
}

// CloseWrite lets a server end an answer without losing it, as on TCP itself.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// begin reads the header, or sees that there is none. Where none may be, only
// the server's own deadlines hold.
func (c *conn) begin() {
	if c.rule != Forbidden {
		_ = c.SetReadDeadline(time.Now().Add(c.o.Timeout))
	}
	if c.client, c.err = c.header(); c.err != nil {
		if !errors.Is(c.err, io.EOF) || c.r.Buffered() > 0 { // silence alone is a probe of the port
			c.o.Refused(c.Conn.RemoteAddr(), c.err)
		}
		_ = c.Close()
		return
	}
	if c.rule != Forbidden {
		_ = c.SetReadDeadline(time.Time{})
	}
}

func (c *conn) header() (net.Addr, error) {
	v, err := begins(c.r)
	switch {
	case err != nil:
		return nil, c.early(err)
	case v == absent && c.rule == Required:
		return nil, errAbsent
	case v == absent:
		return nil, nil
	case c.rule == Forbidden:
		return nil, errForbidden
	}
	return read(c.r, v)
}

// early is the end of a connection that said too little to tell. Where no header
// may be that little is passed on: it is none.
func (c *conn) early(err error) error {
	if c.rule == Forbidden && c.r.Buffered() > 0 && errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
