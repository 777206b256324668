package server

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"io"
	"net/http"
	"net/netip"

	"golang.org/x/time/rate"

	"sallyport/config"
	"sallyport/proxy"
	"sallyport/telemetry"
)

// Bounds of the event hook.
const (
	hookMaxBody = 1 << 20
	hookMaxWord = 512 // of the verification challenge
	hookPerSec  = 50  // requests with the secret
	hookBurst   = 100
)

// eventHook takes Okta's event hooks. What they say is not looked at: a hook is
// nobody's signature, may come late, twice or out of order, so that it only has
// the log read at once. Whoever knows the secret can do no more than that.
type eventHook struct {
	next   http.Handler
	host   string
	path   string
	secret [sha256.Size]byte
	limit  *rate.Limiter // of authentic requests
	each   *addressLimit // of all, before that
	from   func(*http.Request) netip.Addr
	hint   func()
}

// newEventHook puts the hook before next, where one is configured.
func newEventHook(s *Server, g *generation, next http.Handler) http.Handler {
	hook := g.cfg.EventHook
	if hook.Secret == "" || g.source == nil {
		return next
	}
	if hook.Path == "" {
		hook.Path = config.DefaultEventHookPath
	}
	host, _ := proxy.CleanHost(g.cfg.Authenticate.URL.Host)
	return &eventHook{
		next: next, host: host, path: hook.Path, secret: sha256.Sum256([]byte(hook.Secret)),
		limit: s.state.hookLimit, each: s.state.hookAddresses, from: g.clientIP, hint: s.state.directory.Hint,
	}
}

func (h *eventHook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != h.path || r.URL.RawPath != "" || !h.here(r.Host) {
		h.next.ServeHTTP(w, r)
		return
	}
	telemetry.AccessFrom(r.Context()).SetDetail("event hook")
	w.Header().Set("Cache-Control", "no-store")
	switch {
	case !h.each.allow(h.from(r)):
		tooMany(w)
	case !h.authentic(r): // before what all share: strangers must not use up what is Okta's
		http.Error(w, "unauthorized", http.StatusUnauthorized)
	case !h.limit.Allow():
		tooMany(w)
	case r.Method == http.MethodGet:
		h.verify(w, r)
	case r.Method == http.MethodPost:
		h.take(w, r)
	default:
		w.Header().Set("Allow", "GET, POST")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
	}
}

func tooMany(w http.ResponseWriter) {
	w.Header().Set("Retry-After", "1")
	http.Error(w, "too many requests", http.StatusTooManyRequests)
}

func (h *eventHook) here(authority string) bool {
	clean, ok := proxy.CleanHost(authority)
	return ok && clean == h.host
}

// authentic compares digests, which takes as long whatever was sent.
func (h *eventHook) authentic(r *http.Request) bool {
	sent := r.Header["Authorization"]
	if len(sent) != 1 {
		return false
	}
	sum := sha256.Sum256([]byte(sent[0]))
	return subtle.ConstantTimeCompare(sum[:], h.secret[:]) == 1
}

// verify answers the one request by which Okta makes sure that this is a hook.
func (h *eventHook) verify(w http.ResponseWriter, r *http.Request) {
	word := r.Header.Get("X-Okta-Verification-Challenge")
	if word == "" || len(word) > hookMaxWord {
		http.Error(w, "expected a verification challenge", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_ = json.NewEncoder(w).Encode(map[string]string{"verification": word})
}

// take reads what was delivered to its end, which says nothing that counts, and
// has the log read.
func (h *eventHook) take(w http.ResponseWriter, r *http.Request) {
	if n, err := io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, hookMaxBody)); err != nil || n == 0 {
		http.Error(w, "expected a delivery of at most 1 MiB", http.StatusRequestEntityTooLarge)
		return
	}
	h.hint()
	w.WriteHeader(http.StatusNoContent)
}
