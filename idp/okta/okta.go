// Package okta reads people and their groups from an Okta organisation's
// Management API. It decides one thing: whether an answer is whole and about
// whom it was asked about. What follows from it is decided in policy; what is
// known of people between answers is kept in directory.
//
//	okta.go       Person: one user and all of their groups
//	sdk.go        the Okta SDK, every setting of it stated here
//	transport.go  what the SDK gets to see of the network: authorization,
//	              retries, bounds, links
//	limits.go     the organisation's rate limits, by bucket
//	links.go      pages: the next one is on the same path or none
//	decode.go     lean decoding; what is missing where it must not be is an error
//	errors.go     Okta's error codes in plain words
//
// This is the only package that imports the SDK. It reads files and environment
// variables of its own accord; none of them has an effect here.
package okta

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	sdk "github.com/okta/okta-sdk-golang/v2/okta"
	"github.com/prometheus/client_golang/prometheus"

	"sallyport/identity"
	"sallyport/idp"
	"sallyport/internal/httpout"
	"sallyport/internal/oktaurl"
)

// Bounds of one reading.
const (
	maxAnswer   = 8 << 20          // bytes of one page
	maxPages    = 500              // of one listing, 200 groups each
	readTimeout = 20 * time.Second // a person and all pages of their groups
)

// Options for NewDirectory. OrgURL and APIKey are required.
type Options struct {
	// OrgURL is the issuer or the root of the organisation; what people get wrong
	// about it is put right as oktaurl does.
	OrgURL string
	// APIKey is an API token ("SSWS"). It may read people and groups if its owner
	// is at least a read-only administrator.
	APIKey string
	// Attributes are the names of the profile attributes to keep in
	// identity.Person.Profile; nil: none.
	Attributes []string
	// HTTP is made by httpout; nil: with its defaults. Its Timeout bounds each
	// attempt. Size bound and the refusal of redirects are laid over any other.
	HTTP *http.Client
	// QPS bounds requests a second from above, whatever Okta allows; 0: no bound.
	QPS float64

	Now      func() time.Time      // nil: time.Now
	Logger   *slog.Logger          // nil: no log
	Registry prometheus.Registerer // nil: no metrics
}

// Directory implements idp.Directory. It is safe for concurrent use; nothing is
// asked of the network before it is needed.
type Directory struct {
	client     *sdk.Client
	transport  *transport
	attributes map[string]bool
	now        func() time.Time
	health     health
}

var _ idp.Directory = (*Directory)(nil)

// NewDirectory returns a directory. It fails on what no answer of the network
// could mend: a URL that is not an organisation's, a missing token.
func NewDirectory(o Options) (*Directory, error) {
	org, err := oktaurl.OrgURL(o.OrgURL)
	if err != nil {
		return nil, fmt.Errorf("okta: organisation: %w", err)
	}
	key := strings.TrimSpace(o.APIKey)
	if key == "" || strings.ContainsAny(key, " \t\r\n") {
		return nil, errors.New("okta: expected an API token of one word")
	}
	t, err := newTransport(o, org, "SSWS "+key)
	if err != nil {
		return nil, err
	}
	client, err := newSDK(org, &http.Client{
		Transport:     t,
		CheckRedirect: func(*http.Request, []*http.Request) error { return httpout.ErrRedirect },
	})
	if err != nil {
		return nil, err
	}
	d := &Directory{client: client, transport: t, now: t.now, attributes: map[string]bool{}}
	for _, name := range o.Attributes {
		d.attributes[name] = true
	}
	return d, nil
}

// Person returns the person with exactly that id, their status and all of their
// groups. The error is idp.ErrNotFound when Okta itself says that there is no
// such person, an *idp.InvalidError when it answers about another one, and an
// ErrUnavailable for everything that says nothing about the person, a rejected
// API token included; *Error has the details.
func (d *Directory) Person(ctx context.Context, id string) (*identity.Person, error) {
	if !plausibleID(id) {
		return nil, fmt.Errorf("okta: %q is not the id of a user: %w", clip(id, 80), idp.ErrNotFound)
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	person, err := d.read(ctx, id)
	d.health.report(d.now(), err)
	if err != nil {
		return nil, err
	}
	return identity.NewPerson(*person), nil
}

func (d *Directory) read(ctx context.Context, id string) (*identity.Person, error) {
	path := "/api/v1/users/" + url.PathEscape(id)
	asked := d.now()
	raw, next, err := d.get(ctx, path)
	if err != nil {
		return nil, err
	}
	person, err := decodePerson(raw, d.attributes)
	if err != nil {
		return nil, nonsense(path, "user cannot be read: %v", err)
	}
	if next != "" {
		return nil, nonsense(path, "user has a next page")
	}
	if person.ID != id {
		// Okta finds users by login too, and "me" by token.
		return nil, &idp.InvalidError{What: fmt.Sprintf("asked for user %q, got user %q", id, clip(person.ID, 80))}
	}
	person.ReadAt = asked
	person.Groups, err = d.groups(ctx, path+"/groups")
	return &person, err
}

// groups reads every page or fails.
func (d *Directory) groups(ctx context.Context, path string) ([]identity.Group, error) {
	var all []identity.Group
	known := map[string]bool{}
	err := d.pages(ctx, path, func(raw json.RawMessage) error {
		page, err := decodeGroups(raw)
		for _, g := range page {
			// A group that moved between two pages comes twice.
			if !known[g.ID] {
				known[g.ID] = true
				all = append(all, g)
			}
		}
		return err
	})
	return all, err
}
