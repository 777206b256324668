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
	if feed, err = d.store.Watch(ctx, Kind); err != nil {
		err = fmt.Errorf("directory: watch the store: %w", err)
	} else {
		err = d.load(ctx)
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
	for c := range feed {
		switch {
		case c.Reset:
			if err := d.load(ctx); err != nil {
				d.log.Warn("people could not be loaded after a gap in the feed", "error", err)
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
