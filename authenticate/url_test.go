package authenticate

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestT22SignedURLRefusesWhateverWasNotSigned(t *testing.T) {
	c := newClock()
	u := newURLSigner(ringOf(t, "k"), c.now)
	sign := func() string {
		return u.sign(homeAt, pathSignIn, url.Values{"a": {"1"}, "b": {"x y&z=é"}}, signedURLLife)
	}
	verify := func(raw string) error {
		got, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		_, err = u.verify(got.Host, got.Path, got.RawQuery, []string{"a"}, []string{"b"})
		return err
	}
	if err := verify(sign()); err != nil {
		t.Fatalf("as signed: %v", err)
	}
	change := func(f func(url.Values)) string {
		got, _ := url.Parse(sign())
		q := got.Query()
		f(q)
		got.RawQuery = q.Encode()
		return got.String()
	}
	for name, raw := range map[string]string{
		"no signature":        change(func(q url.Values) { q.Del(paramSignature) }),
		"empty signature":     change(func(q url.Values) { q.Set(paramSignature, "") }),
		"short signature":     change(func(q url.Values) { q.Set(paramSignature, q.Get(paramSignature)[:40]) }),
		"another signature":   change(func(q url.Values) { q.Set(paramSignature, strings.Repeat("A", 43)) }),
		"changed value":       change(func(q url.Values) { q.Set("a", "2") }),
		"missing parameter":   change(func(q url.Values) { q.Del("b") }),
		"extra parameter":     change(func(q url.Values) { q.Set("c", "1") }),
		"second value":        sign() + "&a=1",
		"second signature":    sign() + "&" + paramSignature + "=x",
		"later expiry":        change(func(q url.Values) { q.Set(paramExpiry, strconv.FormatInt(c.now().Unix()+3600, 10)) }),
		"no expiry":           change(func(q url.Values) { q.Del(paramExpiry) }),
		"another path":        strings.Replace(sign(), pathSignIn, pathSignOut, 1),
		"another host":        strings.Replace(sign(), homeAt, wiki, 1),
		"semicolon":           sign() + ";d=1",
		"broken escape":       sign() + "&d=%zz",
		"endless":             sign() + "&d=" + strings.Repeat("x", maxQuery),
		"not signed for this": u.sign(homeAt, pathSignIn, url.Values{"a": {"1"}, "other": {"1"}}, signedURLLife),
		"needed one missing":  u.sign(homeAt, pathSignIn, url.Values{"b": {"1"}}, signedURLLife),
		"lives too long":      u.sign(homeAt, pathSignIn, url.Values{"a": {"1"}}, 2*maxSignedLife),
	} {
		if err := verify(raw); err == nil {
			t.Errorf("%s: accepted %s", name, raw)
		}
	}
	old := sign()
	c.add(signedURLLife - time.Second)
	if err := verify(old); err != nil {
		t.Errorf("just before its end: %v", err)
	}
	c.add(time.Second)
	if err := verify(old); err == nil {
		t.Error("accepted after its end")
	}
	ahead := newURLSigner(ringOf(t, "k"), func() time.Time { return c.now().Add(2 * time.Minute) })
	if err := verify(ahead.sign(homeAt, pathSignIn, url.Values{"a": {"1"}}, signedURLLife)); err == nil {
		t.Error("accepted one from the future")
	}
	near := newURLSigner(ringOf(t, "k"), func() time.Time { return c.now().Add(30 * time.Second) })
	if err := verify(near.sign(homeAt, pathSignIn, url.Values{"a": {"1"}}, signedURLLife)); err != nil {
		t.Errorf("clock of a replica half a minute ahead: %v", err)
	}
}

