package authenticate

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"sallyport/config"
	"sallyport/session"
)

const waiting = "http://localhost:8900/cb?x=1"

// consentForm walks to the page that asks whether a program may in.
func (w *world) consentForm(b *browser, host, target string) url.Values {
	w.t.Helper()
	cli := w.browser()
	cli.header = http.Header{"User-Agent": {"tool/1.2 linux"}}
	asked := cli.step("https://" + host + pathProgramLogin + "?" + url.Values{paramRedirect: {target}}.Encode())
	if asked.status != 200 || !strings.HasPrefix(asked.header.Get("Content-Type"), "text/plain") {
		w.t.Fatalf("asking for an address: %d %s", asked.status, asked.body)
	}
	p := b.open(asked.body)
	if p.status != 200 || p.url.Host != homeAt || !strings.Contains(p.body, "tool/1.2") || !strings.Contains(p.body, host) {
		w.t.Fatalf("no page that names program and host: %d at %s\n%s", p.status, p.url, p.body)
	}
	return p.fields()
}

// programToken has the person of b let a program in and returns its token.
func (w *world) programToken(b *browser, host string) string {
	w.t.Helper()
	p := b.do(http.MethodPost, "https://"+homeAt+pathProgramLogin, w.consentForm(b, host, waiting), homeAt)
	to, err := url.Parse(p.header.Get("Location"))
	if err != nil || p.status != http.StatusSeeOther || to.Host != "localhost:8900" || to.Query().Get("x") != "1" {
		w.t.Fatalf("consent led to %d %s", p.status, p.header.Get("Location"))
	}
	return to.Query().Get(paramJWT)
}

func TestProgramGetsASessionOfItsOwn(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	token := w.programToken(b, wiki) // signs in on the way
	for name, header := range map[string]http.Header{
		"Authorization: Pomerium":        {"Authorization": {"Pomerium " + token}},
		"Authorization: Bearer Pomerium": {"Authorization": {"Bearer Pomerium-" + token}},
		"X-Pomerium-Authorization":       {"X-Pomerium-Authorization": {token}},
	} {
		cli := w.browser()
		cli.header = header
		if p := cli.step("https://" + wiki + "/"); p.status != 200 || !strings.Contains(p.body, "sub=00ualice") {
			t.Errorf("%s: %d %s", name, p.status, p.body)
		}
		if p := cli.step("https://" + admin + "/"); p.status != http.StatusUnauthorized {
			t.Errorf("%s is good on another host: %d", name, p.status)
		}
	}
	var program *session.Session
	for _, ss := range w.live() {
		if ss.Form == session.FormProgram {
			program = ss
		}
	}
	if program == nil || program.Host != wiki || program.Program != "tool/1.2" || program.Parent == "" || program.Tokens.Refresh != "" {
		t.Fatalf("the program's session: %+v", program)
	}
	// Revoking it leaves the person signed in.
	if err := w.sessions.End(t.Context(), program.ID, session.EndRevoked); err != nil {
		t.Fatal(err)
	}
	cli := w.browser()
	cli.header = http.Header{"X-Pomerium-Authorization": {token}}
	if p := cli.step("https://" + wiki + "/"); p.status != http.StatusUnauthorized {
		t.Errorf("a revoked program is let in: %d", p.status)
	}
	if p := b.step("https://" + wiki + "/"); p.status != 200 {
		t.Errorf("the person was signed out with it: %d", p.status)
	}
}

func TestProgramTokenIsNoCookieAndCookieNoToken(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	token := w.programToken(b, wiki)
	s := w.service.Load()
	id, err := s.tokens.verify(token, wiki)
	if err != nil {
		t.Fatal(err)
	}
	program, err := w.sessions.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	rec := newRecorder()
	w.codec.SetSession(rec, w.codec.Name(), wiki, program)
	c := w.browser()
	c.keep(wiki, rec.cookies())
	if p := c.step("https://" + wiki + "/"); p.status != http.StatusFound {
		t.Errorf("a program's session in a cookie: %d", p.status)
	}
	for _, ss := range w.live() {
		if ss.Form != session.FormBrowser {
			continue
		}
		if _, err := w.sessions.Update(t.Context(), ss.ID, func(s *session.Session) error { s.Host = wiki; return nil }); err != nil {
			t.Fatal(err)
		}
		ss.Host = wiki
		w.refuseToken(ss, wiki, "main", "a browser's session in a token")
	}
	elsewhere := *program
	elsewhere.Host = admin
	w.refuseToken(&elsewhere, admin, "main", "a token for a host that the session is not for")
	w.refuseToken(program, wiki, "second", "a token on a route of another client")
}

