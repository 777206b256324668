package server_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"sallyport/internal/harness"
)

// until waits for something that happens in the background.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Errorf("did not happen: %s", what)
}

func TestSessionsAndTheDirectorySurviveARestart(t *testing.T) {
	w := harness.Start(t, harness.Options{})
	alice := harness.NewBrowser(t)
	alice.SignIn(w.URL("admin", "/"), "alice@example.com", harness.AlicePassword)
	w.Stop()
	w.Okta.Close() // nobody to ask: what is known must do
	w.StartServer()
	if p := alice.Get(w.URL("admin", "/")); p.Status != 200 {
		t.Errorf("after a restart with Okta down: %d\n%s", p.Status, p.Body)
	}
	code, body := operator(t, w.Server.HealthAddr(), "/readyz")
	if code != 200 || !strings.Contains(body, `"degraded"`) || !strings.Contains(body, "identity-provider") {
		t.Errorf("/readyz = %d %s, want 200, degraded, naming the identity provider", code, body)
	}
	fresh := harness.NewBrowser(t).Get(w.URL("app", "/"))
	if fresh.Status != http.StatusServiceUnavailable || fresh.Header.Get("Retry-After") == "" {
		t.Errorf("a new sign-in with Okta down: %d, Retry-After %q; want 503 and when to come back", fresh.Status, fresh.Header.Get("Retry-After"))
	}
}

