package oktatest

import (
	"fmt"
	"strings"
	"time"
)

// SetClaim sets a claim; a nil value removes it.
func SetClaim(name string, value any) Mutation {
	return func(t *IDToken) {
		if value == nil {
			delete(t.Claims, name)
			return
		}
		t.Claims[name] = value
	}
}

// SetHeader sets a header parameter; a nil value removes it.
func SetHeader(name string, value any) Mutation {
	return func(t *IDToken) {
		if value == nil {
			delete(t.Header, name)
			return
		}
		t.Header[name] = value
	}
}

// AtRefresh restricts a mutation to tokens issued for a refresh token.
func AtRefresh(m Mutation) Mutation {
	return func(t *IDToken) {
		if t.Grant == grantRefresh {
			m(t)
		}
	}
}

// Subjects that must be refused: none, empty, longer than the 255 characters
// of OpenID Connect, another person's.
func MissingSubject() Mutation { return SetClaim("sub", nil) }
func EmptySubject() Mutation   { return SetClaim("sub", "") }
func LongSubject() Mutation    { return SetClaim("sub", strings.Repeat("x", 256)) }
func OtherSubject() Mutation   { return SetClaim("sub", "00uSomebodyElse00000") }

// Times that must be refused, or tolerated within a leeway.
func MissingIssuedAt() Mutation { return SetClaim("iat", nil) }

// IssuedAhead moves "iat" ahead by d.
func IssuedAhead(d time.Duration) Mutation { return shift("iat", d) }

// Expired moves "iat" and "exp" back, so that the token expired an hour ago.
func Expired() Mutation {
	return func(t *IDToken) {
		shift("iat", -2*time.Hour)(t)
		shift("exp", -2*time.Hour)(t)
	}
}

func shift(name string, d time.Duration) Mutation {
	return func(t *IDToken) {
		if at, ok := t.Claims[name].(int64); ok {
			t.Claims[name] = at + int64(d/time.Second)
		}
	}
}

// ForeignParty adds a second audience and makes it the authorized party.
func ForeignParty() Mutation {
	return func(t *IDToken) {
		t.Claims["aud"] = []any{t.Claims["aud"], "0oaSomebodyElse00000"}
		t.Claims["azp"] = "0oaSomebodyElse00000"
	}
}

// TwoAudiences adds a second audience without naming an authorized party.
func TwoAudiences() Mutation {
	return func(t *IDToken) { t.Claims["aud"] = []any{t.Claims["aud"], "0oaSomebodyElse00000"} }
}

// Single claims that do not fit the client or the request.
func WrongParty() Mutation            { return SetClaim("azp", "0oaSomebodyElse00000") }
func WrongAudience() Mutation         { return SetClaim("aud", "0oaSomebodyElse00000") }
func WrongNonce() Mutation            { return SetClaim("nonce", "not the nonce that was sent") }
func MissingNonce() Mutation          { return SetClaim("nonce", nil) }
func WrongAccessHash() Mutation       { return SetClaim("at_hash", "AAAAAAAAAAAAAAAAAAAAAA") }
func OtherIssuer(url string) Mutation { return SetClaim("iss", url) }

// EmailVerified sets "email_verified": false, nil (absent) or a string.
func EmailVerified(value any) Mutation { return SetClaim("email_verified", value) }

// Signatures that must be refused. AlgNone says "none" and has no signature;
// Unsigned says RS256 and has none; HMACWithPublicKey is signed HS256 with what
// everybody can read in the JWKS; UnknownKey names a key that is not there.
func AlgNone() Mutation {
	return func(t *IDToken) { t.Header["alg"], t.Signing = "none", SignNone }
}
func Unsigned() Mutation { return func(t *IDToken) { t.Signing = SignNone } }
func HMACWithPublicKey() Mutation {
	return func(t *IDToken) { t.Header["alg"], t.Signing = "HS256", SignHS256 }
}
func ForeignKey() Mutation      { return func(t *IDToken) { t.Signing = SignForeign } }
func BrokenSignature() Mutation { return func(t *IDToken) { t.Signing = SignBroken } }
func UnknownKey() Mutation {
	return func(t *IDToken) {
		t.Header["kid"], t.Signing = fmt.Sprintf("unknown-%s", secret(8)), SignForeign
	}
}
