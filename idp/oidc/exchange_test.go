package oidc

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sallyport/identity"
	"sallyport/idp"
)

func TestSignInMakesTheWholeSubject(t *testing.T) {
	o := newOP(t)
	s, tokens := under(t, o).signIn(t)
	want := identity.Subject{
		Issuer: o.URL, ID: testSubject, ClientID: testClient, Email: "alice@example.com", Name: "Alice Liddell",
		AuthenticatedAt: o.now.Add(-time.Minute), Methods: []string{"pwd", "mfa"}, Context: "high",
		FromUserinfo: []string{"email", "email_verified", "groups"},
	}
	claims := s.Claims
	s.Claims = nil
	if diff := cmp.Diff(want, s, cmpopts.IgnoreUnexported(identity.Subject{})); diff != "" {
		t.Errorf("subject (-want +got):\n%s", diff)
	}
	if claims["nonce"] != testNonce || claims["email"] != "alice@example.com" || claims["name"] != "Alice Liddell" {
		t.Errorf("claims are not those of both sources: %v", claims)
	}
	if tokens.Access != "access-1-secret" || tokens.Refresh != "refresh-1-secret" || !tokens.AccessExpires.Equal(o.now.Add(time.Hour)) {
		t.Errorf("tokens: %+v", tokens)
	}
	form := o.forms[0]
	if form.Get("code") != "code-secret" || form.Get("code_verifier") != testVerifier || form.Get("redirect_uri") != testCallback {
		t.Errorf("the code was redeemed with %v", form)
	}
}

func TestCallbackIssuerIsHeldAgainstOurs(t *testing.T) {
	for _, c := range []struct {
		name     string
		issuer   func(*op) string
		promised bool
		ok       bool
	}{
		{"absent", func(*op) string { return "" }, false, true},
		{"ours", func(o *op) string { return o.URL }, false, true},
		{"ours, promised", func(o *op) string { return o.URL }, true, true},
		{"another's", func(*op) string { return "https://evil.example" }, false, false},
		{"ours with a slash", func(o *op) string { return o.URL + "/" }, false, false},
		{"absent, promised", func(*op) string { return "" }, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := newOP(t)
			o.discovery = map[string]any{"authorization_response_iss_parameter_supported": c.promised}
			cb := callback()
			cb.Issuer = c.issuer(o)
			_, _, err := under(t, o).Exchange(context.Background(), cb)
			var bad *idp.InvalidError
			if c.ok != (err == nil) || !c.ok && !errors.As(err, &bad) {
				t.Errorf("got %v", err)
			}
			if !c.ok && o.count("/token") != 0 {
				t.Error("the code was carried to our provider all the same")
			}
		})
	}
}

// x/oauth2 with a default client re-posts code, verifier and secret wherever a
// 307 points.
func TestTokenRequestFollowsNoRedirect(t *testing.T) {
	var reached atomic.Int32
	thief := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	defer thief.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		o := newOP(t)
		o.handle("/token", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, thief.URL, status) })
		r := under(t, o, func(p *Options) { p.HTTP = http.DefaultClient }) // even where we were handed one that follows
		if _, _, err := r.Exchange(context.Background(), callback()); !errors.Is(err, idp.ErrUnavailable) {
			t.Errorf("status %d at sign-in: got %v, want ErrUnavailable", status, err)
		}
		prev := identity.Subject{Issuer: o.URL, ID: testSubject, ClientID: testClient}
		if _, _, err := r.Refresh(context.Background(), prev, idp.Tokens{Refresh: "r"}); !errors.Is(err, idp.ErrUnavailable) {
			t.Errorf("status %d at refresh: got %v, want ErrUnavailable", status, err)
		}
		if n := o.count("/token"); n != 2 {
			t.Errorf("status %d: the token endpoint was asked %d times, want 2", status, n)
		}
	}
	if n := reached.Load(); n != 0 {
		t.Errorf("the redirects' target got %d requests", n)
	}
}

