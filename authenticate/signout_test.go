package authenticate

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"sallyport/session"
)

func TestT27SignOutEndsTheSessionEverywhere(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn(wiki)
	b.signIn(admin)
	replica := w.newService(func(o *Options) { o.Sessions = w.newManager(w.store) })
	ended := make(chan session.EndReason, 4)
	w.sessions.OnEnd(func(_ string, why session.EndReason) { ended <- why })
	ss := w.live()[0]
	before := map[string][]*http.Cookie{wiki: b.cookies(wiki), admin: b.cookies(admin), homeAt: b.cookies(homeAt)}
	token := w.programToken(b, wiki)

	end := b.signOut(wiki)
	if end.status != 200 || end.url.Host != wiki || end.url.Path != pathSignedOut {
		t.Fatalf("ended with %d at %s: %s", end.status, end.url, end.body)
	}
	if len(w.live()) != 0 {
		t.Errorf("%d sessions are left", len(w.live()))
	}
	if why := <-ended; why != session.EndSignedOut {
		t.Errorf("ended as %q", why)
	}
	if b.session(wiki) != "" || b.cookie(homeAt, w.codec.AuthenticateName("")) != "" {
		t.Error("dead cookies are left in the browser")
	}
	if len(w.idp.revoked) != 1 || w.idp.revoked[0].Refresh != ss.Tokens.Refresh {
		t.Errorf("revoked at the provider: %d", len(w.idp.revoked))
	}
	if !slices.ContainsFunc(end.trail, func(u string) bool {
		return strings.HasPrefix(u, "https://"+idpAt+"/logout?") && strings.Contains(u, "id_token_hint="+ss.Tokens.ID)
	}) {
		t.Errorf("the provider's own session was left: %v", end.trail)
	}
	// Replay of everything that was good before, here and at another replica.
	w.idp.locked(func() { w.idp.user = "" })
	for _, s := range []*Service{w.service.Load(), replica} {
		w.install(s)
		for host, cookies := range before {
			thief := w.browser()
			thief.keep(host, cookies)
			target := host
			if host == homeAt {
				target = wiki
			}
			if p := thief.open("https://" + target + "/"); !strings.Contains(p.body, "provider: please sign in") {
				t.Errorf("cookies of %s still work: %d %s", host, p.status, p.body)
			}
		}
		bearer := w.browser()
		bearer.header.Set("Authorization", "Pomerium "+token)
		if p := bearer.step("https://" + wiki + "/"); p.status != http.StatusUnauthorized {
			t.Errorf("the program's token still works: %d %s", p.status, p.body)
		}
	}
}

func TestNoGETEndsASession(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn(wiki)
	for _, raw := range []string{
		"https://" + wiki + pathSignOut, "https://" + homeAt + pathSignOut, "https://" + wiki + pathSignedOut, "https://" + homeAt + pathSignedOut,
		"https://" + homeAt + pathSignOut + "?" + paramRedirect + "=https%3A%2F%2Fwiki.localhost%2F",
	} {
		b.open(raw)
		if p := b.step("https://" + wiki + "/"); p.status != 200 || len(w.live()) != 1 {
			t.Errorf("%s ended the session: %d", raw, p.status)
		}
	}
}

