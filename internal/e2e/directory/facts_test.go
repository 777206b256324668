package directory_test

import (
	"strings"
	"testing"

	"sallyport/identity"
	"sallyport/internal/harness"
	"sallyport/internal/oktatest"
)

const factRoutes = `
  - {name: app, from: "https://app.localhost:%[1]s", to: "%[2]s", policy: [{allow: {or: [{authenticated_user: true}]}}]}
  - {name: wiki, from: "https://wiki.localhost:%[1]s", to: "%[2]s", show_error_details: true, policy: [{allow: {or: [{app: {has: Wiki}}]}}]}
  - {name: twins, from: "https://twins.localhost:%[1]s", to: "%[2]s", show_error_details: true, policy: [{allow: {or: [{app: {has: Twins}}]}}]}
  - {name: ghost, from: "https://ghost.localhost:%[1]s", to: "%[2]s", policy: [{allow: {or: [{app: {has: Ghost}}]}}]}
  - {name: red, from: "https://red.localhost:%[1]s", to: "%[2]s", policy: [{allow: {or: [{profile/team: {is: red}}]}}]}
`

// T30, T31: who an application is assigned to, directly or through a group, is
// followed; so are attributes of the profile.
func TestAssignmentsAndAttributesAreFollowed(t *testing.T) {
	w := startWorld(t, func(o *harness.Options) { o.Routes = factRoutes })
	wiki := w.Okta.AddApp(oktatest.App{Label: "Wiki"})
	twin1, twin2 := w.Okta.AddApp(oktatest.App{Label: "Twins"}), w.Okta.AddApp(oktatest.App{Label: "Twins"})
	w.Okta.AssignPerson(twin1, "alice@example.com")
	alice := harness.NewBrowser(t)
	alice.SignIn(w.URL("app", "/"), "alice@example.com", harness.AlicePassword)
	ready(t, w)
	status := func(host string) int { return alice.Get(w.URL(host, "/")).Status }
	let := func(what string, want int) {
		t.Helper()
		eventually(t, what, func() bool { return status("wiki") == want })
	}
	let("nobody to be assigned", 403)
	w.Okta.AssignPerson(wiki, "alice@example.com")
	let("a direct assignment to let in", 200)
	w.Okta.UnassignPerson(wiki, "alice@example.com")
	let("its end to shut out", 403)
	w.Okta.AssignGroup(wiki, "engineers")
	let("an assignment through a group to let in", 200)
	w.Okta.Leave("alice@example.com", "engineers")
	let("leaving the group to shut out", 403)
	w.Okta.Join("alice@example.com", "engineers")
	let("coming back to let in", 200)
	w.Okta.UnassignGroup(wiki, "engineers")
	let("the end of the group's assignment to shut out", 403)
	w.Okta.AssignPerson(wiki, "alice@example.com")
	let("a direct assignment to let in again", 200)
	w.Okta.DeactivateApp(wiki)
	let("an application that is off to shut out", 403)

	if p := alice.Get(w.URL("twins", "/")); p.Status != 403 || !strings.Contains(p.Body, "directory-unclear") {
		t.Errorf("a label of two applications: %d\n%s", p.Status, p.Body)
	}
	eventually(t, "the log to name both applications of one label, and the one that is not there", func() bool {
		log := w.Log.String()
		return strings.Contains(log, twin1) && strings.Contains(log, twin2) && strings.Contains(log, "Ghost")
	})
	if got := status("ghost"); got != 403 {
		t.Errorf("an application that is not there: %d, expected 403", got)
	}
	if got := status("red"); got != 403 {
		t.Errorf("without the attribute: %d, expected 403", got)
	}
	w.Okta.SetProfile("alice@example.com", map[string]any{"team": "red"})
	eventually(t, "the attribute to let in", func() bool { return status("red") == 200 })
}

// What a new configuration names is read, and denied with its own reason until
// then.
func TestWhatAReloadNamesIsReadFirst(t *testing.T) {
	w := startWorld(t, nil)
	wiki := w.Okta.AddApp(oktatest.App{Label: "Wiki"})
	w.Okta.AssignPerson(wiki, "alice@example.com")
	w.Okta.SetProfile("alice@example.com", map[string]any{"team": "red"})
	alice := harness.NewBrowser(t)
	alice.SignIn(w.URL("app", "/"), "alice@example.com", harness.AlicePassword)
	ready(t, w)
	clear := w.Okta.Fail(oktatest.Fault{Path: "/api/v1/apps", Times: 1 << 20, Act: oktatest.ServerError()})
	w.WriteConfig(factRoutes, "")
	if err := w.Server.Reload(); err != nil {
		t.Fatal(err)
	}
	if p := alice.Get(w.URL("wiki", "/")); p.Status != 403 || !strings.Contains(p.Body, "directory-unclear") {
		t.Errorf("an application that cannot be read yet: %d\n%s", p.Status, p.Body)
	}
	clear()
	eventually(t, "the application to be read", func() bool { return alice.Get(w.URL("wiki", "/")).Status == 200 })
	eventually(t, "the attribute to be read", func() bool { return alice.Get(w.URL("red", "/")).Status == 200 })
}

// T63: somebody known to be out stays out however old everything else is.
func TestSomebodyInactiveIsOutWhileTheDirectoryIsStale(t *testing.T) {
	w := startWorld(t, func(o *harness.Options) { o.Extra = "directory: {max_staleness: 2s}\n" })
	alice, bob := harness.NewBrowser(t), harness.NewBrowser(t)
	alice.SignIn(w.URL("admin", "/"), "alice@example.com", harness.AlicePassword)
	bob.SignIn(w.URL("app", "/"), "bob@example.com", harness.BobPassword)
	ready(t, w)
	for _, path := range []string{"/api/v1/groups", "/api/v1/users"} { // listings alone: the log goes on
		w.Okta.Fail(oktatest.Fault{Path: path, Times: 1 << 20, Act: oktatest.ServerError()})
	}
	eventually(t, "the directory to be too old for the route that names a group", func() bool {
		p := alice.Get(w.URL("admin", "/"))
		return p.Status == 403 && strings.Contains(p.Body, "cannot be checked")
	})
	if got := alice.Get(w.URL("app", "/")).Status; got != 200 {
		t.Errorf("a route that names no group answers %d, expected 200", got)
	}
	w.Okta.SetStatus("bob@example.com", identity.StatusSuspended)
	eventually(t, "the suspended to be out", func() bool { return bob.Fetch("GET", w.URL("app", "/"), nil).Status != 200 })
}
