package authenticate

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"sallyport/config"
	"sallyport/internal/weberr"
	"sallyport/policy"
	"sallyport/session"
	"sallyport/store"
)

// Who is asked to sign in, once or once more, is asked at a host and for a client
// that exist.
func TestNobodyIsSentToSignInWhereThatCannotBe(t *testing.T) {
	w := newWorld(t)
	s := w.service.Load()
	for name, ask := range map[string]func(http.ResponseWriter, *http.Request, *config.Route) error{
		"challenge": s.Challenge,
		"step-up": func(rw http.ResponseWriter, r *http.Request, route *config.Route) error {
			return s.StepUp(rw, r, route, policy.SignIn{Method: "mfa"})
		},
	} {
		rec, r := newRecorder(), w.asked("https://"+wiki+"/")
		said(t, name+" for no client", ask(rec, r, &config.Route{ClientID: "gone"}), 500, "internal")
		r.Host = "no host"
		said(t, name+" at no host", ask(rec, r, routeOf(w, wiki)), 400, "bad-request")
		if rec.status != 0 || len(rec.cookies()) != 0 {
			t.Errorf("%s: answered %d with %v", name, rec.status, rec.h)
		}
		landed := w.landedTimes(w.asked("https://"+wiki+"/"), maxLanded-1, wiki, clientKey("main"))
		if err := ask(rec, landed, routeOf(w, wiki)); err != nil || rec.status != http.StatusFound {
			t.Errorf("%s after a few landings: %d, %v; want a redirect", name, rec.status, err)
		}
		rec = newRecorder()
		if said(t, name+" in circles", ask(rec, w.landedTimes(landed, 1, wiki, clientKey("main")), routeOf(w, wiki)), 400, "sign-in-loop"); rec.status != 0 {
			t.Errorf("%s in circles: answered %d", name, rec.status)
		}
	}
	program := w.asked("https://" + wiki + "/page")
	program.Header.Set("Authorization", "Pomerium x.y.z")
	rec := newRecorder()
	e := said(t, "a program", s.StepUp(rec, program, routeOf(w, wiki), policy.SignIn{Method: "mfa"}), 401, "step-up-needed")
	if rec.status != 0 || !strings.Contains(e.Message, wiki+" wants a more recent or a stronger sign-in") || e.Title != "Sign in again" || e.Route != wiki {
		t.Errorf("answered %d; %+v", rec.status, e)
	}
}

func TestAttemptTravelsAsItIsAskedFor(t *testing.T) {
	w := newWorld(t)
	s := w.service.Load()
	for name, tt := range map[string]struct {
		a      attempt
		target string
	}{
		"plain":         {attempt{Client: clientKey("main"), Target: "/x"}, "/x"},
		"another try":   {attempt{Client: clientKey("main"), Target: "/x", Tries: maxTries - 1}, "/x"},
		"with a prompt": {attempt{Client: clientKey("second"), Target: "/x", Prompt: promptLogin}, "/x"},
	} {
		rec := newRecorder()
		if err := s.begin(rec, w.asked("https://"+wiki+"/"), wiki, tt.a); err != nil {
			t.Fatal(err)
		}
		to, _ := url.Parse(rec.h.Get("Location"))
		q, err := s.urls.verify(homeAt, pathSignIn, to.RawQuery, []string{paramRedirect, paramBinding, paramClient}, []string{paramPrompt})
		if err != nil {
			t.Fatal(name, err)
		}
		j, err := s.parseJourney(q)
		if err != nil || j.Host != wiki || j.Tries != tt.a.Tries || j.Client != tt.a.Client || j.Prompt != tt.a.Prompt || q.Has(paramPrompt) != (tt.a.Prompt != "") {
			t.Errorf("%s: journey %+v, %v", name, j, err)
		}
		var kept attempt
		if !s.openAttempt(w.request(wiki, rec.cookies()...), purposeAttempt, wiki, j.Attempt, &kept) {
			t.Fatal(name, "no attempt is kept")
		}
		if kept.ID != j.Attempt || binding(kept.Secret) != j.Binding || kept.Target != tt.target || kept.Stored != "" || kept.Prompt != tt.a.Prompt {
			t.Errorf("%s: kept %+v", name, kept)
		}
	}
	rec := newRecorder()
	said(t, "one try too many", s.begin(rec, w.asked("https://"+wiki+"/"), wiki, attempt{Tries: maxTries}), 400, "sign-in-loop")
	if rec.status != 0 || testutil.ToFloat64(s.metrics.attempts) != 3 || testutil.ToFloat64(s.metrics.loops) != 1 {
		t.Errorf("answered %d, %v begun, %v circles", rec.status, testutil.ToFloat64(s.metrics.attempts), testutil.ToFloat64(s.metrics.loops))
	}
}

