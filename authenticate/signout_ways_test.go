package authenticate

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"sallyport/idp"
	"sallyport/session"
)

const stillThere = "You may still be signed in at your identity provider"

// confirm opens the page that asks, from host, with an address to end at.
func (b *browser) confirm(host, target string) *page {
	b.t.Helper()
	q := ""
	if target != "" {
		q = "?" + url.Values{paramRedirect: {target}}.Encode()
	}
	return b.open("https://" + host + pathSignOut + q)
}

func (b *browser) leave(confirm *page) *page {
	b.t.Helper()
	return b.follow(b.do(http.MethodPost, "https://"+homeAt+pathSignOut, confirm.fields(), homeAt))
}

// Browsers follow a form's answer only to where the page's policy says.
func TestSignOutPageNamesEachAddressOfTheWayOut(t *testing.T) {
	bye, _ := url.Parse("https://bye.example.com/done")
	w := newWorld(t, withSettings(Settings{SignOutRedirectURL: bye}))
	b := w.browser()
	b.signIn(wiki)
	for _, tt := range []struct {
		from, target string
		want, not    []string
	}{
		{wiki, "https://" + admin + "/x", []string{homeAt, wiki, admin, idpAt, bye.Host}, nil},
		{wiki, "", []string{homeAt, wiki, idpAt, bye.Host}, []string{admin}},
		{homeAt, "https://" + evil + "/", []string{homeAt, idpAt, bye.Host}, []string{wiki, evil}},
	} {
		p := b.confirm(tt.from, tt.target)
		_, action, _ := strings.Cut(p.header.Get("Content-Security-Policy"), "form-action ")
		action, _, _ = strings.Cut(action, ";")
		for _, host := range tt.want {
			if !strings.Contains(action+" ", "https://"+host+" ") {
				t.Errorf("from %s to %q: the form may not lead to %s: %s", tt.from, tt.target, host, action)
			}
		}
		for _, host := range tt.not {
			if strings.Contains(action, host) {
				t.Errorf("from %s to %q: the form may lead to %s: %s", tt.from, tt.target, host, action)
			}
		}
	}
}

func TestSignOutPageLeadsBackToWhereItWasAskedFor(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn(wiki)
	if p := b.confirm(wiki, ""); !strings.Contains(p.body, `href="https://`+wiki+`/"`) || !strings.Contains(p.body, "Stay signed in") {
		t.Errorf("no way back:\n%s", p.body)
	}
	if p := b.confirm(homeAt, ""); strings.Contains(p.body, "Stay signed in") {
		t.Errorf("a way back to nowhere:\n%s", p.body)
	}
	// The route went away while the person was on the way.
	asked := b.step("https://" + wiki + pathSignOut).header.Get("Location")
	delete(w.routes, wiki)
	if p := b.open(asked); p.status != 200 || strings.Contains(p.body, "Stay signed in") || p.fields().Get(fieldToken) == "" {
		t.Errorf("a way back to a route that is no more: %d\n%s", p.status, p.body)
	}
}

// Whoever is signed out already is led to where a sign-out would have ended.
func TestSignOutOfNobodyEndsWhereItWould(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct{ from, target, want string }{
		{wiki, "", "https://" + wiki + pathSignedOut},
		{wiki, "https://" + admin + "/public", "https://" + admin + "/public"},
		{homeAt, "https://" + admin + "/public", "https://" + admin + "/public"},
		{homeAt, "", "https://" + homeAt + pathSignedOut},
		{homeAt, "https://" + evil + "/", "https://" + homeAt + pathSignedOut},
	} {
		p := w.browser().confirm(tt.from, tt.target)
		last, _, _ := strings.Cut(p.url.String(), "?")
		if p.status != 200 || last != tt.want || strings.Contains(p.body, stillThere) {
			t.Errorf("from %s to %q: %d at %s, want %s, and no word of a provider", tt.from, tt.target, p.status, last, tt.want)
		}
	}
	bye, _ := url.Parse("https://bye.example.com/done")
	set := newWorld(t, withSettings(Settings{SignOutRedirectURL: bye}))
	for target, want := range map[string]string{"": bye.Host, "https://" + admin + "/public": admin} {
		p := set.browser().open("https://"+wiki+pathSignOut+"?"+url.Values{paramRedirect: {target}}.Encode(), func(u *url.URL) bool { return u.Host == bye.Host })
		if p.url.Host != want {
			t.Errorf("with an address configured and %q asked for: ends at %s, want %s", target, p.url, want)
		}
	}
	two := "?" + url.Values{paramRedirect: {"https://" + admin + "/public", "https://" + evil + "/"}}.Encode()
	if p := w.browser().open("https://" + wiki + pathSignOut + two); p.url.Host != wiki {
		t.Errorf("two addresses to end at lead to %s", p.url)
	}
}

