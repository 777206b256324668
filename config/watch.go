package config

import (
	"context"
	"crypto/sha256"
	"maps"
	"os"
	"sync"
	"time"
)

// Watcher sees when the content of any file that a configuration was made from
// changes. It polls and compares hashes of content, so that in-place writes,
// renames and swapped symbolic links (as Kubernetes makes them) all count and a
// touched file does not. A change is told only once two looks in a row found
// the same content: half-written files settle first.
type Watcher struct {
	// Tick says when to look; nil means every second.
	Tick <-chan time.Time
	// Read reads one file; nil means os.ReadFile.
	Read func(path string) ([]byte, error)

	files   func() []string
	changed func()

	mu     sync.Mutex
	seen   map[string]state    // what the files held when they were last loaded
	last   map[string]state    // what they held at the last look, nil if the same
	loaded map[string]struct{} // paths read through ReadFile since the last change
}

// state is what a file held: the hash of its content, or nothing where it could
// not be read.
type state struct {
	hash [sha256.Size]byte
	ok   bool
}

// NewWatcher returns a Watcher of the files that files returns at each look,
// which calls changed when any of them does. What a file holds at the first
// look counts as loaded, unless it was loaded through ReadFile.
func NewWatcher(files func() []string, changed func()) *Watcher {
	return &Watcher{files: files, changed: changed, seen: map[string]state{}, loaded: map[string]struct{}{}}
}

// ReadFile reads path and watches it. Given to Load, it makes the bytes that
// were loaded those that later ones are compared with, and watches also the
// files of a load that failed.
func (w *Watcher) ReadFile(path string) ([]byte, error) {
	b, err := w.read(path)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen[path] = stateOf(b, err)
	w.loaded[path] = struct{}{}
	return b, err
}

// Run looks at every tick until ctx ends. changed is called from here and not
// again before it has returned.
func (w *Watcher) Run(ctx context.Context) {
	tick := w.Tick
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
			if w.look() {
				w.changed()
			}
		}
	}
}

// look reports whether files differ from what was loaded and have settled. What
// they hold then counts as loaded.
func (w *Watcher) look() bool {
	paths := w.paths()
	now := make(map[string]state, len(paths))
	for path := range paths {
		now[path] = stateOf(w.read(path))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	differs := false
	for path, s := range now {
		before, known := w.seen[path]
		if !known {
			w.seen[path] = s
		}
		differs = differs || known && s != before
	}
	if !differs {
		w.last = nil
		return false
	}
	if !maps.Equal(now, w.last) {
		w.last = now
		return false
	}
	w.seen, w.last = now, nil
	clear(w.loaded)
	return true
}

// paths are those to look at.
func (w *Watcher) paths() map[string]struct{} {
	paths := map[string]struct{}{}
	for _, path := range w.files() {
		paths[path] = struct{}{}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	maps.Copy(paths, w.loaded)
	return paths
}

func (w *Watcher) read(path string) ([]byte, error) {
	if w.Read != nil {
		return w.Read(path)
	}
	return os.ReadFile(path)
}

func stateOf(b []byte, err error) state {
	if err != nil {
		return state{}
	}
	return state{hash: sha256.Sum256(b), ok: true}
}
