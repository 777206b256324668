package server_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sallyport/internal/harness"
)

const spaRoutes = `
  - {name: app, from: "https://app.localhost:%[1]s", to: "%[2]s", policy: [{allow: {or: [{authenticated_user: true}]}}]}
  - {name: api, from: "https://api.localhost:%[1]s", to: "%[2]s", cors: {allow_origins: ["https://app.localhost:%[1]s"]}, policy: [{allow: {or: [{groups: {has: admins}}]}}]}
  - {name: legacy, from: "https://legacy.localhost:%[1]s", to: "%[2]s", cors_allow_preflight: true, policy: [{allow: {or: [{authenticated_user: true}]}}]}
  - {name: asjson, from: "https://asjson.localhost:%[1]s", to: "%[2]s", answers: json, policy: [{allow: {or: [{authenticated_user: true}]}}]}
  - {name: aspage, from: "https://aspage.localhost:%[1]s", to: "%[2]s", answers: page, policy: [{allow: {or: [{authenticated_user: true}]}}]}
  - {name: ask8s, from: "https://ask8s.localhost:%[1]s", to: "%[2]s", answers: kubernetes, policy: [{allow: {or: [{authenticated_user: true}]}}]}
  - {name: away, from: "https://away.localhost:%[1]s", to: "%[2]s", maintenance: {message: Back at six., retry_after: 90m}, policy: [{allow: {or: [{groups: {has: admins}}]}}]}
`

// speaker is an application that answers with what it is asked to say of origins.
func speaker(w http.ResponseWriter, r *http.Request) {
	if own := r.URL.Query().Get("own"); own != "" {
		w.Header().Set("Access-Control-Allow-Origin", own)
	}
	harness.Echo(w, r)
}

// Scripts of the listed origin can read what we answer, and what an upstream
// does that does not speak of origins itself. Nobody else's can.
func TestOnlyListedOriginsMayReadAnswers(t *testing.T) {
	w := harness.Start(t, harness.Options{Routes: spaRoutes, Upstream: http.HandlerFunc(speaker)})
	listed := "https://app.localhost:" + w.Port
	nobody, alice, bob := harness.NewBrowser(t), harness.NewBrowser(t), harness.NewBrowser(t)
	alice.SignIn(w.URL("api", "/"), "alice@example.com", harness.AlicePassword)
	bob.SignIn(w.URL("api", "/"), "bob@example.com", harness.BobPassword)
	for _, tt := range []struct {
		what   string
		who    *harness.Browser
		host   string
		path   string
		origin string
		status int
		allow  string
	}{
		{"nobody", nobody, "api", "/", listed, 401, listed},
		{"somebody denied", bob, "api", "/", listed, 403, listed},
		{"somebody allowed", alice, "api", "/", listed, 200, listed},
		{"an upstream with its own word", alice, "api", "/?own=https://other.example", listed, 200, "https://other.example"},
		{"robots", nobody, "api", "/robots.txt", listed, 200, listed},
		{"an origin that is not listed", nobody, "api", "/", "https://evil.example", 401, ""},
		{"an origin not listed, denied", bob, "api", "/", "https://evil.example", 403, ""},
		{"an origin not listed, allowed", alice, "api", "/", "https://evil.example", 200, ""},
		{"a sandboxed page", nobody, "api", "/", "null", 401, ""},
		{"another port", nobody, "api", "/", "https://app.localhost", 401, ""},
		{"http", nobody, "api", "/", "http://app.localhost:" + w.Port, 401, ""},
		{"a route without cors", nobody, "app", "/", listed, 401, ""},
	} {
		p := tt.who.Fetch("GET", w.URL(tt.host, tt.path), http.Header{"Origin": {tt.origin}, "Sec-Fetch-Site": {"same-site"}})
		if got := p.Header.Get("Access-Control-Allow-Origin"); p.Status != tt.status || got != tt.allow {
			t.Errorf("%s: %d, readable by %q; want %d, %q", tt.what, p.Status, got, tt.status, tt.allow)
		}
		if credentials := p.Header.Get("Access-Control-Allow-Credentials"); (credentials == "true") != (tt.allow == listed) {
			t.Errorf("%s: credentials %q", tt.what, credentials)
		}
		if tt.host == "api" && !strings.Contains(strings.Join(p.Header.Values("Vary"), ","), "Origin") {
			t.Errorf("%s: a cache may give the answer to other origins: Vary %q", tt.what, p.Header.Values("Vary"))
		}
	}
}

