package directory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"sallyport/idp"
	"sallyport/store"
)

// leadEvery is how often a replica that follows tries to take the lease over.
const leadEvery = 5 * time.Second

// sync reads the directory while this replica has the lease, until ctx ends.
func (d *Directory) sync(ctx context.Context) {
	for ctx.Err() == nil {
		wait := leadEvery
		if source, org := d.listing(); source != nil {
			fence, held, err := d.store.Acquire(ctx, leaseName, d.holder, leaseFor)
			switch {
			case err != nil:
				d.failed(err)
			case held:
				d.lead(ctx, source, org, fence)
				wait = time.Second
			}
		}
		d.pause(ctx, wait)
	}
}

// lead takes steps until the lease is lost or the source changes.
func (d *Directory) lead(ctx context.Context, source Source, org string, fence uint64) {
	d.leading.Store(true)
	defer d.leading.Store(false)
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
		defer cancel()
		_ = d.store.Release(ctx, leaseName, d.holder)
	}()
	if err := d.prepare(ctx, org); err != nil {
		d.failed(err)
		return
	}
	s := newSyncer(d, source, org, fence)
	held := d.now()
	for ctx.Err() == nil {
		if source, org := d.listing(); source != s.source || org != s.org {
			return
		}
		if d.now().Sub(held) > leaseFor/3 {
			if err := s.hold(ctx); err != nil {
				d.log.Warn("directory is read by another replica from now on, or the store is lost", slog.Any("error", err))
				return
			}
			held = d.now()
		}
		if s.lost {
			return
		}
		d.pause(ctx, min(s.step(ctx), leaseFor/3))
	}
}

// prepare takes up what the last reader left, unless it is of another
// organisation.
func (d *Directory) prepare(ctx context.Context, org string) error {
	r, err := d.store.Get(ctx, KindSnapshot, stateKey)
	switch {
	case errors.Is(err, store.ErrNotFound):
		d.forgetSnapshot()
		return nil
	case errors.Is(err, store.ErrUnreadable):
		return d.dropSnapshot(ctx)
	case err != nil:
		return err
	}
	var stored state
	if err := json.Unmarshal(r.Value, &stored); err != nil {
		return d.dropSnapshot(ctx)
	}
	if stored.Org != org {
		// A URL that is wrong by mistake must not cost what is known.
		if err := d.source.Check(ctx); err != nil {
			return fmt.Errorf("the stored directory is of %s, and %s, which is configured, cannot be read: the stored one is kept: %w", stored.Org, org, err)
		}
		d.log.Warn("the stored directory is another organisation's and is dropped", slog.String("stored", stored.Org), slog.String("configured", org))
		return d.dropSnapshot(ctx)
	}
	if snap := d.snap.Load(); snap == nil || snap.version < stored.Version {
		if err := d.loadWhole(ctx); err != nil {
			return err
		}
	}
	if d.snap.Load() == nil { // what is stored cannot be read
		return d.dropSnapshot(ctx)
	}
	return nil
}

func (d *Directory) dropSnapshot(ctx context.Context) error {
	var keys []string
	if err := d.store.Scan(ctx, KindSnapshot, "", func(r store.Record) error { keys = append(keys, r.Key); return nil }); err != nil {
		return err
	}
	// The state goes first: without it the rest counts for nothing.
	for _, key := range append([]string{stateKey}, keys...) {
		if err := d.store.Delete(ctx, KindSnapshot, key); err != nil {
			return err
		}
	}
	d.forgetSnapshot()
	return nil
}

// pause waits, or until something wakes it: a hook, a reading at sign-in.
func (d *Directory) pause(ctx context.Context, wait time.Duration) {
	if wait <= 0 {
		return
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-d.wake:
	}
}

// Hint asks for the log to be read at once: something is said to have happened.
// It costs four requests a second at most, however often it is called.
func (d *Directory) Hint() {
	d.hinted.Store(true)
	d.Wake()
}

// Wake lets the reading go on at once.
func (d *Directory) Wake() {
	select {
	case d.wake <- struct{}{}:
	default: // awake already
	}
}

// hintEvery is the least time between two readings of the log for hints: hooks
// come in swarms.
const hintEvery = 250 * time.Millisecond

// heed has the log read soon after a hint, while half of its limit is left: a
// flood of hints must not use up what the regular readings need.
func (s *syncer) heed() {
	if !s.d.hinted.Load() {
		return
	}
	now := s.d.now()
	if s.spare(idp.BucketLog, now).After(now) {
		s.d.hinted.Store(false) // the regular reading will do
		return
	}
	due := s.hintedAt.Add(hintEvery)
	if due.Before(s.logDue) {
		s.logDue = due
	}
	if !due.After(now) {
		s.d.hinted.Store(false)
		s.hintedAt = now
	}
}