func TestT40SignOutNeedsItsOwnForm(t *testing.T) {
	w := newWorld(t)
	victim, attacker := w.browser(), w.browser()
	victim.signIn(wiki)
	attacker.signIn(wiki)
	own := victim.open("https://" + wiki + pathSignOut).fields()
	foreign := attacker.open("https://" + wiki + pathSignOut).fields()
	target := "https://" + homeAt + pathSignOut
	sessions := len(w.live())
	for name, post := range map[string]func() *page{
		"no token": func() *page { return victim.do(http.MethodPost, target, url.Values{"x": {"1"}}, homeAt) },
		"from another site with the cookie": func() *page {
			victim.lax = true
			defer func() { victim.lax = false }()
			return victim.do(http.MethodPost, target, own, evil)
		},
		"another browser's": func() *page { return victim.do(http.MethodPost, target, foreign, homeAt) },
		"from another site": func() *page { return victim.do(http.MethodPost, target, own, evil) },
		"garbage":           func() *page { return victim.do(http.MethodPost, target, url.Values{fieldToken: {"x"}}, homeAt) },
		"two tokens": func() *page {
			return victim.do(http.MethodPost, target, url.Values{fieldToken: {own.Get(fieldToken), "x"}}, homeAt)
		},
		"browser without both": func() *page { return w.browser().do(http.MethodPost, target, own, homeAt) },
		"token of another act": func() *page {
			token := w.consentForm(victim, wiki, "http://localhost:1/")
			return victim.do(http.MethodPost, target, url.Values{fieldToken: {token.Get(fieldToken)}}, homeAt)
		},
	} {
		if p := post(); p.status != http.StatusForbidden {
			t.Errorf("%s: got %d, want 403", name, p.status)
		}
		if len(w.live()) != sessions {
			t.Fatalf("%s ended a session", name)
		}
	}
	// Old browsers that send neither Origin nor Sec-Fetch-Site are held by the token.
	victim.header.Del("Sec-Fetch-Mode")
	w.clock.add(csrfLife + time.Second)
	if p := victim.do(http.MethodPost, target, own, homeAt); p.status != http.StatusForbidden {
		t.Errorf("a page that stood open for an hour: got %d", p.status)
	}
}

func TestT40FormOfOneActIsNoFormOfAnother(t *testing.T) {
	w := newWorld(t)
	b, s := w.browser(), w.service.Load()
	rec := newRecorder()
	token, err := s.newForm(rec, w.request(homeAt), homeAt, pathSignOut, nil)
	if err != nil {
		t.Fatal(err)
	}
	b.keep(homeAt, rec.cookies())
	for act, want := range map[string]bool{pathSignOut: true, pathProgramLogin: false} {
		r := w.request(homeAt, b.cookies(homeAt)...)
		r.Method, r.PostForm = http.MethodPost, url.Values{fieldToken: {token}}
		r.Form = r.PostForm
		r.Body = http.NoBody
		if _, err := s.readForm(newRecorder(), r, homeAt, act); (err == nil) != want {
			t.Errorf("posted to %s: %v", act, err)
		}
	}
}

