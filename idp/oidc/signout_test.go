package oidc

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"sallyport/idp"
)

func fixedNow() time.Time { return time.Unix(1_774_857_408, 0) }

func TestRevokeGivesUpTheRefreshToken(t *testing.T) {
	o := newOP(t)
	r := under(t, o)
	if err := r.Revoke(context.Background(), idp.Tokens{Refresh: "the-refresh", Access: "the-access"}); err != nil {
		t.Fatal(err)
	}
	if err := r.Revoke(context.Background(), idp.Tokens{Access: "the-access"}); err != nil {
		t.Fatal(err)
	}
	if err := r.Revoke(context.Background(), idp.Tokens{}); err != nil || o.count("/revoke") != 2 {
		t.Errorf("nothing to revoke: %v, %d requests", err, o.count("/revoke"))
	}
	for i, want := range []url.Values{
		{"token": {"the-refresh"}, "token_type_hint": {"refresh_token"}},
		{"token": {"the-access"}, "token_type_hint": {"access_token"}},
	} {
		if got := o.forms[i].Encode(); got != want.Encode() || !strings.HasPrefix(o.auths[i], "Basic ") {
			t.Errorf("request %d: form %q, authorization %q", i, got, o.auths[i])
		}
	}
}

func TestRevocationThatFailsSaysNothingMore(t *testing.T) {
	o := newOP(t)
	r := under(t, o)
	o.handle("/revoke", answer(503, "text/html", "the-refresh"))
	err := r.Revoke(context.Background(), idp.Tokens{Refresh: "the-refresh"})
	if !errors.Is(err, idp.ErrUnavailable) || strings.Contains(err.Error(), "the-refresh") {
		t.Errorf("got %v", err)
	}
	o2 := newOP(t)
	o2.discovery = map[string]any{"revocation_endpoint": ""}
	if err := under(t, o2).Revoke(context.Background(), idp.Tokens{Refresh: "x"}); err != nil {
		t.Errorf("a provider without revocation: %v", err)
	}
}

func TestLogoutURLNamesSessionAndWayBack(t *testing.T) {
	o := newOP(t)
	r := under(t, o)
	for _, c := range []struct {
		idToken, back, state string
		want                 url.Values
	}{
		{"the.id.token", "https://a.example/out", "s", url.Values{"id_token_hint": {"the.id.token"}, "post_logout_redirect_uri": {"https://a.example/out"}, "state": {"s"}}},
		{"", "https://a.example/out", "", url.Values{"client_id": {testClient}, "post_logout_redirect_uri": {"https://a.example/out"}}},
		{strings.Repeat("x", 10_000), "", "s", url.Values{"client_id": {testClient}}},
	} {
		c.want.Set("from", "op")
		if got, want := r.LogoutURL(context.Background(), c.idToken, c.back, c.state), o.URL+"/logout?"+c.want.Encode(); got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
	for name, o2 := range map[string]*op{"none announced": newOP(t), "provider down": newOP(t)} {
		o2.discovery = map[string]any{"end_session_endpoint": ""}
		if name == "provider down" {
			o2.handle("/.well-known/openid-configuration", answer(500, "text/plain", ""))
		}
		if got := under(t, o2).LogoutURL(context.Background(), "x", "y", "z"); got != "" {
			t.Errorf("%s: got %q", name, got)
		}
	}
}

func TestCheckSaysWhyAndRecovers(t *testing.T) {
	ctx := context.Background()
	o := newOP(t)
	r := under(t, o)
	if err := r.Check(ctx); err != nil {
		t.Fatalf("a good provider: %v", err)
	}
	first, tokens := r.signIn(t)
	o.handle("/token", answer(401, "application/json", `{"error":"invalid_client"}`))
	_, _, _ = r.Refresh(ctx, first, tokens)
	if err := r.Check(ctx); err == nil || !strings.Contains(err.Error(), "invalid_client") {
		t.Errorf("client refused: got %v", err)
	}
	o.handle("/token", answer(400, "application/json", `{"error":"invalid_grant"}`))
	_, _, _ = r.Refresh(ctx, first, tokens)
	if err := r.Check(ctx); err != nil {
		t.Errorf("a refusal of a person counts as the provider's failure: %v", err)
	}
	o.handle("/.well-known/openid-configuration", answer(500, "text/plain", ""))
	r.advance(checkAge)
	if err := r.Check(ctx); !errors.Is(err, idp.ErrUnavailable) {
		t.Errorf("provider down: got %v", err)
	}
	if _, err := r.AuthURL(ctx, authRequest()); err != nil {
		t.Errorf("sign-ins stop although the document is known: %v", err)
	}
	o.set(func() { clear(o.handlers) })
	r.advance(mostBackOff)
	if err := r.Check(ctx); err != nil {
		t.Errorf("after recovery: %v", err)
	}
}

func TestMetricsCountEveryExchangeAndShareOneSet(t *testing.T) {
	reg := prometheus.NewRegistry()
	o := newOP(t)
	for range 2 { // two clients, or two generations
		r := under(t, o, func(p *Options) { p.Registry = reg })
		r.signIn(t)
	}
	o.handle("/token", answer(429, "application/json", `{}`))
	r := under(t, o, func(p *Options) { p.Registry = reg })
	r.advance(-7 * time.Second)
	_, _, _ = r.Exchange(context.Background(), callback())
	want := `
# HELP sallyport_idp_clock_skew_seconds How far the identity provider's clock is ahead of ours, by its Date header.
# TYPE sallyport_idp_clock_skew_seconds gauge
sallyport_idp_clock_skew_seconds 7
# HELP sallyport_idp_requests_total Requests to the identity provider, by endpoint and outcome.
# TYPE sallyport_idp_requests_total counter
sallyport_idp_requests_total{endpoint="discovery",outcome="ok"} 3
sallyport_idp_requests_total{endpoint="keys",outcome="ok"} 2
sallyport_idp_requests_total{endpoint="token",outcome="limited"} 1
sallyport_idp_requests_total{endpoint="token",outcome="ok"} 2
sallyport_idp_requests_total{endpoint="userinfo",outcome="ok"} 2
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "sallyport_idp_requests_total", "sallyport_idp_clock_skew_seconds"); err != nil {
		t.Error(err)
	}
}
