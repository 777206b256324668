package directory

import (
	"context"
	"errors"
	"time"

	"sallyport/idp"
)

const (
	// liveEvery is how often people with a session are looked through.
	liveEvery = 30 * time.Second
	// liveAge is how old a single reading may grow of somebody with a session
	// while nobody keeps a directory of everybody.
	liveAge = 5 * time.Minute
)

// keepLive reads people with a session again, where there is no directory of
// everybody that does it for all.
func (d *Directory) keepLive(ctx context.Context) {
	if d.live == nil {
		return
	}
	ticker := time.NewTicker(liveEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			d.readLive(ctx)
		}
	}
}

// readLive reads those whose last reading is old, until the source has enough.
func (d *Directory) readLive(ctx context.Context) {
	if age, whole := d.Age(); whole && age < WarnAge {
		return
	}
	for _, id := range d.live() {
		if e := d.entry(id); e != nil && d.since(e.ReadAt) < liveAge && unreadAttribute(d.relevant().Attributes, e.Attributes) == nil {
			continue
		}
		_, err := d.Read(ctx, id)
		var unavailable *idp.UnavailableError
		if ctx.Err() != nil || errors.As(err, &unavailable) {
			return // the next round goes on where this one ended
		}
	}
}
