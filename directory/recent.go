package directory

import (
	"time"

	"sallyport/idp"
)

// pair is one person in one group.
type pair struct{ group, user string }

// happened is the last event about a pair.
type happened struct {
	at   int64 // published, milliseconds
	in   bool
	seen time.Time // by our clock
}

// recent remembers events for as long as a listing could contradict them: one
// that began before an event does not undo it.
type recent struct {
	pairs   map[pair]happened
	byUser  map[string]map[string]bool // groups
	byGroup map[string]map[string]bool // people
	events  map[string]time.Time       // uuids
	swept   time.Time
}

func (r *recent) init() {
	r.pairs, r.events = map[pair]happened{}, map[string]time.Time{}
	r.byUser, r.byGroup = map[string]map[string]bool{}, map[string]map[string]bool{}
}

// first reports whether an event is seen for the first time.
func (r *recent) first(id string, now time.Time) bool {
	if _, ok := r.events[id]; ok && id != "" {
		return false
	}
	r.events[id] = now
	return true
}

func (r *recent) note(p pair, h happened) {
	r.pairs[p] = h
	if r.byUser[p.user] == nil {
		r.byUser[p.user] = map[string]bool{}
	}
	if r.byGroup[p.group] == nil {
		r.byGroup[p.group] = map[string]bool{}
	}
	r.byUser[p.user][p.group], r.byGroup[p.group][p.user] = true, true
}

// sweep forgets what is old, now and then.
func (r *recent) sweep(now time.Time) {
	if now.Sub(r.swept) < time.Minute {
		return
	}
	r.swept = now
	for p, h := range r.pairs {
		if now.Sub(h.seen) > recentFor {
			delete(r.pairs, p)
			delete(r.byUser[p.user], p.group)
			delete(r.byGroup[p.group], p.user)
			if len(r.byUser[p.user]) == 0 {
				delete(r.byUser, p.user)
			}
			if len(r.byGroup[p.group]) == 0 {
				delete(r.byGroup, p.group)
			}
		}
	}
	for id, at := range r.events {
		if now.Sub(at) > recentFor {
			delete(r.events, id)
		}
	}
}

// explains reports whether an event explains that a group's members changed at
// that second.
func (r *recent) explains(group string, at time.Time) bool {
	for user := range r.byGroup[group] {
		if h := r.pairs[pair{group, user}]; at.Sub(time.UnixMilli(h.at)).Abs() < 2*time.Second {
			return true
		}
	}
	return false
}

// dueUsers are people to be read again.
type dueUsers struct {
	all   map[string]*dueUser
	order []string
}

type dueUser struct {
	groups bool // their groups too
	at     time.Time
}

func (u *dueUsers) init() { u.all = map[string]*dueUser{} }

func (u *dueUsers) add(id string, groups bool, at time.Time) {
	if known := u.all[id]; known != nil {
		known.groups = known.groups || groups
		return
	}
	u.all[id] = &dueUser{groups: groups, at: at}
	u.order = append(u.order, id)
}

func (u *dueUsers) due(never time.Time) time.Time {
	if len(u.order) == 0 {
		return never
	}
	return u.all[u.order[0]].at
}

func (u *dueUsers) pop() (string, *dueUser) {
	id := u.order[0]
	found := u.all[id]
	u.order = u.order[1:]
	delete(u.all, id)
	return id, found
}

// doubts are groups whose members have to be read again.
type doubts struct{ all map[string]*doubt }

type doubt struct {
	at    time.Time
	tries int
	// members and count are what the last reading and the last statistics said.
	members, count int
}

func (ds *doubts) init() { ds.all = map[string]*doubt{} }

func (ds *doubts) add(id string, at time.Time) *doubt {
	d := ds.all[id]
	if d == nil {
		d = &doubt{at: at, members: -1, count: -1}
		ds.all[id] = d
	} else if at.Before(d.at) {
		d.at = at
	}
	return d
}

func (ds *doubts) due(never time.Time) time.Time {
	_, at := ds.next(never)
	return at
}

// next is the doubt that is due first.
func (ds *doubts) next(never time.Time) (id string, at time.Time) {
	at = never
	for group, d := range ds.all {
		if d.at.Before(at) || id == "" && !d.at.After(at) || d.at.Equal(at) && group < id {
			id, at = group, d.at
		}
	}
	return id, at
}

// logTypes are the events that the log is asked for.
var logTypes = []string{
	eventJoin, eventLeave, "group.lifecycle.create", eventGroupDelete, "group.profile.update",
	"app.user_management.user_group_import.upsert_success", "app.user_management.user_group_import.delete_success",
	"user.lifecycle.create", "user.lifecycle.activate", eventDeactivate, eventSuspend, "user.lifecycle.unsuspend",
	"user.lifecycle.reactivate", "user.lifecycle.delete.initiated", eventUserDelete, "user.account.update_profile",
	"user.account.lock", "user.account.unlock", "user.account.reset_password", "user.account.update_password",
	"user.account.expire_password", "user.account.update_primary_email",
	eventClear, eventUniversalLogout,
	"application.user_membership.add", eventUnassign, "application.user_membership.update",
	eventGroupAssign, "group.application_assignment.remove", "group.application_assignment.update",
	"application.lifecycle.activate", "application.lifecycle.deactivate", "application.lifecycle.delete", "application.lifecycle.update",
}

const (
	eventJoin            = "group.user_membership.add"
	eventLeave           = "group.user_membership.remove"
	eventGroupDelete     = "group.lifecycle.delete"
	eventDeactivate      = "user.lifecycle.deactivate"
	eventSuspend         = "user.lifecycle.suspend"
	eventUserDelete      = "user.lifecycle.delete.completed"
	eventUnassign        = "application.user_membership.remove"
	eventGroupAssign     = "group.application_assignment.add"
	eventClear           = "user.session.clear"
	eventUniversalLogout = "user.authentication.universal_logout"
)

// endsSessions are the events after which a person has to sign in again.
func endsSessions(e idp.Event) bool {
	switch e.Type {
	case eventClear, eventUniversalLogout, eventDeactivate, eventSuspend, eventUserDelete, "user.lifecycle.delete.initiated":
		return true
	}
	return false
}