// tokenAnswers are answers of the token endpoint and what they mean.
var tokenAnswers = []struct {
	name    string
	h       http.HandlerFunc
	refused bool // *idp.RefusedError; else ErrUnavailable
	loud    bool // an error in the log: ours to mend
	after   time.Duration
}{
	{name: "400 invalid_grant", h: answer(400, "application/json", `{"error":"invalid_grant","error_description":"The refresh token is invalid or expired."}`), refused: true},
	{name: "401 invalid_grant", h: answer(401, "application/json;charset=UTF-8", `{"error":"invalid_grant"}`), refused: true},
	{name: "429 that says invalid_grant", h: answer(429, "application/json", `{"error":"invalid_grant"}`)},
	{name: "403 invalid_grant", h: answer(403, "application/json", `{"error":"invalid_grant"}`), loud: true},
	{name: "500 invalid_grant", h: answer(500, "application/json", `{"error":"invalid_grant"}`)},
	{name: "200 invalid_grant", h: answer(200, "application/json", `{"error":"invalid_grant"}`)},
	{name: "400 invalid_grant as a form", h: answer(400, "application/x-www-form-urlencoded", `error=invalid_grant`), loud: true},
	{name: "400 invalid_grant as text", h: answer(400, "text/plain", `error=invalid_grant`), loud: true},
	{name: "400 invalid_grant as HTML", h: answer(400, "text/html", `{"error":"invalid_grant"}`), loud: true},
	{name: "400 that is cut off", h: answer(400, "application/json", `{"error":"invalid_gr`), loud: true},
	{name: "401 invalid_client", h: answer(401, "application/json", `{"error":"invalid_client"}`), loud: true},
	{name: "400 unauthorized_client", h: answer(400, "application/json", `{"error":"unauthorized_client"}`), loud: true},
	{name: "400 a code with a line end", h: answer(400, "application/json", `{"error":"invalid_grant\n"}`), loud: true},
	{name: "400 that repeats what was sent", h: func(w http.ResponseWriter, r *http.Request) {
		_, secret, _ := r.BasicAuth()
		sendJSON(w, 400, map[string]string{"error": "invalid_grant", "error_description": r.PostForm.Get("refresh_token") + r.PostForm.Get("code") + secret})
	}, refused: true},
	{name: "503 HTML", h: answer(503, "text/html", `<html>access_token=leak-secret`)},
	{name: "200 HTML", h: answer(200, "text/html", `<html>access_token=leak-secret`)},
	{name: "200 cut off", h: answer(200, "application/json", `{"access_token":"leak-secret","ref`)},
	{name: "200 without a token", h: answer(200, "application/json", `{"refresh_token":"leak-secret"}`)},
	{name: "200 of another type", h: answer(200, "application/json", `{"access_token":"leak-secret","token_type":"DPoP"}`)},
	{name: "200 too large", h: answer(200, "application/json", `{"access_token":"`+strings.Repeat("x", 2<<20)+`"}`)},
	{name: "connection broken", h: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
	{name: "429 with Retry-After", h: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "17")
		w.WriteHeader(429)
	}, after: 17 * time.Second},
	{name: "429 with Okta's headers", h: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", "Mon, 29 Sep 2025 06:24:57 GMT")
		w.Header().Set("X-Rate-Limit-Reset", "1759127105")
		w.WriteHeader(429)
	}, after: 9 * time.Second},
}

func TestOnlyADefiniteRefusalIsOne(t *testing.T) {
	for _, c := range tokenAnswers {
		t.Run(c.name, func(t *testing.T) {
			o := newOP(t)
			o.handle("/token", c.h)
			r := under(t, o)
			prev := identity.Subject{Issuer: o.URL, ID: testSubject, ClientID: testClient}
			_, got, refreshErr := r.Refresh(context.Background(), prev, idp.Tokens{Refresh: "old-secret"})
			_, _, exchangeErr := r.Exchange(context.Background(), callback())
			for step, err := range map[string]error{"refresh": refreshErr, "exchange": exchangeErr} {
				var refused *idp.RefusedError
				if errors.As(err, &refused) != c.refused || errors.Is(err, idp.ErrUnavailable) == c.refused {
					t.Errorf("%s: got %v, refused should be %v", step, err, c.refused)
				}
				var bad *idp.InvalidError
				if errors.As(err, &bad) {
					t.Errorf("%s: got an InvalidError: %v", step, err)
				}
				var u *idp.UnavailableError
				if errors.As(err, &u) && u.RetryAfter != c.after {
					t.Errorf("%s: retry after %v, want %v", step, u.RetryAfter, c.after)
				}
				if strings.Contains(err.Error(), "-secret") {
					t.Errorf("%s: the error quotes the answer: %v", step, err)
				}
			}
			if n := o.count("/token"); n != 2 {
				t.Errorf("asked %d times, want once each", n)
			}
			if c.refused && got != (idp.Tokens{}) {
				t.Errorf("tokens came with a refusal: %+v", got)
			}
			logs := r.logs.String()
			if strings.Contains(logs, `"level":"ERROR"`) != c.loud {
				t.Errorf("loud should be %v:\n%s", c.loud, logs)
			}
			if strings.Contains(logs, "-secret") || strings.Contains(logs, testSecret) {
				t.Errorf("the log holds a secret:\n%s", logs)
			}
		})
	}
}

