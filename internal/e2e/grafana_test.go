package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"sallyport/internal/harness"
)

// grafana does with an assertion what Grafana's documentation says of its JWT
// authentication. Grafana itself is not run here.
type grafana struct {
	settings map[string]string
	keys     jose.JSONWebKeySet
}

// account is who Grafana takes somebody for.
type account struct{ login, email, role string }

var rolePath = regexp.MustCompile(`^contains\((\w+)\[\*\], '([^']+)'\) && '(\w+)' \|\| '(\w+)'$`)

func (g grafana) signIn(assertion string) (account, error) {
	parsed, err := jwt.ParseSigned(assertion, []jose.SignatureAlgorithm{jose.ES256, jose.RS256})
	if err != nil {
		return account{}, err
	}
	key := g.keys.Key(parsed.Headers[0].KeyID)
	if len(key) != 1 {
		return account{}, fmt.Errorf("%d keys have the id %q", len(key), parsed.Headers[0].KeyID)
	}
	var registered jwt.Claims
	claims := map[string]any{}
	if err := parsed.Claims(key[0], &registered, &claims); err != nil {
		return account{}, err
	}
	var expected map[string]string
	if err := json.Unmarshal([]byte(g.settings["expect_claims"]), &expected); err != nil {
		return account{}, err
	}
	if err := registered.Validate(jwt.Expected{Issuer: expected["iss"], AnyAudience: jwt.Audience{expected["aud"]}, Time: time.Now()}); err != nil {
		return account{}, err
	}
	login, _ := claims[g.settings["username_claim"]].(string)
	email, _ := claims[g.settings["email_claim"]].(string)
	if login == "" && email == "" {
		return account{}, errors.New("neither login nor e-mail")
	}
	role := rolePath.FindStringSubmatch(g.settings["role_attribute_path"])
	if role == nil {
		return account{}, fmt.Errorf("role_attribute_path is %q", g.settings["role_attribute_path"])
	}
	list, _ := claims[role[1]].([]any)
	if slices.Contains(list, any(role[2])) {
		return account{login, email, role[3]}, nil
	}
	return account{login, email, role[4]}, nil
}

// What the page on Grafana sets, with what a running proxy sends.
func TestGrafanasSettingsFitTheAssertion(t *testing.T) {
	settings := map[string]string{}
	for line := range strings.Lines(shown(t, "protect-grafana.md", "ini")) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), " = "); ok {
			settings[key] = strings.NewReplacer("grafana.example.com", "grafana.localhost", "grafana-admins", "admins").Replace(value)
		}
	}
	for _, name := range []string{"header_name", "jwk_set_url", "cache_ttl", "expect_claims", "username_claim", "email_claim", "role_attribute_path", "signout_redirect_url"} {
		if settings[name] == "" {
			t.Fatalf("the page sets no %s, of %q", name, slices.Sorted(maps.Keys(settings)))
		}
	}
	w := harness.Start(t, harness.Options{Routes: `
  - {name: grafana, from: "https://grafana.localhost:%[1]s", to: "%[2]s", preserve_host_header: true, policy: [{allow: {or: [{authenticated_user: true}]}}]}
  - {name: other, from: "https://other.localhost:%[1]s", to: "%[2]s", policy: [{allow: {or: [{authenticated_user: true}]}}]}
`})
	g := grafana{settings: settings}
	if err := json.Unmarshal([]byte(fetchPage(t, w, settings["jwk_set_url"]).Body), &g.keys); err != nil || len(g.keys.Keys) == 0 {
		t.Fatalf("no key set at %s: %v", settings["jwk_set_url"], err)
	}
	if ttl, err := time.ParseDuration(settings["cache_ttl"]); err != nil || ttl <= 0 || ttl > time.Hour {
		t.Errorf("keys are kept for %v, %v: want at most an hour, so that new ones are known", ttl, err)
	}
	if p := fetchPage(t, w, settings["signout_redirect_url"]); p.Status != 200 && p.Status != 302 {
		t.Errorf("signing out leads to %d", p.Status)
	}
	for _, tt := range []struct{ email, password, role string }{
		{"alice@example.com", harness.AlicePassword, "Admin"},
		{"bob@example.com", harness.BobPassword, "Viewer"},
	} {
		b := harness.NewBrowser(t)
		seen := b.SignIn(w.URL("grafana", "/"), tt.email, tt.password).Seen(t)
		want := account{w.Okta.PersonID(tt.email), tt.email, tt.role}
		if got, err := g.signIn(seen.Header.Get(settings["header_name"])); err != nil || got != want {
			t.Errorf("%s is %+v, %v; want %+v", tt.email, got, err, want)
		}
		if seen.Host != "grafana.localhost:"+w.Port {
			t.Errorf("Grafana is asked for %s, and would refuse WebSockets of its own pages", seen.Host)
		}
		elsewhere := b.Get(w.URL("other", "/")).Seen(t).Header.Get(settings["header_name"])
		if got, err := g.signIn(elsewhere); err == nil || elsewhere == "" {
			t.Errorf("an assertion for another application is taken for %+v", got)
		}
	}
	for _, made := range []string{"", "made.up.token"} {
		if got, err := g.signIn(made); err == nil {
			t.Errorf("%q is taken for %+v", made, got)
		}
	}
}

// fetchPage opens an address of the page as nobody in particular.
func fetchPage(t *testing.T, w *harness.World, address string) *harness.Page {
	t.Helper()
	_, path, ok := strings.Cut(address, "grafana.localhost")
	if !ok {
		t.Fatalf("%s is not of Grafana's host", address)
	}
	return harness.NewBrowser(t).Fetch("GET", w.URL("grafana", path), nil)
}