func TestCircleNamesTheCookieThatIsMissing(t *testing.T) {
	w := newWorld(t)
	w.browser().signIn(wiki)
	s, rec := w.service.Load(), newRecorder()
	w.codec.SetSession(rec, w.codec.Name(), wiki, w.live()[0])
	good := rec.cookies()[0]
	for name, tt := range map[string]struct {
		cookies []*http.Cookie
		want    weberr.Lost
	}{
		"nothing":              {nil, weberr.LostAll},
		"the application's":    {[]*http.Cookie{{Name: "app", Value: "x"}}, weberr.LostAll},
		"ours but the session": {[]*http.Cookie{{Name: "app", Value: "x"}, {Name: w.codec.CSRFName(), Value: "x"}}, weberr.LostOne},
		"one that is garbled":  {[]*http.Cookie{{Name: w.codec.CSRFName(), Value: "x"}, {Name: w.codec.Name(), Value: "x"}}, weberr.LostUnreadable},
		"a session that ended": {[]*http.Cookie{{Name: w.codec.CSRFName(), Value: "x"}, good}, weberr.LostSession},
	} {
		r := w.asked("https://"+wiki+"/page?x=1", tt.cookies...)
		e := said(t, name, s.cookieLost(r, wiki), 400, "sign-in-loop")
		want := weberr.SignInLoop(wiki, w.codec.Name(), tt.want)
		if e.Message != want.Message || len(e.Hints) == 0 || e.Route != wiki || !strings.Contains(e.LoginURL, url.QueryEscape("/page?x=1")) {
			t.Errorf("%s: told %q with the way %q, want %q", name, e.Message, e.LoginURL, want.Message)
		}
		if log := w.log.String(); !strings.Contains(log, `"lost":"`+tt.want.String()+`"`) {
			t.Errorf("%s: the log says %s", name, log)
		}
	}
}

func TestFormThatMetALapsedSessionIsToldSo(t *testing.T) {
	w := newWorld(t)
	for method, want := range map[string]int{http.MethodPost: 401, http.MethodPut: 401, http.MethodGet: 302} {
		r := w.asked("https://" + wiki + "/save")
		r.Method = method
		r.Header.Set("Sec-Fetch-Mode", "navigate")
		r.Header.Set("Referer", "https://"+wiki+"/edit?id=1")
		rec := newRecorder()
		if err := w.service.Load().Challenge(rec, r, routeOf(w, wiki)); err != nil {
			t.Errorf("%s: %v, want a page", method, err)
		}
		way := "redirect_uri=" + url.QueryEscape("/edit?id=1")
		if rec.status != want || want == 401 && (!strings.Contains(rec.body.String(), way) || !strings.Contains(rec.body.String(), "Nothing was delivered") || !strings.Contains(rec.body.String(), "Your session at <bdi>"+wiki)) {
			t.Errorf("%s: %d, want %d and that nothing was delivered, with the way back to the form\n%s", method, rec.status, want, rec.body.String())
		}
		if r.Method != method {
			t.Errorf("%s: the request is a %s now", method, r.Method)
		}
	}
	script := w.asked("https://" + wiki + "/save")
	script.Method = http.MethodPost
	script.Header.Set("Sec-Fetch-Mode", "cors")
	rec := newRecorder()
	e := said(t, "a script", w.service.Load().Challenge(rec, script, routeOf(w, wiki)), 401, "unauthenticated")
	if rec.status != 0 || e.Route != wiki || e.LoginURL == "" {
		t.Errorf("a script: answered %d, %+v", rec.status, e)
	}
}

func TestWaysToSignInAreOfHostsOfRoutesAlone(t *testing.T) {
	w := newWorld(t)
	s := w.service.Load()
	for _, host := range []string{evil, homeAt, "a b", ""} {
		r := w.asked("https://" + wiki + "/page")
		if r.Host = host; s.LoginURL(r) != "" || s.AccountURL(r) != "" {
			t.Errorf("%q: sign in at %q or %q, want nowhere", host, s.LoginURL(r), s.AccountURL(r))
		}
	}
	for name, tt := range map[string]struct {
		query  string
		change func(*http.Request)
		status int
		code   string
		words  string
	}{
		"a query that is none": {"x=%zz", nil, 400, "bad-link", "link is not valid"},
		"an address elsewhere": {paramRedirect + "=https%3A%2F%2Fevil.localhost%2F", nil, 400, "bad-request", "not one of this host"},
		"a prompt of nobody":   {paramPrompt + "=none", nil, 400, "bad-request", "not known"},
		"a script":             {"", func(r *http.Request) { r.Header.Set("Sec-Fetch-Mode", "cors") }, 401, "unauthenticated", wiki},
		"no client":            {"", func(r *http.Request) { r.Host = api }, 500, "internal", "fault"},
	} {
		w.routes[api] = Route{ClientID: "gone"}
		r, rec := w.asked("https://"+wiki+pathSignIn+"?"+tt.query), newRecorder()
		if tt.change != nil {
			tt.change(r)
		}
		e := said(t, name, s.serve(rec, r), tt.status, tt.code)
		if !strings.Contains(e.Message, tt.words) || len(rec.cookies()) != 0 || rec.status != 0 {
			t.Errorf("%s: %q, answered %d with %v", name, e.Message, rec.status, rec.h)
		}
	}
	// A host whose route names no client signs in with the default one, at its root
	// where nothing else is asked for.
	w.routes[api] = Route{}
	if p := w.browser().open("https://" + api + pathSignIn); !strings.HasSuffix(p.trail[len(p.trail)-1], api+"/") {
		t.Errorf("ended at %s, want the root", p.trail[len(p.trail)-1])
	}
	if all := w.live(); len(all) != 1 || all[0].Subject.ClientID != "main" {
		t.Errorf("sessions %+v, want one of the default client", all)
	}
}