func TestUserinfoThatFailsFailsTheSignIn(t *testing.T) {
	for _, c := range []struct {
		name string
		h    http.HandlerFunc
		want error // nil: signed in
		bad  bool
	}{
		{name: "500", h: answer(500, "application/json", `{}`), want: idp.ErrUnavailable},
		{name: "401", h: answer(401, "application/json", ``), want: idp.ErrUnavailable},
		{name: "HTML", h: answer(200, "text/html", `<html>`), want: idp.ErrUnavailable},
		{name: "signed, which was not asked for", h: answer(200, "application/jwt", `a.b.c`), want: idp.ErrUnavailable},
		{name: "cut off", h: answer(200, "application/json", `{"sub":"`), want: idp.ErrUnavailable},
		{name: "too large", h: answer(200, "application/json", `{"sub":"`+testSubject+`","x":"`+strings.Repeat("x", 2<<20)+`"}`), want: idp.ErrUnavailable},
		{name: "another subject", h: answer(200, "application/json", `{"sub":"00uevil","email":"boss@example.com"}`), bad: true},
		{name: "no subject", h: answer(200, "application/json", `{"email":"boss@example.com"}`), bad: true},
		{name: "two subjects", h: answer(200, "application/json", `{"sub":"00uevil","sub":"`+testSubject+`"}`), want: idp.ErrUnavailable},
		{name: "subject in other letter case", h: answer(200, "application/json", `{"SUB":"`+testSubject+`"}`), bad: true},
		{name: "no scope for it", h: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", `Bearer error="insufficient_scope", error_description="..."`)
			w.WriteHeader(403)
		}},
		{name: "403 of a gateway", h: answer(403, "text/html", ``), want: idp.ErrUnavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := newOP(t)
			o.handle("/userinfo", c.h)
			_, tokens, err := under(t, o).Exchange(context.Background(), callback())
			var bad *idp.InvalidError
			if errors.As(err, &bad) != c.bad || !c.bad && !errors.Is(err, c.want) {
				t.Errorf("got %v", err)
			}
			if tokens.Refresh == "" {
				t.Error("what was issued did not come back for revocation")
			}
		})
	}
}

func TestUserinfoDoesNotOverlayWhatTheIDTokenProves(t *testing.T) {
	o := newOP(t)
	o.userinfo = map[string]any{
		"sub": testSubject, "iss": "https://evil.example", "aud": "x", "amr": []any{"mfa", "hwk"}, "acr": "higher",
		"auth_time": 1, "azp": "x", "exp": 1, "nonce": "x", "name": "A. Liddell",
	}
	o.claims = map[string]any{"amr": []string{"pwd"}, "acr": "low"}
	s, _ := under(t, o).signIn(t)
	if s.Context != "low" || cmp.Diff([]string{"pwd"}, s.Methods) != "" || s.Claims["iss"] != o.URL || s.Claims["acr"] != "low" {
		t.Errorf("userinfo changed what the id token proves: %+v", s)
	}
	if s.Name != "A. Liddell" || cmp.Diff([]string{"name"}, s.FromUserinfo) != "" {
		t.Errorf("userinfo's own claims: name %q, from %q", s.Name, s.FromUserinfo)
	}
}

func TestExchangeWithoutItsSecretsIsNotBegun(t *testing.T) {
	o := newOP(t)
	r := under(t, o)
	for name, spoil := range map[string]func(*idp.Callback){
		"code": func(c *idp.Callback) { c.Code = "" }, "nonce": func(c *idp.Callback) { c.Nonce = "" },
		"verifier": func(c *idp.Callback) { c.Verifier = "" }, "redirect": func(c *idp.Callback) { c.RedirectURI = "" },
	} {
		cb := callback()
		spoil(&cb)
		if _, _, err := r.Exchange(context.Background(), cb); err == nil || o.count("/token") != 0 {
			t.Errorf("without %s: got %v, %d token requests", name, err, o.count("/token"))
		}
	}
}

// That a sign-in ended just now says nothing about when the person proved who
// they are: the provider may have known them for days.
func TestWhenThePersonSignedInIsWhatTheTokenSays(t *testing.T) {
	o := newOP(t)
	o.drop = []string{"auth_time"}
	p := under(t, o)
	s, tokens := p.signIn(t)
	if !s.AuthenticatedAt.IsZero() {
		t.Errorf("got %s of a token that does not say", s.AuthenticatedAt)
	}
	next, _, err := p.Refresh(t.Context(), s, tokens)
	if err != nil || !next.AuthenticatedAt.IsZero() {
		t.Errorf("after a refresh: %s, %v", next.AuthenticatedAt, err)
	}
}
