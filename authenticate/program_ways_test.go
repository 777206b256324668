package authenticate

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"sallyport/session"
)

func TestProgramIsToldInPlainTextWhereToGo(t *testing.T) {
	w := newWorld(t)
	ask := func(query string) *recorder {
		r, err := http.NewRequest(http.MethodGet, "https://"+wiki+pathProgramLogin+"?"+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		rec := newRecorder()
		w.service.Load().ServeHTTP(rec, r)
		return rec
	}
	good := url.Values{paramRedirect: {waiting}}.Encode()
	rec := ask(good)
	if rec.status != 200 || rec.h.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("%d, %q", rec.status, rec.h.Get("Content-Type"))
	}
	signed, err := url.Parse(rec.body.String())
	if err != nil || signed.Query().Get(paramRedirect) != waiting || signed.Query().Has(paramProgram) {
		t.Errorf("a program without a name gets %s, %v", rec.body.String(), err)
	}
	b := w.browser()
	w.clock.add(attemptLife - time.Second)
	if p := b.open(signed.String()); p.status != 200 || !strings.Contains(p.body, "A program wants") {
		t.Errorf("just in time: %d\n%s", p.status, p.body)
	}
	w.clock.add(time.Second)
	if p := b.step(signed.String()); p.status != http.StatusBadRequest {
		t.Errorf("too late: %d", p.status)
	}
	for query, words := range map[string]string{
		good + "&a=1&a=2": "could not be read",
		"a=%zz":           "could not be read",
		url.Values{paramRedirect: {"https://" + evil + "/"}}.Encode(): "may not wait for an answer at that address",
	} {
		if rec := ask(query); rec.status != http.StatusBadRequest || !strings.Contains(rec.body.String(), words) {
			t.Errorf("%s: %d %s", query, rec.status, rec.body.String())
		}
	}
}

func TestT20ProgramsWaitAtNothingThatBrowsersReadOtherwise(t *testing.T) {
	long := "http://localhost:1/" + strings.Repeat("x", maxForeign)
	for _, tt := range []struct {
		domains []string
		raw     string
		want    bool
	}{
		{[]string{"localhost"}, long[:maxForeign], true},
		{[]string{"localhost"}, long[:maxForeign+1], false},
		{[]string{"localhost"}, "http://localhost:1/a b", false},
		{[]string{"localhost"}, "http://localhost:1/!~", true},
		{[]string{"localhost"}, "http://localhost:1/\x7f", false},
		{[]string{"localhost"}, "http://localhost:1/\u00e4", false},
		{[]string{"localhost"}, "http://localhost:1/#a", false},
		{[]string{"localhost"}, "http://localhost:1/#", false},
		{[]string{"localhost"}, `http://localhost:1/\evil`, false},
		{[]string{"localhost"}, "http://localhost:1/%zz", false},
		{[]string{"localhost"}, "http://localhost:0/", false},
		{[]string{"localhost"}, "http:localhost:1/", false},
		{[]string{"localhost"}, "http:///x", false},
		{[]string{"tools.example.com"}, "http://127.0.0.1:1/", false},
		{[]string{"tools.example.com"}, "http://localhost:1/", false},
		{[]string{"Tools.Example.com"}, "https://tools.example.COM/", true},
		{[]string{"tools.example.com"}, "https://x.tools.example.com/", false},
		{[]string{"127.0.0.1"}, "http://127.0.0.1:1/", true},
		{[]string{"127.0.0.1"}, "http://127.0.0.2:1/", false},
		{nil, "https://localhost/", false},
	} {
		s := &Service{o: Options{Settings: Settings{ProgrammaticRedirectDomains: tt.domains}}}
		if u, ok := s.programTarget(tt.raw); ok != tt.want || ok && u.String() != tt.raw {
			t.Errorf("%q with %v: %v, %v; want %v", tt.raw, tt.domains, u, ok, tt.want)
		}
	}
}

