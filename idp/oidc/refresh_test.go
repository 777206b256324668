package oidc

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/identity"
	"sallyport/idp"
)

func (r *rig) refresh(t *testing.T, prev identity.Subject, tokens idp.Tokens) (identity.Subject, idp.Tokens) {
	t.Helper()
	s, fresh, err := r.Refresh(context.Background(), prev, tokens)
	if err != nil {
		t.Fatalf("refresh: %v", err)
	}
	return s, fresh
}

func TestRefreshReplacesClaimsAsAWhole(t *testing.T) {
	o := newOP(t)
	o.claims = map[string]any{"department": "tea"}
	r := under(t, o)
	first, tokens := r.signIn(t)
	r.advance(30 * time.Minute)
	o.set(func() {
		o.now = r.now()
		o.claims = map[string]any{"title": "queen", "auth_time": first.AuthenticatedAt.Unix()}
		o.userinfo = map[string]any{"sub": testSubject, "email": "alice@new.example", "email_verified": "true"}
	})
	s, fresh := r.refresh(t, first, tokens)
	for name, want := range map[string]any{"title": "queen", "department": nil, "groups": nil, "email": "alice@new.example", "nonce": nil} {
		if s.Claims[name] != want {
			t.Errorf("claim %q is %v, want %v", name, s.Claims[name], want)
		}
	}
	if s.Email != "alice@new.example" || s.ID != first.ID || !s.AuthenticatedAt.Equal(first.AuthenticatedAt) {
		t.Errorf("subject: %+v", s)
	}
	if fresh.Refresh != "refresh-2-secret" || fresh.Access != "access-2-secret" || fresh.ID == tokens.ID {
		t.Errorf("tokens: %+v", fresh)
	}
	if got := o.forms[1]; got.Get("refresh_token") != "refresh-1-secret" || got.Get("grant_type") != "refresh_token" {
		t.Errorf("redeemed with %v", got)
	}
}

func TestUserinfoThatFailsAtRefreshKeepsItsClaims(t *testing.T) {
	o := newOP(t)
	o.claims = map[string]any{"groups": []any{"thin"}}
	r := under(t, o)
	first, tokens := r.signIn(t)
	o.handle("/userinfo", answer(503, "text/html", "down"))
	o.set(func() { o.claims = map[string]any{"title": "queen"} }) // and the id token has no groups any more
	s, _ := r.refresh(t, first, tokens)
	if diff := cmp.Diff(first.Claims["groups"], s.Claims["groups"]); diff != "" {
		t.Errorf("groups of userinfo (-before +after):\n%s", diff)
	}
	if s.Email != first.Email || s.Claims["title"] != "queen" || cmp.Diff(first.FromUserinfo, s.FromUserinfo) != "" {
		t.Errorf("subject: %+v", s)
	}
}

func TestRefreshWithoutAnIDTokenKeepsTheFirstOnes(t *testing.T) {
	o := newOP(t)
	o.claims = map[string]any{"department": "tea", "email": "thin@example.com"}
	r := under(t, o)
	first, tokens := r.signIn(t)
	o.set(func() {
		o.noIDToken = true
		o.userinfo = map[string]any{"sub": testSubject, "zoneinfo": "Europe/London"}
	})
	s, fresh := r.refresh(t, first, tokens)
	if s.Claims["department"] != "tea" || s.Claims["zoneinfo"] != "Europe/London" || s.Claims["groups"] != nil {
		t.Errorf("claims: %v", s.Claims)
	}
	if s.Claims["email"] != "thin@example.com" || s.Email != "" {
		t.Errorf("e-mail %q of claim %v: userinfo no longer vouches for one", s.Email, s.Claims["email"])
	}
	if fresh.ID != tokens.ID || !s.AuthenticatedAt.Equal(first.AuthenticatedAt) || s.Context != "high" {
		t.Errorf("id token or authentication did not stay: %+v", s)
	}
	// And the next one still compares with the first.
	o.set(func() { o.noIDToken, o.claims = false, map[string]any{"sub": "00uevil"} })
	var bad *idp.InvalidError
	if _, _, err := r.Refresh(context.Background(), s, fresh); !errors.As(err, &bad) {
		t.Errorf("another subject: got %v, want an InvalidError", err)
	}
}

func TestRefreshTokenThatIsNotRotatedStays(t *testing.T) {
	o := newOP(t)
	r := under(t, o)
	first, tokens := r.signIn(t)
	o.handle("/token", answer(200, "application/json", `{"access_token":"a2","token_type":"bearer","expires_in":60}`))
	if _, fresh := r.refresh(t, first, tokens); fresh.Refresh != tokens.Refresh || fresh.Access != "a2" {
		t.Errorf("got %+v", fresh)
	}
}

