package authenticate

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"sallyport/identity"
	"sallyport/policy"
	"sallyport/session"
)

func TestSignInLeadsToThePageThatWasAskedFor(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	p := b.open("https://" + wiki + "/deep/page?q=1&r=%2Fx")
	if p.status != 200 || !strings.Contains(p.body, "path=/deep/page?q=1&r=%2Fx") || !strings.Contains(p.body, "sub=00ualice") {
		t.Fatalf("got %d %s", p.status, p.body)
	}
	if n := len(b.attempts(wiki)) + len(b.attempts(homeAt)); n != 0 {
		t.Errorf("%d attempt cookies are left", n)
	}
	if len(w.live()) != 1 {
		t.Errorf("%d sessions, want 1", len(w.live()))
	}
}

func TestOneSignInServesEveryHostOfTheClient(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn(wiki)
	p := b.signIn(admin)
	for _, u := range p.trail {
		if strings.HasPrefix(u, "https://"+idpAt) {
			t.Errorf("the provider was asked again: %s", u)
		}
	}
	if w.idp.exchanges != 1 || len(w.live()) != 1 {
		t.Errorf("%d exchanges, %d sessions; want 1 and 1", w.idp.exchanges, len(w.live()))
	}
	if b.session(wiki) == b.session(admin) {
		t.Error("two hosts have the same cookie")
	}
}

func TestAnotherClientSignsInForItself(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn(wiki)
	b.signIn(metric)
	if w.idp.exchanges != 1 || w.second.exchanges != 1 {
		t.Fatalf("exchanges %d and %d, want 1 each", w.idp.exchanges, w.second.exchanges)
	}
	// A cookie that names a session of the first client is none for the second.
	var first *session.Session
	for _, ss := range w.live() {
		if ss.Subject.ClientID == "main" {
			first = ss
		}
	}
	rec := newRecorder()
	w.codec.SetSession(rec, w.codec.Name(), metric, first)
	stolen := w.browser()
	stolen.keep(metric, rec.cookies())
	if p := stolen.step("https://" + metric + "/"); p.status != http.StatusFound {
		t.Errorf("got %d, want a redirect to sign in", p.status)
	}
}

func TestCookieOfOneHostIsWorthlessOnAnother(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn(wiki)
	thief := w.browser()
	for _, c := range b.cookies(wiki) {
		thief.keep(admin, []*http.Cookie{c})
	}
	thief.keep(homeAt, []*http.Cookie{{Name: w.codec.AuthenticateName(""), Value: b.session(wiki), Secure: true, Path: "/"}})
	w.idp.locked(func() { w.idp.user = "" })
	if p := thief.open("https://" + admin + "/"); !strings.Contains(p.body, "provider: please sign in") {
		t.Errorf("got in with another host's cookie: %s", p.body)
	}
}

func TestAnotherAccountReplacesTheSession(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn(wiki)
	w.idp.locked(func() { w.idp.user = "bob" })
	p := b.open("https://" + wiki + pathSignIn + "?" + url.Values{paramRedirect: {"/x"}, paramPrompt: {promptLogin}}.Encode())
	if !strings.Contains(p.body, "sub=00ubob") || !strings.Contains(p.body, "path=/x") {
		t.Fatalf("got %s", p.body)
	}
	if got := w.idp.requests[len(w.idp.requests)-1].Params["prompt"]; got != "login" {
		t.Errorf("prompt=%q was asked for, want login", got)
	}
	if all := w.live(); len(all) != 1 || all[0].Subject.ID != "00ubob" {
		t.Errorf("sessions left: %+v", all)
	}
}

func TestT26SessionIDChangesAtSignInAndPresetCookiesNeverSignIn(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.keep(wiki, []*http.Cookie{{Name: w.codec.Name(), Value: "planted", Secure: true, Path: "/"}})
	b.signIn(wiki)
	first := w.live()[0].ID
	if b.session(wiki) == "planted" {
		t.Error("the planted cookie stayed")
	}
	b.open("https://" + wiki + pathSignIn + "?" + paramPrompt + "=login")
	if all := w.live(); len(all) != 1 || all[0].ID == first {
		t.Errorf("the id did not change at the new sign-in: %d sessions", len(all))
	}
}

// T26: an id that was known before privilege was gained is worth nothing
// afterwards. A refresh gains none and keeps it.
func TestT26IDOutlivesARefreshAndNoGainOfPrivilege(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn(wiki)
	id, cookie := w.live()[0].ID, b.session(wiki)
	f := w.refresher(w.sessions, nil)
	w.clock.add(tokenLife * 95 / 100)
	w.used(w.sessions)
	if result := f.step(id); result != "ok" {
		t.Fatalf("the refresh ended with %q", result)
	}
	if all := w.live(); len(all) != 1 || all[0].ID != id {
		t.Errorf("the refresh left %d sessions, want the one of before", len(all))
	}
	w.idp.alter = func(s *identity.Subject) { s.Methods = []string{"pwd", "mfa"} }
	for _, gain := range []string{stepUpPrompt(policy.SignIn{Method: "mfa"}), promptLogin} {
		if p := b.open("https://" + wiki + pathSignIn + "?" + url.Values{paramPrompt: {gain}}.Encode()); p.status != 200 {
			t.Fatalf("%s: %d at %s", gain, p.status, p.url)
		}
		all := w.live()
		if len(all) != 1 || all[0].ID == id {
			t.Fatalf("%s: %d sessions, and the id of before among them", gain, len(all))
		}
		thief := w.browser()
		thief.keep(wiki, []*http.Cookie{{Name: w.codec.Name(), Value: cookie, Secure: true, Path: "/"}})
		if p := thief.step("https://" + wiki + "/"); p.status == 200 {
			t.Errorf("%s: the cookie of before is still let in", gain)
		}
		id, cookie = all[0].ID, b.session(wiki)
	}
}

