package oktatest

import (
	"fmt"
	"time"
)

// App is an application of the org that is not a Client: every Client is an
// application too, under its client id.
type App struct {
	ID     string // "0oa..."; made if empty
	Name   string // its kind in Okta's catalogue, "bookmark" if empty
	Label  string // shown to people; the id if empty
	SignOn string // "BOOKMARK" if empty; "SAML_2_0", ...
}

// app is an application with those it is assigned to.
type app struct {
	App
	inactive         bool
	assigned         bool // is assigned to somebody by name, not open to everybody
	people           map[string]time.Time
	groups           map[string]groupAssignment
	created, updated time.Time
}

// groupAssignment is an application's to a group.
type groupAssignment struct {
	at       time.Time
	priority int
}

func (a *app) key() string { return a.ID }

func (a *app) entity() Entity { return Entity{a.ID, "AppInstance", a.Label, a.Label} }

// AddApp adds an application and returns its id.
func (k *Okta) AddApp(a App) string { return must(k.org.addApp(a, true)) }

// DeactivateApp turns an application off, ActivateApp on again. A client that is
// off gets no tokens, and those it has are refused.
func (k *Okta) DeactivateApp(id string) { must(k.org.setApp(id, true)) }

// ActivateApp turns an application on.
func (k *Okta) ActivateApp(id string) { must(k.org.setApp(id, false)) }

// RemoveApp deletes an application, deactivating it first.
func (k *Okta) RemoveApp(id string) { must(k.org.removeApp(id)) }

// AssignPerson assigns an application (id) to a person (id or login), directly.
func (k *Okta) AssignPerson(appID, who string) { must(k.org.setPersonAssignment(appID, who, true)) }

// UnassignPerson ends a direct assignment.
func (k *Okta) UnassignPerson(appID, who string) { must(k.org.setPersonAssignment(appID, who, false)) }

// AssignGroup assigns an application to a group (id or name) and so to its
// members.
func (k *Okta) AssignGroup(appID, which string) { must(k.org.setGroupAssignment(appID, which, true)) }

// UnassignGroup ends a group's assignment.
func (k *Okta) UnassignGroup(appID, which string) {
	must(k.org.setGroupAssignment(appID, which, false))
}

func (o *org) addApp(a App, logged bool) (string, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	kept, err := o.putApp(a)
	if err != nil {
		return "", err
	}
	if logged {
		o.write(appCreated, kept.entity())
	}
	return kept.ID, nil
}

// putApp adds an application. The caller holds the lock.
func (o *org) putApp(a App) (*app, error) {
	if a.ID == "" {
		a.ID = o.ids.next("0oa")
	}
	a.Name, a.Label, a.SignOn = or(a.Name, "bookmark"), or(a.Label, a.ID), or(a.SignOn, "BOOKMARK")
	if o.apps.has(a.ID) {
		return nil, fmt.Errorf("application id %q is taken", a.ID)
	}
	now := o.second()
	kept := &app{
		App: a, people: map[string]time.Time{}, groups: map[string]groupAssignment{}, created: now, updated: now,
	}
	o.apps.put(kept)
	return kept, nil
}

// changeApp finds an application by id and changes it.
func (o *org) changeApp(id string, change func(*app) error) (string, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	a, ok := o.apps.get(id)
	if !ok {
		return "", fmt.Errorf("no application with id %q", id)
	}
	return id, change(a)
}

func (o *org) setApp(id string, inactive bool) (string, error) {
	return o.changeApp(id, func(a *app) error {
		o.turn(a, inactive)
		return nil
	})
}

func (o *org) turn(a *app, inactive bool) {
	if a.inactive == inactive {
		return
	}
	a.inactive, a.updated = inactive, o.second()
	if inactive {
		o.write(appDeactivated, a.entity())
		return
	}
	o.write(appActivated, a.entity())
}

func (o *org) removeApp(id string) (string, error) {
	return o.changeApp(id, func(a *app) error {
		o.turn(a, true)
		o.apps.drop(a)
		delete(o.clients, a.ID)
		o.write(appDeleted, a.entity())
		return nil
	})
}
