package oktatest

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"sync"
	"time"
)

const (
	grantCode    = "authorization_code"
	grantRefresh = "refresh_token"
)

// Errors of the token endpoint about a grant, with Okta's texts.
var (
	errCode       = oauthError{http.StatusBadRequest, "invalid_grant", "The authorization code is invalid or has expired."}
	errRefresh    = oauthError{http.StatusBadRequest, "invalid_grant", "The refresh token is invalid or expired."}
	errOtherApp   = oauthError{http.StatusBadRequest, "invalid_grant", "The grant was issued to another client. Please make sure the 'client_id' matches the one used at the authorize request."}
	errRedirect   = oauthError{http.StatusBadRequest, "invalid_grant", "The 'redirect_uri' does not match the redirection URI used in the authorization request."}
	errPKCE       = oauthError{http.StatusBadRequest, "invalid_grant", "PKCE verification failed."}
	errNoVerifier = oauthError{http.StatusBadRequest, "invalid_request", "PKCE code verifier is required by the application."}
	errNoPKCE     = oauthError{http.StatusBadRequest, "invalid_request", "PKCE code challenge should be specified in the authorize request for code verification."}
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

type code struct {
	*family
	redirectURI string
	challenge   string
	expires     time.Time
	used        bool
}

type accessToken struct {
	*family
	id      string // "AT...."
	scopes  []string
	issued  time.Time
	expires time.Time
	revoked bool
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
func (k *Okta) RevokeTokens(who string) { k.grants.revokePerson(k.PersonID(who)) }

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

func (g *grants) addCode(c code, lifetime time.Duration) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	value := secret(32)
	c.expires = g.now().Add(lifetime)
	g.codes[value] = &c
	return value
}

// redeem takes a code. The second time revokes what the first one gave
// (RFC 6749 §4.1.2); a failed attempt of the right client uses the code up too.
func (g *grants) redeem(value, clientID, redirectURI, verifier string) (*family, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	c, ok := g.codes[value]
	if !ok {
		return nil, errCode
	}
	if c.clientID != clientID {
		return nil, errOtherApp
	}
	if c.used {
		c.revoked = true
		return nil, errCode
	}
	c.used = true
	switch {
	case !g.now().Before(c.expires):
		return nil, errCode
	case c.redirectURI != redirectURI:
		return nil, errRedirect
	}
	return c.family, checkPKCE(c.challenge, verifier)
}

func checkPKCE(challenge, verifier string) error {
	switch {
	case challenge == "" && verifier == "":
		return nil
	case challenge == "":
		return errNoPKCE
	case verifier == "":
		return errNoVerifier
	}
	sum := sha256.Sum256([]byte(verifier))
	got := base64.RawURLEncoding.EncodeToString(sum[:])
	if subtle.ConstantTimeCompare([]byte(got), []byte(challenge)) != 1 {
		return errPKCE
	}
	return nil
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
