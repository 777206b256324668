package authenticate

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport/identity"
	"sallyport/idp"
	"sallyport/store"
)

// landing walks a browser to the point where the authenticate host sends it back
// with a code, and returns that address.
func (b *browser) landing(host string) string {
	b.t.Helper()
	p := b.open("https://"+host+"/secret", at(host, pathCallback))
	if !strings.Contains(p.url.RawQuery, paramCode) {
		b.t.Fatalf("no code on the way back: %s", p.url)
	}
	return p.url.String()
}

// atProvider walks a browser to the provider's page, which waits.
func (b *browser) atProvider(raw string) url.Values {
	b.t.Helper()
	b.w.idp.locked(func() { b.w.idp.user = "" })
	p := b.open(raw)
	if p.url.Host != idpAt {
		b.t.Fatalf("ended at %s, want the provider: %s", p.url, p.body)
	}
	return p.url.Query()
}

// comeBack has the provider approve and gives the browser its answer.
func (b *browser) comeBack(q url.Values) *page {
	b.t.Helper()
	return b.open("https://" + homeAt + pathOAuthCallback + "?" + b.w.idp.approve(q).Encode())
}

func TestT24CallbackOfOneBrowserIsWorthNothingInAnother(t *testing.T) {
	w := newWorld(t)
	attacker, victim := w.browser(), w.browser()
	link := attacker.landing(wiki)

	w.idp.locked(func() { w.idp.user = "" })
	p := victim.open(link)
	if victim.session(wiki) != "" {
		t.Fatal("the victim got the attacker's session")
	}
	if !strings.Contains(p.body, "provider: please sign in") {
		t.Errorf("the victim was not asked to sign in: %d %s", p.status, p.body)
	}
	// The code was not even looked at: it is still good where it belongs.
	if p := attacker.open(link); p.status != 200 || !strings.Contains(p.body, "path=/secret") {
		t.Errorf("the attempt could not be finished where it began: %d %s", p.status, p.body)
	}
}

func TestT24StolenLandingWithAnAttemptOfItsOwnIsRefused(t *testing.T) {
	w := newWorld(t)
	victim, thief := w.browser(), w.browser()
	link := victim.landing(wiki)
	stolen, _ := url.Parse(link)

	w.idp.locked(func() { w.idp.user = "" })
	thief.open("https://" + wiki + "/")
	name := thief.attempts(wiki)[0]
	q := stolen.Query()
	q.Set(paramAttempt, strings.TrimPrefix(name, w.codec.AttemptPrefix()))
	p := thief.open("https://" + wiki + pathCallback + "?" + q.Encode())
	if thief.session(wiki) != "" {
		t.Fatal("a stolen code was accepted for another attempt")
	}
	if !strings.Contains(p.body, "provider: please sign in") {
		t.Errorf("got %d %s", p.status, p.body)
	}
	// It was tried in the wrong place and is spent: the victim begins again, and
	// the session at the authenticate host brings it in.
	if p := victim.open(link); p.status != 200 || !strings.Contains(p.body, "sub=00ualice") {
		t.Errorf("the victim could not go on: %d %s", p.status, p.body)
	}
}

func TestT23CodeIsGoodForItsHostClientAndAttemptOnly(t *testing.T) {
	w := newWorld(t)
	base := attempt{ID: newAttemptID(w.clock.now()), Secret: "secret", Client: clientKey("main")}
	s := w.service.Load()
	w.browser().signIn(wiki)
	ss := w.live()[0]
	for name, tc := range map[string]struct {
		host   string
		change func(*attempt)
		want   bool
	}{
		"as made":         {wiki, func(*attempt) {}, true},
		"another host":    {admin, func(*attempt) {}, false},
		"another secret":  {wiki, func(a *attempt) { a.Secret = "other" }, false},
		"another client":  {wiki, func(a *attempt) { a.Client = clientKey("second") }, false},
		"another attempt": {wiki, func(a *attempt) { a.ID = newAttemptID(w.clock.now()) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			rec := newRecorder()
			r, _ := http.NewRequest(http.MethodGet, "https://"+homeAt+"/", nil)
			j := journey{Host: wiki, Attempt: base.ID, Client: base.Client, Binding: binding(base.Secret)}
			if err := s.handOff(rec, r, j, ss); err != nil {
				t.Fatal(err)
			}
			u, _ := url.Parse(rec.h.Get("Location"))
			a := base
			tc.change(&a)
			got, err := s.take(context.Background(), tc.host, u.Query().Get(paramCode), a)
			if (err == nil) != tc.want || (got != nil) != tc.want {
				t.Errorf("got %v, %v; want accepted %v", got, err, tc.want)
			}
			if _, err := s.take(context.Background(), wiki, u.Query().Get(paramCode), base); err == nil {
				t.Error("the code could be used again")
			}
		})
	}
}

