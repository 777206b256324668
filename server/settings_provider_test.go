package server_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"sallyport/identity"
	"sallyport/internal/harness"
	"sallyport/internal/oktatest"
)

// authorization is what the browser was sent to the identity provider with.
func authorization(t *testing.T, b *harness.Browser) url.Values {
	t.Helper()
	for _, visited := range b.Trail {
		if u, err := url.Parse(visited); err == nil && u.Path == "/oauth2/v1/authorize" {
			return u.Query()
		}
	}
	t.Fatalf("never at the identity provider: %q", b.Trail)
	return nil
}

func TestSettingsOfSignInArrive(t *testing.T) {
	for extra, want := range map[string]struct{ scope, prompt string }{
		"":                                    {"openid profile email offline_access", ""},
		"idp_scopes: [openid, email]":         {"openid email", ""},
		"idp_request_params: {prompt: login}": {"openid profile email offline_access", "login"},
	} {
		w := harness.Start(t, harness.Options{Extra: extra})
		b := harness.NewBrowser(t)
		b.Get(w.URL("app", "/"))
		if got := authorization(t, b); got.Get("scope") != want.scope || got.Get("prompt") != want.prompt {
			t.Errorf("%q: sign-in asks for scope %q, prompt %q; want %+v", extra, got.Get("scope"), got.Get("prompt"), want)
		}
	}
}

// An address that Okta does not vouch for counts only where the configuration or
// the directory says so.
func TestSettingsOfEMailArrive(t *testing.T) {
	routes := `  - {name: app, from: "https://app.localhost:%[1]s", to: "%[2]s", policy: [{allow: {or: [{domain: {is: example.com}}]}}]}`
	for _, tt := range []struct {
		extra       string
		noDirectory bool
		status      int
	}{
		{"", true, 403},
		{"\nidp_allow_unverified_email: true", true, 200},
		{"", false, 200},
	} {
		w := harness.Start(t, harness.Options{
			Routes: routes, Extra: "jwt_claims_headers: [email]" + tt.extra, NoDirectory: tt.noDirectory,
			Okta: func(o *oktatest.Options) {
				for i := range o.People {
					o.People[i].Unverified = true
				}
			},
		})
		p := harness.NewBrowser(t).SignIn(w.URL("app", "/"), "alice@example.com", harness.AlicePassword)
		if p.Status != tt.status {
			t.Errorf("%q, no directory %v: %d, want %d", tt.extra, tt.noDirectory, p.Status, tt.status)
		}
		if p.Status == 200 && p.Seen(t).Header.Get("X-Pomerium-Claim-Email") != "alice@example.com" {
			t.Errorf("%q, no directory %v: upstreams are not told of the address", tt.extra, tt.noDirectory)
		}
	}
}

// Whoever signs out may be sent to routes only, until the configuration says otherwise.
func TestSettingsOfSigningOutArrive(t *testing.T) {
	for _, anywhere := range []bool{false, true} {
		extra := ""
		if anywhere {
			extra = "runtime_flags: {allow_any_sign_out_redirect_uri: true}"
		}
		w := harness.Start(t, harness.Options{Extra: extra})
		alice := harness.NewBrowser(t)
		alice.SignIn(w.URL("app", "/"), "alice@example.com", harness.AlicePassword)
		for to, want := range map[string]bool{"https://elsewhere.test": anywhere, w.URL("public", ""): true} {
			p := alice.Get(w.URL("app", "/.pomerium/sign_out?pomerium_redirect_uri="+url.QueryEscape(to+"/bye")))
			if got := strings.Contains(p.Header.Get("Content-Security-Policy"), to); p.Status != 200 || got != want {
				t.Errorf("%q: signing out may lead to %s: %t (%d), want %t", extra, to, got, p.Status, want)
			}
		}
	}
}