// The page says all that somebody needs to say yes or no.
func TestPageThatAsksForAProgramSaysWhatItIsAbout(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn(wiki)
	p := b.open(w.askAddress(b))
	for _, want := range []string{
		"wants to use <strong><bdi>" + wiki + "</bdi></strong> on your behalf", "alice@example.com", "<code>http://localhost:8900</code>", iso(w.sessionOf(b).Expires), `href="https://` + wiki + pathUser + `"`, "Deny access",
	} {
		if p.status != 200 || !strings.Contains(p.body, want) {
			t.Errorf("%d, the page lacks %q\n%s", p.status, want, p.body)
		}
	}
	if strings.Contains(p.body, "/cb?x=1") {
		t.Error("the page shows more of the address than who answers there")
	}
}

// Whoever is known to the route host alone signs in anew, whoever they say they
// are at the provider by then.
func TestPageThatAsksForAProgramSendsStrangersToSignInAnew(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn(wiki)
	to := b.step(w.askAddress(b)).header.Get("Location")
	b.jar[homeAt] = nil
	p := b.step(to)
	link := html.UnescapeString(between(p.body, `class="button" href="`, `"`))
	u, err := url.Parse(link)
	if p.status != http.StatusUnauthorized || err != nil || u.Host != wiki || u.Path != pathSignIn || u.Query().Get(paramPrompt) != promptLogin || !strings.HasPrefix(u.Query().Get(paramRedirect), pathProgramLogin+"?") {
		t.Errorf("%d, sent to %q", p.status, link)
	}
}

// Between the address that a program gets and the click, the world may change.
func TestProgramIsNotLetInWhereThingsHaveChanged(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(w *world, b *browser)
		page   int // the page that asks
		click  int
	}{
		"nothing":               {func(*world, *browser) {}, 200, http.StatusSeeOther},
		"signed out":            {func(w *world, b *browser) { w.end(w.sessionOf(b)) }, http.StatusUnauthorized, http.StatusForbidden},
		"the route went away":   {func(w *world, _ *browser) { delete(w.routes, wiki) }, http.StatusNotFound, http.StatusNotFound},
		"its client went away":  {func(w *world, _ *browser) { w.routes[wiki] = Route{ClientID: "gone"} }, 500, 500},
		"of another client now": {func(w *world, _ *browser) { w.routes[wiki] = Route{ClientID: "second"} }, http.StatusUnauthorized, http.StatusForbidden},
		"waits where it may not": {func(w *world, _ *browser) {
			w.install(w.newService(func(o *Options) { o.Settings.ProgrammaticRedirectDomains = []string{"tools.example.com"} }))
		}, http.StatusBadRequest, http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			b := w.browser()
			b.signIn(wiki)
			form := w.consentForm(b, wiki, waiting)
			asked := b.step(w.askAddress(b)).header.Get("Location")
			tt.change(w, b)
			if p := b.step(asked); p.status != tt.page {
				t.Errorf("the page: %d, want %d", p.status, tt.page)
			}
			p := b.do(http.MethodPost, "https://"+homeAt+pathProgramLogin, form, homeAt)
			if p.status != tt.click || (p.header.Get("Location") != "") != (tt.click == http.StatusSeeOther) {
				t.Errorf("the click: %d to %q, want %d", p.status, p.header.Get("Location"), tt.click)
			}
			programs := 0
			for _, ss := range w.live() {
				if ss.Form == session.FormProgram {
					programs++
				}
			}
			if got := testutil.ToFloat64(w.service.Load().metrics.programs); got != float64(programs) || (programs == 1) != (tt.click == http.StatusSeeOther) {
				t.Errorf("%d programs let in, %v counted", programs, got)
			}
		})
	}
	// On the way to the page, too.
	w := newWorld(t)
	b := w.browser()
	b.signIn(wiki)
	ask := w.askAddress(b)
	w.routes[wiki] = Route{ClientID: "gone"}
	if p := b.step(ask); p.status != http.StatusInternalServerError || p.header.Get("Location") != "" {
		t.Errorf("its client went away: %d to %q", p.status, p.header.Get("Location"))
	}
}

