package server

import (
	"net"
	"net/http"
	"net/netip"
	"strings"

	"sallyport/proxy"
)

// refuseRebound refuses requests that arrive at 127.0.0.1 or ::1 under a name that
// somebody else may own. A page elsewhere can have its name point there, so that a
// browser on this machine asks us and shows the page our answer (DNS rebinding);
// it cannot have the browser send another Host. Addresses, names without a dot and
// *.localhost are nobody's to point.
func refuseRebound(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		local, _ := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
		if local != nil && (local.IP.Equal(net.IPv4(127, 0, 0, 1)) || local.IP.Equal(net.IPv6loopback)) && !isOfThisMachine(r.Host) {
			http.Error(w, "misdirected request: ask by address or as localhost", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func isOfThisMachine(authority string) bool {
	host, ok := proxy.CleanHost(authority)
	if !ok {
		return false
	}
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return true
	}
	return !strings.Contains(host, ".") || strings.HasSuffix(host, ".localhost")
}
