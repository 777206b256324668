package oktatest_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"sallyport/internal/oktatest"
)

// relyingParty signs in with libraries that know nothing of the stand-in.
type relyingParty struct {
	*browser
	ctx      context.Context
	provider *oidc.Provider
	config   oauth2.Config
}

func newRelyingParty(t *testing.T, k *oktatest.Okta) *relyingParty {
	t.Helper()
	b := newBrowser(t, k)
	plain := &http.Client{Transport: b.Transport, Timeout: 10 * time.Second}
	ctx := oidc.ClientContext(t.Context(), plain)
	provider, err := oidc.NewProvider(ctx, k.URL())
	if err != nil {
		t.Fatal(err)
	}
	return &relyingParty{b, ctx, provider, oauth2.Config{
		ClientID: appID, ClientSecret: appSecret, Endpoint: provider.Endpoint(), RedirectURL: callback,
		Scopes: []string{"openid", "profile", "email", "offline_access"},
	}}
}

// exchange signs alice in.
func (p *relyingParty) exchange() (*oauth2.Token, error) {
	p.t.Helper()
	url := p.config.AuthCodeURL("the-state", oidc.Nonce("the-nonce"), oauth2.S256ChallengeOption(verifier))
	page := p.get(strings.TrimPrefix(url, p.k.URL()))
	if page.StatusCode == http.StatusOK {
		page = p.fill(page, "alice", "wonderland")
	}
	return p.config.Exchange(p.ctx, page.back(p.t).Get("code"), oauth2.VerifierOption(verifier))
}

// verify checks all that go-oidc checks, the access token's hash and the nonce.
func (p *relyingParty) verify(t *oauth2.Token) error {
	raw, _ := t.Extra("id_token").(string)
	id, err := p.provider.Verifier(&oidc.Config{ClientID: appID}).Verify(p.ctx, raw)
	if err != nil {
		return err
	}
	if id.Nonce != "the-nonce" {
		return errors.New("nonce")
	}
	if id.AccessTokenHash == "" {
		return errors.New("no at_hash")
	}
	return id.VerifyAccessToken(t.AccessToken)
}

func TestIndependentClientSignsInAndRefreshes(t *testing.T) {
	p := newRelyingParty(t, start(t, app(func(c *oktatest.Client) { c.RotateRefresh = true })))
	token, err := p.exchange()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.verify(token); err != nil {
		t.Error(err)
	}
	info, err := p.provider.UserInfo(p.ctx, oauth2.StaticTokenSource(token))
	if err != nil || info.Email != "alice@example.com" || !info.EmailVerified || info.Subject != p.k.PersonID("alice") {
		t.Errorf("got %+v, %v", info, err)
	}
	token.Expiry = time.Now().Add(-time.Minute)
	again, err := p.config.TokenSource(p.ctx, token).Token()
	if err != nil || again.AccessToken == token.AccessToken || again.RefreshToken == token.RefreshToken {
		t.Errorf("got %+v, %v, want other tokens", again, err)
	}
	if n := p.k.Count("POST", "/oauth2/v1/token"); n != 2 {
		t.Errorf("got %d token requests, want 2", n)
	}
}

func TestRotatedKeysVerifyAfterAFetch(t *testing.T) {
	p := newRelyingParty(t, start(t))
	for _, keepOld := range []bool{true, false} {
		old, err := p.exchange()
		if err != nil {
			t.Fatal(err)
		}
		p.k.RotateKeys(keepOld)
		if err := p.verify(old); err != nil && keepOld {
			t.Errorf("old token: %v", err)
		}
		now, err := p.exchange()
		if err != nil {
			t.Fatal(err)
		}
		if err := p.verify(now); err != nil {
			t.Errorf("new token: %v", err)
		}
	}
}

func TestIndependentClientRefusesEveryLie(t *testing.T) {
	for name, lie := range map[string]oktatest.Mutation{
		"alg none": oktatest.AlgNone(), "unsigned": oktatest.Unsigned(), "HMAC with the public key": oktatest.HMACWithPublicKey(),
		"foreign key": oktatest.ForeignKey(), "unknown key": oktatest.UnknownKey(), "broken signature": oktatest.BrokenSignature(),
		"expired": oktatest.Expired(), "other issuer": oktatest.OtherIssuer("https://evil.example.com"),
		"other audience": oktatest.WrongAudience(), "wrong nonce": oktatest.WrongNonce(), "no nonce": oktatest.MissingNonce(),
		"wrong at_hash": oktatest.WrongAccessHash(),
	} {
		t.Run(name, func(t *testing.T) {
			p := newRelyingParty(t, start(t))
			undo := p.k.Mutate(lie)
			token, err := p.exchange()
			if err != nil {
				t.Fatal(err)
			}
			if err := p.verify(token); err == nil {
				t.Error("accepted")
			}
			undo()
			if token, err = p.exchange(); err != nil {
				t.Fatal(err)
			}
			if err := p.verify(token); err != nil {
				t.Errorf("after undo: %v", err)
			}
		})
	}
}

