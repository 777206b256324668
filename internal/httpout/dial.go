package httpout

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
)

// DialFunc opens a connection, as net.Dialer.DialContext does.
type DialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

// dialer refuses addresses no identity provider lives at. The check is made on
// the resolved address, so that a name pointing there is refused as well.
func dialer() *net.Dialer {
	return &net.Dialer{Timeout: dialTimeout, Control: refuseLinkLocal}
}

func refuseLinkLocal(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("dial %q: not an address: %w", address, err)
	}
	ip := to.Addr().Unmap()
	if ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.IsUnspecified() {
		return fmt.Errorf("dial %s: link-local, multicast and unspecified addresses are refused", ip)
	}
	return nil
}

// localhostDial sends localhost and every name under it to loopback, as RFC 6761
// §6.3 asks and browsers do; Go's resolver asks DNS, which does not know them.
func localhostDial(dial DialFunc) DialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		host, port, err := net.SplitHostPort(addr)
		if err != nil || !isLocalhost(host) {
			return dial(ctx, network, addr)
		}
		conn, err := dial(ctx, network, net.JoinHostPort("127.0.0.1", port))
		if err == nil {
			return conn, nil
		}
		if conn, v6 := dial(ctx, network, net.JoinHostPort("::1", port)); v6 == nil {
			return conn, nil
		}
		return nil, err
	}
}

func isLocalhost(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}
