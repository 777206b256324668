// Package directory holds what is known of people between two answers of
// whoever knows them (idp/okta): status, groups, profile, applications. It
// decides what stands after an answer, an event, a refusal or a silence: what is
// later replaces, "no such person" is remembered as such, everything else keeps
// the last. What follows for a request is decided in authorize.
//
// Where the source lists people and groups, one replica keeps a snapshot of
// everybody up to date and all follow it; where it does not, only people who sign
// in are known, and those are read again while they have a session.
//
//	directory.go  who is known, who is told of changes
//	source.go     what is asked of a source
//	age.go        how old what is known is
//
//	snapshot.go   everybody at one moment, immutable; edit*.go make the next one,
//	table.go      out of parts that are shared with the last; commit.go ends it
//	persist.go    a snapshot in the store; codec.go its records
//
//	lead.go       one replica reads; what single readings add
//	sync.go       the most urgent request first
//	log.go        events; recent.go which listings they contradict
//	lists.go      what changed lately, as listings tell it
//	members.go    one group's members; full.go everybody and all groups
//	apps.go       applications; pins.go what names of groups mean
//
//	read.go       one person, at sign-in and at refresh
//	live.go       those with a session, where there is no snapshot
//	follow.go     the store's feed, by which replicas see what others read
//	record.go     a single reading as the store holds it
//
// Looking somebody up touches memory only, and no lock that all requests share.
package directory

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	mathrand "math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sallyport/identity"
	"sallyport/idp"
	"sallyport/store"
)

// Kind of the records in the store; the key is the person's id.
const Kind store.Kind = "person"

// DefaultRetention is how long somebody nobody read again stays in the store.
const DefaultRetention = 90 * 24 * time.Hour

// Options for New. Source and Store are required.
type Options struct {
	Source idp.Directory
	Store  store.Store
	// Listing returns the source that lists everybody and the organisation it is
	// of, or nil while there is none; nil: there never is. It is asked often.
	Listing func() (Source, string)
	// Relevant returns what policies name; nil: nothing.
	Relevant func() Relevant
	// Live returns the ids of people with a session, who are read again where
	// there is no listing; nil: nobody.
	Live func() []string
	// Registry gets the metrics; nil: nobody.
	Registry prometheus.Registerer
	// Retention is how long a person stays in the store after they were last
	// read; longer than any session lives. 0: DefaultRetention.
	Retention time.Duration
	Now       func() time.Time // nil: time.Now
	Logger    *slog.Logger     // nil: no log
}

// Directory is the view of people. It is safe for concurrent use.
type Directory struct {
	source    idp.Directory
	listing   func() (Source, string)
	relevant  func() Relevant
	live      func() []string
	store     store.Store
	metrics   *metrics
	holder    string // of the lease
	retention time.Duration
	now       func() time.Time
	// jitter is up to so much that retries wait longer, so that replicas do not
	// come together.
	jitter func(time.Duration) time.Duration
	log    *slog.Logger

	snap  atomic.Pointer[Snapshot] // nil: none
	state atomic.Pointer[state]    // of snap
	// overlay are single readings that snap has not taken in yet.
	overlay atomic.Pointer[map[string]*entry]
	people  sync.Map // id -> *entry, single readings, read-only once stored
	// publishing serialises writers of all these; readers take no part.
	publishing sync.Mutex

	wake   chan struct{}
	hinted atomic.Bool
	// leading is set while this replica reads for all.
	leading atomic.Bool
	unpins  chan unpin

	flights   flights
	namesakes namesakes

	telling sync.Mutex
	told    map[string]string // of pins, by name

	mu        sync.Mutex
	callbacks []func(id string)
	enders    []func(Ended)
	problem   error // of the last failed attempt to read
	problemAt time.Time
	stop      context.CancelFunc
	following sync.WaitGroup
}

// entry is what is known of one id.
type entry struct {
	record
	version uint64 // the store's; 0: not in the store yet
	// made is the person over a snapshot: what groups are called by policies and
	// what is assigned to them is told by that.
	made atomic.Pointer[madePerson]
}

// New returns a directory that knows nobody until Start or Read.
func New(o Options) (*Directory, error) {
	if o.Source == nil || o.Store == nil {
		return nil, errors.New("directory: expected a source and a store")
	}
	d := &Directory{
		source: o.Source, store: o.Store, retention: o.Retention, now: o.Now, log: o.Logger,
		listing: o.Listing, relevant: o.Relevant, live: o.Live, holder: rand.Text(), jitter: mathrand.N[time.Duration],
		wake: make(chan struct{}, 1), unpins: make(chan unpin, 16),
	}
	d.overlay.Store(new(map[string]*entry))
	d.metrics = newMetrics(o.Registry, d)
	if d.listing == nil {
		d.listing = func() (Source, string) { return nil, "" }
	}
	if d.relevant == nil {
		d.relevant = func() Relevant { return Relevant{} }
	}
	if d.retention <= 0 {
		d.retention = DefaultRetention
	}
	if d.now == nil {
		d.now = time.Now
	}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	return d, nil
}

// Person returns what is known of the person with that id: nil while nothing is,
// and nil when the source said that there is no such person. Known tells the two
// apart.
func (d *Directory) Person(id string) *identity.Person {
	person, _ := d.Known(id)
	return person
}

// Known is Person and whether anything is known: nil and true is somebody who is
// not in the directory.
func (d *Directory) Known(id string) (person *identity.Person, known bool) {
	if snap := d.whole(); snap != nil {
		if over := *d.overlay.Load(); len(over) > 0 {
			if e, ok := over[id]; ok {
				return snap.viewOver(e), true
			}
		}
		return snap.Person(id), true
	}
	v, ok := d.people.Load(id)
	if !ok {
		return nil, false
	}
	return v.(*entry).Person, true
}

// whole returns the snapshot where it answers for everybody, else nil.
func (d *Directory) whole() *Snapshot {
	if st := d.state.Load(); st == nil || !st.Ready {
		return nil
	}
	return d.snap.Load()
}

// Snapshot returns everybody at this moment, nil where only single people are
// known or not everything that policies name was read yet.
func (d *Directory) Snapshot() *Snapshot { return d.whole() }

// Forget drops what is known of a person, here, in the store and so on every
// replica. It is for those who have no session left anywhere: everybody else
// would be denied until they are read again.
func (d *Directory) Forget(id string) {
	d.publishing.Lock()
	_, was := d.people.LoadAndDelete(id)
	d.publishing.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	if err := d.store.Delete(ctx, Kind, id); err != nil {
		d.log.Warn("person could not be removed from the store", "person", id, "error", err)
	}
	if was {
		d.changed(id)
	}
}

// OnChange calls f with the id of everybody whose status, groups, profile or
// existence changed, or with "" where that could be anybody, by whichever replica's reading, after Person answers anew.
// f runs on the goroutine that made the change and must not wait.
func (d *Directory) OnChange(f func(id string)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.callbacks = append(d.callbacks, f)
}

func (d *Directory) changed(id string) {
	d.mu.Lock()
	callbacks := d.callbacks[:len(d.callbacks):len(d.callbacks)]
	d.mu.Unlock()
	for _, f := range callbacks {
		f(id)
	}
}
