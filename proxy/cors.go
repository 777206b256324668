package proxy

import (
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"sallyport/telemetry"
)

const (
	allowOriginHeader = "Access-Control-Allow-Origin"
	// preflightAge is how long a browser may remember what a preflight said.
	preflightAge = "600"
	// maxPreflight bounds what is repeated to a browser.
	maxPreflight = 4 << 10
)

// exposed are the headers of our own answers that scripts of listed origins may
// read beside the body.
var exposed = []string{"X-Request-Id, X-Pomerium-Intercepted-Response, Retry-After, WWW-Authenticate, Grpc-Status, Grpc-Message"}

// listedOrigin is the origin of the script that asks, if the route lists it.
func (x *exchange) listedOrigin() string {
	origins := x.r.Header["Origin"]
	if len(origins) != 1 || !slices.Contains(x.plan.route.CORS.AllowOrigins, origins[0]) {
		return ""
	}
	return origins[0]
}

// shares reports whether what is answered depends on the origin.
func (x *exchange) shares() bool { return x.plan != nil && len(x.plan.route.CORS.AllowOrigins) > 0 }

// share lets scripts of listed origins read an answer of ours. It names the one
// origin that asked, never any.
func (x *exchange) share(h http.Header) {
	if !x.shares() {
		return
	}
	varyByOrigin(h)
	if origin := x.listedOrigin(); origin != "" {
		h[allowOriginHeader] = []string{origin}
		h["Access-Control-Allow-Credentials"] = []string{"true"}
		h["Access-Control-Expose-Headers"] = exposed
	} else {
		delete(h, allowOriginHeader)
		delete(h, "Access-Control-Allow-Credentials")
	}
}

// shareUpstream does the same for an upstream that does not speak of origins
// itself.
func (x *exchange) shareUpstream(h http.Header) {
	if !x.shares() {
		return
	}
	varyByOrigin(h)
	if origin := x.listedOrigin(); origin != "" && len(h[allowOriginHeader]) == 0 {
		h[allowOriginHeader] = []string{origin}
		h["Access-Control-Allow-Credentials"] = []string{"true"}
	}
}

func varyByOrigin(h http.Header) {
	if !httpguts.HeaderValuesContainsToken(h["Vary"], "Origin") {
		h.Add("Vary", "Origin")
	}
}

// preflight answers the question that a browser puts, without cookies, before it
// sends the request of a script; the request itself is decided when it comes.
// Questions of origins that are not listed take the way of any other request.
func (h *Handler) preflight(x *exchange) (answered bool) {
	method := x.r.Header.Get("Access-Control-Request-Method")
	if x.r.Method != http.MethodOptions || method == "" || !x.shares() || x.listedOrigin() == "" {
		return false
	}
	telemetry.AccessFrom(x.r.Context()).SetDetail("cors-preflight")
	h.dress(x)
	hd := x.w.Header()
	delete(hd, "Access-Control-Expose-Headers")
	if httpguts.ValidHeaderFieldName(method) && len(method) <= 32 {
		hd.Set("Access-Control-Allow-Methods", method)
	}
	if names := headerNames(x.r.Header["Access-Control-Request-Headers"]); names != "" {
		hd.Set("Access-Control-Allow-Headers", names)
	}
	hd.Set("Access-Control-Max-Age", preflightAge)
	hd.Add("Vary", "Access-Control-Request-Method, Access-Control-Request-Headers")
	x.w.WriteHeader(http.StatusNoContent)
	return true
}

// headerNames repeats the names of a list, without what is none.
func headerNames(values []string) string {
	all := strings.Join(values, ",")
	if len(all) > maxPreflight {
		return ""
	}
	var names []string
	for name := range strings.SplitSeq(all, ",") {
		if name = strings.TrimSpace(name); httpguts.ValidHeaderFieldName(name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}
