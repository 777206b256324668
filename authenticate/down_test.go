package authenticate

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"sallyport/session"
	"sallyport/store"
)

// Whatever somebody asks for while the store does not answer: they are told so,
// with when to come again, and lose nothing.
func TestEveryPageSaysThatTheStoreIsDown(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn(wiki)
	token := w.programToken(b, wiki)
	list, leave := b.listed(), b.open("https://"+wiki+pathSignOut)
	consent := w.consentForm(b, wiki, waiting)
	cold, err := session.New(session.Options{Store: w.store, Now: w.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	ask := w.askAddress(b)
	signIn := w.browser().open("https://"+wiki+"/", at(homeAt, pathSignIn)).url.String()
	w.install(w.newService(func(o *Options) { o.Sessions, o.Settings.AllowJWTEndpoint = cold, true }))
	w.faults.down.Store(true)
	cli := w.browser()
	cli.header = http.Header{"Authorization": {"Pomerium " + token}}
	for name, ask := range map[string]func() *page{
		"user page":              func() *page { return b.step("https://" + wiki + pathUser) },
		"user page at home":      func() *page { return b.step("https://" + homeAt + pathUser) },
		"user JSON":              func() *page { return b.step("https://" + wiki + pathUserJSON) },
		"user JSON of a program": func() *page { return cli.step("https://" + wiki + pathUserJSON) },
		"assertion":              func() *page { return b.step("https://" + wiki + pathJWT) },
		"way to the sessions":    func() *page { return b.step("https://" + wiki + pathSessions) },
		"sessions":               func() *page { return b.step(sessionsPage) },
		"end a session":          func() *page { return b.end(list, endOthers) },
		"pop-up":                 func() *page { return b.step("https://" + wiki + pathPopup) },
		"way to the sign-out":    func() *page { return b.step("https://" + wiki + pathSignOut) },
		"sign-out page":          func() *page { return b.step("https://" + homeAt + pathSignOut) },
		"sign-out":               func() *page { return b.do(http.MethodPost, "https://"+homeAt+pathSignOut, leave.fields(), homeAt) },
		"sign-in":                func() *page { return b.step(signIn) },
		"page for a program":     func() *page { return b.step(ask) },
		"let a program in":       func() *page { return b.do(http.MethodPost, "https://"+homeAt+pathProgramLogin, consent, homeAt) },
	} {
		p := ask()
		if p.status != http.StatusServiceUnavailable || p.header.Get("Retry-After") == "" {
			t.Errorf("%s: %d, Retry-After %q; want 503 and when to come again\n%.300s", name, p.status, p.header.Get("Retry-After"), p.body)
		}
		for _, c := range p.setCooki {
			if c.MaxAge < 0 {
				t.Errorf("%s: cookie %s is taken away", name, c.Name)
			}
		}
	}
	w.faults.down.Store(false)
	if p := b.step("https://" + wiki + "/"); p.status != 200 {
		t.Errorf("after the store came back: %d, want the session as it was", p.status)
	}
}

// What cannot be written cannot be done, and is said.
func TestWhatTheStoreDoesNotTakeIsSaid(t *testing.T) {
	broken := func(w *world, kinds ...string) {
		for _, k := range kinds {
			w.faults.kinds.Store(store.Kind(k), true)
		}
	}
	for name, tt := range map[string]struct {
		kinds []string
		do    func(w *world, b *browser) *page
	}{
		"sign-in":  {[]string{"session"}, func(w *world, _ *browser) *page { return w.browser().open("https://" + wiki + "/") }},
		"hand-off": {[]string{"handoff"}, func(w *world, _ *browser) *page { return w.browser().open("https://" + wiki + "/") }},
		"sign-out": {[]string{"session"}, func(w *world, b *browser) *page { return b.signOut(wiki) }},
		"one's own session": {[]string{"session"}, func(w *world, b *browser) *page {
			return b.end(b.listed(), handleOf(w.sessionOf(b)))
		}},
		"a program": {[]string{"session"}, func(w *world, b *browser) *page {
			return b.do(http.MethodPost, "https://"+homeAt+pathProgramLogin, w.consentForm(b, wiki, waiting), homeAt)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			b := w.browser()
			b.signIn(wiki)
			broken(w, tt.kinds...)
			if p := tt.do(w, b); p.status != http.StatusServiceUnavailable {
				t.Errorf("%d at %s, want 503\n%.300s", p.status, p.url, p.body)
			}
		})
	}
}

// A browser that brings nothing that counts is told what to do, on each page
// that a link can lead to.
func TestLinksThatNobodyMadeAreRefused(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn(wiki)
	good := b.open("https://"+metric+"/", at(homeAt, pathSignIn)).url.Query()
	back, err := url.Parse(good.Get(paramRedirect))
	if err != nil {
		t.Fatal(err)
	}
	with := func(change func(back *url.URL, q url.Values)) string {
		target := *back
		q := url.Values{paramBinding: good[paramBinding], paramClient: good[paramClient]}
		change(&target, q)
		if q.Get(paramRedirect) == "" {
			q.Set(paramRedirect, target.String())
		}
		return w.service.Load().urls.sign(homeAt, pathSignIn, q, time.Minute)
	}
	query := func(name, value string) func(*url.URL, url.Values) {
		return func(u *url.URL, _ url.Values) {
			q := u.Query()
			q.Set(name, value)
			u.RawQuery = q.Encode()
		}
	}
	for name, tt := range map[string]struct {
		change func(*url.URL, url.Values)
		status int
	}{
		"as made":                  {func(*url.URL, url.Values) {}, http.StatusSeeOther},
		"another path":             {func(u *url.URL, _ url.Values) { u.Path = "/.pomerium/other" }, http.StatusBadRequest},
		"another host":             {func(u *url.URL, _ url.Values) { u.Host = evil }, http.StatusBadRequest},
		"no attempt":               {query(paramAttempt, ""), http.StatusBadRequest},
		"a bad attempt":            {query(paramAttempt, strings.Repeat("g", attemptIDLen)), http.StatusBadRequest},
		"capitals":                 {query(paramAttempt, strings.Repeat("A", attemptIDLen)), http.StatusBadRequest},
		"a bad query":              {func(u *url.URL, _ url.Values) { u.RawQuery += "&a=1&a=2&%zz" }, http.StatusBadRequest},
		"a client that is no more": {func(_ *url.URL, q url.Values) { q.Set(paramClient, "gone") }, http.StatusBadRequest},
		"a prompt of nobody":       {func(_ *url.URL, q url.Values) { q.Set(paramPrompt, "none") }, http.StatusBadRequest},
	} {
		if p := b.step(with(tt.change)); (p.status/100 == 3) != (tt.status/100 == 3) || tt.status == 400 && p.status != 400 {
			t.Errorf("%s: %d, want %d\n%.200s", name, p.status, tt.status, p.body)
		}
	}
}
