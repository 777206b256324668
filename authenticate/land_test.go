package authenticate

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"sallyport/session"
	"sallyport/store"
)

// landingOf is the request with which a browser comes back with a code.
func (b *browser) landingOf(host string) *http.Request {
	b.t.Helper()
	link := b.landing(host)
	return b.w.asked(link, b.cookies(host)...)
}

// A code that leads nowhere is spent, begins anew, and gives nobody a session.
func TestCodesThatLeadNowhereBeginAnew(t *testing.T) {
	for name, spoil := range map[string]func(w *world, rec *store.Record, h *handOffRecord){
		"not a record":           func(_ *world, rec *store.Record, _ *handOffRecord) { rec.Value = []byte("{") },
		"a session that is over": func(_ *world, _ *store.Record, h *handOffRecord) { h.Session = "gone" },
		"a program's session": func(w *world, _ *store.Record, h *handOffRecord) {
			b := w.browser()
			b.signIn(wiki)
			w.programToken(b, wiki)
			for _, ss := range w.live() {
				if ss.Form == session.FormProgram {
					h.Session = ss.ID
				}
			}
		},
		"another host":    func(_ *world, _ *store.Record, h *handOffRecord) { h.Host = admin },
		"another client":  func(_ *world, _ *store.Record, h *handOffRecord) { h.Client = clientKey("second") },
		"another attempt": func(_ *world, _ *store.Record, h *handOffRecord) { h.Attempt = "x" },
		"another browser": func(_ *world, _ *store.Record, h *handOffRecord) { h.Binding = binding("x") },
	} {
		w := newWorld(t)
		r := w.browser().landingOf(wiki)
		kept, err := w.store.Take(context.Background(), kindHandOff, codeKey(r.URL.Query().Get(paramCode)))
		if err != nil {
			t.Fatal(err)
		}
		if !kept.Expires.Equal(w.clock.now().Add(handOffLife)) {
			t.Errorf("a code is good until %s, it is %s", kept.Expires, w.clock.now())
		}
		var h handOffRecord
		if err := json.Unmarshal(kept.Value, &h); err != nil {
			t.Fatal(err)
		}
		same := h
		if spoil(w, &kept, &h); h != same {
			kept.Value, _ = json.Marshal(h)
		}
		if _, err := w.store.Put(context.Background(), kept, store.Absent); err != nil {
			t.Fatal(err)
		}
		rec := newRecorder()
		if err := w.service.Load().serve(rec, r); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		to, _ := url.Parse(rec.h.Get("Location"))
		back, _ := url.Parse(to.Query().Get(paramRedirect))
		if to.Host != homeAt || to.Path != pathSignIn || back.Query().Get(paramTries) != "1" || back.Query().Get(paramAttempt) == r.URL.Query().Get(paramAttempt) {
			t.Errorf("%s: sent to %s, want to sign in by another attempt, the second", name, to)
		}
		if slices.ContainsFunc(rec.cookies(), func(c *http.Cookie) bool { return c.Name == w.codec.Name() }) {
			t.Errorf("%s: a session cookie was set", name)
		}
		if got := dropped(rec.cookies()); !slices.Equal(got, []string{w.codec.AttemptName(r.URL.Query().Get(paramAttempt))}) {
			t.Errorf("%s: dropped %v, want the attempt that failed", name, got)
		}
		if n, _ := w.store.Count(context.Background(), kindHandOff, ""); n != 0 || w.result("restarted") != 1 {
			t.Errorf("%s: %d codes are left, %v restarts counted", name, n, w.result("restarted"))
		}
	}
	// A client that a reload took away: there is nobody to begin anew with.
	w := newWorld(t)
	r := w.browser().landingOf(wiki)
	w.install(w.newService(func(o *Options) { delete(o.Providers, "main") }))
	said(t, "client gone", w.service.Load().serve(newRecorder(), r), 500, "internal")
	// What cannot be asked now is no reason to begin anew.
	for _, tt := range []struct {
		op     string
		kind   store.Kind
		fault  error
		status int
		code   string
	}{
		{"take", kindHandOff, store.ErrUnavailable, 503, "sessions-unavailable"},
		{"take", kindHandOff, context.DeadlineExceeded, 500, "internal"},
		{"get", "session", store.ErrUnavailable, 503, "sessions-unavailable"},
	} {
		w := newWorld(t)
		r := w.browser().landingOf(wiki)
		w.failing(tt.op, tt.kind, tt.fault)
		rec := newRecorder()
		if said(t, tt.op, w.service.Load().serve(rec, r), tt.status, tt.code); len(rec.cookies()) != 0 {
			t.Errorf("%s: cookies %v", tt.op, rec.cookies())
		}
	}
}

