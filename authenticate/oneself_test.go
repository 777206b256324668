package authenticate

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sallyport/internal/weberr"
	"sallyport/session"
	"sallyport/store"
)

func iso(t time.Time) string { return `datetime="` + t.UTC().Format(time.RFC3339) + `"` }

func TestUserPageSaysWhoIsSignedInAndForHowLong(t *testing.T) {
	w := newWorld(t, withSettings(Settings{CookieExpire: 10 * time.Hour, IdleTimeout: 90 * time.Minute}))
	b := w.browser()
	b.signIn(wiki)
	w.clock.add(time.Minute)
	b.step("https://" + wiki + "/")
	w.change(w.sessionOf(b), func(s *session.Session) { s.Subject.Name = "Alice Liddell" })
	ss := w.sessionOf(b)
	for _, host := range []string{wiki, homeAt} {
		p := b.step("https://" + host + pathUser)
		for _, want := range []string{
			"Alice Liddell", "alice@example.com", "00ualice", "<bdi>" + host + "</bdi>", "serial",
			iso(ss.Created), iso(w.clock.now()), iso(ss.Created.Add(10 * time.Hour)), "Ends if unused for",
			`href="` + pathSignOut + `"`, `href="` + pathSessions + `"`,
		} {
			if p.status != 200 || !strings.Contains(p.body, want) {
				t.Errorf("%s: %d, the page lacks %q\n%s", host, p.status, want, p.body)
			}
		}
	}
}

func TestUserPageOfNobodyLeadsToASignInWhereThereIsOne(t *testing.T) {
	w := newWorld(t)
	nobody := w.browser()
	p := nobody.step("https://" + homeAt + pathUser)
	if p.status != 200 || !strings.Contains(p.body, "Nobody is signed in") || !strings.Contains(p.body, homeAt) || strings.Contains(p.body, "Sign in</a>") {
		t.Errorf("at home: %d\n%s", p.status, p.body)
	}
	p = nobody.step("https://" + wiki + pathUser)
	link := between(p.body, `class="button" href="`, `"`)
	if p.status != 200 || !strings.Contains(p.body, "Nobody is signed in") || !strings.HasPrefix(link, "https://"+wiki+pathSignIn) {
		t.Fatalf("on a route: %d, link %q\n%s", p.status, link, p.body)
	}
	if p := nobody.open(link); p.status != 200 || p.url.Host != wiki || p.url.Path != pathUser || !strings.Contains(p.body, "alice@example.com") {
		t.Errorf("the link ends with %d at %s", p.status, p.url)
	}
}

// Scripts are told that nobody is signed in; a page they would not see.
func TestScriptsOfNobodyAreToldSo(t *testing.T) {
	w := newWorld(t)
	w.install(w.newService(func(o *Options) { o.Settings.AllowJWTEndpoint = true }))
	script := w.browser()
	script.header = http.Header{"Accept": {"application/json"}, "Sec-Fetch-Mode": {"cors"}, "Sec-Fetch-Dest": {"empty"}}
	for _, path := range []string{pathUserJSON, pathJWT, pathSessions, pathPopup, pathProgramLogin} {
		raw := "https://" + wiki + path
		if path == pathProgramLogin {
			raw = w.askAddress(script)
		}
		if p := script.step(raw); p.status != http.StatusUnauthorized || !strings.Contains(p.body, `"login_url"`) {
			t.Errorf("%s: %d %s; want 401 and where to sign in", path, p.status, p.body)
		}
	}
	// The client that signs people in here is not configured any more.
	w.routes[wiki] = Route{ClientID: "gone"}
	for _, b := range []*browser{script, w.browser()} {
		for _, path := range []string{pathUserJSON, pathJWT, pathSessions, pathPopup, pathSignIn} {
			if p := b.step("https://" + wiki + path); p.status != http.StatusInternalServerError || p.header.Get("Location") != "" {
				t.Errorf("%s, no client: %d", path, p.status)
			}
		}
	}
	script.header.Set("Authorization", "Pomerium a.b.c")
	if p := script.step("https://" + wiki + pathUserJSON); p.status != http.StatusInternalServerError {
		t.Errorf("a program, no client: %d", p.status)
	}
}

func TestWhatCannotBeToldOfOneselfIsAFault(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn(wiki)
	for name, tt := range map[string]struct {
		path   string
		change func(*Options)
		status int
		body   string
	}{
		"claims that are no JSON": {pathUserJSON, func(o *Options) {
			o.Identity = func(*session.Session, string) map[string]any { return map[string]any{"sub": make(chan int)} }
		}, http.StatusInternalServerError, ""},
		"claims of nobody's making": {pathUserJSON, func(o *Options) { o.Identity = nil }, 200, "{}\n"},
		"no key to sign with": {pathJWT, func(o *Options) {
			o.Settings.AllowJWTEndpoint = true
			o.Assertion = func(*session.Session, string) (string, error) { return "half a token", errors.New("no key") }
		}, http.StatusInternalServerError, ""},
		"nobody is let in": {pathJWT, func(o *Options) {
			o.Settings.AllowJWTEndpoint = true
			o.Admit = func(*http.Request, *session.Session) error { return weberr.Denied(wiki, "") }
		}, http.StatusForbidden, ""},
		"nobody decides": {pathJWT, func(o *Options) { o.Settings.AllowJWTEndpoint, o.Admit = true, nil }, http.StatusNotFound, ""},
		"nobody signs":   {pathJWT, func(o *Options) { o.Settings.AllowJWTEndpoint, o.Assertion = true, nil }, http.StatusNotFound, ""},
	} {
		w.install(w.newService(tt.change))
		p := b.step("https://" + wiki + tt.path)
		if p.status != tt.status || tt.body != "" && p.body != tt.body || strings.Contains(p.body, "half a token") {
			t.Errorf("%s: %d %q, want %d %q", name, p.status, p.body, tt.status, tt.body)
		}
	}
}

