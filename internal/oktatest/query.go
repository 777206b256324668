package oktatest

import (
	"net/http"
	"strings"
	"time"

	"sallyport/identity"
)

// maxQ bounds what "q" finds of groups.
const maxQ = 300

// selection is which elements of a listing a request asks for.
type selection[T any] struct {
	keep func(T) bool
	// index is whether it asks the index, which trails what is so.
	index bool
}

// selectPeople reads filter, search or q. Without them, deprovisioned people are
// left out, as in Okta's plain listing.
func (k *Okta) selectPeople(r *http.Request, p *page) (selection[*person], error) {
	query := r.URL.Query()
	now := k.clock.now()
	switch {
	case query.Has("search"):
		f, err := searchFilter.parseFilter(query.Get("search"))
		return selection[*person]{index: true, keep: func(p *person) bool {
			was := p.past.seen(p, now)
			return was != nil && f(was.field)
		}}, err
	case query.Has("filter"):
		f, err := userFilter.parseFilter(query.Get("filter"))
		return selection[*person]{keep: func(p *person) bool { return f(p.field) }}, err
	case query.Has("q"):
		p.limit = assumedQ(query.Get("limit"), p.limit, 10)
		q := query.Get("q")
		return selection[*person]{keep: func(p *person) bool {
			return p.Status != identity.StatusDeprovisioned && startsWith(q, p.FirstName, p.LastName, p.Email)
		}}, nil
	}
	return selection[*person]{keep: func(p *person) bool { return p.Status != identity.StatusDeprovisioned }}, nil
}

// assumedQ is the limit of "q", which assumes another one.
func assumedQ(asked string, limit, assumed int) int {
	if asked == "" {
		return assumed
	}
	return limit
}

func startsWith(q string, values ...string) bool {
	for _, v := range values {
		if len(v) >= len(q) && strings.EqualFold(v[:len(q)], q) {
			return true
		}
	}
	return false
}

// field is a field of a person in filters.
func (p *person) field(name string) []any {
	switch name {
	case "id":
		return []any{p.ID}
	case "status":
		return []any{string(p.Status)}
	case "created":
		return []any{p.created}
	case "activated":
		return []any{p.activated}
	case "statusChanged":
		return []any{p.statusChanged}
	case "lastUpdated":
		return []any{p.updated}
	case "profile.login":
		return []any{p.Login}
	case "profile.email":
		return []any{p.Email}
	case "profile.firstName":
		return []any{p.FirstName}
	case "profile.lastName":
		return []any{p.LastName}
	}
	if attribute, ok := strings.CutPrefix(name, "profile."); ok {
		return []any{p.Profile[attribute]}
	}
	return nil
}

// selectGroups reads filter, search or q.
func (k *Okta) selectGroups(r *http.Request, p *page) (selection[*group], error) {
	query := r.URL.Query()
	now := k.clock.now()
	hidden := func(g *group) bool { return roleOf(r) == GroupAdmin && g.Type == BuiltIn }
	switch {
	case query.Has("search"):
		f, err := searchFilter.parseFilter(query.Get("search"))
		return selection[*group]{index: true, keep: func(g *group) bool {
			was := g.past.seen(g, now)
			return !hidden(g) && was != nil && f(was.fieldAt(now))
		}}, err
	case query.Has("filter"):
		f, err := groupFilter.parseFilter(query.Get("filter"))
		return selection[*group]{keep: func(g *group) bool { return !hidden(g) && f(g.fieldAt(now)) }}, err
	case query.Has("q"):
		p.limit = min(assumedQ(query.Get("limit"), p.limit, maxQ), maxQ)
		q := query.Get("q")
		return selection[*group]{keep: func(g *group) bool { return !hidden(g) && startsWith(q, g.Name) }}, nil
	}
	return selection[*group]{keep: func(g *group) bool { return !hidden(g) }}, nil
}

// fieldAt are the fields of a group in filters, as they show at a time.
func (g *group) fieldAt(now time.Time) func(string) []any {
	return func(name string) []any {
		switch name {
		case "id":
			return []any{g.ID}
		case "type":
			return []any{g.Type}
		case "source.id":
			return []any{g.Source}
		case "created":
			return []any{g.created}
		case "lastUpdated":
			return []any{g.updated}
		case "lastMembershipUpdated":
			return []any{g.membershipStamp(now)}
		case "profile.name":
			return []any{g.Name}
		case "profile.description":
			return []any{g.Description}
		}
		if attribute, ok := strings.CutPrefix(name, "profile."); ok {
			return []any{g.Profile[attribute]}
		}
		return nil
	}
}
