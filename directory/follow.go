package directory

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sallyport/store"
)

// watchAgain is the pause before a lost feed is taken up anew.
const watchAgain = time.Second

// Start loads everybody from the store and follows its feed until ctx ends or
// Stop is called. It fails when the store cannot be read.
func (d *Directory) Start(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	feed, unwatch, err := d.watch(ctx)
	if err != nil {
		stop()
		return err
	}
	d.mu.Lock()
	d.stop = stop
	d.mu.Unlock()
	d.following.Go(func() { d.follow(ctx, feed, unwatch) })
	d.following.Go(func() { d.sync(ctx) })
	d.following.Go(func() { d.keepLive(ctx) })
	return nil
}

// Stop ends following. Person goes on answering. Further calls do nothing.
func (d *Directory) Stop() {
	d.mu.Lock()
	stop := d.stop
	d.mu.Unlock()
	if stop != nil {
		stop()
	}
	d.following.Wait()
}

// watch opens the feed, then loads what stands: nothing falls between the two.
func (d *Directory) watch(ctx context.Context) (feed <-chan store.Change, unwatch func(), err error) {
	ctx, unwatch = context.WithCancel(ctx)
	if feed, err = d.store.Watch(ctx, Kind, KindSnapshot); err != nil {
		err = fmt.Errorf("directory: watch the store: %w", err)
	} else {
		err = d.load(ctx)
	}
	if err == nil {
		err = d.loadWhole(ctx)
	}
	if err != nil {
		unwatch()
		return nil, nil, err
	}
	return feed, unwatch, nil
}

// follow applies the feed until ctx ends, and takes it up anew when it breaks.
func (d *Directory) follow(ctx context.Context, feed <-chan store.Change, unwatch func()) {
	for feed != nil {
		d.drain(ctx, feed)
		unwatch()
		feed, unwatch = d.watchAgain(ctx)
	}
}

// watchAgain returns nil when ctx ended or the store is closed.
func (d *Directory) watchAgain(ctx context.Context) (<-chan store.Change, func()) {
	for ctx.Err() == nil {
		feed, unwatch, err := d.watch(ctx)
		if err == nil {
			return feed, unwatch
		}
		if errors.Is(err, store.ErrClosed) {
			break
		}
		d.log.Warn("people are not followed, trying again", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(watchAgain):
		}
	}
	return nil, nil
}

// drain applies changes until the feed ends or a gap in it could not be closed.
func (d *Directory) drain(ctx context.Context, feed <-chan store.Change) {
	var successor *restore
	for c := range feed {
		switch {
		case c.Reset:
			successor = nil
			if err := errors.Join(d.load(ctx), d.loadWhole(ctx)); err != nil {
				d.log.Warn("people could not be loaded after a gap in the feed", "error", err)
				return
			}
		case c.Record.Kind == KindSnapshot:
			var err error
			if successor, err = d.succeed(successor, c); err != nil {
				d.log.Error("directory cannot be followed, loading it again", "error", err)
				return
			}
		case c.Deleted:
			d.drop(c.Record.Key, c.Record.Version)
		default:
			d.take(c.Record)
		}
	}
}

// take publishes a stored record. One that cannot be read is passed over: its
// person stays as known before, or unknown.
func (d *Directory) take(r store.Record) {
	e, err := decodeEntry(r)
	if err != nil {
		d.log.Error("person record is unreadable", "person", r.Key, "error", err)
		return
	}
	d.publish(r.Key, e)
}

// drop removes what was known up to that version of the store.
func (d *Directory) drop(id string, version uint64) {
	d.publishing.Lock()
	known := d.entry(id)
	gone := known != nil && known.version != 0 && known.version <= version
	if gone {
		d.people.Delete(id)
	}
	d.publishing.Unlock()
	if gone {
		d.changed(id)
	}
}

// load reads everybody from the store and drops those that another replica
// removed meanwhile.
func (d *Directory) load(ctx context.Context) error {
	there := map[string]bool{}
	err := d.store.Scan(ctx, Kind, "", func(r store.Record) error {
		there[r.Key] = true
		d.take(r)
		return nil
	})
	if err != nil {
		return fmt.Errorf("directory: load from the store: %w", err)
	}
	var missing []*entry
	var ids []string
	d.people.Range(func(key, value any) bool {
		if e := value.(*entry); e.version != 0 && !there[key.(string)] {
			ids, missing = append(ids, key.(string)), append(missing, e)
		}
		return true
	})
	for i, id := range ids {
		// It may have been written after the scan began: ask once more.
		if _, err := d.store.Get(ctx, Kind, id); errors.Is(err, store.ErrNotFound) {
			d.drop(id, missing[i].version)
		}
	}
	return nil
}

// loadWhole reads the stored snapshot, where it is later than what is known. One
// that cannot be read whole is none, and is listed again by whoever has the
// lease.
func (d *Directory) loadWhole(ctx context.Context) error {
	base := d.snap.Load()
	snap, c, st, err := d.loadSnapshot(ctx, base)
	switch {
	case errors.Is(err, store.ErrUnavailable), ctx.Err() != nil:
		return err
	case err != nil:
		d.log.Error("the stored directory cannot be used", "error", err)
		return nil
	case snap == nil || base != nil && snap.version <= base.version:
		return nil
	}
	d.follows(snap, c, st)
	return nil
}

// follows publishes what another replica, or this one before a restart, knew.
func (d *Directory) follows(snap *Snapshot, c delta, st state) {
	d.publishing.Lock()
	if was := d.snap.Load(); was != nil && was.version >= snap.version {
		d.publishing.Unlock()
		return
	}
	d.publishing.Unlock()
	d.swap(snap, c, st)
}

// succeed gathers the records of one change of the snapshot and publishes it
// with the last of them. What this replica wrote itself is known already.
func (d *Directory) succeed(r *restore, c store.Change) (*restore, error) {
	if d.leading.Load() {
		return nil, nil // it is this replica that writes
	}
	if c.Deleted {
		if c.Record.Key == stateKey && d.state.Load() != nil {
			d.forgetSnapshot()
		}
		return nil, nil
	}
	if r == nil {
		r = d.snap.Load().restore()
	}
	if err := r.take(c.Record); err != nil {
		return nil, err
	}
	if c.Record.Key != stateKey {
		return r, nil
	}
	base := d.snap.Load()
	switch {
	case base != nil && r.state.Version <= base.version:
		if st := d.state.Load(); st != nil && r.state.Version == base.version && st.upTo().Before(r.state.upTo()) {
			d.noteState(*r.state)
		}
		return nil, nil
	case base != r.base && base != nil:
		return nil, errors.New("the snapshot changed meanwhile")
	}
	snap, delta := r.finish(base)
	if snap.counts != r.state.Counts || len(snap.apps) != len(r.state.AppIDs) {
		return nil, errors.New("records of a change are missing")
	}
	d.follows(snap, delta, *r.state)
	return nil, nil
}