// An address too long for a cookie is kept while there is room, and else the
// sign-in ends at the root; it does not fail.
func TestLongAddressesThatCannotBeKeptEndAtTheRoot(t *testing.T) {
	long := "https://" + wiki + "/" + strings.Repeat("x", 2000)
	for name, tt := range map[string]struct {
		trouble func(*world)
		refused float64
		logged  bool
	}{
		"cannot be counted": {func(w *world) { w.failing("count", kindReturn, store.ErrUnavailable) }, 1, false},
		"cannot be written": {func(w *world) { w.failing("put", kindReturn, store.ErrUnavailable) }, 0, false},
		"cannot be read":    {func(w *world) { w.failing("get", kindReturn, store.ErrUnavailable) }, 0, true},
		"is gone":           {func(w *world) { w.failing("get", kindReturn, store.ErrNotFound) }, 0, false},
		"too many in all": {func(w *world) {
			for i := range maxReturnsInAll {
				key := addressKey(w.service.Load().o.ClientIP(w.request(wiki)))
				rec := store.Record{Kind: kindReturn, Key: strings.Repeat("y", i%64) + key[:4] + randomText(8), Value: []byte("/"), Expires: w.clock.now().Add(time.Hour)}
				if _, err := w.store.Put(context.Background(), rec, store.Absent); err != nil {
					t.Fatal(err)
				}
			}
		}, 1, false},
	} {
		w := newWorld(t)
		tt.trouble(w)
		p := w.browser().open(long)
		if p.status != 200 || !strings.HasSuffix(p.body, "path=/") {
			t.Errorf("%s: %d %.100s, want the root", name, p.status, p.body)
		}
		if got := testutil.ToFloat64(w.service.Load().metrics.returnsRefused); got != tt.refused {
			t.Errorf("%s: %v counted as refused, want %v", name, got, tt.refused)
		}
		if got := strings.Contains(w.log.String(), "return URL not read"); got != tt.logged {
			t.Errorf("%s: in the log %t, want %t", name, got, tt.logged)
		}
	}
	w := newWorld(t)
	s := w.service.Load()
	for value, want := range map[string]string{"/kept": "/kept", "//evil.localhost": "/", "https://evil.localhost/": "/", "": "/"} {
		rec := store.Record{Kind: kindReturn, Key: "key" + value, Value: []byte(value), Expires: w.clock.now().Add(time.Hour)}
		if _, err := w.store.Put(context.Background(), rec, store.Absent); err != nil {
			t.Fatal(err)
		}
		if got := s.storedReturn(context.Background(), rec.Key); got != want {
			t.Errorf("kept %q leads to %q, want %q", value, got, want)
		}
	}
	id := s.keepReturn(context.Background(), s.o.ClientIP(w.request(wiki)), "/x")
	rec, err := w.store.Get(context.Background(), kindReturn, id)
	if err != nil || !rec.Expires.Equal(w.clock.now().Add(attemptLife)) || !strings.HasPrefix(id, addressKey(s.o.ClientIP(w.request(wiki)))) {
		t.Errorf("kept as %q until %s, %v", id, rec.Expires, err)
	}
}

// Cookies name sessions of one form and one client; others are none here.
func TestSessionsOfAnotherKindAreNoneOfABrowser(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn(wiki)
	b.signIn(metric)
	w.programToken(b, wiki)
	var main, second, program *session.Session
	for _, ss := range w.live() {
		switch {
		case ss.Form == session.FormProgram:
			program = ss
		case ss.Subject.ClientID == "second":
			second = ss
		default:
			main = ss
		}
	}
	s := w.service.Load()
	for name, tt := range map[string]struct {
		ss     *session.Session
		client string
		want   bool
	}{
		"its own":                {main, "main", true},
		"of any client":          {second, "", true},
		"another client's":       {second, "main", false},
		"a program's":            {program, "main", false},
		"a program's, of anyone": {program, "", false},
	} {
		rec := newRecorder()
		w.codec.SetSession(rec, w.codec.Name(), wiki, tt.ss)
		got, err := s.browserSession(w.request(wiki, rec.cookies()...), w.codec.Name(), wiki, tt.client)
		if err != nil || (got != nil) != tt.want {
			t.Errorf("%s: %v, %v; want it found %t", name, got, err, tt.want)
		}
	}
	// A client that a reload took away takes its sessions' worth with it.
	w.install(w.newService(func(o *Options) { delete(o.Providers, "second") }))
	rec := newRecorder()
	w.codec.SetSession(rec, w.codec.Name(), wiki, second)
	if got, err := w.service.Load().browserSession(w.request(wiki, rec.cookies()...), w.codec.Name(), wiki, ""); got != nil || err != nil {
		t.Errorf("of a client that is gone: %v, %v", got, err)
	}
}
