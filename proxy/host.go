package proxy

import (
	"net/netip"
	"strings"

	"golang.org/x/net/idna"
)

const (
	maxHost  = 253 // octets of a name
	maxLabel = 63
)

// hostBuffer holds a cleaned host without allocating.
type hostBuffer [maxHost + 2]byte // "[" and "]" of an IPv6 address

// CleanHost brings an authority ("App.Example.com.:8443") into the one spelling
// that is matched, decided on and told: lower case, no trailing dot, IPv6 in its
// canonical form in brackets, the port kept. Anything that is no plain host is
// refused: user information, lists, blanks, percent signs, zones, empty labels,
// letters beyond ASCII, ports that are no decimal number from 1 to 65535.
func CleanHost(authority string) (string, bool) {
	var buf hostBuffer
	host, port, ok := cleanHost(authority, &buf)
	if !ok {
		return "", false
	}
	if port == "" {
		return keep(authority, host), true
	}
	return keep(authority, host, port), true
}

// keep returns authority itself where it is clean already, else a new string.
func keep(authority string, host []byte, port ...string) string {
	n := len(host)
	if len(port) > 0 {
		n += 1 + len(port[0])
	}
	if n == len(authority) && authority[:len(host)] == string(host) {
		return authority
	}
	if len(port) > 0 {
		return string(host) + ":" + port[0]
	}
	return string(host)
}

// cleanHost splits and cleans an authority. host lies in buf, port in authority.
func cleanHost(authority string, buf *hostBuffer) (host []byte, port string, ok bool) {
	if strings.HasPrefix(authority, "[") {
		return cleanIPv6(authority, buf)
	}
	name := authority
	if i := strings.IndexByte(authority, ':'); i >= 0 {
		name, port = authority[:i], authority[i+1:]
		if !isPort(port) {
			return nil, "", false
		}
	}
	if len(name) > 1 && name[len(name)-1] == '.' {
		name = name[:len(name)-1]
	}
	if len(name) > maxHost {
		return nil, "", false
	}
	start := 0 // of the label
	for i := range len(name) {
		c := hostByte[name[i]]
		buf[i] = c
		switch c {
		case 0:
			return nil, "", false
		case '.':
			if i == start || i-start > maxLabel {
				return nil, "", false
			}
			start = i + 1
		case '-':
			if i == start {
				return nil, "", false
			}
		}
	}
	return buf[:len(name)], port, len(name) > start && len(name)-start <= maxLabel
}

// hostByte is what a byte of a host name becomes, 0 for those that are none.
var hostByte = func() (table [256]byte) {
	for _, c := range []byte("abcdefghijklmnopqrstuvwxyz0123456789-_.") {
		table[c] = c
	}
	for c := byte('A'); c <= 'Z'; c++ {
		table[c] = c + 'a' - 'A'
	}
	return table
}()

func cleanIPv6(authority string, buf *hostBuffer) (host []byte, port string, ok bool) {
	end := strings.IndexByte(authority, ']')
	if end < 0 {
		return nil, "", false
	}
	if rest := authority[end+1:]; rest != "" {
		if rest[0] != ':' || !isPort(rest[1:]) {
			return nil, "", false
		}
		port = rest[1:]
	}
	addr, err := netip.ParseAddr(authority[1:end])
	if err != nil || !addr.Is6() || addr.Zone() != "" {
		return nil, "", false
	}
	host = append(buf[:0], '[')
	host = addr.AppendTo(host)
	return append(host, ']'), port, true
}

// isPort accepts 1 to 65535 without sign or leading zero.
func isPort(s string) bool {
	if s == "" || len(s) > 5 || s[0] == '0' {
		return false
	}
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n <= 65535
}

// hostOnly is a cleaned authority without its port and brackets: what a
// certificate or an assertion speaks of.
func hostOnly(authority string) string {
	if strings.HasPrefix(authority, "[") {
		return authority[1:strings.IndexByte(authority, ']')]
	}
	host, _, _ := strings.Cut(authority, ":")
	return host
}

// cleanPattern brings the host of a route's from into the spelling of requests;
// stars stay.
func cleanPattern(host string) string {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if ascii, err := idna.Punycode.ToASCII(host); err == nil {
		host = ascii
	}
	if strings.Contains(host, ":") {
		var buf hostBuffer
		if clean, _, ok := cleanHost("["+strings.Trim(host, "[]")+"]", &buf); ok {
			return string(clean)
		}
	}
	return host
}
