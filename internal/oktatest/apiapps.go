package oktatest

import (
	"net/http"
	"strings"

	"sallyport/identity"
)

// listApps lists applications; inactive ones too, as Okta does.
func (k *Okta) listApps(w http.ResponseWriter, r *http.Request) {
	p, err := pageApps.read(r)
	if err != nil {
		writeAPI(w, err)
		return
	}
	keep, err := k.selectApps(r)
	if err != nil {
		writeAPI(w, err)
		return
	}
	k.org.mu.RLock()
	bodies, next := cut(p, k.org.apps, keep, k.appBody)
	k.org.mu.RUnlock()
	k.writePage(w, r, p, bodies, next)
}

func (k *Okta) selectApps(r *http.Request) (func(*app) bool, error) {
	query := r.URL.Query()
	switch {
	case roleOf(r) == NoRole:
		return func(*app) bool { return false }, nil
	case query.Has("filter"):
		f, err := appFilter.parseFilter(query.Get("filter"))
		return func(a *app) bool { return f(func(name string) []any { return k.appField(a, name) }) }, err
	case query.Has("q"):
		return func(a *app) bool { return startsWith(query.Get("q"), a.Name, a.Label) }, nil
	}
	return nil, nil
}

// appField is a field of an application in filters. The caller holds the lock.
func (k *Okta) appField(a *app, name string) []any {
	switch name {
	case "id":
		return []any{a.ID}
	case "name":
		return []any{a.Name}
	case "status":
		return []any{a.status()}
	case "credentials.signing.kid":
		return []any{k.keys.current().kid}
	case "settings.slo.enabled":
		return []any{false}
	case "user.id":
		var all []any
		for _, p := range k.org.people {
			if k.org.uses(a, p) {
				all = append(all, p.ID)
			}
		}
		return all
	}
	return nil
}

// about answers a request about one thing: look runs under the lock and returns
// how to answer, which runs outside it, since a client may be slow to read.
func (k *Okta) about(w http.ResponseWriter, r *http.Request, look func() (answer func())) {
	if !permitted(w, r) {
		return
	}
	k.org.mu.RLock()
	answer := look()
	k.org.mu.RUnlock()
	answer()
}

// aboutApp is about with the application of the path.
func (k *Okta) aboutApp(w http.ResponseWriter, r *http.Request, look func(*app) (answer func())) {
	k.about(w, r, func() func() {
		a, ok := k.org.apps.get(r.PathValue("id"))
		if !ok {
			return func() { errNotFound(r.PathValue("id"), "AppInstance").write(w) }
		}
		return look(a)
	})
}

func (k *Okta) getApp(w http.ResponseWriter, r *http.Request) {
	k.aboutApp(w, r, func(a *app) func() {
		body := k.appBody(a)
		return func() { writeJSON(w, http.StatusOK, body) }
	})
}

// listGroupApps lists the applications that are assigned to one group.
func (k *Okta) listGroupApps(w http.ResponseWriter, r *http.Request) {
	p, err := pageGroupApps.read(r)
	if err != nil {
		writeAPI(w, err)
		return
	}
	k.aboutGroup(w, r, func(g *group) func() {
		bodies, next := cut(p, k.org.apps, func(a *app) bool { _, ok := a.groups[g.ID]; return ok }, k.appBody)
		return func() { k.writePage(w, r, p, bodies, next) }
	})
}

// appLink is an application on a person's dashboard.
type appLink struct {
	ID          string `json:"id"`
	Label       string `json:"label"`
	Link        string `json:"linkUrl"`
	Logo        string `json:"logoUrl"`
	Name        string `json:"appName"`
	Instance    string `json:"appInstanceId"`
	Assignment  string `json:"appAssignmentId"`
	Credentials bool   `json:"credentialsSetup"`
	Hidden      bool   `json:"hidden"`
	Order       int    `json:"sortOrder"`
}

// listAppLinks lists the active applications that a person has, all at once.
func (k *Okta) listAppLinks(w http.ResponseWriter, r *http.Request) {
	k.aboutPerson(w, r, func(p *person) func() {
		all := []appLink{}
		for _, a := range k.org.apps {
			if a.inactive || p.Status == identity.StatusDeprovisioned || !k.org.uses(a, p) {
				continue
			}
			all = append(all, appLink{
				ID: p.ID, Label: a.Label, Link: k.url + "/home/" + a.Name + "/" + a.ID + "/2557", Name: a.Name,
				Logo: k.url + "/img/logos/default.png", Instance: a.ID, Assignment: assignmentID(p), Order: len(all),
			})
		}
		return func() { writeJSON(w, http.StatusOK, all) }
	})
}

// assignmentID is the id of a person as a user of applications, "0ua...".
func assignmentID(p *person) string { return "0ua" + strings.TrimPrefix(p.ID, "00u") }
