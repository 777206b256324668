package okta

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"sallyport/idp"
	"sallyport/internal/httpout"
)

// Members a page. Okta gives a thousand at once and has announced to give fewer:
// where it, or our bound on an answer, refuses the most, the least is asked for
// from then on.
const (
	mostMembers  = 1000
	leastMembers = 200
)

// Groups implements directory.Source.
func (d *Directory) Groups(ctx context.Context, q idp.GroupQuery, cursor string) (idp.Page[idp.Group], error) {
	query := url.Values{"limit": {"200"}, "expand": {"stats"}}
	if !q.Since.IsZero() {
		since := stamp(q.Since)
		query.Set("filter", fmt.Sprintf("lastUpdated ge %q or lastMembershipUpdated ge %q", since, since))
	}
	return list(ctx, d, question{path: "/api/v1/groups", query: query}, cursor, decodeListedGroup)
}

// Group implements directory.Source.
func (d *Directory) Group(ctx context.Context, id string) (idp.Group, error) {
	if !plausibleID(id) {
		return idp.Group{}, notAnID("group", id)
	}
	ctx, cancel := context.WithTimeout(withPriority(ctx, steady), pageTimeout)
	defer cancel()
	path := "/api/v1/groups/" + id
	a, err := d.ask(ctx, path)
	if d.health.concerns(path, err) {
		d.health.report(d.now(), err)
	}
	if err != nil {
		return idp.Group{}, err
	}
	var o object
	if err := json.Unmarshal(a.body, &o); err != nil || o == nil {
		return idp.Group{}, nonsense(path, "group cannot be read: expected an object")
	}
	group, err := decodeListedGroup(o)
	switch {
	case err != nil:
		return idp.Group{}, nonsense(path, "group cannot be read: %v", err)
	case group.ID != id:
		return idp.Group{}, &idp.InvalidError{What: fmt.Sprintf("asked for group %q, got group %q", id, clip(group.ID, 80))}
	}
	return group, nil
}

// Members implements directory.Source.
func (d *Directory) Members(ctx context.Context, groupID, cursor string) (idp.Page[string], error) {
	if !plausibleID(groupID) {
		return idp.Page[string]{}, notAnID("group", groupID)
	}
	q := func(limit int) question {
		return question{path: "/api/v1/groups/" + groupID + "/users", query: url.Values{"limit": {strconv.Itoa(limit)}}}
	}
	if cursor != "" || d.fewMembers.Load() {
		return list(ctx, d, q(leastMembers), cursor, decodeID)
	}
	page, err := list(ctx, d, q(mostMembers), "", decodeID)
	if fewerMayDo(err) {
		d.fewMembers.Store(true)
		return list(ctx, d, q(leastMembers), "", decodeID)
	}
	return page, err
}

// fewerMayDo reports whether asking for fewer at once may help.
func fewerMayDo(err error) bool {
	var e *Error
	return errors.As(err, &e) && (e.Status == http.StatusBadRequest || errors.Is(e.Err, httpout.ErrTooLarge))
}

// decodeListedGroup reads a group with its statistics, where it has them.
func decodeListedGroup(o object) (idp.Group, error) {
	plain, err := decodeGroup(o)
	if err != nil {
		return idp.Group{}, err
	}
	return idp.Group{
		ID: plain.ID, Name: plain.Name, Type: idp.GroupType(o.text("type")),
		LastUpdated: o.time("lastUpdated"), LastMembershipUpdated: o.time("lastMembershipUpdated"),
		Users: memberCount(o),
	}, nil
}

// memberCount is _embedded.stats.usersCount, -1 where it is not said.
func memberCount(o object) int {
	var embedded, stats object
	var count float64
	if json.Unmarshal(orNull(o["_embedded"]), &embedded) != nil || json.Unmarshal(orNull(embedded["stats"]), &stats) != nil ||
		strings.TrimSpace(string(orNull(stats["usersCount"]))) == "null" || json.Unmarshal(stats["usersCount"], &count) != nil ||
		count < 0 || count > 1e9 {
		return -1
	}
	return int(count)
}
