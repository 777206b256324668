package directory

import (
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"sallyport/identity"
	"sallyport/idp"
)

// Snapshot is the whole directory at one moment. It is immutable and safe for
// concurrent use: a change makes a new one, which shares what did not change.
type Snapshot struct {
	// version grows with every change, across restarts and replicas.
	version uint64
	// epoch changes when groups are renamed or dropped, names pinned or
	// applications changed: when people differ though nothing of their own does.
	epoch uint64
	// factsAt is the version at which applications or pins last changed.
	factsAt uint64
	people  vector[*personNode]
	groups  vector[*groupNode]
	ids     table // person id
	logins  table // lower case
	mails   table // lower case
	groupIDs,
	groupNames table
	everyone []handle // built-in groups that everybody is in
	pins     map[string]string
	apps     map[string]*app
	// named are the ids that the names of applications in policies mean, by the
	// list as last read.
	named  map[string][]string
	counts Counts
}

// Counts is how large a snapshot is.
type Counts struct {
	People, Groups, Memberships int
	// Unread is how many groups have members that were not read yet.
	Unread int
}

// personNode is somebody in a snapshot; read-only once it is committed.
type personNode struct {
	idp.User
	groups []handle // sorted
	// asOf is when (by the source's clock) what is known of the status was read or
	// happened; groupsAsOf the same of a reading of all groups of this person
	// alone. Milliseconds since 1970.
	asOf, groupsAsOf int64
	// merged is when (by our clock) the reading was made that groupsAsOf is of.
	merged  int64
	version uint64
	// known is false for an id that only a list of members named, gone true for
	// somebody who was deleted.
	known, gone bool
	mark        *edited
	made        atomic.Pointer[madePerson]
}

// madePerson is a person as policy sees them, good for one epoch.
type madePerson struct {
	epoch  uint64
	person *identity.Person
}

// groupNode is a group in a snapshot; read-only once it is committed.
type groupNode struct {
	idp.Group
	members []handle // sorted
	// readAt is when (by the source's clock) the listing of members began; 0: not
	// read yet.
	readAt int64
	// offset is how many members Okta counts and does not list.
	offset  int
	version uint64 // of the name
	gone    bool
}

// app is an application that is followed.
type app struct {
	idp.App
	direct map[string]bool // ids of people
	groups []string        // ids
}

func (g *groupNode) everyone() bool { return g.Type == idp.GroupBuiltIn && g.Name == "Everyone" }

// Version grows with every change of the directory.
func (s *Snapshot) Version() uint64 { return s.version }

// Counts returns how large the snapshot is.
func (s *Snapshot) Counts() Counts { return s.counts }

// Person returns the person with that id, nil for one who is not in the
// directory. Made once per person and change, it costs nothing after.
func (s *Snapshot) Person(id string) *identity.Person {
	p := s.find(id)
	if p == nil || !p.known || p.gone {
		return nil
	}
	return s.view(p)
}

// ByLogin returns the person with that login, whatever its letter case.
func (s *Snapshot) ByLogin(login string) *identity.Person {
	for _, e := range s.logins.all(strings.ToLower(login)) {
		return s.view(s.people.at(e.h))
	}
	return nil
}

// ByEmail returns everybody with that address, whatever its letter case: it is
// not unique in Okta.
func (s *Snapshot) ByEmail(email string) []*identity.Person {
	var all []*identity.Person
	for _, e := range s.mails.all(strings.ToLower(email)) {
		all = append(all, s.view(s.people.at(e.h)))
	}
	return all
}

// Group returns the group with that id.
func (s *Snapshot) Group(id string) (identity.Group, bool) {
	g := s.group(id)
	if g == nil {
		return identity.Group{}, false
	}
	return identity.Group{ID: g.ID, Name: g.Name}, true
}

// GroupsNamed returns the ids of all groups called that, sorted.
func (s *Snapshot) GroupsNamed(name string) []string {
	var ids []string
	for _, e := range s.groupNames.all(name) {
		ids = append(ids, s.groups.at(e.h).ID)
	}
	slices.Sort(ids)
	return ids
}

func (s *Snapshot) find(id string) *personNode {
	h, ok := s.ids.first(id)
	if !ok {
		return nil
	}
	return s.people.at(h)
}

func (s *Snapshot) group(id string) *groupNode {
	h, ok := s.groupIDs.first(id)
	if !ok {
		return nil
	}
	return s.groups.at(h)
}

// view makes what policy sees of p.
func (s *Snapshot) view(p *personNode) *identity.Person {
	was := p.made.Load()
	if was != nil && was.epoch == s.epoch {
		return was.person
	}
	made := s.shape(p)
	if was != nil && same(was.person, made) && len(s.pins) == 0 {
		made = was.person // whoever keyed something by it keeps it
	}
	p.made.Store(&madePerson{s.epoch, made})
	return made
}

// shape makes p anew.
func (s *Snapshot) shape(p *personNode) *identity.Person {
	v := identity.Person{
		ID: p.ID, Login: p.Login, Email: p.Email, Name: p.Name, Status: p.Status, Profile: p.Profile,
		Version: max(p.version, s.factsAt), ReadAt: time.UnixMilli(p.asOf),
		Groups: make([]identity.Group, 0, len(p.groups)+len(s.everyone)),
	}
	add := func(h handle) {
		g := s.groups.at(h)
		v.Groups = append(v.Groups, identity.Group{ID: g.ID, Name: g.Name})
		v.Version = max(v.Version, g.version)
	}
	for _, h := range p.groups {
		add(h)
	}
	for _, h := range s.everyone {
		add(h)
	}
	v.Apps = s.appsOf(p.ID, v.Groups)
	return identity.NewPersonPinned(v, s.pins)
}

// viewOver makes what policy sees of somebody of whom a later reading is known.
func (s *Snapshot) viewOver(e *entry) *identity.Person {
	if e.Person == nil {
		return nil
	}
	if was := e.made.Load(); was != nil && was.epoch == s.epoch {
		return was.person
	}
	v := *e.Person
	v.Apps, v.Version = s.appsOf(v.ID, v.Groups), max(v.Version, s.factsAt)
	made := identity.NewPersonPinned(v, s.pins)
	e.made.Store(&madePerson{s.epoch, made})
	return made
}

func (s *Snapshot) appsOf(id string, groups []identity.Group) []string {
	var all []string
	for _, a := range s.apps {
		if !a.Active || !a.direct[id] && !slices.ContainsFunc(groups, func(g identity.Group) bool { return slices.Contains(a.groups, g.ID) }) {
			continue
		}
		all = append(all, a.ID)
	}
	for ref, ids := range s.named {
		if len(ids) == 1 && slices.Contains(all, ids[0]) {
			all = append(all, ref)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
