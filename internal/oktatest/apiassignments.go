package oktatest

import (
	"net/http"
	"slices"
	"time"

	"sallyport/identity"
)

// appUserBody is a person as a user of an application.
type appUserBody struct {
	ID              string            `json:"id"`
	ExternalID      *string           `json:"externalId"`
	Created         stamp             `json:"created"`
	LastUpdated     stamp             `json:"lastUpdated"`
	Scope           string            `json:"scope"`
	Status          string            `json:"status"`
	StatusChanged   stamp             `json:"statusChanged"`
	PasswordChanged stamp             `json:"passwordChanged"`
	SyncState       string            `json:"syncState"`
	Credentials     map[string]string `json:"credentials"`
	Profile         map[string]any    `json:"profile"`
	Embedded        map[string]any    `json:"_embedded,omitempty"`
	Links           map[string]link   `json:"_links"`
}

// appGroupBody is a group's assignment to an application.
type appGroupBody struct {
	ID          string          `json:"id"`
	LastUpdated stamp           `json:"lastUpdated"`
	Priority    int             `json:"priority"`
	Profile     struct{}        `json:"profile"`
	Embedded    map[string]any  `json:"_embedded,omitempty"`
	Links       map[string]link `json:"_links"`
}

// listAppUsers lists who has an application, directly (scope USER) or through a
// group (GROUP).
func (k *Okta) listAppUsers(w http.ResponseWriter, r *http.Request) {
	p, err := pageAppUsers.read(r)
	if err != nil {
		writeAPI(w, err)
		return
	}
	query := r.URL.Query()
	k.aboutApp(w, r, func(a *app) func() {
		has := func(p *person) bool {
			return p.Status != identity.StatusDeprovisioned && k.org.uses(a, p) &&
				(!query.Has("q") || startsWith(query.Get("q"), p.Login, p.FirstName, p.LastName, p.Email))
		}
		bodies, next := cut(p, k.org.people, has, func(p *person) appUserBody {
			b := k.appUserBody(a, p)
			if query.Get("expand") == "user" {
				b.Embedded = map[string]any{"user": k.userBody(*p, true)}
			}
			return b
		})
		return func() { k.writePage(w, r, p, bodies, next) }
	})
}

// getAppUser shows one person as a user of an application.
func (k *Okta) getAppUser(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("user")
	k.aboutApp(w, r, func(a *app) func() {
		p, ok := k.org.people.get(id)
		if !ok || p.Status == identity.StatusDeprovisioned || !k.org.uses(a, p) {
			return func() { errNotFound(id, "AppUser").write(w) }
		}
		b := k.appUserBody(a, p)
		return func() { writeJSON(w, http.StatusOK, b) }
	})
}

func (k *Okta) appUserBody(a *app, p *person) appUserBody {
	at, direct := a.people[p.ID]
	scope := "USER"
	if !direct {
		assignment, _ := k.org.assignedThrough(a, p)
		at, scope = assignment.at, "GROUP"
	}
	if p.created.After(at) {
		at = p.created
	}
	b := appUserBody{
		ID: p.ID, Created: stamp(at), LastUpdated: stamp(at), Scope: scope, Status: "ACTIVE", StatusChanged: stamp(at),
		PasswordChanged: stamp(time.Time{}), SyncState: "DISABLED", Credentials: map[string]string{"userName": p.Login},
		Profile: map[string]any{},
		Links: map[string]link{
			"app": {Href: k.url + "/api/v1/apps/" + a.ID}, "user": {Href: k.url + "/api/v1/users/" + p.ID},
		},
	}
	if a.Name == "oidc_client" {
		for _, name := range oidcAttributes {
			b.Profile[name] = nil
		}
		b.Profile["given_name"], b.Profile["family_name"] = orNull(p.FirstName), orNull(p.LastName)
		b.Profile["name"], b.Profile["email"] = p.displayName(), p.Email
		b.Profile["locale"], b.Profile["zoneinfo"] = p.attribute("locale", "en_US"), p.attribute("timezone", "America/Los_Angeles")
	}
	return b
}

// oidcAttributes are those of the profile of an OIDC application's user.
var oidcAttributes = []string{
	"street_address", "country", "website", "birthdate", "gender", "formatted", "profile", "locality", "middle_name",
	"picture", "nickname", "phone_number", "region", "postal_code",
}

// assignedGroup is a group's assignment in the order of priorities.
type assignedGroup struct {
	id string
	groupAssignment
}

// listAppGroups lists the groups that an application is assigned to, by
// priority. Its cursor is the last group, which must still be assigned.
func (k *Okta) listAppGroups(w http.ResponseWriter, r *http.Request) {
	p, err := pageAppGroups.read(r)
	if err != nil {
		writeAPI(w, err)
		return
	}
	k.aboutApp(w, r, func(a *app) func() {
		all := a.groupsByPriority()
		from := slices.IndexFunc(all, func(g assignedGroup) bool { return g.id == p.after }) + 1
		if p.after != "" && from == 0 {
			return func() { errCursor.write(w) }
		}
		all = all[from:]
		next := ""
		if len(all) > p.limit {
			all, next = all[:p.limit], all[p.limit-1].id
		}
		bodies := []appGroupBody{}
		for _, g := range all {
			bodies = append(bodies, k.appGroupBody(a, g, r.URL.Query().Get("expand") == "group"))
		}
		return func() { k.writePage(w, r, p, bodies, next) }
	})
}

func (a *app) groupsByPriority() []assignedGroup {
	var all []assignedGroup
	for id, assignment := range a.groups {
		all = append(all, assignedGroup{id, assignment})
	}
	slices.SortFunc(all, func(x, y assignedGroup) int { return x.priority - y.priority })
	return all
}

func (k *Okta) appGroupBody(a *app, g assignedGroup, expand bool) appGroupBody {
	b := appGroupBody{
		ID: g.id, LastUpdated: stamp(g.at), Priority: g.priority,
		Links: map[string]link{
			"app":   {Href: k.url + "/api/v1/apps/" + a.ID},
			"self":  {Href: k.url + "/api/v1/apps/" + a.ID + "/groups/" + g.id},
			"group": {Href: k.url + "/api/v1/groups/" + g.id},
		},
	}
	if full, ok := k.org.groups.get(g.id); ok && expand {
		b.Embedded = map[string]any{"group": k.groupBody(*full)}
	}
	return b
}

// listRoles lists the administrator roles of an application.
func (k *Okta) listRoles(w http.ResponseWriter, r *http.Request) {
	c, ok := k.org.client(r.PathValue("id"))
	if !ok {
		errNotFound(r.PathValue("id"), "PublicClientApp").write(w)
		return
	}
	all := []map[string]any{}
	if c.Role != NoRole {
		all = append(all, map[string]any{
			"id": "irb" + c.ID[min(3, len(c.ID)):], "label": roleLabels[c.Role], "type": c.Role, "status": "ACTIVE",
			"created": stamp(c.created), "lastUpdated": stamp(c.created), "assignmentType": "CLIENT",
			"_links": map[string]link{"assignee": {Href: k.url + "/oauth2/v1/clients/" + c.ID}},
		})
	}
	writeJSON(w, http.StatusOK, all)
}

var roleLabels = map[Role]string{
	SuperAdmin: "Super Organization Administrator", ReadOnlyAdmin: "Read-Only Administrator", GroupAdmin: "Group Administrator",
}