func TestSessionOfAProgramRemembersWhereItCameFrom(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn(wiki)
	parent := w.sessionOf(b)
	w.clock.add(time.Minute)
	b.header.Set("X-Test-Addr", "192.0.2.9")
	b.header.Set("User-Agent", strings.Repeat("u", maxUserAgent+1))
	id, err := w.service.Load().tokens.verify(w.programToken(b, wiki), wiki)
	if err != nil {
		t.Fatal(err)
	}
	got := w.again(&session.Session{ID: id})
	now := w.clock.now()
	if got.Subject.ID != parent.Subject.ID || got.Parent != parent.ID || got.Host != wiki || got.ClientAddress != "192.0.2.9" || len(got.UserAgent) != maxUserAgent {
		t.Errorf("made as %+v", got)
	}
	if !got.Created.Equal(now) || !got.Refreshed.Equal(now) || !got.LastUsed.Equal(now) || !got.Expires.Equal(parent.Expires) {
		t.Errorf("times %s, %s, %s, %s; want the click's, and the end of the sign-in", got.Created, got.Refreshed, got.LastUsed, got.Expires)
	}
	for _, want := range []string{"program let in", `"host":"` + wiki + `"`, `"program":"tool/1.2"`, "alice@example.com"} {
		if !strings.Contains(w.log.String(), want) {
			t.Errorf("the log lacks %s", want)
		}
	}
}

// Tokens that programs hold were made by versions before this one.
func TestProgramTokenOutlivesAnUpgrade(t *testing.T) {
	c := newClock()
	const old = "eyJhbGciOiJIUzI1NiIsInR5cCI6InNhbGx5cG9ydC1wcm9ncmFtK2p3dCJ9." +
		"eyJpc3MiOiJsb2dpbi5sb2NhbGhvc3QiLCJhdWQiOiJ3aWtpLmxvY2FsaG9zdCIsInNpZCI6ImEgc2Vzc2lvbiIsImlhdCI6MTc3MjYxNDgwMCwiZXhwIjoxNzcyNjE4NDAwfQ." +
		"X8fdm28RnmRONAndi3Dre1ng-N1VX7ZrXQCB4GSVgo4"
	signer := newTokenSigner(ringOf(t, "k"), c.now, homeAt)
	if id, err := signer.verify(old, wiki); id != "a session" || err != nil {
		t.Errorf("a token of a version before: %q, %v", id, err)
	}
}

func TestProgramTokenIsGoodToTheSecond(t *testing.T) {
	c := newClock()
	signer := newTokenSigner(ringOf(t, "k"), c.now, homeAt)
	start := c.now()
	make := func(expires time.Time) string {
		raw, err := signer.sign(&session.Session{ID: "id", Host: wiki, Expires: expires})
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	raw := make(start.Add(time.Hour))
	for at, want := range map[time.Duration]bool{
		-skew - time.Second: false, -skew: true, 0: true, time.Hour - 1: true, time.Hour: false, 2 * time.Hour: false,
	} {
		c.at(start.Add(at))
		if _, err := signer.verify(raw, wiki); (err == nil) != want || err != nil && !errors.Is(err, errToken) {
			t.Errorf("%s after it was made: %v, want good: %v", at, err, want)
		}
	}
	c.at(start)
	var said map[string]any
	body, _ := base64.RawURLEncoding.DecodeString(strings.Split(raw, ".")[1])
	if err := json.Unmarshal(body, &said); err != nil || len(said) != 5 {
		t.Errorf("the token says %s", body)
	}
	// As long as a token may be, and one more: nothing looks into it.
	ss := &session.Session{Host: wiki, Expires: start.Add(time.Hour)}
	for ss.ID = strings.Repeat("i", 1200); ; ss.ID += "i" {
		long, err := signer.sign(ss)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := signer.verify(long, wiki); (err == nil) != (len(long) <= maxToken) {
			t.Errorf("a token of %d characters: %v", len(long), err)
		}
		if len(long) > maxToken {
			break
		}
	}
}
