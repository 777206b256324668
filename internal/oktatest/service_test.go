package oktatest_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"sallyport/internal/oktatest"
)

const serviceID = "0oaService0000000001"

// serviceKeys are made once: RSA keys take their time.
var serviceKeys = sync.OnceValue(func() map[string]crypto.Signer {
	all := map[string]crypto.Signer{}
	for _, kid := range []string{"one", "two", "stranger"} {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		all[kid] = key
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	all["curve"] = key
	return all
})

func publicKeys(t *testing.T, kids ...string) (set jose.JSONWebKeySet) {
	t.Helper()
	for _, kid := range kids {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: serviceKeys()[kid].Public(), KeyID: kid, Use: "sig"})
	}
	return set
}

// sign makes a JWT; a header that is nil is left out.
func sign(t *testing.T, key crypto.Signer, header, claims map[string]any) string {
	t.Helper()
	options := &jose.SignerOptions{}
	for name, value := range header {
		options.WithHeader(jose.HeaderKey(name), value)
	}
	algorithm := jose.RS256
	if _, ok := key.(*ecdsa.PrivateKey); ok {
		algorithm = jose.ES256
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	return serialize(t, signer, claims)
}

func serialize(t *testing.T, signer jose.Signer, claims map[string]any) string {
	t.Helper()
	jws, err := signer.Sign([]byte(encode(t, claims)))
	if err != nil {
		t.Fatal(err)
	}
	token, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// assertion is a good one of the service, but for changes.
func assertion(t *testing.T, k *oktatest.Okta, now time.Time, kid string, changes map[string]any) string {
	t.Helper()
	claims := map[string]any{
		"iss": serviceID, "sub": serviceID, "aud": k.URL() + "/oauth2/v1/token", "iat": now.Unix(),
		"exp": now.Add(5 * time.Minute).Unix(),
	}
	maps.Copy(claims, changes)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	return sign(t, serviceKeys()[kid], map[string]any{"kid": kid}, claims)
}

func serviceForm(assertion, scope string) url.Values {
	return url.Values{
		"grant_type": {"client_credentials"}, "scope": {scope}, "client_assertion": {assertion},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
	}
}

// service adds the API Services application.
func service(t *testing.T, change ...func(*oktatest.Client)) func(*oktatest.Options) {
	return func(o *oktatest.Options) {
		c := oktatest.Client{
			ID: serviceID, Keys: publicKeys(t, "one", "two", "curve"), Role: oktatest.ReadOnlyAdmin,
			APIScopes: []string{"okta.users.read", "okta.groups.read", "okta.apps.read", "okta.logs.read"},
		}
		for _, f := range change {
			f(&c)
		}
		o.Clients = append(o.Clients, c)
	}
}

func (b *browser) bearer(token, path string) reply {
	r := b.request("GET", path, nil)
	bearer(token)(r)
	return b.do(r)
}

func TestServiceGetsATokenAndAsks(t *testing.T) {
	k := start(t, service(t))
	b := newBrowser(t, k)
	for _, kid := range []string{"one", "two", "curve"} {
		got := b.token(serviceForm(assertion(t, k, time.Now(), kid, nil), "okta.users.read okta.groups.read"))
		if got.status != 200 || got.Type != "Bearer" || got.Expires != 3600 || got.Scope != "okta.users.read okta.groups.read" || got.Refresh != "" {
			t.Fatalf("%s: got %+v", kid, got)
		}
		header, claims := claimsOf(t, got.Access)
		if header["typ"] != "application/okta-internal-at+jwt" || claims["sub"] != serviceID || claims["cid"] != serviceID || claims["uid"] != nil {
			t.Errorf("got header %v and claims %v", header, claims)
		}
		if diff := cmp.Diff([]any{"okta.users.read", "okta.groups.read"}, claims["scp"]); diff != "" {
			t.Errorf("scp (-want +got):\n%s", diff)
		}
		if got := b.bearer(got.Access, "/api/v1/users"); got.StatusCode != 200 || got.Header.Get("X-Rate-Limit-Limit") == "" {
			t.Errorf("got %d %v, want 200 with limits", got.StatusCode, got.Header)
		}
	}
	if got := k.Requests(); got[0].Client != serviceID {
		t.Errorf("got client %q in the record, want %q", got[0].Client, serviceID)
	}
	query := b.do(b.request("POST", "/oauth2/v1/token?"+serviceForm(assertion(t, k, time.Now(), "one", nil), "okta.users.read").Encode(), url.Values{}))
	if query.StatusCode != 200 {
		t.Errorf("everything in the query, as Okta's older clients send it: got %d %s, want 200", query.StatusCode, query.body)
	}
}

func TestServiceTokenHasTheRecordedFields(t *testing.T) {
	needData(t)
	k := start(t, service(t))
	got := newBrowser(t, k).token(serviceForm(assertion(t, k, time.Now(), "one", nil), "okta.users.read"))
	want := loadRecording(t, "oauth/token-200-dpop.json").Response.Body.(map[string]any)
	recordedHeader, recordedClaims := claimsOf(t, want["access_token"].(string))
	header, claims := claimsOf(t, got.Access)
	if diff := cmp.Diff(sorted(shape(recordedHeader)), sorted(shape(header))); diff != "" {
		t.Errorf("header (-recorded +ours):\n%s", diff)
	}
	if diff := cmp.Diff(sorted(shape(recordedClaims)), sorted(shape(claims))); diff != "" {
		t.Errorf("claims (-recorded +ours):\n%s", diff)
	}
}

func TestAssertionsThatAreRefused(t *testing.T) {
	clock := newTestClock()
	k := start(t, withClock(clock), service(t))
	b := newBrowser(t, k)
	now := clock.now()
	with := func(kid string, changes map[string]any) string { return assertion(t, k, now, kid, changes) }
	signed := func(header, changes map[string]any, key string) string {
		claims := map[string]any{"iss": serviceID, "sub": serviceID, "aud": k.URL() + "/oauth2/v1/token", "exp": now.Add(time.Minute).Unix()}
		maps.Copy(claims, changes)
		return sign(t, serviceKeys()[key], header, claims)
	}
	secretSigner, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: []byte(strings.Repeat("s", 32))}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ assertion, text string }{
		"nonsense":         {"nonsense", "The parsing of the client_assertion failed."},
		"other issuer":     {with("one", map[string]any{"iss": "0oaNobody"}), "The issuer claim for client_assertion is not a valid client_id."},
		"other subject":    {with("one", map[string]any{"sub": "0oaNobody"}), "The subject claim for client_assertion is not a valid client_id."},
		"aud is the org":   {with("one", map[string]any{"aud": k.URL()}), "The audience claim for client_assertion must be the endpoint invoked for the request."},
		"aud, two slashes": {with("one", map[string]any{"aud": k.URL() + "//oauth2/v1/token"}), "The audience claim for client_assertion must be the endpoint invoked for the request."},
		"no exp":           {with("one", map[string]any{"exp": nil}), "The client_assertion must contain the 'exp' claim as seconds since epoch."},
		"expired":          {with("one", map[string]any{"exp": now.Unix()}), "The client_assertion token is expired."},
		"exp too far":      {with("one", map[string]any{"exp": now.Add(time.Hour).Unix() + 1}), "The client_assertion token has an expiration too far into the future."},
		"iat ahead":        {with("one", map[string]any{"iat": now.Unix() + 1}), "The client_assertion token must be issued before the current time."},
		"unknown kid":      {with("stranger", nil), "The client_assertion JWT kid is invalid."},
		"no kid":           {signed(nil, nil, "one"), "The client_assertion JWT kid is invalid."},
		"key of another":   {signed(map[string]any{"kid": "one"}, nil, "stranger"), "The client_assertion signature is invalid."},
		"algorithm":        {serialize(t, secretSigner, map[string]any{"iss": serviceID}), "The client_assertion JWT signature algorithm is invalid."},
		"of a web app":     {with("one", map[string]any{"iss": appID, "sub": appID}), "The client does not have a JWKSet configured, but the client_assertion requires one."},
	} {
		t.Run(name, func(t *testing.T) {
			b.token(serviceForm(c.assertion, "okta.users.read")).want(t, 401, "invalid_client", c.text)
		})
	}
	hour := with("one", map[string]any{"exp": now.Add(time.Hour).Unix()})
	if got := b.token(serviceForm(hour, "okta.users.read")); got.status != 200 {
		t.Errorf("an hour exactly: got %+v, want a token", got)
	}
	once := with("one", map[string]any{"jti": "once"})
	if got := b.token(serviceForm(once, "okta.users.read")); got.status != 200 {
		t.Fatalf("with jti: got %+v, want a token", got)
	}
	b.token(serviceForm(once, "okta.users.read")).want(t, 401, "invalid_client", "The client_assertion token has already been used.")
	form := serviceForm(with("one", nil), "okta.users.read")
	form.Set("client_assertion_type", "urn:x")
	b.token(form).want(t, 400, "invalid_request", "The client_assertion_type is invalid.")
}

