package oktatest_test

import (
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"sallyport/identity"
	"sallyport/internal/oktatest"
)

const (
	badCode    = "The authorization code is invalid or has expired."
	badRefresh = "The refresh token is invalid or expired."
)

func TestCodeWorksOnceAndTheSecondUseRevokes(t *testing.T) {
	b := newBrowser(t, start(t))
	code := b.signIn("alice", "wonderland")
	first := b.token(codeForm(code), basic)
	if !b.active(first.Access) || !b.active(first.Refresh) {
		t.Fatal("tokens not active")
	}
	b.token(codeForm(code), basic).want(t, 400, "invalid_grant", badCode)
	if b.active(first.Access) || b.active(first.Refresh) {
		t.Error("tokens of the first use are still active")
	}
	b.token(refreshForm(first.Refresh), basic).want(t, 400, "invalid_grant", badRefresh)
	if got := b.userInfo(first.Access).StatusCode; got != http.StatusUnauthorized {
		t.Errorf("userinfo: got %d, want 401", got)
	}
}

func TestCodesThatAreRefused(t *testing.T) {
	clock := newTestClock()
	b := newBrowser(t, start(t, withClock(clock), func(o *oktatest.Options) {
		o.Clients = append(o.Clients, oktatest.Client{ID: "0oaOther", Secret: "other"})
	}))
	other := func(r *http.Request) { r.SetBasicAuth("0oaOther", "other") }
	plain := []func(url.Values){drop("code_challenge"), drop("code_challenge_method")}
	for name, c := range map[string]struct {
		request           []func(url.Values)
		form              func(url.Values)
		auth              func(*http.Request)
		code, description string
	}{
		"unknown":            {nil, set("code", "nonsense"), basic, "invalid_grant", badCode},
		"of another client":  {nil, nil, other, "invalid_grant", "The grant was issued to another client. Please make sure the 'client_id' matches the one used at the authorize request."},
		"other redirect URI": {nil, set("redirect_uri", callback+"/"), basic, "invalid_grant", "The 'redirect_uri' does not match the redirection URI used in the authorization request."},
		"no redirect URI":    {nil, drop("redirect_uri"), basic, "invalid_request", "The required parameter 'redirect_uri' is missing."},
		"no code":            {nil, drop("code"), basic, "invalid_request", "The required parameter 'code' is missing."},
		"wrong verifier":     {nil, set("code_verifier", verifier+"x"), basic, "invalid_grant", "PKCE verification failed."},
		"no verifier":        {nil, drop("code_verifier"), basic, "invalid_request", "PKCE code verifier is required by the application."},
		"verifier for none":  {plain, nil, basic, "invalid_request", "PKCE code challenge should be specified in the authorize request for code verification."},
	} {
		t.Run(name, func(t *testing.T) {
			form := codeForm(newBrowser(t, b.k).signIn("alice", "wonderland", c.request...))
			if c.form != nil {
				c.form(form)
			}
			b.token(form, c.auth).want(t, 400, c.code, c.description)
		})
	}
	code := b.signIn("alice", "wonderland")
	clock.advance(time.Minute)
	b.token(codeForm(code), basic).want(t, 400, "invalid_grant", badCode)
}