func TestSignedURLIsReadUnderEveryKeyOfTheRing(t *testing.T) {
	now := newClock().now
	params := func() url.Values { return url.Values{"a": {"1"}} }
	old := newURLSigner(ringOf(t, "o"), now).sign(homeAt, "/", params(), time.Minute)
	rotated := newURLSigner(ringOf(t, "n", "o"), now)
	got, _ := url.Parse(old)
	if _, err := rotated.verify(homeAt, "/", got.RawQuery, []string{"a"}, nil); err != nil {
		t.Errorf("signed before the rotation: %v", err)
	}
	if rotated.sign(homeAt, "/", params(), time.Minute) == old {
		t.Error("the new key does not sign")
	}
	after := newURLSigner(ringOf(t, "n"), now)
	if _, err := after.verify(homeAt, "/", got.RawQuery, []string{"a"}, nil); err == nil {
		t.Error("a key that was taken away still verifies")
	}
}

func TestT22SignInEndpointRefusesUnsignedAndTampered(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	good := b.step("https://" + wiki + "/").header.Get("Location")
	u, _ := url.Parse(good)
	with := func(f func(url.Values)) string {
		q := u.Query()
		f(q)
		return "https://" + homeAt + pathSignIn + "?" + q.Encode()
	}
	for name, raw := range map[string]string{
		"bare":          "https://" + homeAt + pathSignIn,
		"only redirect": "https://" + homeAt + pathSignIn + "?" + paramRedirect + "=https%3A%2F%2F" + wiki,
		"other target":  with(func(q url.Values) { q.Set(paramRedirect, "https://"+evil+pathCallback) }),
		"other binding": with(func(q url.Values) { q.Set(paramBinding, binding("attacker")) }),
		"other client":  with(func(q url.Values) { q.Set(paramClient, clientKey("second")) }),
		"extra":         with(func(q url.Values) { q.Set("x", "1") }),
	} {
		if p := b.step(raw); p.status != http.StatusBadRequest || p.header.Get("Location") != "" {
			t.Errorf("%s: got %d, Location %q", name, p.status, p.header.Get("Location"))
		}
	}
	w.clock.add(signedURLLife)
	if p := b.step(good); p.status != http.StatusBadRequest {
		t.Errorf("expired: got %d", p.status)
	}
	if len(w.idp.requests) != 0 {
		t.Error("the provider was asked")
	}
}

// hostile are spellings that have led others astray.
var hostile = []string{
	"//evil.localhost", `/\evil.localhost`, `\\evil.localhost`, `\/evil.localhost`, "https:evil.localhost", `https:/\evil.localhost`,
	"https:///evil.localhost", "https://evil.localhost", "https://evil.localhost/", "http://wiki.localhost/", "HTTPS://wiki.localhost/",
	"https://wiki.localhost@evil.localhost/", "https://wiki.localhost:443@evil.localhost/", "https://wiki.localhost.evil.localhost/",
	"https://evilwiki.localhost/", "https://wiki.localhost%2eevil.localhost/", "https://wiki.localhost%00.evil.localhost/",
	"https://wiki.localhost:8443/", "https://wiki.localhost:/", "https://wiki.localhost:x/", `https://wiki.localhost\@evil.localhost/`,
	`https://wiki.localhost\.evil.localhost`, "https://wiki.localhost#@evil.localhost/", "https://[wiki.localhost]/", "https://ẁiki.localhost/",
	"https://wiki。localhost/", "https://xn--wiki-.localhost/", "javascript:alert(1)", "data:text/html,x", "vbscript:x", "ftp://wiki.localhost/",
	"/\t/evil.localhost", "/\n/evil.localhost", "\t//evil.localhost", " //evil.localhost", "https://wiki.localhost/\r\nSet-Cookie: a=b",
	"/x\x00", "/x\x7f", "/é", "/x y", `/x\y`, "/#@evil.localhost", "%2f%2fevil.localhost", "evil.localhost", "?x", "", ".",
	"https://", "https:/", "//", "///evil.localhost", "/%0d%0aSet-Cookie:x", "/.//evil.localhost", "/" + strings.Repeat("a", maxReturn),
}

