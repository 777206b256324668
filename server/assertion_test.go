package server_test

import (
	"net/http"
	"strings"
	"testing"

	"sallyport/internal/harness"
)

// T35: an assertion is what applications believe of whoever reaches them past the
// proxy. Whom the policy keeps out gets none, in whatever way they are kept out.
func TestNobodyGetsAnAssertionForAnApplicationThatKeepsThemOut(t *testing.T) {
	w := harness.Start(t, harness.Options{
		Extra: "runtime_flags: {pomerium_jwt_endpoint: true}",
		Routes: harness.DefaultRoutes + `
  - {name: below, from: "https://below.localhost:%[1]s", to: "%[2]s", prefix: /a/, policy: [{allow: {or: [{authenticated_user: true}]}}]}
  - {name: fresh, from: "https://fresh.localhost:%[1]s", to: "%[2]s", policy: [{allow: {and: [{authenticated_user: true}, {auth_method: phr}]}}]}
  - {name: from, from: "https://from.localhost:%[1]s", to: "%[2]s", policy: [{allow: {and: [{authenticated_user: true}, {source_ip: 192.0.2.0/24}]}}]}
  - {name: post, from: "https://post.localhost:%[1]s", to: "%[2]s", policy: [{allow: {and: [{authenticated_user: true}]}}, {deny: {or: [{http_header/X-Kept-Out: {is: "1"}}]}}]}
`,
	})
	alice, bob := harness.NewBrowser(t), harness.NewBrowser(t)
	alice.SignIn(w.URL("app", "/"), "alice@example.com", harness.AlicePassword)
	bob.SignIn(w.URL("app", "/"), "bob@example.com", harness.BobPassword)
	for _, tt := range []struct {
		who    *harness.Browser
		host   string
		header http.Header
		want   int
	}{
		{alice, "app", nil, 200},
		{alice, "admin", nil, 200},
		{bob, "app", nil, 200},
		{bob, "admin", nil, 403},
		{bob, "below", nil, 404},
		{bob, "fresh", nil, 403},
		{bob, "from", nil, 403},
		{bob, "post", nil, 200},
		{bob, "post", http.Header{"X-Kept-Out": {"1"}}, 403},
	} {
		tt.who.Get(w.URL(tt.host, "/.pomerium/sign_in?pomerium_redirect_uri=%2F.pomerium%2F")) // the host's own cookie
		p := tt.who.Fetch("GET", w.URL(tt.host, "/.pomerium/jwt"), tt.header)
		if p.Status != tt.want || (tt.want == 200) != (strings.Count(p.Body, ".") == 2 && strings.HasPrefix(p.Body, "eyJ")) {
			t.Errorf("%s: %d %.60q, want %d", tt.host, p.Status, p.Body, tt.want)
		}
	}
}
