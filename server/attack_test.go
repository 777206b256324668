package server_test

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"sallyport/internal/harness"
)

// raw sends text on a connection of its own and returns the answer, and whether
// the connection ended with it.
func raw(t *testing.T, w *harness.World, text string) (res *http.Response, body string, closed bool) {
	t.Helper()
	c, err := tls.Dial("tcp", "127.0.0.1:"+w.Port, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(c)
	if res, err = http.ReadResponse(r, nil); err != nil {
		t.Fatalf("%.60q: %v", text, err)
	}
	b, _ := io.ReadAll(res.Body)
	_ = c.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
	_, err = r.ReadByte()
	return res, string(b), err == io.EOF
}

// T50: a probe is answered without a decision, and is no way past the rules of
// framing.
func TestProbesWithABodyEndTheirConnection(t *testing.T) {
	w := harness.Start(t, harness.Options{})
	hidden := "GET /hidden HTTP/1.1\r\nHost: public.localhost:" + w.Port + "\r\n\r\n"
	for _, head := range []string{
		"GET /ping HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"GET /healthz HTTP/1.1\r\nHost: public.localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"GET /healthz HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n",
	} {
		if res, _, closed := raw(t, w, head+hidden); !closed {
			t.Errorf("%q: status %d, and the connection stays open", head, res.StatusCode)
		}
	}
	if res, body, closed := raw(t, w, "GET /ping HTTP/1.1\r\nHost: x\r\n\r\n"); res.StatusCode != 200 || body != "OK\n" || closed {
		t.Errorf("a plain probe: %d %q, closed %t", res.StatusCode, body, closed)
	}
}

// T20: the listener for plain HTTP leads to the same place under https and to
// nowhere else.
func TestPlainHTTPLeadsNowhereElse(t *testing.T) {
	addr := "127.0.0.1:" + harness.FreePort(t)
	harness.Start(t, harness.Options{Extra: "http_redirect_addr: " + addr})
	for _, tt := range []struct{ target, want string }{
		{"/a?b=c", "https://app.localhost/a?b=c"},
		{"//evil.test/", "https://app.localhost//evil.test/"},
		{"http://app.localhost/a", "https://app.localhost/a"},
		{"http:@evil.test/", ""},
		{"http:.evil.test/", ""},
		{"x:evil.test", ""},
		{"*", ""},
		{"/a\x01", ""},
	} {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(c, "GET "+tt.target+" HTTP/1.1\r\nHost: app.localhost\r\n\r\n")
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		_ = c.Close()
		if err != nil {
			t.Fatal(err)
		}
		if got := res.Header.Get("Location"); got != tt.want || tt.want == "" && res.StatusCode != http.StatusBadRequest {
			t.Errorf("%q: %d to %q, want %q", tt.target, res.StatusCode, got, tt.want)
		}
	}
}

// An application is of one origin with what we serve on its host. What concerns
// sessions beyond that host is out of reach of its scripts.
func TestScriptsOfAnApplicationEndNoSessions(t *testing.T) {
	w := harness.Start(t, harness.Options{})
	laptop, phone := harness.NewBrowser(t), harness.NewBrowser(t)
	laptop.SignIn(w.URL("app", "/"), "alice@example.com", harness.AlicePassword)
	phone.SignIn(w.URL("admin", "/"), "alice@example.com", harness.AlicePassword)
	p := laptop.Fetch("GET", w.URL("app", "/.pomerium/sessions"), nil)
	if p.Status == 200 || strings.Contains(p.Body, "End this session") {
		t.Errorf("a script on app reads all sessions of the person: %d", p.Status)
	}
	if got := laptop.Get(w.URL("app", "/.pomerium/sessions")); got.URL.Hostname() != "authenticate.localhost" || got.Status != 200 ||
		strings.Count(got.Body, "End this session</button>") != 2 {
		t.Errorf("a person is led to %s: %d", got.URL, got.Status)
	}
}

// T45: requests of strangers to the event hook do not keep Okta's out.
func TestStrangersDoNotUseUpTheEventHook(t *testing.T) {
	const secret = "an-event-hook-secret-of-32-letters-and-more"
	w := harness.Start(t, harness.Options{Extra: "event_hook: {secret: " + secret + "}"})
	host := "authenticate.localhost:" + w.Port
	request := func(authorization string) string {
		return "POST /.sallyport/okta/events HTTP/1.1\r\nHost: " + host + "\r\nAuthorization: " + authorization + "\r\nContent-Length: 2\r\n\r\n{}"
	}
	from := func(address string) (*tls.Conn, *bufio.Reader) {
		dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
		c, err := tls.DialWithDialer(dialer, "tcp", "127.0.0.1:"+w.Port, &tls.Config{InsecureSkipVerify: true, ServerName: "authenticate.localhost"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c, bufio.NewReader(c)
	}
	ask := func(c *tls.Conn, r *bufio.Reader, authorization string) int {
		_, _ = io.WriteString(c, request(authorization))
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		return res.StatusCode
	}
	c, r := from("127.0.0.2")
	counts := map[int]int{}
	for range 2000 {
		counts[ask(c, r, "guess")]++
	}
	if counts[http.StatusUnauthorized] < 200 || counts[http.StatusUnauthorized]+counts[http.StatusTooManyRequests] != 2000 {
		t.Errorf("answers to 2000 guesses: %v, want 401 and, past the limit, 429", counts)
	}
	c, r = from("127.0.0.1")
	if got := ask(c, r, secret); got != http.StatusNoContent {
		t.Errorf("Okta's delivery: %d, want 204", got)
	}
}

// T07, T12: whatever stands in cookies and tokens, it is the session that it
// proves or none; a bad one hides no good one, and only the good one counts.
func TestCookiesAndTokensAreASessionOrNone(t *testing.T) {
	w := harness.Start(t, harness.Options{})
	alice, bob := harness.NewBrowser(t), harness.NewBrowser(t)
	alice.SignIn(w.URL("app", "/"), "alice@example.com", harness.AlicePassword)
	bob.SignIn(w.URL("app", "/"), "bob@example.com", harness.BobPassword)
	alice.Get(w.URL("admin", "/"))
	const name = "__Host-sallyport"
	good, bobs, elsewhere := alice.Cookies("app.localhost")[name], bob.Cookies("app.localhost")[name], alice.Cookies("admin.localhost")[name]
	home := alice.Cookies("authenticate.localhost")[name+"_authenticate"]
	if good == "" || bobs == "" || elsewhere == "" || home == "" {
		t.Fatal("nobody is signed in")
	}
	jwt := alice.Get(w.URL("app", "/")).Seen(t).Header.Get("X-Pomerium-Jwt-Assertion")
	garbage := strings.Repeat("A7_-", 800)
	for _, tt := range []struct{ what, headers, who string }{
		{"good", "Cookie: " + name + "=" + good, "alice@example.com"},
		{"empty", "Cookie: " + name + "=", ""},
		{"no value", "Cookie: " + name, ""},
		{"cut short", "Cookie: " + name + "=" + good[:len(good)-3], ""},
		{"of another host", "Cookie: " + name + "=" + elsewhere, ""},
		{"of the authenticate host", "Cookie: " + name + "=" + home, ""},
		{"under another name", "Cookie: " + name + "_authenticate=" + good, ""},
		{"in other letters", "Cookie: __host-sallyport=" + good, ""},
		{"garbage", "Cookie: " + name + "=" + garbage, ""},
		{"quotes", `Cookie: ` + name + `="` + good + `"`, ""},
		{"letters beyond ASCII", "Cookie: " + name + "=" + good + "\xc3\xa4", ""},
		{"bad, then good", "Cookie: " + name + "=" + garbage + "; " + name + "=" + good, "alice@example.com"},
		{"good, then bad", "Cookie: " + name + "=" + good + "\r\nCookie: " + name + "=x", "alice@example.com"},
		{"another host's, then bob's", "Cookie: " + name + "=" + elsewhere + "; " + name + "=" + bobs, "bob@example.com"},
		{"hidden in another cookie", "Cookie: a=b, " + name + "=" + good, ""},
		{"too many", "Cookie: " + strings.Repeat(name+"=x; ", 2000) + name + "=" + good, ""},
		{"a token beside it decides", "Cookie: " + name + "=" + good + "\r\nAuthorization: Pomerium " + jwt, ""},
		{"our assertion as a token", "X-Pomerium-Authorization: " + jwt, ""},
		{"our assertion as a cookie", "Cookie: " + name + "=" + jwt, ""},
		{"a cookie as a token", "Authorization: Bearer Pomerium-" + good, ""},
		{"an unsigned token", "Authorization: Pomerium eyJhbGciOiJub25lIiwidHlwIjoic2FsbHlwb3J0LXByb2dyYW0rand0In0.e30.", ""},
	} {
		res, body, _ := raw(t, w, "GET /?x=1 HTTP/1.1\r\nHost: app.localhost:"+w.Port+"\r\nConnection: close\r\n"+tt.headers+"\r\n\r\n")
		if tt.who == "" {
			if res.StatusCode != http.StatusUnauthorized {
				t.Errorf("%s: %d, want 401: %.80s", tt.what, res.StatusCode, body)
			}
			continue
		}
		if got := email(t, body); res.StatusCode != 200 || got != tt.who {
			t.Errorf("%s: %d as %q, want 200 as %q", tt.what, res.StatusCode, got, tt.who)
		}
		if strings.Contains(body, good) || strings.Contains(body, bobs) {
			t.Errorf("%s: the application got the cookie", tt.what)
		}
	}
}

// email is whom the application was told of by the assertion.
func email(t *testing.T, body string) string {
	t.Helper()
	p := harness.Page{Body: body}
	parts := strings.Split(p.Seen(t).Header.Get("X-Pomerium-Jwt-Assertion"), ".")
	if len(parts) != 3 {
		return ""
	}
	var claims struct{ Email string }
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err == nil {
		err = json.Unmarshal(payload, &claims)
	}
	if err != nil {
		t.Fatal(err)
	}
	return claims.Email
}
