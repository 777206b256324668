package oktatest

import (
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"slices"
	"strings"
	"time"
)

// idLifetime is the ID token's, fixed at Okta's org server.
const idLifetime = time.Hour

// accessType is the "typ" of the org server's access tokens, which only Okta
// itself is to read.
const accessType = "application/okta-internal-at+jwt"

// issue makes the tokens of one answer.
func (k *Okta) issue(grant string, p person, c *client, f *family, scopes []string) tokenAnswer {
	now, key := k.clock.now(), k.keys.current()
	at := accessToken{
		family: f, id: "AT." + secret(32), scopes: scopes, issued: now, expires: now.Add(c.AccessLifetime),
	}
	answer := tokenAnswer{
		Type: "Bearer", Expires: int(c.AccessLifetime / time.Second), Scope: strings.Join(scopes, " "),
		Access: key.sign(key.header(accessType), k.accessClaims(p, at), SignRS256),
	}
	k.grants.addAccess(answer.Access, at)
	if slices.Contains(scopes, "openid") {
		answer.ID = k.idToken(grant, p, c, at, answer.Access)
	}
	return answer
}

func (k *Okta) accessClaims(p person, t accessToken) map[string]any {
	return map[string]any{
		"ver": 1, "jti": t.id, "iss": k.url, "aud": k.url, "sub": p.Login, "iat": t.issued.Unix(),
		"exp": t.expires.Unix(), "cid": t.clientID, "uid": p.ID, "scp": t.scopes, "auth_time": t.authTime.Unix(),
	}
}

// idToken makes an ID token; mutations set by Mutate have the last word. The
// nonce is that of the authorization request and comes with its code only.
func (k *Okta) idToken(grant string, p person, c *client, at accessToken, access string) string {
	claims := map[string]any{
		"sub": p.ID, "ver": 1, "iss": k.url, "aud": c.ID, "iat": at.issued.Unix(),
		"exp": at.issued.Add(idLifetime).Unix(), "jti": "ID." + secret(32), "amr": at.methods,
		"idp": k.org.id, "auth_time": at.authTime.Unix(), "at_hash": accessHash(access),
	}
	if grant == grantCode && at.nonce != "" {
		claims["nonce"] = at.nonce
	}
	if at.acr != "" {
		claims["acr"] = at.acr
	}
	if !c.ThinIDToken {
		maps.Copy(claims, k.scopeClaims(p, c, at.scopes, false))
	}
	key := k.keys.current()
	t := &IDToken{Grant: grant, Header: key.header(""), Claims: claims}
	k.lies.token(t)
	return key.sign(t.Header, t.Claims, t.Signing)
}

// scopeClaims are the claims that scopes give. The ID token has few of them,
// userinfo all.
func (k *Okta) scopeClaims(p person, c *client, scopes []string, all bool) map[string]any {
	claims := map[string]any{}
	if slices.Contains(scopes, "profile") {
		claims["name"], claims["preferred_username"] = p.displayName(), p.Login
		if all {
			claims["given_name"], claims["family_name"] = p.FirstName, p.LastName
			claims["locale"], claims["zoneinfo"] = p.attribute("locale", "en_US"), p.attribute("timezone", "America/Los_Angeles")
			claims["updated_at"] = p.updated.Unix()
		}
	}
	if slices.Contains(scopes, "email") {
		claims["email"], claims["email_verified"] = p.Email, !p.Unverified
	}
	if slices.Contains(scopes, "groups") {
		claims["groups"] = k.org.groupNames(p.ID, c)
	}
	return claims
}

func (p person) displayName() string {
	return or(strings.TrimSpace(p.FirstName+" "+p.LastName), p.Login)
}

func (p person) attribute(name, otherwise string) string {
	value, _ := p.Profile[name].(string)
	return or(value, otherwise)
}

// groupNames is the "groups" claim: names, not ids, as Okta sends them.
func (o *org) groupNames(personID string, c *client) []string {
	o.mu.RLock()
	defer o.mu.RUnlock()
	all := []string{}
	p, ok := o.people.get(personID)
	if !ok {
		return all
	}
	for _, g := range o.groupsOf(p) {
		if c.GroupsFilter == nil || c.GroupsFilter(g.Name) {
			all = append(all, g.Name)
		}
	}
	return all
}

// accessHash is "at_hash" for RS256 (OpenID Connect Core §3.1.3.6).
func accessHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}