// Assertions are signed with the first of signing_key, and all are published.
func TestSettingsOfAssertionsArrive(t *testing.T) {
	var text strings.Builder
	var keys []*ecdsa.PrivateKey
	for range 2 {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
		text.Write(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	}
	block := "signing_key: |\n  " + strings.ReplaceAll(strings.TrimSpace(text.String()), "\n", "\n  ")
	w := harness.Start(t, harness.Options{Extra: block})
	alice := harness.NewBrowser(t)
	p := alice.SignIn(w.URL("app", "/"), "alice@example.com", harness.AlicePassword)
	token, err := jwt.ParseSigned(p.Seen(t).Header.Get("X-Pomerium-Jwt-Assertion"), []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{true, false} {
		if got := token.Claims(keys[i].Public(), new(jwt.Claims)) == nil; got != want {
			t.Errorf("key %d signed the assertion: %t, want %t", i, got, want)
		}
	}
	var published jose.JSONWebKeySet
	p = alice.Fetch("GET", w.URL("app", "/.well-known/pomerium/jwks.json"), nil)
	if err := json.Unmarshal([]byte(p.Body), &published); err != nil || len(published.Keys) != 2 {
		t.Fatalf("%d keys are published (%v), want 2", len(published.Keys), err)
	}
	for i, key := range keys {
		if got, ok := published.Keys[i].Key.(*ecdsa.PublicKey); !ok || !got.Equal(key.Public()) {
			t.Errorf("key %d is not published", i)
		}
	}
}

// The directory is read no faster than idp_qps.
func TestSettingsOfTheDirectoryArrive(t *testing.T) {
	asked := func(extra string) int {
		w := harness.Start(t, harness.Options{Extra: extra})
		alice := harness.NewBrowser(t)
		alice.SignIn(w.URL("app", "/"), "alice@example.com", harness.AlicePassword)
		return w.Okta.Count("GET", "/api/v1/")
	}
	if n := asked("idp_qps: 0.0001"); n > 1 {
		t.Errorf("idp_qps 0.0001: %d requests", n)
	}
	if n := asked(""); n < 2 {
		t.Errorf("without it: %d requests, too few for the other number to say anything", n)
	}
}

// Of people, those count whom pass_statuses names, and of their groups those are
// told that jwt_groups_filter names.
func TestSettingsOfPeopleArrive(t *testing.T) {
	w := harness.Start(t, harness.Options{Extra: "jwt_groups_filter: [admins]\ndirectory: {pass_statuses: []}"})
	alice := harness.NewBrowser(t)
	p := alice.SignIn(w.URL("admin", "/"), "alice@example.com", harness.AlicePassword)
	claims := verifyAssertion(t, w, "admin", p.Seen(t).Header.Get("X-Pomerium-Jwt-Assertion"))
	if groups := fmt.Sprint(claims["groups"]); !strings.Contains(groups, "admins") || strings.Contains(groups, "engineers") {
		t.Errorf("upstreams are told of the groups %s, want admins alone", groups)
	}
	w.Okta.SetStatus("alice@example.com", identity.StatusLockedOut)
	until(t, "who is locked out is denied", func() bool { return alice.Fetch("GET", w.URL("admin", "/"), nil).Status == http.StatusForbidden })
}

// An outage of the identity provider ends sessions after the grace, on requests
// and on their own.
func TestSettingsOfOutagesArrive(t *testing.T) {
	for extra, want := range map[string][2]int{ // 15 minutes and 2 hours past the access token's end
		"":                      {200, 401},
		"idp_outage_grace: 10m": {401, 401},
		"idp_outage_grace: 3h":  {200, 200},
	} {
		c := new(clock)
		w := harness.Start(t, harness.Options{Extra: extra, Now: c.now})
		alice := harness.NewBrowser(t)
		alice.SignIn(w.URL("app", "/"), "alice@example.com", harness.AlicePassword)
		w.Okta.Fail(oktatest.Fault{Act: oktatest.ServerError()})
		c.skip(58 * time.Minute)
		until(t, "a refresh fails", func() bool {
			alice.Fetch("GET", w.URL("app", "/"), nil)
			_, metrics := operator(t, w.Server.MetricsAddr(), "/metrics")
			return strings.Contains(metrics, `sallyport_session_refreshes_total{result="unavailable"}`)
		})
		for i, d := range []time.Duration{17 * time.Minute, 105 * time.Minute} {
			c.skip(d)
			if p := alice.Fetch("GET", w.URL("app", "/"), nil); p.Status != want[i] {
				t.Errorf("%q: %d, want %d (moment %d)", extra, p.Status, want[i], i)
			}
			if want[i] != http.StatusOK {
				until(t, "the session ends by itself", func() bool { return strings.Contains(w.Log.String(), "identity-provider-outage") })
			}
		}
	}
}

// A provider whose certificate only idp_ca_file knows is not spoken to without.
func TestSettingsOfTrustArrive(t *testing.T) {
	var issuer string
	discovery := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{
			"issuer": issuer, "authorization_endpoint": issuer + "/authorize", "token_endpoint": issuer + "/token", "jwks_uri": issuer + "/keys",
			"response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"}, "id_token_signing_alg_values_supported": []string{"RS256"},
		})
	}
	provider := httptest.NewUnstartedServer(http.HandlerFunc(discovery))
	provider.Config.ErrorLog = log.New(io.Discard, "", 0)
	provider.StartTLS()
	t.Cleanup(provider.Close)
	issuer = provider.URL
	file := filepath.Join(t.TempDir(), "authority.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: provider.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	for extra, reached := range map[string]bool{"": false, "idp_ca_file: " + file: true} {
		w := harness.Start(t, harness.Options{Routes: harness.DefaultRoutes[:strings.Index(harness.DefaultRoutes, "  - {name: admin")], Extra: extra, Provider: func(_, _ string) harness.Provider {
			return harness.Provider{Name: "oidc", URL: issuer, ClientID: "client", ClientSecret: "client-secret"}
		}})
		if p := harness.NewBrowser(t).Get(w.URL("app", "/")); (p.URL.Path == "/authorize") != reached {
			t.Errorf("%.12q: sign-in ends at %s, %d", extra, p.URL, p.Status)
		}
	}
}