func TestT20ReturnURLNeverLeavesTheHost(t *testing.T) {
	for _, raw := range hostile {
		for _, from := range []func() (string, bool){
			func() (string, bool) { return localTarget(raw) },
			func() (string, bool) { return ownTarget(raw, wiki) },
		} {
			if target, ok := from(); ok {
				checkStays(t, raw, "https://"+wiki+target, wiki)
			}
		}
	}
	for raw, want := range map[string]string{
		"/": "/", "/a/b?c=d&e=%2F": "/a/b?c=d&e=%2F", "/%2f%2fevil.localhost": "/%2f%2fevil.localhost",
		"https://wiki.localhost": "/", "https://wiki.localhost/a?b": "/a?b",
	} {
		if got, ok := ownTarget(raw, wiki); !ok || got != want {
			t.Errorf("ownTarget(%q) = %q, %v; want %q", raw, got, ok, want)
		}
	}
}

// checkStays fails unless a browser would take location for an address of host.
func checkStays(t *testing.T, raw, location, host string) {
	t.Helper()
	u, err := url.Parse(location)
	if err != nil || u.Scheme != "https" || u.Host != host || u.User != nil || strings.ContainsAny(location, "\\\t\r\n\x00 #") {
		t.Errorf("%q became %q", raw, location)
	}
}

func TestT20SignInOnARouteHostReturnsOnlyToItself(t *testing.T) {
	w := newWorld(t)
	for _, raw := range hostile {
		b := w.browser()
		p := b.open("https://" + wiki + pathSignIn + "?" + url.Values{paramRedirect: {raw}}.Encode())
		if p.url.Host != wiki || slices.ContainsFunc(p.trail, func(u string) bool { return strings.HasPrefix(u, "https://"+evil) }) {
			t.Errorf("%q led to %s", raw, p.url)
		}
	}
	if p := w.browser().open("https://" + wiki + pathSignIn + "?" + paramRedirect + "=https%3A%2F%2Fwiki.localhost%2Fa"); !strings.Contains(p.body, "path=/a") {
		t.Errorf("got %d %s", p.status, p.body)
	}
	for _, q := range []string{"?" + paramPrompt + "=none", "?" + paramRedirect + "=%2F&" + paramRedirect + "=%2F", "?x=%zz"} {
		if p := w.browser().step("https://" + wiki + pathSignIn + q); p.status != http.StatusBadRequest {
			t.Errorf("%s: got %d, want 400", q, p.status)
		}
	}
}

func TestT20TargetsElsewhereAreOfRouteHostsOnly(t *testing.T) {
	allowed := func(h string) bool { return h == wiki }
	for _, raw := range hostile {
		if target, ok := foreignTarget(raw, allowed); ok {
			checkStays(t, raw, target, wiki)
		}
	}
	for raw, want := range map[string]string{
		"https://wiki.localhost": "https://wiki.localhost/", "https://WIKI.localhost:443/a?b=c": "https://wiki.localhost/a?b=c",
		"https://wiki.localhost?x=1": "https://wiki.localhost/?x=1", "https://wiki.localhost./a": "https://wiki.localhost/a",
	} {
		if got, ok := foreignTarget(raw, allowed); !ok || got != want {
			t.Errorf("foreignTarget(%q) = %q, %v; want %q", raw, got, ok, want)
		}
	}
}

func TestAuthorityHasOneSpelling(t *testing.T) {
	for raw, want := range map[string]string{
		"Wiki.Localhost": "wiki.localhost", "wiki.localhost.": "wiki.localhost", "wiki.localhost:443": "wiki.localhost",
		"wiki.localhost:8443": "wiki.localhost:8443", "[::1]:8443": "[::1]:8443", "[::1]": "[::1]", "127.0.0.1": "127.0.0.1",
		"": "", ":443": "", "a b": "", "a,b": "", "a@b": "", "a..b": "", ".a": "", "-a": "", "a:0": "", "a:-1": "", "a:+1": "",
		"a:08": "", "a:99999": "", "a:b": "", "[::1%25lo]": "", "[a]": "", "é.localhost": "", "a/b": "", "a\x00b": "",
		strings.Repeat("a", maxAuthority+1): "",
	} {
		got, ok := authority(raw)
		if got != want || ok != (want != "") {
			t.Errorf("authority(%q) = %q, %v; want %q", raw, got, ok, want)
		}
	}
}

