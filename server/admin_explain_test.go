package server_test

import (
	"strings"
	"testing"

	"sallyport/authorize"
	"sallyport/internal/harness"
	"sallyport/server"
)

func TestTheOperatorAsksWhySomebodyMayNotPass(t *testing.T) {
	w := harness.Start(t, harness.Options{})
	w.WriteConfig(`
  - {name: app, from: "https://app.localhost:%[1]s", to: "%[2]s", policy: [{allow: {and: [{email: alice@example.com}, {http_method: GET}]}}]}
  - {name: fresh, from: "https://fresh.localhost:%[1]s", to: "%[2]s", policy: [{allow: {and: [{email: alice@example.com}, {auth_age: {max: 12h}}]}}]}
`, "")
	if err := w.Server.Reload(); err != nil {
		t.Fatal(err)
	}
	alice := harness.NewBrowser(t)
	alice.SignIn(w.URL("app", "/"), "alice@example.com", harness.AlicePassword)
	for _, tt := range []struct {
		ask    server.ExplainRequest
		want   string
		change string
	}{
		{server.ExplainRequest{Email: "Alice@example.com", Method: "GET", URL: w.URL("app", "/x")}, "allow", ""},
		{server.ExplainRequest{Email: "alice@example.com", Method: "POST", URL: w.URL("app", "/x")}, "deny", "http_method is POST"},
		{server.ExplainRequest{Anonymous: true, Method: "GET", URL: w.URL("app", "/x")}, "unauthenticated", "is not signed in"},
	} {
		var got authorize.Explanation
		if code := admin(t, w, "POST", "/v1/explain", tt.ask, &got); code != 200 || got.Decision != tt.want || !strings.HasPrefix(strings.Join(got.Change, ""), tt.change) {
			t.Errorf("%+v: %d %s, %q", tt.ask, code, got.Decision, got.Change)
		}
	}
	// By id too, and of several sessions the newest answers.
	var got authorize.Explanation
	admin(t, w, "POST", "/v1/explain", server.ExplainRequest{Email: "alice@example.com", Method: "GET", URL: w.URL("fresh", "/x")}, &got)
	if got.Config == "" {
		t.Error("it is not said which configuration decided")
	}
	if len(got.Notes) > 0 {
		t.Errorf("of one session it is said: %q", got.Notes)
	}
	other := harness.NewBrowser(t)
	other.SignIn(w.URL("app", "/"), "alice@example.com", harness.AlicePassword)
	ask := server.ExplainRequest{Email: got.Who.Subject, Method: "GET", URL: w.URL("fresh", "/x")}
	if code := admin(t, w, "POST", "/v1/explain", ask, &got); code != 200 || got.Decision != "allow" || len(got.Notes) != 1 || !strings.HasPrefix(got.Notes[0], "they have 2 sessions, and this is of the newest") {
		t.Errorf("%d %+v", code, got)
	}
	for _, bad := range []server.ExplainRequest{
		{Method: "GET", URL: w.URL("app", "/")},
		{Email: "a", Anonymous: true, URL: w.URL("app", "/")},
		{Anonymous: true, URL: "x"},
		{Email: "nobody@example.com", URL: w.URL("app", "/")},
		{Session: "x", URL: w.URL("app", "/")},
		{Anonymous: true, URL: w.URL("app", "/"), IP: "x"},
		{Anonymous: true, URL: w.URL("app", "/a%2Fb")},
	} {
		var answer struct {
			Error string `json:"error"`
		}
		if code := admin(t, w, "POST", "/v1/explain", bad, &answer); code != 400 || answer.Error == "" {
			t.Errorf("%+v: %d %q", bad, code, answer.Error)
		}
	}
}

func TestRulesInShadowAreCountedAndLogged(t *testing.T) {
	w := harness.Start(t, harness.Options{})
	w.WriteConfig(`
  - {name: open, from: "https://app.localhost:%[1]s", response: {status: 200, body: hello}, policy: [{allow: {or: [{accept: true}]}}, {deny: {or: [{http_path: /secret}]}, mode: shadow}]}
`, "")
	if err := w.Server.Reload(); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/", "/secret"} {
		if p := harness.NewBrowser(t).Get(w.URL("app", path)); p.Status != 200 {
			t.Errorf("%s: %d, want 200", path, p.Status)
		}
	}
	_, body := operator(t, w.Server.MetricsAddr(), "/metrics")
	for _, want := range []string{
		`sallyport_shadow_decisions_total{effect="allow",route="open",shadow="shadow-allow"} 1`,
		`sallyport_shadow_decisions_total{effect="allow",route="open",shadow="shadow-deny"} 1`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the metrics do not say %s", want)
		}
	}
	until(t, "the log says whom the rule would have stopped", func() bool {
		return strings.Contains(w.Log.String(), `"shadow":"shadow-deny"`)
	})
}