func TestT40CrossSiteIsSeenByOriginAlone(t *testing.T) {
	for name, tc := range map[string]struct {
		h    http.Header
		want bool
	}{
		"says nothing": {http.Header{}, true}, "own origin": {http.Header{"Origin": {"https://" + homeAt}}, true},
		"other origin": {http.Header{"Origin": {"https://" + evil}}, false}, "null": {http.Header{"Origin": {"null"}}, false},
		"plain http": {http.Header{"Origin": {"http://" + homeAt}}, false}, "two": {http.Header{"Origin": {"https://" + homeAt, "https://" + evil}}, false},
		"same site": {http.Header{"Sec-Fetch-Site": {"same-site"}}, false}, "cross site": {http.Header{"Sec-Fetch-Site": {"cross-site"}}, false},
		"typed": {http.Header{"Sec-Fetch-Site": {"none"}}, true}, "origin lies": {http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://" + homeAt}}, false},
		"other port": {http.Header{"Origin": {"https://" + homeAt + ":8443"}}, false}, "default port": {http.Header{"Origin": {"https://" + homeAt + ":443"}}, true},
	} {
		if got := sameOrigin(&http.Request{Header: tc.h}, homeAt); got != tc.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

func TestT20SignOutEndsOnlyAtHostsOfRoutes(t *testing.T) {
	configured, _ := url.Parse("https://bye.example.com/done?x=1")
	for name, tc := range map[string]struct {
		settings Settings
		ask      string
		want     string // where the trail ends
	}{
		"nowhere asked":        {Settings{}, "", "https://wiki.localhost" + pathSignedOut},
		"route":                {Settings{}, "https://admin.localhost/public", "https://admin.localhost/public"},
		"configured by itself": {Settings{SignOutRedirectURL: configured}, "", configured.String()},
		"configured by name":   {Settings{SignOutRedirectURL: configured}, configured.String(), configured.String()},
		"configured, extended": {Settings{SignOutRedirectURL: configured}, "https://bye.example.com/other", configured.String()},
		"anywhere, if allowed": {Settings{AllowAnySignOutRedirect: true}, "https://evil.localhost/x", "https://evil.localhost/x"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, withSettings(tc.settings))
			b := w.browser()
			b.signIn(wiki)
			checkSignOutTo(t, w, b, tc.ask, tc.want)
		})
	}
	w := newWorld(t)
	for _, raw := range hostile {
		b := w.browser()
		b.signIn(wiki)
		checkSignOutTo(t, w, b, raw, "")
	}
}

func checkSignOutTo(t *testing.T, w *world, b *browser, ask, want string) {
	t.Helper()
	outside := func(u *url.URL) bool {
		_, route := w.routes[u.Host]
		return !route && u.Host != homeAt && u.Host != idpAt
	}
	q := ""
	if ask != "" {
		q = "?" + url.Values{paramRedirect: {ask}}.Encode()
	}
	confirm := b.open("https://"+wiki+pathSignOut+q, outside)
	end := b.follow(b.do(http.MethodPost, "https://"+homeAt+pathSignOut, confirm.fields(), homeAt), outside)
	last := end.url.String()
	if cut, _, ok := strings.Cut(last, "?"+paramExpiry); ok {
		last = cut
	}
	switch {
	case want != "" && last != want:
		t.Errorf("%q ended at %s, want %s", ask, last, want)
	case want == "" && outside(end.url):
		t.Errorf("%q led to %s", ask, end.url)
	}
	// Asked of the authenticate host, without a signature.
	confirm = b.open("https://"+homeAt+pathSignOut+q, outside)
	if want == "" && outside(confirm.url) {
		t.Errorf("%q led to %s without a signature", ask, confirm.url)
	}
}

func TestT22SignOutRefusesABadSignature(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn(wiki)
	signed := b.step("https://" + wiki + pathSignOut).header.Get("Location")
	for name, raw := range map[string]string{
		"changed": strings.Replace(signed, paramHost+"="+wiki, paramHost+"="+admin, 1),
		"extra":   signed + "&x=1",
		"cut":     signed[:len(signed)-2],
	} {
		if p := b.step(raw); p.status != http.StatusBadRequest {
			t.Errorf("%s: got %d, want 400", name, p.status)
		}
	}
	w.clock.add(signedURLLife)
	if p := b.step(signed); p.status != http.StatusBadRequest {
		t.Errorf("expired: got %d, want 400", p.status)
	}
}

func TestSignOutReachesASessionThatOnlyTheRouteHostKnows(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn(wiki)
	b.jar[homeAt] = nil // cleared by hand
	b.signOut(wiki)
	if len(w.live()) != 0 {
		t.Error("the session lives on")
	}
}

func TestSignOutEndsTheSessionsOfEveryClient(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn(wiki)
	b.signIn(metric)
	b.signOut(metric)
	if len(w.live()) != 0 {
		t.Errorf("%d sessions are left", len(w.live()))
	}
	if len(w.idp.revoked) != 1 || len(w.second.revoked) != 1 {
		t.Errorf("revoked %d and %d, want 1 each", len(w.idp.revoked), len(w.second.revoked))
	}
}

func TestSignOutWhenSignedOutShowsThePage(t *testing.T) {
	w := newWorld(t)
	for _, host := range []string{wiki, homeAt} {
		p := w.browser().open("https://" + host + pathSignOut)
		if p.status != 200 || p.url.Path != pathSignedOut || !strings.Contains(p.body, "Signed out") {
			t.Errorf("%s: %d at %s", host, p.status, p.url)
		}
	}
}

func TestSignOutWithStoreOrProviderDown(t *testing.T) {
	t.Run("provider hangs", func(t *testing.T) {
		w := newWorld(t)
		b := w.browser()
		b.signIn(wiki)
		confirm := b.open("https://" + wiki + pathSignOut)
		w.idp.locked(func() { w.idp.hang = make(chan struct{}) })
		start := time.Now()
		end := b.follow(b.do(http.MethodPost, "https://"+homeAt+pathSignOut, confirm.fields(), homeAt))
		if end.status != 200 || len(w.live()) != 0 || time.Since(start) > 2*revokeTimeout {
			t.Errorf("got %d after %s, %d sessions left", end.status, time.Since(start), len(w.live()))
		}
	})
	t.Run("provider has no logout", func(t *testing.T) {
		w := newWorld(t)
		w.idp.noLogout = true
		b := w.browser()
		b.signIn(wiki)
		for _, host := range []string{wiki, homeAt} {
			b.signIn(wiki)
			end := b.signOut(host)
			if end.status != 200 || end.url.Path != pathSignedOut || len(w.live()) != 0 {
				t.Errorf("%s: got %d at %s", host, end.status, end.url)
			}
			if !strings.Contains(end.body, "identity provider") {
				t.Errorf("%s: the page does not say that the provider was not told:\n%s", host, end.body)
			}
		}
	})
	t.Run("store", func(t *testing.T) {
		w := newWorld(t)
		b := w.browser()
		b.signIn(wiki)
		confirm := b.open("https://" + wiki + pathSignOut)
		w.faults.kinds.Store(session.KindSession, true)
		p := b.do(http.MethodPost, "https://"+homeAt+pathSignOut, confirm.fields(), homeAt)
		if p.status != http.StatusServiceUnavailable || len(p.setCooki) != 0 {
			t.Errorf("got %d, cookies %v; want 503 and nothing dropped", p.status, p.setCooki)
		}
		w.faults.kinds.Delete(session.KindSession)
	})
}

func TestSignOutFormMayOnlyLeadWhereItMust(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn(wiki)
	p := b.open("https://" + wiki + pathSignOut)
	csp := p.header.Get("Content-Security-Policy")
	for _, want := range []string{"form-action", "https://" + idpAt, "https://" + wiki} {
		if !strings.Contains(csp, want) {
			t.Errorf("the page's policy lacks %q, so that browsers would block the way: %s", want, csp)
		}
	}
	if !strings.Contains(p.body, "alice@example.com") {
		t.Error("the page does not say who signs out")
	}
}

func TestPagesAboutOneself(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	for _, host := range []string{wiki, homeAt} {
		p := b.open("https://" + host + pathPomerium)
		if p.status != 200 || p.url.Path != pathUser || strings.Contains(p.body, "alice") {
			t.Errorf("%s, nobody: %d at %s", host, p.status, p.url)
		}
	}
	if p := b.step("https://" + wiki + pathUserJSON); p.status != http.StatusFound {
		t.Errorf("user JSON of nobody: %d, want a way to sign in", p.status)
	}
	b.signIn(wiki)
	for _, raw := range []string{"https://" + wiki + pathUser, "https://" + homeAt + "/"} {
		p := b.open(raw)
		if p.status != 200 || !strings.Contains(p.body, "alice@example.com") {
			t.Errorf("%s: %d", raw, p.status)
		}
		ss := w.live()[0]
		for _, secret := range []string{ss.ID, ss.Tokens.Access, ss.Tokens.Refresh, ss.Tokens.ID} {
			if strings.Contains(p.body, secret) {
				t.Errorf("%s shows a secret", raw)
			}
		}
	}
	p := b.step("https://" + wiki + pathUserJSON)
	if p.status != 200 || strings.TrimSpace(p.body) != `{"groups":[],"sub":"00ualice"}` {
		t.Errorf("user JSON: %d %s", p.status, p.body)
	}
	if p := b.step("https://" + wiki + pathJWT); p.status != http.StatusNotFound {
		t.Errorf("the JWT endpoint is on: %d", p.status)
	}
	w.install(w.newService(func(o *Options) { o.Settings.AllowJWTEndpoint = true }))
	if p := b.step("https://" + wiki + pathJWT); p.status != 200 || p.body != "assertion-of-00ualice" {
		t.Errorf("JWT endpoint: %d %s", p.status, p.body)
	}
}

func TestEndpointsAnswerOnTheirHostsByTheirMethods(t *testing.T) {
	w := newWorld(t)
	s := w.service.Load()
	for _, tc := range []struct {
		method, host, path string
		status             int
		allow              string
	}{
		{"GET", wiki, pathWellKnown, 200, ""},
		{"GET", wiki, pathWellKnown + "/", 200, ""},
		{"OPTIONS", wiki, pathWellKnown, 204, ""},
		{"GET", homeAt, pathJWKS, 200, ""},
		{"POST", homeAt, pathJWKS, 405, "GET, HEAD, OPTIONS"},
		{"GET", wiki, "/.well-known/pomerium/hpke-public-key", 404, ""},
		{"GET", homeAt, "/robots.txt", 200, ""},
		{"GET", homeAt, "/", 302, ""},
		{"GET", homeAt, "/x", 404, ""},
		{"GET", homeAt, "/.pomerium/x", 404, ""},
		{"GET", wiki, "/.pomerium/nothing", 404, ""},
		{"GET", wiki, "/.pomerium/sign_in/", 404, ""},
		{"GET", wiki, "/.pomerium%2Fuser", 404, ""},
		{"HEAD", wiki, pathCallback, 405, "GET"},
		{"HEAD", homeAt, pathOAuthCallback, 405, "GET, POST"},
		{"POST", homeAt, pathSignIn, 405, "GET"},
		{"PUT", homeAt, pathSignOut, 405, "GET, POST"},
		{"DELETE", wiki, pathUser, 405, "GET, HEAD"},
		{"TRACE", wiki, pathUser, 405, "GET, HEAD"},
		{"GET", "nowhere.localhost", pathUser, 404, ""},
		{"GET", "a b", pathUser, 400, ""},
		{"GET", homeAt, pathUserJSON, 404, ""},
		{"GET", homeAt, pathProgramLogin, 400, ""},
		{"POST", wiki, pathProgramLogin, 405, "GET"},
		{"GET", wiki, pathOAuthCallback, 404, ""},
		{"POST", wiki, pathSignOut, 303, ""},
	} {
		r, err := http.NewRequest(tc.method, "https://"+homeAt+tc.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = tc.host
		rec := newRecorder()
		s.ServeHTTP(rec, r)
		status := rec.status
		if status == 0 {
			status = 200
		}
		if status != tc.status || rec.h.Get("Allow") != tc.allow {
			t.Errorf("%s %s%s: got %d, Allow %q; want %d, %q", tc.method, tc.host, tc.path, status, rec.h.Get("Allow"), tc.status, tc.allow)
		}
		if rec.h.Get("X-Pomerium-Intercepted-Response") != "true" {
			t.Errorf("%s %s%s is not marked as ours", tc.method, tc.host, tc.path)
		}
	}
	rec := newRecorder()
	r, _ := http.NewRequest(http.MethodGet, "https://"+wiki+pathWellKnown, nil)
	s.ServeHTTP(rec, r)
	want := fmt.Sprintf(`{"authentication_callback_endpoint":"https://%[1]s/oauth2/callback","frontchannel_logout_uri":"https://%[1]s/.pomerium/sign_out","issuer":"https://%[1]s/","jwks_uri":"https://%[2]s/.well-known/pomerium/jwks.json"}`, homeAt, wiki)
	if got := strings.TrimSpace(rec.body.String()); got != want || rec.h.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("got %s\nwant %s\nCORS %q", got, want, rec.h.Get("Access-Control-Allow-Origin"))
	}
}
