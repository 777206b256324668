package authenticate

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// shown is a form as a browser has it open.
func (w *world) shown(values map[string]string) (token string, cookie *http.Cookie) {
	w.t.Helper()
	rec := newRecorder()
	token, err := w.service.Load().newForm(rec, w.asked("https://"+homeAt+"/"), homeAt, "/act", values)
	if err != nil {
		w.t.Fatal(err)
	}
	return token, rec.cookies()[0]
}

func (w *world) posted(body string, cookies ...*http.Cookie) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "https://"+homeAt+"/act", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, c := range cookies {
		r.AddCookie(c)
	}
	return r
}

func TestFormIsGoodForItsBrowserActHostAndHour(t *testing.T) {
	w := newWorld(t)
	s := w.service.Load()
	token, cookie := w.shown(map[string]string{"k": "v"})
	other, stranger := w.shown(nil)
	if cookie.Name != w.codec.CSRFName() || cookie.MaxAge != int(csrfLife/time.Second) || cookie.Value == stranger.Value {
		t.Errorf("cookie %+v", cookie)
	}
	body := func(tokens ...string) string { return url.Values{fieldToken: tokens}.Encode() }
	nobody, err := w.codec.Seal(purposeCSRF, homeAt, csrfLife, csrfCookie{})
	if err != nil {
		t.Fatal(err)
	}
	unbound, err := w.codec.Seal(purposeForm, homeAt, csrfLife, formToken{Act: "/act", Binding: csrfBinding("")})
	if err != nil {
		t.Fatal(err)
	}
	junk := &http.Cookie{Name: cookie.Name, Value: "junk"}
	empty := &http.Cookie{Name: cookie.Name, Value: nobody}
	for name, tt := range map[string]struct {
		body    string
		cookies []*http.Cookie
		host    string
		act     string
		ok      bool
	}{
		"as shown":               {body(token), []*http.Cookie{cookie}, homeAt, "/act", true},
		"a bad cookie before it": {body(token), []*http.Cookie{junk, empty, cookie}, homeAt, "/act", true},
		"no cookie":              {body(token), nil, homeAt, "/act", false},
		"a bad cookie":           {body(token), []*http.Cookie{junk}, homeAt, "/act", false},
		"a cookie of nobody":     {body(unbound), []*http.Cookie{empty}, homeAt, "/act", false},
		"a form of nobody":       {body(unbound), nil, homeAt, "/act", false},
		"another browser's":      {body(token), []*http.Cookie{stranger}, homeAt, "/act", false},
		"another form":           {body(other), []*http.Cookie{cookie}, homeAt, "/act", false},
		"no form":                {"", []*http.Cookie{cookie}, homeAt, "/act", false},
		"two forms":              {body(token, token), []*http.Cookie{cookie}, homeAt, "/act", false},
		"another act":            {body(token), []*http.Cookie{cookie}, homeAt, "/other", false},
		"another host":           {body(token), []*http.Cookie{cookie}, wiki, "/act", false},
		"the cookie as a form":   {body(cookie.Value), []*http.Cookie{cookie}, homeAt, "/act", false},
	} {
		got, err := s.readForm(newRecorder(), w.posted(tt.body, tt.cookies...), tt.host, tt.act)
		if tt.ok {
			if err != nil || got["k"] != "v" {
				t.Errorf("%s: %v, %v; want what was shown", name, got, err)
			}
			continue
		}
		if said(t, name, err, 403, "form-expired"); got != nil {
			t.Errorf("%s: says %v", name, got)
		}
	}
	long := fieldToken + "=" + token + "&x="
	long += strings.Repeat("x", maxForm-len(long))
	if _, err := s.readForm(newRecorder(), w.posted(long, cookie), homeAt, "/act"); err != nil {
		t.Errorf("the longest form: %v", err)
	}
	_, err = s.readForm(newRecorder(), w.posted(long+"x", cookie), homeAt, "/act")
	said(t, "a longer form", err, 400, "bad-request")
	// A second page keeps the first one good, and the cookie for as long as itself.
	w.clock.add(csrfLife - time.Minute)
	rec := newRecorder()
	if _, err := s.newForm(rec, w.asked("https://"+homeAt+"/", cookie), homeAt, "/act", nil); err != nil {
		t.Fatal(err)
	}
	renewed := rec.cookies()[0]
	if _, err := s.readForm(newRecorder(), w.posted(body(token), renewed), homeAt, "/act"); err != nil {
		t.Errorf("the first page after a second: %v", err)
	}
	w.clock.add(2 * time.Minute)
	if _, ok := s.browserSecret(w.request(homeAt, renewed), homeAt); !ok {
		t.Error("the cookie did not outlive the page before")
	}
	_, err = s.readForm(newRecorder(), w.posted(body(token), renewed), homeAt, "/act")
	said(t, "after its hour", err, 403, "form-expired")
}

func TestFormsComeFromTheirOwnOriginAlone(t *testing.T) {
	w := newWorld(t)
	s := w.service.Load()
	token, cookie := w.shown(nil)
	for name, tt := range map[string]struct {
		site    string
		origins []string
		ok      bool
	}{
		"an old browser":          {"", nil, true},
		"its own page":            {"same-origin", []string{"https://" + homeAt}, true},
		"its own page, port said": {"same-origin", []string{"https://" + homeAt + ":443"}, true},
		"the address bar":         {"none", nil, true},
		"another subdomain":       {"same-site", nil, false},
		"another site":            {"cross-site", nil, false},
		"what is to come":         {"new-word", nil, false},
		"another origin":          {"", []string{"https://" + evil}, false},
		"another port":            {"", []string{"https://" + homeAt + ":8443"}, false},
		"without TLS":             {"", []string{"http://" + homeAt}, false},
		"a hidden origin":         {"", []string{"null"}, false},
		"no origin at all":        {"", []string{""}, false},
		"an origin that is none":  {"", []string{"https://" + homeAt + ":x"}, false},
		"two origins":             {"", []string{"https://" + homeAt, "https://" + homeAt}, false},
	} {
		r := w.posted(url.Values{fieldToken: {token}}.Encode(), cookie)
		if tt.site != "" {
			r.Header.Set("Sec-Fetch-Site", tt.site)
		}
		r.Header["Origin"] = tt.origins
		if _, err := s.readForm(newRecorder(), r, homeAt, "/act"); (err == nil) != tt.ok {
			t.Errorf("%s: %v, want accepted %t", name, err, tt.ok)
		}
	}
	r := w.posted("", cookie)
	r.Header.Set("Origin", "https://not a host")
	if sameOrigin(r, "") {
		t.Error("an origin that is no host counts as one")
	}
}
