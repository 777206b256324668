package oktatest

import (
	"crypto/tls"
	"log/slog"
	"time"
)

// Options say how an Okta is set up. The zero value is usable: plain HTTP on a
// free port of 127.0.0.1, under the name okta.localhost, with nobody in it.
type Options struct {
	// Addr is where to listen, "127.0.0.1:0" if empty.
	Addr string
	// Host is the name in URLs, without port; "okta.localhost" if empty. Go's
	// resolver does not know *.localhost: clients dial loopback for it.
	Host string
	// Issuer fixes the org URL, e.g. "https://example.okta.com", whatever the
	// address listened on. Empty: scheme, Host and the port listened on.
	Issuer string
	// TLS serves https with this configuration; nil serves plain http.
	TLS *tls.Config
	// Now is the org's clock, time.Now if nil; SetClockOffset shifts it.
	Now func() time.Time
	// Logger gets one debug record per request. Nil: none.
	Logger *slog.Logger
	// Seed varies the object ids.
	Seed uint64

	// OrgName is shown on the sign-in page, "Example Org" if empty.
	OrgName string
	// Hint is shown on the sign-in page, e.g. "Sign in as alice / wonderland".
	// It is for demonstrations: whoever sees the page sees it.
	Hint string
	// AuthorizeIssuer sends "iss" with authorization answers (RFC 9207) and says
	// so in discovery. Okta's org server does not (its discovery document has no
	// authorization_response_iss_parameter_supported).
	AuthorizeIssuer bool
	// SessionLifetime bounds a browser's session here; two hours if 0.
	SessionLifetime time.Duration
	// Lags are how far answers trail what is so; the zero value not at all.
	Lags Lags
	// SearchCap bounds what a search finds, 50,000 people if 0.
	SearchCap int
	// RateLimits are the Management API's; the zero value limits generously.
	RateLimits RateLimits

	People    []Person
	Groups    []Group
	Clients   []Client
	APITokens []string
}

// withDefaults fills in what Options says of zero values.
func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.Addr = or(o.Addr, "127.0.0.1:0")
	o.Host = or(o.Host, "okta.localhost")
	o.OrgName = or(o.OrgName, "Example Org")
	if o.SessionLifetime == 0 {
		o.SessionLifetime = 2 * time.Hour
	}
	if o.SearchCap == 0 {
		o.SearchCap = 50_000
	}
	return o
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
