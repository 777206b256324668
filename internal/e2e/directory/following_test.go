package directory_test

import (
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"sallyport/identity"
	"sallyport/internal/harness"
	"sallyport/internal/oktatest"
)

const hookSecret = "event-hook-secret-0123456789abcdef"

// socketEcho is an application that holds a WebSocket open.
func socketEcho(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Upgrade") == "" {
		harness.Echo(w, r)
		return
	}
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return
	}
	defer conn.CloseNow()
	for {
		kind, message, err := conn.Read(r.Context())
		if err != nil || conn.Write(r.Context(), kind, message) != nil {
			return
		}
	}
}

func startWorld(t *testing.T, change func(*harness.Options)) *harness.World {
	t.Helper()
	o := harness.Options{Upstream: http.HandlerFunc(socketEcho)}
	if change != nil {
		change(&o)
	}
	return harness.Start(t, o)
}

// dial opens a WebSocket in the name of a browser and sees it answer.
func dial(t *testing.T, w *harness.World, b *harness.Browser, host string) *websocket.Conn {
	t.Helper()
	var cookies []string
	for name, value := range b.Cookies(host + ".localhost") {
		cookies = append(cookies, name+"="+value)
	}
	client := &http.Client{Transport: &http.Transport{DialContext: harness.DialLoopback, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, resp, err := websocket.Dial(ctx, strings.Replace(w.URL(host, "/"), "https:", "wss:", 1), &websocket.DialOptions{
		HTTPClient: client, HTTPHeader: http.Header{"Cookie": {strings.Join(cookies, "; ")}, "Origin": {strings.TrimSuffix(w.URL(host, ""), "/")}},
	})
	if err != nil {
		t.Fatalf("dial: %v, %v", err, resp)
	}
	t.Cleanup(func() { conn.CloseNow() })
	if err := conn.Write(ctx, websocket.MessageText, []byte("there?")); err != nil {
		t.Fatal(err)
	}
	if _, got, err := conn.Read(ctx); err != nil || string(got) != "there?" {
		t.Fatalf("echo: %q, %v", got, err)
	}
	return conn
}

// closed waits for the close frame and returns how long that took.
func closed(t *testing.T, conn *websocket.Conn, since time.Time) time.Duration {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	_, _, err := conn.Read(ctx)
	if code := websocket.CloseStatus(err); code != websocket.StatusPolicyViolation {
		t.Fatalf("the WebSocket ended with %v (%v), expected close code 1008", code, err)
	}
	return time.Since(since)
}

// ready waits until the directory of everybody answers.
func ready(t *testing.T, w *harness.World) {
	t.Helper()
	eventually(t, "the directory to be ready", func() bool {
		return strings.Contains(w.Log.String(), "directory is ready")
	})
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if is() {
			return
		}
	}
	t.Fatalf("waited in vain for %s", what)
}

func TestRemovalFromAGroupEndsAnOpenWebSocketByPollingAlone(t *testing.T) {
	w := startWorld(t, nil)
	alice := harness.NewBrowser(t)
	if p := alice.SignIn(w.URL("admin", "/"), "alice@example.com", harness.AlicePassword); p.Status != 200 {
		t.Fatalf("sign in: %d\n%s", p.Status, p.Body)
	}
	ready(t, w)
	conn := dial(t, w, alice, "admin")
	left := time.Now()
	w.Okta.Leave("alice@example.com", "admins")
	took := closed(t, conn, left)
	t.Logf("closed %v after the event", took)
	if took > 5*time.Second {
		t.Errorf("took %v, expected under 5 s", took)
	}
	if p := alice.Get(w.URL("admin", "/")); p.Status != http.StatusForbidden {
		t.Errorf("the route answers %d, expected 403", p.Status)
	}
	w.Okta.Join("alice@example.com", "admins")
	joined := time.Now()
	eventually(t, "the new member to get in", func() bool { return alice.Get(w.URL("admin", "/")).Status == 200 })
	if took := time.Since(joined); took > 5*time.Second {
		t.Errorf("a new member gets in after %v, expected under 5 s", took)
	}
}

func TestHookEndsAccessWithinASecond(t *testing.T) {
	w := startWorld(t, func(o *harness.Options) {
		o.Extra = "event_hook: {secret: " + hookSecret + "}\n"
	})
	client := &http.Client{Timeout: 3 * time.Second, Transport: &http.Transport{DialContext: harness.DialLoopback, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	id := w.Okta.AddEventHook(oktatest.EventHook{
		Name: "sallyport", URL: w.URL("authenticate", "/.sallyport/okta/events"), Authorization: hookSecret,
		Events: []string{"group.user_membership.remove", "user.lifecycle.suspend"}, Client: client, Twice: true,
	})
	if err := w.Okta.VerifyEventHook(context.Background(), id); err != nil {
		t.Fatalf("verification: %v", err)
	}
	alice := harness.NewBrowser(t)
	alice.SignIn(w.URL("admin", "/"), "alice@example.com", harness.AlicePassword)
	ready(t, w)
	var worst time.Duration
	for range 3 {
		conn := dial(t, w, alice, "admin")
		left := time.Now()
		w.Okta.Leave("alice@example.com", "admins")
		worst = max(worst, closed(t, conn, left))
		w.Okta.Join("alice@example.com", "admins")
		eventually(t, "the member to be back", func() bool { return alice.Get(w.URL("admin", "/")).Status == 200 })
	}
	t.Logf("closed %v after the event, at worst", worst)
	if worst > 1100*time.Millisecond {
		t.Errorf("took %v, expected under 1 s", worst)
	}
	w.Okta.WaitForEventHooks()
	for _, d := range w.Okta.Deliveries() {
		if d.Status != http.StatusNoContent {
			t.Errorf("delivery of %s was answered %d, %v", d.Type, d.Status, d.Err)
		}
	}
}

func TestSuspendedPeopleAreOutEverywhereAndTheirSessionsEnd(t *testing.T) {
	w := startWorld(t, nil)
	alice := harness.NewBrowser(t)
	alice.SignIn(w.URL("app", "/"), "alice@example.com", harness.AlicePassword)
	ready(t, w)
	conn := dial(t, w, alice, "app")
	w.Okta.SetStatus("alice@example.com", identity.StatusSuspended)
	if took := closed(t, conn, time.Now()); took > 5*time.Second {
		t.Errorf("took %v, expected under 5 s", took)
	}
	eventually(t, "the session to end", func() bool {
		p := alice.Fetch("GET", w.URL("app", "/"), nil)
		return p.Status == http.StatusUnauthorized
	})
}

func TestRestartServesTheLastDirectoryWhileOktaIsDown(t *testing.T) {
	w := startWorld(t, nil)
	alice := harness.NewBrowser(t)
	alice.SignIn(w.URL("admin", "/"), "alice@example.com", harness.AlicePassword)
	ready(t, w)
	w.Stop()
	for _, path := range []string{"/api/v1/logs", "/api/v1/groups", "/api/v1/users"} {
		w.Okta.Fail(oktatest.Fault{Path: path, Times: 1 << 20, Act: oktatest.HTML()})
	}
	w.StartServer()
	if p := alice.Get(w.URL("admin", "/")); p.Status != 200 {
		t.Errorf("after the restart the route answers %d, expected 200", p.Status)
	}
}

func TestForgedAndOversizedHooksAreRefused(t *testing.T) {
	w := startWorld(t, func(o *harness.Options) {
		o.Extra = "event_hook: {secret: " + hookSecret + "}\n"
	})
	client := &http.Client{Transport: &http.Transport{DialContext: harness.DialLoopback, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	send := func(method, host, authorization string, body io.Reader) int {
		req, err := http.NewRequest(method, w.URL(host, "/.sallyport/okta/events"), body)
		if err != nil {
			t.Fatal(err)
		}
		if authorization != "" {
			req.Header.Set("Authorization", authorization)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	for name, tt := range map[string]struct {
		method, host, authorization string
		body                        string
		want                        int
	}{
		"a delivery":        {"POST", "authenticate", hookSecret, `{"data":{}}`, 204},
		"nonsense":          {"POST", "authenticate", hookSecret, `null`, 204},
		"no secret":         {"POST", "authenticate", "", `{}`, 401},
		"another secret":    {"POST", "authenticate", hookSecret + "x", `{}`, 401},
		"too much":          {"POST", "authenticate", hookSecret, strings.Repeat("a", 1<<20+1), 413},
		"nothing":           {"POST", "authenticate", hookSecret, "", 413},
		"another method":    {"PUT", "authenticate", hookSecret, "x", 405},
		"no challenge":      {"GET", "authenticate", hookSecret, "", 400},
		"on a route's host": {"POST", "app", hookSecret, `{}`, 401},
		"on a public route": {"POST", "public", hookSecret, `{}`, 200},
	} {
		if got := send(tt.method, tt.host, tt.authorization, strings.NewReader(tt.body)); got != tt.want {
			t.Errorf("%s: got %d, expected %d", name, got, tt.want)
		}
	}
	for range 100 { // within what one address may ask
		if got := send("POST", "authenticate", "wrong", strings.NewReader("{}")); got != http.StatusUnauthorized {
			t.Fatalf("a forgery in a flood is answered %d", got)
		}
	}
	if got := send("POST", "authenticate", hookSecret, strings.NewReader("{}")); got != http.StatusNoContent {
		t.Errorf("after a flood of forgeries a delivery is answered %d, expected 204", got)
	}
	ready(t, w)
	began, asked := time.Now(), w.Okta.Count("GET", "/api/v1/logs")
	for range 200 { // replays
		send("POST", "authenticate", hookSecret, strings.NewReader("{}"))
	}
	if n, most := w.Okta.Count("GET", "/api/v1/logs")-asked, 4*time.Since(began).Seconds()+3; float64(n) > most {
		t.Errorf("a flood of deliveries cost %d readings of the log, expected at most %.0f", n, most)
	}
}