// One provider can be visited: that of most routes.
func TestSignOutVisitsTheProviderOfMostRoutes(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn(wiki)
	w.second.locked(func() { w.second.user = "bob" })
	b.signIn(metric)
	for range 12 { // in whatever order the clients are gone through
		if p := b.confirm(metric, ""); !strings.Contains(p.body, "alice@example.com") {
			t.Fatalf("the page names another account than the one that most routes know:\n%s", p.body)
		}
	}
	end := b.leave(b.confirm(metric, ""))
	if trail := strings.Join(end.trail, "\n"); !strings.Contains(trail, "id_token_hint=idtoken-main") || strings.Contains(trail, "id_token_hint=idtoken-second") {
		t.Errorf("way out:\n%s", trail)
	}
	if b.cookie(homeAt, w.codec.CSRFName()) != "" || len(b.cookies(homeAt)) != 0 {
		t.Errorf("cookies are left at the authenticate host: %v", b.cookies(homeAt))
	}
}

func (w *world) change(ss *session.Session, f func(*session.Session)) {
	w.t.Helper()
	if _, err := w.sessions.Update(context.Background(), ss.ID, func(s *session.Session) error { f(s); return nil }); err != nil {
		w.t.Fatal(err)
	}
}

// The end says whether the provider was told, on each page it can be said on.
func TestSignedOutPageSaysWhetherTheProviderWasTold(t *testing.T) {
	for name, tt := range map[string]struct {
		spoil func(w *world, b *browser)
		still bool
	}{
		"told":              {func(*world, *browser) {}, false},
		"no way to be":      {func(w *world, _ *browser) { w.idp.noLogout = true }, true},
		"no token to name":  {func(w *world, b *browser) { w.change(w.sessionOf(b), func(s *session.Session) { s.Tokens.ID = "" }) }, true},
		"ended by somebody": {func(w *world, b *browser) { w.end(w.sessionOf(b)) }, false},
	} {
		for _, from := range []string{wiki, homeAt} {
			t.Run(name+", from "+from, func(t *testing.T) {
				w := newWorld(t)
				b := w.browser()
				b.signIn(wiki)
				confirm := b.confirm(from, "")
				tt.spoil(w, b)
				end := b.leave(confirm)
				if end.status != 200 || end.url.Host != from || end.url.Path != pathSignedOut || len(w.live()) != 0 {
					t.Fatalf("%d at %s, %d sessions left", end.status, end.url, len(w.live()))
				}
				if strings.Contains(end.body, stillThere) != tt.still {
					t.Errorf("says that the provider was not told: %v\n%s", !tt.still, end.body)
				}
				if again := strings.Contains(end.body, `href="https://`+wiki+`/"`); again != (from == wiki) {
					t.Errorf("a way to sign in again: %v", again)
				}
			})
		}
	}
}

