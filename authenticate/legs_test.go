package authenticate

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

const (
	api   = "api.localhost"
	files = "files.localhost"
)

func withLegs(hosts ...string) option {
	return func(w *world) {
		w.routes = map[string]Route{
			wiki: {ClientID: "main", DependsOn: hosts}, admin: {ClientID: "main"}, metric: {ClientID: "second"},
			api: {ClientID: "main"}, files: {ClientID: "main"},
		}
	}
}

func TestDependsOnHostsGetACookieInTheSameSignIn(t *testing.T) {
	w := newWorld(t, withLegs(admin, api, files))
	b := w.browser()
	p := b.open("https://" + wiki + "/page?x=1")
	if p.status != 200 || !strings.Contains(p.body, "path=/page?x=1") {
		t.Fatalf("ended with %d at %s: %s\n%s", p.status, p.url, p.body, strings.Join(p.trail, "\n"))
	}
	for _, host := range []string{wiki, admin, api, files} {
		if b.session(host) == "" {
			t.Errorf("%s has no cookie", host)
		}
		if n := len(b.attempts(host)); n != 0 {
			t.Errorf("%s: %d attempt cookies are left", host, n)
		}
		if p := b.step("https://" + host + "/"); p.status != 200 {
			t.Errorf("%s: %d", host, p.status)
		}
	}
	if w.idp.exchanges != 1 || len(w.live()) != 1 {
		t.Errorf("%d exchanges, %d sessions", w.idp.exchanges, len(w.live()))
	}
	var order []string
	for _, raw := range p.trail {
		u, _ := url.Parse(raw)
		if !slices.Contains(order, u.Host) {
			order = append(order, u.Host)
		}
	}
	if got := strings.Join(order, " "); got != strings.Join([]string{wiki, homeAt, idpAt, admin, api, files}, " ") {
		t.Errorf("went by %s", got)
	}
}

func TestLegsSkipWhatTheyCannotServe(t *testing.T) {
	w := newWorld(t, withLegs(metric, wiki, "nowhere.localhost", "not a host", admin, admin))
	b := w.browser()
	b.signIn(wiki)
	if b.session(metric) != "" || w.second.exchanges != 0 {
		t.Error("a host of another client was signed in to")
	}
	if b.session(admin) == "" {
		t.Error("the one that can be served was not")
	}
	s := w.service.Load()
	var many []string
	for _, c := range "abcdefgh" {
		host := string(c) + ".localhost"
		w.routes[host] = Route{ClientID: "main"}
		many = append(many, host)
	}
	if got := s.legHosts(many, wiki, "main"); len(got) != maxLegs {
		t.Errorf("%d legs, want %d", len(got), maxLegs)
	}
}

func TestLegOfAHostThatIsSignedInGoesOnAtOnce(t *testing.T) {
	w := newWorld(t, withLegs(admin))
	b := w.browser()
	b.signIn(admin)
	before := b.session(admin)
	p := b.signIn(wiki)
	if b.session(admin) != before {
		t.Error("the other host made a sign-in of its own")
	}
	if n := strings.Count(strings.Join(p.trail, " "), "https://"+admin); n != 1 {
		t.Errorf("%d visits to the other host, want 1", n)
	}
}

func TestT22LegsAreSigned(t *testing.T) {
	w := newWorld(t, withLegs(admin, api))
	b := w.browser()
	p := b.open("https://"+wiki+"/", at(admin, pathSignIn))
	u := p.url
	for name, change := range map[string]func(url.Values){
		"way home":  func(q url.Values) { q.Set(paramRedirect, "https://"+evil+"/") },
		"more legs": func(q url.Values) { q.Set(paramLegs, evil) },
		"extra":     func(q url.Values) { q.Set("x", "1") },
	} {
		q := u.Query()
		change(q)
		if p := b.step("https://" + admin + pathSignIn + "?" + q.Encode()); p.status != http.StatusBadRequest {
			t.Errorf("%s: got %d, want 400", name, p.status)
		}
	}
	if p := b.step("https://" + api + pathSignIn + "?" + u.RawQuery); p.status != http.StatusBadRequest {
		t.Errorf("on another host: got %d, want 400", p.status)
	}
	script := w.browser()
	script.header.Set("Sec-Fetch-Mode", "cors")
	if p := script.step(u.String()); p.status != http.StatusUnauthorized || len(p.setCooki) != 0 {
		t.Errorf("a script: got %d", p.status)
	}
	// Signed, but for a host that is gone by now.
	delete(w.routes, api)
	if p := b.step(u.String()); p.status != http.StatusBadRequest {
		t.Errorf("after a leg's route went away: got %d, want 400", p.status)
	}
}

func TestT24LegOfOneBrowserIsWorthNothingInAnother(t *testing.T) {
	w := newWorld(t, withLegs(admin))
	attacker, victim := w.browser(), w.browser()
	link := attacker.open("https://"+wiki+"/", at(admin, pathCallback)).url.String()
	w.idp.locked(func() { w.idp.user = "" })
	victim.open(link)
	if victim.session(admin) != "" {
		t.Error("the victim got the attacker's session on the other host")
	}
}

