package directory_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"sallyport/internal/harness"
	"sallyport/internal/oktatest"
	"sallyport/server"
)

// socket speaks to the admin socket of a world.
func socket(w *harness.World) *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", server.AdminSocket(w.Dir))
	}}}
}

// admin asks the admin socket of a world.
func admin(t *testing.T, w *harness.World, method, path string, body, out any) int {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest(method, "http://sallyport"+path, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := socket(w).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, _ := io.ReadAll(resp.Body)
	if resp.StatusCode == http.StatusOK {
		if err := json.Unmarshal(answer, out); err != nil {
			t.Fatalf("%s: %v", answer, err)
		}
	}
	return resp.StatusCode
}

// T32: a group renamed, and a later one of the name, change nothing but a warning
// until the operator says so.
func TestRenamesAndNamesakesWaitForTheOperator(t *testing.T) {
	w := startWorld(t, nil)
	alice, bob := harness.NewBrowser(t), harness.NewBrowser(t)
	alice.SignIn(w.URL("admin", "/"), "alice@example.com", harness.AlicePassword)
	bob.SignIn(w.URL("app", "/"), "bob@example.com", harness.BobPassword)
	ready(t, w)
	admins := w.Okta.GroupID("admins")
	w.Okta.RenameGroup("admins", "administrators")
	rival := w.Okta.AddGroup(oktatest.Group{Name: "admins"})
	w.Okta.Join("bob@example.com", rival)
	var pins server.PinsAnswer
	eventually(t, "the namesake to be seen", func() bool {
		return admin(t, w, "GET", "/v1/directory/pins", nil, &pins) == 200 && len(pins.Pins) == 1 && len(pins.Pins[0].Rivals) == 1
	})
	if p := pins.Pins[0]; p.Name != "admins" || p.ID != admins || p.Called != "administrators" || p.Rivals[0] != rival {
		t.Errorf("pin is %+v", p)
	}
	if got := alice.Get(w.URL("admin", "/")).Status; got != 200 {
		t.Errorf("the member of the renamed group gets %d, expected 200", got)
	}
	if got := bob.Get(w.URL("admin", "/")).Status; got != 403 {
		t.Errorf("the member of the namesake gets %d, expected 403", got)
	}
	eventually(t, "a warning", func() bool { return strings.Contains(w.Log.String(), "sallyport okta pins --confirm") })
	if got := admin(t, w, "POST", "/v1/directory/pins/confirm", server.ConfirmRequest{Name: "nobody"}, nil); got != 404 {
		t.Errorf("a name that means nothing: %d, expected 404", got)
	}
	var pin server.PinInfo
	if got := admin(t, w, "POST", "/v1/directory/pins/confirm", server.ConfirmRequest{Name: "admins"}, &pin); got != 200 || pin.ID != rival {
		t.Fatalf("confirming: %d, %+v", got, pin)
	}
	if got := alice.Get(w.URL("admin", "/")).Status; got != 403 {
		t.Errorf("afterwards the member of the renamed group gets %d, expected 403", got)
	}
	if got := bob.Get(w.URL("admin", "/")).Status; got != 200 {
		t.Errorf("afterwards the member of the namesake gets %d, expected 200", got)
	}
}
