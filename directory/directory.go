// Package directory holds what is known of people between two answers of
// whoever knows them (idp/okta): status, groups, profile. It decides what stands
// after an answer, a refusal or a silence: an answer replaces, "no such person"
// is remembered as such, everything else keeps the last. What follows for a
// request is decided in authorize; when somebody is read is decided by the
// callers (at sign-in, at refresh).
//
//	directory.go  the view, who reads it, who is told of changes
//	read.go       one reading: source, store, view
//	follow.go     the store's feed, by which replicas see each other's readings
//	record.go     a person as the store holds them
//
// Looking somebody up touches memory only, and no lock that all requests share.
// The view is a sync.Map and not one immutable map behind a pointer: people
// arrive and change one at a time, thousands an hour, and each copy of a map of
// 100,000 would cost more than all look-ups between two changes; a request asks
// for one person once, so that it sees one state of them either way.
package directory

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

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
	// Retention is how long a person stays in the store after they were last
	// read; longer than any session lives. 0: DefaultRetention.
	Retention time.Duration
	Now       func() time.Time // nil: time.Now
	Logger    *slog.Logger     // nil: no log
}

// Directory is the view of people. It is safe for concurrent use.
type Directory struct {
	source    idp.Directory
	store     store.Store
	retention time.Duration
	now       func() time.Time
	log       *slog.Logger

	people sync.Map // id -> *entry, read-only once stored
	// publishing serialises writers of people; readers take no part.
	publishing sync.Mutex

	flights flights

	mu        sync.Mutex
	callbacks []func(id string)
	stop      context.CancelFunc
	following sync.WaitGroup
}

// entry is what is known of one id.
type entry struct {
	record
	version uint64 // the store's; 0: not in the store yet
}

// New returns a directory that knows nobody until Start or Read.
func New(o Options) (*Directory, error) {
	if o.Source == nil || o.Store == nil {
		return nil, errors.New("directory: expected a source and a store")
	}
	d := &Directory{source: o.Source, store: o.Store, retention: o.Retention, now: o.Now, log: o.Logger}
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
	v, ok := d.people.Load(id)
	if !ok {
		return nil, false
	}
	return v.(*entry).Person, true
}

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
// existence changed, by whichever replica's reading, after Person answers anew.
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

// Check reports why the source cannot be asked at this moment, or nil. The view
// answers in any case.
func (d *Directory) Check(ctx context.Context) error { return d.source.Check(ctx) }