func TestPreflights(t *testing.T) {
	w := harness.Start(t, harness.Options{Routes: spaRoutes, Upstream: http.HandlerFunc(speaker)})
	listed := "https://app.localhost:" + w.Port
	for _, tt := range []struct {
		what, host, method, origin, asks string
		status                           int
		allow, methods, headers          string
	}{
		{"listed", "api", "OPTIONS", listed, "DELETE", 204, listed, "DELETE", "Content-Type, X-Y"},
		{"not listed", "api", "OPTIONS", "https://evil.example", "DELETE", 401, "", "", ""},
		{"no preflight", "api", "OPTIONS", listed, "", 401, listed, "", ""},
		{"another method", "api", "GET", listed, "DELETE", 401, listed, "", ""},
		{"a method that is none", "api", "OPTIONS", listed, "DE LETE", 204, listed, "", "Content-Type, X-Y"},
		{"cors_allow_preflight goes to the upstream", "legacy", "OPTIONS", "https://evil.example", "DELETE", 200, "", "", ""},
		{"cors_allow_preflight and no preflight", "legacy", "OPTIONS", "https://evil.example", "", 401, "", "", ""},
	} {
		h := http.Header{"Origin": {tt.origin}, "Access-Control-Request-Headers": {"Content-Type, X-Y, b d"}}
		if tt.asks != "" {
			h.Set("Access-Control-Request-Method", tt.asks)
		}
		p := harness.NewBrowser(t).Fetch(tt.method, w.URL(tt.host, "/"), h)
		got := []string{p.Header.Get("Access-Control-Allow-Origin"), p.Header.Get("Access-Control-Allow-Methods"), p.Header.Get("Access-Control-Allow-Headers")}
		if p.Status != tt.status || got[0] != tt.allow || got[1] != tt.methods || got[2] != tt.headers {
			t.Errorf("%s: %d %q; want %d %q %q %q", tt.what, p.Status, got, tt.status, tt.allow, tt.methods, tt.headers)
		}
		if strings.Contains(strings.Join(got, ""), "*") {
			t.Errorf("%s: everybody is allowed: %q", tt.what, got)
		}
	}
}

func TestARouteIsAnsweredInTheFormThatItAsksFor(t *testing.T) {
	w := harness.Start(t, harness.Options{Routes: spaRoutes})
	navigate := func(host string) *harness.Page { return harness.NewBrowser(t).Step(w.URL(host, "/x")) }
	if p := navigate("asjson"); p.Status != 401 || !json.Valid([]byte(p.Body)) {
		t.Errorf("json: a navigation gets %d %s", p.Status, p.Body)
	}
	if p := navigate("ask8s"); p.Status != 401 || !strings.Contains(p.Body, `"kind":"Status"`) {
		t.Errorf("kubernetes: a navigation gets %d %s", p.Status, p.Body)
	}
	plain := http.Header{"Accept": {"*/*"}}
	if status, h, _ := ask(t, false, "GET", w.URL("aspage", "/x"), plain, "", nil); status != 302 || h.Get("Location") == "" {
		t.Errorf("page: curl gets %d, want a redirect", status)
	}
	if status, _, body := ask(t, false, "POST", w.URL("aspage", "/x"), plain, "", nil); status != 401 || !strings.Contains(string(body), "<h1>Please sign in again") {
		t.Errorf("page: a form without Accept gets %d %.80s", status, body)
	}
	if p := harness.NewBrowser(t).Fetch("GET", w.URL("aspage", "/x"), nil); p.Status != 401 || p.Header.Get("Location") != "" {
		t.Errorf("page: a script gets %d to %q", p.Status, p.Header.Get("Location"))
	}
}