func TestSignedOutPageDropsOnlyWhatIsDead(t *testing.T) {
	w := newWorld(t)
	raw := "https://" + wiki + pathSignedOut
	b := w.browser()
	b.signIn(wiki)
	if p := b.step(raw); len(p.setCooki) != 0 || p.status != 200 {
		t.Errorf("somebody who is signed in: %d, cookies %v", p.status, p.setCooki)
	}
	if p := w.browser().step(raw); len(p.setCooki) != 0 {
		t.Errorf("nobody: cookies %v", p.setCooki)
	}
	w.end(w.sessionOf(b))
	if p := b.step(raw); len(p.setCooki) != 1 || b.session(wiki) != "" {
		t.Errorf("a dead session: cookies %v", p.setCooki)
	}
	for _, bad := range []string{raw + "?" + paramSignature + "=x", raw + "?" + paramRedirect + "=https%3A%2F%2F" + evil + "&" + paramSignature + "=x"} {
		if p := b.step(bad); p.status != http.StatusBadRequest || p.header.Get("Location") != "" {
			t.Errorf("%s: %d to %q", bad, p.status, p.header.Get("Location"))
		}
	}
	if p := b.step(raw + "?" + paramRedirect + "=https%3A%2F%2F" + evil); p.status != 200 || p.header.Get("Location") != "" {
		t.Errorf("an address that nobody signed: %d to %q", p.status, p.header.Get("Location"))
	}
	for _, state := range []string{"x", b.cookie(homeAt, w.codec.AuthenticateName(""))} {
		if p := b.step("https://" + homeAt + pathSignedOut + "?state=" + url.QueryEscape(state)); p.status != 200 || strings.Contains(p.body, stillThere) {
			t.Errorf("a state that nobody sealed: %d", p.status)
		}
	}
	b.signIn(wiki)
	cold, err := session.New(session.Options{Store: w.store, Now: w.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	w.install(w.newService(func(o *Options) { o.Sessions = cold }))
	w.faults.down.Store(true)
	if p := b.step(raw); p.status != http.StatusServiceUnavailable || len(p.setCooki) != 0 {
		t.Errorf("store down: %d, cookies %v; want nothing dropped", p.status, p.setCooki)
	}
}

// Between one step of the way out and the next, the world may change.
func TestSignOutWhileSomethingEndsElsewhere(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn(wiki)
	b.jar[homeAt] = nil // the route host alone knows the session
	asked := b.step("https://" + wiki + pathSignOut).header.Get("Location")
	w.end(w.sessionOf(b))
	if p := b.open(asked); p.status != 200 || p.url.Path != pathSignedOut || p.url.Host != wiki {
		t.Errorf("ended meanwhile: %d at %s", p.status, p.url)
	}
	// A client was taken out of the configuration: its session ends all the same.
	b.signIn(metric)
	b.jar[homeAt] = nil
	asked = b.step("https://" + metric + pathSignOut).header.Get("Location")
	w.providers = map[string]idp.Provider{"main": w.idp}
	w.install(w.newService(nil))
	end := b.leave(b.open(asked))
	if end.status != 200 || len(w.live()) != 0 || len(w.second.revoked) != 0 {
		t.Errorf("a client that is no more: %d at %s, %d sessions left", end.status, end.url, len(w.live()))
	}
}

func TestTokensThatAreNotTakenBackAreCounted(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	failed := func() float64 { return testutil.ToFloat64(w.service.Load().metrics.revokeFailures) }
	b.signIn(wiki)
	if b.signOut(wiki); failed() != 0 || strings.Contains(w.log.String(), "not revoked") {
		t.Errorf("%v failures counted of a provider that takes tokens back", failed())
	}
	b.signIn(wiki)
	w.stubborn()
	if p := b.signOut(wiki); p.status != 200 || len(w.live()) != 0 {
		t.Errorf("signed out with %d, %d sessions left", p.status, len(w.live()))
	}
	if failed() != 1 || !strings.Contains(w.log.String(), "tokens not revoked at the identity provider") {
		t.Errorf("%v failures counted, want one, and told", failed())
	}
}

// Whoever hangs up has signed out all the same.
func TestSignOutIsDoneWhoeverHangsUp(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn(wiki)
	form := b.confirm(wiki, "").fields()
	ctx, cancel := context.WithCancel(context.Background())
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+homeAt+pathSignOut, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range b.cookies(homeAt) {
		r.AddCookie(c)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	cancel()
	rec := newRecorder()
	w.service.Load().ServeHTTP(rec, r)
	if rec.status != http.StatusSeeOther || len(w.live()) != 0 || len(w.idp.revoked) != 1 {
		t.Errorf("%d, %d sessions left, %d tokens taken back", rec.status, len(w.live()), len(w.idp.revoked))
	}
	if !strings.Contains(w.log.String(), fmt.Sprintf(`"msg":"signed out","user":%q,"email":%q`, "00ualice", "alice@example.com")) {
		t.Errorf("not told who signed out:\n%s", w.log)
	}
}