func TestABadFileKeepsTheLastGoodConfiguration(t *testing.T) {
	w := harness.Start(t, harness.Options{})
	good, err := os.ReadFile(w.File)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(w.File, []byte(strings.Replace(string(good), "routes:", "ruotes:", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	until(t, "the bad file is noticed", func() bool {
		_, body := operator(t, w.Server.MetricsAddr(), "/metrics")
		return strings.Contains(body, "sallyport_config_last_reload_success 0")
	})
	if p := harness.NewBrowser(t).Get(w.URL("public", "/")); p.Status != 200 {
		t.Errorf("the last good configuration is not in force: %d", p.Status)
	}
	if _, body := operator(t, w.Server.HealthAddr(), "/readyz"); !strings.Contains(body, "configuration") {
		t.Errorf("/readyz does not say so: %s", body)
	}
	until(t, "the log names the key", func() bool { return strings.Contains(w.Log.String(), "ruotes") })
	w.WriteConfig(`
  - {from: "https://public.localhost:%[1]s", response: {status: 200, body: new}, allow_public_unauthenticated_access: true}
`, "")
	until(t, "the mended file is in force", func() bool {
		return strings.TrimSpace(harness.NewBrowser(t).Get(w.URL("public", "/")).Body) == "new"
	})
	if _, body := operator(t, w.Server.MetricsAddr(), "/metrics"); !strings.Contains(body, "sallyport_config_last_reload_success 1") {
		t.Error("the metric still says that the reload failed")
	}
}

func TestAPolicyChangeHoldsForThoseAlreadySignedIn(t *testing.T) {
	w := harness.Start(t, harness.Options{})
	bob := harness.NewBrowser(t)
	bob.SignIn(w.URL("app", "/"), "bob@example.com", harness.BobPassword)
	w.WriteConfig(`
  - {name: app, from: "https://app.localhost:%[1]s", to: "%[2]s", policy: [{allow: {or: [{groups: {has: admins}}]}}]}
`, "")
	if err := w.Server.Reload(); err != nil {
		t.Fatal(err)
	}
	if p := bob.Get(w.URL("app", "/")); p.Status != 403 {
		t.Errorf("bob after the change: %d, want 403", p.Status)
	}
}

func TestReloadUnderLoadFailsNoRequest(t *testing.T) {
	w := harness.Start(t, harness.Options{})
	alice := harness.NewBrowser(t)
	alice.SignIn(w.URL("app", "/"), "alice@example.com", harness.AlicePassword)
	stop, failed := make(chan struct{}), make(chan int, 1)
	go func() {
		bad := 0
		for {
			select {
			case <-stop:
				failed <- bad
				return
			default:
				if alice.Fetch("GET", w.URL("app", "/"), nil).Status != 200 {
					bad++
				}
			}
		}
	}()
	for i := range 20 {
		w.WriteConfig(harness.DefaultRoutes, "cookie_expire: "+(time.Duration(14+i)*time.Hour).String())
		if err := w.Server.Reload(); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	if bad := <-failed; bad > 0 {
		t.Errorf("%d requests failed", bad)
	}
}

func dialWebSocket(t *testing.T, w *harness.World, b *harness.Browser, host string) (*websocket.Conn, error) {
	t.Helper()
	var cookies []string
	for name, value := range b.Cookies(host + ".localhost") {
		cookies = append(cookies, name+"="+value)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	transport := &http.Transport{DialContext: harness.DialLoopback, TLSClientConfig: insecure}
	t.Cleanup(transport.CloseIdleConnections)
	conn, _, err := websocket.Dial(ctx, strings.Replace(w.URL(host, "/ws"), "https:", "wss:", 1), &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: transport},
		HTTPHeader: http.Header{"Cookie": {strings.Join(cookies, "; ")}, "Origin": {strings.TrimSuffix(w.URL(host, "/"), "/")}},
	})
	return conn, err
}

// echoWebSocket accepts and sends back what it gets.
func echoWebSocket(w http.ResponseWriter, r *http.Request) {
	c, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return
	}
	defer c.CloseNow()
	for {
		typ, msg, err := c.Read(r.Context())
		if err != nil || c.Write(r.Context(), typ, msg) != nil {
			return
		}
	}
}

func TestAnOpenWebSocketEndsWithTheSession(t *testing.T) {
	w := harness.Start(t, harness.Options{Upstream: http.HandlerFunc(echoWebSocket)})
	alice := harness.NewBrowser(t)
	alice.SignIn(w.URL("app", "/"), "alice@example.com", harness.AlicePassword)
	conn, err := dialWebSocket(t, w, alice, "app")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := conn.Write(ctx, websocket.MessageText, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, msg, err := conn.Read(ctx); err != nil || string(msg) != "hello" {
		t.Fatalf("echo = %q, %v", msg, err)
	}
	alice.Submit(alice.Get(w.URL("app", "/.pomerium/sign_out")), nil)
	// The reason is that of the one who ended it: nobody had to look first.
	var told websocket.CloseError
	if _, _, err := conn.Read(ctx); !errors.As(err, &told) || told.Reason != "session ended: signed-out" {
		t.Errorf("the WebSocket and its session: %v", err)
	}
	if _, err := dialWebSocket(t, w, alice, "app"); err == nil {
		t.Error("a new WebSocket opened without a session")
	}
}

// T41: of all that a run used as a secret, nothing is in what people, operators
// and the disk get to see, whatever went wrong meanwhile.
func TestNothingEmittedHoldsASecret(t *testing.T) {
	w := harness.Start(t, harness.Options{Extra: "log_level: trace\nallow_session_token_in_query: true\nprogrammatic_redirect_domain_whitelist: [app.localhost]\n" +
		"access_log_fields: [path, query, referer, headers.Cookie, headers.Authorization, user-agent]\nauthorize_log_fields: [path, query, email, headers, id-token, id-token-claims, body]"})
	w.Server.PanicAt("/panic")
	alice, bob, program := harness.NewBrowser(t), harness.NewBrowser(t), harness.NewBrowser(t)
	var pages strings.Builder
	shows := func(want int, p *harness.Page) *harness.Page {
		t.Helper()
		if p.Status != want {
			t.Errorf("%s: %d, want %d", p.URL, p.Status, want)
		}
		if !strings.HasPrefix(p.Body, `{"method"`) { // the application's own
			pages.WriteString(p.Body)
		}
		return p
	}
	alice.SignIn(w.URL("app", "/"), "alice@example.com", harness.AlicePassword)
	shows(403, bob.SignIn(w.URL("admin", "/?token=query-secret-123"), "bob@example.com", harness.BobPassword))
	asked := alice.Fetch("GET", w.URL("app", "/.pomerium/api/v1/login?pomerium_redirect_uri="+url.QueryEscape(w.URL("app", "/waiting"))), nil)
	consent := shows(200, alice.Get(strings.TrimSpace(asked.Body)))
	token := alice.Submit(consent, nil).URL.Query().Get("pomerium_jwt")
	bearer := http.Header{"Authorization": {"Pomerium " + token}, "Accept": {"text/html"}}
	for path, want := range map[string]int{"/.pomerium/user": 200, "/panic": 500} {
		shows(want, alice.Get(w.URL("app", path)))
		shows(want, program.Fetch("GET", w.URL("app", path+"?pomerium_session="+token), bearer))
	}
	shows(200, alice.Get(w.URL("app", "/.pomerium/sessions")))
	shows(200, program.Fetch("GET", w.URL("app", "/?pomerium_session="+token), nil))
	shows(404, alice.Get(w.URL("nowhere", "/")))

	secrets := append(w.Okta.Secrets(), harness.ClientSecret, harness.APIToken, harness.AlicePassword, harness.BobPassword, token, "query-secret-123", "eyJ") // JWTs begin so
	for _, visited := range slices.Concat(alice.Trail, bob.Trail) {
		if u, err := url.Parse(visited); err == nil && strings.HasPrefix(u.Path, "/.pomerium/callback") && u.Query().Get("pomerium_code") != "" {
			secrets = append(secrets, u.Query().Get("pomerium_code"))
		}
	}
	for _, b := range []*harness.Browser{alice, bob} {
		for _, host := range []string{"app", "admin", "authenticate"} {
			for _, value := range b.Cookies(host + ".localhost") {
				secrets = append(secrets, value)
			}
		}
	}
	if len(secrets) < 16 || len(token) < 40 {
		t.Errorf("%d secrets, a token of %d characters: too few to say anything", len(secrets), len(token))
	}
	alice.Submit(alice.Get(w.URL("app", "/.pomerium/sign_out")), nil)
	until(t, "the panics are logged", func() bool { return strings.Count(w.Log.String(), "panic contained") == 2 })
	_, metrics := operator(t, w.Server.MetricsAddr(), "/metrics")
	_, ready := operator(t, w.Server.HealthAddr(), "/readyz")
	_, status := operator(t, w.Server.HealthAddr(), "/status")
	w.Stop()
	disk, err := os.ReadFile(w.Dir + "/sallyport.db")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(disk), "alice@example.com") {
		t.Error("the store holds an address in the clear")
	}
	for name, text := range map[string]string{"the log": w.Log.String(), "/metrics": metrics, "/readyz": ready, "/status": status, "a page": pages.String(), "the store": string(disk)} {
		for _, s := range secrets {
			asked := name == "a page" && s == "query-secret-123" // links lead to the address first asked for
			if i := strings.Index(text, s); i >= 0 && !asked && (s != "eyJ" || name != "the store") {
				t.Errorf("%s holds the secret %.8s... in %q", name, s, text[max(0, i-60):min(len(text), i+20)])
			}
		}
	}
}

// The request id on a page finds the record that says why, as docs/how-to/debug-a-denial.md has it.
func TestARequestIDFindsTheDecision(t *testing.T) {
	w := harness.Start(t, harness.Options{Extra: "authorize_log_fields: [request-id, email, path, query]"})
	bob := harness.NewBrowser(t)
	p := bob.SignIn(w.URL("admin", "/board?day=monday&token=query-secret-456"), "bob@example.com", harness.BobPassword)
	if id := p.Header.Get("X-Request-Id"); p.Status != 403 || len(id) < 16 || !strings.Contains(p.Body, id) {
		t.Fatalf("%d, request id %q", p.Status, id)
	}
	until(t, "the decision record", func() bool {
		for _, line := range strings.Split(w.Log.String(), "\n") {
			if strings.Contains(line, `"authorize check"`) && strings.Contains(line, p.Header.Get("X-Request-Id")) {
				return strings.Contains(line, "groups-unauthorized") && strings.Contains(line, "bob@example.com") &&
					strings.Contains(line, "day=monday") && !strings.Contains(line, "query-secret-456")
			}
		}
		return false
	})
}
