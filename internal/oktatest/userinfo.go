package oktatest

import (
	"net/http"
	"slices"
	"strings"
)

// userInfo answers who an access token is about.
func (k *Okta) userInfo(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-cache, no-store")
	scheme, value, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	at, ok := k.grants.liveAccess(strings.TrimSpace(value))
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		challenge(w, http.StatusUnauthorized, "invalid_token", "The access token is invalid.")
		return
	}
	if !slices.ContainsFunc([]string{"profile", "email", "address", "phone"}, func(s string) bool {
		return slices.Contains(at.scopes, s)
	}) {
		challenge(w, http.StatusForbidden, "insufficient_scope", "The access token must provide access to at least one of these scopes - profile, email, address or phone")
		return
	}
	c, known := k.org.client(at.clientID)
	p, err := k.org.findPerson(at.personID)
	if err != nil || !known || !p.Status.MayPass() {
		challenge(w, http.StatusUnauthorized, "invalid_token", "The access token is invalid.")
		return
	}
	claims := k.scopeClaims(p, c, at.scopes, true)
	claims["sub"] = p.ID
	k.lies.info(claims)
	writeJSON(w, http.StatusOK, claims)
}

// challenge refuses a bearer token (RFC 6750 §3); the body is empty.
func challenge(w http.ResponseWriter, status int, code, description string) {
	w.Header().Set("WWW-Authenticate", `Bearer error="`+code+`", error_description="`+description+`"`)
	w.WriteHeader(status)
}
