package oidc

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"slices"

	gooidc "github.com/coreos/go-oidc/v3/oidc"

	"sallyport/identity"
)

// Bounds of an ID token.
const (
	maxIDToken = 256 << 10
	maxSubject = 255 // OIDC Core §2
)

// expected is what an ID token is held against beside our own settings.
type expected struct {
	nonce   string // must be there and equal; "" at refresh, see continues
	access  string // the access token it came with, for at_hash
	refresh bool
}

// verify returns the claims of an ID token that may be believed. The error is an
// *idp.InvalidError, or an ErrUnavailable where the keys could not be had.
func (p *Provider) verify(ctx context.Context, e *endpoints, raw string, want expected) (identity.Claims, error) {
	if len(raw) > maxIDToken {
		return nil, invalid("id token of %d bytes, at most %d are taken", len(raw), maxIDToken)
	}
	var verdict error
	token, err := e.verifier.Verify(context.WithValue(ctx, verdictKey{}, &verdict), raw)
	if verdict != nil {
		return nil, verdict
	}
	if err != nil {
		return nil, invalid("%s", clip(err.Error(), 300))
	}
	var payload json.RawMessage
	if err := token.Claims(&payload); err != nil {
		return nil, invalid("id token claims cannot be read")
	}
	claims, err := decodeClaims(payload)
	if err != nil {
		return nil, invalid("id token: %v", err)
	}
	for _, check := range []func(identity.Claims, expected) error{
		p.checkParties, checkSubject, p.checkTimes, checkNonce,
	} {
		if err := check(claims, want); err != nil {
			return nil, err
		}
	}
	return claims, checkAccessHash(token, claims, want.access)
}

// checkParties repeats issuer and audience on exactly named claims, since
// encoding/json matches names in any letter case, and adds azp (OIDC Core
// §3.1.3.7, 3 to 5).
func (p *Provider) checkParties(c identity.Claims, _ expected) error {
	if iss, _ := c["iss"].(string); iss != p.o.Issuer {
		return invalid("id token of issuer %q, expected %q", clip(iss, 200), p.o.Issuer)
	}
	audience, err := audienceOf(c)
	if err != nil {
		return err
	}
	if !slices.Contains(audience, p.o.ClientID) {
		return invalid("id token is for %q, expected client %q", audience, p.o.ClientID)
	}
	azp, there := c["azp"]
	if party, ok := azp.(string); there && (!ok || party != p.o.ClientID) {
		return invalid("id token was issued to another party than client %q", p.o.ClientID)
	}
	if len(audience) > 1 && !there {
		return invalid("id token is for %d audiences and names no authorized party", len(audience))
	}
	return nil
}

func audienceOf(c identity.Claims) ([]string, error) {
	switch aud := c["aud"].(type) {
	case string:
		return []string{aud}, nil
	case []any:
		list := make([]string, 0, len(aud))
		for _, a := range aud {
			s, ok := a.(string)
			if !ok {
				return nil, invalid("id token audience is not a list of strings")
			}
			list = append(list, s)
		}
		return list, nil
	}
	return nil, invalid("id token has no audience")
}

func checkSubject(c identity.Claims, _ expected) error {
	sub, _ := c["sub"].(string)
	if sub == "" || len(sub) > maxSubject {
		return invalid("id token subject has %d characters, expected 1 to %d", len(sub), maxSubject)
	}
	for _, b := range []byte(sub) {
		if b < ' ' || b > '~' {
			return invalid("id token subject is not printable ASCII")
		}
	}
	return nil
}

func checkNonce(c identity.Claims, want expected) error {
	if want.refresh {
		return nil
	}
	got, _ := c["nonce"].(string)
	if want.nonce == "" || subtle.ConstantTimeCompare([]byte(got), []byte(want.nonce)) != 1 {
		return invalid("id token nonce is not the one of this sign-in")
	}
	return nil
}

// checkAccessHash holds the access token against at_hash, where there is one
// (OIDC Core §3.1.3.8).
func checkAccessHash(token *gooidc.IDToken, c identity.Claims, access string) error {
	value, there := c["at_hash"]
	if !there {
		return nil
	}
	hash, ok := value.(string)
	token.AccessTokenHash = hash
	if !ok || hash == "" || token.VerifyAccessToken(access) != nil {
		return invalid("access token does not match at_hash of the id token")
	}
	return nil
}
