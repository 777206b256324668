package server_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sallyport/internal/harness"
)

// Each of these tests writes a key into a configuration file and looks for its
// effect from outside: packages prove what their options do, these prove that
// the option arrives.

func TestSettingsOfCookiesArrive(t *testing.T) {
	for _, tt := range []struct {
		extra, name string
		life        time.Duration
		httpOnly    bool
		sameSite    http.SameSite
	}{
		{"", "__Host-sallyport", 14 * time.Hour, true, http.SameSiteLaxMode},
		{"cookie_name: __Host-own", "__Host-own", 14 * time.Hour, true, http.SameSiteLaxMode},
		{"cookie_expire: 1h", "__Host-sallyport", time.Hour, true, http.SameSiteLaxMode},
		{"cookie_same_site: none", "__Host-sallyport", 14 * time.Hour, true, http.SameSiteNoneMode},
		{"cookie_same_site: strict", "__Host-sallyport", 14 * time.Hour, true, http.SameSiteStrictMode},
		{"cookie_http_only: false", "__Host-sallyport", 14 * time.Hour, false, http.SameSiteLaxMode},
	} {
		w := harness.Start(t, harness.Options{Extra: tt.extra})
		alice := harness.NewBrowser(t)
		p := alice.SignIn(w.URL("app", "/"), "alice@example.com", harness.AlicePassword)
		var session []*http.Cookie
		for line := range strings.Lines(alice.Emitted.String()) {
			if raw, ok := strings.CutPrefix(line, "Set-Cookie: "); ok {
				if c, err := http.ParseSetCookie(strings.TrimSpace(raw)); err == nil && c.Name == tt.name {
					session = append(session, c)
				}
			}
		}
		if len(session) != 1 {
			t.Errorf("%q: %d cookies %s, want 1", tt.extra, len(session), tt.name)
			continue
		}
		c, life := session[0], int(tt.life/time.Second)
		if !c.Secure || c.HttpOnly != tt.httpOnly || c.SameSite != tt.sameSite || c.MaxAge > life || c.MaxAge < life-120 {
			t.Errorf("%q: cookie %s", tt.extra, c.String())
		}
		// With strict cookies the last redirect is a page, or the browser would leave the cookie behind.
		if page := strings.Contains(p.Body, `http-equiv="refresh"`); page != (tt.sameSite == http.SameSiteStrictMode) {
			t.Errorf("%q: sign-in ends in a page: %t", tt.extra, page)
		}
	}
}

func TestSettingsOfRequestsArrive(t *testing.T) {
	worlds := map[string]*harness.World{}
	for _, tt := range []struct {
		extra, target, header string
		status                int
		seen                  string // in what the application got
	}{
		{"", "/a%2fb", "", 400, ""},
		{"path_with_escaped_slashes_action: keep_unchanged", "/a%2fb", "", 200, `"/a%2Fb"`},
		{"path_with_escaped_slashes_action: unescape_and_forward", "/a%2fb", "", 200, `"/a/b"`},
		{"", "//a", "", 200, `"/a"`},
		{"merge_slashes: false", "//a", "", 200, `"//a"`},
		{"", "/a/../b", "", 200, `"/b"`},
		{"normalize_path: false", "/a/../b", "", 400, ""},
		{"", "/", "X_Odd: odd-value", 400, ""},
		{"", "/a;x", "", 200, `"/a;x"`},
		{"path_parameters_action: reject_request", "/a;x", "", 400, ""},
		{"", "/", "Upgrade: own-1", 403, ""},
		{"allow_upgrades: [own-1]", "/", "Upgrade: own-1", 200, `"/"`},
		{"headers_with_underscores_action: allow", "/", "X_Odd: odd-value", 200, "odd-value"},
		{"headers_with_underscores_action: drop_header", "/", "X_Odd: odd-value", 200, ""},
		{"", "/", "X-Forwarded-For: 203.0.113.9", 200, `"127.0.0.1"`},
		{"trusted_proxies: [127.0.0.0/8]", "/", "X-Forwarded-For: 203.0.113.9", 200, `"203.0.113.9, 127.0.0.1"`},
		{"xff_num_trusted_hops: 1", "/", "X-Forwarded-For: 203.0.113.9", 200, `"203.0.113.9, 127.0.0.1"`},
		{"skip_xff_append: true\ntrusted_proxies: [127.0.0.0/8]", "/", "X-Forwarded-For: 203.0.113.9", 200, `"203.0.113.9"`},
	} {
		w := worlds[tt.extra]
		if w == nil {
			w = harness.Start(t, harness.Options{Extra: tt.extra})
			worlds[tt.extra] = w
		}
		lines := "Host: public.localhost:" + w.Port + "\r\nConnection: close\r\n"
		if strings.HasPrefix(tt.header, "Upgrade:") {
			lines += "Connection: Upgrade\r\n"
		}
		if tt.header != "" {
			lines += tt.header + "\r\n"
		}
		res, body, _ := raw(t, w, "GET "+tt.target+" HTTP/1.1\r\n"+lines+"\r\n")
		if res.StatusCode != tt.status || !strings.Contains(body, tt.seen) || tt.seen == "" && strings.Contains(body, "odd-value") {
			t.Errorf("%q, %s %s: %d, want %d and %s in\n%s", tt.extra, tt.target, tt.header, res.StatusCode, tt.status, tt.seen, body)
		}
	}
}