func FuzzSignedURL(f *testing.F) {
	c := newClock()
	u := newURLSigner(ringOf(f, "k"), c.now)
	good, _ := url.Parse(u.sign(homeAt, pathSignIn, url.Values{"a": {"1"}}, time.Minute))
	f.Add(good.RawQuery)
	f.Add(good.RawQuery + "&b=2")
	f.Add("a=1&a=1")
	f.Add("%zz=;")
	f.Fuzz(func(t *testing.T, raw string) {
		got, err := u.verify(homeAt, pathSignIn, raw, []string{"a"}, nil)
		if err == nil && got.Get("a") != "1" {
			t.Errorf("accepted %q", raw)
		}
	})
}

func FuzzReturnURL(f *testing.F) {
	for _, raw := range hostile {
		f.Add(raw)
	}
	allowed := func(h string) bool { return h == wiki }
	f.Fuzz(func(t *testing.T, raw string) {
		if target, ok := localTarget(raw); ok {
			checkStays(t, raw, "https://"+wiki+target, wiki)
		}
		if target, ok := ownTarget(raw, wiki); ok {
			checkStays(t, raw, "https://"+wiki+target, wiki)
		}
		if target, ok := foreignTarget(raw, allowed); ok {
			checkStays(t, raw, target, wiki)
			if again, ok := foreignTarget(target, allowed); !ok || again != target {
				t.Errorf("%q became %q and then %q", raw, target, again)
			}
		}
	})
}

func FuzzCallbackQuery(f *testing.F) {
	f.Add("pomerium_attempt=" + newAttemptID(time.Unix(1, 0)) + "&pomerium_code=abc&pomerium_tries=1")
	f.Add("pomerium_tries=-1")
	f.Add("pomerium_tries=999999999999999999999")
	f.Add("pomerium_code=" + strings.Repeat("x", 100))
	f.Add("state=x&code=y&iss=z")
	f.Add("error=access_denied&error_description=%3Cscript%3E")
	f.Add("a=%zz;&&==")
	w := newWorld(f)
	b := w.browser()
	q := b.atProvider("https://" + wiki + "/")
	f.Add("state=" + url.QueryEscape(q.Get("state")) + "&code=y")
	b.open("https://" + wiki + "/")
	s := w.service.Load()
	f.Fuzz(func(t *testing.T, raw string) {
		if got := parseBack(raw); got.tries < 0 || got.tries > maxTries || len(got.code) > maxCode {
			t.Errorf("%q gave %+v", raw, got)
		}
		for host, path := range map[string]string{wiki: pathCallback, homeAt: pathOAuthCallback} {
			r := w.request(host, b.cookies(host)...)
			r.Header.Set("Accept", "text/html")
			r.URL.Path, r.URL.RawQuery = path, raw
			rec := newRecorder()
			s.ServeHTTP(rec, r)
			for _, c := range rec.cookies() {
				if (c.Name == w.codec.Name() || c.Name == w.codec.AuthenticateName("")) && c.Value != "" {
					t.Errorf("%s?%s gave a session", path, raw)
				}
			}
			if to, err := url.Parse(rec.h.Get("Location")); err != nil || to.Host != "" && to.Host != wiki && to.Host != homeAt {
				t.Errorf("%s?%s led to %s", path, raw, to)
			}
			if rec.status >= 500 {
				t.Errorf("%s?%s: %d", path, raw, rec.status)
			}
		}
	})
}
