package session

import (
	"time"

	"sallyport/identity"
	"sallyport/idp"
)

// Form is how a session's holder proves possession.
type Form string

// A browser holds a cookie per host; a program holds one signed token for one
// host, made by a click of the person in whose name it acts.
const (
	FormBrowser Form = "browser"
	FormProgram Form = "program"
)

// Session is the server's record of one sign-in. Published sessions are
// read-only; change one through Manager.Update, which makes a new one.
type Session struct {
	// ID is 256 random bits, base64url. Knowing it is not enough to use it.
	ID      string           `json:"id"`
	Form    Form             `json:"form"`
	Subject identity.Subject `json:"subject"`
	// Created starts the absolute lifetime, Expires ends it.
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
	// LastUsed is as of when this value was read; Manager.LastUsed knows better.
	LastUsed time.Time `json:"last_used"`
	// Refreshed is when claims and tokens were last replaced as a whole.
	Refreshed time.Time `json:"refreshed"`
	// RefreshFailing is since when refreshing has failed for reasons that say
	// nothing about the person; zero while it works.
	RefreshFailing time.Time `json:"refresh_failing,omitzero"`
	// Parent is the browser session that a program's session was made from.
	Parent string `json:"parent,omitempty"`
	// Host is the only route host a program's session is good for.
	Host string `json:"host,omitempty"`
	// Program is what the program called itself when the person agreed.
	Program string `json:"program,omitempty"`
	// ClientAddress and UserAgent are of the sign-in, for the list of sessions.
	ClientAddress string `json:"client_address,omitempty"`
	UserAgent     string `json:"user_agent,omitempty"`

	Tokens idp.Tokens `json:"tokens"`

	// Version is the store's and changes with every write. Use does not change it:
	// it is kept in a record of its own.
	Version uint64 `json:"-"`
}

// EndReason says why a session is no more.
type EndReason string

// Why sessions end.
const (
	EndSignedOut EndReason = "signed-out"
	EndRevoked   EndReason = "revoked"
	EndRefused   EndReason = "refused-by-identity-provider"
	EndReplaced  EndReason = "replaced-by-new-sign-in"
	EndExpired   EndReason = "expired"
	EndIdle      EndReason = "idle"
)
