// Package bolt is the default store: one file in the data directory.
package bolt

import (
	"errors"
	"log/slog"
	"time"

	"sallyport/store"
)

// Options are what Open needs.
type Options struct {
	Dir    string           // data directory, made 0700 if absent
	Sealer store.Sealer     // required
	Now    func() time.Time // nil: time.Now
	Logger *slog.Logger     // nil: none
}

// Store keeps records in DIR/sallyport.db.
type Store struct{ store.Store }

// Open opens or makes the store and locks it against other processes.
func Open(o Options) (*Store, error) { return nil, errors.New("unwritten") }
