package oidc_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"sallyport/identity"
	"sallyport/idp"
	"sallyport/idp/oidc"
	"sallyport/internal/oktatest"
)

const (
	standInClient   = "0oaSallyportTest0001"
	standInCallback = "https://auth.example.com/oauth2/callback"
	standInVerifier = "a-verifier-that-is-long-enough-for-rfc-7636-of-course"
)

func standIn(t *testing.T, change func(*oktatest.Client)) *oktatest.Okta {
	t.Helper()
	c := oktatest.Client{
		ID: standInClient, Secret: "a secret: with +&= in it", RedirectURIs: []string{standInCallback},
		PostLogoutRedirectURIs: []string{"https://auth.example.com/out"}, RotateRefresh: true, ThinIDToken: true,
	}
	if change != nil {
		change(&c)
	}
	k, err := oktatest.New(oktatest.Options{
		Groups:  []oktatest.Group{{Name: "admins"}},
		People:  []oktatest.Person{{Login: "alice@example.com", Password: "wonderland", FirstName: "Alice", LastName: "Liddell", Groups: []string{"admins"}}},
		Clients: []oktatest.Client{c},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	return k
}

func provider(t *testing.T, k *oktatest.Okta, change ...func(*oidc.Options)) *oidc.Provider {
	t.Helper()
	o := oidc.Options{
		Issuer: k.URL(), ClientID: standInClient, ClientSecret: "a secret: with +&= in it",
		Scopes: []string{"openid", "profile", "email", "groups", "offline_access"},
	}
	for _, f := range change {
		f(&o)
	}
	p, err := oidc.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var keyField = regexp.MustCompile(`name="okta_key" value="([^"]+)"`)

// code walks a browser through the stand-in's pages as alice.
func code(t *testing.T, k *oktatest.Okta, p *oidc.Provider) idp.Callback {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{
		Jar: jar,
		Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, k.Addr())
		}},
		CheckRedirect: func(r *http.Request, _ []*http.Request) error {
			if strings.HasPrefix(r.URL.String(), standInCallback) {
				return http.ErrUseLastResponse
			}
			return nil
		},
	}
	to, err := p.AuthURL(context.Background(), idp.AuthRequest{RedirectURI: standInCallback, State: "s", Nonce: "n", Verifier: standInVerifier})
	if err != nil {
		t.Fatal(err)
	}
	page, err := browser.Get(to)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(page.Body)
	_ = page.Body.Close()
	key := keyField.FindSubmatch(body)
	if key == nil {
		t.Fatalf("no sign-in form: %d %s", page.StatusCode, body)
	}
	answer, err := browser.PostForm(k.URL()+"/login/login.htm", url.Values{"okta_key": {string(key[1])}, "username": {"alice@example.com"}, "password": {"wonderland"}})
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	back, err := answer.Location()
	if err != nil || back.Query().Get("state") != "s" || back.Query().Get("code") == "" {
		t.Fatalf("sign-in led to %v, %v", back, err)
	}
	return idp.Callback{RedirectURI: standInCallback, Code: back.Query().Get("code"), Issuer: back.Query().Get("iss"), Nonce: "n", Verifier: standInVerifier}
}

func signIn(t *testing.T, k *oktatest.Okta, p *oidc.Provider) (identity.Subject, idp.Tokens) {
	t.Helper()
	s, tokens, err := p.Exchange(context.Background(), code(t, k, p))
	if err != nil {
		t.Fatal(err)
	}
	return s, tokens
}

func TestWholeLifeAtTheStandIn(t *testing.T) {
	ctx := context.Background()
	k := standIn(t, nil)
	p := provider(t, k)
	s, tokens := signIn(t, k, p)
	if s.ID != k.PersonID("alice@example.com") || s.Email != "alice@example.com" || s.Name != "Alice Liddell" || s.Issuer != k.URL() {
		t.Errorf("subject: %+v", s)
	}
	k.SetProfile("alice@example.com", map[string]any{"lastName": "Pleasance"})
	k.RotateKeys(true)
	k.Fail(oktatest.Fault{Path: "/oauth2/v1/keys", Act: oktatest.UnknownCurve()})
	next, fresh, err := p.Refresh(ctx, s, tokens)
	if err != nil && !errors.Is(err, idp.ErrUnavailable) {
		t.Fatal(err)
	}
	// Keys rotated within half a minute of the last fetch: an outage, and the new
	// refresh token is not lost.
	if errors.Is(err, idp.ErrUnavailable) {
		if fresh.Refresh == "" || fresh.Refresh == tokens.Refresh {
			t.Fatalf("the new refresh token was lost: %v", err)
		}
		p = provider(t, k)
		next, fresh, err = p.Refresh(ctx, s, fresh)
	}
	if err != nil || next.Name != "Alice Pleasance" || next.ID != s.ID || fresh.Refresh == tokens.Refresh {
		t.Errorf("refresh: %+v, %v", next, err)
	}
	if _, limit, _ := p.TokenBudget(); limit == 0 {
		t.Error("the stand-in's rate limit was not seen")
	}
	if to := p.LogoutURL(ctx, fresh.ID, "https://auth.example.com/out", "s"); !strings.HasPrefix(to, k.URL()+"/oauth2/v1/logout?") {
		t.Errorf("logout: %q", to)
	}
	if err := p.Revoke(ctx, fresh); err != nil {
		t.Error(err)
	}
	var refused *idp.RefusedError
	if _, _, err := p.Refresh(ctx, next, fresh); !errors.As(err, &refused) {
		t.Errorf("after revocation: got %v, want a RefusedError", err)
	}
	if err := p.Check(ctx); err != nil {
		t.Errorf("check: %v", err)
	}
}

