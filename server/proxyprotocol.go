package server

import (
	"log/slog"
	"net"
	"net/netip"

	"sallyport/internal/clientip"
	"sallyport/internal/proxyproto"
)

// clientsOf bounds the connections of a public listener and puts the PROXY protocol
// before them, as the configuration in force says when one arrives. Only trusted proxies may
// speak it, and where they are trusted to, they must: their own address is never
// taken for a client's.
func (s *Server) clientsOf(ln net.Listener, must proxyproto.Rule) net.Listener {
	return proxyproto.Listen(s.clients.listen(ln), proxyproto.Options{
		Rule: func(peer netip.Addr) proxyproto.Rule {
			h := s.gen.Load().cfg.Hygiene
			switch {
			case !h.UseProxyProtocol:
				return proxyproto.Ignored
			case clientip.New(clientip.Options{Trusted: h.TrustedProxies}).Contains(peer):
				return must
			}
			return proxyproto.Forbidden
		},
		Refused: func(peer net.Addr, err error) {
			s.log.Debug("connection refused", slog.String("peer", peer.String()), slog.Any("error", err))
		},
	})
}
