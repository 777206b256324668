package directory

import (
	"context"
	"fmt"
	"hash"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"sallyport/identity"
	"sallyport/idp"
)

// organisation is a small Okta with all that makes following it hard: dates of a
// second's grain, membership dates that come late and backdated, a log that is
// persisted late and out of order, and answers that do not come.
type organisation struct {
	now    time.Time
	rng    *rand.Rand
	people map[string]*simPerson
	groups map[string]*simGroup
	apps   map[string]*simApp
	log    []logged // in the order of persistence once sorted
	nextID int

	lag     time.Duration // most, of membership dates
	logLag  time.Duration // most, of the log
	faults  float64       // of requests
	between func()        // called as each request arrives
	asked   map[string]int
	trace   hash.Hash64 // of all requests and when they came
	limits  map[idp.Bucket]idp.Budget
	pages   int // items to a page
	silent  bool
	lost    float64  // share of membership events that never reach the log
	asks    []string // attributes of the profile that are asked for
}

// projected is a person with what is asked for.
func (o *organisation) projected(u idp.User) idp.User {
	u.Profile = maps.Clone(u.Profile)
	maps.DeleteFunc(u.Profile, func(name string, _ []string) bool { return !slices.Contains(o.asks, name) })
	return u
}

type simPerson struct{ idp.User }

type simGroup struct {
	idp.Group
	members map[string]bool
	// moved are membership dates that are not shown yet.
	moved []late
}

type late struct{ shown, date time.Time }

type logged struct {
	idp.Event
	persisted time.Time
	serial    int
}

func newOrganisation(seed uint64) *organisation {
	return &organisation{
		now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), rng: rand.New(rand.NewPCG(seed, 7)),
		people: map[string]*simPerson{}, groups: map[string]*simGroup{}, apps: map[string]*simApp{}, asked: map[string]int{}, trace: fnv.New64a(), pages: 3,
	}
}

func (o *organisation) tick(d time.Duration) { o.now = o.now.Add(d) }

func (o *organisation) id(prefix string) string {
	o.nextID++
	return fmt.Sprintf("%s%017d", prefix, o.nextID)
}

func (o *organisation) upTo(most time.Duration) time.Duration {
	if most <= 0 {
		return 0
	}
	return time.Duration(o.rng.Int64N(int64(most)))
}

func (o *organisation) event(kind string, targets ...idp.EventTarget) {
	if o.silent {
		return
	}
	o.log = append(o.log, logged{
		Event:     idp.Event{ID: o.id("ev"), Type: kind, Success: true, Published: o.now, Targets: targets},
		persisted: o.now.Add(o.upTo(o.logLag)), serial: len(o.log),
	})
}

func user(id string) idp.EventTarget  { return idp.EventTarget{ID: id, Type: "User"} }
func gtarg(id string) idp.EventTarget { return idp.EventTarget{ID: id, Type: "UserGroup"} }

func (o *organisation) addPerson(status identity.Status) string {
	id := o.id("00u")
	o.people[id] = &simPerson{User: idp.User{ID: id, Login: id + "@example.com", Email: id + "@example.com", Name: id, Status: status, LastUpdated: o.now.Truncate(time.Second)}}
	o.event("user.lifecycle.create", user(id))
	return id
}

func (o *organisation) addGroup(name string, kind idp.GroupType) string {
	id := o.id("00g")
	at := o.now.Truncate(time.Second)
	o.groups[id] = &simGroup{Group: idp.Group{ID: id, Name: name, Type: kind, LastUpdated: at, LastMembershipUpdated: at}, members: map[string]bool{}}
	o.event("group.lifecycle.create", gtarg(id))
	return id
}

func (o *organisation) moved(g *simGroup) {
	g.moved = append(g.moved, late{o.now.Add(o.upTo(o.lag)), o.now.Truncate(time.Second)})
}

func (o *organisation) join(g, p string) {
	if o.groups[g].members[p] {
		return
	}
	o.groups[g].members[p] = true
	o.moved(o.groups[g])
	if o.rng.Float64() >= o.lost {
		o.event(eventJoin, user(p), gtarg(g))
	}
}

func (o *organisation) leave(g, p string) {
	if !o.groups[g].members[p] {
		return
	}
	delete(o.groups[g].members, p)
	o.moved(o.groups[g])
	if o.rng.Float64() >= o.lost {
		o.event(eventLeave, gtarg(g), user(p))
	}
}

func (o *organisation) status(p string, s identity.Status, event string) {
	o.people[p].Status, o.people[p].LastUpdated = s, o.now.Truncate(time.Second)
	o.event(event, user(p))
}