func TestCodeIsGoodForOneSignIn(t *testing.T) {
	k := standIn(t, nil)
	p := provider(t, k)
	cb := code(t, k, p)
	if _, _, err := p.Exchange(context.Background(), cb); err != nil {
		t.Fatal(err)
	}
	var refused *idp.RefusedError
	if _, _, err := p.Exchange(context.Background(), cb); !errors.As(err, &refused) {
		t.Errorf("used twice: got %v, want a RefusedError", err)
	}
	other := code(t, k, p)
	other.Verifier = strings.Repeat("x", 43)
	if _, _, err := p.Exchange(context.Background(), other); !errors.As(err, &refused) {
		t.Errorf("another verifier: got %v, want a RefusedError", err)
	}
}

func TestStandInsLiesAreRefused(t *testing.T) {
	for name, lie := range map[string]oktatest.Mutation{
		"no subject": oktatest.MissingSubject(), "empty subject": oktatest.EmptySubject(), "long subject": oktatest.LongSubject(),
		"another subject": oktatest.OtherSubject(), // userinfo knows better
		"no iat":          oktatest.MissingIssuedAt(), "iat ahead": oktatest.IssuedAhead(time.Hour), "expired": oktatest.Expired(),
		"foreign party": oktatest.ForeignParty(), "two audiences": oktatest.TwoAudiences(), "wrong party": oktatest.WrongParty(),
		"wrong audience": oktatest.WrongAudience(), "wrong nonce": oktatest.WrongNonce(), "no nonce": oktatest.MissingNonce(),
		"wrong at_hash": oktatest.WrongAccessHash(), "other issuer": oktatest.OtherIssuer("https://evil.example"),
		"alg none": oktatest.AlgNone(), "unsigned": oktatest.Unsigned(), "HMAC with public key": oktatest.HMACWithPublicKey(),
		"foreign key": oktatest.ForeignKey(), "broken signature": oktatest.BrokenSignature(), "unknown key": oktatest.UnknownKey(),
	} {
		t.Run(name, func(t *testing.T) {
			k := standIn(t, nil)
			p := provider(t, k)
			k.Mutate(lie)
			_, _, err := p.Exchange(context.Background(), code(t, k, p))
			var bad *idp.InvalidError
			if !errors.As(err, &bad) {
				t.Errorf("got %v, want an InvalidError", err)
			}
		})
	}
}

func TestFaultsAtRefreshEndNoSession(t *testing.T) {
	k := standIn(t, nil)
	p := provider(t, k)
	s, tokens := signIn(t, k, p)
	for name, act := range map[string]oktatest.Act{
		"429 that says invalid_grant": oktatest.TooManyGrants(), "429": oktatest.TooManyRequests(5 * time.Second),
		"500": oktatest.ServerError(), "HTML": oktatest.HTML(), "EOF": oktatest.EOF(), "reset": oktatest.Reset(), "cut off": oktatest.Truncate(20),
		"huge": oktatest.Huge(8 << 20), "redirect": oktatest.Redirect("https://evil.example/"),
		"client refused": oktatest.OAuthError(401, "invalid_client", "The client secret supplied is invalid."),
	} {
		clear := k.Fail(oktatest.Fault{Path: "/oauth2/v1/token", Act: act})
		k.ForgetRequests()
		_, got, err := p.Refresh(context.Background(), s, tokens)
		clear()
		var refused *idp.RefusedError
		if !errors.Is(err, idp.ErrUnavailable) || errors.As(err, &refused) {
			t.Errorf("%s: got %v, want ErrUnavailable", name, err)
		}
		if n := k.Count("POST", "/oauth2/v1/token"); n != 1 {
			t.Errorf("%s: the refresh token was sent %d times", name, n)
		}
		if got.Refresh != "" {
			tokens = got
		}
	}
	k.SetStatus("alice@example.com", identity.StatusDeprovisioned)
	var refused *idp.RefusedError
	if _, _, err := p.Refresh(context.Background(), s, tokens); !errors.As(err, &refused) {
		t.Errorf("deactivated: got %v, want a RefusedError", err)
	}
}

func TestUnverifiedAddressIsNoEmail(t *testing.T) {
	for name, value := range map[string]any{"false": false, "text": "false", "absent": nil} {
		k := standIn(t, func(c *oktatest.Client) { c.ThinIDToken = false })
		p := provider(t, k)
		k.Mutate(oktatest.EmailVerified(value))
		k.MutateUserInfo(func(claims map[string]any) {
			if value == nil {
				delete(claims, "email_verified")
			} else {
				claims["email_verified"] = value
			}
		})
		if s, _ := signIn(t, k, p); s.Email != "" || s.UnverifiedEmail != "alice@example.com" {
			t.Errorf("%s: e-mail %q counts, %q is kept as unverified", name, s.Email, s.UnverifiedEmail)
		}
		p = provider(t, k, func(o *oidc.Options) { o.AllowUnverifiedEmail = true })
		if s, _ := signIn(t, k, p); s.Email != "alice@example.com" || s.UnverifiedEmail != "" {
			t.Errorf("%s: e-mail %q, unverified %q, though the address may count", name, s.Email, s.UnverifiedEmail)
		}
	}
}