func TestClientAuthentication(t *testing.T) {
	k := start(t, func(o *oktatest.Options) {
		o.Clients = append(o.Clients,
			oktatest.Client{ID: "0oaPublic"},
			oktatest.Client{ID: "0oaPost", Secret: "s", AuthMethod: "client_secret_post"},
			oktatest.Client{ID: "0oaOdd", Secret: "s:&%+ ü"})
	})
	b := newBrowser(t, k)
	with := func(id, secret string) func(*http.Request) {
		return func(r *http.Request) { r.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret)) }
	}
	both := url.Values{"client_id": {appID}, "client_secret": {appSecret}}
	for name, c := range map[string]struct {
		form    url.Values
		auth    func(*http.Request)
		status  int
		code    string // "" is: the client is accepted, the grant is not
		errCode string
	}{
		"basic":                    {nil, basic, 400, "", ""},
		"post":                     {both, nil, 400, "", ""},
		"basic, encoded":           {nil, with("0oaOdd", "s:&%+ ü"), 400, "", ""},
		"public":                   {url.Values{"client_id": {"0oaPublic"}}, nil, 400, "", ""},
		"none":                     {nil, nil, 401, "invalid_client", ""},
		"wrong secret":             {nil, with(appID, "wrong"), 401, "invalid_client", ""},
		"empty secret":             {nil, with(appID, ""), 401, "invalid_client", ""},
		"secret left out":          {url.Values{"client_id": {appID}}, nil, 401, "invalid_client", ""},
		"secret for a public one":  {nil, with("0oaPublic", "x"), 401, "invalid_client", ""},
		"basic where post is said": {nil, with("0oaPost", "s"), 401, "invalid_client", ""},
		"both ways":                {both, basic, 401, "invalid_request", ""},
		"not basic":                {nil, bearer("x"), 401, "invalid_client", ""},
		"assertion":                {url.Values{"client_assertion": {"x"}}, nil, 400, "invalid_request", ""},
		"unknown client":           {nil, with("0oaNobody", "x"), 401, "", "invalid_client"},
	} {
		t.Run(name, func(t *testing.T) {
			form := codeForm("nonsense")
			for k, v := range c.form {
				form[k] = v
			}
			var auth []func(*http.Request)
			if c.auth != nil {
				auth = append(auth, c.auth)
			}
			want := c.code
			if c.status == 400 && want == "" {
				want = "invalid_grant"
			}
			if got := b.token(form, auth...); got.status != c.status || got.Error != want || got.ErrorCode != c.errCode {
				t.Errorf("got %+v, want %d %q %q", got, c.status, want, c.errCode)
			}
		})
	}
	got := b.do(b.request("POST", "/oauth2/v1/token?client_secret=x", codeForm("x")))
	if got.StatusCode != http.StatusBadRequest {
		t.Errorf("secret in the query: got %d, want 400", got.StatusCode)
	}
}

func TestGrantTypesThatAreRefused(t *testing.T) {
	b := newBrowser(t, start(t, app(func(c *oktatest.Client) { c.GrantTypes = []string{"authorization_code"} })))
	for grant, want := range map[string]struct {
		status int
		code   string
	}{
		"": {400, "invalid_request"}, "password": {400, "unsupported_grant_type"},
		"client_credentials": {401, "invalid_client"}, "refresh_token": {400, "unauthorized_client"},
	} {
		if got := b.token(url.Values{"grant_type": {grant}, "refresh_token": {"x"}}, basic); got.status != want.status || got.Error != want.code {
			t.Errorf("%q: got %d %q, want %d %q", grant, got.status, got.Error, want.status, want.code)
		}
	}
	if got := b.signInTokens("alice", "wonderland"); got.Refresh != "" {
		t.Error("got a refresh token without the grant")
	}
}

func TestRefreshTokenNeedsOfflineAccess(t *testing.T) {
	b := newBrowser(t, start(t))
	got := b.signInTokens("alice", "wonderland", set("scope", "openid"))
	if got.Refresh != "" || got.ID == "" {
		t.Errorf("got refresh %q, id %q, want an ID token only", got.Refresh, got.ID)
	}
	if got := newBrowser(t, b.k).signInTokens("alice", "wonderland", set("scope", "email offline_access")); got.Refresh == "" || got.ID != "" {
		t.Errorf("got refresh %q, id %q, want a refresh token only", got.Refresh, got.ID)
	}
}

