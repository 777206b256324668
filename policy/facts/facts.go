// Package facts reads a directory on paper: the groups, people and sessions that
// `sallyport explain`, `sallyport policy test` and `sallyport access review` take
// for given where no running instance is asked.
//
//	groups:
//	  - {id: 00gadmins, name: admins}
//	people:
//	  - {id: 00ualice, email: alice@example.com, status: ACTIVE, groups: [00gadmins], apps: [0oawiki], profile: {department: engineering}}
//	sessions:
//	  - {id: s1, subject: 00ualice, claims: {family_name: [Smith]}, authenticated_at: 2026-01-01T00:00:00Z, amr: [pwd, mfa]}
//
// Reading is strict: what nobody would notice missing is a problem with a place.
// What the facts mean for a decision is policy's and authorize's matter.
package facts

import (
	"strings"

	"sallyport/identity"
	"sallyport/policy"
)

// Facts are a directory and sessions. Read-only once read; safe for concurrent
// use. A nil Facts knows nobody.
type Facts struct {
	// Groups are those listed, People everybody, in file order.
	Groups []identity.Group
	People []*identity.Person
	// Sessions are in file order.
	Sessions []Session
	// Directory says that people were listed, if only as an empty list: then who
	// is not among them is unknown.
	Directory bool

	byID    map[string]*identity.Person
	byEmail map[string][]*identity.Person
	at      map[string]policy.Position // person id to place
	byName  map[string]int             // session id to place in Sessions
}

// Session is somebody signed in.
type Session struct {
	ID       string
	Subject  identity.Subject
	Position policy.Position
}

// Person returns the person with that id, nil if there is none.
func (f *Facts) Person(id string) *identity.Person {
	if f == nil {
		return nil
	}
	return f.byID[id]
}

// ByEmail returns everybody with that address, whatever its letter case.
func (f *Facts) ByEmail(email string) []*identity.Person {
	if f == nil {
		return nil
	}
	return f.byEmail[strings.ToLower(email)]
}

// Called returns those of an id, a login or an e-mail, whatever its letter case.
func (f *Facts) Called(name string) []*identity.Person {
	if p := f.Person(name); p != nil {
		return []*identity.Person{p}
	}
	if people := f.ByEmail(name); f == nil || len(people) > 0 {
		return people
	}
	var out []*identity.Person
	for _, p := range f.People {
		if p.Login != "" && strings.EqualFold(p.Login, name) {
			out = append(out, p)
		}
	}
	return out
}

// Session returns the session with that id.
func (f *Facts) Session(id string) (Session, bool) {
	if f != nil {
		if i, ok := f.byName[id]; ok {
			return f.Sessions[i], true
		}
	}
	return Session{}, false
}

// SessionsOf returns the sessions of a person.
func (f *Facts) SessionsOf(subject string) []Session {
	var out []Session
	if f != nil {
		for _, s := range f.Sessions {
			if s.Subject.ID == subject {
				out = append(out, s)
			}
		}
	}
	return out
}

// NearEmail returns the address that was probably meant by one that nobody has.
func (f *Facts) NearEmail(email string) string {
	if f == nil {
		return ""
	}
	known := make([]string, 0, len(f.byEmail))
	for mail := range f.byEmail {
		known = append(known, mail)
	}
	return policy.Nearest(email, known)
}

// New makes facts of people known from elsewhere.
func New(groups []identity.Group, people []*identity.Person) *Facts {
	f := &Facts{Groups: groups, Directory: true}
	f.index(len(people))
	for _, p := range people {
		f.add(p, policy.Position{})
	}
	return f
}

func (f *Facts) index(people int) {
	f.byID = make(map[string]*identity.Person, people)
	f.byEmail = make(map[string][]*identity.Person, people)
	f.at = make(map[string]policy.Position, people)
	f.byName = make(map[string]int)
}

func (f *Facts) add(p *identity.Person, at policy.Position) {
	f.People = append(f.People, p)
	f.byID[p.ID] = p
	f.at[p.ID] = at
	if p.Email != "" {
		mail := strings.ToLower(p.Email)
		f.byEmail[mail] = append(f.byEmail[mail], p)
	}
}