// Lies that go-oidc lets pass are there for the relying party's own checks.
func TestLiesChangeWhatTheySay(t *testing.T) {
	k := start(t)
	claims := func(m oktatest.Mutation) map[string]any {
		defer k.Mutate(m)()
		_, c := claimsOf(t, newBrowser(t, k).signInTokens("alice", "wonderland").ID)
		return c
	}
	missing := func(name string) func(map[string]any) bool {
		return func(c map[string]any) bool { _, has := c[name]; return !has }
	}
	for name, c := range map[string]struct {
		lie  oktatest.Mutation
		lies func(map[string]any) bool
	}{
		"no subject":      {oktatest.MissingSubject(), missing("sub")},
		"empty subject":   {oktatest.EmptySubject(), func(c map[string]any) bool { return c["sub"] == "" }},
		"long subject":    {oktatest.LongSubject(), func(c map[string]any) bool { return len(c["sub"].(string)) > 255 }},
		"no iat":          {oktatest.MissingIssuedAt(), missing("iat")},
		"iat ahead":       {oktatest.IssuedAhead(2 * time.Hour), func(c map[string]any) bool { return c["iat"].(float64) > c["exp"].(float64) }},
		"foreign azp":     {oktatest.ForeignParty(), func(c map[string]any) bool { return len(c["aud"].([]any)) == 2 && c["azp"] != appID }},
		"two audiences":   {oktatest.TwoAudiences(), func(c map[string]any) bool { return len(c["aud"].([]any)) == 2 }},
		"wrong azp":       {oktatest.WrongParty(), func(c map[string]any) bool { return c["aud"] == appID && c["azp"] != appID }},
		"not verified":    {oktatest.EmailVerified(false), func(c map[string]any) bool { return c["email_verified"] == false }},
		"not said":        {oktatest.EmailVerified(nil), missing("email_verified")},
		"said in words":   {oktatest.EmailVerified("true"), func(c map[string]any) bool { return c["email_verified"] == "true" }},
		"only at refresh": {oktatest.AtRefresh(oktatest.OtherSubject()), func(c map[string]any) bool { return c["sub"] == k.PersonID("alice") }},
	} {
		if got := claims(c.lie); !c.lies(got) {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

func TestOtherSubjectAtRefreshAndInUserInfo(t *testing.T) {
	k := start(t)
	b := newBrowser(t, k)
	first := b.signInTokens("alice", "wonderland")
	defer k.Mutate(oktatest.AtRefresh(oktatest.OtherSubject()))()
	if _, c := claimsOf(t, b.token(refreshForm(first.Refresh), basic).ID); c["sub"] == k.PersonID("alice") {
		t.Error("refresh: the subject is the same")
	}
	undo := k.MutateUserInfo(func(c map[string]any) { c["sub"] = "00uSomebodyElse00000" })
	if got := decode[map[string]any](t, b.userInfo(first.Access))["sub"]; got != "00uSomebodyElse00000" {
		t.Errorf("userinfo: got sub %v", got)
	}
	undo()
	if got := decode[map[string]any](t, b.userInfo(first.Access))["sub"]; got != k.PersonID("alice") {
		t.Errorf("after undo: got sub %v", got)
	}
}

func TestServesTLSUnderAFixedIssuer(t *testing.T) {
	source := httptest.NewTLSServer(http.NotFoundHandler())
	certificate, root := source.TLS.Certificates[0], source.Certificate()
	source.Close()
	k := start(t, func(o *oktatest.Options) {
		o.Issuer, o.TLS = "https://example.com/", &tls.Config{Certificates: []tls.Certificate{certificate}}
	})
	if k.URL() != "https://example.com" {
		t.Errorf("got URL %q, want the issuer without its slash", k.URL())
	}
	b := newBrowser(t, k)
	roots := x509.NewCertPool()
	roots.AddCert(root)
	b.Transport.(checkedTransport).next.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: roots}
	answer := b.fill(b.authorize(), "alice", "wonderland")
	if answer.back(t).Get("code") == "" {
		t.Fatal("no code")
	}
	if c := answer.Cookies()[0]; !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteNoneMode {
		t.Errorf("got cookie %v, want Secure, HttpOnly, SameSite=None", c)
	}
}
