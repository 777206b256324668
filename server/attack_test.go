package server_test

import (
	"bufio"
	"crypto/tls"
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
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
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
	c, err := tls.Dial("tcp", "127.0.0.1:"+w.Port, &tls.Config{InsecureSkipVerify: true, ServerName: "authenticate.localhost"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r := bufio.NewReader(c)
	ask := func(authorization string) int {
		_, _ = io.WriteString(c, request(authorization))
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		return res.StatusCode
	}
	for i := range 400 {
		if got := ask("guess"); got != http.StatusUnauthorized {
			t.Fatalf("guess %d: %d, want 401", i, got)
		}
	}
	if got := ask(secret); got != http.StatusNoContent {
		t.Errorf("Okta's delivery: %d, want 204", got)
	}
}
