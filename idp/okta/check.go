package okta

import (
	"context"
	"errors"
	"sync"
	"time"

	"sallyport/idp"
)

const (
	// checkAge is how long the outcome of any reading stands for Check.
	checkAge = 30 * time.Second
	// checkTimeout bounds Check's own question.
	checkTimeout = 2500 * time.Millisecond
)

// health remembers how the last reading ended, as far as it says something about
// the organisation and our access to it.
type health struct {
	mu     sync.Mutex
	at     time.Time
	err    error
	asking sync.Mutex // one Check asks at a time
}

func (h *health) report(now time.Time, err error) {
	if errors.Is(err, context.Canceled) {
		return // the caller went away
	}
	if errors.Is(err, idp.ErrNotFound) {
		err = nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at, h.err = now, err
}

// concerns reports whether an outcome says something about reading people: that
// we may not list groups, or that a cursor is old, does not.
func (h *health) concerns(path string, err error) bool {
	var forbidden *idp.ForbiddenError
	return path == "/api/v1/users" || !errors.As(err, &forbidden) && !errors.Is(err, idp.ErrCursor)
}

// last returns the last outcome and whether it is recent.
func (h *health) last(now time.Time) (err error, recent bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.err, !h.at.IsZero() && now.Sub(h.at) < checkAge
}

// Check reports why the directory cannot be used at this moment, or nil. Without
// a recent reading to go by it asks for a list of one user, which takes the same
// token and role as reading people does.
func (d *Directory) Check(ctx context.Context) error {
	if err, recent := d.health.last(d.now()); recent {
		return err
	}
	d.health.asking.Lock()
	defer d.health.asking.Unlock()
	if err, recent := d.health.last(d.now()); recent {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	_, _, err := d.get(ctx, "/api/v1/users?limit=1")
	d.health.report(d.now(), err)
	return err
}
