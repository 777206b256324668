// Package directory holds what is known of people, in memory.
package directory

import (
	"context"
	"log/slog"
	"time"

	"sallyport/identity"
	"sallyport/idp"
	"sallyport/store"
)

// Options for New.
type Options struct {
	Source idp.Directory
	Store  store.Store
	Now    func() time.Time
	Logger *slog.Logger
}

// Directory is the view.
type Directory struct{ o Options }

// New returns a directory that knows nobody until Start.
func New(o Options) (*Directory, error) { return &Directory{o}, nil }

func (d *Directory) Start(context.Context) error       { return nil }
func (d *Directory) Stop()                             {}
func (d *Directory) Person(id string) *identity.Person { return nil }
func (d *Directory) Read(ctx context.Context, id string) (*identity.Person, error) {
	return nil, idp.ErrUnavailable
}
func (d *Directory) Forget(id string)                {}
func (d *Directory) OnChange(f func(id string))      {}
func (d *Directory) Check(ctx context.Context) error { return nil }
