package oktatest

import (
	"math/rand/v2"
	"sync"
	"time"
)

// Lag says how late something is. It is asked once per change.
type Lag func() time.Duration

// Lags are how far what Okta shows trails what is so. Nil is no lag; others are
// asked once per change, those of Everyone's membership included. Recorded
// traffic shows lastMembershipUpdated 4 to 24 seconds behind, and a search index
// a second to minutes behind.
type Lags struct {
	// Membership is from a membership change until the group's
	// lastMembershipUpdated tells of it, which is then the second of the change,
	// not of its appearance. Lists of members are right at once.
	Membership Lag
	// Search is until "search" finds a person or group as it is.
	Search Lag
	// Log is from an event's publication until the System Log holds it, which
	// makes events appear out of the order they happened in.
	Log Lag
}

// Fixed is always d.
func Fixed(d time.Duration) Lag { return func() time.Duration { return d } }

// Between is a random duration from least to most, the same row for the same seed.
func Between(seed uint64, least, most time.Duration) Lag {
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(seed, 0))
	return func() time.Duration {
		mu.Lock()
		defer mu.Unlock()
		return least + time.Duration(random.Int64N(int64(most-least)+1))
	}
}

// Each gives the durations one after the other, then the last one for ever.
func Each(all ...time.Duration) Lag {
	var mu sync.Mutex
	return func() time.Duration {
		mu.Lock()
		defer mu.Unlock()
		d := all[0]
		if len(all) > 1 {
			all = all[1:]
		}
		return d
	}
}

func (l Lag) next() time.Duration {
	if l == nil {
		return 0
	}
	return l()
}

// SetLags changes the lags of what happens from now on.
func (k *Okta) SetLags(l Lags) {
	k.org.mu.Lock()
	k.org.lags = l
	k.org.mu.Unlock()
	k.org.log.setLag(l.Log)
}

// past is what an index still shows of something that has changed since.
type past[T any] []version[T]

// version is how a thing was; nil is that it was not there.
type version[T any] struct {
	until time.Time
	was   *T
}

// keep remembers how a thing was until then; was is nil for a new one.
func (p *past[T]) keep(was *T, now time.Time, lag time.Duration) {
	p.prune(now)
	if lag > 0 {
		*p = append(*p, version[T]{now.Add(lag), was})
	}
}

func (p *past[T]) prune(now time.Time) {
	kept := (*p)[:0:0]
	for _, v := range *p {
		if v.until.After(now) {
			kept = append(kept, v)
		}
	}
	*p = kept
}

// seen is the thing as an index shows it, nil where it does not know it yet.
func (p past[T]) seen(is *T, now time.Time) *T {
	for _, v := range p {
		if v.until.After(now) {
			return v.was
		}
	}
	return is
}
