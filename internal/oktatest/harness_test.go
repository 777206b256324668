package oktatest_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport/internal/oktatest"
)

const (
	appID       = "0oaSallyportTest0001"
	appSecret   = "app-secret-of-the-test"
	callback    = "https://auth.example.com/oauth2/callback"
	afterLogout = "https://auth.example.com/signed-out"
	apiToken    = "00api-token-of-the-test"
	verifier    = "a-verifier-that-is-long-enough-for-rfc-7636-of-course"
)

// testClock is a clock that moves when told to.
type testClock struct {
	mu sync.Mutex
	at time.Time
}

func newTestClock() *testClock {
	return &testClock{at: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)}
}

func (c *testClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *testClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// options are an org with two people, two groups and one web application.
func options() oktatest.Options {
	return oktatest.Options{
		Groups: []oktatest.Group{{Name: "admins", Description: "Those who may"}, {Name: "engineers"}},
		People: []oktatest.Person{
			{Login: "alice@example.com", Password: "wonderland", FirstName: "Alice", LastName: "Liddell", Groups: []string{"admins", "engineers"}},
			{Login: "bob@example.com", Password: "builder", FirstName: "Bob", LastName: "Smith"},
		},
		Clients: []oktatest.Client{{
			ID: appID, Label: "Sallyport", Secret: appSecret,
			RedirectURIs: []string{callback}, PostLogoutRedirectURIs: []string{afterLogout},
		}},
		APITokens: []string{apiToken},
	}
}

// start runs an org; change edits its options first.
func start(t *testing.T, change ...func(*oktatest.Options)) *oktatest.Okta {
	t.Helper()
	o := options()
	for _, c := range change {
		c(&o)
	}
	k, err := oktatest.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	return k
}

// withClock runs the org on a clock.
func withClock(c *testClock) func(*oktatest.Options) {
	return func(o *oktatest.Options) { o.Now = c.now }
}

// app edits the options' one application.
func app(change func(*oktatest.Client)) func(*oktatest.Options) {
	return func(o *oktatest.Options) { change(&o.Clients[0]) }
}

// browser is a client with cookies that follows redirects inside the org and
// stops at those that leave it. Every answer is checked against Okta's OpenAPI
// documents where they are at hand.
type browser struct {
	t *testing.T
	k *oktatest.Okta
	*http.Client
}

func newBrowser(t *testing.T, k *oktatest.Okta) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, k.Addr())
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return &browser{t, k, &http.Client{
		Jar: jar, Transport: checkedTransport{t, transport}, Timeout: 10 * time.Second,
		CheckRedirect: func(r *http.Request, _ []*http.Request) error {
			if !strings.HasPrefix(r.URL.String(), k.URL()+"/") {
				return http.ErrUseLastResponse
			}
			return nil
		},
	}}
}

// reply is an answer, read.
type reply struct {
	*http.Response
	body string
}

func (b *browser) do(r *http.Request) reply {
	b.t.Helper()
	resp, err := b.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return reply{resp, string(body)}
}

func (b *browser) request(method, path string, form url.Values) *http.Request {
	b.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.k.URL()+path, body)
	if err != nil {
		b.t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return r
}

func (b *browser) get(path string) reply { return b.do(b.request("GET", path, nil)) }

func (b *browser) post(path string, form url.Values) reply {
	return b.do(b.request("POST", path, form))
}

