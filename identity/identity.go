// Package identity is Sallyport's vocabulary about people: the subject a
// session speaks for, the claims its identity provider made, and the person
// and groups its directory knows. It holds words and the few questions that can
// be asked of them without any state. It decides nothing and imports nothing of
// ours; who signs in is decided in authenticate, who may pass in policy.
package identity

import "time"

// Subject is who a session says is there: what the identity provider asserted
// at sign-in or at the last refresh. Read-only once published.
type Subject struct {
	// Issuer is the "iss" of the ID token, e.g. "https://example.okta.com".
	Issuer string `json:"iss"`
	// ID is the "sub" of the ID token; for Okta's org server the user id "00u...".
	// A session joins its directory person by this value only, never by e-mail.
	ID string `json:"sub"`
	// ClientID is the OAuth client that signed the person in. A session belongs
	// to one client.
	ClientID string `json:"client_id"`
	// Email is empty unless the provider vouched for it: email_verified false,
	// absent-but-required or malformed leave it empty.
	Email string `json:"email,omitempty"`
	// UnverifiedEmail is an address that the provider gave and did not vouch for:
	// for operators who ask why somebody was denied. It decides nothing.
	UnverifiedEmail string `json:"unverified_email,omitempty"`
	// Name is for people to read; it decides nothing.
	Name string `json:"name,omitempty"`
	// Claims are those of the ID token with those of userinfo laid over them,
	// key by key.
	Claims Claims `json:"claims,omitempty"`
	// FromUserinfo names those of Claims that userinfo gave, sorted, so that a
	// refresh whose userinfo fails can keep them while the ID token's change.
	FromUserinfo []string `json:"from_userinfo,omitempty"`
	// AuthenticatedAt is "auth_time": when the person proved to the provider who
	// they are. Zero where the provider did not say; a sign-in of ours that ended
	// just now may rest on one at the provider that is days old.
	AuthenticatedAt time.Time `json:"authenticated_at"`
	// Methods is "amr", e.g. ["pwd","mfa"]. Context is "acr".
	Methods []string `json:"amr,omitempty"`
	Context string   `json:"acr,omitempty"`

	// What Index prepares: the long lists among the claims, and Email.
	lists []namedList
	mail  keptMail
}
