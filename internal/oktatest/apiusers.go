package oktatest

import (
	"errors"
	"net/http"

	"sallyport/identity"
)

// userBody is a person as the Management API shows them. Fields that are never
// left out are null where there is nothing.
type userBody struct {
	ID              string          `json:"id"`
	Status          identity.Status `json:"status"`
	Created         stamp           `json:"created"`
	Activated       stamp           `json:"activated"`
	StatusChanged   stamp           `json:"statusChanged"`
	LastLogin       stamp           `json:"lastLogin"`
	LastUpdated     stamp           `json:"lastUpdated"`
	PasswordChanged stamp           `json:"passwordChanged"`
	Type            struct {
		ID string `json:"id"`
	} `json:"type"`
	Profile     map[string]any   `json:"profile"`
	Credentials *credentialsBody `json:"credentials,omitempty"`
	Links       map[string]link  `json:"_links"`
}

type credentialsBody struct {
	Password *struct{}         `json:"password,omitempty"`
	Emails   []emailBody       `json:"emails,omitempty"`
	Provider map[string]string `json:"provider"`
}

type emailBody struct {
	Value  string `json:"value"`
	Status string `json:"status"`
	Type   string `json:"type"`
}

type link struct {
	Href   string `json:"href"`
	Method string `json:"method,omitempty"`
}

// lifecycleLinks are what can be done with a person of a status, as recorded.
var lifecycleLinks = map[identity.Status][]string{
	identity.StatusStaged:          {"activate"},
	identity.StatusProvisioned:     {"suspend", "resetPassword", "reactivate", "resetFactors", "deactivate"},
	identity.StatusActive:          {"suspend", "resetPassword", "forgotPassword", "expirePassword", "changeRecoveryQuestion", "changePassword", "resetFactors", "deactivate"},
	identity.StatusRecovery:        {"suspend", "resetPassword", "resetFactors", "deactivate"},
	identity.StatusPasswordExpired: {"suspend", "resetPassword", "resetFactors", "deactivate"},
	identity.StatusLockedOut:       {"unlock", "resetPassword", "resetFactors", "deactivate"},
	identity.StatusSuspended:       {"unsuspend", "resetFactors", "deactivate"},
	identity.StatusDeprovisioned:   {"activate", "resetFactors", "delete"},
}

// linkPaths are the links that are not "lifecycle/" and the name in snake case.
var linkPaths = map[string]string{
	"delete": "", "resetPassword": "/lifecycle/reset_password", "resetFactors": "/lifecycle/reset_factors",
	"forgotPassword": "/credentials/forgot_password", "expirePassword": "/lifecycle/expire_password",
	"changeRecoveryQuestion": "/credentials/change_recovery_question", "changePassword": "/credentials/change_password",
}

// listUsers lists people: without a filter or search, not the deprovisioned ones.
func (k *Okta) listUsers(w http.ResponseWriter, r *http.Request) {
	p, err := pageUsers.read(r)
	if err != nil {
		writeAPI(w, err)
		return
	}
	sel, err := k.selectPeople(r, &p)
	if err != nil {
		writeAPI(w, err)
		return
	}
	keep := sel.keep
	if roleOf(r) == NoRole {
		keep = func(*person) bool { return false }
	}
	if sel.index {
		keep = capped(keep, k.opts.SearchCap)
	}
	now, trim := k.clock.now(), trimFor(r)
	k.org.mu.RLock()
	bodies, next := cut(p, k.org.people, keep, func(one *person) any {
		if sel.index {
			one = one.past.seen(one, now)
		}
		return trim(k.userBody(*one, false))
	})
	k.org.mu.RUnlock()
	if r.URL.Query().Has("q") {
		next = "" // cannot be paged
	}
	k.writePage(w, r, p, bodies, next)
}

// capped lets the first n pass.
func capped[T any](keep func(T) bool, n int) func(T) bool {
	return func(v T) bool {
		if n <= 0 || !keep(v) {
			return false
		}
		n--
		return true
	}
}

// getUser finds by id, login or the unique part of a login before "@".
func (k *Okta) getUser(w http.ResponseWriter, r *http.Request) {
	if !permitted(w, r) {
		return
	}
	p, err := k.org.findPerson(r.PathValue("id"))
	if err != nil {
		errNotFound(r.PathValue("id"), "User").write(w)
		return
	}
	writeJSON(w, http.StatusOK, trimFor(r)(k.userBody(p, true)))
}

func (k *Okta) userBody(p person, alone bool) userBody {
	b := userBody{
		ID: p.ID, Status: p.Status, Created: stamp(p.created), Activated: stamp(p.activated),
		StatusChanged: stamp(p.statusChanged), LastLogin: stamp(p.lastLogin), LastUpdated: stamp(p.updated),
		PasswordChanged: stamp(p.passwordChanged),
		Profile:         p.profile(),
		Credentials:     &credentialsBody{Provider: map[string]string{"type": "OKTA", "name": "OKTA"}},
		Links:           map[string]link{"self": {Href: k.userURL(p)}},
	}
	b.Type.ID = k.org.userType
	if p.Password != "" {
		b.Credentials.Password = &struct{}{}
		b.Credentials.Emails = []emailBody{{p.Email, "VERIFIED", "PRIMARY"}}
	}
	if alone {
		k.addUserLinks(b.Links, p)
	}
	return b
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func (k *Okta) userURL(p person) string { return k.url + "/api/v1/users/" + p.ID }

// addUserLinks adds the links that only a person asked for alone has.
func (k *Okta) addUserLinks(links map[string]link, p person) {
	links["schema"] = link{Href: k.url + "/api/v1/meta/schemas/user/" + k.org.schema}
	links["type"] = link{Href: k.url + "/api/v1/meta/types/user/" + k.org.userType}
	for _, name := range lifecycleLinks[p.Status] {
		path, odd := linkPaths[name]
		if !odd {
			path = "/lifecycle/" + name
		}
		method := http.MethodPost
		if name == "delete" {
			method = http.MethodDelete
		}
		links[name] = link{Href: k.userURL(p) + path, Method: method}
	}
}

func writeAPI(w http.ResponseWriter, err error) {
	var e apiError
	if !errors.As(err, &e) {
		e = errInternal
	}
	e.write(w)
}
