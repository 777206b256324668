package oidc

import (
	"context"
	"crypto/subtle"
	"errors"

	"sallyport/identity"
	"sallyport/idp"
)

// Exchange redeems the code, verifies all that came and merges userinfo. A
// userinfo that fails fails the sign-in: what a session starts with is whole.
// The tokens come back with some errors too, for the caller to revoke.
func (p *Provider) Exchange(ctx context.Context, c idp.Callback) (identity.Subject, idp.Tokens, error) {
	if c.Code == "" || c.Nonce == "" || c.Verifier == "" || c.RedirectURI == "" {
		return identity.Subject{}, idp.Tokens{}, errors.New("oidc: expected code, nonce, verifier and redirect URI")
	}
	ctx, cancel := context.WithTimeout(ctx, exchangeTimeout)
	defer cancel()
	e, err := p.endpoints(ctx)
	if err != nil {
		return identity.Subject{}, idp.Tokens{}, err
	}
	if err := checkCallbackIssuer(e, c.Issuer); err != nil {
		return identity.Subject{}, idp.Tokens{}, err
	}
	tokens, err := p.redeemCode(ctx, e, c)
	if err != nil {
		return identity.Subject{}, tokens, err
	}
	subject, err := p.believe(ctx, e, tokens, c.Nonce)
	return subject, tokens, p.logged(err)
}

// checkCallbackIssuer is RFC 9207: a code that another provider issued is not
// carried to this one.
func checkCallbackIssuer(e *endpoints, issuer string) error {
	if issuer == "" && e.IssuerParam {
		return invalid("callback names no issuer, though the provider always does")
	}
	if issuer != "" && subtle.ConstantTimeCompare([]byte(issuer), []byte(e.Issuer)) != 1 {
		return invalid("callback is of issuer %q, expected %q", clip(issuer, 200), e.Issuer)
	}
	return nil
}

func (p *Provider) believe(ctx context.Context, e *endpoints, t idp.Tokens, nonce string) (identity.Subject, error) {
	if t.ID == "" {
		return identity.Subject{}, invalid("token endpoint sent no id token")
	}
	claims, err := p.verify(ctx, e, t.ID, expected{nonce: nonce, access: t.Access})
	if err != nil {
		return identity.Subject{}, err
	}
	sub, _ := claims["sub"].(string)
	userinfo, err := p.userinfo(ctx, e, t.Access, sub)
	if err != nil {
		return identity.Subject{}, err
	}
	return p.subject(claims, userinfo), nil
}

// logged says loudly what must not be trusted; the person only learns that the
// sign-in failed.
func (p *Provider) logged(err error) error {
	var bad *idp.InvalidError
	if errors.As(err, &bad) {
		p.log.Warn("identity provider answer refused", "issuer", p.o.Issuer, "client_id", p.o.ClientID, "reason", bad.What)
	}
	return err
}
