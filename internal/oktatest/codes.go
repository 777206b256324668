package oktatest

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"time"
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

// code is an authorization code: for one use, by one client, soon.
type code struct {
	*family
	redirectURI string
	challenge   string
	expires     time.Time
	used        bool
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