func TestT28CookiesCarryHostPrefixAttributesAndStaySmall(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	p := b.step("https://" + wiki + "/" + strings.Repeat("a", 500))
	total := 0
	for p.status == http.StatusFound {
		for _, raw := range p.header.Values("Set-Cookie") {
			total++
			if len(raw) > 4096 {
				t.Errorf("Set-Cookie of %d bytes", len(raw))
			}
			for _, attr := range []string{"__Host-sallyport", "; Path=/", "; HttpOnly", "; Secure", "; SameSite=Lax"} {
				if !strings.Contains(raw, attr) {
					t.Errorf("cookie without %q: %s", attr, raw)
				}
			}
			if strings.Contains(strings.ToLower(raw), "domain") {
				t.Errorf("cookie with a domain: %s", raw)
			}
		}
		next, err := p.url.Parse(p.header.Get("Location"))
		if err != nil {
			t.Fatal(err)
		}
		p = b.do(http.MethodGet, next.String(), nil, p.url.Host)
	}
	if p.status != 200 || total < 4 {
		t.Errorf("ended with %d after %d cookies", p.status, total)
	}
}

func TestT25SecretsOfAnAttemptAreLongAndNeverRepeat(t *testing.T) {
	seen := map[string]bool{}
	for range 10_000 {
		secret, id := randomText(32), newAttemptID(time.Unix(1, 0))
		if len(secret) < 43 || seen[secret] || seen[id] || !validAttemptID(id) {
			t.Fatalf("secret %q or id %q is short, bad or repeated", secret, id)
		}
		seen[secret], seen[id] = true, true
	}
	w := newWorld(t)
	for range 5 {
		w.browser().signIn(wiki)
	}
	for _, r := range w.idp.requests {
		for name, value := range map[string]string{"state": r.State, "nonce": r.Nonce, "verifier": r.Verifier} {
			if len(value) < 43 || seen[value] {
				t.Errorf("%s %q is short or repeated", name, value)
			}
			seen[value] = true
		}
	}
}

func TestT21NoSecretLeavesForAHostOutsideTheTable(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	p := b.signIn(wiki)
	for _, raw := range p.trail {
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if u.Host != wiki && u.Host != homeAt && u.Host != idpAt {
			t.Errorf("sent to %s", raw)
		}
		if u.Host == idpAt && (u.Query().Has(paramCode) || u.Query().Has(paramBinding)) {
			t.Errorf("the provider was told our parameters: %s", raw)
		}
	}
	for _, ss := range w.live() {
		for _, raw := range p.trail {
			if strings.Contains(raw, ss.ID) || strings.Contains(raw, ss.Tokens.Access) || strings.Contains(raw, ss.Tokens.Refresh) {
				t.Errorf("a secret of the session stands in %s", raw)
			}
		}
	}
	for _, step := range []string{"https://" + wiki + "/", "https://" + homeAt + pathSignIn, "https://" + wiki + pathCallback} {
		p := w.browser().step(step)
		if p.header.Get("Referrer-Policy") != "no-referrer" || p.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: Referrer-Policy %q, Cache-Control %q", step, p.header.Get("Referrer-Policy"), p.header.Get("Cache-Control"))
		}
	}
}

func TestT41NothingSecretReachesTheLog(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	p := b.signIn(wiki)
	ss := w.live()[0]
	b.signOut(wiki)
	log := w.log.String()
	secrets := []string{ss.ID, ss.Tokens.Access, ss.Tokens.Refresh, ss.Tokens.ID, b.session(wiki)}
	for _, r := range w.idp.requests {
		secrets = append(secrets, r.State, r.Nonce, r.Verifier)
	}
	for _, raw := range p.trail {
		if u, err := url.Parse(raw); err == nil && u.Query().Get(paramCode) != "" {
			secrets = append(secrets, u.Query().Get(paramCode))
		}
	}
	for _, s := range secrets {
		if s != "" && strings.Contains(log, s) {
			t.Errorf("%q stands in the log", s)
		}
	}
	if !strings.Contains(log, "signed in") || !strings.Contains(log, "signed out") {
		t.Errorf("the log does not tell of the sign-in and sign-out:\n%s", log)
	}
}

func TestProviderThatPostsItsAnswerWorks(t *testing.T) {
	w := newWorld(t)
	w.idp.formPost = true
	b := w.browser()
	p := b.open("https://" + wiki + "/x")
	parts := strings.Split(p.body, " ")
	if parts[0] != "POST" {
		t.Fatalf("got %s", p.body)
	}
	form, err := url.ParseQuery(parts[2])
	if err != nil {
		t.Fatal(err)
	}
	// Cross-site POST: the browser sends no cookies with it.
	end := b.follow(b.do(http.MethodPost, parts[1], form, idpAt))
	if end.status != 200 || !strings.Contains(end.body, "path=/x") {
		t.Errorf("ended with %d %s", end.status, end.body)
	}
}

func TestStrictCookiesGetAPageInsteadOfTheLastRedirect(t *testing.T) {
	w := newWorld(t, withSettings(Settings{StrictCookies: true}))
	p := w.browser().open("https://" + wiki + `/x?a="><script>`)
	if p.status != 200 || !strings.Contains(p.body, `http-equiv="refresh"`) || strings.Contains(p.body, "<script>") {
		t.Errorf("got %d %s", p.status, p.body)
	}
}
