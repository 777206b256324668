package directory_test

import (
	"io"
	"strings"
	"testing"
	"time"

	"sallyport/identity"
	"sallyport/internal/harness"
	"sallyport/internal/oktatest"
)

// people is what a running instance tells of everybody, one to a line.
func people(t *testing.T, w *harness.World) string {
	t.Helper()
	resp, err := socket(w).Get("http://sallyport/v1/people")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// T31: people who are LOCKED_OUT pass where that is chosen, by a reload too, and
// suspended people never: a configuration that says so is refused, and the last
// one goes on.
func TestT31LockedOutPassByChoiceAndSuspendedNever(t *testing.T) {
	w := startWorld(t, func(o *harness.Options) { o.Extra = "directory: {pass_statuses: [LOCKED_OUT]}" })
	alice, bob := harness.NewBrowser(t), harness.NewBrowser(t)
	alice.SignIn(w.URL("admin", "/"), "alice@example.com", harness.AlicePassword)
	bob.SignIn(w.URL("app", "/"), "bob@example.com", harness.BobPassword)
	ready(t, w)
	conn := dial(t, w, alice, "admin")
	w.Okta.SetStatus("alice@example.com", identity.StatusLockedOut)
	w.Okta.SetStatus("bob@example.com", identity.StatusPasswordExpired)
	eventually(t, "whose status was not chosen to be denied", func() bool { return bob.Fetch("GET", w.URL("app", "/"), nil).Status == 403 })
	eventually(t, "alice to be known as locked out", func() bool {
		for line := range strings.Lines(people(t, w)) {
			if strings.Contains(line, "alice@example.com") && strings.Contains(line, "LOCKED_OUT") {
				return true
			}
		}
		return false
	})
	if got := alice.Get(w.URL("admin", "/")).Status; got != 200 {
		t.Errorf("whose status was chosen gets %d, expected 200", got)
	}
	talks(t, conn)

	w.WriteConfig(harness.DefaultRoutes, "directory: {pass_statuses: [LOCKED_OUT, SUSPENDED]}")
	if err := w.Server.Reload(); err == nil || !strings.Contains(err.Error(), "SUSPENDED never pass") {
		t.Errorf("choosing SUSPENDED: %v, expected a refusal", err)
	}
	talks(t, conn)
	if got := bob.Fetch("GET", w.URL("app", "/"), nil).Status; got != 403 {
		t.Errorf("after the refused reload whose status was not chosen gets %d, expected 403", got)
	}
	w.Okta.Suspend("alice@example.com")
	closed(t, conn, time.Now())
	eventually(t, "the suspended to be out", func() bool { return alice.Fetch("GET", w.URL("app", "/"), nil).Status == 401 })

	w.Okta.SetStatus("bob@example.com", identity.StatusLockedOut)
	eventually(t, "the other to pass as locked out", func() bool { return bob.Get(w.URL("app", "/")).Status == 200 })
	w.WriteConfig(harness.DefaultRoutes, "directory: {pass_statuses: []}")
	if err := w.Server.Reload(); err != nil {
		t.Fatal(err)
	}
	if got := bob.Fetch("GET", w.URL("app", "/"), nil).Status; got != 403 {
		t.Errorf("where none is chosen the locked out get %d, expected 403", got)
	}
}

// T30: who is deleted in Okta, and whose sessions are cleared there, loses what
// is open and the session.
func TestT30DeletedPeopleAndClearedSessionsEnd(t *testing.T) {
	w := startWorld(t, nil)
	alice, bob := harness.NewBrowser(t), harness.NewBrowser(t)
	alice.SignIn(w.URL("admin", "/"), "alice@example.com", harness.AlicePassword)
	bob.SignIn(w.URL("app", "/"), "bob@example.com", harness.BobPassword)
	ready(t, w)
	deleted, cleared := dial(t, w, alice, "admin"), dial(t, w, bob, "app")
	w.Okta.RemovePerson("alice@example.com")
	w.Okta.ClearSessions("bob@example.com")
	closed(t, deleted, time.Now())
	closed(t, cleared, time.Now())
	for host, b := range map[string]*harness.Browser{"admin": alice, "app": bob} {
		if got := b.Fetch("GET", w.URL(host, "/"), nil).Status; got != 401 && got != 403 {
			t.Errorf("%s answers %d afterwards", host, got)
		}
	}

	// T32: the login of somebody deleted is given to another, who is an admin: the
	// session of the first is not theirs.
	w.Okta.AddPerson(oktatest.Person{Login: "alice@example.com", Password: "of-another-alice", Groups: []string{"admins"}})
	eventually(t, "the new owner of the login to get in", func() bool {
		return harness.NewBrowser(t).SignIn(w.URL("admin", "/"), "alice@example.com", "of-another-alice").Status == 200
	})
	if got := alice.Fetch("GET", w.URL("admin", "/"), nil).Status; got != 401 && got != 403 {
		t.Errorf("the session of the deleted person is answered %d as that of the login's new owner", got)
	}
}
