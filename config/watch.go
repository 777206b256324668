package config

import (
	"context"
	"crypto/sha256"
	"os"
	"sync"
	"time"
)

// WatchOptions say how a Watcher looks.
type WatchOptions struct {
	// ReadFile reads one file; nil means os.ReadFile.
	ReadFile func(path string) ([]byte, error)
	// Tick says when to look; nil means every second.
	Tick <-chan time.Time
}

// Watcher sees when the content of any file that a configuration was made from
// changes. It polls and compares hashes of content, so that in-place writes,
// renames and swapped symbolic links (as Kubernetes makes them) all count and a
// touched file does not; a change is told only once two looks in a row found
// the same content, so that half-written files settle first.
//
// Give its ReadFile to Load: what was read, and as which bytes, is then what is
// watched, whether or not the load succeeded.
type Watcher struct {
	read func(path string) ([]byte, error)
	tick <-chan time.Time

	mu   sync.Mutex
	seen map[string]state // as of the last load
	last map[string]state // as of the last look, where it differed
}

// state is what a file looked like: the hash of its content, or none where it
// could not be read.
type state struct {
	hash [sha256.Size]byte
	ok   bool
}

// NewWatcher returns a Watcher that watches nothing yet.
func NewWatcher(o WatchOptions) *Watcher {
	w := &Watcher{read: o.ReadFile, tick: o.Tick, seen: map[string]state{}}
	if w.read == nil {
		w.read = os.ReadFile
	}
	return w
}

// ReadFile reads path and watches it from now on.
func (w *Watcher) ReadFile(path string) ([]byte, error) {
	b, err := w.read(path)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen[path] = stateOf(b, err)
	return b, err
}

// Run looks at every tick and calls changed, which is expected to load anew
// through ReadFile, until ctx ends. Files that the new load does not read are
// no longer watched. changed is called from this goroutine only.
func (w *Watcher) Run(ctx context.Context, changed func()) {
	tick := w.tick
	if tick == nil {
		t := time.NewTicker(time.Second)
		defer t.Stop()
		tick = t.C
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick:
			if w.settled() {
				changed()
			}
		}
	}
}

// settled reports whether files differ from the last load and look as they did
// at the look before. Then it forgets all: the load that follows says anew what
// there is to watch.
func (w *Watcher) settled() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	now, differs := map[string]state{}, false
	for path, before := range w.seen {
		now[path] = stateOf(w.read(path))
		differs = differs || now[path] != before
	}
	if !differs {
		w.last = nil
		return false
	}
	if !same(now, w.last) {
		w.last = now
		return false
	}
	w.last, w.seen = nil, map[string]state{}
	return true
}

func stateOf(b []byte, err error) state {
	if err != nil {
		return state{}
	}
	return state{hash: sha256.Sum256(b), ok: true}
}

func same(a, b map[string]state) bool {
	if len(a) != len(b) {
		return false
	}
	for path, s := range a {
		if t, ok := b[path]; !ok || s != t {
			return false
		}
	}
	return true
}