func TestT23CodeForTheSessionOfAnotherClientIsRefused(t *testing.T) {
	w := newWorld(t)
	w.browser().signIn(metric)
	s, other := w.service.Load(), w.live()[0]
	for name, tc := range map[string]struct{ made, tried string }{
		"made for the first, tried for the second": {"main", "second"},
		"made for the first, tried for the first":  {"main", "main"},
	} {
		a := attempt{ID: newAttemptID(w.clock.now()), Secret: "secret", Client: clientKey(tc.tried)}
		rec := newRecorder()
		j := journey{Host: wiki, Attempt: a.ID, Client: clientKey(tc.made), Binding: binding(a.Secret)}
		if err := s.handOff(rec, w.request(homeAt), j, other); err != nil {
			t.Fatal(err)
		}
		u, _ := url.Parse(rec.h.Get("Location"))
		if ss, err := s.take(context.Background(), wiki, u.Query().Get(paramCode), a); err == nil {
			t.Errorf("%s: accepted %v", name, ss)
		}
	}
}

func TestProviderThatAnswersForSomebodyElseIsNotBelieved(t *testing.T) {
	for name, change := range map[string]func(*identity.Subject){
		"another client": func(s *identity.Subject) { s.ClientID = "second" },
		"nobody":         func(s *identity.Subject) { s.ID = "" },
	} {
		w := newWorld(t)
		w.idp.alter = change
		if p := w.browser().open("https://" + wiki + "/"); p.status != http.StatusInternalServerError || len(w.live()) != 0 {
			t.Errorf("%s: got %d, %d sessions", name, p.status, len(w.live()))
		}
	}
}

func TestAnotherAccountIsNotForgottenWhenTheVisitIsLost(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn(wiki)
	q := b.atProvider("https://" + wiki + pathSignIn + "?" + paramPrompt + "=login")
	for _, name := range b.attempts(homeAt) {
		delete(b.jar[homeAt], name)
	}
	asked := len(w.idp.requests)
	p := b.comeBack(q)
	if p.url.Host != idpAt || len(w.idp.requests) != asked+1 || w.idp.requests[asked].Params["prompt"] != "login" {
		t.Errorf("ended with %d at %s: %s", p.status, p.url, p.body)
	}
}

func TestScriptsDoNotBeginASignInByLanding(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.header = http.Header{"Sec-Fetch-Mode": {"no-cors"}, "Sec-Fetch-Dest": {"image"}, "Accept": {"image/*"}}
	if p := b.step("https://" + wiki + pathCallback); p.status != http.StatusUnauthorized || len(p.setCooki) != 0 {
		t.Errorf("got %d and cookies %v; an image could push real attempts out", p.status, p.setCooki)
	}
}

func TestT23CodeExpiresAfterAMinute(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	link := b.landing(wiki)
	w.clock.add(61 * time.Second)
	w.idp.locked(func() { w.idp.user = "" })
	p := b.step(link)
	if b.session(wiki) != "" || p.status != http.StatusFound {
		t.Errorf("got %d, session %q", p.status, b.session(wiki))
	}
}

