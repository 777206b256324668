package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"sallyport/idp/okta"
	"sallyport/internal/oktatest"
	"sallyport/server"
)

const (
	signInApp  = "0oasignin00000000001"
	serviceApp = "0oaservice0000000001"
)

// call runs a command line and returns what it printed and its exit status.
func call(t *testing.T, args ...string) (out, problems string, status int) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(&stdout)
	root.SetErr(&stderr)
	err := root.ExecuteContext(context.Background())
	switch {
	case err == nil:
		return stdout.String(), stderr.String(), 0
	case errors.Is(err, errUsage):
		status = 2
	default:
		status = 1
	}
	return stdout.String(), stderr.String() + err.Error(), status
}

func callJSON(t *testing.T, into any, args ...string) (problems string, status int) {
	t.Helper()
	out, problems, status := call(t, append(args, "--format", "json")...)
	if err := json.Unmarshal([]byte(out), into); err != nil {
		t.Fatalf("%v: %v\n%s\n%s", args, err, out, problems)
	}
	return problems, status
}

// organisation is an Okta with a sign-in app and a service app whose key was made
// by keygen, and a configuration for both.
func organisation(t *testing.T, change ...func(signIn, service *oktatest.Client)) (k *oktatest.Okta, file string) {
	t.Helper()
	var m made
	if problems, status := callJSON(t, &m, "okta", "keygen", "--client-id", serviceApp, "--algorithm", "ES256"); status != 0 {
		t.Fatal(problems)
	}
	var public jose.JSONWebKey
	if err := public.UnmarshalJSON(m.Public); err != nil {
		t.Fatal(err)
	}
	signIn := oktatest.Client{
		ID: signInApp, Secret: "a-client-secret", RedirectURIs: []string{"https://authenticate.example.com/oauth2/callback"},
		PostLogoutRedirectURIs: []string{"https://authenticate.example.com/.pomerium/signed_out"},
	}
	service := oktatest.Client{ID: serviceApp, Keys: jose.JSONWebKeySet{Keys: []jose.JSONWebKey{public}}, APIScopes: okta.Scopes, Role: oktatest.ReadOnlyAdmin}
	for _, c := range change {
		c(&signIn, &service)
	}
	k, err := oktatest.New(oktatest.Options{
		Clients: []oktatest.Client{signIn, service}, Groups: []oktatest.Group{{Name: "engineering"}, {Name: "others"}},
		People: []oktatest.Person{{Login: "alice@example.com", Groups: []string{"engineering", "others"}}, {Login: "bob@example.com", Groups: []string{"engineering"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	return k, configuration(t, k.URL(), "idp_service_account: "+m.Private)
}

func configuration(t *testing.T, url, more string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.yaml")
	text := fmt.Sprintf(`insecure_server: true
authenticate_service_url: https://authenticate.example.com
idp_provider: okta
idp_provider_url: %s
idp_client_id: %s
idp_client_secret: a-client-secret
%s
routes:
  - from: https://wiki.example.com
    to: http://127.0.0.1:1
    policy: {allow: {or: [{domain: {is: example.com}}]}}
`, url, signInApp, more)
	if strings.Contains(more, "idp_service_account") {
		text = strings.Replace(text, "{domain: {is: example.com}}", "{groups: {has: engineering}}", 1)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestCheckOfASetupThatWorks(t *testing.T) {
	for _, dpop := range []bool{false, true} {
		k, file := organisation(t, func(_, service *oktatest.Client) { service.DPoP = dpop })
		out, problems, status := call(t, "okta", "check", "--config", file)
		if status != 0 {
			t.Fatalf("%d\n%s%s", status, out, problems)
		}
		for _, says := range []string{"access token", "people", "groups", "System Log", "applications", "role", "redirect URI", "refresh grant", "sign-out URI", "mode: following", "0 problems", "RATE LIMIT", "/api/v1/logs"} {
			if !strings.Contains(out, says) {
				t.Errorf("does not say %q:\n%s", says, out)
			}
		}
		if strings.Contains(out, "warning ") || strings.Contains(out, "unknown ") || dpop != strings.Contains(out, "DPoP") {
			t.Errorf("got:\n%s", out)
		}
		for _, r := range k.Requests() {
			if r.Method != "GET" && !strings.HasSuffix(r.Path, "/token") {
				t.Errorf("%s %s changes something", r.Method, r.Path)
			}
		}
	}
}

func TestCheckNamesTheStepThatMendsWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(signIn, service *oktatest.Client)
		mode   okta.Mode
		what   string
		state  okta.State
		step   string
	}{
		{"no groups", func(_, s *oktatest.Client) { s.APIScopes = []string{"okta.users.read"} }, okta.PerPerson, "groups", okta.Warning, "okta.groups.read"},
		{"names that nothing holds", func(_, s *oktatest.Client) { s.APIScopes = []string{"okta.users.read"} }, okta.PerPerson, "group names", okta.Warning, "00g..."},
		{"no log", func(_, s *oktatest.Client) { s.APIScopes = []string{"okta.users.read", "okta.groups.read"} }, okta.Listing, "System Log", okta.Warning, "okta.logs.read"},
		{"no people", func(_, s *oktatest.Client) { s.APIScopes = []string{"okta.groups.read"} }, okta.None, "people", okta.Problem, "okta.users.read"},
		{"no scope", func(_, s *oktatest.Client) { s.APIScopes = []string{"okta.roles.read"} }, okta.None, "access token", okta.Problem, "Okta API Scopes"},
		{"another key", func(_, s *oktatest.Client) { s.Keys.Keys[0].KeyID = "other" }, okta.None, "access token", okta.Problem, "Public keys"},
		{"small role", func(_, s *oktatest.Client) { s.Role = oktatest.GroupAdmin }, okta.Listing, "role", okta.Problem, "Read-only Administrator"},
		{"no redirect", func(a, _ *oktatest.Client) { a.RedirectURIs = []string{"https://other.example.com/"} }, okta.Following, "redirect URI", okta.Problem, "Sign-in redirect URIs"},
		{"no refresh", func(a, _ *oktatest.Client) { a.GrantTypes = []string{"authorization_code"} }, okta.Following, "refresh grant", okta.Warning, "Refresh Token"},
		{"no sign-out", func(a, _ *oktatest.Client) { a.PostLogoutRedirectURIs = nil }, okta.Following, "sign-out URI", okta.Warning, "Sign-out redirect URIs"},
		{"other secret", func(a, _ *oktatest.Client) { a.Secret = "another" }, okta.Following, "client", okta.Problem, "idp_client_secret"},
		{"sign-out not told", func(_, s *oktatest.Client) { s.APIScopes = okta.Scopes[:3] }, okta.Following, "sign-out URI", okta.Unknown, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, file := organisation(t, c.change)
			var report struct {
				OK bool `json:"ok"`
				okta.Report
			}
			problems, status := callJSON(t, &report, "okta", "check", "--config", file)
			if report.Mode != c.mode || report.OK != (status == 0) || (c.state == okta.Problem) == (status == 0) {
				t.Errorf("mode %q, ok %v, status %d\n%s", report.Mode, report.OK, status, problems)
			}
			for _, f := range report.Findings {
				if f.What == c.what {
					if f.State != c.state || !strings.Contains(f.Step+f.Detail, c.step) {
						t.Errorf("got %+v", f)
					}
					return
				}
			}
			t.Errorf("%q is not among %+v", c.what, report.Findings)
		})
	}
}

// Names are warned of only where nothing holds them, with their places, and ids
// never.
func TestCheckWarnsOfGroupNamesWhichNothingHolds(t *testing.T) {
	usersOnly := func(_, s *oktatest.Client) { s.APIScopes = []string{"okta.users.read"} }
	for name, c := range map[string]struct {
		change func(signIn, service *oktatest.Client)
		policy string
		says   string // "": nothing
	}{
		"a name":          {usersOnly, "groups: {has: engineering}", `"engineering" (`},
		"twice":           {usersOnly, "groups: engineering}, {groups: engineering", `"engineering" (`},
		"many":            {usersOnly, "groups: a}, {groups: b}, {groups: c}, {groups: d}, {groups: e}, {groups: f}, {groups: g", "and 2 more"},
		"an id":           {usersOnly, "groups: 00gabcdefghijklmnopq", ""},
		"nobody's groups": {usersOnly, "domain: {is: example.com}", ""},
		"held":            {func(_, s *oktatest.Client) {}, "groups: engineering", ""},
	} {
		_, file := organisation(t, c.change)
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, bytes.Replace(text, []byte("groups: {has: engineering}"), []byte(c.policy), 1), 0o600); err != nil {
			t.Fatal(err)
		}
		out, problems, status := call(t, "okta", "check", "--config", file)
		if status != 0 || (c.says != "") != strings.Contains(out, "group names") || !strings.Contains(out, c.says) || strings.Count(out, `"engineering" (`) > 1 {
			t.Errorf("%s: %d\n%s%s", name, status, out, problems)
		}
	}
}

func TestCheckWithoutAServiceAccountAndWithoutOkta(t *testing.T) {
	k, _ := organisation(t)
	out, _, status := call(t, "okta", "check", "--config", configuration(t, k.URL(), ""))
	if status != 0 || !strings.Contains(out, "keygen") || !strings.Contains(out, "redirect URI") {
		t.Errorf("%d\n%s", status, out)
	}
	url := k.URL()
	k.Close()
	out, _, status = call(t, "okta", "check", "--config", configuration(t, url, "idp_service_account: 00abcdefghijklmnopqrstuvwxyz"))
	if status != 1 || !strings.Contains(out, "problem") || strings.Contains(out, "00abcdef") || strings.Count(out, "do: look whether a firewall") != 2 {
		t.Errorf("%d\n%s", status, out)
	}
	file := configuration(t, "https://idp.example.com", "")
	text, _ := os.ReadFile(file)
	if err := os.WriteFile(file, bytes.Replace(text, []byte("idp_provider: okta"), []byte("idp_provider: oidc"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, problems, status := call(t, "okta", "check", "--config", file); status != 1 || !strings.Contains(problems, "idp_provider: okta") {
		t.Errorf("%d %s", status, problems)
	}
}

func TestSlowLogIsSaid(t *testing.T) {
	k, file := organisation(t)
	k.SetRateLimits(oktatest.FreeLimits())
	var report okta.Report
	_, status := callJSON(t, &report, "okta", "check", "--config", file)
	if status != 0 || report.Delay != "9s" { // 8 of 10 a minute: every 7.5 s
		t.Errorf("%d, changes seen within %s", status, report.Delay)
	}
}

func TestSyncTellsWhatItTook(t *testing.T) {
	_, file := organisation(t)
	var report server.SyncReport
	if problems, status := callJSON(t, &report, "okta", "sync", "--all", "--config", file); status != 0 {
		t.Fatal(problems)
	}
	if report.People != 2 || report.Groups != 3 || report.Unread != 0 || report.Total() > 12 || report.Requests["/api/v1/users"] == 0 || report.Seconds <= 0 {
		t.Errorf("got %+v", report)
	}
	out, problems, status := call(t, "okta", "sync", "--config", file)
	if status != 0 || !strings.Contains(out, "people:       2") || !strings.Contains(out, "/api/v1/groups") {
		t.Errorf("%d\n%s%s", status, out, problems)
	}
	_, file = organisation(t, func(_, s *oktatest.Client) { s.APIScopes = []string{"okta.users.read"} })
	if _, problems, status := call(t, "okta", "sync", "--config", file); status != 1 || !strings.Contains(problems, "okta.groups.read") {
		t.Errorf("without the scope: %d %s", status, problems)
	}
}
