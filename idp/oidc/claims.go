package oidc

import (
	"maps"
	"slices"
	"strings"
	"unicode"

	"sallyport/identity"
)

// Bounds of what claims may hold.
const (
	maxClaimNesting = 16
	maxEmail        = 320
	maxName         = 200
)

// protocolClaims are the ID token's to say: userinfo does not overlay them.
var protocolClaims = []string{
	"iss", "sub", "aud", "azp", "exp", "iat", "nbf", "nonce", "auth_time", "amr", "acr", "sid", "jti", "at_hash", "c_hash",
}

// overlay lays userinfo's claims over the ID token's, key by key, and names those
// that userinfo gave.
func overlay(idToken, userinfo identity.Claims) (merged identity.Claims, from []string) {
	merged = maps.Clone(idToken)
	if merged == nil {
		merged = identity.Claims{}
	}
	for name, value := range userinfo {
		if slices.Contains(protocolClaims, name) {
			continue
		}
		merged[name] = value
		from = append(from, name)
	}
	slices.Sort(from)
	return merged, from
}

// subject builds who is there from verified claims.
func (p *Provider) subject(idToken, userinfo identity.Claims) identity.Subject {
	merged, from := overlay(idToken, userinfo)
	s := identity.Subject{
		Issuer: p.o.Issuer, ClientID: p.o.ClientID,
		Claims: merged, FromUserinfo: from,
		Name: displayName(merged),
	}
	address, vouched := email(idToken, userinfo)
	if vouched || p.o.AllowUnverifiedEmail {
		s.Email = address
	} else {
		s.UnverifiedEmail = address
	}
	s.ID, _ = idToken["sub"].(string)
	s.Context, _ = idToken["acr"].(string)
	if methods, ok := idToken["amr"].([]any); ok {
		for _, m := range methods {
			if method, ok := m.(string); ok {
				s.Methods = append(s.Methods, method)
			}
		}
	}
	// Where the token does not say when, the person may have been signed in to the
	// provider for days: the end of our sign-in is no answer.
	if at, err := instant(idToken, "auth_time", true); err == nil {
		s.AuthenticatedAt = at
	}
	return s
}

// email returns the address that the provider gives, "" if there is no usable
// one, and whether it vouches for it. The address is userinfo's where it has one,
// else the ID token's, and so is email_verified; only where that source is silent
// about an address that both sources have does the other one's word count. A "no"
// from either about that address is final, and silence is no "yes".
func email(idToken, userinfo identity.Claims) (address string, vouched bool) {
	first, second := userinfo, idToken
	if _, there := first["email"]; !there {
		first, second = idToken, userinfo
	}
	address, _ = first["email"].(string)
	vouched, said := verifiedWord(first)
	if second["email"] == any(address) {
		if v, ok := verifiedWord(second); ok {
			vouched = v && (vouched || !said)
		}
	}
	return plausibleEmail(address), vouched
}

// verifiedWord reads email_verified: true and "true" vouch, anything else that is
// there does not.
func verifiedWord(c identity.Claims) (vouched, said bool) {
	value, said := c["email_verified"]
	return value == any(true) || value == any("true"), said
}

// plausibleEmail trims the address and returns "" for one that two readers could
// take for different ones: two @, spaces, control characters, an empty half, a
// domain with an empty label.
func plausibleEmail(address string) string {
	address = strings.TrimSpace(address)
	local, domain, _ := strings.Cut(address, "@")
	if local == "" || domain == "" || strings.Contains(domain, "@") || len(address) > maxEmail {
		return ""
	}
	if strings.Contains("."+domain+".", "..") {
		return ""
	}
	if strings.ContainsFunc(address, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }) {
		return ""
	}
	return address
}

// displayName is for people to read: name, else the two halves, else the user name.
func displayName(c identity.Claims) string {
	text := func(name string) string {
		s, _ := c[name].(string)
		s = strings.TrimSpace(strings.Map(func(r rune) rune {
			if !unicode.IsPrint(r) {
				return -1
			}
			return r
		}, s))
		if runes := []rune(s); len(runes) > maxName {
			s = string(runes[:maxName])
		}
		return s
	}
	if name := text("name"); name != "" {
		return name
	}
	if name := strings.TrimSpace(text("given_name") + " " + text("family_name")); name != "" {
		return name
	}
	return text("preferred_username")
}