func TestLandingsWithoutACodeGoOnCounting(t *testing.T) {
	for name, tt := range map[string]struct {
		tries, want string
	}{"first": {"", ""}, "third": {"3", "3"}, "last": {"4", "loop"}, "beyond": {"9", "loop"}, "a word": {"x", "loop"}} {
		w := newWorld(t)
		b := w.browser()
		r := b.landingOf(wiki)
		q := r.URL.Query()
		q.Del(paramCode)
		if tt.tries != "" {
			q.Set(paramTries, tt.tries)
		}
		r.URL.RawQuery = q.Encode()
		rec := newRecorder()
		err := w.service.Load().serve(rec, r)
		if tt.want == "loop" {
			said(t, name, err, 400, "sign-in-loop")
			continue
		}
		to, _ := url.Parse(rec.h.Get("Location"))
		back, _ := url.Parse(to.Query().Get(paramRedirect))
		if err != nil || back.Query().Get(paramTries) != tt.want {
			t.Errorf("%s: %v, on to %s", name, err, back)
		}
		// Where the person wanted to go is not forgotten.
		var a attempt
		w.service.Load().openAttempt(w.request(wiki, rec.cookies()...), purposeAttempt, wiki, back.Query().Get(paramAttempt), &a)
		if a.Target != "/secret" {
			t.Errorf("%s: leads to %q in the end", name, a.Target)
		}
	}
	// Nothing of ours at all: to the root, as the second try.
	w := newWorld(t)
	for raw, tries := range map[string]string{"": "1", "?" + paramTries + "=2": "3", "?x=%zz": "2", "?" + paramAttempt + "=x&" + paramCode + "=y": "1"} {
		rec := newRecorder()
		if err := w.service.Load().serve(rec, w.asked("https://"+wiki+pathCallback+raw)); err != nil {
			t.Fatal(raw, err)
		}
		to, _ := url.Parse(rec.h.Get("Location"))
		back, _ := url.Parse(to.Query().Get(paramRedirect))
		if got := back.Query().Get(paramTries); got != tries {
			t.Errorf("%q: try %q, want %q", raw, got, tries)
		}
	}
	code := strings.Repeat("c", maxCode)
	if got := parseBack(paramCode + "=" + code).code; got != code {
		t.Errorf("the longest code is read as %q", got)
	}
	if got := parseBack(paramCode + "=" + code + "c").code; got != "" {
		t.Errorf("a longer code is read as %q", got)
	}
}

// The cookie of one attempt under the name of another is none.
func TestAttemptUnderTheNameOfAnotherIsNotBelieved(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	r := b.landingOf(wiki)
	id, other := r.URL.Query().Get(paramAttempt), newAttemptID(w.clock.now())
	q := r.URL.Query()
	q.Set(paramAttempt, other)
	moved := w.asked("https://"+wiki+pathCallback+"?"+q.Encode(), &http.Cookie{Name: w.codec.AttemptName(other), Value: b.cookie(wiki, w.codec.AttemptName(id))})
	rec := newRecorder()
	if err := w.service.Load().serve(rec, moved); err != nil {
		t.Fatal(err)
	}
	if n, _ := w.store.Count(context.Background(), kindHandOff, ""); n != 1 || !strings.HasPrefix(rec.h.Get("Location"), "https://"+homeAt+pathSignIn) {
		t.Errorf("%d codes are left, sent to %s; want the code untouched and another attempt", n, rec.h.Get("Location"))
	}
}

