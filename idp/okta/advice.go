package okta

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"sallyport/internal/httpout"
)

// The places of Okta's Admin Console that mend things.
const (
	inApp     = "in Okta's Admin Console under Applications > the API Services app"
	grantStep = "grant them " + inApp + " > Okta API Scopes"
	roleStep  = "give the app at least the role Read-only Administrator, " + inApp + " > Admin roles"
	keyStep   = "paste the public half of the key " + inApp + " > General > Client Credentials > Public keys (\"sallyport okta keygen\" prints it)"
	dpopStep  = "uncheck \"Require Demonstrating Proof of Possession (DPoP) header in token requests\" " + inApp + " > General"
)

// subjects are what the API's paths are about, and the scope for it.
var subjects = map[string]struct{ what, scope string }{
	"users": {"people", ScopeUsers}, "groups": {"groups", ScopeGroups}, "apps": {"applications", ScopeApps}, "logs": {"the System Log", ScopeLogs},
}

func subjectOf(path string) string {
	if s, ok := subjects[kindOf(path)]; ok {
		return s.what
	}
	return clip(path, 100)
}

func kindOf(path string) string {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	if len(parts) < 3 {
		return ""
	}
	return parts[2]
}

// missingScope is the scope for e's path where that is what we lack.
func (e *Error) missingScope() string {
	scope := subjects[kindOf(e.Path)].scope
	if !e.byApp || e.challenge != "insufficient_scope" && slices.Contains(e.granted, scope) {
		return ""
	}
	return scope
}

// Advice says in plain words what an operator can do about e, or "".
func (e *Error) Advice() string {
	if e.Path == tokenPath {
		return e.tokenAdvice()
	}
	if advice := e.apiAdvice(); advice != "" {
		return advice
	}
	switch {
	case errors.Is(e.Err, httpout.ErrRedirect):
		return "check idp_provider_url: the host does not serve the API itself"
	case e.Status == http.StatusNotFound && (e.Code != codeNotFound || !namesOne(e.Path)):
		return "check idp_provider_url: there is no Okta API at this host"
	}
	return ""
}

func (e *Error) apiAdvice() string {
	switch {
	case e.Code == codeRateLimit:
		return "the rate limit is used up; it is shared with everything else that uses the organisation's API"
	case e.Code == codeNoFeature:
		return "the organisation does not have this feature"
	case e.forbidden() && e.missingScope() != "":
		return fmt.Sprintf("grant the scope %s %s > Okta API Scopes", e.missingScope(), inApp)
	case e.Code == codeNoRight && e.byApp:
		return roleStep
	case e.Code == codeNoRight:
		return "the API token's owner may not read this: give that administrator at least the Read-only Administrator role, and look whether the token is limited to a network zone"
	case e.Status == http.StatusUnauthorized && e.byApp:
		return "the access token is not accepted: is the app still active " + inApp + "?"
	case e.Code == "E0000011":
		return "the API token is revoked, was not used for 30 days, or is another organisation's: make a new one under Security > API > Tokens and put it into idp_service_account"
	case e.Code == "E0000004", e.Code == "E0000005":
		return "the API token is not accepted: put one from Security > API > Tokens into idp_service_account"
	}
	return ""
}

// tokenAdvice goes by OAuth's error and Okta's descriptions, which are published
// (https://developer.okta.com/docs/reference/error-codes/).
func (e *Error) tokenAdvice() string {
	says := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(e.Summary, w) })
	}
	switch {
	case e.Status == http.StatusTooManyRequests || e.Code == codeRateLimit:
		return "the rate limit of the token endpoint is used up"
	case e.Code == codeBadProof, e.Code == codeUseNonce:
		return "the proof of possession is not accepted; if it stays so, " + dpopStep
	case e.Code == "invalid_scope", e.Code == "consent_required":
		return "the app has none of the scopes asked for: " + grantStep
	case e.Code == "unauthorized_client", says("application_type", "private_key_jwt", "client secret", "client_secret"):
		return "idp_service_account needs an app of the type API Services whose client authentication is \"Public key / Private key\": Applications > Create App Integration > API Services"
	case says("kid"):
		return fmt.Sprintf("okta knows no active key with the id %q for this app: %s, or set key_id to the id shown there", e.keyID, keyStep)
	case says("JWKSet", "jwks_uri"):
		return "the app has no usable public key: " + keyStep
	case says("signature", "signing key", "'use' parameter"):
		return "the private key does not belong to the public key of that id: " + keyStep
	case says("audience"):
		return "okta knows itself by another address: put the organisation's own URL, neither the -admin host nor a custom domain, into idp_provider_url"
	case aboutTime.MatchString(e.Summary) && e.Code == "invalid_client":
		return "the clocks differ: set this host's clock by NTP"
	case e.Code == "invalid_client":
		return "no active app of this organisation has that client id: compare client_id and idp_provider_url with the app's General tab, and look whether it is active"
	case errors.Is(e.Err, httpout.ErrRedirect), e.Status == http.StatusNotFound:
		return "check idp_provider_url: there is no Okta organisation at this host"
	}
	return ""
}
