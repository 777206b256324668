package authenticate

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"sallyport/identity"
	"sallyport/session"
)

const sessionsPage = "https://" + homeAt + pathSessions

// listed is the page of one's own sessions; at least it is one.
func (b *browser) listed() *page {
	b.t.Helper()
	p := b.open(sessionsPage)
	if p.status != 200 || p.fields().Get(fieldToken) == "" {
		b.t.Fatalf("the list of sessions: %d at %s\n%s", p.status, p.url, p.body)
	}
	return p
}

// end has one of the sessions ended, by its handle or all others.
func (b *browser) end(p *page, which string) *page {
	b.t.Helper()
	return b.do(http.MethodPost, sessionsPage, url.Values{fieldToken: {p.fields().Get(fieldToken)}, fieldEnd: {which}}, homeAt)
}

// people signs three browsers in: two of alice's, one of bob's.
func people(t *testing.T) (w *world, here, there, stranger *browser) {
	w = newWorld(t)
	here, there, stranger = w.browser(), w.browser(), w.browser()
	there.header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:126.0) Gecko/20100101 Firefox/126.0")
	here.signIn(wiki)
	w.clock.add(time.Second)
	there.signIn(wiki)
	w.idp.locked(func() { w.idp.user = "bob" })
	stranger.signIn(wiki)
	w.idp.locked(func() { w.idp.user = "alice" })
	return w, here, there, stranger
}

