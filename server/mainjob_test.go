package server_test

import (
	"crypto/tls"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"sallyport/internal/harness"
)

func TestMain(m *testing.M) { m.Run() }

func TestAPersonSignsInOnceAndReachesEveryApplicationTheirPolicyAllows(t *testing.T) {
	w := harness.Start(t, harness.Options{})
	alice := harness.NewBrowser(t)

	p := alice.SignIn(w.URL("app", "/deep/link?q=1"), "alice@example.com", harness.AlicePassword)
	seen := p.Seen(t)
	if p.URL.String() != w.URL("app", "/deep/link?q=1") || seen.URI != "/deep/link?q=1" {
		t.Errorf("landed on %s, the application saw %s; want the address first asked for", p.URL, seen.URI)
	}
	claims := verifyAssertion(t, w, "app", seen.Header.Get("X-Pomerium-Jwt-Assertion"))
	if claims["email"] != "alice@example.com" || claims["sub"] != w.Okta.PersonID("alice@example.com") {
		t.Errorf("assertion claims = %v", claims)
	}
	if groups, _ := json.Marshal(claims["groups"]); !strings.Contains(string(groups), "admins") {
		t.Errorf("groups = %s, want admins among them", groups)
	}

	signIns := w.Okta.Count("POST", "/oauth2/v1/token")
	if p := alice.Get(w.URL("admin", "/")); p.Status != 200 {
		t.Errorf("alice on admin: %d\n%s", p.Status, p.Body)
	}
	if n := w.Okta.Count("POST", "/oauth2/v1/token"); n != signIns {
		t.Errorf("the second host cost %d token calls, want none", n-signIns)
	}
}

// verifyAssertion checks the assertion as an application would, against the
// keys that the route's own host publishes.
func verifyAssertion(t *testing.T, w *harness.World, host, token string) map[string]any {
	t.Helper()
	p := harness.NewBrowser(t).Fetch("GET", w.URL(host, "/.well-known/pomerium/jwks.json"), nil)
	var keys jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(p.Body), &keys); err != nil {
		t.Fatalf("jwks: %v\n%s", err, p.Body)
	}
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatalf("assertion %q: %v", token, err)
	}
	var std jwt.Claims
	all := map[string]any{}
	if err := parsed.Claims(&keys, &std, &all); err != nil {
		t.Fatal(err)
	}
	want := jwt.Expected{Time: time.Now(), AnyAudience: jwt.Audience{host + ".localhost:" + w.Port, host + ".localhost"}}
	if err := std.ValidateWithLeeway(want, time.Second); err != nil {
		t.Errorf("assertion does not hold: %v: %v", err, all)
	}
	return all
}

func TestSomeoneThePolicyLeavesOutReadsWhyAndNothingTheyShouldNot(t *testing.T) {
	w := harness.Start(t, harness.Options{})
	bob := harness.NewBrowser(t)
	p := bob.SignIn(w.URL("admin", "/payroll"), "bob@example.com", harness.BobPassword)
	if p.Status != http.StatusForbidden {
		t.Fatalf("bob on admin: %d, want 403\n%s", p.Status, p.Body)
	}
	for _, want := range []string{"admin.localhost", "bob@example.com", p.Header.Get("X-Request-Id")} {
		if want == "" || !strings.Contains(p.Body, want) {
			t.Errorf("the page does not name %q", want)
		}
	}
	if strings.Contains(p.Body, "admins") {
		t.Error("the page names the group")
	}
	if p := bob.Get(w.URL("app", "/")); p.Status != 200 {
		t.Errorf("bob on app: %d, want 200", p.Status)
	}
	link := w.URL("admin", "/.pomerium/sign_in?")
	i := strings.Index(p.Body, link)
	if i < 0 {
		t.Fatalf("the page offers no other account:\n%s", p.Body)
	}
	another, _, _ := strings.Cut(p.Body[i:], `"`)
	again := bob.SignIn(html.UnescapeString(another), "alice@example.com", harness.AlicePassword)
	if again.Status != 200 || again.URL.String() != w.URL("admin", "/payroll") {
		t.Errorf("with another account: %d at %s, want the page first asked for", again.Status, again.URL)
	}
}

func TestSigningOutEndsTheSessionEverywhere(t *testing.T) {
	w := harness.Start(t, harness.Options{})
	alice := harness.NewBrowser(t)
	alice.SignIn(w.URL("app", "/"), "alice@example.com", harness.AlicePassword)
	alice.Get(w.URL("admin", "/"))
	stolen := alice.Cookies("admin.localhost")

	confirm := alice.Get(w.URL("app", "/.pomerium/sign_out"))
	if confirm.Status != 200 || alice.Get(w.URL("admin", "/")).Status != 200 {
		t.Fatalf("a GET must ask and end nothing; got %d", confirm.Status)
	}
	alice.Submit(confirm, nil)

	thief := harness.NewBrowser(t)
	for name, value := range stolen {
		thief.SetCookie("admin.localhost", name, value)
	}
	for who, b := range map[string]*harness.Browser{"the browser": alice, "an old cookie": thief} {
		if p := b.Fetch("GET", w.URL("admin", "/"), nil); p.Status != http.StatusUnauthorized {
			t.Errorf("%s after sign-out: %d, want 401", who, p.Status)
		}
	}
	if n := w.Okta.Count("POST", "/oauth2/v1/revoke"); n == 0 {
		t.Error("no token was revoked at Okta")
	}
	if p := alice.Get(w.URL("app", "/")); !strings.Contains(p.URL.Host, "okta") {
		t.Errorf("after sign-out the next visit ends at %s, want Okta's sign-in page", p.URL)
	}
}

func TestAPublicRouteNeverMeetsTheIdentityProvider(t *testing.T) {
	w := harness.Start(t, harness.Options{})
	w.Okta.Close()
	p := harness.NewBrowser(t).Get(w.URL("public", "/"))
	if p.Status != 200 {
		t.Fatalf("public route with Okta down: %d", p.Status)
	}
	for name := range p.Seen(t).Header {
		if strings.HasPrefix(name, "X-Pomerium") {
			t.Errorf("an anonymous request carries %s", name)
		}
	}
}

func TestEverybodyElseGetsAnAnswerTheyCanRead(t *testing.T) {
	w := harness.Start(t, harness.Options{})
	b := harness.NewBrowser(t)
	p := b.Fetch("GET", w.URL("app", "/api"), http.Header{"Accept": {"application/json"}})
	var body struct {
		LoginURL  string `json:"login_url"`
		RequestID string `json:"request_id"`
	}
	if err := json.Unmarshal([]byte(p.Body), &body); err != nil || p.Status != 401 || body.LoginURL == "" || body.RequestID != p.Header.Get("X-Request-Id") {
		t.Errorf("fetch without a session: %d %v %s", p.Status, err, p.Body)
	}
	if p.Header.Get("X-Pomerium-Intercepted-Response") != "true" {
		t.Error("our own answer is not marked")
	}
	if p := b.Get(w.URL("nowhere", "/")); p.Status != 404 {
		t.Errorf("unknown host: %d, want 404", p.Status)
	}
	if p := b.Fetch("GET", w.URL("app", "/ping"), nil); p.Status != 200 || strings.TrimSpace(p.Body) != "OK" {
		t.Errorf("/ping: %d %q", p.Status, p.Body)
	}
}

// operator asks a listener for operators.
func operator(t *testing.T, addr, path string) (int, string) {
	t.Helper()
	resp, err := http.Get("http://" + addr + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body)
}

// insecure trusts whatever certificate the test's server made.
var insecure = &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}