func TestServiceWithoutKeysOrGrant(t *testing.T) {
	k := start(t, service(t), func(o *oktatest.Options) {
		o.Clients = append(o.Clients, oktatest.Client{ID: "0oaOld", Secret: "s", GrantTypes: []string{"client_credentials"}})
	})
	b := newBrowser(t, k)
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {"okta.users.read"}}
	b.token(form, func(r *http.Request) { r.SetBasicAuth("0oaOld", "s") }).want(t, 401, "invalid_client",
		"Client Credentials requests to the Org Authorization Server must use the private_key_jwt token_endpoint_auth_method.")
	b.token(form, basic).want(t, 401, "invalid_client",
		"Only clients with 'application_type' of 'service' may use the client_credentials 'grant_type' with the Org Authorization Server.")
	k.DeactivateApp(serviceID)
	b.token(serviceForm(assertion(t, k, time.Now(), "one", nil), "okta.users.read")).want(t, 401, "invalid_client",
		"The issuer claim for client_assertion is not a valid client_id.")
}

func TestScopesOfServices(t *testing.T) {
	k := start(t, service(t, func(c *oktatest.Client) { c.APIScopes = []string{"okta.users.read", "okta.logs.read"} }))
	b := newBrowser(t, k)
	ask := func(scope string) tokens {
		return b.token(serviceForm(assertion(t, k, time.Now(), "one", nil), scope))
	}
	if got := ask("okta.users.read okta.groups.read"); got.status != 200 || got.Scope != "okta.users.read" {
		t.Errorf("got %+v, want a token for the granted scope", got)
	}
	ask("okta.groups.read").want(t, 400, "consent_required", "You are not allowed any of the requested scopes.")
	ask("openid okta.users.read").want(t, 400, "invalid_scope", "Cannot request 'openid' scopes using client credentials.")
	ask("nonsense").want(t, 400, "invalid_scope", "One or more scopes are not configured for the authorization server resource.")
	ask("").want(t, 400, "invalid_scope", "The authorization server resource does not have any configured default scopes, 'scope' must be provided.")
	token := ask("okta.users.read").Access
	for path, scope := range map[string]string{"/api/v1/groups": "okta.groups.read", "/api/v1/logs": "okta.logs.read", "/api/v1/eventHooks": "okta.eventHooks.read", "/api/v1/apps/" + appID: "okta.apps.read"} {
		got := b.bearer(token, path)
		host := strings.TrimPrefix(k.URL(), "http://")
		want := fmt.Sprintf(`Bearer authorization_uri="http://%s/oauth2/v1/authorize", realm="http://%s", scope="%s", error="insufficient_scope", error_description="The access token provided does not contain the required scopes.", resource="%s"`, host, host, scope, path)
		if got.StatusCode != 403 || got.Header.Get("WWW-Authenticate") != want || got.body != "" {
			t.Errorf("%s: got %d %q %q, want 403 %q", path, got.StatusCode, got.Header.Get("WWW-Authenticate"), got.body, want)
		}
	}
	k.ChangeClient(serviceID, func(c *oktatest.Client) { c.APIScopes = nil })
	ask("okta.users.read").want(t, 400, "consent_required", "You are not allowed any of the requested scopes.")
	k.ChangeClient(serviceID, func(c *oktatest.Client) { c.AllScopesOrNone = true })
	ask("okta.users.read").want(t, 400, "invalid_scope", "The requested scope is invalid, unknown, malformed, or exceeds the scope granted by the resource owner.")
}

