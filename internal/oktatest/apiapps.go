package oktatest

import (
	"net/http"
	"strings"

	"sallyport/identity"
)

// appBody is an application as the Management API shows it.
type appBody struct {
	ID            string         `json:"id"`
	ORN           string         `json:"orn"`
	Name          string         `json:"name"`
	Label         string         `json:"label"`
	Status        string         `json:"status"`
	LastUpdated   stamp          `json:"lastUpdated"`
	Created       stamp          `json:"created"`
	Accessibility map[string]any `json:"accessibility"`
	Visibility    map[string]any `json:"visibility"`
	Features      []string       `json:"features"`
	SignOn        string         `json:"signOnMode"`
	Credentials   map[string]any `json:"credentials"`
	Logout        *struct{}      `json:"universalLogout"`
	Settings      map[string]any `json:"settings"`
	Links         map[string]any `json:"_links"`
}

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

func (a *app) status() string {
	if a.inactive {
		return "INACTIVE"
	}
	return "ACTIVE"
}

// appBody shows an application. The caller holds the lock.
func (k *Okta) appBody(a *app) appBody {
	at := func(rest string) string { return k.url + "/api/v1/apps/" + a.ID + rest }
	turn := "deactivate"
	if a.inactive {
		turn = "activate"
	}
	b := appBody{
		ID: a.ID, ORN: "orn:okta:idp:" + k.org.id + ":apps:" + a.Name + ":" + a.ID, Name: a.Name, Label: a.Label,
		Status: a.status(), LastUpdated: stamp(a.updated), Created: stamp(a.created), Features: []string{}, SignOn: a.SignOn,
		Accessibility: map[string]any{"selfService": false, "errorRedirectUrl": nil, "loginRedirectUrl": nil},
		Visibility: map[string]any{
			"autoSubmitToolbar": false, "hide": map[string]bool{"iOS": false, "web": false},
			"appLinks": map[string]bool{a.Name + "_link": true},
		},
		Credentials: map[string]any{
			"userNameTemplate": map[string]string{"template": "${source.login}", "type": "BUILT_IN"},
			"signing":          map[string]string{"kid": k.keys.current().kid},
		},
		Settings: map[string]any{
			"app": struct{}{}, "manualProvisioning": false, "implicitAssignment": false,
			"notifications": map[string]any{"vpn": map[string]any{
				"network": map[string]string{"connection": "DISABLED"}, "message": nil, "helpUrl": nil,
			}},
		},
		Links: map[string]any{
			"uploadLogo":        map[string]any{"href": at("/logo"), "hints": map[string]any{"allow": []string{"POST"}}},
			"appLinks":          []logoLink{{a.Name + "_link", k.url + "/home/" + a.Name + "/" + a.ID + "/2557", "text/html"}},
			"profileEnrollment": link{Href: k.url + "/api/v1/policies/rstProfileEnrollment"},
			"policies":          map[string]any{"href": at("/policies"), "hints": map[string]any{"allow": []string{"PUT"}}},
			"groups":            link{Href: at("/groups")},
			"logo":              []logoLink{{"medium", k.url + "/img/logos/default.png", "image/png"}},
			"accessPolicy":      link{Href: k.url + "/api/v1/policies/rstAccessPolicy00000"},
			"users":             link{Href: at("/users")},
			turn:                link{Href: at("/lifecycle/" + turn)},
		},
	}
	if c, ok := k.org.clients[a.ID]; ok {
		k.addClientSettings(&b, c)
	}
	return b
}

// addClientSettings adds what an application that gets tokens has besides.
func (k *Okta) addClientSettings(b *appBody, c *client) {
	kind, responses := "web", []string{"code"}
	switch {
	case c.service():
		kind, responses = "service", []string{"token"}
	case c.public():
		kind = "native"
	}
	b.Credentials["oauthClient"] = map[string]any{
		"autoKeyRotation": true, "client_id": c.ID, "token_endpoint_auth_method": c.method(),
		"pkce_required": c.RequirePKCE || c.public(),
	}
	settings := map[string]any{
		"client_uri": nil, "logo_uri": nil, "redirect_uris": list(c.RedirectURIs), "response_types": responses,
		"post_logout_redirect_uris": list(c.PostLogoutRedirectURIs), "grant_types": list(c.GrantTypes),
		"application_type": kind, "issuer_mode": "ORG_URL", "dpop_bound_access_tokens": c.DPoP,
	}
	if c.service() {
		settings["jwks"] = c.Keys
	}
	b.Settings["oauthClient"] = settings
}

func list(all []string) []string { return append([]string{}, all...) }

// method is how the application authenticates.
func (c *client) method() string {
	switch {
	case c.service():
		return authKey
	case c.public():
		return authNone
	}
	return or(c.AuthMethod, authBasic)
}
