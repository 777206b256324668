package oktatest

import (
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// assertionType is the one client_assertion_type there is (RFC 7523 §2.2).
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// maxAssertion is how far ahead Okta lets an assertion expire.
const maxAssertion = time.Hour

// Errors of private_key_jwt, with Okta's texts.
var (
	errAssertionParse  = badClient("The parsing of the client_assertion failed.")
	errAssertionIssuer = badClient("The issuer claim for client_assertion is not a valid client_id.")
	errAssertionSub    = badClient("The subject claim for client_assertion is not a valid client_id.")
	errAssertionNoKeys = badClient("The client does not have a JWKSet configured, but the client_assertion requires one.")
	errAssertionAlg    = badClient("The client_assertion JWT signature algorithm is invalid.")
	errAssertionKid    = badClient("The client_assertion JWT kid is invalid.")
	errAssertionSigned = badClient("The client_assertion signature is invalid.")
	errAssertionAud    = badClient("The audience claim for client_assertion must be the endpoint invoked for the request.")
	errAssertionNoExp  = badClient("The client_assertion must contain the 'exp' claim as seconds since epoch.")
	errAssertionOld    = badClient("The client_assertion token is expired.")
	errAssertionFar    = badClient("The client_assertion token has an expiration too far into the future.")
	errAssertionEarly  = badClient("The client_assertion token must be issued before the current time.")
	errAssertionUsed   = badClient("The client_assertion token has already been used.")
)

func badClient(text string) oauthError {
	return oauthError{http.StatusUnauthorized, "invalid_client", text}
}

var asymmetric = []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.ES256, jose.ES384, jose.ES512}

// anyAlgorithm parses a JWT whatever it says it is signed with.
var anyAlgorithm = append([]jose.SignatureAlgorithm{jose.HS256, jose.HS384, jose.HS512, jose.PS256, jose.PS384, jose.PS512, jose.EdDSA}, asymmetric...)

// assertedClient is who an assertion says it is from, proven or not.
func assertedClient(assertion string) (string, error) {
	token, err := jwt.ParseSigned(assertion, anyAlgorithm)
	if err != nil {
		return "", errAssertionParse
	}
	var claims jwt.Claims
	if err := token.UnsafeClaimsWithoutVerification(&claims); err != nil {
		return "", errAssertionParse
	}
	return claims.Issuer, nil
}

// checkAssertion verifies that an assertion proves the client to that endpoint.
func (k *Okta) checkAssertion(c *client, assertion, endpoint string) error {
	if !c.service() {
		return errAssertionNoKeys
	}
	token, err := jwt.ParseSigned(assertion, anyAlgorithm)
	if err != nil {
		return errAssertionParse
	}
	header := token.Headers[0]
	if !slices.Contains(asymmetric, jose.SignatureAlgorithm(header.Algorithm)) {
		return errAssertionAlg
	}
	keys := c.Keys.Key(header.KeyID)
	if header.KeyID == "" && len(c.Keys.Keys) == 1 {
		keys = c.Keys.Keys
	}
	if len(keys) == 0 {
		return errAssertionKid
	}
	var claims jwt.Claims
	if err := token.Claims(keys[0].Key, &claims); err != nil {
		return errAssertionSigned
	}
	return k.checkClaims(c, claims, endpoint)
}

// checkClaims checks what a signed assertion says. Okta allows no leeway.
func (k *Okta) checkClaims(c *client, claims jwt.Claims, endpoint string) error {
	now := k.clock.now()
	switch {
	case claims.Subject != c.ID:
		return errAssertionSub
	case !claims.Audience.Contains(endpoint):
		return errAssertionAud
	case claims.Expiry == nil:
		return errAssertionNoExp
	case !now.Before(claims.Expiry.Time()):
		return errAssertionOld
	case claims.Expiry.Time().After(now.Add(maxAssertion)):
		return errAssertionFar
	case claims.IssuedAt != nil && claims.IssuedAt.Time().After(now):
		return errAssertionEarly
	case claims.ID != "" && !k.replays.first("assertion "+c.ID+" "+claims.ID, claims.Expiry.Time()):
		return errAssertionUsed
	}
	return nil
}

// replays remembers what may come once.
type replays struct {
	now  func() time.Time
	mu   sync.Mutex
	seen map[string]time.Time
}

// first reports whether id comes for the first time; it is forgotten at the time
// until which it would have been good.
func (r *replays) first(id string, until time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	for other, end := range r.seen {
		if end.Before(now) {
			delete(r.seen, other)
		}
	}
	_, used := r.seen[id]
	r.seen[id] = until
	return !used
}
