package okta

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"

	"sallyport/internal/httpout"
)

// again decides whether asking once more is worth it: after a break of the
// connection, an error of the server, or a rate limit that ends soon.
func (t *transport) again(ctx context.Context, e *Error, attempt int) (time.Duration, bool) {
	if attempt >= attempts || ctx.Err() != nil || e.Path == tokenPath {
		return 0, false // a token was asked for as often as it is worth
	}
	switch {
	case e.Status == http.StatusTooManyRequests:
		wait := max(e.RetryAfter, time.Second) + jitter(250*time.Millisecond)
		return wait, wait <= longestWait(ctx)
	case e.Status == 0 && e.RetryAfter > 0:
		return 0, false // our own limits refused
	case errors.Is(e.Err, httpout.ErrRedirect), errors.Is(e.Err, httpout.ErrTooLarge), errors.Is(e.Err, context.DeadlineExceeded):
		return 0, false // would be the same again, or take as long again
	case e.Status == 0 && e.Err != nil, e.Status >= 500, e.Status == http.StatusOK && e.Err != nil:
		pause := firstPause << (attempt - 1)
		return pause + jitter(pause), true
	}
	return 0, false
}

func jitter(most time.Duration) time.Duration { return rand.N(most + 1) }

// sleep waits for d or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