// Who is signed in by now goes where they wanted to; who wanted another account
// is asked for it.
func TestRestartLeadsWhereverItCan(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn(wiki)
	s := w.service.Load()
	restart := func(a attempt, change ...func(*http.Request)) (*recorder, error) {
		r, rec := w.asked("https://"+wiki+pathCallback, b.cookies(wiki)...), newRecorder()
		for _, f := range change {
			f(r)
		}
		return rec, s.restart(rec, r, wiki, a)
	}
	id := newAttemptID(w.clock.now())
	next := callbackURL(admin, id, 0, "")
	for name, tt := range map[string]struct {
		a    attempt
		want string
		drop []string
	}{
		"a page":               {attempt{ID: id, Client: clientKey("main"), Target: "/page"}, "https://" + wiki + "/page", []string{w.codec.AttemptName(id)}},
		"nothing known":        {attempt{Target: "/"}, "https://" + wiki + "/", nil},
		"an address of nobody": {attempt{Target: "//evil.localhost"}, "https://" + wiki + "/", nil},
		"a leg":                {attempt{ID: id, Next: next, Target: "/page"}, next, []string{w.codec.AttemptName(id)}},
	} {
		rec, err := restart(tt.a)
		if err != nil || rec.h.Get("Location") != tt.want || !slices.Equal(dropped(rec.cookies()), tt.drop) {
			t.Errorf("%s: %v, sent to %s, dropped %v; want %s, %v", name, err, rec.h.Get("Location"), dropped(rec.cookies()), tt.want, tt.drop)
		}
	}
	rec, err := restart(attempt{Client: clientKey("main"), Target: "/page", Prompt: promptLogin})
	if err != nil || !strings.Contains(rec.h.Get("Location"), paramPrompt+"=login") {
		t.Errorf("another account: %v, sent to %s", err, rec.h.Get("Location"))
	}
	rec, err = restart(attempt{Client: clientKey("second"), Target: "/page"})
	if err != nil || !strings.Contains(rec.h.Get("Location"), paramClient+"="+clientKey("second")) {
		t.Errorf("another client: %v, sent to %s", err, rec.h.Get("Location"))
	}
	b.keep(wiki, []*http.Cookie{{Name: w.codec.Name(), Value: "x", Secure: true, Path: "/", MaxAge: -1}})
	rec, err = restart(attempt{Client: "of nobody", Target: "/page"})
	if err != nil || !strings.Contains(rec.h.Get("Location"), paramClient+"="+clientKey("main")) {
		t.Errorf("a client that is gone: %v, sent to %s", err, rec.h.Get("Location"))
	}
	_, err = restart(attempt{Target: "/"}, func(r *http.Request) { r.Header.Set("Sec-Fetch-Mode", "cors") })
	said(t, "a script", err, 401, "unauthenticated")
	landed := w.landedTimes(w.asked("https://"+wiki+"/"), maxLanded, wiki, clientKey("main"))
	_, err = restart(attempt{Target: "/"}, func(r *http.Request) { r.Header["Cookie"] = landed.Header["Cookie"] })
	said(t, "in circles", err, 400, "sign-in-loop")
}

