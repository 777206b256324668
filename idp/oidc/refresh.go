package oidc

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"slices"
	"strings"

	"sallyport/identity"
	"sallyport/idp"
)

// Refresh redeems the refresh token. Once the redemption was sent it is not
// given up with ctx, because a provider that rotates has spent the old token by
// then; everything ends by exchangeTimeout.
//
// Tokens with a Refresh that come back together with an error were issued: store
// them before anything else when the error is an ErrUnavailable (the old ones
// are spent, only the check of the new ones could not be made), revoke them when
// it is an *idp.InvalidError.
func (p *Provider) Refresh(ctx context.Context, prev identity.Subject, t idp.Tokens) (identity.Subject, idp.Tokens, error) {
	if prev.Issuer != p.o.Issuer || prev.ClientID != p.o.ClientID {
		return identity.Subject{}, idp.Tokens{}, invalid("session is of client %q at %q, not of client %q at %q",
			prev.ClientID, prev.Issuer, p.o.ClientID, p.o.Issuer)
	}
	if t.Refresh == "" {
		return identity.Subject{}, idp.Tokens{}, errors.New("oidc: expected a refresh token, got none")
	}
	e, err := p.endpoints(ctx)
	if err != nil {
		return identity.Subject{}, idp.Tokens{}, err
	}
	if err := ctx.Err(); err != nil {
		return identity.Subject{}, idp.Tokens{}, unavailable(err, "refresh not begun: %v", err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), exchangeTimeout)
	defer cancel()
	fresh, err := p.redeemRefresh(ctx, e, t.Refresh)
	if err != nil {
		return identity.Subject{}, carryOver(fresh, t), err
	}
	subject, err := p.renew(ctx, e, prev, t, fresh)
	return subject, carryOver(fresh, t), p.logged(forgiveClock(err))
}

// forgiveClock makes an unavailability of what failed for the time alone: clocks
// say nothing about the person, and the session stays.
func forgiveClock(err error) error {
	var clock *clockError
	if errors.As(err, &clock) {
		return unavailable(nil, "%s", clock.What)
	}
	return err
}

// carryOver keeps the ID token where no new one came, for the next comparison
// and for sign-out. Tokens that were not issued are not invented.
func carryOver(fresh, old idp.Tokens) idp.Tokens {
	if fresh.Access != "" && fresh.ID == "" {
		fresh.ID = old.ID
	}
	return fresh
}

func (p *Provider) renew(ctx context.Context, e *endpoints, prev identity.Subject, old, fresh idp.Tokens) (identity.Subject, error) {
	first := storedClaims(old.ID)
	claims := first
	if fresh.ID != "" {
		var err error
		claims, err = p.verify(ctx, e, fresh.ID, expected{access: fresh.Access, refresh: true})
		if err != nil {
			return identity.Subject{}, err
		}
		if err := continues(claims, first, prev); err != nil {
			return identity.Subject{}, err
		}
	}
	if claims == nil {
		claims = without(prev.Claims, prev.FromUserinfo)
	}
	userinfo, err := p.userinfo(ctx, e, fresh.Access, prev.ID)
	var bad *idp.InvalidError
	switch {
	case errors.As(err, &bad):
		return identity.Subject{}, err
	case err != nil:
		p.log.Warn("userinfo failed at refresh, its claims are kept", "issuer", p.o.Issuer, "error", err)
		userinfo = only(prev.Claims, prev.FromUserinfo)
	}
	next := p.subject(claims, userinfo)
	next.ID = prev.ID
	if _, said := claims["auth_time"]; !said {
		next.AuthenticatedAt = prev.AuthenticatedAt
	}
	return next, nil
}

// continues is OIDC Core §12.2: the new ID token speaks of the same person, to
// the same party, about the same sign-in.
func continues(claims, first identity.Claims, prev identity.Subject) error {
	if sub, _ := claims["sub"].(string); sub != prev.ID {
		return invalid("refreshed id token is about another subject than the session")
	}
	if first == nil {
		return nil
	}
	was, err := audienceOf(first)
	if err != nil {
		return nil // nothing to compare with
	}
	is, err := audienceOf(claims)
	if err != nil {
		return err
	}
	slices.Sort(was)
	slices.Sort(is)
	if !slices.Equal(was, is) {
		return invalid("refreshed id token is for %q, the first was for %q", is, was)
	}
	if first["azp"] != claims["azp"] {
		return invalid("refreshed id token names another authorized party than the first")
	}
	if at, there := claims["auth_time"]; there && first["auth_time"] != nil && at != first["auth_time"] {
		return invalid("refreshed id token is of another authentication than the first")
	}
	if nonce, there := claims["nonce"]; there && !equalText(nonce, first["nonce"]) {
		return invalid("refreshed id token carries another nonce than the first")
	}
	return nil
}

func equalText(a, b any) bool {
	x, ok1 := a.(string)
	y, ok2 := b.(string)
	return ok1 && ok2 && subtle.ConstantTimeCompare([]byte(x), []byte(y)) == 1
}

// storedClaims reads an ID token that was verified before it was stored; nil when
// there is none.
func storedClaims(raw string) identity.Claims {
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return nil
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil
	}
	claims, err := decodeClaims(payload)
	if err != nil {
		return nil
	}
	return claims
}

func without(c identity.Claims, names []string) identity.Claims {
	kept := identity.Claims{}
	for name, value := range c {
		if !slices.Contains(names, name) {
			kept[name] = value
		}
	}
	return kept
}

func only(c identity.Claims, names []string) identity.Claims {
	kept := identity.Claims{}
	for _, name := range names {
		if value, ok := c[name]; ok {
			kept[name] = value
		}
	}
	return kept
}
