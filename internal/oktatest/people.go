package oktatest

import (
	"fmt"
	"maps"
	"strings"
	"time"

	"sallyport/identity"
)

// Person is somebody in the org.
type Person struct {
	ID        string // "00u..."; made if empty
	Login     string // "alice@example.com"; required, unique without letter case
	Password  string // "" signs in nowhere
	Email     string // Login if empty
	FirstName string
	LastName  string
	Status    identity.Status // ACTIVE if empty
	// Unverified makes "email_verified" false in tokens and userinfo.
	Unverified bool
	// Profile holds further attributes by Okta's name ("department", ...).
	Profile map[string]any
	// Groups are ids or names of groups that exist.
	Groups []string
	// Methods is "amr" of a sign-in, ["pwd"] if empty.
	Methods []string
}

// person is a Person with the traces that changes leave. The zero time is null.
type person struct {
	Person
	created, activated, statusChanged, lastLogin, updated, passwordChanged time.Time
}

// AddPerson adds somebody and returns their id. Like the other methods that set
// an org up, it panics when asked for what cannot be: a mistake in a test.
func (k *Okta) AddPerson(p Person) string { return must(k.org.addPerson(p)) }

// SetStatus moves a person (id or login) to a status. Leaving ACTIVE for
// SUSPENDED or DEPROVISIONED ends their Okta sessions; deprovisioning revokes
// their tokens too, as deactivation does. Memberships stay, as those made by
// group rules do at Okta.
func (k *Okta) SetStatus(who string, s identity.Status) {
	id := must(k.org.setStatus(who, s))
	switch s {
	case identity.StatusDeprovisioned:
		k.grants.revokePerson(id)
		k.sessions.endPerson(id)
	case identity.StatusSuspended:
		k.sessions.endPerson(id)
	}
}

// SetProfile lays attributes over a person's profile; "login", "email",
// "firstName" and "lastName" are among them. A nil value is null.
func (k *Okta) SetProfile(who string, attributes map[string]any) {
	must(k.org.setProfile(who, attributes))
}

// SetPassword changes a person's password.
func (k *Okta) SetPassword(who, password string) { must(k.org.setPassword(who, password)) }

// RemovePerson deletes a person for good, with sessions, tokens and memberships.
func (k *Okta) RemovePerson(who string) {
	id := must(k.org.removePerson(who))
	k.grants.revokePerson(id)
	k.sessions.endPerson(id)
}

// PersonID is the id of the person with that id or login.
func (k *Okta) PersonID(who string) string {
	p, err := k.org.findPerson(who)
	return must(p.ID, err)
}

func (o *org) addPerson(p Person) (string, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if p.Login == "" {
		return "", fmt.Errorf("person %q has no login", p.ID)
	}
	for _, other := range o.people {
		if strings.EqualFold(other.Login, p.Login) {
			return "", fmt.Errorf("login %q is taken", p.Login)
		}
	}
	if p.ID == "" {
		p.ID = o.ids.next("00u")
	}
	if _, taken := o.people[p.ID]; taken {
		return "", fmt.Errorf("person id %q is taken", p.ID)
	}
	now := o.second()
	p.Email, p.Status = or(p.Email, p.Login), identity.Status(or(string(p.Status), string(identity.StatusActive)))
	p.Profile = maps.Clone(p.Profile)
	kept := &person{Person: p, created: now, updated: now}
	if p.Status != identity.StatusStaged {
		kept.activated, kept.statusChanged = now, now
	}
	if p.Password != "" {
		kept.passwordChanged = now
	}
	o.people[p.ID] = kept
	for _, which := range p.Groups {
		g, err := o.group(which)
		if err != nil {
			return "", fmt.Errorf("person %q: %w", p.Login, err)
		}
		o.setMember(g, kept, true)
	}
	return p.ID, nil
}

// findPerson returns a copy of the person with that id or login.
func (o *org) findPerson(who string) (person, error) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	p, err := o.person(who)
	if err != nil {
		return person{}, err
	}
	return p.copy(), nil
}

func (p *person) copy() person {
	c := *p
	c.Profile = maps.Clone(p.Profile)
	return c
}

// changePerson applies change under the lock and stamps lastUpdated.
func (o *org) changePerson(who string, change func(*person)) (string, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	p, err := o.person(who)
	if err != nil {
		return "", err
	}
	change(p)
	p.updated = o.second()
	return p.ID, nil
}

func (o *org) setStatus(who string, s identity.Status) (string, error) {
	return o.changePerson(who, func(p *person) {
		if p.activated.IsZero() && (s == identity.StatusActive || s == identity.StatusProvisioned) {
			p.activated = o.second()
		}
		p.Status, p.statusChanged = s, o.second()
	})
}

func (o *org) setPassword(who, password string) (string, error) {
	return o.changePerson(who, func(p *person) { p.Password, p.passwordChanged = password, o.second() })
}

func (o *org) setProfile(who string, attributes map[string]any) (string, error) {
	named := func(p *person) map[string]*string {
		return map[string]*string{"login": &p.Login, "email": &p.Email, "firstName": &p.FirstName, "lastName": &p.LastName}
	}
	return o.changePerson(who, func(p *person) {
		if p.Profile == nil {
			p.Profile = map[string]any{}
		}
		for name, value := range attributes {
			if field, ok := named(p)[name]; ok {
				*field, _ = value.(string)
				continue
			}
			p.Profile[name] = value
		}
	})
}

// signedIn stamps lastLogin, which does not move lastUpdated.
func (o *org) signedIn(id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if p, ok := o.people[id]; ok {
		p.lastLogin = o.second()
	}
}

func (o *org) removePerson(who string) (string, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	p, err := o.person(who)
	if err != nil {
		return "", err
	}
	for _, g := range o.groups {
		o.setMember(g, p, false)
	}
	delete(o.people, p.ID)
	return p.ID, nil
}
