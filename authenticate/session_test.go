package authenticate

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"sallyport/config"
	"sallyport/internal/weberr"
	"sallyport/session"
	"sallyport/store"
)

func (w *world) request(host string, cookies ...*http.Cookie) *http.Request {
	r, err := http.NewRequest(http.MethodGet, "https://"+host+"/", nil)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, c := range cookies {
		r.AddCookie(c)
	}
	return r
}

func TestT07GarbageCookieIsNobody(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn(wiki)
	good := b.session(wiki)
	s, route := w.service.Load(), &config.Route{ClientID: "main"}
	name := w.codec.Name()
	for what, values := range map[string][]string{
		"empty": {""}, "garbage": {"garbage"}, "truncated": {good[:len(good)-3]}, "long": {strings.Repeat("A", 3000)},
		"quoted": {`"` + good + `x"`}, "flipped": {"A" + good[1:]},
	} {
		r := w.request(wiki)
		r.Header["Cookie"] = nil
		for _, v := range values {
			r.Header.Add("Cookie", name+"="+v)
		}
		if ss, proof, err := s.Session(r, route); ss != nil || proof != ProofNone || err != nil {
			t.Errorf("%s: got %v, %v, %v; want nobody and no error", what, ss, proof, err)
		}
	}
	for what, order := range map[string][]string{"bad first": {"bad", good}, "good first": {good, "bad"}} {
		r := w.request(wiki)
		for _, v := range order {
			r.Header.Add("Cookie", name+"="+v)
		}
		if ss, _, err := s.Session(r, route); ss == nil || err != nil {
			t.Errorf("%s: got %v, %v; want the session", what, ss, err)
		}
	}
}

func TestGarbageOnAPublicRouteIsAnonymous(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.keep(wiki, []*http.Cookie{{Name: w.codec.Name(), Value: "garbage", Secure: true, Path: "/"}})
	if p := b.step("https://" + wiki + "/public"); p.status != 200 || !strings.Contains(p.body, "signed-in=false") {
		t.Errorf("got %d %s", p.status, p.body)
	}
}

func TestExpiredSessionIsNobody(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn(wiki)
	w.clock.add(14*time.Hour + time.Second)
	w.idp.locked(func() { w.idp.user = "" })
	if p := b.open("https://" + wiki + "/"); !strings.Contains(p.body, "provider: please sign in") {
		t.Errorf("got %d %s", p.status, p.body)
	}
}

func TestIdleSessionIsNobody(t *testing.T) {
	w := newWorld(t)
	m, err := session.New(session.Options{Store: w.store, Now: w.clock.now, IdleTimeout: func() time.Duration { return 10 * time.Minute }})
	if err != nil {
		t.Fatal(err)
	}
	w.sessions = m
	w.install(w.newService(nil))
	b := w.browser()
	b.signIn(wiki)
	for range 5 {
		w.clock.add(9 * time.Minute)
		if p := b.step("https://" + wiki + "/"); p.status != 200 {
			t.Fatalf("in use: got %d", p.status)
		}
	}
	w.idp.locked(func() { w.idp.user = "" })
	w.clock.add(9 * time.Minute)
	b.step("https://" + wiki + pathUser) // looking at oneself is no use
	w.clock.add(2 * time.Minute)
	if p := b.open("https://" + wiki + "/"); !strings.Contains(p.body, "provider: please sign in") {
		t.Errorf("idle for eleven minutes: got %d %s", p.status, p.body)
	}
}

func TestStoreDownKeepsTheCookieAndAsksNobodyToSignIn(t *testing.T) {
	w := newWorld(t)
	// A replica that has not seen the session, and whose store is down.
	other := w.newService(func(o *Options) { o.Sessions = w.newManager(w.store) })
	b := w.browser()
	b.signIn(wiki)
	w.faults.down.Store(true)
	r := w.request(wiki, b.cookies(wiki)...)
	ss, _, err := other.Session(r, &config.Route{ClientID: "main"})
	if ss != nil || !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("got %v, %v; want ErrUnavailable", ss, err)
	}
	if told := weberr.As(err); told.Status != http.StatusServiceUnavailable || told.RetryAfter == 0 {
		t.Errorf("told as %+v", told)
	}
	w.install(other)
	p := b.step("https://" + wiki + "/")
	if p.status != http.StatusServiceUnavailable || p.header.Get("Retry-After") == "" || len(p.setCooki) != 0 {
		t.Errorf("got %d, Retry-After %q, cookies %v; want 503 and the cookie left alone", p.status, p.header.Get("Retry-After"), p.setCooki)
	}
	w.faults.down.Store(false)
	if p := b.step("https://" + wiki + "/"); p.status != 200 {
		t.Errorf("after the store came back: %d", p.status)
	}
}

