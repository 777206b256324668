// Package certificates obtains, renews and serves certificates by ACME. It
// decides which hosts get one (those it is told, exact names only, never a name
// that a client happens to ask for), when to try again, and what is served
// until a new one stands: the old one, to its last second and after.
//
// certmagic decides when a certificate is due, staples OCSP, follows the
// authority's renewal information and lays out the storage; this package gives
// it a storage over the store (storage.go, site.go, lock.go) and an issuer over
// the bounded outbound client (issuer.go, account.go, challenge.go). Nothing
// here holds up a start or a reload: orders run beside. Which certificate a
// connection gets when the configuration has one as well is decided by server.
package certificates

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"

	"sallyport/store"
)

// Defaults where Options leaves them open, and how fast orders may follow each
// other when many hosts are new.
const (
	DefaultLook  = 10 * time.Minute
	DefaultRetry = time.Minute

	maxRetry    = time.Hour
	ordersEvery = time.Second
	ordersBurst = 10

	cleanEvery = 24 * time.Hour
	cleanAfter = 180 * 24 * time.Hour // an expired certificate that nobody renewed is forgotten
)

// Options are what a Keeper needs; Store is required.
type Options struct {
	Store store.Store
	// OverHTTP says that HTTPHandler is reachable on port 80 of the hosts, so
	// that HTTP-01 can be offered beside TLS-ALPN-01.
	OverHTTP bool
	// Look is how often certificates are looked at for renewal; 0: DefaultLook.
	Look time.Duration
	// Retry is how long to wait after a first certificate could not be obtained,
	// doubled with each failure up to an hour; 0: DefaultRetry.
	Retry    time.Duration
	Now      func() time.Time // nil: time.Now; for figures, not for renewal
	Logger   *slog.Logger     // nil: none
	Registry prometheus.Registerer
}

// Keeper keeps the certificates of the hosts in force. It lives as long as the
// process; Use says what is in force. Safe for concurrent use.
type Keeper struct {
	o          Options
	now        func() time.Time
	log        *slog.Logger
	storage    *storage
	challenges *challenges
	cache      *certmagic.Cache
	limit      *rate.Limiter
	metrics    *metrics

	life context.Context
	end  context.CancelFunc
	work sync.WaitGroup
	due  chan struct{} // a certificate was loaded that is due for renewal

	mu      sync.Mutex // serialises Use and Stop
	stopped bool
	current atomic.Pointer[authority]
	hosts   atomic.Pointer[map[string]*host] // immutable once stored
}

// New returns a Keeper of no hosts.
func New(o Options) (*Keeper, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Look <= 0 {
		o.Look = DefaultLook
	}
	if o.Retry <= 0 {
		o.Retry = DefaultRetry
	}
	id := make([]byte, 8)
	_, _ = rand.Read(id) // never fails
	k := &Keeper{o: o, now: o.Now, log: o.Logger, due: make(chan struct{}, 1), limit: rate.NewLimiter(rate.Every(ordersEvery), ordersBurst)}
	k.hosts.Store(&map[string]*host{})
	k.storage = newStorage(o.Store, o.Now, o.Logger, hex.EncodeToString(id))
	k.challenges = newChallenges(k.storage)
	var err error
	if k.metrics, err = newMetrics(o.Registry, k); err != nil {
		return nil, err
	}
	k.life, k.end = context.WithCancel(context.Background())
	k.cache = certmagic.NewCache(certmagic.CacheOptions{
		GetConfigForCert:   func(certmagic.Certificate) (*certmagic.Config, error) { return k.current.Load().magic, nil },
		RenewCheckInterval: k.o.Look, Logger: zapTo(k.log),
	})
	k.work.Go(k.renewDue)
	k.work.Go(k.clean)
	return k, nil
}

// renewDue has certificates renewed that were due when they were loaded; later
// ones are found by the cache, every Look.
func (k *Keeper) renewDue() {
	for {
		select {
		case <-k.life.Done():
			return
		case <-k.due:
			if err := k.cache.RenewManagedCertificates(k.life); err != nil {
				k.log.Warn("certificates could not be looked at for renewal", slog.Any("error", err))
			}
		}
	}
}

// clean forgets certificates and staples that are long out of date.
func (k *Keeper) clean() {
	for wait(k.life, cleanEvery) == nil {
		err := certmagic.CleanStorage(k.life, k.storage, certmagic.CleanStorageOptions{
			Logger: zapTo(k.log), InstanceID: k.storage.instance, Interval: cleanEvery / 2,
			OCSPStaples: true, ExpiredCerts: true, ExpiredCertGracePeriod: cleanAfter,
		})
		if err != nil {
			k.log.Warn("old certificates could not be cleaned up", slog.Any("error", err))
		}
	}
}

// Stop ends orders under way and gives up their locks. It returns when all is
// quiet or ctx ends; after it the certificates are still served.
func (k *Keeper) Stop(ctx context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.stopped {
		return nil
	}
	k.stopped = true
	k.end()
	done := make(chan struct{})
	go func() {
		defer close(done)
		k.work.Wait()
		k.cache.Stop()
	}()
	select {
	case <-done:
	case <-ctx.Done():
		return ctx.Err()
	}
	return k.storage.idle(ctx)
}
