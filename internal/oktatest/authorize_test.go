package oktatest_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/identity"
	"sallyport/internal/oktatest"
)

func TestSignInByHand(t *testing.T) {
	k := start(t)
	b := newBrowser(t, k)
	page := b.authorize()
	if page.StatusCode != http.StatusOK || !strings.Contains(page.body, "Sallyport") {
		t.Fatalf("got %d %s, want the sign-in page naming the application", page.StatusCode, page.body)
	}
	answer := b.fill(page, "alice@example.com", "wonderland")
	back := answer.back(t)
	if back.Get("state") != "the-state" || back.Get("code") == "" || back.Has("iss") || back.Has("error") {
		t.Errorf("got %v, want the state and a code, no iss", back)
	}
	if got := answer.Header.Get("Referrer-Policy"); got != "no-referrer" {
		t.Errorf("got Referrer-Policy %q, want no-referrer", got)
	}
	got := b.token(codeForm(back.Get("code")), basic)
	if got.status != 200 || got.Type != "Bearer" || got.Expires != 3600 || got.Refresh == "" || got.Scope != "openid profile email groups offline_access" {
		t.Errorf("got %+v", got)
	}
	_, claims := claimsOf(t, got.ID)
	for name, want := range map[string]any{
		"iss": k.URL(), "aud": appID, "sub": k.PersonID("alice"), "nonce": "the-nonce", "ver": 1.0, "name": "Alice Liddell",
		"preferred_username": "alice@example.com", "email": "alice@example.com", "email_verified": true,
		"amr": []any{"pwd"}, "exp": claims["iat"].(float64) + 3600,
	} {
		if diff := cmp.Diff(want, claims[name]); diff != "" {
			t.Errorf("claim %s (-want +got):\n%s", name, diff)
		}
	}
	groups := claims["groups"].([]any)
	slices.SortFunc(groups, func(a, b any) int { return strings.Compare(a.(string), b.(string)) })
	if diff := cmp.Diff([]any{"Everyone", "admins", "engineers"}, groups); diff != "" {
		t.Errorf("groups (-want +got):\n%s", diff)
	}
	if jti, _ := claims["jti"].(string); !strings.HasPrefix(jti, "ID.") {
		t.Errorf("got jti %q, want ID. and something", jti)
	}
	if _, ok := b.authorize(set("state", "again")).back(t)["code"]; !ok {
		t.Error("no code for the second application visit, want one without a page")
	}
}

func TestWrongPasswordsAndUnusablePeopleGetTheSamePage(t *testing.T) {
	k := start(t, func(o *oktatest.Options) {
		for _, s := range []identity.Status{
			identity.StatusStaged, identity.StatusProvisioned, identity.StatusSuspended, identity.StatusDeprovisioned,
			identity.StatusLockedOut, identity.StatusPasswordExpired, identity.StatusRecovery,
		} {
			o.People = append(o.People, oktatest.Person{Login: string(s) + "@example.com", Password: "p", Status: s})
		}
		o.People = append(o.People, oktatest.Person{Login: "nopassword@example.com"})
	})
	b := newBrowser(t, k)
	page := b.authorize()
	for who, password := range map[string]string{
		"alice": "wrong", "nobody": "p", "": "", "STAGED": "p", "PROVISIONED": "p", "SUSPENDED": "p", "DEPROVISIONED": "p",
		"LOCKED_OUT": "p", "PASSWORD_EXPIRED": "p", "RECOVERY": "p", "nopassword": "",
	} {
		got := b.fill(page, who, password)
		if got.StatusCode != http.StatusUnauthorized || !strings.Contains(got.body, "Unable to sign in") {
			t.Errorf("%q: got %d, want 401 with the page", who, got.StatusCode)
		}
		if len(got.Cookies()) != 0 {
			t.Errorf("%q: got a cookie", who)
		}
	}
	if b.fill(page, "alice", "wonderland").back(t).Get("code") == "" {
		t.Error("no code after the right password")
	}
}