// T13: the address in the records is the one that is decided on.
func TestTheRecordHoldsTheAddressThatCounts(t *testing.T) {
	for extra, want := range map[string]string{
		"":                               `"127.0.0.1"`,
		"trusted_proxies: [127.0.0.0/8]": `"203.0.113.9"`,
		"trusted_proxies: [127.0.0.0/8]\nxff_num_trusted_hops: 1": `"198.51.100.7"`,
	} {
		w := harness.Start(t, harness.Options{Extra: extra + "\naccess_log_fields: [ip, path]"})
		raw(t, w, "GET /marked HTTP/1.1\r\nHost: public.localhost:"+w.Port+
			"\r\nX-Forwarded-For: 198.51.100.7, 203.0.113.9\r\nX-Real-IP: 192.0.2.66\r\nForwarded: for=192.0.2.66\r\nConnection: close\r\n\r\n")
		until(t, "the request is recorded", func() bool { return strings.Contains(w.Log.String(), "/marked") })
		for line := range strings.Lines(w.Log.String()) {
			if strings.Contains(line, "/marked") && (!strings.Contains(line, want) || strings.Contains(line, "192.0.2.66")) {
				t.Errorf("%q: want the address %s in %s", extra, want, line)
			}
		}
	}
}

// T13: where sign-in leads, and what its cookies are like, is not for the client
// to say, trusted or not.
func TestForwardingHeadersDoNotSteerSignIn(t *testing.T) {
	const forged = "X-Forwarded-Host: evil.test\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Port: 81\r\nX-Forwarded-Prefix: //evil.test\r\nX-Forwarded-Uri: //evil.test/\r\n" +
		"X-Forwarded-Server: evil.test\r\nForwarded: host=evil.test;proto=http\r\nX-Original-URL: //evil.test/\r\nX-Rewrite-URL: //evil.test/\r\nX-Original-Host: evil.test\r\n" +
		"X-Forwarded-Method: POST\r\nX-Forwarded-Scheme: http\r\nFront-End-Https: off\r\n"
	for _, extra := range []string{"", "trusted_proxies: [127.0.0.0/8]"} {
		w := harness.Start(t, harness.Options{Extra: extra})
		for _, path := range []string{"/x", "/.pomerium/sign_in", "/.pomerium/sign_out", "/.pomerium/sessions"} {
			res, _, _ := raw(t, w, "GET "+path+" HTTP/1.1\r\nHost: app.localhost:"+w.Port+"\r\nAccept: text/html\r\nConnection: close\r\n"+forged+"\r\n")
			to, err := res.Location()
			if err != nil || to.Scheme != "https" || !strings.HasSuffix(to.Host, ".localhost:"+w.Port) {
				t.Errorf("%q, %s: %d leads to %v (%v)", extra, path, res.StatusCode, to, err)
				continue
			}
			if back, _ := url.Parse(to.Query().Get("pomerium_redirect_uri")); back != nil && back.Host != "" && back.Host != "app.localhost:"+w.Port {
				t.Errorf("%q, %s: sign-in would come back to %s", extra, path, back)
			}
			if strings.Contains(to.String(), "evil") {
				t.Errorf("%q, %s: leads to %s", extra, path, to)
			}
			for _, c := range res.Cookies() {
				if !c.Secure || c.Domain != "" || c.Path != "/" {
					t.Errorf("%q, %s: cookie %s", extra, path, c.Raw)
				}
			}
		}
	}
}

