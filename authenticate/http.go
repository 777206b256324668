package authenticate

import (
	"errors"
	"net/http"
	"time"

	"sallyport/idp"
	"sallyport/internal/weberr"
	"sallyport/store"
)

// retryAfter is what clients are told to wait when something is down and has
// not said for how long; maxRetryAfter is the most they are told.
const (
	retryAfter    = 10 * time.Second
	maxRetryAfter = 5 * time.Minute
)

var errNoClient = errors.New("no provider for the route's client")

// own marks an answer as ours and keeps it out of caches and referrers.
func own(w http.ResponseWriter) {
	h := w.Header()
	h.Set("X-Pomerium-Intercepted-Response", "true")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
}

// redirect sends the browser on with a GET. There is no body: what stands in
// Location is for the browser alone.
func redirect(w http.ResponseWriter, r *http.Request, location string) {
	own(w)
	w.Header().Set("Location", location)
	status := http.StatusFound
	if r.Method == http.MethodPost {
		status = http.StatusSeeOther
	}
	w.WriteHeader(status)
}

// badLink refuses a signed URL, telling how to start again and not why.
func badLink(err error) error {
	e := weberr.BadRequest("This link is not valid, or no longer valid.", err)
	e.Code, e.Next = "bad-link", "Open the application again and follow its links from there."
	return e
}

// storeError tells a failed look-up: unavailable keeps everything, anything
// else is a fault.
func storeError(err error) error {
	if errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrClosed) {
		return weberr.StoreUnavailable(retryAfter, err)
	}
	return weberr.Internal(err)
}

// providerError tells a failed conversation with the provider.
func providerError(err error) error {
	var refused *idp.RefusedError
	var invalid *idp.InvalidError
	switch {
	case errors.As(err, &refused):
		return weberr.SignInFailed("The identity provider did not accept the sign-in.", err)
	case errors.As(err, &invalid):
		return weberr.SignInFailed("The answer of the identity provider could not be trusted.", err)
	}
	wait := retryAfter
	var down *idp.UnavailableError
	if errors.As(err, &down) && down.RetryAfter > 0 {
		wait = min(down.RetryAfter, maxRetryAfter)
	}
	return weberr.ProviderUnavailable(wait, err)
}