func TestMaintenanceIsForThoseWhoMayPass(t *testing.T) {
	w := harness.Start(t, harness.Options{Routes: spaRoutes, Upstream: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("the upstream was asked")
	})})
	alice, bob := harness.NewBrowser(t), harness.NewBrowser(t)
	p := alice.SignIn(w.URL("away", "/"), "alice@example.com", harness.AlicePassword)
	if p.Status != 503 || p.Header.Get("Retry-After") != "5400" || !strings.Contains(p.Body, "Back at six.") {
		t.Errorf("alice: %d, Retry-After %q\n%s", p.Status, p.Header.Get("Retry-After"), p.Body)
	}
	if p := bob.SignIn(w.URL("away", "/"), "bob@example.com", harness.BobPassword); p.Status != 403 || strings.Contains(p.Body, "six") {
		t.Errorf("bob: %d %s", p.Status, p.Body)
	}
	if p := alice.Fetch("GET", w.URL("away", "/"), nil); p.Status != 503 || !strings.Contains(p.Body, `"code":"maintenance"`) {
		t.Errorf("a script: %d %s", p.Status, p.Body)
	}
}

// A script's pop-up signs in and tells one origin, which is one that may know.
func TestAPopUpSignsInAndTellsOneOrigin(t *testing.T) {
	w := harness.Start(t, harness.Options{Routes: spaRoutes})
	listed := "https://app.localhost:" + w.Port
	popup := func(origin string) string {
		return w.URL("api", "/.pomerium/sign_in_popup?origin="+url.QueryEscape(origin))
	}
	alice := harness.NewBrowser(t)
	p := alice.SignIn(popup(listed), "alice@example.com", harness.AlicePassword)
	if p.Status != 200 || !strings.Contains(p.Body, `data-origin="`+listed+`"`) || !strings.Contains(p.Body, "<script>") {
		t.Fatalf("%d at %s\n%s", p.Status, p.URL, p.Body)
	}
	if csp := p.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "script-src 'sha256-") || strings.Contains(csp, "unsafe") {
		t.Errorf("CSP %q", csp)
	}
	if p := alice.Get(w.URL("api", "/.pomerium/sign_in_popup")); p.Status != 200 || !strings.Contains(p.Body, `data-origin="https://api.localhost:`+w.Port) {
		t.Errorf("without an origin: %d, want the host's own", p.Status)
	}
	for _, origin := range []string{"https://evil.example", "null", "*", listed + "/", listed + ".evil.example", "https://app.localhost", "javascript:x"} {
		if p := alice.Get(popup(origin)); p.Status != 400 || strings.Contains(p.Body, "<script>") {
			t.Errorf("origin %q: %d, want 400 and no script", origin, p.Status)
		}
	}
	if p := alice.Get(w.URL("app", "/.pomerium/sign_in_popup?origin="+url.QueryEscape("https://api.localhost:"+w.Port))); p.Status != 400 {
		t.Errorf("a host that lists nobody: %d, want 400", p.Status)
	}
}

// A person sees their own sessions, on whatever host, and ends them; nobody else
// can, and nothing ends by a GET.
func TestAPersonListsAndEndsTheirOwnSessions(t *testing.T) {
	w := harness.Start(t, harness.Options{})
	laptop, phone, bob := harness.NewBrowser(t), harness.NewBrowser(t), harness.NewBrowser(t)
	laptop.SignIn(w.URL("app", "/"), "alice@example.com", harness.AlicePassword)
	phone.SignIn(w.URL("app", "/"), "alice@example.com", harness.AlicePassword)
	bob.SignIn(w.URL("app", "/"), "bob@example.com", harness.BobPassword)

	list := laptop.Get(w.URL("app", "/.pomerium/sessions"))
	if list.Status != 200 || strings.Count(list.Body, "End this session</button>") != 2 || strings.Contains(list.Body, "bob@") {
		t.Fatalf("alice's list: %d\n%s", list.Status, list.Body)
	}
	for _, b := range []*harness.Browser{laptop, phone, bob} {
		if p := b.Fetch("GET", w.URL("app", "/"), nil); p.Status != 200 {
			t.Fatalf("looking ended a session: %d", p.Status)
		}
	}
	// bob sends what alice's page holds
	stolen := bob.Submit(list, map[string]string{"end": "others"})
	if stolen.Status != 403 {
		t.Errorf("bob with alice's form: %d, want 403", stolen.Status)
	}
	after := laptop.Submit(list, map[string]string{"end": "others"})
	if after.Status != 200 || !strings.Contains(after.Body, "1 session ended") || strings.Count(after.Body, "End this session</button>") != 1 {
		t.Errorf("after the click: %d\n%s", after.Status, after.Body)
	}
	for name, want := range map[*harness.Browser]int{laptop: 200, phone: 401, bob: 200} {
		if p := name.Fetch("GET", w.URL("app", "/"), nil); p.Status != want {
			t.Errorf("after the click: %d, want %d", p.Status, want)
		}
	}
	// the last one, on another host: that signs out
	home := laptop.Get("https://authenticate.localhost:" + w.Port + "/.pomerium/sessions")
	_, rest, _ := strings.Cut(home.Body, `name="end" value="`)
	handle, _, _ := strings.Cut(rest, `"`)
	if p := laptop.Submit(home, map[string]string{"end": handle}); p.Status != 200 || !strings.Contains(p.Body, "Signed out") {
		t.Errorf("ending the current one: %d at %s", p.Status, p.URL)
	}
	if p := laptop.Fetch("GET", w.URL("app", "/"), nil); p.Status != 401 {
		t.Errorf("after ending the current one: %d, want 401", p.Status)
	}
	if p := harness.NewBrowser(t).Get(w.URL("app", "/.pomerium/sessions")); !strings.Contains(p.URL.Host, "okta") {
		t.Errorf("nobody's sessions: ended at %s, want a sign-in", p.URL)
	}
}

