package authenticate

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport/identity"
	"sallyport/idp"
	"sallyport/idp/oidc"
	"sallyport/internal/httpout"
	"sallyport/internal/oktatest"
	"sallyport/session"
)

// withOkta puts the real OpenID Connect client and an Okta stand-in in the place
// of the fake provider.
func withOkta(t *testing.T, change func(*oktatest.Client)) (*world, *oktatest.Okta) {
	t.Helper()
	w := newWorld(t)
	app := oktatest.Client{
		ID: "main", Secret: "secret-of-the-application", RequirePKCE: true, RotateRefresh: true,
		RedirectURIs:           []string{"https://" + homeAt + pathOAuthCallback},
		PostLogoutRedirectURIs: []string{"https://" + homeAt + pathSignedOut},
	}
	if change != nil {
		change(&app)
	}
	okta, err := oktatest.New(oktatest.Options{
		Now: w.clock.now, Clients: []oktatest.Client{app},
		People: []oktatest.Person{{Login: "alice@example.com", Password: "wonderland", FirstName: "Alice", LastName: "Liddell"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(okta.Close)
	client, err := httpout.New(httpout.Options{Timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	provider, err := oidc.New(oidc.Options{
		Issuer: okta.URL(), ClientID: app.ID, ClientSecret: app.Secret, HTTP: client, Now: w.clock.now, Logger: w.logger(),
	})
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(okta.URL())
	w.elsewhere = map[string]string{u.Host: okta.Addr()}
	w.providers = map[string]idp.Provider{"main": provider}
	w.install(w.newService(nil))
	return w, okta
}

func (w *world) oktaRefresher(m *session.Manager) *Refresher {
	return w.refresher(m, func(o *RefreshOptions) { o.Providers = func() map[string]idp.Provider { return w.providers } })
}

// signInAtOkta fills in the form of Okta's page and ends up in the application.
func (b *browser) signInAtOkta(okta *oktatest.Okta, raw string) *page {
	b.t.Helper()
	form := b.open(raw)
	if !strings.HasPrefix(form.url.String(), okta.URL()) || !strings.Contains(form.body, `name="password"`) {
		b.t.Fatalf("not at Okta's page: %d at %s\n%s", form.status, form.url, form.body)
	}
	fields := form.fields()
	fields.Set("username", "alice@example.com")
	fields.Set("password", "wonderland")
	action := between(form.body, `action="`, `"`)
	to, err := form.url.Parse(action)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.follow(b.do(http.MethodPost, to.String(), fields, form.url.Host))
}

func TestWithOktaSignInAndOut(t *testing.T) {
	w, okta := withOkta(t, nil)
	b := w.browser()
	p := b.signInAtOkta(okta, "https://"+wiki+"/deep?x=1")
	if p.status != 200 || !strings.Contains(p.body, "path=/deep?x=1") {
		t.Fatalf("ended with %d at %s: %s", p.status, p.url, p.body)
	}
	ss := w.live()[0]
	if ss.Subject.Email != "alice@example.com" || ss.Subject.Name != "Alice Liddell" || ss.Tokens.Refresh == "" {
		t.Errorf("session: %+v", ss.Subject)
	}
	b.signIn(admin) // without another page of Okta's
	end := b.signOut(wiki)
	if end.status != 200 || end.url.Path != pathSignedOut || len(w.live()) != 0 {
		t.Errorf("signing out ended with %d at %s", end.status, end.url)
	}
	if okta.Count(http.MethodPost, "/oauth2/v1/revoke") == 0 {
		t.Error("nothing was revoked at Okta")
	}
	if p := b.open("https://" + wiki + "/"); !strings.Contains(p.body, `name="password"`) {
		t.Errorf("Okta's own session outlived the sign-out: %d at %s", p.status, p.url)
	}
}

func TestT60WithOktaHundredRequestsOneRefresh(t *testing.T) {
	w, okta := withOkta(t, func(c *oktatest.Client) { c.Grace = 0 })
	b := w.browser()
	b.signInAtOkta(okta, "https://"+wiki+"/")
	other := w.newManager(w.store)
	refreshers := []*Refresher{w.oktaRefresher(w.sessions).run(t), w.oktaRefresher(other).run(t)}
	services := []*Service{
		w.newService(func(o *Options) { o.Wake = refreshers[0].Wake }),
		w.newService(func(o *Options) { o.Sessions, o.Wake = other, refreshers[1].Wake }),
	}
	before := okta.Count(http.MethodPost, "/oauth2/v1/token")
	for round := 1; round <= 3; round++ {
		w.clock.add(tokenLife + time.Minute)
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				r := w.request(wiki, b.cookies(wiki)...)
				if ss, _, err := services[i%2].Session(r, routeOf(w, wiki)); ss == nil || err != nil {
					t.Errorf("request %d: %v, %v", i, ss, err)
				}
			})
		}
		wg.Wait()
		until(t, fmt.Sprintf("refresh %d", round), func() bool { return w.live()[0].Refreshed.Equal(w.clock.now()) })
		until(t, "quiet", func() bool { return idle(refreshers) })
		if n := okta.Count(http.MethodPost, "/oauth2/v1/token") - before; n != round {
			t.Fatalf("%d token calls after round %d", n, round)
		}
	}
}

func TestWithOktaRefusalsAndLimitsAreToldApart(t *testing.T) {
	w, okta := withOkta(t, nil)
	w.browser().signInAtOkta(okta, "https://"+wiki+"/")
	f := w.oktaRefresher(w.sessions)
	id := w.live()[0].ID
	for name, act := range map[string]oktatest.Act{
		"429 that says invalid_grant": oktatest.TooManyGrants(), "500": oktatest.ServerError(), "reset": oktatest.Reset(),
		"a page of HTML": oktatest.HTML(), "502": oktatest.Status(502, "text/plain", "bad gateway"),
	} {
		w.clock.add(tokenLife)
		clear := okta.Fail(oktatest.Fault{Path: "/oauth2/v1/token", Act: act})
		if got := f.step(id); got != "unavailable" || len(w.live()) != 1 {
			t.Errorf("%s: %q, %d sessions", name, got, len(w.live()))
		}
		clear()
		w.clock.add(maxRest)
		if got := f.step(id); got != "ok" {
			t.Errorf("after %s: %q", name, got)
		}
	}
	okta.SetStatus("alice@example.com", identity.StatusDeprovisioned)
	w.clock.add(tokenLife)
	if got := f.step(id); got != "refused" || len(w.live()) != 0 {
		t.Errorf("deactivated: %q, %d sessions", got, len(w.live()))
	}
}

func TestWithOktaDownSignInSaysSo(t *testing.T) {
	w, okta := withOkta(t, nil)
	okta.Close()
	checkUnavailable(t, w, w.browser().open("https://"+wiki+"/"), "10")
}
