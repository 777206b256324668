package oidc

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"sallyport/idp"
)

// Back-off after failed fetches: doubling from first to most, with jitter.
const (
	firstBackOff = time.Second
	mostBackOff  = time.Minute
)

// cached holds a document of the provider. It is fetched when needed, by one
// goroutine for all who wait; that goroutine is not tied to any caller's context
// and ends by fetchTimeout. The last good value survives failures.
type cached[T any] struct {
	fetch func(context.Context) (T, error)
	now   func() time.Time
	// gap is the least time between the end of a good fetch and the next; after a
	// failed one the back-off decides.
	gap time.Duration

	mu       sync.Mutex
	value    T
	at       time.Time // when value came; zero: never
	err      error     // how the last fetch ended
	failures int
	hold     time.Time     // no fetch before this
	flight   chan struct{} // closed when the running fetch ends; nil: none runs
}

// current returns the value. Past soft it is fetched anew beside the caller,
// past hard (0: never) the caller waits for that and gets the error if it fails;
// fresh says that the caller did wait.
func (c *cached[T]) current(ctx context.Context, soft, hard time.Duration) (value T, fresh bool, err error) {
	c.mu.Lock()
	age := c.now().Sub(c.at)
	if !c.at.IsZero() && (hard == 0 || age < hard) {
		if age >= soft {
			c.start()
		}
		defer c.mu.Unlock()
		return c.value, false, nil
	}
	value, err = c.await(ctx)
	return value, true, err
}

// renew waits for a fetch that ends after this call, or says how long to hold off.
func (c *cached[T]) renew(ctx context.Context) (T, error) {
	c.mu.Lock()
	return c.await(ctx)
}

// failed returns how the last fetch ended; nil also while none was tried.
func (c *cached[T]) failed() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// await is entered with c.mu held and leaves without it.
func (c *cached[T]) await(ctx context.Context) (T, error) {
	var none T
	if !c.start() {
		err := c.held()
		c.mu.Unlock()
		return none, err
	}
	flight := c.flight
	c.mu.Unlock()
	select {
	case <-ctx.Done():
		return none, unavailable(ctx.Err(), "no answer in time")
	case <-flight:
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return none, c.err
	}
	return c.value, nil
}

// start makes sure that a fetch runs; false while one must not.
func (c *cached[T]) start() bool {
	if c.flight != nil {
		return true
	}
	if c.now().Before(c.hold) {
		return false
	}
	c.flight = make(chan struct{})
	go c.run()
	return true
}

func (c *cached[T]) run() {
	ctx, cancel := context.WithTimeout(context.Background(), fetchTimeout)
	defer cancel()
	value, err := c.safely(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	c.err = err
	if err == nil {
		c.value, c.at, c.failures, c.hold = value, now, 0, now.Add(c.gap)
	} else {
		c.failures++
		c.hold = now.Add(backOff(c.failures))
	}
	close(c.flight)
	c.flight = nil
}

// safely contains a panic of a decoder: this goroutine is nobody's request.
func (c *cached[T]) safely(ctx context.Context) (value T, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = unavailable(nil, "reading the answer panicked: %v", v)
		}
	}()
	return c.fetch(ctx)
}

// errGap is the cause of refusing a fetch so soon after a good one.
var errGap = errors.New("fetched a moment ago")

// held says why no fetch is made at this moment.
func (c *cached[T]) held() error {
	e := &idp.UnavailableError{What: errGap.Error(), Err: errGap, RetryAfter: c.hold.Sub(c.now())}
	if c.err != nil {
		e.What, e.Err = idpText(c.err), c.err
	}
	return e
}

// backOff is between half and all of first*2^(failures-1), at most most.
func backOff(failures int) time.Duration {
	full := min(firstBackOff<<min(failures-1, 10), mostBackOff)
	return full/2 + rand.N(full/2+1)
}
