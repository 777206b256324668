package oktatest

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