// refuseToken signs a token for ss as it stands and expects nobody to be let in.
func (w *world) refuseToken(ss *session.Session, host, client, what string) {
	w.t.Helper()
	s := w.service.Load()
	token, err := s.tokens.sign(ss)
	if err != nil {
		w.t.Fatal(err)
	}
	r := w.request(host)
	r.Header.Set("X-Pomerium-Authorization", token)
	if got, _, err := s.Session(r, &config.Route{ClientID: client}); got != nil || err != nil {
		w.t.Errorf("%s: got %v, %v; want nobody", what, got, err)
	}
}

func TestTokenInTheQueryIsRefusedUnlessSwitchedOn(t *testing.T) {
	w := newWorld(t)
	token := w.programToken(w.browser(), wiki)
	cli := w.browser()
	cli.header = http.Header{}
	raw := "https://" + wiki + "/?" + paramSession + "=" + token
	if p := cli.step(raw); p.status != http.StatusUnauthorized {
		t.Errorf("got %d, want 401", p.status)
	}
	w.install(w.newService(func(o *Options) { o.Settings.AllowSessionTokenInQuery = true }))
	if p := cli.step(raw); p.status != 200 {
		t.Errorf("switched on: %d", p.status)
	}
}

func TestBadTokenIsNotMadeGoodByACookie(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn(wiki)
	b.header.Set("Authorization", "Pomerium garbage")
	if p := b.step("https://" + wiki + "/"); p.status != http.StatusUnauthorized {
		t.Errorf("got %d", p.status)
	}
	b.header.Set("Authorization", "Bearer application.own.token")
	if p := b.step("https://" + wiki + "/"); p.status != 200 {
		t.Errorf("the application's own token: %d", p.status)
	}
}

func TestT34ProgramTokenRefusesForgeries(t *testing.T) {
	c := newClock()
	signer := newTokenSigner(ringOf(t, "k"), c.now, homeAt)
	ss := &session.Session{ID: strings.Repeat("i", 43), Host: wiki, Expires: c.now().Add(time.Hour)}
	good, err := signer.sign(ss)
	if err != nil {
		t.Fatal(err)
	}
	if id, err := signer.verify(good, wiki); err != nil || id != ss.ID {
		t.Fatalf("as signed: %q, %v", id, err)
	}
	parts := strings.Split(good, ".")
	b64 := base64.RawURLEncoding.EncodeToString
	make := func(alg jose.SignatureAlgorithm, key any, typ string, claims tokenClaims) string {
		s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, (&jose.SignerOptions{}).WithType(jose.ContentType(typ)))
		if err != nil {
			t.Fatal(err)
		}
		body, _ := json.Marshal(claims)
		signed, err := s.Sign(body)
		if err != nil {
			t.Fatal(err)
		}
		out, _ := signed.CompactSerialize()
		return out
	}
	right := tokenClaims{Issuer: homeAt, Audience: wiki, Session: ss.ID, Issued: c.now().Unix(), Expires: c.now().Unix() + 60}
	key := signer.keys[0]
	change := func(f func(*tokenClaims)) tokenClaims { k := right; f(&k); return k }
	for name, raw := range map[string]string{
		"empty": "", "garbage": "x.y.z", "no signature": parts[0] + "." + parts[1] + ".",
		"alg none":       b64([]byte(`{"alg":"none","typ":"`+tokenType+`"}`)) + "." + parts[1] + ".",
		"HS384":          make(jose.HS384, append(key, key...), tokenType, right),
		"HS512":          make(jose.HS512, append(key, key...), tokenType, right),
		"another key":    make(jose.HS256, ringOf(t, "z").Derive("authenticate/program-token", 32)[0], tokenType, right),
		"other purpose":  make(jose.HS256, ringOf(t, "k").Derive("authenticate/signed-url", 32)[0], tokenType, right),
		"typ JWT":        make(jose.HS256, key, "JWT", right),
		"other audience": make(jose.HS256, key, tokenType, change(func(k *tokenClaims) { k.Audience = admin })),
		"other issuer":   make(jose.HS256, key, tokenType, change(func(k *tokenClaims) { k.Issuer = "login.example.com" })),
		"no session":     make(jose.HS256, key, tokenType, change(func(k *tokenClaims) { k.Session = "" })),
		"expired":        make(jose.HS256, key, tokenType, change(func(k *tokenClaims) { k.Expires = c.now().Unix() })),
		"no expiry":      make(jose.HS256, key, tokenType, change(func(k *tokenClaims) { k.Expires = 0 })),
		"from tomorrow":  make(jose.HS256, key, tokenType, change(func(k *tokenClaims) { k.Issued += 86400; k.Expires += 2 * 86400 })),
		"changed":        parts[0] + "." + b64([]byte(`{}`)) + "." + parts[2],
		"critical":       b64([]byte(`{"alg":"HS256","crit":["x"],"x":1,"typ":"`+tokenType+`"}`)) + "." + parts[1] + "." + parts[2],
		"megabyte":       good + strings.Repeat("A", 1<<20),
		"JWE shape":      "a.b.c.d.e",
		"JSON form":      `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`,
	} {
		if id, err := signer.verify(raw, wiki); err == nil {
			t.Errorf("%s: accepted for session %q", name, id)
		}
	}
	rotated := newTokenSigner(ringOf(t, "n", "k"), c.now, homeAt)
	if _, err := rotated.verify(good, wiki); err != nil {
		t.Errorf("after a rotation: %v", err)
	}
	if _, err := newTokenSigner(ringOf(t, "n"), c.now, homeAt).verify(good, wiki); err == nil {
		t.Error("a key that was taken away still verifies")
	}
}