func TestTokensOfTheAPIEnd(t *testing.T) {
	clock := newTestClock()
	k := start(t, withClock(clock), service(t))
	b := newBrowser(t, k)
	ask := func() string {
		return b.token(serviceForm(assertion(t, k, clock.now(), "one", nil), "okta.users.read")).Access
	}
	for name, end := range map[string]func(token string){
		"expired": func(string) { clock.advance(time.Hour) },
		"revoked": func(string) { k.RevokeClientTokens(serviceID) },
		"app off": func(string) { k.DeactivateApp(serviceID) },
	} {
		token := ask()
		if got := b.bearer(token, "/api/v1/users"); got.StatusCode != 200 {
			t.Fatalf("%s: got %d before", name, got.StatusCode)
		}
		end(token)
		if got := b.bearer(token, "/api/v1/users"); got.StatusCode != 401 || !strings.Contains(got.Header.Get("WWW-Authenticate"), `error="invalid_token"`) {
			t.Errorf("%s: got %d %q, want 401 invalid_token", name, got.StatusCode, got.Header.Get("WWW-Authenticate"))
		}
		k.ActivateApp(serviceID)
	}
	person := newBrowser(t, k).signInTokens("alice", "wonderland").Access
	if got := b.bearer(person, "/api/v1/users"); got.StatusCode != 403 {
		t.Errorf("a person's token: got %d, want 403", got.StatusCode)
	}
}

