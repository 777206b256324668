package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"sallyport/internal/harness"
)

// opRoutes decide on the token's groups: this provider has no directory.
const opRoutes = `
  - {name: app, from: "https://app.localhost:%[1]s", to: "%[2]s", policy: [{allow: {or: [{authenticated_user: true}]}}]}
  - {name: admin, from: "https://admin.localhost:%[1]s", to: "%[2]s", policy: [{allow: {or: [{claim/groups: admins}]}}]}
`

const opScopes = "idp_scopes: [openid, profile, email, groups, offline_access]\n"

// signInOP walks through the provider's own pages.
func signInOP(t *testing.T, b *harness.Browser, target, user string) *harness.Page {
	t.Helper()
	p := b.Get(target)
	for i := 0; i < 3 && strings.HasPrefix(p.URL.String(), "http://127.0.0.1:"); i++ {
		fields := map[string]string{}
		if strings.Contains(p.Body, `name="login"`) {
			fields = map[string]string{"login": user, "password": "any"}
		}
		p = b.Submit(p, fields)
	}
	return p
}

func TestSignInAndOutWithACertifiedProvider(t *testing.T) {
	provider, start := startOP(t, 0)
	w := harness.Start(t, harness.Options{Provider: start, Routes: opRoutes, Extra: opScopes + "idp_request_params: {prompt: consent}\n"})
	alice := harness.NewBrowser(t)
	p := signInOP(t, alice, w.URL("admin", "/x"), "alice")
	if p.Status != 200 || p.Seen(t).URI != "/x" {
		t.Fatalf("alice: %d at %s\n%s\n%s", p.Status, p.URL, p.Body, provider)
	}
	bob := harness.NewBrowser(t)
	if p := signInOP(t, bob, w.URL("admin", "/"), "bob"); p.Status != http.StatusForbidden {
		t.Errorf("bob: %d, want 403", p.Status)
	}
	out := alice.Submit(alice.Get(w.URL("admin", "/.pomerium/sign_out")), nil)
	if strings.HasPrefix(out.URL.String(), provider.issuer) { // it asks whether to end its own session too
		out = alice.Submit(out, nil)
	}
	if !strings.HasSuffix(out.URL.Path, "/.pomerium/signed_out") && out.Status != 200 {
		t.Errorf("sign-out ended at %s with %d", out.URL, out.Status)
	}
	if p := alice.Fetch("GET", w.URL("admin", "/"), nil); p.Status != http.StatusUnauthorized {
		t.Errorf("after sign-out: %d, want 401", p.Status)
	}
	until(t, "the provider saw its grant revoked and its session ended", func() bool {
		return provider.count("grant.revoked") > 0
	})
	if provider.count("grant.error")+provider.count("server_error")+provider.count("authorization.error") > 0 {
		t.Errorf("the provider reported errors:\n%s", provider)
	}
}

func TestRefreshWithRotationAndReuseDetectionAtACertifiedProvider(t *testing.T) {
	provider, start := startOP(t, 10) // refreshed 6 to 9 s after each issue
	w := harness.Start(t, harness.Options{Provider: start, Routes: opRoutes, Extra: opScopes + "idp_request_params: {prompt: consent}\n"})
	alice := harness.NewBrowser(t)
	if p := signInOP(t, alice, w.URL("app", "/"), "alice"); p.Status != 200 {
		t.Fatalf("sign-in: %d\n%s\n%s", p.Status, p.Body, provider)
	}
	stop := time.After(25 * time.Second)
	for done := false; !done; {
		select {
		case <-stop:
			done = true
		case <-time.After(200 * time.Millisecond):
			if p := alice.Fetch("GET", w.URL("app", "/"), nil); p.Status != 200 {
				t.Fatalf("signed out while tokens rotated: %d\n%s", p.Status, provider)
			}
		}
	}
	rotated := provider.count("refresh_token.consumed")
	if rotated < 2 || rotated > 5 {
		t.Errorf("%d refreshes in 25 s with tokens of 10 s, want 2 to 5\n%s", rotated, provider)
	}
	if provider.count("grant.revoked")+provider.count("grant.error") > 0 {
		t.Errorf("a refresh token was used twice:\n%s", provider)
	}
}