func TestPageThatStrictCookiesNeedLeadsOnAndHoldsNothing(t *testing.T) {
	w := newWorld(t, withSettings(Settings{StrictCookies: true}))
	rec := newRecorder()
	if err := w.service.Load().enter(rec, w.asked("https://"+wiki+"/"), `https://`+wiki+`/a?b="><script>&c`); err != nil {
		t.Fatal(err)
	}
	body := rec.body.String()
	if strings.Contains(body, "<script") || strings.Count(body, `https://wiki.localhost/a?b=&#34;&gt;&lt;script&gt;&amp;c"`) != 2 || !strings.Contains(body, `http-equiv="refresh" content="0;url=https`) {
		t.Errorf("page %s", body)
	}
	for name, want := range map[string]string{
		"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
		"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff", "X-Pomerium-Intercepted-Response": "true", "Location": "",
	} {
		if got := rec.h.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestLegsLeadBackWhateverHappens(t *testing.T) {
	w := newWorld(t, withLegs(admin, api))
	s := w.service.Load()
	home := callbackURL(wiki, newAttemptID(w.clock.now()), 0, "")
	leg := func(host string, legs []string, home string) string {
		params := url.Values{paramRedirect: {home}}
		if len(legs) > 0 {
			params.Set(paramLegs, strings.Join(legs, ","))
		}
		return s.urls.sign(host, pathSignIn, params, signedURLLife)
	}
	b := w.browser()
	b.signIn(wiki)
	for name, tt := range map[string]struct {
		raw    string
		change func(*http.Request)
		status int
		code   string
	}{
		"home is gone":        {leg(admin, nil, callbackURL(evil, "x", 0, "")), nil, 400, "bad-link"},
		"too many":            {leg(admin, slices.Repeat([]string{api}, maxLegs), home), nil, 400, "bad-link"},
		"one is gone":         {leg(admin, []string{api, evil}, home), nil, 400, "bad-link"},
		"signed for another":  {strings.Replace(leg(api, nil, home), api, admin, 1), nil, 400, "bad-link"},
		"a script":            {leg(admin, nil, home), func(r *http.Request) { r.Header.Set("Sec-Fetch-Mode", "cors") }, 401, "unauthenticated"},
		"a client that is no": {leg(files, nil, home), func(*http.Request) { w.routes[files] = Route{ClientID: "gone"} }, 500, "internal"},
	} {
		r, rec := w.asked(tt.raw), newRecorder()
		if tt.change != nil {
			tt.change(r)
		}
		if said(t, name, s.serve(rec, r), tt.status, tt.code); len(rec.cookies()) != 0 || rec.status != 0 {
			t.Errorf("%s: answered %d with %v", name, rec.status, rec.h)
		}
	}
	// As many as there may be; a host where somebody is signed in is passed by.
	most := slices.Repeat([]string{api}, maxLegs-1)
	rec := newRecorder()
	if err := s.serve(rec, w.asked(leg(wiki, most, home), b.cookies(wiki)...)); err != nil || !strings.HasPrefix(rec.h.Get("Location"), "https://"+api+pathSignIn+"?") {
		t.Errorf("the most legs: %v, sent to %s", err, rec.h.Get("Location"))
	}
	to, _ := url.Parse(rec.h.Get("Location"))
	if got := to.Query().Get(paramLegs); got != strings.Join(most[1:], ",") || to.Query().Get(paramRedirect) != home {
		t.Errorf("the rest of the way: %s and home to %s", got, to.Query().Get(paramRedirect))
	}
	rec = newRecorder()
	if err := s.serve(rec, w.asked(leg(wiki, nil, home), b.cookies(wiki)...)); err != nil || rec.h.Get("Location") != home {
		t.Errorf("the last leg: %v, sent to %s", err, rec.h.Get("Location"))
	}
	if got := s.nextLeg([]string{api}, home); strings.Contains(got, paramLegs) {
		t.Errorf("one leg alone names others: %s", got)
	}
	if got := s.legHosts([]string{"API.localhost:443", wiki, api, admin}, wiki, "main"); !slices.Equal(got, []string{api, admin}) {
		t.Errorf("legs to %v, want each host once and not the one it begins on", got)
	}
	w.failing("get", "session", store.ErrUnavailable)
	s = w.service.Load()
	said(t, "store away", s.serve(newRecorder(), w.asked(leg(wiki, nil, home), b.cookies(wiki)...)), 503, "sessions-unavailable")
	err := s.restart(newRecorder(), w.asked("https://"+wiki+"/", b.cookies(wiki)...), wiki, attempt{})
	said(t, "restart while the store is away", err, 503, "sessions-unavailable")
}
