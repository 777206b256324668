package oktatest

import (
	"net/http"
	"strings"
)

// introspection is the answer about a token (RFC 7662 with Okta's "uid").
type introspection struct {
	Active   bool   `json:"active"`
	Type     string `json:"token_type,omitempty"`
	Scope    string `json:"scope,omitempty"`
	ClientID string `json:"client_id,omitempty"`
	Username string `json:"username,omitempty"`
	Expires  int64  `json:"exp,omitempty"`
	Issued   int64  `json:"iat,omitempty"`
	Subject  string `json:"sub,omitempty"`
	Audience string `json:"aud,omitempty"`
	Issuer   string `json:"iss,omitempty"`
	ID       string `json:"jti,omitempty"`
	UserID   string `json:"uid,omitempty"`
}

// introspect says whether a token of the calling client is good.
func (k *Okta) introspect(w http.ResponseWriter, r *http.Request) {
	c, token, ok := k.tokenParameter(w, r)
	if !ok {
		return
	}
	writeJSON(w, http.StatusOK, k.inspect(token, c.ID))
}

func (k *Okta) inspect(token, clientID string) introspection {
	if at, ok := k.grants.liveAccess(token); ok && at.clientID == clientID {
		if p, err := k.org.findPerson(at.personID); err == nil && p.Status.MayPass() {
			return introspection{
				Active: true, Type: "Bearer", Scope: strings.Join(at.scopes, " "), ClientID: clientID, Username: p.Login,
				Expires: at.expires.Unix(), Issued: at.issued.Unix(), Subject: p.Login, Audience: k.url, Issuer: k.url,
				ID: at.id, UserID: p.ID,
			}
		}
	}
	if f, ok := k.grants.liveRefresh(token); ok && f.clientID == clientID {
		if p, err := k.org.findPerson(f.personID); err == nil && p.Status.MayPass() {
			return introspection{
				Active: true, Type: "Bearer", Scope: strings.Join(f.scopes, " "), ClientID: clientID, Username: p.Login,
				Expires: f.expires.Unix(), Subject: p.Login,
			}
		}
	}
	return introspection{}
}

// revoke revokes a token of the calling client (RFC 7009). What is not known is
// revoked already.
func (k *Okta) revoke(w http.ResponseWriter, r *http.Request) {
	c, token, ok := k.tokenParameter(w, r)
	if !ok {
		return
	}
	k.grants.revoke(token, c.ID)
	w.WriteHeader(http.StatusOK)
}

// tokenParameter authenticates the client and reads "token", or answers.
func (k *Okta) tokenParameter(w http.ResponseWriter, r *http.Request) (*client, string, bool) {
	w.Header().Set("Cache-Control", "no-cache, no-store")
	c, ok := k.authenticate(w, r)
	if !ok {
		return nil, "", false
	}
	token := r.PostForm.Get("token")
	if token == "" {
		writeOAuth(w, badRequest("The 'token' parameter is required."))
		return nil, "", false
	}
	return c, token, true
}
