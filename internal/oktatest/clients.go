package oktatest

import (
	"crypto/subtle"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// DefaultGrace is how long Okta lets a rotated refresh token be used again
// unless told otherwise.
const DefaultGrace = 30 * time.Second

// Client is an application of the org that gets tokens. With a Secret it is a
// web application (client_secret_basic or client_secret_post), with Keys an API
// Services application (private_key_jwt), without both a public client (none).
type Client struct {
	ID    string // "0oa..."; made if empty
	Label string // shown on the sign-in page; the id if empty
	// Secret authenticates the application at the token endpoint.
	Secret string
	// AuthMethod narrows how: "client_secret_basic" or "client_secret_post"; ""
	// takes both.
	AuthMethod             string
	RedirectURIs           []string // compared exactly
	PostLogoutRedirectURIs []string // compared exactly
	// GrantTypes are "authorization_code" and "refresh_token" if nil.
	GrantTypes []string
	// RequirePKCE refuses an authorization request without code_challenge. One
	// that is sent is always checked; public clients must send one.
	RequirePKCE bool
	// Assigned are the people (id or login) and groups (id or name) that may
	// use the application; nil is everybody.
	Assigned []string
	// RotateRefresh gives a new refresh token at each use. The used one works on
	// for Grace (Okta: 0 to 60 s, see DefaultGrace); used later it kills the family.
	RotateRefresh bool
	Grace         time.Duration
	// ThinIDToken leaves profile, e-mail and groups to userinfo.
	ThinIDToken bool
	// GroupsFilter says which group names go into the "groups" claim; nil is all.
	GroupsFilter func(name string) bool
	// CodeLifetime, AccessLifetime and RefreshLifetime are 60 s, 1 h and 90
	// days if 0, as with Okta's org server.
	CodeLifetime, AccessLifetime, RefreshLifetime time.Duration

	// Keys are the public keys of an API Services application. Tokens of the
	// Management API are all that it gets, by client_credentials.
	Keys jose.JSONWebKeySet
	// APIScopes are the scopes granted to it, e.g. "okta.users.read".
	APIScopes []string
	// AllScopesOrNone refuses a request for a scope that is not granted, with
	// invalid_scope. Okta leaves such a scope out of the token.
	AllScopesOrNone bool
	// Role is its administrator role; without one it reaches nothing.
	Role Role
	// DPoP demands proofs of possession (RFC 9449) with requests for tokens, and
	// with their use. DPoPNonceAtAPI demands the server's nonce there too.
	DPoP, DPoPNonceAtAPI bool
}

type client struct {
	Client
	created time.Time
}

// Role is an administrator role: scopes limit what can be asked, roles what is
// shown.
type Role string

// Administrator roles. NoRole sees empty lists and is refused the rest;
// GroupAdmin does not see Everyone, nor the System Log.
const (
	NoRole        Role = ""
	SuperAdmin    Role = "SUPER_ADMIN"
	ReadOnlyAdmin Role = "READ_ONLY_ADMIN"
	GroupAdmin    Role = "USER_ADMIN"
)

// AddClient adds an application and returns its client id.
func (k *Okta) AddClient(c Client) string { return must(k.org.addClient(c, true)) }

// ChangeClient edits an application in place.
func (k *Okta) ChangeClient(id string, change func(*Client)) {
	must(k.org.changeClient(id, change))
}

// AddAPIToken makes an API token for "Authorization: SSWS TOKEN", of a super
// administrator.
func (k *Okta) AddAPIToken(token string) { k.AddAPITokenFor(token, SuperAdmin) }

// AddAPITokenFor makes an API token of an administrator with that role.
func (k *Okta) AddAPITokenFor(token string, r Role) {
	k.org.mu.Lock()
	defer k.org.mu.Unlock()
	k.org.tokens[token] = r
}

// RemoveAPIToken revokes one.
func (k *Okta) RemoveAPIToken(token string) {
	k.org.mu.Lock()
	defer k.org.mu.Unlock()
	delete(k.org.tokens, token)
	k.org.write(tokenRevoked)
}

func (o *org) addClient(c Client, logged bool) (string, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if c.ID == "" {
		c.ID = o.ids.next("0oa")
	}
	if _, taken := o.clients[c.ID]; taken {
		return "", fmt.Errorf("client id %q is taken", c.ID)
	}
	if c.GrantTypes == nil {
		c.GrantTypes = []string{grantCode, grantRefresh}
		if c.service() {
			c.GrantTypes = []string{grantService}
		}
	}
	c.Label = or(c.Label, c.ID)
	c.CodeLifetime = orLifetime(c.CodeLifetime, time.Minute)
	c.AccessLifetime = orLifetime(c.AccessLifetime, time.Hour)
	c.RefreshLifetime = orLifetime(c.RefreshLifetime, 90*24*time.Hour)
	a, err := o.putApp(App{ID: c.ID, Name: "oidc_client", Label: c.Label, SignOn: "OPENID_CONNECT"})
	if err != nil {
		return "", err
	}
	o.clients[c.ID] = &client{Client: c, created: o.second()}
	if logged {
		o.write(appCreated, a.entity())
	}
	return c.ID, nil
}

func orLifetime(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}

func (o *org) changeClient(id string, change func(*Client)) (string, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	c, ok := o.clients[id]
	if !ok {
		return "", fmt.Errorf("no client with id %q", id)
	}
	changed := c.Client
	change(&changed)
	o.clients[id] = &client{Client: changed, created: c.created}
	return id, nil
}

// client returns the application with that id where it is active. What it returns is never
// written again: changeClient replaces it.
func (o *org) client(id string) (*client, bool) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	c, ok := o.clients[id]
	if a, _ := o.apps.get(id); !ok || a.inactive {
		return nil, false
	}
	return c, true
}

// assigned reports whether the person may use the application.
func (o *org) assigned(c *client, personID string) bool {
	o.mu.RLock()
	defer o.mu.RUnlock()
	a, ok := o.apps.get(c.ID)
	if !ok || a.inactive {
		return false
	}
	if c.Assigned == nil && !a.assigned {
		return true
	}
	p, ok := o.people.get(personID)
	if !ok {
		return false
	}
	return o.uses(a, p) || slices.ContainsFunc(c.Assigned, func(name string) bool {
		if other, err := o.person(name); err == nil {
			return other == p
		}
		g, err := o.group(name)
		return err == nil && o.isMember(g, p)
	})
}

// tokenRole is the role of an API token.
func (o *org) tokenRole(token string) (Role, bool) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	r, ok := o.tokens[token]
	return r, ok
}

func (c *Client) service() bool { return len(c.Keys.Keys) > 0 }

func (c *client) hasGrant(grant string) bool { return slices.Contains(c.GrantTypes, grant) }

func (c *client) public() bool { return c.Secret == "" && !c.service() }

func (c *client) checkSecret(s string) bool {
	return subtle.ConstantTimeCompare([]byte(s), []byte(c.Secret)) == 1
}
