package oktatest

import (
	"sync"
	"time"
)

const (
	grantCode    = "authorization_code"
	grantRefresh = "refresh_token"
	grantService = "client_credentials"
)

// grants are what sign-ins left behind: codes and tokens.
type grants struct {
	now     func() time.Time
	mu      sync.Mutex
	codes   map[string]*code
	access  map[string]*accessToken
	refresh map[string]*refreshToken
}

// family is everything that one sign-in issued. Revoked, all of it is dead.
type family struct {
	personID string
	clientID string
	scopes   []string
	nonce    string
	methods  []string
	acr      string
	authTime time.Time
	expires  time.Time // of the first refresh token; rotation does not move it
	revoked  bool
}

type accessToken struct {
	*family
	id      string // "AT...."
	scopes  []string
	issued  time.Time
	expires time.Time
	revoked bool
	bound   string // thumbprint of the key whose proofs must come with it; "" is none
}

type refreshToken struct {
	*family
	rotated time.Time // when it was first used with rotation on; zero: never
}

func newGrants(now func() time.Time) *grants {
	return &grants{
		now: now, codes: map[string]*code{}, access: map[string]*accessToken{}, refresh: map[string]*refreshToken{},
	}
}

// RevokeTokens revokes every token of a person, as an administrator can.
func (k *Okta) RevokeTokens(who string) {
	p := must(k.org.findPerson(who))
	k.grants.revokePerson(p.ID)
	k.org.mu.Lock()
	defer k.org.mu.Unlock()
	k.org.write(tokensRevoked, p.entity())
}

func (g *grants) revokePerson(id string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range g.codes {
		if c.personID == id {
			c.used, c.revoked = true, true
		}
	}
	for _, t := range g.refresh {
		if t.personID == id {
			t.family.revoked = true
		}
	}
	for _, t := range g.access {
		if t.personID == id {
			t.family.revoked = true
		}
	}
}

// useRefresh takes a refresh token. With rotation on, a token that was used
// before works within the grace period; after it, the whole family dies.
func (g *grants) useRefresh(value string, c *client) (*family, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	t, ok := g.refresh[value]
	if !ok || t.clientID != c.ID || t.revoked || !g.now().Before(t.expires) {
		return nil, errRefresh
	}
	if !c.RotateRefresh {
		return t.family, nil
	}
	if t.rotated.IsZero() {
		t.rotated = g.now()
	} else if g.now().After(t.rotated.Add(c.Grace)) {
		t.family.revoked = true
		return nil, errRefresh
	}
	return t.family, nil
}

func (g *grants) addRefresh(f *family) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	value := secret(32)
	g.refresh[value] = &refreshToken{family: f}
	return value
}

func (g *grants) addAccess(value string, t accessToken) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.access[value] = &t
}

// liveAccess returns a copy of an access token that works now.
func (g *grants) liveAccess(value string) (accessToken, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	t, ok := g.access[value]
	if !ok || t.revoked || t.family.revoked || !g.now().Before(t.expires) {
		return accessToken{}, false
	}
	return *t, true
}

// liveRefresh returns the family of a refresh token that works now.
func (g *grants) liveRefresh(value string) (*family, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	t, ok := g.refresh[value]
	if !ok || t.revoked || !g.now().Before(t.expires) || !t.rotated.IsZero() {
		return nil, false
	}
	return t.family, true
}

// revoke revokes a token of that client: a refresh token with all that came of
// its sign-in, an access token alone. Others are left alone, silently.
func (g *grants) revoke(value, clientID string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if t, ok := g.refresh[value]; ok && t.clientID == clientID {
		t.family.revoked = true
	}
	if t, ok := g.access[value]; ok && t.clientID == clientID {
		t.revoked = true
	}
}
