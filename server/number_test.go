package server_test

import (
	"testing"

	"sallyport/internal/harness"
	"sallyport/internal/oktatest"
)

// T32: two people whose numbers a float64 takes for one are two, in policies and
// for applications.
func TestLongNumbersAreNotTakenForTheirNeighbours(t *testing.T) {
	w := harness.Start(t, harness.Options{
		Okta: func(o *oktatest.Options) {
			o.People[0].Profile = map[string]any{"account": int64(175928847299117063)}
			o.People[1].Profile = map[string]any{"account": int64(175928847299117062)}
		},
		Extra: "jwt_claims_headers: {X-Account: profile/account}",
		Routes: `
  - {name: app, from: "https://app.localhost:%[1]s", to: "%[2]s", policy: [{allow: {or: [{profile/account: {is: "175928847299117063"}}]}}]}
`,
	})
	for _, tt := range []struct {
		user, password string
		want           int
	}{
		{"alice@example.com", harness.AlicePassword, 200},
		{"bob@example.com", harness.BobPassword, 403},
	} {
		p := harness.NewBrowser(t).SignIn(w.URL("app", "/"), tt.user, tt.password)
		if p.Status != tt.want {
			t.Fatalf("%s: %d, want %d", tt.user, p.Status, tt.want)
		}
		if p.Status == 200 {
			if got := p.Seen(t).Header.Get("X-Account"); got != "175928847299117063" {
				t.Errorf("the application is told of account %q", got)
			}
		}
	}
}
