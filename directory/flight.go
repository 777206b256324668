package directory

import (
	"fmt"
	"sync"

	"sallyport/identity"
)

// flights lets one reading per id serve all who ask for it meanwhile.
type flights struct {
	mu  sync.Mutex
	all map[string]*flight
}

type flight struct {
	done   chan struct{}
	person *identity.Person
	err    error
}

// join starts read on its own goroutine, unless one runs for id already. The
// goroutine ends with read, which bounds itself.
func (fs *flights) join(id string, read func() (*identity.Person, error)) *flight {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if f, ok := fs.all[id]; ok {
		return f
	}
	f := &flight{done: make(chan struct{})}
	if fs.all == nil {
		fs.all = map[string]*flight{}
	}
	fs.all[id] = f
	go func() {
		defer func() {
			if v := recover(); v != nil { // of a decoder, over an answer nobody foresaw
				f.person, f.err = nil, fmt.Errorf("directory: reading panicked: %v", v)
			}
			fs.mu.Lock()
			delete(fs.all, id)
			fs.mu.Unlock()
			close(f.done)
		}()
		f.person, f.err = read()
	}()
	return f
}
