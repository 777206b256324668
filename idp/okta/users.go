package okta

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"sallyport/identity"
	"sallyport/idp"
)

// User implements directory.Source.
func (d *Directory) User(ctx context.Context, id string) (idp.User, error) {
	if !plausibleID(id) {
		return idp.User{}, notAnID("user", id)
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	user, err := d.user(ctx, id)
	d.health.report(d.now(), err)
	return user, err
}

// user reads one user, who must be the one asked for: Okta finds them by login
// too, and "me" by token.
func (d *Directory) user(ctx context.Context, id string) (idp.User, error) {
	path := "/api/v1/users/" + id
	a, err := d.ask(ctx, path)
	if err != nil {
		return idp.User{}, err
	}
	var o object
	if err := json.Unmarshal(a.body, &o); err != nil || o == nil {
		return idp.User{}, nonsense(path, "user cannot be read: expected an object")
	}
	user, err := decodeUser(o, d.attributes)
	switch {
	case err != nil:
		return idp.User{}, nonsense(path, "user cannot be read: %v", err)
	case a.next != "":
		return idp.User{}, nonsense(path, "user has a next page")
	case user.ID != id:
		return idp.User{}, &idp.InvalidError{What: fmt.Sprintf("asked for user %q, got user %q", id, clip(user.ID, 80))}
	}
	return user, nil
}

// Users implements directory.Source.
func (d *Directory) Users(ctx context.Context, q idp.UserQuery, cursor string) (idp.Page[idp.User], error) {
	query := url.Values{"limit": {"200"}}
	if !q.Since.IsZero() {
		query.Set("filter", fmt.Sprintf("lastUpdated ge %q", stamp(q.Since)))
	}
	read := func() (idp.Page[idp.User], error) {
		return list(ctx, d, question{path: "/api/v1/users", query: query}, cursor, func(o object) (idp.User, error) {
			return decodeUser(o, d.attributes)
		})
	}
	fields := d.fields()
	if cursor != "" || fields == "" || d.wholeUsers.Load() {
		return read()
	}
	query.Set("fields", fields)
	page, err := read()
	var e *Error
	if errors.As(err, &e) && e.Status == http.StatusBadRequest {
		d.wholeUsers.Store(true)
		query.Del("fields")
		return read()
	}
	return page, err
}

// plainAttribute is a name that may stand in a projection as it is.
var plainAttribute = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)

// fields is the projection of listings on what is kept; "", everything, where an
// attribute's name would not survive it.
func (d *Directory) fields() string {
	names := []string{"login", "email", "firstName", "lastName", "displayName"}
	for _, name := range slices.Sorted(maps.Keys(d.attributes)) {
		if !plainAttribute.MatchString(name) {
			return ""
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return "id,status,lastUpdated,profile:(" + strings.Join(names, ",") + ")"
}

// decodeUser reads a user. Id and status must be there; everything else is null
// somewhere in recorded answers.
func decodeUser(user object, attributes map[string]bool) (idp.User, error) {
	var profile object
	if err := json.Unmarshal(orNull(user["profile"]), &profile); err != nil {
		return idp.User{}, fmt.Errorf("expected an object as profile")
	}
	u := idp.User{
		ID: user.text("id"), Status: identity.Status(user.text("status")), LastUpdated: user.time("lastUpdated"),
		Login: profile.text("login"), Email: profile.text("email"), Name: displayName(profile),
		Profile: keep(profile, attributes),
	}
	if !plausibleID(u.ID) || u.Status == "" {
		return idp.User{}, fmt.Errorf("expected id and status, got id %q and status %q", clip(u.ID, 40), clip(string(u.Status), 40))
	}
	return u, nil
}