func TestT23CodeIsTakenOnceUnderConcurrency(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	u, _ := url.Parse(b.landing(wiki))
	var a attempt
	r, _ := http.NewRequest(http.MethodGet, u.String(), nil)
	for _, c := range b.cookies(wiki) {
		r.AddCookie(c)
	}
	s := w.service.Load()
	if !s.openAttempt(r, purposeAttempt, wiki, u.Query().Get(paramAttempt), &a) {
		t.Fatal("no attempt cookie")
	}
	var wg sync.WaitGroup
	got := make(chan bool, 50)
	for range 50 {
		wg.Go(func() {
			ss, err := s.take(context.Background(), wiki, u.Query().Get(paramCode), a)
			got <- err == nil && ss != nil
		})
	}
	wg.Wait()
	close(got)
	n := 0
	for ok := range got {
		if ok {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d of 50 took the code, want 1", n)
	}
}

func TestT23TenTabsAllArrive(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	w.idp.locked(func() { w.idp.user = "" })
	var waiting []url.Values
	for i := range 10 {
		p := b.open(fmt.Sprintf("https://%s/tab/%d", wiki, i))
		waiting = append(waiting, p.url.Query())
		w.clock.add(time.Millisecond)
	}
	if n := len(b.attempts(wiki)); n != maxAttempts {
		t.Errorf("%d attempt cookies, want %d", n, maxAttempts)
	}
	w.idp.locked(func() { w.idp.user = "alice" })
	for n := range waiting {
		i := (n + 2) % len(waiting)
		p := b.comeBack(waiting[i])
		if p.status != 200 || !strings.Contains(p.body, "sub=00ualice") {
			t.Fatalf("tab %d ended with %d at %s: %s", i, p.status, p.url, p.body)
		}
		// The two oldest lost their cookies to the bound and land at the root.
		if i >= 2 && !strings.Contains(p.body, fmt.Sprintf("path=/tab/%d", i)) {
			t.Errorf("tab %d landed elsewhere: %s", i, p.body)
		}
	}
	if w.idp.exchanges != 1 || len(w.live()) != 1 {
		t.Errorf("%d exchanges and %d sessions for ten tabs, want 1 and 1", w.idp.exchanges, len(w.live()))
	}
	if n := len(b.attempts(wiki)) + len(b.attempts(homeAt)); n != 0 {
		t.Errorf("%d attempt cookies are left", n)
	}
}

func TestT23TenTabsAtOnceAllArrive(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	var wg sync.WaitGroup
	pages := make([]*page, 10)
	for i := range pages {
		wg.Go(func() { pages[i] = b.open(fmt.Sprintf("https://%s/tab/%d", wiki, i)) })
	}
	wg.Wait()
	for i, p := range pages {
		if p == nil || p.status != 200 || !strings.Contains(p.body, "sub=00ualice") {
			t.Errorf("tab %d: %+v", i, p)
		}
	}
}

func TestT23BackButtonRestartsInsteadOfFailing(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	p := b.open("https://" + wiki + "/page")
	var callbackAt, landAt string
	for _, u := range p.trail {
		switch {
		case strings.HasPrefix(u, "https://"+homeAt+pathOAuthCallback):
			callbackAt = u
		case strings.HasPrefix(u, "https://"+wiki+pathCallback):
			landAt = u
		}
	}
	for name, again := range map[string]string{"provider's answer": callbackAt, "landing": landAt} {
		if p := b.open(again); p.status != 200 || !strings.Contains(p.body, "sub=00ualice") {
			t.Errorf("%s again: %d %s", name, p.status, p.body)
		}
		if p := w.browser().open(again); p.status != 200 || !strings.Contains(p.body, "sub=00ualice") {
			t.Errorf("%s in a fresh browser: %d %s", name, p.status, p.body)
		}
	}
	if w.idp.reuses != 0 {
		t.Error("a code was redeemed twice")
	}
}

func TestT23LateTabOfSomebodySignedInArrives(t *testing.T) {
	for name, tc := range map[string]struct {
		late time.Duration
		lose bool // the cookie at the authenticate host
		want string
	}{
		"in time":            {time.Minute, false, "path=/late?x=1"},
		"cookie lost":        {time.Minute, true, "path=/late?x=1"},
		"after the attempt":  {attemptLife + time.Minute, false, "path=/"},
		"after a long lunch": {3 * time.Hour, true, "path=/"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			b := w.browser()
			q := b.atProvider("https://" + wiki + "/late?x=1")
			w.idp.locked(func() { w.idp.user = "alice" })
			b.signIn(admin)
			w.clock.add(tc.late)
			if tc.lose {
				for _, name := range b.attempts(homeAt) {
					delete(b.jar[homeAt], name)
				}
			}
			if p := b.comeBack(q); p.status != 200 || !strings.Contains(p.body, tc.want) {
				t.Errorf("ended with %d at %s: %s", p.status, p.url, p.body)
			}
			if w.idp.exchanges != 1 {
				t.Errorf("%d exchanges, want 1: the person was signed in already", w.idp.exchanges)
			}
		})
	}
}