func TestPersistentRefreshToken(t *testing.T) {
	clock := newTestClock()
	k := start(t, withClock(clock))
	b := newBrowser(t, k)
	first := b.signInTokens("alice", "wonderland")
	k.Leave("alice", "admins")
	k.SetProfile("alice", map[string]any{"email": "a.liddell@example.com"})
	for range 3 {
		clock.advance(time.Hour)
		got := b.token(refreshForm(first.Refresh), basic)
		if got.status != 200 || got.Refresh != first.Refresh || got.Access == first.Access {
			t.Fatalf("got %+v, want the same refresh token and another access token", got)
		}
		_, claims := claimsOf(t, got.ID)
		if _, has := claims["nonce"]; has || claims["sub"] != k.PersonID("alice") {
			t.Errorf("got %v, want the same subject and no nonce", claims)
		}
		if groups := claims["groups"].([]any); len(groups) != 2 || slices.Contains(groups, any("admins")) || claims["email"] != "a.liddell@example.com" {
			t.Errorf("got groups %v and e-mail %v, want those of now", groups, claims["email"])
		}
		if claims["auth_time"] == claims["iat"] {
			t.Error("auth_time moved with the refresh")
		}
	}
	clock.advance(90 * 24 * time.Hour)
	b.token(refreshForm(first.Refresh), basic).want(t, 400, "invalid_grant", badRefresh)
}

func TestRotationWithGraceAndReuseDetection(t *testing.T) {
	clock := newTestClock()
	k := start(t, withClock(clock), app(func(c *oktatest.Client) { c.RotateRefresh, c.Grace = true, oktatest.DefaultGrace }))
	b := newBrowser(t, k)
	first := b.signInTokens("alice", "wonderland")
	second := b.token(refreshForm(first.Refresh), basic)
	if second.status != 200 || second.Refresh == "" || second.Refresh == first.Refresh {
		t.Fatalf("got %+v, want another refresh token", second)
	}
	clock.advance(oktatest.DefaultGrace)
	retried := b.token(refreshForm(first.Refresh), basic)
	if retried.status != 200 {
		t.Fatalf("within the grace period: got %+v", retried)
	}
	clock.advance(time.Second)
	b.token(refreshForm(first.Refresh), basic).want(t, 400, "invalid_grant", badRefresh)
	for name, token := range map[string]string{"second": second.Refresh, "retried": retried.Refresh} {
		if got := b.token(refreshForm(token), basic); got.Error != "invalid_grant" {
			t.Errorf("%s: got %+v, want the family dead", name, got)
		}
	}
	if b.active(retried.Access) || b.active(first.Access) {
		t.Error("access tokens of the family are active")
	}
	other := newBrowser(t, k).signInTokens("alice", "wonderland")
	if !b.active(other.Access) {
		t.Error("another sign-in died too")
	}
}

func TestRotationKeepsTheFirstExpiry(t *testing.T) {
	clock := newTestClock()
	b := newBrowser(t, start(t, withClock(clock), app(func(c *oktatest.Client) {
		c.RotateRefresh, c.RefreshLifetime = true, 10*time.Hour
	})))
	token := b.signInTokens("alice", "wonderland").Refresh
	for range 9 {
		clock.advance(time.Hour)
		token = b.token(refreshForm(token), basic).Refresh
	}
	clock.advance(time.Hour)
	b.token(refreshForm(token), basic).want(t, 400, "invalid_grant", badRefresh)
}

func TestRefreshIsRefusedOnceThePersonMayNoLonger(t *testing.T) {
	for name, do := range map[string]func(*oktatest.Okta){
		"suspended":     func(k *oktatest.Okta) { k.SetStatus("alice", identity.StatusSuspended) },
		"deactivated":   func(k *oktatest.Okta) { k.SetStatus("alice", identity.StatusDeprovisioned) },
		"removed":       func(k *oktatest.Okta) { k.RemovePerson("alice") },
		"revoked":       func(k *oktatest.Okta) { k.RevokeTokens("alice") },
		"not assigned":  func(k *oktatest.Okta) { k.Leave("alice", "admins") },
		"other client":  nil,
		"narrowed well": nil,
	} {
		t.Run(name, func(t *testing.T) {
			k := start(t, app(func(c *oktatest.Client) { c.Assigned = []string{"admins"} }), func(o *oktatest.Options) {
				o.Clients = append(o.Clients, oktatest.Client{ID: "0oaOther", Secret: "other"})
			})
			b := newBrowser(t, k)
			token := b.signInTokens("alice", "wonderland").Refresh
			switch {
			case do != nil:
				do(k)
				b.token(refreshForm(token), basic).want(t, 400, "invalid_grant", badRefresh)
			case name == "other client":
				b.token(refreshForm(token), func(r *http.Request) { r.SetBasicAuth("0oaOther", "other") }).want(t, 400, "invalid_grant", badRefresh)
			default:
				if got := b.token(refreshForm(token, set("scope", "openid email")), basic); got.status != 200 || got.Scope != "openid email" {
					t.Errorf("got %+v", got)
				}
				b.token(refreshForm(token, set("scope", "openid phone")), basic).want(t, 400, "access_denied", "Some of the scopes requested for the refresh request were not granted in the original authorize request. Denied scopes: phone.")
			}
		})
	}
}

