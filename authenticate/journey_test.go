package authenticate

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"sallyport/identity"
	"sallyport/idp"
	"sallyport/policy"
	"sallyport/session"
	"sallyport/store"
)

// toHome is the address at which a route host sends a browser to sign in.
func (w *world) toHome(change func(url.Values)) string {
	q := url.Values{
		paramRedirect: {callbackURL(wiki, newAttemptID(w.clock.now()), 2, "")}, paramBinding: {binding("secret")}, paramClient: {clientKey("main")},
	}
	change(q)
	return w.service.Load().urls.sign(homeAt, pathSignIn, q, signedURLLife)
}

func as(name, value string) func(url.Values) { return func(q url.Values) { q.Set(name, value) } }

func TestVisitToTheProviderIsWhatTheRouteHostAskedFor(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(url.Values)
		asks   map[string]string
	}{
		"a plain sign-in": {func(url.Values) {}, nil},
		"another account": {as(paramPrompt, promptLogin), map[string]string{"prompt": "login"}},
		"a fresh sign-in": {as(paramPrompt, "max_age=900"), map[string]string{"max_age": "900"}},
		"a second factor": {as(paramPrompt, "amr=mfa&max_age=0"), map[string]string{"acr_values": oktaSecondFactor, "max_age": "0"}},
		"a named context": {as(paramPrompt, "acr=urn%3Ax&amr=mfa"), map[string]string{"acr_values": "urn:x"}},
		"another method":  {as(paramPrompt, "amr=hwk"), map[string]string{"prompt": "login"}},
	} {
		w := newWorld(t)
		s, rec := w.service.Load(), newRecorder()
		if err := s.serve(rec, w.asked(w.toHome(tt.change))); err != nil {
			t.Fatal(name, err)
		}
		asked := w.idp.requests[0]
		if asked.RedirectURI != "https://"+homeAt+"/oauth2/callback" || len(asked.Params) != len(tt.asks) {
			t.Errorf("%s: asked %+v", name, asked)
		}
		for k, v := range tt.asks {
			if asked.Params[k] != v {
				t.Errorf("%s: %s=%q was asked for, want %q", name, k, asked.Params[k], v)
			}
		}
		var st stateClaims
		if err := w.codec.Open(purposeState, homeAt, asked.State, &st); err != nil {
			t.Fatal(name, err)
		}
		var p passage
		if !s.openAttempt(w.request(homeAt, rec.cookies()...), purposeJourney, homeAt, st.ID, &p) {
			t.Fatal(name, "the visit is not kept")
		}
		if p.ID != st.ID || p.State != st.State || p.Nonce != asked.Nonce || p.Verifier != asked.Verifier {
			t.Errorf("%s: kept %+v of %+v", name, p, asked)
		}
		// The provider and its logs see the state: what a code is bound to is not in it.
		if j := st.Journey; j.Binding != "" || j.Host != wiki || j.Tries != 2 || j.Client != clientKey("main") || j.Attempt != p.Journey.Attempt {
			t.Errorf("%s: the state says %+v", name, j)
		}
		if p.Journey.Binding != binding("secret") || !strings.HasPrefix(rec.h.Get("Location"), "https://"+idpAt+"/") {
			t.Errorf("%s: kept %+v, sent to %s", name, p.Journey, rec.h.Get("Location"))
		}
		// State outlives the cookie, so that a late answer still finds its way back.
		w.clock.add(stateLife)
		if err := w.codec.Open(purposeState, homeAt, asked.State, &st); err != nil {
			t.Errorf("%s: a day later: %v", name, err)
		}
	}
}

func TestSignInsThatNobodySignedAreRefused(t *testing.T) {
	w := newWorld(t)
	s := w.service.Load()
	id := newAttemptID(w.clock.now())
	for name, change := range map[string]func(url.Values){
		"no address":           func(q url.Values) { q.Del(paramRedirect) },
		"no binding":           func(q url.Values) { q.Del(paramBinding) },
		"no client":            func(q url.Values) { q.Del(paramClient) },
		"more than there is":   as("x", "1"),
		"a host that is gone":  as(paramRedirect, callbackURL(evil, id, 0, "")),
		"another path":         as(paramRedirect, "https://"+wiki+"/?"+paramAttempt+"="+id),
		"no attempt":           as(paramRedirect, "https://"+wiki+pathCallback),
		"an attempt of nobody": as(paramRedirect, callbackURL(wiki, "x", 0, "")),
		"two attempts":         as(paramRedirect, callbackURL(wiki, id, 0, "")+"&"+paramAttempt+"="+id),
		"a client of nobody":   as(paramClient, clientKey("gone")),
		"a prompt of nobody":   as(paramPrompt, "consent"),
	} {
		rec := newRecorder()
		if said(t, name, s.serve(rec, w.asked(w.toHome(change))), 400, "bad-link"); rec.status != 0 || len(w.idp.requests) != 0 {
			t.Errorf("%s: answered %d, the provider was asked %d times", name, rec.status, len(w.idp.requests))
		}
	}
	for raw, want := range map[string]int{"": 0, "0": 0, "3": 3, "4": maxTries, "5": maxTries, "300": maxTries, "+1": maxTries} {
		if got := parseTries(raw); got != want {
			t.Errorf("%q tries count %d, want %d", raw, got, want)
		}
	}
}