func TestT23StateIsBoundToTheBrowserAndTheVisit(t *testing.T) {
	w := newWorld(t)
	attacker, victim := w.browser(), w.browser()
	q := attacker.atProvider("https://" + wiki + "/")
	back := w.idp.approve(q) // code of the attacker's account
	p := victim.open("https://" + homeAt + pathOAuthCallback + "?" + back.Encode())
	if victim.session(wiki) != "" || victim.cookie(homeAt, w.codec.AuthenticateName("")) != "" {
		t.Fatal("the victim is signed in as the attacker")
	}
	if !strings.Contains(p.body, "provider: please sign in") {
		t.Errorf("the victim was not sent to sign in: %d %s", p.status, p.body)
	}
	if w.idp.exchanges != 0 {
		t.Error("the attacker's code was redeemed")
	}
	for name, change := range map[string]func(url.Values){
		"no state":        func(q url.Values) { q.Del("state") },
		"made-up state":   func(q url.Values) { q.Set("state", "x") },
		"changed state":   func(q url.Values) { q.Set("state", q.Get("state")+"A") },
		"two states":      func(q url.Values) { q.Add("state", q.Get("state")) },
		"state of cookie": func(q url.Values) { q.Set("state", attacker.cookie(homeAt, attacker.attempts(homeAt)[0])) },
	} {
		t.Run(name, func(t *testing.T) {
			q := url.Values{}
			for k, v := range back {
				q[k] = append([]string(nil), v...)
			}
			change(q)
			p := attacker.step("https://" + homeAt + pathOAuthCallback + "?" + q.Encode())
			if p.status != http.StatusBadRequest || attacker.cookie(homeAt, w.codec.AuthenticateName("")) != "" {
				t.Errorf("got %d", p.status)
			}
		})
	}
	// State of one visit with the cookie of another, in one browser.
	q2 := attacker.atProvider("https://" + wiki + "/")
	for _, name := range attacker.attempts(homeAt) {
		var state stateClaims
		if err := w.codec.Open(purposeState, homeAt, q2.Get("state"), &state); err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(name, state.ID) {
			attacker.jar[homeAt][w.codec.AttemptName(state.ID)].Value = attacker.jar[homeAt][name].Value
		}
	}
	before := w.idp.exchanges
	attacker.comeBack(q2)
	if w.idp.exchanges != before {
		t.Error("a code was redeemed under the cookie of another visit")
	}
}

func TestT23IssuerMixUpIsRefused(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	q := b.atProvider("https://" + wiki + "/")
	back := w.idp.approve(q)
	back.Set("iss", "https://another-provider.example")
	p := b.open("https://" + homeAt + pathOAuthCallback + "?" + back.Encode())
	if p.status != http.StatusBadRequest || len(w.live()) != 0 {
		t.Errorf("got %d, %d sessions", p.status, len(w.live()))
	}
}

func TestT23CallbackOnAnotherHostIsNotFound(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	q := b.atProvider("https://" + wiki + "/")
	back := w.idp.approve(q)
	s := w.service.Load()
	for _, host := range []string{wiki, admin} {
		r, _ := http.NewRequest(http.MethodGet, "https://"+host+pathOAuthCallback+"?"+back.Encode(), nil)
		rec := newRecorder()
		s.ServeHTTP(rec, r)
		if rec.status != http.StatusNotFound {
			t.Errorf("%s: got %d, want 404", host, rec.status)
		}
	}
	if w.idp.exchanges != 0 {
		t.Error("the code was redeemed")
	}
}