// OIDC Core §12.2.
func TestRefreshedIDTokenOfAnythingElseIsRefused(t *testing.T) {
	for _, c := range []struct {
		name   string
		claims map[string]any
		says   string
	}{
		{"issuer", map[string]any{"iss": "https://evil.example"}, "different provider"},
		{"subject", map[string]any{"sub": "00uevil"}, "another subject"},
		{"audience", map[string]any{"aud": "0oaElse"}, "expected audience"},
		{"one audience more", map[string]any{"aud": []string{testClient, "0oaElse"}, "azp": testClient}, "the first was for"},
		{"party", map[string]any{"azp": testClient}, "another authorized party"},
		{"authentication", map[string]any{"auth_time": 1_700_000_000}, "another authentication"},
		{"nonce", map[string]any{"nonce": "other"}, "another nonce"},
		{"access token", map[string]any{"at_hash": "AAAA"}, "at_hash"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := newOP(t)
			r := under(t, o)
			first, tokens := r.signIn(t)
			o.set(func() { o.claims = c.claims })
			_, fresh, err := r.Refresh(context.Background(), first, tokens)
			var bad *idp.InvalidError
			if !errors.As(err, &bad) || !strings.Contains(err.Error(), c.says) || errors.Is(err, idp.ErrUnavailable) {
				t.Errorf("got %v, want an InvalidError that says %q", err, c.says)
			}
			if fresh.Refresh != "refresh-2-secret" {
				t.Errorf("what was issued did not come back for revocation: %+v", fresh)
			}
		})
	}
	t.Run("the same nonce is fine", func(t *testing.T) {
		o := newOP(t)
		r := under(t, o)
		first, tokens := r.signIn(t)
		o.set(func() { o.claims = map[string]any{"nonce": testNonce} })
		r.refresh(t, first, tokens)
	})
	t.Run("userinfo of another", func(t *testing.T) {
		o := newOP(t)
		r := under(t, o)
		first, tokens := r.signIn(t)
		o.set(func() { o.userinfo = map[string]any{"sub": "00uevil"} })
		var bad *idp.InvalidError
		if _, _, err := r.Refresh(context.Background(), first, tokens); !errors.As(err, &bad) {
			t.Errorf("got %v, want an InvalidError", err)
		}
	})
}

// The old refresh token is spent by then: losing the new one would end the
// session at the next reuse detection.
func TestTokensIssuedBeforeAnOutageComeBack(t *testing.T) {
	for name, spoil := range map[string]func(*op, *rig){
		"keys cannot be had": func(o *op, r *rig) {
			r.advance(keysHardAge + time.Second)
			o.now = r.now()
			o.handlers["/keys"] = answer(503, "text/plain", "down")
		},
		"our clock is behind": func(_ *op, r *rig) { r.advance(-5 * time.Minute) },
		"our clock is ahead":  func(_ *op, r *rig) { r.advance(2 * time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			o := newOP(t)
			r := under(t, o)
			first, tokens := r.signIn(t)
			o.set(func() { spoil(o, r) })
			_, fresh, err := r.Refresh(context.Background(), first, tokens)
			var bad *idp.InvalidError
			if !errors.Is(err, idp.ErrUnavailable) || errors.As(err, &bad) {
				t.Errorf("got %v, want ErrUnavailable and no InvalidError", err)
			}
			if fresh.Refresh != "refresh-2-secret" {
				t.Errorf("the new refresh token was lost: %+v", fresh)
			}
		})
	}
}

func TestSessionOfAnotherClientIsNotRefreshed(t *testing.T) {
	o := newOP(t)
	r := under(t, o)
	for _, prev := range []identity.Subject{
		{Issuer: o.URL, ID: testSubject, ClientID: "0oaElse"},
		{Issuer: "https://old.example", ID: testSubject, ClientID: testClient},
	} {
		var bad *idp.InvalidError
		if _, _, err := r.Refresh(context.Background(), prev, idp.Tokens{Refresh: "r"}); !errors.As(err, &bad) {
			t.Errorf("%+v: got %v, want an InvalidError", prev, err)
		}
	}
	prev := identity.Subject{Issuer: o.URL, ID: testSubject, ClientID: testClient}
	if _, _, err := r.Refresh(context.Background(), prev, idp.Tokens{}); err == nil || errors.Is(err, idp.ErrUnavailable) {
		t.Errorf("without a refresh token: got %v", err)
	}
	if n := o.count("/token"); n != 0 {
		t.Errorf("the token endpoint was asked %d times", n)
	}
}

func TestRefreshUnderWayOutlivesItsCaller(t *testing.T) {
	o := newOP(t)
	r := under(t, o)
	first, tokens := r.signIn(t)
	ctx, cancel := context.WithCancel(context.Background())
	o.handle("/token", func(w http.ResponseWriter, req *http.Request) {
		cancel() // the caller goes while the provider rotates
		o.serveToken(w, req)
	})
	if _, fresh, err := r.Refresh(ctx, first, tokens); err != nil || fresh.Refresh != "refresh-2-secret" {
		t.Errorf("got %+v, %v; want the new tokens", fresh, err)
	}
	if _, _, err := r.Refresh(ctx, first, tokens); !errors.Is(err, idp.ErrUnavailable) || o.count("/token") != 2 {
		t.Errorf("with a context that had ended: %v, %d requests", err, o.count("/token"))
	}
}

func TestTokenBudgetIsWhatTheHeadersSaid(t *testing.T) {
	o := newOP(t)
	r := under(t, o)
	if _, limit, _ := r.TokenBudget(); limit != 0 {
		t.Errorf("before any answer: limit %d", limit)
	}
	o.handle("/token", func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("X-Rate-Limit-Limit", "1200")
		w.Header().Set("X-Rate-Limit-Remaining", "1100")
		w.Header().Set("X-Rate-Limit-Reset", "1774857408")
		w.Header().Set("Date", "Mon, 30 Mar 2026 07:56:18 GMT")
		o.serveToken(w, req)
	})
	_, _, _ = r.Exchange(context.Background(), callback())
	remaining, limit, reset := r.TokenBudget()
	if remaining != 1100 || limit != 1200 || !reset.Equal(r.now().Add(30*time.Second)) {
		t.Errorf("got %d of %d until %v", remaining, limit, reset)
	}
}
