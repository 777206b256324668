package oktatest

import (
	"crypto/subtle"
	"fmt"
	"slices"
	"time"
)

// DefaultGrace is how long Okta lets a rotated refresh token be used again
// unless told otherwise.
const DefaultGrace = 30 * time.Second

// Client is an OIDC application of the org. With a Secret it is a web
// application (client_secret_basic or client_secret_post), without one a public
// client (none).
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
}

type client struct{ Client }

// AddClient adds an application and returns its client id.
func (k *Okta) AddClient(c Client) string { return must(k.org.addClient(c)) }

// ChangeClient edits an application in place.
func (k *Okta) ChangeClient(id string, change func(*Client)) {
	must(k.org.changeClient(id, change))
}

// AddAPIToken makes an API token for "Authorization: SSWS TOKEN".
func (k *Okta) AddAPIToken(token string) { k.org.setToken(token, true) }

// RemoveAPIToken revokes one.
func (k *Okta) RemoveAPIToken(token string) { k.org.setToken(token, false) }

func (o *org) addClient(c Client) (string, error) {
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
	}
	c.Label = or(c.Label, c.ID)
	c.CodeLifetime = orLifetime(c.CodeLifetime, time.Minute)
	c.AccessLifetime = orLifetime(c.AccessLifetime, time.Hour)
	c.RefreshLifetime = orLifetime(c.RefreshLifetime, 90*24*time.Hour)
	o.clients[c.ID] = &client{Client: c}
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
	o.clients[id] = &client{Client: changed}
	return id, nil
}

// client returns the application with that id. What it returns is never
// written again: changeClient replaces it.
func (o *org) client(id string) (*client, bool) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	c, ok := o.clients[id]
	return c, ok
}

// assigned reports whether the person may use the application.
func (o *org) assigned(c *client, personID string) bool {
	if c.Assigned == nil {
		return true
	}
	o.mu.RLock()
	defer o.mu.RUnlock()
	p, ok := o.people[personID]
	if !ok {
		return false
	}
	return slices.ContainsFunc(c.Assigned, func(name string) bool {
		if other, err := o.person(name); err == nil {
			return other == p
		}
		g, err := o.group(name)
		return err == nil && o.isMember(g, p)
	})
}

func (o *org) setToken(token string, on bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tokens[token] = on
}

func (o *org) knowsToken(token string) bool {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return o.tokens[token]
}

func (c *client) hasGrant(grant string) bool { return slices.Contains(c.GrantTypes, grant) }

func (c *client) public() bool { return c.Secret == "" }

func (c *client) checkSecret(s string) bool {
	return subtle.ConstantTimeCompare([]byte(s), []byte(c.Secret)) == 1
}