func TestT42ErrorsOfTheProviderAreToldSafely(t *testing.T) {
	w := newWorld(t)
	for code, want := range map[string]int{
		"access_denied": 400, `"><img src=x onerror=alert(1)>`: 400, "temporarily_unavailable": 503, "login_required": 400,
	} {
		t.Run(code, func(t *testing.T) {
			b := w.browser()
			w.idp.locked(func() { w.idp.answerError = code })
			defer w.idp.locked(func() { w.idp.answerError = "" })
			p := b.open("https://" + wiki + "/x")
			if p.status != want {
				t.Errorf("got %d, want %d", p.status, want)
			}
			for _, bad := range []string{"<script>alert", "<img src=x", "from the provider"} {
				if strings.Contains(p.body, bad) {
					t.Errorf("%q stands on the page", bad)
				}
			}
			csp := p.header.Get("Content-Security-Policy")
			if !strings.Contains(csp, "frame-ancestors 'none'") || !strings.Contains(csp, "default-src 'none'") {
				t.Errorf("policy of the page: %q", csp)
			}
			if len(b.attempts(homeAt)) != 0 {
				t.Error("the visit's cookie is left")
			}
			// The way to try again leads to where the person wanted to go.
			w.idp.locked(func() { w.idp.answerError = "" })
			again := between(p.body, `href="https://`+wiki+pathCallback, `"`)
			if again == "" {
				t.Fatalf("no way to try again on the page:\n%s", p.body)
			}
			end := b.open("https://" + wiki + pathCallback + strings.ReplaceAll(again, "&amp;", "&"))
			if !strings.Contains(end.body, "path=/x") {
				t.Errorf("trying again ended with %d %s", end.status, end.body)
			}
		})
	}
}

func between(s, from, to string) string {
	_, rest, ok := strings.Cut(s, from)
	if !ok {
		return ""
	}
	got, _, _ := strings.Cut(rest, to)
	return got
}

func TestT45AttemptsOfStrangersAreBounded(t *testing.T) {
	w := newWorld(t)
	w.idp.locked(func() { w.idp.user = "" })
	long := "/" + strings.Repeat("x", 2000)
	stranger := w.browser()
	for range maxReturnsPerAddress + 20 {
		b := w.browser()
		b.header.Set("X-Test-Addr", "198.51.100.9")
		if p := b.step("https://" + wiki + long); p.status != http.StatusFound {
			t.Fatalf("got %d", p.status)
		}
	}
	n, err := w.store.Count(context.Background(), kindReturn, "")
	if err != nil || n != maxReturnsPerAddress {
		t.Errorf("%d return URLs are stored (%v), want %d", n, err, maxReturnsPerAddress)
	}
	// Addresses of one /64 count as one, and others are not affected.
	for i := range maxReturnsPerAddress + 5 {
		b := w.browser()
		b.header.Set("X-Test-Addr", fmt.Sprintf("2001:db8::%x", i+1))
		b.step("https://" + wiki + long)
	}
	if n, _ := w.store.Count(context.Background(), kindReturn, ""); n != 2*maxReturnsPerAddress {
		t.Errorf("%d return URLs are stored, want %d", n, 2*maxReturnsPerAddress)
	}
	stranger.header.Set("X-Test-Addr", "203.0.113.5")
	w.idp.locked(func() { w.idp.user = "alice" })
	if p := stranger.open("https://" + wiki + long); p.status != 200 || !strings.Contains(p.body, "path="+long) {
		t.Errorf("somebody else's long address was lost: %d", p.status)
	}
	// Nothing else that a stranger does is kept.
	for _, kind := range []store.Kind{kindHandOff, "session"} {
		if n, _ := w.store.Count(context.Background(), kind, ""); n > 1 {
			t.Errorf("%d records of kind %s", n, kind)
		}
	}
	// And what is kept goes.
	w.clock.add(attemptLife + time.Second)
	if n, _ := w.store.Count(context.Background(), kindReturn, ""); n != 0 {
		t.Errorf("%d return URLs outlive their attempt", n)
	}
}