// Who is signed in at home goes straight back, with a code of their own session
// for the client that was asked for.
func TestSessionAtHomeServesItsOwnClientAlone(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn(wiki)
	s := w.service.Load()
	serve := func(change func(url.Values), cookies ...*http.Cookie) string {
		t.Helper()
		rec := newRecorder()
		if err := s.serve(rec, w.asked(w.toHome(change), cookies...)); err != nil {
			t.Fatal(err)
		}
		return rec.h.Get("Location")
	}
	to, _ := url.Parse(serve(func(url.Values) {}, b.cookies(homeAt)...))
	if to.Host != wiki || to.Query().Get(paramCode) == "" || to.Query().Get(paramTries) != "2" {
		t.Errorf("sent to %s, want back with a code", to)
	}
	if got := serve(as(paramPrompt, promptLogin), b.cookies(homeAt)...); !strings.HasPrefix(got, "https://"+idpAt) {
		t.Errorf("another account is sent to %s", got)
	}
	if got := serve(as(paramClient, clientKey("second")), b.cookies(homeAt)...); !strings.Contains(got, "client_id=second") {
		t.Errorf("another client is sent to %s", got)
	}
	// Whatever cookie names it: a session of another client is none.
	rec := newRecorder()
	w.codec.SetSession(rec, w.codec.AuthenticateName(clientKey("second")), homeAt, w.live()[0])
	if got := serve(as(paramClient, clientKey("second")), rec.cookies()...); !strings.Contains(got, "client_id=second") {
		t.Errorf("a session of the first client serves the second: %s", got)
	}
	for name, kind := range map[string]struct {
		op   string
		kind store.Kind
	}{"no session can be read": {"get", "session"}, "no code can be kept": {"put", kindHandOff}} {
		w.failing(kind.op, kind.kind, store.ErrUnavailable)
		said(t, name, w.service.Load().serve(newRecorder(), w.asked(w.toHome(func(url.Values) {}), b.cookies(homeAt)...)), 503, "sessions-unavailable")
	}
	w.install(s)
	ss := w.live()[0]
	if err := w.sessions.End(context.Background(), ss.ID, session.EndRevoked); err != nil {
		t.Fatal(err)
	}
	if got := serve(func(url.Values) {}, b.cookies(homeAt)...); !strings.HasPrefix(got, "https://"+idpAt) {
		t.Errorf("a session that was ended is sent to %s", got)
	}
}

func TestWhatAPolicyWantsIsReadStrictly(t *testing.T) {
	long := "acr=" + strings.Repeat("a", maxPrompt-4)
	for raw, want := range map[string]policy.SignIn{
		"max_age=0": {Aged: true}, "max_age=2147483647": {Aged: true, MaxAge: 2147483647 * time.Second}, "acr=x": {Context: "x"},
		"acr=x&amr=y&max_age=1": {Aged: true, MaxAge: time.Second, Context: "x", Method: "y"}, long: {Context: long[4:]},
		"": {}, long + "a": {}, "amr=y&acr=x": {}, "acr=x&": {}, "acr=x;": {}, "acr=%zz": {}, "acr=%78": {}, "max_age=2147483648": {}, "max_age=": {}, "max_age=1.5": {},
		"acr=x&other=y": {}, "acr=x&acr=y": {}, "login": {}, "acr": {},
	} {
		got, ok := parseStepUp(raw)
		if wanted := want != (policy.SignIn{}); ok != wanted || ok && got != want || goodPrompt(raw) != (wanted || raw == "login") {
			t.Errorf("%.60q says %+v, %t; want %+v", raw, got, ok, want)
		}
	}
	for want, raw := range map[policy.SignIn]string{
		{}: "", {MaxAge: time.Minute}: "", {Aged: true, MaxAge: 90 * time.Second}: "max_age=90", {Context: "a b"}: "acr=a+b", {Method: "m"}: "amr=m",
	} {
		if got := stepUpPrompt(want); got != raw {
			t.Errorf("%+v travels as %q, want %q", want, got, raw)
		}
	}
}