func TestOutageEndsASessionOnlyAfterItsGrace(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	with := func(expires, failing time.Duration) *session.Session {
		ss := &session.Session{Refreshed: now.Add(-5 * time.Hour)}
		ss.Tokens.Refresh, ss.Tokens.AccessExpires = "r", now.Add(expires)
		if failing != 0 {
			ss.RefreshFailing = now.Add(failing)
		}
		return ss
	}
	for name, tc := range map[string]struct {
		ss   *session.Session
		want bool
	}{
		"works, long expired": {with(-4*time.Hour, 0), false},
		"fails, not expired":  {with(time.Minute, -time.Hour), false},
		"inside the grace":    {with(-59*time.Minute, -2*time.Hour), false},
		"past the grace":      {with(-61*time.Minute, -2*time.Hour), true},
		"woke in the outage":  {with(-4*time.Hour, -time.Minute), false},
		"woke long ago":       {with(-4*time.Hour, -61*time.Minute), true},
	} {
		if got := outlived(tc.ss, time.Hour, now); got != tc.want {
			t.Errorf("%s: got %v, want %v", name, got, tc.want)
		}
	}
}

func TestChallengeAnswersEachClientInItsForm(t *testing.T) {
	w := newWorld(t)
	for name, tc := range map[string]struct {
		method string
		header http.Header
		status int
		has    string
	}{
		"navigation":        {"GET", http.Header{"Accept": {"text/html"}}, 302, ""},
		"navigation HEAD":   {"HEAD", http.Header{"Accept": {"text/html"}}, 302, ""},
		"fetch":             {"GET", http.Header{"Accept": {"*/*"}, "Sec-Fetch-Mode": {"cors"}}, 401, `"login_url":"https://wiki.localhost/.pomerium/sign_in?`},
		"old XHR":           {"GET", http.Header{"Accept": {"text/html"}, "X-Requested-With": {"XMLHttpRequest"}}, 401, `"request_id":`},
		"curl":              {"GET", http.Header{"Accept": {"*/*"}}, 401, `"code":"unauthenticated"`},
		"image":             {"GET", http.Header{"Accept": {"image/*"}, "Sec-Fetch-Mode": {"no-cors"}, "Sec-Fetch-Dest": {"image"}}, 401, "login_url"},
		"prefetch":          {"GET", http.Header{"Accept": {"text/html"}, "Sec-Purpose": {"prefetch"}}, 401, ""},
		"WebSocket":         {"GET", http.Header{"Accept": {"text/html"}, "Connection": {"Upgrade"}, "Upgrade": {"websocket"}}, 401, "login_url"},
		"form":              {"POST", http.Header{"Accept": {"text/html"}, "Sec-Fetch-Mode": {"navigate"}, "Content-Type": {"application/x-www-form-urlencoded"}}, 401, "<html"},
		"script's POST":     {"POST", http.Header{"Accept": {"application/json"}, "Sec-Fetch-Mode": {"cors"}}, 401, "login_url"},
		"token of nobody":   {"GET", http.Header{"Accept": {"text/html"}, "Authorization": {"Pomerium x.y.z"}}, 401, ""},
		"application's own": {"GET", http.Header{"Accept": {"text/html"}, "Authorization": {"Bearer x.y.z"}}, 302, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := http.NewRequest(tc.method, w.server.URL+"/page", nil)
			r.Host, r.Header = wiki, tc.header
			if strings.EqualFold(tc.header.Get("Upgrade"), "websocket") {
				rec := newRecorder()
				w.serve(rec, r)
				if rec.status != tc.status || !strings.Contains(rec.body.String(), tc.has) {
					t.Errorf("got %d %s", rec.status, rec.body.String())
				}
				return
			}
			rec := newRecorder()
			w.serve(rec, r)
			if rec.status != tc.status || !strings.Contains(rec.body.String(), tc.has) {
				t.Errorf("got %d, want %d with %q: %s", rec.status, tc.status, tc.has, rec.body.String())
			}
			if tc.status == 302 != (len(rec.cookies()) == 1) {
				t.Errorf("cookies set: %v", rec.cookies())
			}
		})
	}
}

