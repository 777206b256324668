package directory

import (
	"context"
	"slices"
	"strconv"

	"sallyport/idp"
)

// simApp is an application of an organisation.
type simApp struct {
	idp.App
	direct, groups map[string]bool
}

func (o *organisation) addApp(label string) string {
	id := o.id("0oa")
	o.apps[id] = &simApp{App: idp.App{ID: id, Label: label, Active: true}, direct: map[string]bool{}, groups: map[string]bool{}}
	o.event("application.lifecycle.create", atarg(id))
	return id
}

func atarg(id string) idp.EventTarget { return idp.EventTarget{ID: id, Type: "AppInstance"} }

func (o *organisation) has(a *simApp, person string) bool {
	if a.direct[person] {
		return true
	}
	for g := range a.groups {
		if group := o.groups[g]; group != nil && (group.members[person] || group.Type == idp.GroupBuiltIn) {
			return true
		}
	}
	return false
}

// assign gives an application to somebody or takes it away, directly. As with
// Okta, nothing is written where they have it through a group too.
func (o *organisation) assign(app, person string, on bool) {
	a := o.apps[app]
	had := o.has(a, person)
	if delete(a.direct, person); on {
		a.direct[person] = true
	}
	if o.has(a, person) == had {
		return
	}
	kind := eventUnassign
	if on {
		kind = "application.user_membership.add"
	}
	o.event(kind, idp.EventTarget{ID: "0ua", Type: "AppUser"}, atarg(app), user(person))
}

func (o *organisation) assignGroup(app, group string, on bool) {
	a := o.apps[app]
	if a.groups[group] == on {
		return
	}
	kind := "group.application_assignment.remove"
	if delete(a.groups, group); on {
		a.groups[group], kind = true, eventGroupAssign
	}
	o.event(kind, gtarg(group), atarg(app))
}

// actApp does one thing to applications.
func (o *organisation) actApp() {
	if len(o.apps) == 0 {
		return
	}
	apps, people, groups := sortedKeys(o.apps), sortedKeys(o.people), sortedKeys(o.groups)
	app := apps[o.rng.IntN(len(apps))]
	switch n := o.rng.IntN(10); {
	case n < 5:
		o.assign(app, people[o.rng.IntN(len(people))], o.rng.IntN(2) == 0)
	case n < 8:
		o.assignGroup(app, groups[o.rng.IntN(len(groups))], o.rng.IntN(2) == 0)
	case n == 8:
		o.apps[app].Active = !o.apps[app].Active
		o.event("application.lifecycle.deactivate", atarg(app))
	default:
		o.apps[app].Label = "app " + strconv.Itoa(o.rng.IntN(3))
		o.event("application.lifecycle.update", atarg(app))
	}
}

// appsOf are the names of policies by which somebody has an application.
func (o *organisation) appsOf(person string, refs []string) []string {
	var all []string
	for _, ref := range refs {
		var meant []*simApp
		for _, a := range o.apps {
			if a.Label == ref || a.ID == ref {
				meant = append(meant, a)
			}
		}
		if len(meant) != 1 || !meant[0].Active || !o.has(meant[0], person) {
			continue
		}
		all = append(all, ref, meant[0].ID)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (o *organisation) Apps(_ context.Context, cursor string) (idp.Page[idp.App], error) {
	if err := o.arrive("apps"); err != nil {
		return idp.Page[idp.App]{}, err
	}
	return page(o, sortedKeys(o.apps), cursor, func(id string) idp.App { return o.apps[id].App }), nil
}

func (o *organisation) AppUsers(_ context.Context, app, cursor string) (idp.Page[idp.AppUser], error) {
	if err := o.arrive("app users"); err != nil {
		return idp.Page[idp.AppUser]{}, err
	}
	a := o.apps[app]
	if a == nil {
		return idp.Page[idp.AppUser]{}, idp.ErrNotFound
	}
	var keys []string
	for id := range o.people {
		if o.has(a, id) {
			keys = append(keys, id)
		}
	}
	slices.Sort(keys)
	return page(o, keys, cursor, func(id string) idp.AppUser { return idp.AppUser{UserID: id, Direct: a.direct[id]} }), nil
}

func (o *organisation) AppUser(_ context.Context, app, person string) (idp.AppUser, error) {
	if err := o.arrive("app user"); err != nil {
		return idp.AppUser{}, err
	}
	a := o.apps[app]
	if a == nil || o.people[person] == nil || !o.has(a, person) {
		return idp.AppUser{}, idp.ErrNotFound
	}
	return idp.AppUser{UserID: person, Direct: a.direct[person]}, nil
}

func (o *organisation) AppGroups(_ context.Context, app, cursor string) (idp.Page[string], error) {
	if err := o.arrive("app groups"); err != nil {
		return idp.Page[string]{}, err
	}
	a := o.apps[app]
	if a == nil {
		return idp.Page[string]{}, idp.ErrNotFound
	}
	return page(o, sortedKeys(a.groups), cursor, func(id string) string { return id }), nil
}
