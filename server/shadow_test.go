package server_test

import (
	"strings"
	"testing"
	"time"

	"sallyport/internal/harness"
	"sallyport/internal/oktatest"
)

// T31: a rule in shadow decides nothing, whatever it asks: here the members of a
// group of which there are two, so that the same rule, deciding, would deny.
func TestARuleInShadowKeepsNobodyOut(t *testing.T) {
	w := harness.Start(t, harness.Options{
		Okta: func(o *oktatest.Options) {
			o.Groups = append(o.Groups, oktatest.Group{Name: "twins"}, oktatest.Group{Name: "twins"})
		},
		Routes: `
  - {name: app, from: "https://app.localhost:%[1]s", to: "%[2]s", policy: [{allow: {or: [{authenticated_user: true}]}}, {deny: {mode: shadow, or: [{groups: {has: twins}}]}}]}
  - {name: live, from: "https://live.localhost:%[1]s", to: "%[2]s", policy: [{allow: {or: [{authenticated_user: true}]}}, {deny: {or: [{groups: {has: twins}}]}}]}
`,
	})
	b := harness.NewBrowser(t)
	b.SignIn(w.URL("app", "/"), "bob@example.com", harness.BobPassword)
	// The directory is listed beside the start: until it is, nothing is in doubt.
	for deadline := time.Now().Add(time.Minute); b.Get(w.URL("live", "/")).Status != 403; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a rule on a name of two groups denies nobody")
		}
	}
	if p := b.Get(w.URL("app", "/")); p.Status != 200 {
		t.Errorf("the same rule in shadow: %d %s", p.Status, p.Body)
	}
	if log := w.Log.String(); !strings.Contains(log, `"shadow":"shadow-deny"`) {
		t.Error("no record says that the rule would deny")
	}
}
