package proxy

import (
	"fmt"
	"net/url"
	"strings"

	"sallyport/config"
)

// upstream is one destination of a route.
type upstream struct {
	name   string // for the access record: host and port, or "unix:" and the path
	scheme string // "http" or "https", of the forwarded URL
	addr   string // host and port to connect to, and the Host header unless the route says otherwise; any name for sockets
	base   string // path of to, "" where it has none

	pool *pool
	h1   *pool // for switches of protocol
}

// newUpstream resolves the scheme of a destination.
func (h *Handler) newUpstream(r *config.Route, to config.Upstream) (*upstream, error) {
	u := &upstream{scheme: "http", addr: to.URL.Host, base: basePath(to.URL)}
	u.name = u.addr
	speak, socket := protocolAny, ""
	switch to.URL.Scheme {
	case "http":
		speak = protocolH1
	case "https":
		u.scheme = "https"
	case "h2c":
		speak = protocolH2C
	case "unix", "http+unix", "https+unix":
		socket = to.URL.Path
		u.addr, u.base, u.name = "localhost", "", "unix:"+socket
		if to.URL.Scheme == "https+unix" {
			u.scheme = "https"
		} else {
			speak = protocolH1
		}
	default:
		return nil, fmt.Errorf("scheme %q cannot carry requests", to.URL.Scheme)
	}
	if u.addr == "" || strings.Contains(to.URL.Scheme, "unix") && socket == "" {
		return nil, fmt.Errorf("%q names no destination", to.URL.Redacted())
	}
	connect := r.ConnectTimeout
	if connect <= 0 {
		connect = defaultConnectTimeout
	}
	var err error
	if u.pool, err = h.o.Transports.pool(speak, socket, connect, r.TLS); err != nil {
		return nil, err
	}
	u.h1, err = h.o.Transports.pool(protocolH1, socket, connect, r.TLS)
	return u, err
}

// basePath is the path of to; "/" says nothing.
func basePath(u *url.URL) string {
	if p := u.EscapedPath(); p != "/" {
		return p
	}
	return ""
}

// turns is the order in which upstreams are taken: each as often as its weight,
// spread evenly (smooth weighted round-robin).
func turns(to []config.Upstream) []int {
	const longest = 1 << 10
	total, weights := 0, make([]int, len(to))
	for i, u := range to {
		weights[i] = max(u.Weight, 1)
		total += weights[i]
	}
	for total > longest { // keep proportions, roughly
		total = 0
		for i := range weights {
			weights[i] = max(weights[i]/2, 1)
			total += weights[i]
		}
		if len(to) >= longest {
			break
		}
	}
	order, current := make([]int, 0, total), make([]int, len(to))
	for range total {
		best := 0
		for i, w := range weights {
			if current[i] += w; current[i] > current[best] {
				best = i
			}
		}
		current[best] -= total
		order = append(order, best)
	}
	return order
}

// pick takes the next upstream in turn.
func (p *plan) pick() int {
	if len(p.upstreams) == 1 {
		return 0
	}
	return p.turn[int(p.next.Add(1)-1)%len(p.turn)]
}
