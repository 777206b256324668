package authenticate

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sallyport/idp"
	"sallyport/session"
	"sallyport/store"
)

// EndOutage is why a session ends whose provider could not be asked for longer
// than the grace.
const EndOutage session.EndReason = "identity-provider-outage"

// RefreshOptions are what a Refresher needs. Sessions, Store and Providers must
// be given.
type RefreshOptions struct {
	Sessions  *session.Manager
	Store     store.Store // for leases: one refresh per session over all replicas
	Providers func() map[string]idp.Provider
	// Directory is asked for the person at each refresh; nil, or returning nil,
	// where none is configured.
	Directory func() PersonReader
	// OutageGrace is how long past its access token's expiry a session lives
	// while the provider cannot be asked [1 h].
	OutageGrace func() time.Duration
	Now         func() time.Time
	Logger      *slog.Logger
	Registry    prometheus.Registerer
	// Rand returns numbers in [0, 1) [math/rand].
	Rand func() float64
	// Concurrency is how many refreshes run at once [8].
	Concurrency int
	// Interval is how often sessions are looked through [2 s].
	Interval time.Duration
}

// Refresher keeps sessions fresh while they are used: it asks the provider for
// new tokens and claims at a random point between 60 % and 90 % of the access
// token's life, so that sessions that began together do not come back together.
// It lives as long as the process.
//
// A refreshed session keeps its id, on purpose: nobody signed in, the person and
// the way they proved themselves stay what they were, and a new id would cut the
// streams and programs of the old one. What gains privilege, a sign-in by stronger
// means or as somebody else, goes through the authenticate host and makes a new
// session; the old one ends there (callback.go).
//
// A session that nobody used since its last refresh is left alone; its next use
// wakes it (Wake) and does not wait. Only a definite refusal ends a session. A
// provider that cannot be asked is left alone for growing, jittered times, and
// its sessions live on until the grace is over.
type Refresher struct {
	o      RefreshOptions
	holder string // of leases
	seed   uint64
	queue  chan string
	// busy holds the ids that are queued or in flight, rest those that are left
	// alone for a while. Requests read them, so neither has a lock to wait for.
	busy    sync.Map // id -> struct{}
	rest    sync.Map // id -> *pause
	pace    *pace
	results *prometheus.CounterVec
	warned  sync.Once
}

// maxQueued bounds the sessions that wait for a worker; the next look finds the
// others.
const maxQueued = 1024

// NewRefresher checks o. Nothing runs before Run.
func NewRefresher(o RefreshOptions) (*Refresher, error) {
	if o.Sessions == nil || o.Store == nil || o.Providers == nil {
		return nil, errors.New("refresher: Sessions, Store and Providers are needed")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Rand == nil {
		o.Rand = rand.Float64
	}
	if o.OutageGrace == nil {
		o.OutageGrace = func() time.Duration { return time.Hour }
	}
	if o.Concurrency <= 0 {
		o.Concurrency = 8
	}
	orDefault(&o.Interval, 2*time.Second)
	return &Refresher{
		o: o, holder: randomText(16), seed: uint64(o.Rand() * (1 << 63)),
		queue: make(chan string, maxQueued), pace: newPace(o),
		results: registered(o.Registry, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sallyport_session_refreshes_total", Help: "How refreshes of sessions went.",
		}, []string{"result"})),
	}, nil
}

// Run refreshes until ctx ends, then lets what is in flight finish, within a
// few seconds: a token that was redeemed must be stored.
func (f *Refresher) Run(ctx context.Context) {
	var workers sync.WaitGroup
	for range f.o.Concurrency {
		workers.Go(func() { f.work(ctx) })
	}
	tick := time.NewTicker(f.o.Interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			workers.Wait()
			return
		case <-tick.C:
			f.look(ctx)
		}
	}
}

// Wake has a session refreshed soon if it is due. It returns at once, whatever
// the state of provider and store.
func (f *Refresher) Wake(id string) { f.enqueue(id) }

// look goes through the sessions in memory: it queues those that are due and
// were used since their last refresh, the most urgent first, and ends those
// that have outlived an outage.
func (f *Refresher) look(ctx context.Context) {
	now := f.o.Now()
	var due []*session.Session
	for _, ss := range f.o.Sessions.Live() {
		switch {
		case ss.Form != session.FormBrowser:
		case ss.Tokens.Refresh == "":
			f.warnUnrefreshable(ss)
		case outlived(ss, f.o.OutageGrace(), now):
			f.endOutlived(ctx, ss)
		case !f.isDue(ss, now) || !f.o.Sessions.LastUsed(ss).After(ss.Refreshed):
		case f.pace.outlived(ss, f.o.OutageGrace(), now):
			f.endOutlived(ctx, ss)
		default:
			due = append(due, ss)
		}
	}
	slices.SortFunc(due, func(a, b *session.Session) int {
		return cmp.Compare(expiryOf(a).UnixNano(), expiryOf(b).UnixNano())
	})
	for _, ss := range due {
		f.enqueue(ss.ID)
	}
	f.forgetRests(now)
}

// enqueue hands a session to the workers, unless one has it, it is to be left
// alone, or there are too many.
func (f *Refresher) enqueue(id string) {
	if f.resting(id) {
		return
	}
	if _, busy := f.busy.LoadOrStore(id, struct{}{}); busy {
		return
	}
	select {
	case f.queue <- id:
	default:
		f.busy.Delete(id)
	}
}

func (f *Refresher) work(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case id := <-f.queue:
			f.results.WithLabelValues(f.contained(ctx, id)).Inc()
			f.busy.Delete(id)
		}
	}
}

// contained keeps a panic in one refresh from ending the others.
func (f *Refresher) contained(ctx context.Context, id string) (result string) {
	defer func() {
		if v := recover(); v != nil {
			f.o.Logger.ErrorContext(ctx, "panic while refreshing a session", "panic", v)
			f.leaveAlone(id, 0)
			result = "panic"
		}
	}()
	return f.refresh(ctx, id)
}

func (f *Refresher) endOutlived(ctx context.Context, ss *session.Session) {
	f.end(ctx, ss, EndOutage, "the identity provider could not be asked for longer than the grace")
}

func (f *Refresher) end(ctx context.Context, ss *session.Session, why session.EndReason, words string) {
	f.o.Logger.InfoContext(ctx, "session ended: "+words, "reason", string(why), "user", ss.Subject.ID, "email", ss.Subject.Email)
	if err := f.o.Sessions.End(ctx, ss.ID, why); err != nil {
		f.o.Logger.WarnContext(ctx, "session not ended", "reason", string(why), "error", err)
	}
}

// warnUnrefreshable says once that claims will not be renewed.
func (f *Refresher) warnUnrefreshable(ss *session.Session) {
	f.warned.Do(func() {
		f.o.Logger.Warn("the identity provider gives no refresh token: sessions live to cookie_expire without being checked there; "+
			"allow the refresh token grant and the scope offline_access", "client_id", ss.Subject.ClientID)
	})
}
