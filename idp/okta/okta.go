// Package okta reads an Okta organisation's directory through its Management API:
// people, groups, applications, the System Log. It decides one thing: whether an
// answer is whole and about what it was asked about. What follows from it is
// decided in policy; what is known of people between answers is kept in
// directory, whose Source this is.
//
//	okta.go        Person: one user and all of their groups
//	users.go, groups.go, apps.go, log.go    the listings
//	listing.go     one page of any of them; cursors
//	decode.go      lean decoding; what is missing where it must not be is an error
//	sdk.go         the Okta SDK, every setting of it stated here
//	transport.go   what the SDK gets to see of the network: authorization, bounds;
//	answer.go, retry.go, links.go    what is taken, asked again, followed
//	limits.go      the organisation's rate limits, by bucket (buckets.go) and
//	               priority (priority.go)
//	credential.go  who we are: an API token, or an API Services app with
//	token.go       access tokens, kept and renewed; tokencredential.go uses them
//	exchange.go    one token, by private_key_jwt; mend.go, tokenanswer.go
//	dpop.go        proofs of possession, where Okta asks for them
//	errors.go, advice.go    Okta's errors in plain words, with what mends them
//	check.go       whether people can be read at this moment
//	probe*.go      what works with these settings, for operators
//
// This is the only package that imports the SDK. It reads files and environment
// variables of its own accord; none of them has an effect here.
package okta

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
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

// Options for NewDirectory. OrgURL and one of APIKey and ServiceAccount are
// required.
type Options struct {
	// OrgURL is the issuer or the root of the organisation; what people get wrong
	// about it is put right as oktaurl does.
	OrgURL string
	// APIKey is an API token ("SSWS"). It may read people and groups if its owner
	// is at least a read-only administrator.
	APIKey string
	// ServiceAccount is the JSON of idp_service_account, in any form that
	// serviceaccount.Parse takes; it goes before APIKey.
	ServiceAccount []byte
	// Attributes are the names of the profile attributes to keep in
	// identity.Person.Profile; nil: none.
	Attributes []string
	// HTTP is made by httpout; nil: with its defaults. Its Timeout bounds each
	// attempt. Size bound and the refusal of redirects are laid over any other.
	HTTP *http.Client
	// QPS bounds requests a second from above, whatever Okta allows; 0: no bound.
	QPS float64
	// Share is how much of a rate limit goes to requests that nobody waits for, in
	// (0, 1]; 0: DefaultShare.
	Share float64

	Now      func() time.Time      // nil: time.Now
	Logger   *slog.Logger          // nil: no log
	Registry prometheus.Registerer // nil: no metrics
}

// Directory implements directory.Source. It is safe for concurrent use; nothing is
// asked of the network before it is needed.
type Directory struct {
	client     *sdk.Client
	transport  *transport
	attributes map[string]bool
	now        func() time.Time
	health     health
	// What Okta did not take is not asked for again.
	fewMembers, wholeUsers atomic.Bool
}

var _ idp.Directory = (*Directory)(nil)

// NewDirectory returns a directory. It fails on what no answer of the network
// could mend: a URL that is not an organisation's, a missing token.
func NewDirectory(o Options) (*Directory, error) {
	org, err := oktaurl.OrgURL(o.OrgURL)
	if err != nil {
		return nil, fmt.Errorf("okta: organisation: %w", err)
	}
	account, err := o.account()
	if err != nil {
		return nil, err
	}
	t, err := newTransport(o, org, account)
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
		return nil, notAnID("user", id)
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
	asked := d.now()
	user, err := d.user(ctx, id)
	if err != nil {
		return nil, err
	}
	person := identity.Person{
		ID: user.ID, Login: user.Login, Email: user.Email, Name: user.Name, Status: user.Status, Profile: user.Profile, ReadAt: asked,
	}
	person.Groups, err = d.groups(ctx, "/api/v1/users/"+id+"/groups")
	return &person, err
}

// GroupsOf implements directory.Source.
func (d *Directory) GroupsOf(ctx context.Context, userID string) ([]identity.Group, error) {
	if !plausibleID(userID) || !strings.HasPrefix(userID, "00u") {
		// Okta finds users by login too, and "me" by token; the answer does not
		// tell whose groups they are.
		return nil, notAnID("user", userID)
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	groups, err := d.groups(ctx, "/api/v1/users/"+userID+"/groups")
	d.health.report(d.now(), err)
	return groups, err
}

// notAnID is the error for what cannot be the id of anything.
func notAnID(kind, id string) error {
	return fmt.Errorf("okta: %q is not the id of a %s: %w", clip(id, 80), kind, idp.ErrNotFound)
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
