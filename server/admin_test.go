package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"sallyport/internal/harness"
	"sallyport/server"
)

// admin asks the instance through its socket, as `sallyport sessions` does.
func admin(t *testing.T, w *harness.World, method, path string, body any, out any) int {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", server.AdminSocket(w.Dir))
	}}}
	defer client.CloseIdleConnections()
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, "http://sallyport"+path, bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode
}

type listing struct{ Sessions []server.SessionInfo }

func TestTheOperatorListsAndRevokesSessions(t *testing.T) {
	w := harness.Start(t, harness.Options{})
	alice, bob := harness.NewBrowser(t), harness.NewBrowser(t)
	alice.SignIn(w.URL("app", "/"), "alice@example.com", harness.AlicePassword)
	bob.SignIn(w.URL("app", "/"), "bob@example.com", harness.BobPassword)
	var all listing
	if code := admin(t, w, "GET", "/v1/sessions", nil, &all); code != 200 || len(all.Sessions) != 2 {
		t.Fatalf("sessions: %d %+v", code, all)
	}
	var answer struct {
		Revoked int    `json:"revoked"`
		Error   string `json:"error"`
	}
	if code := admin(t, w, "POST", "/v1/sessions/revoke", server.RevokeRequest{Email: "ALICE@example.com"}, &answer); code != 200 || answer.Revoked != 1 {
		t.Fatalf("revoke: %d %+v", code, answer)
	}
	if p := alice.Fetch("GET", w.URL("app", "/"), nil); p.Status != http.StatusUnauthorized {
		t.Errorf("alice after the revocation: %d, want 401", p.Status)
	}
	if p := alice.Get(w.URL("app", "/")); p.Seen(t).URI != "/" {
		t.Error("alice cannot sign in again")
	}
	if p := bob.Fetch("GET", w.URL("app", "/"), nil); p.Status != 200 {
		t.Errorf("bob: %d, want 200", p.Status)
	}
	for _, bad := range []server.RevokeRequest{{}, {Email: "a@b", Subject: "x"}} {
		if code := admin(t, w, "POST", "/v1/sessions/revoke", bad, &answer); code != 400 {
			t.Errorf("revoke %+v: %d, want 400", bad, code)
		}
	}
}

func TestTheAdminSocketIsItsOwnersAlone(t *testing.T) {
	w := harness.Start(t, harness.Options{})
	for path, want := range map[string]os.FileMode{server.AdminSocket(w.Dir): 0o600, w.Dir + "/cookie_secret": 0o600, w.Dir + "/shared_secret": 0o600, w.Dir + "/sallyport.db": 0o600} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %v, want %v", path, got, want)
		}
	}
}

func TestAListingHoldsNothingThatCouldBeUsedInPlaceOfASession(t *testing.T) {
	w := harness.Start(t, harness.Options{})
	alice := harness.NewBrowser(t)
	alice.SignIn(w.URL("app", "/"), "alice@example.com", harness.AlicePassword)
	var all listing
	admin(t, w, "GET", "/v1/sessions", nil, &all)
	text, _ := json.Marshal(all)
	for _, secret := range w.Okta.Secrets() {
		if strings.Contains(string(text), secret) {
			t.Error("the listing holds a token")
		}
	}
	if id := all.Sessions[0].ID; len(id) != 12 {
		t.Errorf("id %q, want a label of 12 digits", id)
	}
}