func TestThinIDTokenLeavesTheRestToUserInfo(t *testing.T) {
	b := newBrowser(t, start(t, app(func(c *oktatest.Client) {
		c.ThinIDToken, c.GroupsFilter = true, func(name string) bool { return name == "admins" }
	})))
	got := b.signInTokens("alice", "wonderland")
	_, claims := claimsOf(t, got.ID)
	info := decode[map[string]any](t, b.userInfo(got.Access))
	for _, name := range []string{"name", "preferred_username", "email", "email_verified", "groups"} {
		if _, has := claims[name]; has {
			t.Errorf("ID token has %s", name)
		}
		if _, has := info[name]; !has {
			t.Errorf("userinfo has no %s", name)
		}
	}
	if groups := info["groups"].([]any); len(groups) != 1 || groups[0] != "admins" {
		t.Errorf("got groups %v, want those that pass the filter", groups)
	}
}

func TestAccessTokenExpires(t *testing.T) {
	clock := newTestClock()
	b := newBrowser(t, start(t, withClock(clock)))
	got := b.signInTokens("alice", "wonderland")
	clock.advance(time.Hour - time.Second)
	if !b.active(got.Access) {
		t.Error("dead before its time")
	}
	clock.advance(time.Second)
	if b.active(got.Access) || b.userInfo(got.Access).StatusCode != 401 {
		t.Error("alive after its time")
	}
}

func TestRevocation(t *testing.T) {
	b := newBrowser(t, start(t, func(o *oktatest.Options) {
		o.Clients = append(o.Clients, oktatest.Client{ID: "0oaOther", Secret: "other"})
	}))
	revoke := func(token string, auth func(*http.Request)) {
		t.Helper()
		r := b.request("POST", "/oauth2/v1/revoke", url.Values{"token": {token}, "token_type_hint": {"refresh_token"}})
		auth(r)
		if got := b.do(r); got.StatusCode != 200 || got.body != "" {
			t.Fatalf("got %d %q, want an empty 200", got.StatusCode, got.body)
		}
	}
	got := b.signInTokens("alice", "wonderland")
	revoke(got.Refresh, func(r *http.Request) { r.SetBasicAuth("0oaOther", "other") })
	if !b.active(got.Refresh) {
		t.Fatal("another client revoked it")
	}
	revoke(got.Access, basic)
	if b.active(got.Access) || !b.active(got.Refresh) {
		t.Error("revoking the access token: want it dead and the refresh token alive")
	}
	again := b.token(refreshForm(got.Refresh), basic)
	revoke(got.Refresh, basic)
	if b.active(again.Access) || b.active(got.Refresh) {
		t.Error("revoking the refresh token: want all dead")
	}
}

func TestIntrospectionTellsOwnTokensOnly(t *testing.T) {
	b := newBrowser(t, start(t, func(o *oktatest.Options) {
		o.Clients = append(o.Clients, oktatest.Client{ID: "0oaOther", Secret: "other"})
	}))
	got := b.signInTokens("alice", "wonderland")
	r := b.request("POST", "/oauth2/v1/introspect", url.Values{"token": {got.Access}})
	r.SetBasicAuth("0oaOther", "other")
	if own := decode[map[string]any](t, b.do(r)); len(own) != 1 || own["active"] != false {
		t.Errorf("got %v, want active false alone", own)
	}
	own := b.introspect(got.Access)
	for name, want := range map[string]any{"username": "alice@example.com", "uid": b.k.PersonID("alice"), "client_id": appID, "token_type": "Bearer"} {
		if own[name] != want {
			t.Errorf("%s: got %v, want %v", name, own[name], want)
		}
	}
}