func TestSettingsOfAnswersArrive(t *testing.T) {
	hang := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hang" {
			<-r.Context().Done()
			return
		}
		harness.Echo(w, r)
	}
	w := harness.Start(t, harness.Options{
		Upstream: http.HandlerFunc(hang),
		Extra:    "set_response_headers: {X-Bank: ours}\ndefault_upstream_timeout: 100ms\nsignout_redirect_url: https://public.localhost:8443/bye",
	})
	nobody, alice := harness.NewBrowser(t), harness.NewBrowser(t)
	for host, want := range map[string]int{"public": 200, "app": 401, "nowhere": 404} {
		if p := nobody.Fetch("GET", w.URL(host, "/"), nil); p.Status != want || p.Header.Get("X-Bank") != "ours" {
			t.Errorf("%s: %d, X-Bank %q", host, p.Status, p.Header.Get("X-Bank"))
		}
	}
	if p := nobody.Fetch("GET", w.URL("public", "/hang"), nil); p.Status != http.StatusGatewayTimeout {
		t.Errorf("an upstream that hangs: %d, want 504 by default_upstream_timeout", p.Status)
	}
	alice.SignIn(w.URL("app", "/"), "alice@example.com", harness.AlicePassword)
	if p := alice.Get(w.URL("app", "/.pomerium/sign_out")); !strings.Contains(p.Header.Get("Content-Security-Policy"), "https://public.localhost:8443") {
		t.Errorf("signout_redirect_url is not where signing out may lead: %s", p.Header.Get("Content-Security-Policy"))
	}
}

// What programs may do is off, or narrow, until the configuration says otherwise.
func TestSettingsOfProgramsArrive(t *testing.T) {
	login := func(w *harness.World, to string) string {
		return w.URL("app", "/.pomerium/api/v1/login?pomerium_redirect_uri="+url.QueryEscape(to))
	}
	for _, open := range []bool{false, true} {
		extra := ""
		if open {
			extra = "programmatic_redirect_domain_whitelist: [app.localhost]\nallow_session_token_in_query: true\nruntime_flags: {pomerium_jwt_endpoint: true}"
		}
		w := harness.Start(t, harness.Options{Extra: extra})
		alice := harness.NewBrowser(t)
		alice.SignIn(w.URL("app", "/"), "alice@example.com", harness.AlicePassword)
		if p := alice.Fetch("GET", w.URL("app", "/.pomerium/jwt"), nil); (p.Status == 200) != open {
			t.Errorf("pomerium_jwt_endpoint %t: %d", open, p.Status)
		}
		for to, want := range map[string]bool{w.URL("app", "/waiting"): open, "http://localhost:1/": !open} {
			if p := alice.Fetch("GET", login(w, to), nil); (p.Status == 200) != want {
				t.Errorf("programs may wait at %s: %d, want %t", to, p.Status, want)
			}
		}
		if !open {
			continue
		}
		asked := alice.Fetch("GET", login(w, w.URL("app", "/waiting")), nil)
		told := alice.Submit(alice.Get(strings.TrimSpace(asked.Body)), nil)
		token := told.URL.Query().Get("pomerium_jwt")
		program := w.URL("app", "/?pomerium_session="+token)
		if p := harness.NewBrowser(t).Fetch("GET", program, nil); p.Status != 200 || token == "" {
			t.Errorf("allow_session_token_in_query: %d with token %.8q", p.Status, token)
		}
		w.WriteConfig(harness.DefaultRoutes, "")
		until(t, "the token in the query is refused again", func() bool {
			return harness.NewBrowser(t).Fetch("GET", program, nil).Status == http.StatusUnauthorized
		})
	}
}

