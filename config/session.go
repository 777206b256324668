package config

import (
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"sallyport/internal/keyring"
)

var ringKind = kind[[][]byte]{"base64 of 32 bytes or more, several between commas", value.ring}

var sessionKeys = []key[globals]{
	custom("cookie_name", textKind.name, readCookieName,
		"The session cookie's name; the names of the other cookies begin with it. Keep `__Host-` in front.").def("__Host-sallyport"),
	works("cookie_http_only", boolKind, func(g *globals) *bool { return &g.Session.CookieHTTPOnly },
		"Keeps scripts from reading the session cookie.").def("true"),
	works("cookie_same_site", enum("lax", "strict", "none"), func(g *globals) *string { return &g.Session.CookieSameSite },
		"When browsers send the session cookie with requests that other sites start.").def("lax"),
	works("cookie_expire", positiveKind, func(g *globals) *time.Duration { return &g.Session.CookieExpire },
		"How long a session lives at most, whatever happens.").def("14h"),
	works("session_idle_timeout", durationKind, func(g *globals) *time.Duration { return &g.Session.IdleTimeout },
		"Ends a session that was not used for so long. 0 is never.").def("0s").ours(),
	works("revocation_bound", durationKind, func(g *globals) *time.Duration { return &g.Session.RevocationBound },
		"How long sessions in memory are served while the store cannot be reached.").def("30s").ours(),
	works("cookie_secret", ringKind, func(g *globals) *[][]byte { return &g.Session.CookieSecret },
		"Seals cookies. Of several keys the first seals and all open: put a new one in front, and take the old one away after `cookie_expire`.").
		unset("made once and kept in `data_dir`").secret().file(),
	works("shared_secret", ringKind, func(g *globals) *[][]byte { return &g.Session.SharedSecret },
		"Seals records and signs what the proxy says to itself; assertions too without `signing_key`. Several keys as with `cookie_secret`. Replicas need the same.").
		unset("made once and kept in `data_dir`").secret().file(),
}

func (v value) ring() ([][]byte, bool) {
	s, ok := v.word()
	if !ok {
		return nil, false
	}
	secrets, err := keyring.Parse(s)
	if err != nil {
		v.fail("make one with: head -c32 /dev/urandom | base64", "%v", err)
		return nil, false
	}
	return secrets, true
}

// hostPrefix has browsers take a cookie from the very host alone that it is for
// (RFC 6265bis, 4.1.3.2).
const hostPrefix = "__Host-"

func readCookieName(g *globals, v value) {
	s, ok := v.word()
	if !ok {
		return
	}
	if !httpguts.ValidHeaderFieldName(s) || len(s) > 64 {
		v.expected("a cookie name: at most 64 letters, digits and signs such as _ and -", "")
		return
	}
	g.Session.CookieName = s
}

func (l *loader) checkSession(g *globals, said given) {
	if v := said["cookie_name"]; v.given() && g.Session.CookieName != "" && !strings.HasPrefix(g.Session.CookieName, hostPrefix) {
		v.warn("write "+hostPrefix+strings.TrimLeft(g.Session.CookieName, "_"),
			"without %s in front, other hosts of the domain can plant a session of their own in people's browsers", hostPrefix)
	}
	if v := said["cookie_http_only"]; v.given() && !g.Session.CookieHTTPOnly {
		v.warn("leave it out", "any script on a page of an application can take the session away")
	}
	if v := said["cookie_same_site"]; v.given() && g.Session.CookieSameSite == "none" {
		v.warn("lax, unless applications are embedded in pages of other sites", "requests that other sites start carry the session: applications must defend themselves")
	}
	if v := said["session_idle_timeout"]; v.given() {
		switch idle := g.Session.IdleTimeout; {
		case idle > 0 && idle < time.Minute:
			v.fail("write 1m or more, or 0 for no limit", "expected at least 1m, since use is noted once a minute")
		case idle >= g.Session.CookieExpire:
			v.warn("delete it, or make it shorter than cookie_expire", "has no effect: cookie_expire (%s) comes first", short(g.Session.CookieExpire))
		}
	}
}

// short writes a duration as an operator would: "14h", not "14h0m0s".
func short(d time.Duration) string {
	s := d.String()
	if len(s) > 2 && s[len(s)-2:] == "0s" && s[len(s)-3] == 'm' {
		s = s[:len(s)-2]
	}
	if len(s) > 2 && s[len(s)-2:] == "0m" && s[len(s)-3] == 'h' {
		s = s[:len(s)-2]
	}
	return s
}
