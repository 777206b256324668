// Package session keeps who is signed in. A session is a record in the store,
// made at sign-in; what requests see is a bounded view of it in memory, fed by
// the store's feed, so that a request meets neither disk nor network nor a lock
// that all requests share. A cookie or token only names a session: whether that
// is still one is decided here, on every request.
//
//	lookup.go   Get: the view, else the store, once for all who ask
//	change.go   Create and Update: compare-and-swap on a fresh copy
//	end.go      End: a stub takes the record's place until it would have expired,
//	            so that no late write and no slow replica brings it back
//	use.go      Touch, Check: when a session was last used, kept apart in records of
//	            its own; upkeep.go writes them in batches and sweeps
//	follow.go   what other replicas do, and what to do when the store is lost
//	codec.go    cookies: names, attributes, sealing (securecookie)
//
// While the store is down, sessions in the view go on for RevocationBound, since
// nobody can tell whether they were revoked; whoever is not in the view gets
// store.ErrUnavailable, which says nothing about the session. Who may sign in,
// and how tokens are refreshed, is known to package authenticate.
package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"sallyport/store"
)

// Errors of sessions. The other two are kinds of ErrNone: whoever has no use for
// the difference asks errors.Is(err, ErrNone).
var (
	ErrNone    = errors.New("no such session")
	ErrExpired = fmt.Errorf("%w: expired", ErrNone)
	ErrIdle    = fmt.Errorf("%w: idle for too long", ErrNone)
)

// The kinds of records that sessions are made of.
const (
	KindSession store.Kind = "session"       // id -> record
	kindUse     store.Kind = "session-use"   // id -> when last used
	kindChild   store.Kind = "session-child" // parent id / id -> nothing
)

const (
	defaultView = 50_000
	flushEvery  = time.Minute
	// storeWait bounds every call that somebody waits for.
	storeWait = 3 * time.Second
)

// Options are what a Manager needs.
type Options struct {
	Store           store.Store          // required
	Now             func() time.Time     // nil: time.Now
	Logger          *slog.Logger         // nil: none
	MaxInView       int                  // sessions kept in memory; 0: 50,000
	IdleTimeout     func() time.Duration // of the current generation; nil or 0: none
	RevocationBound time.Duration        // how long the view is trusted while the store is down; 0: not at all
}

// Manager keeps sessions: the store is the truth, the view in memory is what
// requests see. It is safe for concurrent use.
type Manager struct {
	store  store.Store
	now    func() time.Time
	logger *slog.Logger
	idle   func() time.Duration
	bound  time.Duration
	view   *view
	enders atomic.Pointer[[]func(id string, why EndReason)]

	started   atomic.Bool
	following atomic.Bool  // the feed tells of what ends here, too
	feedDown  atomic.Bool  // the feed is lost and not yet caught up
	storeDown atomic.Bool  // the last probe failed
	lastGood  atomic.Int64 // when neither was so, nanoseconds since 1970

	// mu orders changes of the view. No request that finds its session there
	// takes it, and nobody holds it while calling the store.
	mu       sync.Mutex
	flights  map[string]*flight
	gone     bygone
	refused  map[string]EndReason // ended here, not yet in the store
	own      map[string]struct{}  // ended here, still to come by the feed
	rescan   map[string]struct{}  // changed while a scan runs; nil: none runs
	pending  map[string]use       // used, but no longer in the view
	full     chan struct{}        // asks for a flush because pending is large
	stop     context.CancelFunc
	stopOnce sync.Once
	running  sync.WaitGroup
}

// New returns a manager that works at once; Start makes it follow the store.
func New(o Options) (*Manager, error) {
	if o.Store == nil {
		return nil, errors.New("session manager needs a store")
	}
	if o.MaxInView < 0 || o.RevocationBound < 0 {
		return nil, fmt.Errorf("session view of %d and revocation bound of %s, expected neither negative", o.MaxInView, o.RevocationBound)
	}
	if o.MaxInView == 0 {
		o.MaxInView = defaultView
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.IdleTimeout == nil {
		o.IdleTimeout = func() time.Duration { return 0 }
	}
	m := &Manager{
		store: o.Store, now: o.Now, logger: o.Logger, idle: o.IdleTimeout, bound: o.RevocationBound,
		view:    newView(o.MaxInView),
		flights: make(map[string]*flight),
		refused: make(map[string]EndReason),
		own:     make(map[string]struct{}),
		pending: make(map[string]use),
		full:    make(chan struct{}, 1),
		stop:    func() {},
	}
	m.lastGood.Store(m.now().UnixNano())
	return m, nil
}

// Start scans the live sessions into the view, up to its bound, and follows the
// store until Stop; ctx is for the scan alone. Call it once.
func (m *Manager) Start(ctx context.Context) error {
	if m.started.Swap(true) {
		return errors.New("session manager is started already")
	}
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	feed, err := m.watch(run)
	if err == nil {
		err = m.catchUp(ctx, false)
	}
	if err != nil {
		cancel()
		m.started.Store(false)
		return fmt.Errorf("read sessions: %w", err)
	}
	m.stop = cancel
	m.following.Store(true)
	m.running.Go(func() { m.follow(run, feed) })
	m.running.Go(func() { m.keepUp(run) })
	return nil
}

// Stop ends what Start began and writes down what was used. Requests may go on
// meanwhile. It is safe to call twice.
func (m *Manager) Stop(ctx context.Context) error {
	var err error
	m.stopOnce.Do(func() {
		m.stop()
		m.running.Wait()
		m.following.Store(false)
		err = m.flush(ctx)
	})
	return err
}

// keepUp does what is done by time, until ctx ends.
func (m *Manager) keepUp(ctx context.Context) {
	probe := time.NewTicker(probeEvery(m.bound))
	defer probe.Stop()
	flush := time.NewTicker(flushEvery)
	defer flush.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-probe.C:
			m.probe(ctx)
			m.retryEnds(ctx)
			m.sweep(ctx)
			continue
		case <-flush.C:
		case <-m.full:
		}
		if err := m.flush(ctx); err != nil && ctx.Err() == nil {
			m.logger.Warn("cannot write when sessions were used; trying again", "err", err)
		}
	}
}