func TestT20ProgramsWaitOnlyWhereTheyMay(t *testing.T) {
	for raw, want := range map[string]bool{
		"http://localhost:8900/": true, "http://127.0.0.1:1/x": true, "http://[::1]:1/": true, "https://localhost/": true,
		"http://LOCALHOST:1/": true, "https://tools.example.com/cb": true,
		"http://tools.example.com/cb": false, "https://evil.example.com/": false, "http://localhost.evil.example.com/": false,
		"http://localhost@evil.example.com/": false, "http://evil.example.com#localhost": false, "javascript:alert(1)": false,
		"//localhost/": false, "http:localhost": false, `http://localhost\@evil.example.com`: false, "http://192.0.2.1/": false,
		"http://localhost:1/\n": false, "http://user@localhost/": false, "myapp://localhost/": false, "http://": false,
		"http://0.0.0.0:1/": false, "http://localhost:1/" + strings.Repeat("x", maxForeign): false,
	} {
		w := &Service{o: Options{Settings: Settings{ProgrammaticRedirectDomains: []string{"localhost", "tools.example.com"}}}}
		if _, ok := w.programTarget(raw); ok != want {
			t.Errorf("%q: got %v, want %v", raw, ok, want)
		}
	}
	w := newWorld(t)
	b := w.browser()
	if p := b.step("https://" + wiki + pathProgramLogin); p.status != http.StatusNotFound {
		t.Errorf("without an address: %d, want 404", p.status)
	}
	if p := b.step("https://" + wiki + pathProgramLogin + "?" + paramRedirect + "=https%3A%2F%2Fevil.localhost"); p.status != http.StatusBadRequest {
		t.Errorf("address elsewhere: %d, want 400", p.status)
	}
}

func TestT40ConsentNeedsTheClick(t *testing.T) {
	w := newWorld(t)
	victim := w.browser()
	victim.signIn(wiki)
	target := "https://" + homeAt + pathProgramLogin
	form := w.consentForm(victim, wiki, waiting)
	for name, post := range map[string]func() *page{
		"from another site": func() *page { return victim.do(http.MethodPost, target, form, evil) },
		"no token":          func() *page { return victim.do(http.MethodPost, target, url.Values{"a": {"b"}}, homeAt) },
		"attacker's form": func() *page {
			attacker := w.browser()
			attacker.signIn(wiki)
			return victim.do(http.MethodPost, target, w.consentForm(attacker, wiki, waiting), homeAt)
		},
		"from the application itself": func() *page { return victim.do(http.MethodPost, target, form, wiki) },
	} {
		if p := post(); p.status != http.StatusForbidden || p.header.Get("Location") != "" {
			t.Errorf("%s: got %d, Location %q", name, p.status, p.header.Get("Location"))
		}
	}
	// Somebody else signed in between page and click.
	w.idp.locked(func() { w.idp.user = "bob" })
	victim.open("https://" + wiki + pathSignIn + "?" + paramPrompt + "=login")
	if p := victim.do(http.MethodPost, target, form, homeAt); p.status != http.StatusForbidden {
		t.Errorf("a page shown to somebody else: %d", p.status)
	}
	for _, ss := range w.live() {
		if ss.Form == session.FormProgram {
			t.Error("a program was let in")
		}
	}
	csp := victim.open(w.askAddress(victim)).header.Get("Content-Security-Policy")
	if !strings.Contains(csp, "http://localhost:8900") {
		t.Errorf("browsers would block the way to the program: %s", csp)
	}
}

