package session

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/keyring"
	"sallyport/store/storetest"
)

const testHost = "app.example.com:8443"

func ringOf(t testing.TB, fills ...string) *keyring.Ring {
	t.Helper()
	var secrets [][]byte
	for _, fill := range fills {
		secrets = append(secrets, []byte(strings.Repeat(fill, 32)))
	}
	ring, err := keyring.New(secrets...)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func newTestCodec(t testing.TB, change ...func(*CodecOptions)) *Codec {
	t.Helper()
	o := CodecOptions{Ring: ringOf(t, "a"), HTTPOnly: true, Now: storetest.NewClock().Now}
	for _, f := range change {
		f(&o)
	}
	c, err := NewCodec(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func testSession() *Session {
	return &Session{ID: newID(), Expires: storetest.NewClock().Now().Add(14 * time.Hour)}
}

// cookieFor returns the value of the session cookie that c makes.
func cookieFor(t testing.TB, c *Codec, name, host string, s *Session) string {
	t.Helper()
	w := httptest.NewRecorder()
	c.SetSession(w, name, host, s)
	cookies := w.Result().Cookies()
	if len(cookies) != 1 || cookies[0].Name != name || cookies[0].Value == "" {
		t.Fatalf("SetSession set %v, want one cookie named %s", cookies, name)
	}
	return cookies[0].Value
}

func requestWith(lines ...string) *http.Request {
	return &http.Request{Header: http.Header{"Cookie": lines}}
}

func TestCookieNames(t *testing.T) {
	c := newTestCodec(t)
	other := c.AuthenticateName("0oaother")
	for got, want := range map[string]string{
		c.Name():               "__Host-sallyport",
		c.CSRFName():           "__Host-sallyport_csrf",
		c.AttemptName("abc"):   "__Host-sallyport_pkce_abc",
		c.AttemptPrefix():      "__Host-sallyport_pkce_",
		c.AuthenticateName(""): "__Host-sallyport_authenticate",
		other[:len(other)-8]:   "__Host-sallyport_authenticate_",
	} {
		if got != want {
			t.Errorf("name %q, want %q", got, want)
		}
	}
	if other == c.AuthenticateName("0oathird") || other != newTestCodec(t).AuthenticateName("0oaother") {
		t.Error("names of clients are to differ from each other and stay the same over generations")
	}
	for _, name := range []string{
		c.Name(), c.CSRFName(), c.AttemptName("abc"), c.AttemptName(""), c.AuthenticateName(""), other,
	} {
		if !c.OwnsCookie(name) {
			t.Errorf("OwnsCookie(%q) = false, want true", name)
		}
	}
	for _, name := range []string{
		"", "sallyport", "__Host-", "__Host-sallyport2", "__Host-sallyport_", "__Host-sallyport_session", "__host-sallyport",
		"__Host-sallyport_csrf2", "__Host-sallyport_authenticate_", "__Host-sallyport_authenticate_1234567",
		"__Host-sallyport_authenticate_1234567g", "__Host-sallyport_authenticate_123456789", "x__Host-sallyport", "deadbeef",
	} {
		if c.OwnsCookie(name) {
			t.Errorf("OwnsCookie(%q) = true, want false: it is an application's", name)
		}
	}
}

func TestCookieNamesThatCannotBe(t *testing.T) {
	for _, name := range []string{"a b", "a;b", "a=b", "a,b", "ä", "a\x00", "a(b", "a}b", "a\x7f", strings.Repeat("a", 129), "__host-x", "__HOST-x"} {
		if _, err := NewCodec(CodecOptions{Ring: ringOf(t, "a"), Name: name}); err == nil {
			t.Errorf("NewCodec with cookie name %q succeeded, want an error", name)
		}
	}
	for _, name := range []string{"a", "~!a", "__Host-x", strings.Repeat("a", 128)} {
		if _, err := NewCodec(CodecOptions{Ring: ringOf(t, "a"), Name: name}); err != nil {
			t.Errorf("NewCodec with cookie name %q: %v", name, err)
		}
	}
	if _, err := NewCodec(CodecOptions{}); err == nil {
		t.Error("NewCodec without a ring succeeded, want an error")
	}
}

// T28: attributes of every cookie, and their size.
func TestCookieAttributes(t *testing.T) {
	s := testSession()
	type attributes struct {
		MaxAge   int
		Secure   bool
		HttpOnly bool
		SameSite http.SameSite
		Path     string
		Domain   string
	}
	session := func(c *Codec, w http.ResponseWriter) { c.SetSession(w, c.Name(), testHost, s) }
	attempt := func(c *Codec, w http.ResponseWriter) {
		c.SetCookie(w, c.AttemptName("1"), strings.Repeat("x", MaxSealed), 10*time.Minute)
	}
	for _, tt := range []struct {
		name string
		opts func(*CodecOptions)
		set  func(c *Codec, w http.ResponseWriter)
		want attributes
	}{
		{"session", nil, session, attributes{50400, true, true, http.SameSiteLaxMode, "/", ""}},
		{"session, custom name", func(o *CodecOptions) { o.Name = "app" }, session, attributes{50400, true, true, http.SameSiteLaxMode, "/", ""}},
		{"session, strict", func(o *CodecOptions) { o.SameSite = http.SameSiteStrictMode }, session, attributes{50400, true, true, http.SameSiteStrictMode, "/", ""}},
		{"session, none", func(o *CodecOptions) { o.SameSite = http.SameSiteNoneMode }, session, attributes{50400, true, true, http.SameSiteNoneMode, "/", ""}},
		{"session, open to scripts", func(o *CodecOptions) { o.HTTPOnly = false }, session, attributes{50400, true, false, http.SameSiteLaxMode, "/", ""}},
		{"attempt", nil, attempt, attributes{600, true, true, http.SameSiteLaxMode, "/", ""}},
		{"attempt, strict", func(o *CodecOptions) { o.SameSite = http.SameSiteStrictMode }, attempt, attributes{600, true, true, http.SameSiteLaxMode, "/", ""}},
		{"attempt, none", func(o *CodecOptions) { o.SameSite = http.SameSiteNoneMode }, attempt, attributes{600, true, true, http.SameSiteNoneMode, "/", ""}},
		{"attempt, open to scripts", func(o *CodecOptions) { o.HTTPOnly = false }, attempt, attributes{600, true, true, http.SameSiteLaxMode, "/", ""}},
		{"of the browser's run", nil, func(c *Codec, w http.ResponseWriter) { c.SetCookie(w, c.CSRFName(), "v", 0) }, attributes{0, true, true, http.SameSiteLaxMode, "/", ""}},
		{"cleared", nil, func(c *Codec, w http.ResponseWriter) { c.Clear(w, c.Name()) }, attributes{-1, true, true, http.SameSiteLaxMode, "/", ""}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var c *Codec
			if tt.opts != nil {
				c = newTestCodec(t, tt.opts)
			} else {
				c = newTestCodec(t)
			}
			w := httptest.NewRecorder()
			tt.set(c, w)
			lines := w.Header()["Set-Cookie"]
			if len(lines) != 1 || len(lines[0]) >= 4096 || strings.Contains(strings.ToLower(lines[0]), "domain") {
				t.Fatalf("Set-Cookie %q (%d bytes), want one under 4,096 bytes without Domain", lines, len(lines[0]))
			}
			got := w.Result().Cookies()[0]
			a := attributes{got.MaxAge, got.Secure, got.HttpOnly, got.SameSite, got.Path, got.Domain}
			if diff := cmp.Diff(tt.want, a); diff != "" {
				t.Errorf("attributes (-want +got):\n%s", diff)
			}
			if strings.HasPrefix(tt.name, "session") && strings.Contains(lines[0], s.ID) {
				t.Error("the session's id can be read from its cookie")
			}
		})
	}
}

func TestCookieOfAnExpiredSessionClears(t *testing.T) {
	c := newTestCodec(t)
	s := testSession()
	s.Expires = storetest.NewClock().Now()
	w := httptest.NewRecorder()
	c.SetSession(w, c.Name(), testHost, s)
	if got := w.Result().Cookies(); len(got) != 1 || got[0].Value != "" || got[0].MaxAge != -1 {
		t.Errorf("SetSession set %v, want the cookie cleared", got)
	}
}