func TestLoopOfABrowserThatKeepsNoCookiesIsTold(t *testing.T) {
	t.Run("none at all", func(t *testing.T) {
		w := newWorld(t)
		b := w.browser()
		b.dropped = true
		p := b.open("https://" + wiki + "/")
		if p.status != http.StatusBadRequest || !strings.Contains(p.body, "cookie") {
			t.Errorf("got %d %s", p.status, p.body)
		}
		if len(p.trail) > 30 {
			t.Errorf("told only after %d requests", len(p.trail))
		}
	})
	t.Run("none on the route host", func(t *testing.T) {
		w := newWorld(t, withLegs(admin))
		b := w.browser()
		p := b.step("https://" + wiki + "/")
		for n := 0; p.status == http.StatusFound; n++ {
			if n > 40 {
				t.Fatal("goes round in circles")
			}
			delete(b.jar, wiki)
			next, _ := p.url.Parse(p.header.Get("Location"))
			p = b.do(http.MethodGet, next.String(), nil, p.url.Host)
		}
		if p.status != http.StatusBadRequest || !strings.Contains(p.body, "round in circles") {
			t.Errorf("got %d %s", p.status, p.body)
		}
	})
	t.Run("no session's, with legs", func(t *testing.T) {
		w := newWorld(t, withLegs(admin))
		b := w.browser()
		p := b.step("https://" + wiki + "/")
		for n := 0; p.status == http.StatusFound; n++ {
			if n > 80 {
				t.Fatal("goes round in circles")
			}
			delete(b.jar[wiki], w.codec.Name())
			next, _ := p.url.Parse(p.header.Get("Location"))
			p = b.do(http.MethodGet, next.String(), nil, p.url.Host)
		}
		if p.status != http.StatusBadRequest {
			t.Errorf("got %d %s", p.status, p.body)
		}
	})
	t.Run("all but the session's", func(t *testing.T) {
		w := newWorld(t)
		b := w.browser()
		p := b.step("https://" + wiki + "/")
		for n := 0; p.status == http.StatusFound; n++ {
			if n > 40 {
				t.Fatal("goes round in circles")
			}
			delete(b.jar[wiki], w.codec.Name())
			next, _ := p.url.Parse(p.header.Get("Location"))
			p = b.do(http.MethodGet, next.String(), nil, p.url.Host)
		}
		if p.status != http.StatusBadRequest || !strings.Contains(p.body, "round in circles") {
			t.Errorf("got %d %s", p.status, p.body)
		}
		// A minute later it may try again.
		w.clock.add(landedLife + time.Second)
		if p := b.step("https://" + wiki + "/"); p.status != http.StatusFound {
			t.Errorf("later: got %d", p.status)
		}
	})
}

func TestT61AttemptSurvivesRestartReplicaAndReload(t *testing.T) {
	for name, change := range map[string]func(*world) *Service{
		"restart": func(w *world) *Service {
			w.sessions = w.newManager(w.store)
			w.codec = w.newCodec(w.ring)
			return w.newService(nil)
		},
		"reload with a new key in front": func(w *world) *Service {
			w.ring = ringOf(w.t, "n", "k")
			w.codec = w.newCodec(w.ring)
			return w.newService(nil)
		},
		"other replica": func(w *world) *Service {
			return w.newService(func(o *Options) { o.Sessions, o.Codec = w.newManager(w.store), w.newCodec(w.ring) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			b := w.browser()
			q := b.atProvider("https://" + wiki + "/kept")
			w.install(change(w))
			if p := b.comeBack(q); p.status != 200 || !strings.Contains(p.body, "path=/kept") {
				t.Errorf("ended with %d %s", p.status, p.body)
			}
			// And between the code and the landing.
			c := w.browser()
			w.idp.locked(func() { w.idp.user = "alice" })
			link := c.landing(wiki)
			w.install(change(w))
			if p := c.open(link); p.status != 200 || !strings.Contains(p.body, "path=/secret") {
				t.Errorf("landing ended with %d %s", p.status, p.body)
			}
		})
	}
}

func TestT61StormOfSignInsAfterRestart(t *testing.T) {
	w := newWorld(t)
	const n = 60
	done := make(chan string, n)
	for range n {
		go func() {
			b := w.browser()
			p := b.open("https://" + wiki + "/")
			done <- p.body
		}()
	}
	for range n {
		if body := <-done; !strings.Contains(body, "sub=00ualice") {
			t.Errorf("got %s", body)
		}
	}
	if got := len(w.live()); got != n {
		t.Errorf("%d sessions, want %d", got, n)
	}
}

func TestReloadThatTakesARouteAwaySendsNobodyThere(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	q := b.atProvider("https://" + admin + "/")
	w.routes = map[string]Route{wiki: {ClientID: "main"}}
	p := b.comeBack(q)
	if p.status != http.StatusBadRequest || w.idp.exchanges != 0 {
		t.Errorf("got %d, %d exchanges", p.status, w.idp.exchanges)
	}
}
