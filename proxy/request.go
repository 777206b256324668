package proxy

import (
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"

	"sallyport/internal/clientip"
	"sallyport/internal/requestid"
)

// pseudonym is what Via calls us.
const pseudonym = "sallyport"

// rewriteRequest makes the request that the upstream sees. Nothing can fail or
// be refused any more: forward has decided everything. ReverseProxy has dropped
// the hop-by-hop headers before, so that a Connection header of the client has
// no say over what is set here.
func (h *Handler) rewriteRequest(pr *httputil.ProxyRequest) {
	x := exchangeFrom(pr.In.Context())
	out := pr.Out
	trusted := h.clients.Trusts(pr.In)
	h.reserved.clean(out.Header, trusted)
	cleanCookies(out.Header, h.o.Authenticator.Owns)
	set := x.expand(out.Header)

	x.addressTo(out)
	x.forwarding(out.Header, trusted)
	x.tell(out.Header)
	x.plan.dropNamed(out.Header)
	for _, s := range set {
		out.Header[s.name] = s.value
	}
	out.Close = signsInConnection(out.Header)
	x.watchBody(out)
}

// dropNamed takes away what remove_request_headers names, and whatever of the
// client's could be taken for it or for one of set_request_headers.
func (p *plan) dropNamed(h http.Header) {
	if len(p.named) == 0 {
		return
	}
	for _, name := range p.remove {
		delete(h, name)
	}
	for name := range h {
		if strings.IndexByte(name, '_') >= 0 && p.named[canonical(name)] {
			delete(h, name)
		}
	}
}

// addressTo points the request at the upstream it was decided to go to.
func (x *exchange) addressTo(out *http.Request) {
	u := x.upstream
	out.URL.Scheme, out.URL.Host, out.URL.Opaque, out.URL.RawQuery = u.scheme, u.addr, "", x.query
	out.URL.Path, out.URL.RawPath = x.path, x.path
	if strings.IndexByte(x.path, '%') >= 0 {
		out.URL.Path, _ = url.PathUnescape(x.path)
	}
	out.Host = x.outHost // "": that of the URL
}

// forwarding sets what tells the upstream about the way so far.
func (x *exchange) forwarding(h http.Header, trusted bool) {
	in := x.r
	var chain []string
	if trusted {
		chain = append(chain, in.Header["X-Forwarded-For"]...)
	}
	if peer := clientip.Peer(in); peer.IsValid() && !x.h.o.Hygiene.SkipXFFAppend {
		chain = append(chain, peer.String())
	}
	if len(chain) > 0 {
		h["X-Forwarded-For"] = []string{strings.Join(chain, ", ")}
	}
	scheme, port := x.publicScheme(), x.publicPort()
	h["X-Forwarded-Proto"] = []string{scheme}
	h["X-Forwarded-Port"] = []string{port}
	h["X-Forwarded-Host"] = []string{x.host}
	h["Via"] = []string{strings.Join(append(h["Via"], via(in)), ", ")}
	if id := requestid.From(in.Context()); id != "" {
		h[requestid.Header] = []string{id}
	}
}

func via(r *http.Request) string {
	switch {
	case r.ProtoMajor == 2:
		return "2.0 " + pseudonym
	case r.ProtoMinor == 0:
		return "1.0 " + pseudonym
	}
	return "1.1 " + pseudonym
}

// publicScheme is that of the URL people see: the route's, whoever ends TLS.
func (x *exchange) publicScheme() string {
	if x.plan.route.From.Scheme == "http" {
		return "http"
	}
	return "https"
}

func (x *exchange) publicPort() string {
	if i := strings.LastIndexByte(x.host, ':'); i > strings.LastIndexByte(x.host, ']') {
		return x.host[i+1:]
	}
	return defaultPort(x.plan.route)
}

// tell sets who is there.
func (x *exchange) tell(h http.Header) {
	if x.told != nil && x.plan.route.PassIdentityHeaders {
		h[assertionHeader] = x.told.jwt
		for _, c := range x.told.headers {
			h[c.name] = c.value
		}
	}
	if x.plan.route.KubernetesToken != "" {
		x.impersonate(h)
	}
}

// impersonate speaks to a Kubernetes API in the name of the person. Without a
// person nothing is said, least of all the service account's own token.
func (x *exchange) impersonate(h http.Header) {
	for name := range h {
		if strings.HasPrefix(name, "Impersonate-") {
			delete(h, name)
		}
	}
	delete(h, "Authorization")
	if x.session == nil {
		return
	}
	f := factsOf(x.session, x.person)
	user := f.email
	if user == "" {
		user = f.id
	}
	h["Authorization"] = []string{"Bearer " + x.plan.route.KubernetesToken}
	h["Impersonate-User"] = []string{user}
	if groups, _ := bounded(f.groups, maxClaimHeader); len(groups) > 0 {
		h["Impersonate-Group"] = groups
	}
}
