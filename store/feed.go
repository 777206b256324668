package store

import (
	"context"
	"slices"
	"sync"
)

// feedBound is how many changes may wait for one reader before it gets a Reset
// in their place.
const feedBound = 4096

// Feed is for engines: it hands changes to the readers of Watch. A slow reader
// costs a bounded queue and never makes a writer wait. The zero value is ready.
type Feed struct {
	mu      sync.Mutex
	readers map[*reader]struct{}
	closed  bool
}

// Watch adds a reader of the kinds, or of all if there are none, until ctx ends
// or the feed closes; then the channel is closed.
func (f *Feed) Watch(ctx context.Context, kinds ...Kind) (<-chan Change, error) {
	r := &reader{kinds: slices.Clone(kinds), wake: make(chan struct{}, 1), done: make(chan struct{}), out: make(chan Change)}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, ErrClosed
	}
	if f.readers == nil {
		f.readers = make(map[*reader]struct{})
	}
	f.readers[r] = struct{}{}
	go func() {
		r.run(ctx)
		f.mu.Lock()
		delete(f.readers, r)
		f.mu.Unlock()
	}()
	return r.out, nil
}

// Publish hands the changes to every reader. The caller sees to it that they
// come in the order of their versions, one call at a time.
func (f *Feed) Publish(changes ...Change) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for r := range f.readers {
		r.push(changes)
	}
}

// Close ends every reader and refuses new ones. It is safe to call twice.
func (f *Feed) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return
	}
	f.closed = true
	for r := range f.readers {
		close(r.done)
	}
}

type reader struct {
	kinds []Kind
	out   chan Change
	wake  chan struct{} // holds one token while the queue may be non-empty
	done  chan struct{} // closed by the feed

	mu    sync.Mutex
	queue []Change
}

func (r *reader) push(changes []Change) {
	r.mu.Lock()
	for _, c := range changes {
		if !c.Reset && len(r.kinds) > 0 && !slices.Contains(r.kinds, c.Record.Kind) {
			continue
		}
		if c.Reset || len(r.queue) >= feedBound {
			// What waits and this change are covered by the scan that a Reset asks for.
			r.queue = append(r.queue[:0:0], Change{Reset: true})
			continue
		}
		r.queue = append(r.queue, c)
	}
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// run is the only sender on out. It ends with ctx or with the feed.
func (r *reader) run(ctx context.Context) {
	defer close(r.out)
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.done:
			return
		case <-r.wake:
		}
		for c, ok := r.pop(); ok; c, ok = r.pop() {
			select {
			case r.out <- c:
			case <-ctx.Done():
				return
			case <-r.done:
				return
			}
		}
	}
}

func (r *reader) pop() (Change, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) == 0 {
		r.queue = nil
		return Change{}, false
	}
	c := r.queue[0]
	r.queue[0] = Change{}
	r.queue = r.queue[1:]
	return c, true
}
