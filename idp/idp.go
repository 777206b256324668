// Package idp is the contract between the proxy and whoever knows the people:
// the Provider that signs them in (idp/oidc) and the Directory that says which
// groups they are in (idp/okta). Only words and errors live here.
package idp

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sallyport/identity"
)

// ErrUnavailable wraps every failure that says nothing about the person: the
// provider cannot be reached, answers 5xx, 429 or nonsense, or is too slow.
// Callers keep what they have and try again.
var ErrUnavailable = errors.New("identity provider unavailable")

// ErrNotFound says that the directory has no such person.
var ErrNotFound = errors.New("no such person in the directory")

// RefusedError is a definite refusal by the provider (RFC 6749 §5.2 with status
// 400 or 401): asking again does not help. It ends a session at refresh.
type RefusedError struct {
	Code        string // "invalid_grant", ...; safe to show
	Description string // the provider's words; log only
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("identity provider refused: %s: %s", e.Code, e.Description)
}

// InvalidError says that the provider answered with something that must not be
// trusted: a bad signature, a wrong issuer, nonce or subject.
type InvalidError struct{ What string }

func (e *InvalidError) Error() string { return "identity provider answer not trusted: " + e.What }

// AuthRequest is one sign-in about to start.
type AuthRequest struct {
	RedirectURI string
	State       string
	Nonce       string
	Verifier    string            // PKCE; the provider sends its S256 challenge
	Params      map[string]string // e.g. prompt, max_age, acr_values, login_hint
}

// Callback is what the provider's redirect brought, with what was remembered.
type Callback struct {
	RedirectURI string
	Code        string
	Issuer      string // "iss" parameter, RFC 9207; "" if absent
	Nonce       string
	Verifier    string
}

// Tokens are what the provider issued. They are secret.
type Tokens struct {
	Access        string    `json:"access,omitempty"`
	AccessExpires time.Time `json:"access_expires,omitzero"`
	Refresh       string    `json:"refresh,omitempty"`
	ID            string    `json:"id,omitempty"`
}

// Provider signs people in. Implementations are safe for concurrent use, do
// discovery lazily, and bound every exchange in time and size.
type Provider interface {
	// AuthURL returns where to send the browser.
	AuthURL(ctx context.Context, r AuthRequest) (string, error)
	// Exchange redeems the code, verifies all that came and merges userinfo.
	// Tokens that come back with an error were issued and are for Revoke.
	Exchange(ctx context.Context, c Callback) (identity.Subject, Tokens, error)
	// Refresh redeems the refresh token. The subject that comes back has the same
	// issuer, id and client as prev, or the error is an *InvalidError. Where the
	// provider rotates no refresh token, the one in t is kept. A userinfo
	// that fails leaves the claims it gave before in place.
	//
	// Tokens with a Refresh that come back with an error were issued: with an
	// ErrUnavailable they replace t (which may be spent) while the subject stays
	// prev, with an *InvalidError they are for Revoke. A redemption once sent does
	// not end with ctx.
	Refresh(ctx context.Context, prev identity.Subject, t Tokens) (identity.Subject, Tokens, error)
	// Revoke tells the provider that a token is no longer needed (RFC 7009).
	Revoke(ctx context.Context, t Tokens) error
	// LogoutURL returns the RP-initiated logout address, "" where there is none.
	LogoutURL(ctx context.Context, idToken, postLogoutRedirectURI, state string) string
	// Check reports why the provider cannot be used at this moment, or nil.
	Check(ctx context.Context) error
}

// Directory answers who a person is, freshly.
type Directory interface {
	// Person returns the person with that id, their status and all their groups,
	// never a part of them. ErrNotFound, ErrUnavailable or a plain error.
	Person(ctx context.Context, id string) (*identity.Person, error)
	// Check reports why the directory cannot be used at this moment, or nil.
	Check(ctx context.Context) error
}
