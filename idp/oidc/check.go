package oidc

import (
	"context"
	"errors"
	"sync"
	"time"

	"sallyport/idp"
)

const (
	// checkAge is how old discovery may be for Check to trust it: discovery is not
	// rate-limited, and an outage should show within a minute.
	checkAge = time.Minute
	// healthMemory is how long a failed redemption counts without a newer one.
	healthMemory = 5 * time.Minute
)

// health remembers how the last redemption ended, as far as it says something
// about the provider.
type health struct {
	mu  sync.Mutex
	at  time.Time
	err error
}

func (h *health) report(now time.Time, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil && !errors.Is(err, idp.ErrUnavailable) {
		err = nil
	}
	h.at, h.err = now, err
}

func (h *health) last(now time.Time) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if now.Sub(h.at) > healthMemory {
		return nil
	}
	return h.err
}

// Check reports why the provider cannot be used at this moment, or nil. It asks
// for discovery when what is known is older than a minute, and waits no longer
// than a person would.
func (p *Provider) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, p.patience)
	defer cancel()
	e, _, err := p.discovery.current(ctx, checkAge, checkAge)
	if err != nil {
		return err
	}
	if err := p.health.last(p.now()); err != nil {
		return err
	}
	if e.keys.keys.failed() != nil {
		_, err = e.keys.keys.renew(ctx)
	}
	return err
}