func TestListOfSessionsTellsThemApart(t *testing.T) {
	w := newWorld(t)
	here := w.browser()
	here.signIn(wiki)
	w.programToken(here, wiki)
	w.clock.add(10 * time.Second)
	there := w.browser()
	there.signIn(wiki)
	w.clock.add(time.Minute)
	there.step("https://" + wiki + "/")
	p := here.listed()
	rows := strings.Split(p.body, "<li>")[1:]
	if len(rows) != 3 {
		t.Fatalf("%d rows, want three\n%s", len(rows), p.body)
	}
	mine, other := w.sessionOf(here), w.sessionOf(there)
	for i, want := range [][]string{
		{"this browser", handleOf(mine), iso(mine.Created), iso(mine.Expires), "192.0.2.7"},
		{handleOf(other), iso(other.Created), iso(w.clock.now()), iso(other.Expires)},
		{"Program", "tool/1.2", "Valid for", wiki, iso(mine.Created)},
	} {
		for _, text := range want {
			if !strings.Contains(rows[i], text) {
				t.Errorf("row %d lacks %q:\n%s", i, text, rows[i])
			}
		}
		if i > 0 && strings.Contains(rows[i], "this browser") {
			t.Errorf("row %d is said to be this browser's", i)
		}
	}
	if strings.Contains(p.body, "ended.") || strings.Contains(p.body, "used longer ago") || !strings.Contains(p.body, `href="`+pathUser+`"`) {
		t.Errorf("the page says more or less than there is:\n%s", p.body)
	}
	if p := here.end(p, endOthers); !strings.Contains(p.body, "2 sessions ended.") || strings.Contains(p.body, endOthers) {
		t.Errorf("not told how many ended:\n%s", p.body)
	}
	for range maxListed + 2 {
		w.signedIn(func(s *session.Session) { s.Subject = mine.Subject })
	}
	if p := here.listed(); !strings.Contains(p.body, "And 3 more sessions") || strings.Count(p.body, "<li>") != maxListed {
		t.Errorf("%d rows, or not told of the others", strings.Count(p.body, "<li>"))
	}
}

func TestSessionsThatAreOverAreNotListed(t *testing.T) {
	w := newWorld(t)
	m, err := session.New(session.Options{Store: w.store, Now: w.clock.now, IdleTimeout: func() time.Duration { return 10 * time.Minute }})
	if err != nil {
		t.Fatal(err)
	}
	w.sessions = m
	w.install(w.newService(nil))
	idle, here := w.browser(), w.browser()
	idle.signIn(wiki)
	here.signIn(wiki)
	handle := handleOf(w.sessionOf(idle))
	w.clock.add(9 * time.Minute)
	here.step("https://" + wiki + "/")
	m.Touch(w.sessionOf(here))
	if p := here.listed(); !strings.Contains(p.body, handle) {
		t.Error("a session that is not idle for too long is not listed")
	}
	w.clock.add(time.Minute)
	p := here.step(sessionsPage)
	if p.status != 200 || strings.Contains(p.body, handle) || strings.Count(p.body, "<li>") != 1 {
		t.Errorf("%d, an idle session is listed\n%s", p.status, p.body)
	}
}

// scanless is a store that answers for single records, and for so many lists.
type scanless struct {
	store.Store
	left *atomic.Int64
}

func (s scanless) Scan(ctx context.Context, k store.Kind, prefix string, f func(store.Record) error) error {
	if k == session.KindSession && s.left.Add(-1) < 0 {
		return errDown
	}
	return s.Store.Scan(ctx, k, prefix, f)
}

// A list that cannot be made is no empty list.
func TestListThatTheStoreDoesNotGiveIsNotEmpty(t *testing.T) {
	w := newWorld(t)
	here, there := w.browser(), w.browser()
	here.signIn(wiki)
	there.signIn(wiki)
	open := here.listed()
	var left atomic.Int64
	m, err := session.New(session.Options{Store: scanless{w.store, &left}, Now: w.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	w.install(w.newService(func(o *Options) { o.Sessions = m }))
	for name, p := range map[string]*page{"the list": here.step(sessionsPage), "an end": here.end(open, endOthers)} {
		if p.status != http.StatusServiceUnavailable || strings.Contains(p.body, "ended.") {
			t.Errorf("%s: %d\n%s", name, p.status, p.body)
		}
	}
	w.sessionOf(there)
	// The end is made, and only the list after it fails.
	left.Store(1)
	gone := w.sessionOf(there)
	if p := here.end(open, handleOf(gone)); p.status != http.StatusServiceUnavailable {
		t.Errorf("an end without a list after it: %d", p.status)
	}
	if slices.ContainsFunc(w.live(), func(ss *session.Session) bool { return ss.ID == gone.ID }) {
		t.Error("the session that was to end lives on")
	}
}

// Replicas of two versions stand side by side while one takes the other's
// place, and pages stay open meanwhile.
func TestHandlesOfSessionsOutliveAnUpgrade(t *testing.T) {
	if got := handleOf(&session.Session{ID: "id"}); got != "492b787f82221424d2b72ba6" {
		t.Errorf("handle %q, want the one of the versions before", got)
	}
}
