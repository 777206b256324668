package authenticate

import (
	"net/netip"
	"strconv"
	"strings"
)

// maxAuthority bounds a host and port: 253 octets of name, a dot, a port.
const maxAuthority = 262

// authority brings the Host of a request, or the host of a URL, into the one
// spelling that cookies and signatures are bound to: lower case, no trailing
// dot, no ":443". Whatever is no plain host (user information, blanks, letters
// beyond ASCII, a bad port) is refused.
func authority(host string) (string, bool) {
	if len(host) > maxAuthority {
		return "", false
	}
	lower := strings.ToLower(host)
	name, port, ok := splitPort(lower)
	if !ok {
		return "", false
	}
	name = strings.TrimSuffix(name, ".")
	if !plainName(name) {
		return "", false
	}
	if port == "" || port == "443" {
		return name, true
	}
	if len(name)+1+len(port) == len(lower) { // as it should be: nothing to build
		return lower, true
	}
	return name + ":" + port, true
}

// splitPort separates a port, which may be absent but not malformed.
func splitPort(host string) (name, port string, ok bool) {
	i := strings.LastIndexByte(host, ':')
	if i < 0 || strings.HasSuffix(host, "]") {
		return host, "", true
	}
	name, port = host[:i], host[i+1:]
	if _, err := strconv.ParseUint(port, 10, 16); err != nil || port[0] == '0' {
		return "", "", false
	}
	return name, port, true
}

// plainName accepts host names of letters, digits, '-', '_' and '.', and
// bracketed IPv6 addresses without a zone.
func plainName(name string) bool {
	if inner, ok := strings.CutPrefix(name, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		addr, err := netip.ParseAddr(inner)
		return ok && err == nil && addr.Is6() && addr.Zone() == ""
	}
	if name == "" || name[0] == '.' || name[0] == '-' || strings.HasSuffix(name, ".") || strings.Contains(name, "..") {
		return false
	}
	for i := range len(name) {
		c := name[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return true
}

// isLoopback reports whether a host name or address can only be this machine.
func isLoopback(name string) bool {
	if name == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(name, "[]"))
	return err == nil && addr.Unmap().IsLoopback()
}
