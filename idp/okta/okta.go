// Package okta reads people and their groups from an Okta organisation.
package okta

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sallyport/identity"
	"sallyport/idp"
)

// Options for NewDirectory.
type Options struct {
	OrgURL   string
	APIKey   string
	HTTP     *http.Client
	QPS      float64
	Now      func() time.Time
	Logger   *slog.Logger
	Registry prometheus.Registerer
}

// Directory implements idp.Directory.
type Directory struct{ o Options }

var _ idp.Directory = (*Directory)(nil)

// NewDirectory returns a directory; nothing is asked of the network yet.
func NewDirectory(o Options) (*Directory, error) { return &Directory{o}, nil }

func (d *Directory) Person(context.Context, string) (*identity.Person, error) {
	return nil, idp.ErrUnavailable
}
func (d *Directory) Check(context.Context) error { return idp.ErrUnavailable }