// The whole way: a token that does not show what was wanted ends the sign-in, and
// the session of before is as it was.
func TestSignInThatBringsTooLittleEndsThere(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn(wiki)
	before := b.session(wiki)
	for name, tt := range map[string]struct {
		prompt string
		alter  func(*identity.Subject)
		ok     bool
	}{
		"no word of when": {"max_age=900", nil, false},
		"just now":        {"max_age=900", func(s *identity.Subject) { s.Claims["auth_time"] = 1.0 }, true},
		"too long ago": {"max_age=900", func(s *identity.Subject) {
			s.Claims["auth_time"] = 1.0
			s.AuthenticatedAt = s.AuthenticatedAt.Add(-time.Hour)
		}, false},
		"without the factor": {"amr=mfa", func(s *identity.Subject) { s.Methods = []string{"pwd"} }, false},
		"with the factor":    {"amr=mfa", func(s *identity.Subject) { s.Methods = []string{"pwd", "mfa"} }, true},
	} {
		w.idp.locked(func() { w.idp.user, w.idp.alter = "alice", tt.alter })
		sessions := w.live()
		p := b.open("https://" + wiki + pathSignIn + "?" + url.Values{paramPrompt: {tt.prompt}, paramRedirect: {"/there"}}.Encode())
		if (p.status == 200) != tt.ok || tt.ok && !strings.HasSuffix(p.body, "path=/there") {
			t.Errorf("%s: %d at %s, want in %t", name, p.status, p.url, tt.ok)
		}
		if tt.ok {
			before = b.session(wiki)
			w.clock.add(landedLife)
			continue
		}
		if p.status != http.StatusForbidden || !strings.Contains(p.body, "a more recent sign-in, or another method") || !strings.Contains(p.body, "the method that your organisation requires") {
			t.Errorf("%s: %d\n%s", name, p.status, p.body)
		}
		if b.session(wiki) != before || !slices.EqualFunc(sessions, w.live(), func(a, b *session.Session) bool { return a.ID == b.ID }) {
			t.Errorf("%s: the session of before is not what it was", name)
		}
	}
}

// A browser that hangs up, or a provider that hangs, is waited for no longer than
// the time that is set.
func TestProviderIsWaitedForNoLongerThanIsSet(t *testing.T) {
	w := newWorld(t, withSettings(Settings{ProviderTimeout: 20 * time.Millisecond}))
	r := w.browser().answered("https://" + wiki + "/")
	w.idp.locked(func() { w.idp.hang = make(chan struct{}) })
	s := w.service.Load()
	for name, r := range map[string]*http.Request{"at the start": w.asked(w.toHome(func(url.Values) {})), "at the exchange": r} {
		err := s.serve(newRecorder(), r)
		said(t, name, err, 503, "identity-provider-unavailable")
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v, want the time that ran out", name, err)
		}
	}
	slow := &slowDirectory{}
	w = newWorld(t, withSettings(Settings{DirectoryTimeout: 20 * time.Millisecond}))
	w.install(w.newService(func(o *Options) { o.Directory = slow }))
	said(t, "the directory", w.service.Load().serve(newRecorder(), w.browser().answered("https://"+wiki+"/")), 503, "directory-unavailable")
}

// slowDirectory answers when its caller gives up.
type slowDirectory struct{}

func (*slowDirectory) Read(ctx context.Context, _ string) (*identity.Person, error) {
	<-ctx.Done()
	return nil, &idp.UnavailableError{What: "test", Err: ctx.Err()}
}

// The names of clients in addresses and cookies say nothing of their ids.
func TestClientsAreKnownByTheirKeys(t *testing.T) {
	w := newWorld(t)
	s := w.service.Load()
	for id, cookie := range map[string]string{"main": w.codec.AuthenticateName(""), "second": w.codec.AuthenticateName(clientKey("second"))} {
		c := s.clients[id]
		if c == nil || s.byKey[clientKey(id)] != c || c.id != id || c.cookie != cookie || c.provider == nil || strings.Contains(c.key, id) {
			t.Errorf("client %s is %+v", id, c)
		}
	}
	b := w.browser()
	b.signIn(metric)
	if b.cookie(homeAt, w.codec.AuthenticateName(clientKey("second"))) == "" || b.cookie(homeAt, w.codec.AuthenticateName("")) != "" {
		t.Error("the session of the second client is kept under the name of the first")
	}
	route, c, err := s.routeClient(metric)
	if err != nil || c.id != "second" || route.Host != metric {
		t.Errorf("%s is served as %+v by %+v, %v", metric, route, c, err)
	}
	_, _, err = s.routeClient(evil)
	said(t, "no route", err, 404, "route-not-found")
}