func (w *world) sessionOf(b *browser) *session.Session {
	w.t.Helper()
	id, ok := w.codec.SessionID(w.request(wiki, b.cookies(wiki)...), w.codec.Name(), wiki)
	if !ok {
		w.t.Fatal("the browser has no session here")
	}
	ss, err := w.sessions.Get(context.Background(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return ss
}

func TestOwnSessionsAreListedAndNobodyElses(t *testing.T) {
	w, here, there, stranger := people(t)
	w.programToken(here, wiki)
	// One of the same name at another issuer, and one that is idle for too long.
	foreign := *w.sessionOf(here)
	foreign.Subject.Issuer, foreign.UserAgent = "https://other.example.com", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/18.1 Safari/605.1.15"
	if _, err := w.sessions.Create(context.Background(), foreign); err != nil {
		t.Fatal(err)
	}
	w.clock.add(time.Minute)
	w.sessions.Touch(w.sessionOf(there))

	p := here.listed()
	for _, want := range []string{"alice@example.com", "Firefox", "tool/1.2", wiki, "192.0.2.7", handleOf(w.sessionOf(there)), `value="` + endOthers + `"`} {
		if !strings.Contains(p.body, want) {
			t.Errorf("the list says nothing of %q", want)
		}
	}
	mine, theirs := handleOf(w.sessionOf(here)), handleOf(w.sessionOf(there))
	if i, j := strings.Index(p.body, mine), strings.Index(p.body, theirs); i < 0 || i > j {
		t.Errorf("this session stands at %d, the other at %d; want this one first although the other was used later", i, j)
	}
	for _, secret := range []string{w.sessionOf(here).ID, w.sessionOf(there).ID, w.sessionOf(there).Tokens.Refresh, handleOf(w.sessionOf(stranger)), "bob", "Safari"} {
		if strings.Contains(p.body, secret) {
			t.Errorf("the list shows %q", secret)
		}
	}
	if p := here.step("https://" + wiki + pathSessions); p.status/100 != 3 || p.header.Get("Location") != sessionsPage {
		t.Errorf("on the route host: %d to %s, want it sent to the authenticate host", p.status, p.header.Get("Location"))
	}
	nobody := w.browser()
	if p := nobody.step(sessionsPage); p.status != 200 || strings.Contains(p.body, fieldToken) || strings.Contains(p.body, "alice") {
		t.Errorf("nobody's list: %d %s", p.status, p.body)
	}
	if p := nobody.step("https://" + wiki + pathSessions); p.status != http.StatusFound || len(nobody.attempts(wiki)) != 1 {
		t.Errorf("nobody on the route host: %d, want a way to sign in", p.status)
	}
}

func TestOneSessionIsEndedByItsOwner(t *testing.T) {
	w, here, there, stranger := people(t)
	for _, handle := range []string{handleOf(w.sessionOf(stranger)), "0123456789ab", ""} {
		if p := here.end(here.listed(), handle); p.status != 200 {
			t.Errorf("handle %q: %d", handle, p.status)
		}
		for _, b := range []*browser{here, there, stranger} {
			w.sessionOf(b)
		}
	}
	gone := w.sessionOf(there)
	p := here.end(here.listed(), handleOf(gone))
	if p.status != 200 || !strings.Contains(p.body, fieldToken) || strings.Contains(p.body, handleOf(gone)) {
		t.Errorf("after ending one: %d %s", p.status, p.body)
	}
	if _, err := w.sessions.Get(context.Background(), gone.ID); err == nil {
		t.Error("the session that was ended is still one")
	}
	w.sessionOf(here)
	w.sessionOf(stranger)
	if len(w.idp.revoked) != 1 || w.idp.revoked[0].Refresh != gone.Tokens.Refresh {
		t.Errorf("%d tokens taken back, want those of the session that was ended", len(w.idp.revoked))
	}
	if log := w.log.String(); !strings.Contains(log, "session ended by its owner") || !strings.Contains(log, "00ualice") {
		t.Error("the log does not say who ended a session")
	}

	// One's own, last.
	p = here.end(here.listed(), handleOf(w.sessionOf(here)))
	if p.status != http.StatusSeeOther || p.header.Get("Location") != "https://"+homeAt+pathSignedOut {
		t.Errorf("after ending one's own: %d to %q", p.status, p.header.Get("Location"))
	}
	if n := len(w.live()); n != 1 {
		t.Errorf("%d sessions left, want bob's alone", n)
	}
}

func TestAllOtherSessionsAreEndedAtOnce(t *testing.T) {
	w, here, there, stranger := people(t)
	w.programToken(there, wiki)
	if p := here.end(here.listed(), endOthers); p.status != 200 {
		t.Errorf("ending the others: %d %s", p.status, p.body)
	}
	var left []string
	for _, ss := range w.live() {
		left = append(left, ss.ID)
	}
	if want := []string{w.sessionOf(here).ID, w.sessionOf(stranger).ID}; len(left) != 2 || !slices.Contains(left, want[0]) || !slices.Contains(left, want[1]) {
		t.Errorf("left: %v, want this one and bob's: %v", left, want)
	}
	if n := len(w.idp.revoked); n != 1 {
		t.Errorf("%d tokens taken back, want one: programs hold none", n)
	}
}

// T40: the form is good for the person it was shown to, as long as they are here.
func TestT40OwnSessionsEndByTheirOwnFormOnly(t *testing.T) {
	w, here, there, stranger := people(t)
	handle := handleOf(w.sessionOf(there))
	form := here.listed()
	whole := func() url.Values {
		return url.Values{fieldToken: {form.fields().Get(fieldToken)}, fieldEnd: {handle}}
	}
	for name, ask := range map[string]func() *page{
		"without its token": func() *page {
			return here.do(http.MethodPost, sessionsPage, url.Values{fieldEnd: {handle}}, homeAt)
		},
		"from another site": func() *page { return here.do(http.MethodPost, sessionsPage, whole(), evil) },
		"from an application": func() *page {
			return here.do(http.MethodPost, sessionsPage, whole(), wiki)
		},
		"in another browser": func() *page { return there.do(http.MethodPost, sessionsPage, whole(), homeAt) },
		"too long": func() *page {
			f := whole()
			f.Set("x", strings.Repeat("x", 1<<20))
			return here.do(http.MethodPost, sessionsPage, f, homeAt)
		},
	} {
		if p := ask(); p.status != http.StatusForbidden && p.status != http.StatusBadRequest {
			t.Errorf("%s: %d", name, p.status)
		}
	}
	// Another tab of the browser has become somebody else's, or nobody's.
	mine := here.cookies(homeAt)
	cookie := w.codec.AuthenticateName("")
	here.keep(homeAt, []*http.Cookie{{Name: cookie, Value: stranger.cookie(homeAt, cookie), Path: "/", Secure: true}})
	if p := here.do(http.MethodPost, sessionsPage, whole(), homeAt); p.status != http.StatusForbidden {
		t.Errorf("as somebody else in the same browser: %d", p.status)
	}
	here.keep(homeAt, []*http.Cookie{{Name: cookie, Path: "/", Secure: true, MaxAge: -1}})
	if p := here.do(http.MethodPost, sessionsPage, whole(), homeAt); p.status != http.StatusForbidden {
		t.Errorf("as nobody: %d", p.status)
	}
	here.keep(homeAt, mine)
	// Signed out, then signed in as somebody else, with the old page still open.
	here.signOut(wiki)
	if p := here.do(http.MethodPost, sessionsPage, whole(), homeAt); p.status != http.StatusForbidden {
		t.Errorf("signed out: %d", p.status)
	}
	w.idp.locked(func() { w.idp.user = "bob" })
	here.signIn(wiki)
	if p := here.do(http.MethodPost, sessionsPage, whole(), homeAt); p.status != http.StatusForbidden {
		t.Errorf("as somebody else: %d", p.status)
	}
	w.sessionOf(there)
}

func TestTheListOfSessionsIsBounded(t *testing.T) {
	w, here, _, _ := people(t)
	one := *w.sessionOf(here)
	for range maxListed {
		if _, err := w.sessions.Create(context.Background(), one); err != nil {
			t.Fatal(err)
		}
	}
	p := here.listed()
	if n := strings.Count(p.body, `name="`+fieldEnd+`"`); n < maxListed || n > maxListed+1 {
		t.Errorf("%d sessions can be ended from the page, want %d and all others at once", n, maxListed)
	}
	if !strings.Contains(p.body, handleOf(&one)) {
		t.Error("the session that asks is not listed")
	}
}

func TestUserPageSaysWhatTheDirectoryKnows(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn(wiki)
	for name, tt := range map[string]struct {
		person func(string) *identity.Person
		want   bool
	}{
		"no directory": {nil, false},
		"unknown":      {func(string) *identity.Person { return nil }, false},
		"known": {func(id string) *identity.Person {
			return identity.NewPerson(identity.Person{ID: id, Groups: []identity.Group{{ID: "00g1", Name: "wiki-editors"}}})
		}, true},
	} {
		w.install(w.newService(func(o *Options) { o.Person = tt.person }))
		p := b.step("https://" + wiki + pathUser)
		if p.status != 200 || strings.Contains(p.body, "wiki-editors") != tt.want {
			t.Errorf("%s: %d, groups shown %v", name, p.status, !tt.want)
		}
	}
	token := w.programToken(b, wiki)
	cli := w.browser()
	cli.header = http.Header{"Authorization": {"Pomerium " + token}}
	if p := cli.step("https://" + wiki + pathUserJSON); p.status != 200 || !strings.Contains(p.body, "00ualice") {
		t.Errorf("a program asks who it is: %d %s", p.status, p.body)
	}
	if p := cli.do(http.MethodHead, "https://"+wiki+pathUserJSON, nil, ""); p.status != 200 || p.body != "" {
		t.Errorf("HEAD: %d %q", p.status, p.body)
	}
}

// Each list goes through the sessions of everybody: whoever asks for it without end
// is refused for a while.
func TestListsOfSessionsAreNotMadeWithoutEnd(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn(wiki)
	list := "https://" + homeAt + pathSessions
	for range maxStrikes {
		if p := b.step(list); p.status != 200 {
			t.Fatalf("%d, want a list", p.status)
		}
	}
	p := b.step(list)
	if p.status != http.StatusTooManyRequests || p.header.Get("Retry-After") == "" {
		t.Errorf("once more: %d, Retry-After %q", p.status, p.header.Get("Retry-After"))
	}
	if p := b.step("https://" + wiki + "/"); p.status != 200 {
		t.Errorf("the application: %d", p.status)
	}
	w.clock.add(2 * strikeLife)
	if p := b.step(list); p.status != 200 {
		t.Errorf("after a while: %d", p.status)
	}
}