// Scripts of an application can fetch whatever its host serves: there is no page
// there whose button they could press.
func TestScriptsOfAnApplicationLetNoProgramIn(t *testing.T) {
	w := newWorld(t)
	victim := w.browser()
	victim.signIn(wiki)
	p := victim.step(w.askAddress(victim))
	to, err := url.Parse(p.header.Get("Location"))
	if err != nil || to.Host != homeAt || p.status != http.StatusFound || strings.Contains(p.body, "form") {
		t.Fatalf("the address that a program gets answers %d, to %s\n%s", p.status, to, p.body)
	}
	form := w.consentForm(victim, wiki, waiting)
	if p := victim.do(http.MethodPost, "https://"+wiki+pathProgramLogin, form, wiki); p.status != http.StatusMethodNotAllowed {
		t.Errorf("posted to the application's host: %d, want 405", p.status)
	}
	elsewhere := *to
	q := elsewhere.Query()
	q.Set(paramHost, admin)
	elsewhere.RawQuery = q.Encode()
	if p := victim.step(elsewhere.String()); p.status != http.StatusBadRequest {
		t.Errorf("for a host that was not signed: %d, want 400", p.status)
	}
	stranger := w.browser()
	if p := stranger.step(to.String()); p.status != http.StatusUnauthorized || len(p.fields()) > 0 {
		t.Errorf("to somebody who is not signed in there: %d\n%s", p.status, p.body)
	}
}

// The route host may know a session that the authenticate host does not: signing
// in again leads back to the question.
func TestConsentWithoutASessionAtHomeBeginsAgain(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn(wiki)
	s := w.service.Load()
	q := url.Values{paramRedirect: {waiting}, paramProgram: {"tool"}}
	if p := b.open(s.programRestart(wiki, q)); p.status != 200 || p.url.Host != homeAt || !strings.Contains(p.body, "Allow access") {
		t.Errorf("beginning again ends with %d at %s\n%s", p.status, p.url, p.body)
	}
}

func (w *world) askAddress(b *browser) string {
	return b.step("https://" + wiki + pathProgramLogin + "?" + url.Values{paramRedirect: {waiting}}.Encode()).body
}

func TestT42NameOfAProgramIsOnlyText(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn(wiki)
	asked := b.step("https://" + wiki + pathProgramLogin + "?" + url.Values{
		paramRedirect: {waiting}, paramProgram: {"<b>x</b>\u202egnp\x00" + strings.Repeat("y", 200)},
	}.Encode())
	p := b.open(asked.body)
	if p.status != 200 || strings.Contains(p.body, "<b>x") || strings.Contains(p.body, "\u202e") || strings.Contains(p.body, strings.Repeat("y", 100)) {
		t.Errorf("got %d %s", p.status, p.body)
	}
	if p := b.step(strings.Replace(asked.body, "pomerium_program=", "pomerium_program=z", 1)); p.status != http.StatusBadRequest {
		t.Errorf("changed after signing: %d", p.status)
	}
}

func FuzzProgramToken(f *testing.F) {
	c := newClock()
	signer := newTokenSigner(ringOf(f, "k"), c.now, homeAt)
	good, err := signer.sign(&session.Session{ID: "id", Host: wiki, Expires: c.now().Add(time.Hour)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add("a.b.c")
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Add(`{"payload":"","signatures":[]}`)
	f.Fuzz(func(t *testing.T, raw string) {
		if id, err := signer.verify(raw, wiki); err == nil && id != "id" {
			t.Errorf("accepted %q as %q", raw, id)
		}
	})
}

// A form can be sent as often as one likes while it is valid, and every session is
// a record in the store and in memory.
func TestOneSignInLetsInSoManyProgramsAndNoMore(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	form := w.consentForm(b, wiki, waiting)
	var made, refused int
	for range maxPrograms + 20 {
		switch p := b.do(http.MethodPost, "https://"+homeAt+pathProgramLogin, form, homeAt); p.status {
		case http.StatusSeeOther:
			made++
		case http.StatusTooManyRequests:
			refused++
		default:
			t.Fatalf("%d %s", p.status, p.body)
		}
	}
	if made != maxPrograms || refused != 20 || len(w.live()) != maxPrograms+1 {
		t.Errorf("%d programs let in, %d refused, %d sessions; want %d, 20, %d", made, refused, len(w.live()), maxPrograms, maxPrograms+1)
	}
	// To end one makes no room: what is bounded is what has to be kept.
	for _, ss := range w.live() {
		if ss.Form == session.FormProgram {
			_ = w.sessions.End(t.Context(), ss.ID, session.EndRevoked)
		}
	}
	if p := b.do(http.MethodPost, "https://"+homeAt+pathProgramLogin, form, homeAt); p.status != http.StatusTooManyRequests {
		t.Errorf("after all were ended: %d", p.status)
	}
	// Others have their own.
	w.programToken(w.browser(), wiki)
}
