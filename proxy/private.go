package proxy

import (
	"net/http"
	"strings"
)

// forSharedCaches are orders to the caches of CDNs and proxies in front, which
// would count for more than Cache-Control there.
var forSharedCaches = []string{
	"Cdn-Cache-Control", "Cloudflare-Cdn-Cache-Control", "Surrogate-Control", "Edge-Control", "X-Accel-Expires", "X-Litespeed-Cache-Control",
}

var privately = []string{"private"}

// isPrivate reports whether an answer is for people who were let in. On a route that
// asks some requests for somebody and others for nobody, those of somebody count.
func (x *exchange) isPrivate() bool { return x.plan.private || x.plan.mixed && x.session != nil }

// keepPrivate keeps an answer to somebody who had to be let in out of caches that
// would give it to others: CDNs store what ends in ".pdf" or ".js" unless they are
// told not to, and a cookie does not tell them (RFC 9111 3, unlike Authorization).
// What the browser of that person may keep stays as the application says.
func keepPrivate(h http.Header) {
	for _, name := range forSharedCaches {
		delete(h, name)
	}
	values := h["Cache-Control"]
	if len(values) == 0 {
		h["Cache-Control"] = privately
		return
	}
	kept := make([]string, 0, 8)
	for directive := range strings.SplitSeq(strings.Join(values, ","), ",") {
		directive = strings.TrimSpace(directive)
		name, _, _ := strings.Cut(directive, "=")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "no-store", "private":
			if !strings.Contains(directive, "=") { // private="Set-Cookie" is about that header alone
				return
			}
			kept = append(kept, directive)
		case "", "public", "s-maxage":
		default:
			kept = append(kept, directive)
		}
	}
	h["Cache-Control"] = []string{strings.Join(append(kept, "private"), ", ")}
}