func TestT45MadeUpCodesAreNotPassedOnForEver(t *testing.T) {
	w := newWorld(t)
	attack := func() *page {
		b := w.browser()
		q := b.atProvider("https://" + wiki + "/")
		back := w.idp.approve(q)
		back.Set("code", "made-up")
		return b.step("https://" + homeAt + pathOAuthCallback + "?" + back.Encode())
	}
	for range maxStrikes {
		if p := attack(); p.status != http.StatusBadRequest {
			t.Fatalf("got %d, want 400", p.status)
		}
	}
	asked := w.idp.exchanges
	if p := attack(); p.status != http.StatusTooManyRequests || p.header.Get("Retry-After") == "" || w.idp.exchanges != asked {
		t.Errorf("got %d; the provider was asked %d times more", p.status, w.idp.exchanges-asked)
	}
	// Others are not affected, nor is that address for long.
	w.idp.locked(func() { w.idp.user = "alice" })
	other := w.browser()
	other.header.Set("X-Test-Addr", "203.0.113.77")
	other.signIn(wiki)
	w.clock.add(strikeLife)
	w.browser().signIn(wiki)
}

func TestT45StrikesAreBounded(t *testing.T) {
	s, now := newStrikes(), time.Unix(1000, 0)
	for range maxStrikes {
		s.add("the worst", now)
	}
	for i := range 2 * maxStriking {
		s.add(fmt.Sprint(i), now)
	}
	if len(s.by) > maxStriking {
		t.Errorf("%d addresses are remembered, want at most %d", len(s.by), maxStriking)
	}
	if !s.out("the worst", now) {
		t.Error("the worst was forgotten for the sake of others")
	}
	if s.out("the worst", now.Add(strikeLife)) {
		t.Error("a strike is never forgotten")
	}
}

func TestSignInWhileProviderOrDirectoryIsDown(t *testing.T) {
	dir := &fakeDirectory{err: idp.ErrUnavailable}
	t.Run("provider at the start", func(t *testing.T) {
		w := newWorld(t)
		w.idp.authErr = &idp.UnavailableError{What: "connection refused", RetryAfter: 30 * time.Second}
		checkUnavailable(t, w, w.browser().open("https://"+wiki+"/"), "30")
	})
	t.Run("provider hangs at the start", func(t *testing.T) {
		w := newWorld(t, withSettings(Settings{ProviderTimeout: 50 * time.Millisecond}))
		w.idp.hang = make(chan struct{})
		checkUnavailable(t, w, w.browser().open("https://"+wiki+"/"), "10")
	})
	t.Run("provider at the exchange", func(t *testing.T) {
		w := newWorld(t)
		w.idp.exchangeErr = &idp.UnavailableError{What: "status 502"}
		checkUnavailable(t, w, w.browser().open("https://"+wiki+"/"), "10")
	})
	t.Run("directory", func(t *testing.T) {
		w := newWorld(t, withDirectory(dir))
		checkUnavailable(t, w, w.browser().open("https://"+wiki+"/"), "10")
	})
	t.Run("unknown person signs in", func(t *testing.T) {
		w := newWorld(t, withDirectory(&fakeDirectory{}))
		w.browser().signIn(wiki)
	})
	t.Run("store at the hand-off", func(t *testing.T) {
		w := newWorld(t)
		w.faults.kinds.Store(kindHandOff, true)
		checkUnavailable(t, nil, w.browser().open("https://"+wiki+"/"), "10")
	})
	t.Run("default time-out is under three seconds", func(t *testing.T) {
		if d := newWorld(t).service.Load().o.Settings.ProviderTimeout; d >= 3*time.Second {
			t.Errorf("a person waits %s for a provider that is down", d)
		}
	})
}

func checkUnavailable(t *testing.T, w *world, p *page, retry string) {
	t.Helper()
	if p.status != http.StatusServiceUnavailable || p.header.Get("Retry-After") != retry {
		t.Errorf("got %d, Retry-After %q; want 503 and %s", p.status, p.header.Get("Retry-After"), retry)
	}
	if !strings.Contains(strings.ToLower(p.body), "request id") {
		t.Error("the page has no request id")
	}
	if w != nil && len(w.live()) != 0 {
		t.Error("a session was made")
	}
}