// merge takes hints and readings of single people into the directory.
func (s *syncer) merge(ctx context.Context) {
	s.heed()
	over := *s.d.overlay.Load()
	if len(over) == 0 || !s.st.Whole {
		return
	}
	e := s.d.snap.Load().edit()
	for _, id := range slices.Sorted(maps.Keys(over)) {
		entry := over[id]
		at := s.asOf(entry)
		if entry.Person == nil {
			e.dropUser(id, at)
		} else {
			p := entry.Person
			e.putUser(idp.User{ID: id, Login: p.Login, Email: p.Email, Name: p.Name, Status: p.Status, Profile: p.Profile}, at)
			e.setGroupsOf(id, p.Groups, at)
		}
		h := e.intern(id)
		e.person(h).merged = entry.ReadAt.UnixMilli()
		s.settleUser(e, id)
	}
	if err := s.apply(ctx, e); err != nil {
		s.d.failed(err)
	}
}

// asOf is when an entry was read, by the source's clock, rather too early.
func (s *syncer) asOf(e *entry) int64 { return e.ReadAt.UnixMilli() + s.st.Skew - dateGrain }

// swap makes snap what everybody sees, then tells who changed.
func (d *Directory) swap(snap *Snapshot, c delta, st state) {
	d.publishing.Lock()
	d.snap.Store(snap)
	d.state.Store(&st)
	d.trimOverlay(snap, &st)
	d.publishing.Unlock()
	d.metrics.snapshot(snap.counts)
	if c.facts {
		d.changed("")
	}
	for _, id := range c.people {
		d.changed(id)
	}
	if snap.epoch == snap.version { // names changed, or what they mean
		d.tellPins()
	}
}

// noteState publishes a state that is not worth writing.
func (d *Directory) noteState(st state) { d.state.Store(&st) }

// ready says that the directory answers for everybody from now on.
func (d *Directory) ready(st state) {
	d.publishing.Lock()
	if snap := d.snap.Load(); snap != nil {
		d.layKnown(snap, &st)
		d.trimOverlay(snap, &st)
	}
	d.state.Store(&st)
	d.publishing.Unlock()
	d.log.Info("directory is ready: everything that policies name was read")
	d.changed("")
}

// layKnown lays the single readings of before over a snapshot that answers from
// now on: somebody who signed in while everybody was listed keeps the groups
// that were read of them. publishing is held.
func (d *Directory) layKnown(snap *Snapshot, st *state) {
	over := maps.Clone(*d.overlay.Load())
	d.people.Range(func(id, v any) bool {
		if e := v.(*entry); over[id.(string)] == nil && !overtaken(snap, st, id.(string), e) {
			if over == nil {
				over = map[string]*entry{}
			}
			over[id.(string)] = e
		}
		return true
	})
	d.overlay.Store(&over)
	d.Wake()
}

func (d *Directory) forgetSnapshot() {
	d.publishing.Lock()
	d.snap.Store(nil)
	d.state.Store(nil)
	d.publishing.Unlock()
	d.changed("")
}

// trimOverlay drops readings that the snapshot has taken in or overtaken.
// publishing is held.
func (d *Directory) trimOverlay(snap *Snapshot, st *state) {
	over := *d.overlay.Load()
	var kept map[string]*entry
	for id, e := range over {
		if !overtaken(snap, st, id, e) {
			if kept == nil {
				kept = map[string]*entry{}
			}
			kept[id] = e
		}
	}
	if len(kept) != len(over) {
		d.overlay.Store(&kept)
	}
}

func overtaken(snap *Snapshot, st *state, id string, e *entry) bool {
	at := e.ReadAt.UnixMilli()
	if p := snap.find(id); p != nil && p.merged >= at {
		return true
	}
	if snap.counts.Unread > 0 {
		// The lists say nothing of memberships that were not read yet. What has
		// changed since such a reading is in the log, which begins earlier.
		return at+st.Skew < st.Begun-knownBefore.Milliseconds()
	}
	return at+st.Skew-dateGrain < st.Begun
}

// knownBefore is how long before a whole listing a single reading may have been
// made to be laid over it: less than the log is read back.
const knownBefore = 10 * time.Minute

// lay puts a reading over the snapshot until that has taken it in. publishing is
// held.
func (d *Directory) lay(id string, e *entry) {
	snap, st := d.snap.Load(), d.state.Load()
	if snap == nil || st == nil || overtaken(snap, st, id, e) {
		return
	}
	over := maps.Clone(*d.overlay.Load())
	if over == nil {
		over = map[string]*entry{}
	}
	over[id] = e
	d.overlay.Store(&over)
	d.Wake()
}

// failed notes why the directory could not be read.
func (d *Directory) failed(err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	d.mu.Lock()
	d.problem, d.problemAt = err, d.now()
	d.mu.Unlock()
	d.metrics.failure()
}

// ended tells that a person's sessions from before that time are over.
func (d *Directory) ended(ev idp.Event) {
	d.mu.Lock()
	callbacks := d.enders[:len(d.enders):len(d.enders)]
	d.mu.Unlock()
	user := ev.Target("User")
	if user == "" {
		return
	}
	for _, f := range callbacks {
		f(Ended{Subject: user, At: ev.Published, Why: ev.Type})
	}
}

// Ended is an event after which a person has to sign in again.
type Ended struct {
	Subject string    // the person's id
	At      time.Time // by the source's clock; sessions begun later go on
	Why     string    // the event's type
}

// OnEnd calls f with every event that ends sessions, on the replica that reads
// the log. f may write to the store.
func (d *Directory) OnEnd(f func(Ended)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.enders = append(d.enders, f)
}
