package okta

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"sallyport/idp"
)

// Bounds of one event.
const (
	maxTargets = 1000
	maxLogName = 300
)

// eventType is what may stand in a filter.
var eventType = regexp.MustCompile(`^[A-Za-z0-9_.]{1,200}$`)

// Log implements directory.Source. The query has no end and is in ascending
// order, which makes it the polling one: ordered by persistence, complete, its
// next link always there and to be kept whole. A query with an end is ordered by
// publication and can miss what is persisted late.
func (d *Directory) Log(ctx context.Context, q idp.LogQuery, cursor string) (idp.Page[idp.Event], error) {
	query := url.Values{"limit": {"1000"}, "sortOrder": {"ASCENDING"}}
	if !q.Since.IsZero() {
		query.Set("since", stamp(q.Since))
	}
	filter := make([]string, 0, len(q.Types))
	for _, t := range q.Types {
		if !eventType.MatchString(t) {
			return idp.Page[idp.Event]{}, fmt.Errorf("okta: %q is not a type of events", clip(t, 80))
		}
		filter = append(filter, fmt.Sprintf("eventType eq %q", t))
	}
	if len(filter) > 0 {
		query.Set("filter", strings.Join(filter, " or "))
	}
	return list(ctx, d, question{path: "/api/v1/logs", query: query, endless: true}, cursor, decodeEvent)
}

// decodeEvent reads what matters of an event. Its uuid and type must be there;
// targets can be null, and so can all of a target.
func decodeEvent(o object) (idp.Event, error) {
	var outcome object
	var targets []object
	if json.Unmarshal(orNull(o["outcome"]), &outcome) != nil || json.Unmarshal(orNull(o["target"]), &targets) != nil {
		return idp.Event{}, errors.New("expected an object as outcome and a list as target")
	}
	if len(targets) > maxTargets {
		return idp.Event{}, fmt.Errorf("expected at most %d targets, got %d", maxTargets, len(targets))
	}
	e := idp.Event{
		ID: o.text("uuid"), Type: o.text("eventType"), Published: o.time("published"),
		Success: outcome.text("result") == "SUCCESS",
	}
	if e.ID == "" || len(e.ID) > maxID || e.Type == "" || len(e.Type) > 200 {
		return idp.Event{}, fmt.Errorf("expected uuid and eventType, got %q and %q", clip(e.ID, 40), clip(e.Type, 40))
	}
	for _, t := range targets {
		target := idp.EventTarget{ID: t.text("id"), Type: t.text("type"), Name: t.text("displayName")}
		if len(target.ID) > maxLogName || len(target.Type) > maxLogName {
			continue // nothing of ours
		}
		e.Targets = append(e.Targets, target)
	}
	return e, nil
}
