package proxy

import (
	"net/http"
	"strconv"
	"strings"
)

// robots asks crawlers to stay away from what they could not read.
const robots = "User-agent: *\nDisallow: /\n"

// plainText answers with a short text of our own.
func (h *Handler) plainText(x *exchange, text string) {
	h.dress(x)
	hd := x.w.Header()
	hd.Set("Content-Type", "text/plain; charset=utf-8")
	hd.Set("Content-Length", strconv.Itoa(len(text)))
	hd.Set("X-Content-Type-Options", "nosniff")
	hd.Set("Cache-Control", "no-store")
	x.w.WriteHeader(http.StatusOK)
	if x.r.Method != http.MethodHead {
		_, _ = x.w.Write([]byte(text))
	}
}

// dress lays what the configuration says for every response on one of ours, and
// marks it.
func (h *Handler) dress(x *exchange) {
	lay(x.w.Header(), h.fixed)
	x.w.Header()[interceptedHeader] = isIntercepted
	x.share(x.w.Header())
}

var isIntercepted = []string{"true"}

// isRead reports whether a request only reads.
func isRead(r *http.Request) bool {
	return r.Method == http.MethodGet || r.Method == http.MethodHead
}

// isHealth recognises the two paths that say that the proxy is there, exactly.
func isHealth(x *exchange) bool {
	return isRead(x.r) && (x.target.match == "/ping" || x.target.match == "/healthz")
}

func isRobots(x *exchange) bool { return isRead(x.r) && x.target.match == "/robots.txt" }

// isReserved reports whether a path belongs to the Authenticator on every host
// of ours. Kept escaped slashes count as slashes here, so that no spelling of a
// reserved path reaches an upstream.
func isReserved(t target) bool {
	for _, p := range [...]string{"/.pomerium", "/.well-known/pomerium"} {
		for _, path := range [...]string{t.match, t.decoded} {
			if rest, ok := strings.CutPrefix(path, p); ok && (rest == "" || rest[0] == '/') {
				return true
			}
		}
	}
	return false
}

// redirectUnescaped sends the client to the path whose escaped slashes were
// resolved; absolute, so that a path of two slashes names no other host.
func (h *Handler) redirectUnescaped(x *exchange) error {
	if err := h.gate.wrongPort(x.host); err != nil {
		return err
	}
	to := x.publicScheme() + "://" + x.host + x.target.escaped
	if q := cleanQuery(x.target.query); q != "" {
		to += "?" + q
	}
	h.dress(x)
	x.w.Header().Set("Location", to)
	x.w.WriteHeader(http.StatusTemporaryRedirect)
	return nil
}

// redirect answers for a redirect route.
func (h *Handler) redirect(x *exchange) error {
	to, err := x.location()
	if err != nil {
		return err
	}
	h.dress(x)
	hd := x.w.Header()
	x.keepFromCaches(hd)
	lay(hd, x.plan.response)
	hd.Set("Location", to)
	status := x.plan.route.Redirect.Status
	if status == 0 {
		status = http.StatusMovedPermanently
	}
	x.w.WriteHeader(status)
	return nil
}

// respond answers for a response route.
func (h *Handler) respond(x *exchange) {
	h.dress(x)
	hd := x.w.Header()
	hd.Set("Content-Type", "text/plain; charset=utf-8")
	hd.Set("X-Content-Type-Options", "nosniff")
	x.keepFromCaches(hd)
	lay(hd, x.plan.response)
	body := x.plan.route.Response.Body
	hd.Set("Content-Length", strconv.Itoa(len(body)))
	x.w.WriteHeader(x.plan.route.Response.Status)
	if x.r.Method != http.MethodHead {
		_, _ = x.w.Write([]byte(body))
	}
}

// keepFromCaches keeps what not everybody may see out of caches, which give it to
// everybody, and go on giving it: a 301 may be kept for ever. The configuration may
// say otherwise.
func (x *exchange) keepFromCaches(h http.Header) {
	if x.isPrivate() && h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-store")
	}
}
