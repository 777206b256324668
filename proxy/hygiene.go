package proxy

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"sallyport/config"
	"sallyport/internal/weberr"
)

// maxHeaders bounds the header lines of a request; their size is bounded by the
// server. maxMethod is longer than any method that is registered.
const (
	maxHeaders = 256
	maxMethod  = 32
)

// underscores is what to do with header names that hold "_".
type underscores uint8

const (
	underscoreReject underscores = iota
	underscoreDrop
	underscoreAllow
)

// gate refuses what no route should have to think about.
type gate struct {
	paths       paths
	parameters  pathParameters
	underscores underscores
	authority   string // the authenticate host
	router      *Router
	ports       map[string]bool
	same        func(a, b string) bool // do two names share a certificate
}

func newGate(h config.Hygiene) (gate, error) {
	p, err := newPaths(h)
	if err != nil {
		return gate{}, err
	}
	g := gate{paths: p}
	if g.parameters, err = newPathParameters(h.PathParameters); err != nil {
		return g, err
	}
	switch h.Underscores {
	case "", "reject_request":
	case "drop_header":
		g.underscores = underscoreDrop
	case "allow":
		g.underscores = underscoreAllow
	default:
		return g, fmt.Errorf("headers_with_underscores_action: unknown value %q", h.Underscores)
	}
	return g, nil
}

// Why requests are refused, beside the reasons of target.go.
var (
	errMethod     = errors.New("the method is not served here")
	errHost       = errors.New("the Host is not a host name")
	errTwoHosts   = errors.New("the request names two hosts")
	errHeaders    = errors.New("the request has too many headers")
	errUnderscore = errors.New("the name of a header holds an underscore")
	errTwoAuths   = errors.New("the request has two Authorization headers")
	errMisdirect  = errors.New("the connection was opened for another host")
)

// admit brings host and path of a request into their one spelling, or refuses
// it. What it accepts stands in x and in x.r, and is not read again.
func (g *gate) admit(x *exchange) error {
	r := x.r
	if err := checkMethod(r.Method); err != nil {
		return refuse(http.StatusMethodNotAllowed, err)
	}
	if err := g.checkHeaders(r.Header); err != nil {
		return refuse(http.StatusBadRequest, err)
	}
	host, ok := CleanHost(r.Host)
	if !ok {
		return refuse(http.StatusBadRequest, errHost)
	}
	for _, other := range r.Header["Host"] { // beside :authority
		if clean, _ := CleanHost(other); clean != host {
			return refuse(http.StatusBadRequest, errTwoHosts)
		}
	}
	t, err := g.paths.read(r.RequestURI)
	if errors.Is(err, errLong) {
		return refuse(http.StatusRequestURITooLong, err)
	}
	if err != nil {
		return refuse(http.StatusBadRequest, err)
	}
	if g.misdirected(r, host) {
		return refuse(http.StatusMisdirectedRequest, errMisdirect)
	}
	x.host, x.target = host, t
	r.Host = host
	r.URL.Path, r.URL.RawPath, r.URL.RawQuery = t.decoded, t.escaped, t.query
	r.URL.Host, r.URL.Scheme, r.URL.User, r.URL.Fragment = "", "", nil, ""
	return nil
}

// isLast reports whether nothing that follows on the connection is believed,
// because a proxy in front may have seen the end of the request elsewhere:
// net/http drops a Content-Length beside Transfer-Encoding (RFC 9112 6.1) and
// any Transfer-Encoding of HTTP/1.0 without a trace, and after a refused CONNECT
// the rest may be meant for a tunnel.
func isLast(r *http.Request) bool {
	return r.ProtoMajor == 1 && (len(r.TransferEncoding) > 0 || r.ProtoMinor == 0 || checkMethod(r.Method) != nil)
}

// checkMethod refuses methods that make a proxy something else, in any case.
// PRI is the beginning of an HTTP/2 connection.
func checkMethod(method string) error {
	if len(method) > maxMethod {
		return errMethod
	}
	if len(method) <= 7 {
		switch strings.ToUpper(method) {
		case http.MethodConnect, http.MethodTrace, "TRACK", "PRI", "":
			return errMethod
		}
	}
	return nil
}

// checkHeaders bounds headers in number and refuses or drops names that
// somebody behind us may take for others.
func (g *gate) checkHeaders(h http.Header) error {
	n := 0
	for name, values := range h {
		if n += len(values); n > maxHeaders {
			return errHeaders
		}
		if g.underscores != underscoreAllow && strings.IndexByte(name, '_') >= 0 {
			if g.underscores == underscoreReject {
				return errUnderscore
			}
			delete(h, name)
		}
	}
	if len(h["Authorization"]) > 1 {
		return errTwoAuths
	}
	return nil
}

// misdirected reports whether a connection that was opened for one of our hosts
// is used for another. Browsers may do so over HTTP/2 where one certificate
// covers both.
func (g *gate) misdirected(r *http.Request, host string) bool {
	if r.TLS == nil || r.TLS.ServerName == "" {
		return false
	}
	sni, ok := CleanHost(r.TLS.ServerName)
	name := hostOnly(host)
	if !ok || sni == name || !g.serves(sni) {
		return false
	}
	return r.ProtoMajor < 2 || g.same == nil || !g.same(sni, name)
}

// serves reports whether a name, of which the port is not known, is ours.
func (g *gate) serves(name string) bool {
	return name == hostOnly(g.authority) || g.router.servesName(name)
}

// wrongPort is what a request under a port that is none of ours gets instead of
// an address to go to.
func (g *gate) wrongPort(host string) error {
	if g.router.public(host, g.ports) {
		return nil
	}
	return g.toOwnPort(host)
}

// besideAuthority reports whether a host has the name of the authenticate host,
// which no route may have. Browsers do not keep cookies apart by port: what a
// wildcard serves under another one could plant those that sign-ins are bound to.
func (g *gate) besideAuthority(host string) bool { return hostOnly(host) == hostOnly(g.authority) }

// toOwnPort leads to the port that browsers know.
func (g *gate) toOwnPort(host string) error {
	name := hostWithout(host)
	port := strings.TrimPrefix(g.authority, hostWithout(g.authority))
	return weberr.WrongPort(host, name+strings.TrimSuffix(port, ":443"))
}

// refuse is the answer to a request that is refused as it came.
func refuse(status int, err error) *weberr.Error {
	e := weberr.BadRequest("The request was refused: "+err.Error()+".", err)
	e.Status = status
	switch status {
	case http.StatusMethodNotAllowed:
		e.Code = "method-not-allowed"
	case http.StatusMisdirectedRequest:
		e.Code = "misdirected-request"
	}
	return e
}
