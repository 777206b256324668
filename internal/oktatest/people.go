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

// person is a Person with memberships and the traces that changes leave. The
// zero time is null.
type person struct {
	Person
	in    ordered[*group] // without Everyone
	ruled ordered[*group] // those of them that a rule put the person in
	past  past[person]

	created, activated, statusChanged, lastLogin, updated, passwordChanged time.Time
}

func (p *person) key() string { return p.ID }

// entity is the person in an event.
func (p *person) entity() Entity { return Entity{p.ID, "User", p.Login, p.displayName()} }

// AddPerson adds somebody and returns their id. Like the other methods that set
// an org up, it panics when asked for what cannot be: a mistake in a test.
func (k *Okta) AddPerson(p Person) string { return must(k.org.addPerson(p, true)) }

// SetProfile lays attributes over a person's profile; "login", "email",
// "firstName" and "lastName" are among them. A nil value is null. Rules are
// evaluated anew.
func (k *Okta) SetProfile(who string, attributes map[string]any) {
	must(k.org.setProfile(who, attributes))
}

// SetPassword changes a person's password.
func (k *Okta) SetPassword(who, password string) { must(k.org.setPassword(who, password)) }

// PersonID is the id of the person with that id or login.
func (k *Okta) PersonID(who string) string {
	p, err := k.org.findPerson(who)
	return must(p.ID, err)
}

// addPerson adds somebody; what stood there from the start is not logged.
func (o *org) addPerson(p Person, logged bool) (string, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	kept, err := o.newPerson(p)
	if err != nil {
		return "", err
	}
	var groups []*group
	for _, which := range p.Groups {
		g, err := o.group(which)
		if err != nil {
			return "", fmt.Errorf("person %q: %w", p.Login, err)
		}
		groups = append(groups, g)
	}
	o.people.put(kept)
	o.logins[strings.ToLower(kept.Login)] = kept
	if logged {
		o.everyoneChanged()
		kept.past.keep(nil, o.now(), o.lags.Search.next())
		o.write(userCreated, kept.entity())
		if !kept.activated.IsZero() {
			o.write(userActivated, kept.entity())
		}
	}
	for _, g := range groups {
		o.setMember(g, kept, true, cause{silent: !logged})
	}
	o.applyRules(kept, !logged)
	return kept.ID, nil
}

// newPerson completes and checks what an administrator gave.
func (o *org) newPerson(p Person) (*person, error) {
	if p.Login == "" {
		return nil, fmt.Errorf("person %q has no login", p.ID)
	}
	if _, taken := o.logins[strings.ToLower(p.Login)]; taken {
		return nil, fmt.Errorf("login %q is taken", p.Login)
	}
	if p.ID == "" {
		p.ID = o.ids.next("00u")
	}
	if o.people.has(p.ID) {
		return nil, fmt.Errorf("person id %q is taken", p.ID)
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
	return kept, nil
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

// copy leaves memberships and the past behind: no answer shows them.
func (p *person) copy() person {
	c := *p
	c.in, c.ruled, c.past, c.Profile = nil, nil, nil, maps.Clone(p.Profile)
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
	o.alter(p, change)
	return p.ID, nil
}

// alter changes a person, whom the index shows as before for a while. The caller
// holds the lock.
func (o *org) alter(p *person, change func(*person)) {
	if lag := o.lags.Search.next(); lag > 0 {
		was := p.copy()
		p.past.keep(&was, o.now(), lag)
	}
	change(p)
	p.updated = o.second()
}

func (o *org) setPassword(who, password string) (string, error) {
	return o.changePerson(who, func(p *person) {
		p.Password, p.passwordChanged = password, o.second()
		o.write(passwordChanged, p.entity())
	})
}

func (o *org) setProfile(who string, attributes map[string]any) (string, error) {
	return o.changePerson(who, func(p *person) {
		delete(o.logins, strings.ToLower(p.Login))
		p.setAttributes(attributes)
		o.logins[strings.ToLower(p.Login)] = p
		o.write(profileChanged, p.entity())
		o.applyRules(p, false)
	})
}

func (p *person) setAttributes(attributes map[string]any) {
	named := map[string]*string{"login": &p.Login, "email": &p.Email, "firstName": &p.FirstName, "lastName": &p.LastName}
	p.Profile = maps.Clone(p.Profile)
	if p.Profile == nil {
		p.Profile = map[string]any{}
	}
	for name, value := range attributes {
		if field, ok := named[name]; ok {
			*field, _ = value.(string)
			continue
		}
		p.Profile[name] = value
	}
}

// signedIn stamps lastLogin, which does not move lastUpdated.
func (o *org) signedIn(id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if p, ok := o.people.get(id); ok {
		p.lastLogin = o.second()
		o.writeEvent(Event{Type: sessionStarted, Actor: p.entity()})
	}
}
