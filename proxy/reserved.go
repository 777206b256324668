package proxy

import (
	"net/http"
	"net/textproto"
	"slices"
	"strings"

	"sallyport/config"
	"sallyport/internal/headername"
)

// neverFromClients are headers that no client may send through: those that
// speak of who is there, those that ask an application to take another URL or
// address for the real one, and those that only mean something on one hop.
var neverFromClients = []string{
	"Forwarded", "Proxy", "Http2-Settings",
	"Remote-User", "X-Remote-User", "X-Remote-Group",
	"X-Original-Url", "X-Original-Uri", "X-Original-Host", "X-Original-Method", "X-Original-Path",
	"X-Rewrite-Url", "X-Rewrite-Uri", "X-Override-Url", "X-Host", "X-Http-Host-Override", "X-Original-Forwarded-For",
}

// neverPrefixes are families of the same kind.
var neverPrefixes = []string{"X-Pomerium-", "X-Forwarded-", "X-Auth-Request-", "X-Webauth-"}

// fromTrustedProxies are statements about the client's address or about the hop
// in front of us: kept from proxies that the operator trusts.
var fromTrustedProxies = []string{
	"X-Real-Ip", "X-Client-Ip", "X-Cluster-Client-Ip", "X-Remote-Ip", "X-Remote-Addr", "X-Originating-Ip",
	"True-Client-Ip", "Cf-Connecting-Ip", "Cf-Connecting-Ipv6", "Cf-Pseudo-Ipv4", "Fastly-Client-Ip", "Fly-Client-Ip",
	"X-Azure-Clientip", "X-Azure-Socketip", "X-Appengine-User-Ip", "X-Envoy-External-Address", "X-Proxyuser-Ip",
	"Proxy-Client-Ip", "Wl-Proxy-Client-Ip", "Client-Ip", "Front-End-Https", "X-Url-Scheme", "X-Scheme",
}

var trustedPrefixes = []string{"X-Envoy-"}

// reserved answers which request headers are dropped.
type reserved struct {
	always, untrusted                 map[string]bool
	alwaysPrefixes, untrustedPrefixes []string
}

func newReserved(claims []config.ClaimHeader) *reserved {
	r := &reserved{
		always: map[string]bool{}, untrusted: map[string]bool{},
		alwaysPrefixes: neverPrefixes, untrustedPrefixes: trustedPrefixes,
	}
	for _, name := range neverFromClients {
		r.always[name] = true
	}
	for _, c := range claims {
		r.always[canonical(c.Header)] = true
	}
	for _, name := range fromTrustedProxies {
		r.untrusted[name] = true
	}
	return r
}

// canonical is the one spelling of all look-alikes of a name.
func canonical(name string) string {
	return textproto.CanonicalMIMEHeaderKey(headername.Fold(name))
}

// drops reports whether a header of that name, as net/http spells it, is taken
// away. A name that only looks like a reserved one is taken away as well.
func (r *reserved) drops(name string, trusted bool) bool {
	if strings.IndexByte(name, '_') >= 0 || strings.HasPrefix(name, "Http-") {
		name = canonical(name)
	}
	if r.always[name] || hasPrefix(name, r.alwaysPrefixes) {
		return true
	}
	return !trusted && (r.untrusted[name] || hasPrefix(name, r.untrustedPrefixes))
}

func hasPrefix(name string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

// clean takes everything from h that a client must not say.
func (r *reserved) clean(h http.Header, trusted bool) {
	for name := range h {
		if r.drops(name, trusted) {
			delete(h, name)
		}
	}
	cleanAuthorization(h)
}

// cleanAuthorization drops the forms of Authorization that are meant for us.
func cleanAuthorization(h http.Header) {
	values := h["Authorization"]
	if !slices.ContainsFunc(values, isOurs) {
		return
	}
	if values = slices.DeleteFunc(slices.Clone(values), isOurs); len(values) == 0 {
		delete(h, "Authorization")
	} else {
		h["Authorization"] = values
	}
}

// isOurs recognises "Pomerium TOKEN" and "Bearer Pomerium-TOKEN", in any case.
func isOurs(authorization string) bool {
	scheme, rest, _ := strings.Cut(strings.TrimSpace(authorization), " ")
	if strings.EqualFold(scheme, "Pomerium") {
		return true
	}
	const mark = "Pomerium-"
	rest = strings.TrimLeft(rest, " \t")
	return strings.EqualFold(scheme, "Bearer") && len(rest) >= len(mark) && strings.EqualFold(rest[:len(mark)], mark)
}

// cleanCookies takes our cookies from the Cookie header and leaves the others
// byte for byte.
func cleanCookies(h http.Header, owns func(string) bool) {
	values := h["Cookie"]
	if len(values) == 0 || !slices.ContainsFunc(values, func(v string) bool { return holdsOurs(v, owns) }) {
		return
	}
	var kept []string
	for _, value := range values {
		for pair := range strings.SplitSeq(value, ";") {
			if pair = strings.TrimSpace(pair); pair != "" && !owns(cookieName(pair)) {
				kept = append(kept, pair)
			}
		}
	}
	if len(kept) == 0 {
		delete(h, "Cookie")
		return
	}
	h["Cookie"] = []string{strings.Join(kept, "; ")}
}

func holdsOurs(value string, owns func(string) bool) bool {
	for pair := range strings.SplitSeq(value, ";") {
		if owns(cookieName(pair)) {
			return true
		}
	}
	return false
}

// cookieName is the name a browser would give to a cookie pair. A pair without
// a name is sent back by browsers as its value alone, so that "=a=b" becomes
// cookie a.
func cookieName(pair string) string {
	name, rest, found := strings.Cut(pair, "=")
	if name = strings.Trim(name, " \t"); found && name == "" {
		name, _, _ = strings.Cut(rest, "=")
	}
	return strings.Trim(name, " \t\"")
}

// sessionParam is Pomerium's query parameter for a session token.
const sessionParam = "pomerium_session"

// cleanQuery takes the session token from a query and leaves the rest byte for
// byte.
func cleanQuery(raw string) string {
	if raw == "" || !strings.Contains(raw, "_session") && strings.IndexByte(raw, '%') < 0 {
		return raw
	}
	kept := make([]string, 0, 8)
	dropped := false
	for param := range strings.SplitSeq(raw, "&") {
		if isSessionParam(param) {
			dropped = true
			continue
		}
		kept = append(kept, param)
	}
	if !dropped {
		return raw
	}
	return strings.Join(kept, "&")
}

// isSessionParam compares the decoded name; a broken encoding stands for itself.
func isSessionParam(param string) bool {
	name, _, _ := strings.Cut(param, "=")
	if len(name) > 3*len(sessionParam) {
		return false
	}
	var b [len(sessionParam)]byte
	n := 0
	for i := 0; i < len(name); i++ {
		c := name[i]
		if c == '%' && i+2 < len(name) && isHex(name[i+1]) && isHex(name[i+2]) {
			c = unhex(name[i+1])<<4 | unhex(name[i+2])
			i += 2
		}
		if n == len(b) {
			return false
		}
		b[n] = c
		n++
	}
	return string(b[:n]) == sessionParam
}
