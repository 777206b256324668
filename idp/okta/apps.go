package okta

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"

	"sallyport/idp"
)

// Apps implements directory.Source.
func (d *Directory) Apps(ctx context.Context, cursor string) (idp.Page[idp.App], error) {
	return list(ctx, d, question{path: "/api/v1/apps", query: url.Values{"limit": {"200"}}}, cursor, decodeApp)
}

// AppUsers implements directory.Source.
func (d *Directory) AppUsers(ctx context.Context, appID, cursor string) (idp.Page[idp.AppUser], error) {
	if !plausibleID(appID) {
		return idp.Page[idp.AppUser]{}, notAnID("application", appID)
	}
	return list(ctx, d, question{path: "/api/v1/apps/" + appID + "/users", query: url.Values{"limit": {"500"}}}, cursor, decodeAppUser)
}

// AppUser implements directory.Source.
func (d *Directory) AppUser(ctx context.Context, appID, userID string) (idp.AppUser, error) {
	if !plausibleID(appID) || !plausibleID(userID) {
		return idp.AppUser{}, notAnID("application or user", appID+"/"+userID)
	}
	ctx, cancel := context.WithTimeout(withPriority(ctx, steady), pageTimeout)
	defer cancel()
	path := "/api/v1/apps/" + appID + "/users/" + userID
	a, err := d.ask(ctx, path)
	if d.health.concerns(path, err) {
		d.health.report(d.now(), err)
	}
	if err != nil {
		return idp.AppUser{}, err
	}
	var o object
	if err := json.Unmarshal(a.body, &o); err != nil || o == nil {
		return idp.AppUser{}, nonsense(path, "assignment cannot be read: expected an object")
	}
	got, err := decodeAppUser(o)
	switch {
	case err != nil:
		return idp.AppUser{}, nonsense(path, "assignment cannot be read: %v", err)
	case got.UserID != userID:
		return idp.AppUser{}, &idp.InvalidError{What: fmt.Sprintf("asked for user %q of an application, got %q", userID, clip(got.UserID, 80))}
	}
	return got, nil
}

// AppGroups implements directory.Source.
func (d *Directory) AppGroups(ctx context.Context, appID, cursor string) (idp.Page[string], error) {
	if !plausibleID(appID) {
		return idp.Page[string]{}, notAnID("application", appID)
	}
	return list(ctx, d, question{path: "/api/v1/apps/" + appID + "/groups", query: url.Values{"limit": {"200"}}}, cursor, decodeID)
}

func decodeApp(o object) (idp.App, error) {
	id, err := decodeID(o)
	if err != nil {
		return idp.App{}, err
	}
	status := o.text("status")
	if status == "" {
		return idp.App{}, fmt.Errorf("expected a status, got none for %q", id)
	}
	return idp.App{ID: id, Label: o.text("label"), Active: status == "ACTIVE"}, nil
}

// decodeAppUser takes anything but "USER" as an assignment through a group.
func decodeAppUser(o object) (idp.AppUser, error) {
	id, err := decodeID(o)
	if err != nil {
		return idp.AppUser{}, err
	}
	return idp.AppUser{UserID: id, Direct: o.text("scope") == "USER"}, nil
}