func TestRolesLimitWhatIsShown(t *testing.T) {
	k := start(t, service(t))
	b := newBrowser(t, k)
	token := b.token(serviceForm(assertion(t, k, time.Now(), "one", nil), "okta.users.read okta.groups.read okta.apps.read okta.logs.read")).Access
	groups := func() int { return len(decode[[]named](t, b.bearer(token, "/api/v1/groups"))) }
	if groups() != 3 {
		t.Errorf("read-only administrator: got %d groups, want 3", groups())
	}
	k.ChangeClient(serviceID, func(c *oktatest.Client) { c.Role = oktatest.GroupAdmin })
	if groups() != 2 {
		t.Errorf("group administrator: got %d groups, want all but Everyone", groups())
	}
	if got := b.bearer(token, "/api/v1/logs"); got.StatusCode != 403 || !strings.Contains(got.body, "E0000006") {
		t.Errorf("group administrator: got log %d %s, want 403 E0000006", got.StatusCode, got.body)
	}
	k.ChangeClient(serviceID, func(c *oktatest.Client) { c.Role = oktatest.NoRole })
	for path, status := range map[string]int{
		"/api/v1/users": 200, "/api/v1/groups": 200, "/api/v1/apps": 200, "/api/v1/logs": 403, "/api/v1/users/alice": 403,
		"/api/v1/groups/" + k.GroupID("admins") + "/users": 403, "/api/v1/users/alice/groups": 403,
	} {
		got := b.bearer(token, path)
		if got.StatusCode != status || status == 200 && strings.TrimSpace(got.body) != "[]" || status == 403 && !strings.Contains(got.body, "E0000006") {
			t.Errorf("no role: %s: got %d %s, want %d and nothing shown", path, got.StatusCode, got.body, status)
		}
	}
	k.AddAPITokenFor("read-only", oktatest.NoRole)
	r := b.request("GET", "/api/v1/groups", nil)
	r.Header.Set("Authorization", "SSWS read-only")
	if got := b.do(r); strings.TrimSpace(got.body) != "[]" {
		t.Errorf("API token without a role: got %s, want []", got.body)
	}
}

func TestRolesOfAnApplicationAreShown(t *testing.T) {
	k := start(t, service(t, func(c *oktatest.Client) { c.APIScopes = append(c.APIScopes, "okta.roles.read") }))
	b := newBrowser(t, k)
	token := b.token(serviceForm(assertion(t, k, time.Now(), "one", nil), "okta.roles.read")).Access
	path := "/oauth2/v1/clients/" + serviceID + "/roles"
	got := decode[[]any](t, b.bearer(token, path))
	if len(got) != 1 || got[0].(map[string]any)["type"] != "READ_ONLY_ADMIN" {
		t.Fatalf("got %v, want the one role", got)
	}
	k.ChangeClient(serviceID, func(c *oktatest.Client) { c.Role = oktatest.NoRole })
	if none := decode[[]any](t, b.bearer(token, path)); len(none) != 0 {
		t.Errorf("got %v, want no role", none)
	}
	if unknown := b.bearer(token, "/oauth2/v1/clients/0oaNobody/roles"); unknown.StatusCode != 404 {
		t.Errorf("unknown application: got %d, want 404", unknown.StatusCode)
	}
	needData(t)
	want := loadRecording(t, "oauth/client-role-assignment.json").Response.Body
	if diff := cmp.Diff(sorted(shape(want)), sorted(shape(got[0]))); diff != "" {
		t.Errorf("fields (-recorded +ours):\n%s", diff)
	}
}