func TestOnlyAssignedPeopleGetACode(t *testing.T) {
	for name, assigned := range map[string][]string{"by group": {"admins"}, "by login": {"alice@example.com"}} {
		t.Run(name, func(t *testing.T) {
			k := start(t, app(func(c *oktatest.Client) { c.Assigned = assigned }))
			if newBrowser(t, k).signIn("alice", "wonderland") == "" {
				t.Error("no code for the assigned person")
			}
			b := newBrowser(t, k)
			want := url.Values{"error": {"access_denied"}, "error_description": {"User is not assigned to the client application."}, "state": {"the-state"}}
			if diff := cmp.Diff(want, b.fill(b.authorize(), "bob", "builder").back(t)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestBadAuthorizationRequests(t *testing.T) {
	b := newBrowser(t, start(t, app(func(c *oktatest.Client) { c.RequirePKCE = true })))
	for name, c := range map[string]struct {
		change            func(url.Values)
		code, description string
	}{
		"no state":           {drop("state"), "invalid_request", "The authentication request has an invalid 'state' parameter."},
		"response type":      {set("response_type", "token"), "unsupported_response_type", "The response type is not supported by the authorization server. Configured response types: [code]."},
		"no scope":           {drop("scope"), "invalid_scope", "No scopes were requested."},
		"unknown scope":      {set("scope", "openid dance"), "invalid_scope", "One or more scopes are not configured for the authorization server resource."},
		"prompt":             {set("prompt", "maybe"), "invalid_request", "Invalid value for 'prompt' parameter. Supported values: [none, consent, login]"},
		"prompt none":        {set("prompt", "none"), "login_required", "The client specified not to prompt, but the user is not logged in."},
		"max age":            {set("max_age", "-1"), "invalid_request", "Invalid value for 'max_age' parameter. It should be within range 0 - 2^31-1."},
		"acr":                {set("acr_values", "urn:nonsense"), "access_denied", "'acr_values' not supported."},
		"plain PKCE":         {set("code_challenge_method", "plain"), "invalid_request", "PKCE code challenge method is not supported. Valid values: [S256]"},
		"PKCE without":       {drop("code_challenge_method"), "invalid_request", "PKCE code challenge method is not supported. Valid values: [S256]"},
		"short challenge":    {set("code_challenge", "short"), "invalid_request", "PKCE code challenge contains illegal characters."},
		"no challenge":       {drop("code_challenge"), "invalid_request", "PKCE code challenge is required by the application."},
		"parameter twice":    {func(v url.Values) { v.Add("scope", "openid") }, "invalid_request", "The request contained multiple parameters with the same name."},
		"other response way": {set("response_mode", "form_post"), "invalid_request", "Invalid value for 'response_mode' parameter. The stand-in knows: [query]"},
	} {
		t.Run(name, func(t *testing.T) {
			got := b.authorize(c.change).back(t)
			if got.Get("error") != c.code || got.Get("error_description") != c.description || got.Has("code") {
				t.Errorf("got %v, want %q %q", got, c.code, c.description)
			}
		})
	}
}

func TestNothingIsSentToAnUnknownRedirectURI(t *testing.T) {
	b := newBrowser(t, start(t))
	for name, change := range map[string]func(url.Values){
		"other host":       set("redirect_uri", "https://evil.example.com/oauth2/callback"),
		"longer path":      set("redirect_uri", callback+"/x"),
		"added query":      set("redirect_uri", callback+"?x=1"),
		"other case":       set("redirect_uri", strings.ToUpper(callback)),
		"none":             drop("redirect_uri"),
		"twice":            func(v url.Values) { v.Add("redirect_uri", "https://evil.example.com/") },
		"unknown client":   set("client_id", "0oaNobody"),
		"no client":        drop("client_id"),
		"client id twice":  func(v url.Values) { v.Add("client_id", "0oaNobody") },
		"open redirecting": set("redirect_uri", "//evil.example.com"),
	} {
		got := b.authorize(change)
		if got.StatusCode != http.StatusBadRequest || got.Header.Get("Location") != "" {
			t.Errorf("%s: got %d to %q, want 400 and no Location", name, got.StatusCode, got.Header.Get("Location"))
		}
	}
}

func TestPromptAndMaxAgeAskAgain(t *testing.T) {
	clock := newTestClock()
	b := newBrowser(t, start(t, withClock(clock)))
	b.signIn("alice", "wonderland")
	if got := b.authorize(set("max_age", "0")); got.StatusCode != http.StatusOK {
		t.Errorf("max age zero, at once: got %d, want the page", got.StatusCode)
	}
	clock.advance(10 * time.Minute)
	for name, c := range map[string]struct {
		change func(url.Values)
		asks   bool
	}{
		"nothing said":   {func(url.Values) {}, false},
		"prompt none":    {set("prompt", "none"), false},
		"prompt login":   {set("prompt", "login"), true},
		"max age passed": {set("max_age", "599"), true},
		"max age kept":   {set("max_age", "600"), false},
		"max age zero":   {set("max_age", "0"), true},
	} {
		if asks := b.authorize(c.change).StatusCode == http.StatusOK; asks != c.asks {
			t.Errorf("%s: asks %v, want %v", name, asks, c.asks)
		}
	}
	if got := b.authorize(set("prompt", "none"), set("max_age", "1")).back(t).Get("error"); got != "login_required" {
		t.Errorf("got error %q, want login_required", got)
	}
	got := b.token(codeForm(b.signIn("alice", "wonderland", set("prompt", "login"))), basic)
	if _, claims := claimsOf(t, got.ID); claims["auth_time"] != float64(clock.now().Unix()) {
		t.Errorf("got auth_time %v, want now, %d", claims["auth_time"], clock.now().Unix())
	}
}

func TestSessionHereEndsByTimeAndByForce(t *testing.T) {
	clock := newTestClock()
	k := start(t, withClock(clock))
	end := map[string]func(){
		"by time":       func() { clock.advance(2 * time.Hour) },
		"by revocation": func() { k.RevokeSessions("alice") },
		"by suspension": func() { k.SetStatus("alice", identity.StatusSuspended) },
		"by removal":    func() { k.SetStatus("alice", identity.StatusDeprovisioned) },
	}
	for name, do := range end {
		t.Run(name, func(t *testing.T) {
			k.SetStatus("alice", identity.StatusActive)
			b := newBrowser(t, k)
			b.signIn("alice", "wonderland")
			if !b.authorize().backHasCode() {
				t.Fatal("no session to begin with")
			}
			do()
			if b.authorize().backHasCode() {
				t.Error("got a code, want to be asked")
			}
		})
	}
}

func (r reply) backHasCode() bool {
	to, err := r.Location()
	return err == nil && to.Query().Has("code")
}

func TestAuthenticationContext(t *testing.T) {
	k := start(t, func(o *oktatest.Options) { o.People[0].Methods = []string{"mfa", "pwd", "otp"} })
	twice := set("acr_values", "urn:okta:loa:2fa:any")
	got := newBrowser(t, k).signInTokens("alice", "wonderland", twice)
	_, claims := claimsOf(t, got.ID)
	if diff := cmp.Diff([]any{"mfa", "pwd", "otp"}, claims["amr"]); diff != "" || claims["acr"] != "urn:okta:loa:2fa:any" {
		t.Errorf("got amr %v and acr %v", claims["amr"], claims["acr"])
	}
	b := newBrowser(t, k)
	if got := b.fill(b.authorize(twice), "bob", "builder").back(t).Get("error"); got != "unmet_authentication_requirements" {
		t.Errorf("got error %q, want unmet_authentication_requirements", got)
	}
}

func TestSwitchSendsIssuer(t *testing.T) {
	k := start(t, func(o *oktatest.Options) { o.AuthorizeIssuer = true })
	b := newBrowser(t, k)
	if got := b.authorize(set("prompt", "none")).back(t).Get("iss"); got != k.URL() {
		t.Errorf("error: got iss %q, want %q", got, k.URL())
	}
	if got := b.fill(b.authorize(), "alice", "wonderland").back(t).Get("iss"); got != k.URL() {
		t.Errorf("code: got iss %q, want %q", got, k.URL())
	}
	doc := decode[map[string]any](t, b.get("/.well-known/openid-configuration"))
	if doc["authorization_response_iss_parameter_supported"] != true {
		t.Error("discovery does not say so")
	}
}

func TestSignInPageLeftOpenTooLongAndBackButton(t *testing.T) {
	clock := newTestClock()
	b := newBrowser(t, start(t, withClock(clock)))
	page := b.authorize()
	first, second := b.fill(page, "alice", "wonderland").back(t), b.fill(page, "bob", "builder").back(t)
	if first.Get("code") == "" || second.Get("code") == "" || first.Get("code") == second.Get("code") {
		t.Errorf("got %v and %v, want two codes", first, second)
	}
	clock.advance(time.Hour)
	if got := b.fill(page, "alice", "wonderland"); got.StatusCode != http.StatusBadRequest || got.Header.Get("Location") != "" {
		t.Errorf("got %d, want 400", got.StatusCode)
	}
}

func TestAuthorizeByPost(t *testing.T) {
	b := newBrowser(t, start(t))
	if got := b.fill(b.post("/oauth2/v1/authorize", authParams()), "alice", "wonderland").back(t); got.Get("code") == "" {
		t.Errorf("got %v, want a code", got)
	}
}
