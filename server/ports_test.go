package server_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"

	"sallyport/internal/harness"
)

// A route without a port is found under every port that a Host names. Whoever
// made the port up gets no address there: neither a sign-in that would end at it,
// nor a page of ours, nor a key set.
func TestASignInNeverEndsAtAPortThatTheClientMadeUp(t *testing.T) {
	w := harness.Start(t, harness.Options{Routes: `
  - {name: app, from: "https://app.localhost", to: "%[2]s", policy: [{allow: {or: [{authenticated_user: true}]}}]}
  - {name: public, from: "https://public.localhost", to: "%[2]s", allow_public_unauthenticated_access: true}
`})
	for _, tt := range []struct {
		host, target string
		want         int
	}{
		{"app.localhost:1234", "/", 421},
		{"app.localhost:1234", "/.pomerium/sign_in?pomerium_redirect_uri=%2F", 421},
		{"app.localhost:1234", "/.pomerium/api/v1/login?pomerium_redirect_uri=http%3A%2F%2Flocalhost%3A99%2F", 421},
		{"app.localhost:1234", "/.well-known/pomerium/jwks.json", 421},
		{"app.localhost:" + w.Port, "/", 302},
		{"app.localhost", "/", 302},
		{"app.localhost:443", "/", 302},
		{"public.localhost:1234", "/", 200}, // what needs nobody is served, as in Pomerium
	} {
		res := navigate(t, w, tt.host, tt.target)
		if res.StatusCode != tt.want || (tt.want == 302) != (res.Header.Get("Location") != "") {
			t.Errorf("%s%s: %d to %q, want %d", tt.host, tt.target, res.StatusCode, res.Header.Get("Location"), tt.want)
		}
	}
	p := harness.NewBrowser(t).SignIn("https://app.localhost:"+w.Port+"/x", "alice@example.com", harness.AlicePassword)
	if p.Status != 200 || p.URL.Port() != w.Port {
		t.Errorf("under the listener's own port: %d at %s", p.Status, p.URL)
	}
}

// navigate is one request of a browser for a page, with a Host of its own.
func navigate(t *testing.T, w *harness.World, host, target string) *http.Response {
	t.Helper()
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	c, err := tls.Dial("tcp", "127.0.0.1:"+w.Port, &tls.Config{ServerName: name, InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\nAccept: text/html\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\nConnection: close\r\n\r\n", target, host)
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	return res
}

// A wildcard covers the name of the authenticate host too, under every port but
// its own. Cookies know no ports: an application there would be beside the cookies
// that sign-ins are bound to.
func TestAWildcardServesNothingUnderTheNameOfTheAuthenticateHost(t *testing.T) {
	w := harness.Start(t, harness.Options{Routes: `
  - {name: wild, from: "https://*.localhost", to: "%[2]s", allow_public_unauthenticated_access: true}
`})
	for _, tt := range []struct {
		host, target string
		want         int
	}{
		{"authenticate.localhost", "/", 421},
		{"authenticate.localhost:443", "/x", 421},
		{"AUTHENTICATE.localhost.:1234", "/", 421},
		{"authenticate.localhost:1234", "/robots.txt", 421},
		{"authenticate.localhost", "/.pomerium/", 421},
		{"authenticate.localhost", "/.pomerium/callback/?pomerium_attempt=x", 421},
		{"authenticate.localhost", "/.well-known/pomerium/jwks.json", 421},
		{"authenticate.localhost:" + w.Port, "/.pomerium/", 200},
		{"authenticate.localhost:" + w.Port, "/x", 404},
		{"another.localhost", "/", 200},
		{"x.authenticate.localhost", "/", 200},
	} {
		res := navigate(t, w, tt.host, tt.target)
		if res.StatusCode != tt.want || len(res.Cookies()) > 0 || res.Header.Get("Location") != "" {
			t.Errorf("%s%s: %d, cookies %v, to %q, want %d", tt.host, tt.target, res.StatusCode, res.Cookies(), res.Header.Get("Location"), tt.want)
		}
	}
}