func (o *organisation) deletePerson(p string) {
	for _, id := range sortedKeys(o.groups) { // in order: each draws from the generator
		if g := o.groups[id]; g.members[p] {
			delete(g.members, p)
			o.moved(g)
		}
	}
	for _, a := range o.apps {
		delete(a.direct, p)
	}
	delete(o.people, p)
	o.event(eventUserDelete, user(p))
}

func (o *organisation) deleteGroup(g string) {
	for _, a := range o.apps {
		delete(a.groups, g)
	}
	delete(o.groups, g)
	o.event(eventGroupDelete, gtarg(g))
}

func (o *organisation) rename(g, name string) {
	o.groups[g].Name, o.groups[g].LastUpdated = name, o.now.Truncate(time.Second)
	o.event("group.profile.update", gtarg(g))
}

// act does one thing that administrators and people do.
func (o *organisation) act() {
	people, groups := sortedKeys(o.people), sortedKeys(o.groups)
	if len(people) == 0 || len(groups) == 0 {
		return
	}
	p, g := people[o.rng.IntN(len(people))], groups[o.rng.IntN(len(groups))]
	builtIn := o.groups[g].Type == idp.GroupBuiltIn
	switch n := o.rng.IntN(100); {
	case n < 35 && !builtIn:
		o.join(g, p)
	case n < 65 && !builtIn:
		if in := sortedKeys(o.groups[g].members); len(in) > 0 {
			o.leave(g, in[o.rng.IntN(len(in))])
		}
	case n < 70:
		o.status(p, identity.StatusSuspended, eventSuspend)
	case n < 75:
		o.status(p, identity.StatusActive, "user.lifecycle.unsuspend")
	case n < 78:
		o.status(p, identity.StatusDeprovisioned, eventDeactivate)
	case n < 82:
		o.addPerson(identity.StatusActive)
	case n < 84 && len(people) > 6:
		o.deletePerson(p)
	case n < 88:
		o.addGroup("group "+strconv.Itoa(o.rng.IntN(20)), idp.GroupOkta)
	case n < 90 && !builtIn && len(groups) > 3:
		o.deleteGroup(g)
	case n < 94 && !builtIn:
		o.rename(g, "group "+strconv.Itoa(o.rng.IntN(20)))
	case !builtIn: // out and in again within moments
		o.join(g, p)
		o.tick(o.upTo(300 * time.Millisecond))
		o.leave(g, p)
		if n%2 == 0 {
			o.tick(o.upTo(300 * time.Millisecond))
			o.join(g, p)
		}
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// arrive is what every request goes through.
func (o *organisation) arrive(name string) error {
	o.asked[name]++
	_, _ = fmt.Fprintln(o.trace, o.now.UnixNano(), name)
	if o.between != nil {
		o.between()
	}
	o.tick(time.Duration(20+o.rng.IntN(200)) * time.Millisecond)
	if o.rng.Float64() < o.faults {
		if o.rng.IntN(3) == 0 {
			return &idp.UnavailableError{What: "429", RetryAfter: time.Duration(1+o.rng.IntN(10)) * time.Second}
		}
		return &idp.UnavailableError{What: "EOF"}
	}
	return nil
}

func (o *organisation) date() time.Time { return o.now.Truncate(time.Second) }

// page cuts sorted keys after the cursor, as Okta's id cursors do.
func page[T any](o *organisation, keys []string, cursor string, item func(string) T) idp.Page[T] {
	p := idp.Page[T]{Date: o.date()}
	for _, k := range keys {
		if k <= cursor {
			continue
		}
		if len(p.Items) == o.pages {
			p.Next = cursor
			break
		}
		p.Items = append(p.Items, item(k))
		cursor = k
	}
	return p
}

func (o *organisation) Users(_ context.Context, q idp.UserQuery, cursor string) (idp.Page[idp.User], error) {
	if err := o.arrive("users"); err != nil {
		return idp.Page[idp.User]{}, err
	}
	var keys []string
	for id, p := range o.people {
		if q.Since.IsZero() && p.Status != identity.StatusDeprovisioned || !q.Since.IsZero() && !p.LastUpdated.Before(q.Since) {
			keys = append(keys, id)
		}
	}
	slices.Sort(keys)
	return page(o, keys, cursor, func(id string) idp.User { return o.projected(o.people[id].User) }), nil
}

// shown is the group with its date as Okta shows it by now.
func (o *organisation) shown(g *simGroup) idp.Group {
	for len(g.moved) > 0 && !g.moved[0].shown.After(o.now) {
		g.LastMembershipUpdated = g.moved[0].date
		g.moved = g.moved[1:]
	}
	out := g.Group
	out.Users = len(g.members)
	if g.Type == idp.GroupBuiltIn {
		out.Users = len(o.people)
	}
	return out
}

func (o *organisation) Groups(_ context.Context, q idp.GroupQuery, cursor string) (idp.Page[idp.Group], error) {
	if err := o.arrive("groups"); err != nil {
		return idp.Page[idp.Group]{}, err
	}
	var keys []string
	for id, g := range o.groups {
		shown := o.shown(g)
		if q.Since.IsZero() || !shown.LastUpdated.Before(q.Since) || !shown.LastMembershipUpdated.Before(q.Since) {
			keys = append(keys, id)
		}
	}
	slices.Sort(keys)
	return page(o, keys, cursor, func(id string) idp.Group { return o.shown(o.groups[id]) }), nil
}

func (o *organisation) Group(_ context.Context, id string) (idp.Group, error) {
	if err := o.arrive("group"); err != nil {
		return idp.Group{}, err
	}
	g := o.groups[id]
	if g == nil {
		return idp.Group{}, idp.ErrNotFound
	}
	out := o.shown(g)
	out.Users = -1
	return out, nil
}

func (o *organisation) Members(_ context.Context, id, cursor string) (idp.Page[string], error) {
	if err := o.arrive("members"); err != nil {
		return idp.Page[string]{}, err
	}
	g := o.groups[id]
	if g == nil {
		return idp.Page[string]{}, idp.ErrNotFound
	}
	return page(o, sortedKeys(g.members), cursor, func(id string) string { return id }), nil
}

func (o *organisation) User(_ context.Context, id string) (idp.User, error) {
	if err := o.arrive("user"); err != nil {
		return idp.User{}, err
	}
	p := o.people[id]
	if p == nil {
		return idp.User{}, idp.ErrNotFound
	}
	return o.projected(p.User), nil
}

func (o *organisation) GroupsOf(_ context.Context, id string) ([]identity.Group, error) {
	if err := o.arrive("groups of"); err != nil {
		return nil, err
	}
	if o.people[id] == nil {
		return nil, idp.ErrNotFound
	}
	return o.groupsOf(id), nil
}

func (o *organisation) groupsOf(id string) []identity.Group {
	var all []identity.Group
	for _, gid := range sortedKeys(o.groups) {
		if g := o.groups[gid]; g.members[id] || g.Type == idp.GroupBuiltIn {
			all = append(all, identity.Group{ID: gid, Name: g.Name})
		}
	}
	return all
}

func (o *organisation) Person(ctx context.Context, id string) (*identity.Person, error) {
	u, err := o.User(ctx, id)
	if err != nil {
		return nil, err
	}
	groups, err := o.GroupsOf(ctx, id)
	if err != nil {
		return nil, err
	}
	return identity.NewPerson(identity.Person{ID: id, Login: u.Login, Email: u.Email, Name: u.Name, Status: u.Status, Groups: groups}), nil
}

func (o *organisation) Check(context.Context) error { return nil }

// Log serves events in the order of persistence. The cursor is when the last one
// served was persisted, and its serial number.
func (o *organisation) Log(_ context.Context, q idp.LogQuery, cursor string) (idp.Page[idp.Event], error) {
	if err := o.arrive("log"); err != nil {
		return idp.Page[idp.Event]{}, err
	}
	var after time.Time
	serial := -1
	if cursor != "" {
		at, n, _ := strings.Cut(cursor, " ")
		ms, _ := strconv.ParseInt(at, 10, 64)
		after = time.Unix(0, ms)
		serial, _ = strconv.Atoi(n)
	}
	var ready []logged
	for _, l := range o.log {
		if l.persisted.After(o.now) || cursor == "" && l.Published.Before(q.Since) {
			continue
		}
		if c := l.persisted.Compare(after); c > 0 || c == 0 && l.serial > serial {
			ready = append(ready, l)
		}
	}
	slices.SortFunc(ready, func(a, b logged) int {
		if c := a.persisted.Compare(b.persisted); c != 0 {
			return c
		}
		return a.serial - b.serial
	})
	p := idp.Page[idp.Event]{Date: o.date(), Next: cursor}
	for _, l := range ready[:min(len(ready), 10)] {
		p.Items = append(p.Items, l.Event)
		p.Next = fmt.Sprintf("%d %d", l.persisted.UnixNano(), l.serial)
	}
	if p.Next == "" {
		p.Next = "0 -1"
	}
	return p, nil
}

func (o *organisation) Budget(b idp.Bucket) idp.Budget { return o.limits[b] }

var _ Source = (*organisation)(nil)