func TestLongAddressSurvivesLegsAndRestarts(t *testing.T) {
	w := newWorld(t, withLegs(admin))
	b := w.browser()
	long := "/p?" + strings.Repeat("a=1&", 800)
	if p := b.open("https://" + wiki + long); !strings.Contains(p.body, "path="+long) {
		t.Errorf("ended with %d at %.80s", p.status, p.url)
	}
	c := w.browser()
	link := c.landing(wiki) // of another address, whose code is lost on the way
	u, _ := url.Parse(link)
	q := u.Query()
	q.Set(paramCode, "lost")
	if p := c.open("https://" + wiki + pathCallback + "?" + q.Encode()); !strings.Contains(p.body, "path=/secret") {
		t.Errorf("ended with %d at %s", p.status, p.url)
	}
}

func TestLoginAndAccountURLsLeadBack(t *testing.T) {
	w := newWorld(t)
	s := w.service.Load()
	for name, tc := range map[string]struct {
		header http.Header
		url    string
		want   string
	}{
		"page":           {http.Header{"Accept": {"text/html"}}, "https://wiki.localhost/a?b=c", "/a?b=c"},
		"script":         {http.Header{"Referer": {"https://wiki.localhost/app"}}, "https://wiki.localhost/api/x", "/app"},
		"from afar":      {http.Header{"Referer": {"https://evil.localhost/app"}}, "https://wiki.localhost/api/x", "/"},
		"other spelling": {http.Header{"Referer": {"https://wiki.localhost.evil.localhost/"}}, "https://wiki.localhost/api/x", "/"},
		"too long":       {http.Header{"Referer": {"https://wiki.localhost/" + strings.Repeat("x", 600)}}, "https://wiki.localhost/api/x", "/"},
	} {
		r, _ := http.NewRequest(http.MethodGet, tc.url, nil)
		r.Header = tc.header
		login, _ := url.Parse(s.LoginURL(r))
		account, _ := url.Parse(s.AccountURL(r))
		if login.Host != wiki || login.Path != pathSignIn || login.Query().Get(paramRedirect) != tc.want || login.Query().Has(paramPrompt) {
			t.Errorf("%s: login at %s, want back to %s", name, login, tc.want)
		}
		if account.Query().Get(paramPrompt) != promptLogin || account.Query().Get(paramRedirect) != tc.want {
			t.Errorf("%s: another account at %s", name, account)
		}
	}
	// Another account leads back and goes round once, not for ever.
	b := w.browser()
	b.signIn(wiki)
	r, _ := http.NewRequest(http.MethodGet, "https://wiki.localhost/a", nil)
	r.Header.Set("Accept", "text/html")
	for range 3 {
		if p := b.open(s.AccountURL(r)); !strings.Contains(p.body, "path=/a") {
			t.Fatalf("ended with %d at %s", p.status, p.url)
		}
		w.clock.add(landedLife)
	}
}

// T20: no leg leads to where it was not listed, and none home to elsewhere,
// whatever stands in depends_on or is signed by mistake.
func TestT20LegsLeadOnlyToHostsOfRoutes(t *testing.T) {
	w := newWorld(t)
	s := w.service.Load()
	for _, raw := range hostile {
		for _, host := range append(s.legHosts([]string{raw, strings.TrimPrefix(raw, "https://")}, "elsewhere.localhost", "main"), s.legHosts([]string{raw}, "", "main")...) {
			if !s.isRouteHost(host) {
				t.Errorf("%q is a leg on %q", raw, host)
			}
		}
		b := w.browser()
		b.signIn(wiki)
		for _, params := range []url.Values{{paramRedirect: {raw}}, {paramRedirect: {"https://" + wiki + "/"}, paramLegs: {raw}}} {
			p := b.open(s.urls.sign(wiki, pathSignIn, params, signedURLLife))
			if strings.Contains(p.url.Host, "evil") || slices.ContainsFunc(p.trail, func(u string) bool { return strings.HasPrefix(u, "https://"+evil) }) {
				t.Errorf("%v led to %s", params, p.url)
			}
		}
	}
}

// T20: the pop-up tells nobody but its own host and listed origins.
func TestT20PopUpTellsNoOtherOrigin(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn(wiki)
	for _, raw := range append([]string{"null", "*", "https://" + wiki + "/", "https://" + wiki + ":443", "https://" + strings.ToUpper(wiki)}, hostile...) {
		p := b.open("https://" + wiki + pathPopup + "?" + url.Values{paramOrigin: {raw}}.Encode())
		if want := map[bool]int{true: 200, false: 400}[raw == ""]; p.status != want || strings.Contains(p.body, "evil") {
			t.Errorf("origin %q: %d, want %d\n%.200s", raw, p.status, want, p.body)
		}
	}
}