// authParams are a good authorization request; change edits it.
func authParams(change ...func(url.Values)) url.Values {
	sum := sha256.Sum256([]byte(verifier))
	v := url.Values{
		"client_id": {appID}, "redirect_uri": {callback}, "response_type": {"code"}, "state": {"the-state"},
		"nonce": {"the-nonce"}, "scope": {"openid profile email groups offline_access"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}
	for _, c := range change {
		c(v)
	}
	return v
}

func set(name, value string) func(url.Values) {
	return func(v url.Values) { v.Set(name, value) }
}

func drop(name string) func(url.Values) { return func(v url.Values) { v.Del(name) } }

func (b *browser) authorize(change ...func(url.Values)) reply {
	return b.get("/oauth2/v1/authorize?" + authParams(change...).Encode())
}

var keyField = regexp.MustCompile(`name="okta_key" value="([^"]+)"`)

// fill sends the sign-in form of a page.
func (b *browser) fill(page reply, username, password string) reply {
	b.t.Helper()
	key := keyField.FindStringSubmatch(page.body)
	if key == nil {
		b.t.Fatalf("no sign-in form in %d %s", page.StatusCode, page.body)
	}
	return b.post("/login/login.htm", url.Values{"okta_key": {key[1]}, "username": {username}, "password": {password}})
}

// back returns the parameters the client gets, or fails.
func (r reply) back(t *testing.T) url.Values {
	t.Helper()
	to, err := r.Location()
	if err != nil || !strings.HasPrefix(to.String(), callback) {
		t.Fatalf("got %d to %v, want a redirect to %q: %s", r.StatusCode, to, callback, r.body)
	}
	return to.Query()
}

// signIn signs somebody in and returns the code.
func (b *browser) signIn(username, password string, change ...func(url.Values)) string {
	b.t.Helper()
	code := b.fill(b.authorize(change...), username, password).back(b.t).Get("code")
	if code == "" {
		b.t.Fatal("no code")
	}
	return code
}

// tokens is the token endpoint's answer, of either kind.
type tokens struct {
	status           int
	Type             string `json:"token_type"`
	Expires          int    `json:"expires_in"`
	Access           string `json:"access_token"`
	Refresh          string `json:"refresh_token"`
	ID               string `json:"id_token"`
	Scope            string `json:"scope"`
	Error            string `json:"error"`
	ErrorDescription string `json:"error_description"`
	ErrorCode        string `json:"errorCode"`
}

func basic(r *http.Request) { r.SetBasicAuth(appID, appSecret) }

func (b *browser) token(form url.Values, auth ...func(*http.Request)) tokens {
	b.t.Helper()
	r := b.request("POST", "/oauth2/v1/token", form)
	for _, a := range auth {
		a(r)
	}
	return decode[tokens](b.t, b.do(r), func(v *tokens, status int) { v.status = status })
}

func decode[T any](t *testing.T, r reply, and ...func(*T, int)) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(r.body), &v); err != nil {
		t.Fatalf("decode %d %q: %v", r.StatusCode, r.body, err)
	}
	for _, f := range and {
		f(&v, r.StatusCode)
	}
	return v
}

func codeForm(code string, change ...func(url.Values)) url.Values {
	v := url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}, "code_verifier": {verifier},
	}
	for _, c := range change {
		c(v)
	}
	return v
}

func refreshForm(token string, change ...func(url.Values)) url.Values {
	v := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}
	for _, c := range change {
		c(v)
	}
	return v
}

// signInTokens signs somebody in and redeems the code.
func (b *browser) signInTokens(username, password string, change ...func(url.Values)) tokens {
	b.t.Helper()
	got := b.token(codeForm(b.signIn(username, password, change...)), basic)
	if got.status != 200 {
		b.t.Fatalf("got %d %s: %s", got.status, got.Error, got.ErrorDescription)
	}
	return got
}

// wantError fails unless the answer is that OAuth error.
func (got tokens) want(t *testing.T, status int, code, description string) {
	t.Helper()
	if got.status != status || got.Error != code || got.ErrorDescription != description {
		t.Errorf("got %d %q %q, want %d %q %q", got.status, got.Error, got.ErrorDescription, status, code, description)
	}
}

// claimsOf decodes a token without trusting it.
func claimsOf(t *testing.T, token string) (header, claims map[string]any) {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("got %d parts, want 3: %q", len(parts), token)
	}
	for i, to := range []*map[string]any{&header, &claims} {
		raw, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err == nil {
			err = json.Unmarshal(raw, to)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return header, claims
}

// api asks the Management API.
func (b *browser) api(path string) reply {
	r := b.request("GET", path, nil)
	r.Header.Set("Authorization", "SSWS "+apiToken)
	return b.do(r)
}

func bearer(token string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
}

func (b *browser) userInfo(token string) reply {
	r := b.request("GET", "/oauth2/v1/userinfo", nil)
	bearer(token)(r)
	return b.do(r)
}

func (b *browser) introspect(token string) map[string]any {
	b.t.Helper()
	r := b.request("POST", "/oauth2/v1/introspect", url.Values{"token": {token}})
	basic(r)
	return decode[map[string]any](b.t, b.do(r))
}

func (b *browser) active(token string) bool {
	b.t.Helper()
	active, _ := b.introspect(token)["active"].(bool)
	return active
}

func encode(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