// A browser that loses our cookie is told so, by name, instead of going round
// for ever; what it did bring says what the matter is.
func TestACircleNamesTheCookieThatDidNotComeBack(t *testing.T) {
	w := harness.Start(t, harness.Options{})
	b := harness.NewBrowser(t)
	b.SignIn(w.URL("app", "/"), "alice@example.com", harness.AlicePassword)
	var p *harness.Page
	for range 10 {
		for name := range b.Cookies("app.localhost") {
			if name == "__Host-sallyport" {
				b.SetCookie("app.localhost", name, "dropped")
			}
		}
		if p = b.Get(w.URL("app", "/")); p.Status == http.StatusBadRequest {
			break
		}
	}
	for _, want := range []string{"goes round in circles", "__Host-sallyport", "cannot be read", "Usual causes", "cookie_secret"} {
		if p.Status != 400 || !strings.Contains(p.Body, want) {
			t.Errorf("%d, and the page lacks %q", p.Status, want)
		}
	}
	until(t, "the log says what was lost", func() bool {
		log := w.Log.String()
		return strings.Contains(log, `"msg":"sign-in goes round in circles"`) && strings.Contains(log, `"lost":"a readable session cookie"`)
	})
}

// A browser that keeps nothing at all ends there too, and is told so.
func TestABrowserWithoutCookiesIsNotSentInCircles(t *testing.T) {
	w := harness.Start(t, harness.Options{})
	b := harness.NewBrowser(t)
	p := b.SignIn(w.URL("app", "/"), "alice@example.com", harness.AlicePassword)
	for range 60 {
		b.Forget("app.localhost")
		location := p.Header.Get("Location")
		if location == "" && p.Status != 200 {
			break
		}
		if location == "" {
			location = w.URL("app", "/")
		}
		p = b.Step(location)
	}
	if p.Status != 400 || !strings.Contains(p.Body, "sent back no cookies") {
		t.Errorf("after 60 steps: %d at %s\n%.300s", p.Status, p.URL, p.Body)
	}
}

// Branding comes with a reload; a template that does not work is a mistake in the
// configuration, and the last good pages stay.
func TestBrandingFollowsTheConfiguration(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("error.html", `{{define "body"}}<p>{{clean .Message}} Ring 555.</p>{{end}}`)
	w := harness.Start(t, harness.Options{Extra: "branding: {name: Acme Gate, accent_color: '#7a1fa2', template_dir: " + dir + "}\n"})
	missing := func() string { return harness.NewBrowser(t).Get(w.URL("nowhere", "/")).Body }
	for _, want := range []string{"Acme Gate", "Ring 555", "#7a1fa2"} {
		if !strings.Contains(missing(), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	write("error.html", `{{define "body"}}{{.Nothing}}{{end}}`)
	err := w.Server.Reload()
	if err == nil || !strings.Contains(err.Error(), "error.html") {
		t.Errorf("the broken template was taken: %v", err)
	}
	if !strings.Contains(missing(), "Ring 555") {
		t.Error("the last good page is gone")
	}
	write("error.html", `{{define "body"}}<p>Ring 777.</p>{{end}}`)
	if err := w.Server.Reload(); err != nil || !strings.Contains(missing(), "Ring 777") {
		t.Errorf("the repaired template is not in force: %v", err)
	}
}