// Sessions end by the lifetimes of the configuration.
func TestSettingsOfLifetimesArrive(t *testing.T) {
	for _, tt := range []struct {
		extra       string
		still, over time.Duration
		status      int
	}{
		{"cookie_expire: 2h", 110 * time.Minute, 11 * time.Minute, 401},
		{"session_idle_timeout: 10m", 9 * time.Minute, 11 * time.Minute, 401},
	} {
		var ahead atomic.Int64
		w := harness.Start(t, harness.Options{Extra: tt.extra, Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }})
		alice := harness.NewBrowser(t)
		if p := alice.SignIn(w.URL("app", "/"), "alice@example.com", harness.AlicePassword); p.Status != 200 {
			t.Fatalf("%s: sign-in ended with %d\n%s", tt.extra, p.Status, p.Body)
		}
		ahead.Add(int64(tt.still))
		if p := alice.Fetch("GET", w.URL("app", "/"), nil); p.Status != 200 {
			t.Errorf("%s: %d after %s", tt.extra, p.Status, tt.still)
		}
		ahead.Add(int64(tt.over))
		if p := alice.Fetch("GET", w.URL("app", "/"), nil); p.Status != tt.status {
			t.Errorf("%s: %d after %s, want %d", tt.extra, p.Status, tt.still+tt.over, tt.status)
		}
	}
}

func TestSettingsOfConnectionsArrive(t *testing.T) {
	dial := func(w *harness.World) *tls.Conn {
		c, err := tls.Dial("tcp", "127.0.0.1:"+w.Port, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		_ = c.SetDeadline(time.Now().Add(20 * time.Second))
		return c
	}
	ask := "GET / HTTP/1.1\r\nHost: public.localhost:%s\r\n"
	slow := func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			_, _ = io.WriteString(w, "more")
			_ = http.NewResponseController(w).Flush()
			time.Sleep(20 * time.Millisecond)
		}
	}
	for _, tt := range []struct {
		extra, text string
		upstream    http.HandlerFunc
	}{
		{"timeout_read: 200ms", ask, harness.Echo},
		{"timeout_idle: 200ms", ask + "\r\n", harness.Echo},
		{"timeout_write: 300ms", ask + "\r\n", slow},
	} {
		w := harness.Start(t, harness.Options{Extra: tt.extra, Upstream: tt.upstream})
		c := dial(w)
		if _, err := fmt.Fprintf(c, tt.text, w.Port); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, bufio.NewReader(c)); err != nil && strings.Contains(err.Error(), "i/o timeout") {
			t.Errorf("%s: the connection stays open", tt.extra)
		}
	}
}

// Without TLS nothing is served, unless TLS ends in front.
func TestPlainHTTPIsServedWhereAskedAlone(t *testing.T) {
	for _, plain := range []bool{false, true} {
		w := harness.Start(t, harness.Options{Extra: fmt.Sprintf("insecure_server: %t", plain)})
		client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		t.Cleanup(client.CloseIdleConnections)
		for host, want := range map[string]int{"public": 200, "app": 302} {
			req, _ := http.NewRequest("GET", "http://127.0.0.1:"+w.Port+"/", nil)
			req.Host = host + ".localhost:" + w.Port
			req.Header.Set("Accept", "text/html")
			res, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			if !plain {
				want = http.StatusBadRequest
			}
			if res.StatusCode != want {
				t.Errorf("insecure_server %t, %s: %d, want %d", plain, host, res.StatusCode, want)
			}
			for _, c := range res.Cookies() {
				if !c.Secure {
					t.Errorf("insecure_server %t: cookie %s", plain, c.Raw)
				}
			}
		}
	}
}

// A key that is gone from cookie_secret opens nothing any more.
func TestSettingsOfSecretsArrive(t *testing.T) {
	older, newer := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{1}, 32)), base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{2}, 32))
	w := harness.Start(t, harness.Options{Extra: "cookie_secret: " + older})
	alice := harness.NewBrowser(t)
	alice.SignIn(w.URL("app", "/"), "alice@example.com", harness.AlicePassword)
	for _, tt := range []struct {
		secrets string
		want    int
	}{{newer + "," + older, 200}, {newer, 401}, {older, 200}} {
		w.WriteConfig(harness.DefaultRoutes, `cookie_secret: "`+tt.secrets+`"`)
		if err := w.Server.Reload(); err != nil {
			t.Fatal(err)
		}
		if p := alice.Fetch("GET", w.URL("app", "/"), nil); p.Status != tt.want {
			t.Errorf("with %.8s...: %d, want %d", tt.secrets, p.Status, tt.want)
		}
	}
}
