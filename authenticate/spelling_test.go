package authenticate

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestHostsThatAreAlmostRight(t *testing.T) {
	label := strings.Repeat("a", maxAuthority)
	for raw, want := range map[string]string{
		label: label, label + "a": "", "az09-_.za": "az09-_.za", "AZ": "az",
		"wiki.localhost.:8443": "wiki.localhost:8443", "wiki.localhost.:443": "wiki.localhost", "a:65535": "a:65535", "a:1": "a:1",
		"a:65536": "", "a:": "", "a:00": "", "a:1_0": "", "a:0x1": "", "a..": "", ".": "", "a`": "", "a{": "", "a/": "", "a;": "", "a:b:1": "",
		"[::1]:443": "[::1]", "[2001:DB8::1]": "[2001:db8::1]", "[::1:8443": "", "[127.0.0.1]": "", "[::1]a": "", "[::1]:0": "", "::1": "",
		"[fe80::1%eth0]": "", "[]": "", "]": "", "[": "",
	} {
		if got, ok := authority(raw); got != want || ok != (want != "") {
			t.Errorf("authority(%.60q) = %.60q, %t; want %.60q", raw, got, ok, want)
		}
	}
	for name, want := range map[string]bool{
		"localhost": true, "127.0.0.1": true, "127.255.0.1": true, "[::1]": true, "::1": true, "[::ffff:127.0.0.1]": true,
		"": false, "localhost.example.com": false, "10.0.0.1": false, "[2001:db8::1]": false, "0.0.0.0": false, "127.0.0.1.example.com": false,
	} {
		if got := isLoopback(name); got != want {
			t.Errorf("isLoopback(%q) = %t, want %t", name, got, want)
		}
	}
}

func TestAddressesThatFitACookie(t *testing.T) {
	for target, want := range map[string]bool{
		"/": true, "/" + strings.Repeat("a", maxInlineReturn-3): true, "/" + strings.Repeat("a", maxInlineReturn-2): false,
		"/?" + strings.Repeat("&", 100): false, // six bytes each, as they stand in the cookie
	} {
		if got := fitsCookie(target); got != want {
			t.Errorf("fitsCookie of %d bytes = %t, want %t", len(target), got, want)
		}
	}
	for raw, want := range map[string]string{"https://wiki.localhost?a": "", "https://wiki.localhost//a": "", "https://wiki.localhostx/": "", "/a": "/a", "": ""} {
		if got, ok := ownTarget(raw, wiki); got != want || ok != (want != "") {
			t.Errorf("ownTarget(%q) = %q, %t; want %q", raw, got, ok, want)
		}
	}
	for raw, want := range map[string]string{"/a%20b?c=%2F&d": "/a%20b?c=%2F&d", "/a?": "/a", "/": "/", "/a?b#c": "/a?b", "/a%5Cb": "/a%5Cb"} {
		u, err := url.Parse("https://" + wiki + raw)
		if err != nil {
			t.Fatal(err)
		}
		r := &http.Request{URL: u}
		if got := requestTarget(r); got != want {
			t.Errorf("requestTarget(%q) = %q, want %q", raw, got, want)
		}
	}
}

// An address of a few characters that are long in a cookie or a form is no fault
// of ours: a sign-out that cannot keep it ends on its own page.
func TestAddressThatIsLongInAFormIsNotHeard(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn(wiki)
	for target, kept := range map[string]bool{
		"https://" + wiki + "/?" + strings.Repeat("a", maxForeign-len("https://"+wiki+"/?")): true,
		"https://" + wiki + "/?" + strings.Repeat("&", 900):                                  false,
	} {
		p := b.open("https://" + wiki + pathSignOut + "?" + url.Values{paramRedirect: {target}}.Encode())
		if p.status != http.StatusOK || p.fields().Get(fieldToken) == "" || p.url.Query().Has(paramRedirect) != kept {
			t.Errorf("an address of %d characters: %d, want the page of the sign-out, and it kept %t", len(target), p.status, kept)
		}
	}
}

// Whatever we signed is still read with care: another version may have made it.
func TestTimesOfASignedURLMakeSense(t *testing.T) {
	c := newClock()
	u, now := newURLSigner(ringOf(t, "k"), c.now), c.now().Unix()
	life := int64(maxSignedLife / time.Second)
	text := func(n int64) string { return strconv.FormatInt(n, 10) }
	for name, tt := range map[string]struct {
		issued, expiry string
		want           error
	}{
		"as made":                {text(now), text(now + 60), nil},
		"the last second":        {text(now - 60), text(now + 1), nil},
		"over":                   {text(now - 60), text(now), errURLExpired},
		"the longest life":       {text(now), text(now + life), nil},
		"longer":                 {text(now), text(now + life + 1), errURLParams},
		"a clock ahead":          {text(now + 60), text(now + 120), nil},
		"a clock too far ahead":  {text(now + 61), text(now + 120), errURLParams},
		"no time of issue":       {"", text(now + 60), errURLParams},
		"no end":                 {text(now), "", errURLParams},
		"an end that is none":    {text(now), "soon", errURLParams},
		"an issue that is none":  {"now", text(now + 60), errURLParams},
		"an end beyond all ends": {text(now), "99999999999999999999", errURLParams},
	} {
		q := url.Values{"a": {"1"}, paramIssued: {tt.issued}, paramExpiry: {tt.expiry}}
		mac := u.mac(u.keys[0], homeAt, pathSignIn, q)
		q.Set(paramSignature, base64.RawURLEncoding.EncodeToString(mac))
		got, err := u.verify(homeAt, pathSignIn, q.Encode(), []string{"a"}, nil)
		if !errors.Is(err, tt.want) || tt.want == nil && (err != nil || got.Get("a") != "1" || got.Has(paramSignature)) {
			t.Errorf("%s: %v, %v; want %v", name, got, err, tt.want)
		}
	}
	for raw, ok := range map[string]bool{
		"": true, "a=" + strings.Repeat("x", maxQuery-2): true, "a=" + strings.Repeat("x", maxQuery-1): false, "a=1&a=2": false, "a;b": false, "%": false, "a=1&b=2": true,
	} {
		if q, err := strictQuery(raw); (err == nil) != ok || !ok && (q != nil || !errors.Is(err, errURLParams)) {
			t.Errorf("strictQuery of %d bytes: %v; want accepted %t", len(raw), err, ok)
		}
	}
	near, expired := url.Values{paramIssued: {text(now)}, paramExpiry: {text(now)}}, errURLExpired
	if err := u.checkTimes(near); !errors.Is(err, expired) {
		t.Errorf("a life of no time: %v", err)
	}
}
