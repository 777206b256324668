package proxy

import (
	"net/http"
	"net/textproto"
	"strings"

	"sallyport/config"
	"sallyport/internal/headername"
)

// neverFromClients are headers that no client may send through: those that
// speak of who is there or of their certificate, those that ask an application to take another URL or
// address for the real one, and those that only mean something on one hop.
var neverFromClients = []string{
	"Forwarded", "Proxy", "Http2-Settings",
	"Remote-User", "X-Remote-User", "X-Remote-Group",
	"X-Original-Url", "X-Original-Uri", "X-Original-Host", "X-Original-Method", "X-Original-Path",
	"X-Rewrite-Url", "X-Rewrite-Uri", "X-Override-Url", "X-Host", "X-Http-Host-Override", "X-Original-Forwarded-For",
	"Client-Cert", "Client-Cert-Chain", // RFC 9440 4.1
	"X-Client-Dn", "X-Client-S-Dn", "X-Client-I-Dn", "X-Client-Verify", "X-Client-Cn", "X-Ssl-Cert", "X-Ssl-Cn", "X-Arr-Clientcert",
}

// keptFromTrusted belong to a family that is dropped, and say something only a
// proxy in front can know. X-Forwarded-Client-Cert is none of them: proxies that do
// not know it pass on what their clients wrote, and Pomerium drops it from
// everybody.
var keptFromTrusted = map[string]bool{"X-Forwarded-Prefix": true}

// neverPrefixes are families of the same kind.
var neverPrefixes = []string{
	"X-Pomerium-", "X-Forwarded-", "X-Auth-Request-", "X-Webauth-",
	// What nginx, HAProxy, AWS and others tell of client certificates.
	"Ssl-Client-", "X-Ssl-Client-", "X-Amzn-Mtls-", "X-Client-Cert", "X-Tls-Client-", "Cf-Client-Cert-",
}

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
	if trusted && keptFromTrusted[name] {
		return r.always[name]
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
