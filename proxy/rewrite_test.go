package proxy

import (
	"regexp"
	"strings"
	"testing"

	"sallyport/config"
)

func TestRedirectAndResponseRoutes(t *testing.T) {
	regex := route("regex", "re.test", "regex=/x/.*")
	regex.Redirect = &config.Redirect{Prefix: "/y", Status: 302}
	routes := []*config.Route{
		{ID: "r1", From: config.From{Scheme: "https", Host: "r1.test"}, Redirect: &config.Redirect{Host: "new.test", Status: 301}},
		{ID: "r2", From: config.From{Scheme: "http", Host: "r2.test"}, Redirect: &config.Redirect{HTTPS: true, StripQuery: true, Status: 308}},
		{ID: "r3", From: config.From{Scheme: "https", Host: "r3.test"}, Match: config.Match{Prefix: "/old"}, Redirect: &config.Redirect{Prefix: "/new", Port: 8443, Status: 302}},
		{ID: "r4", From: config.From{Scheme: "https", Host: "r4.test"}, Redirect: &config.Redirect{Path: "/landing?from=x", Scheme: "http", Status: 303}},
		{ID: "r5", From: config.From{Scheme: "https", Host: "r5.test"}, Response: &config.Response{Status: 418, Body: "teapot"}, SetResponseHeaders: map[string]string{"Content-Type": "text/html"}},
		{ID: "deny", From: config.From{Scheme: "https", Host: "r6.test"}, Response: &config.Response{Status: 200, Body: "secret"}},
		{ID: "r7", From: config.From{Scheme: "https", Host: "r7.test"}, Redirect: &config.Redirect{Host: "new.test:99"}},
		{ID: "r10", From: config.From{Scheme: "http", Host: "r10.test", Port: "8080"}, Redirect: &config.Redirect{HTTPS: true}},
		{ID: "r8", From: config.From{Scheme: "https", Host: "r8.test"}, Redirect: &config.Redirect{Path: "/landing?from=x", StripQuery: true}},
		{ID: "r9", From: config.From{Scheme: "https", Host: "r9.test"}, Match: config.Match{Prefix: "/old"}, Redirect: &config.Redirect{Prefix: "new"}},
		regex,
	}
	w := newWorld(t, func(s *setup) { s.routes = routes })
	for _, tt := range []struct {
		host, target, location string
		status                 int
	}{
		{"r1.test:8443", "/a?b=c", "https://new.test/a?b=c", 301},
		{"r2.test", "/a?b=c", "https://r2.test/a", 308},
		{"r2.test:80", "/a", "https://r2.test/a", 308},
		{"r10.test:8080", "/a", "https://r10.test:8080/a", 301},
		{"r8.test", "/a?b=c", "https://r8.test/landing?from=x", 301},
		{"r9.test", "/old/x", "", 500},
		{"r3.test", "/old/x%20y?z", "https://r3.test:8443/new/x%20y?z", 302},
		{"r3.test", "/old", "https://r3.test:8443/new", 302},
		{"r4.test", "/a?b=c", "http://r4.test/landing?from=x", 303},
		{"r7.test", "//evil.test/%2e", "https://new.test:99/evil.test/", 301},
		{"re.test", "/x/1", "https://re.test/y", 302},
	} {
		c := w.dial()
		c.send("GET " + tt.target + " HTTP/1.1\nHost: " + tt.host + "\n\n")
		if res, _ := c.read(); res.StatusCode != tt.status || res.Header.Get("Location") != tt.location {
			t.Errorf("%s%s: %d to %q, want %d to %q", tt.host, tt.target, res.StatusCode, res.Header.Get("Location"), tt.status, tt.location)
		}
	}
	c := w.dial()
	c.send("GET / HTTP/1.1\nHost: r5.test\n\n")
	if res, body := c.read(); res.StatusCode != 418 || body != "teapot" || res.Header.Get("Content-Type") != "text/html" {
		t.Errorf("response: %d %q %v", res.StatusCode, body, res.Header)
	}
	if code, body := w.raw("GET / HTTP/1.1\nHost: r6.test\n\n"); code != 403 || strings.Contains(body, "secret") {
		t.Errorf("a response route that is denied: %d %q", code, body)
	}
}

func TestRewritesAndHostHeaders(t *testing.T) {
	with := func(change func(*config.Route), match ...string) *config.Route {
		r := route("x", "app.test", match...)
		change(r)
		return r
	}
	to := func(path string) func(*config.Route) {
		return func(r *config.Route) { r.To = []config.Upstream{{URL: mustURL(t, "http://UPSTREAM"+path)}} }
	}
	prefix := func(p string) func(*config.Route) {
		return func(r *config.Route) { r.Rewrite = config.Rewrite{HasPrefix: true, Prefix: p} }
	}
	regex := func(e, s string) func(*config.Route) {
		return func(r *config.Route) { r.Rewrite = config.Rewrite{Regex: regexp.MustCompile(e), Substitution: s} }
	}
	host := func(h config.HostHeader) func(*config.Route) { return func(r *config.Route) { r.Host = h } }
	for _, tt := range []struct {
		name         string
		route        *config.Route
		target       string
		want, header string // Target and Host as the upstream read them; "" for 400
	}{
		{"to with a path", with(to("/base")), "/x?q", "/base/x?q", "UPSTREAM"},
		{"to with a path and a slash", with(to("/base/")), "/x", "/base/x", "UPSTREAM"},
		{"to with a path takes the prefix", with(to("/base"), "prefix=/app"), "/app/x", "/base/x", "UPSTREAM"},
		{"to with a slash is none", with(to("/"), "prefix=/app"), "/app/x", "/app/x", "UPSTREAM"},
		{"to with a path, root", with(to("/base")), "/", "/base/", "UPSTREAM"},
		{"prefix", with(prefix("/new"), "prefix=/old"), "/old/a%2Cb", "/new/a%2Cb", "UPSTREAM"},
		{"prefix, nothing left", with(prefix("/new"), "prefix=/old"), "/old", "/new", "UPSTREAM"},
		{"prefix, inside a word", with(prefix("/new"), "prefix=/old"), "/older", "/newer", "UPSTREAM"},
		{"prefix to root", with(prefix("/"), "prefix=/old"), "/old/a", "/a", "UPSTREAM"},
		{"prefix to root, nothing left", with(prefix("/"), "prefix=/old"), "/old", "/", "UPSTREAM"},
		{"prefix beyond ASCII", with(prefix("/new"), "prefix=/größe"), "/gr%c3%b6%C3%9Fe/x", "/new/x", "UPSTREAM"},
		{"prefix makes dots of pieces", with(prefix("/static/"), "prefix=/a"), "/a../secret", "", ""},
		{"prefix with a slash, inside a word", with(prefix("/new/"), "prefix=/old"), "/older", "/new/er", "UPSTREAM"},
		{"prefix with a slash", with(prefix("/new/"), "prefix=/old"), "/old/a", "/new/a", "UPSTREAM"},
		{"prefix without a slash in the place of one with", with(prefix("/new"), "prefix=/old/"), "/old/a", "/new/a", "UPSTREAM"},
		{"prefix with a slash in the place of one with", with(prefix("/new/"), "prefix=/old/"), "/old/a", "/new/a", "UPSTREAM"},
		{"exact path", with(prefix("/new"), "path=/old"), "/old", "/new", "UPSTREAM"},
		{"regex", with(regex(`^/u/([^/]+)/(.*)$`, "/${2}/of/${1}")), "/u/alice/mail%20box", "/mail%20box/of/alice", "UPSTREAM"},
		{"regex makes a query", with(regex(`^/u/(.*)$`, "/x?u=${1}")), "/u/a", "", ""},
		{"regex makes an empty query", with(regex(`^/u/(.*)$`, "/x/${1}?")), "/u/a", "", ""},
		{"regex makes dots", with(regex(`^/u/(.*)$`, "/x/.${1}/y")), "/u/.", "", ""},
		{"regex makes no slash", with(regex(`^/(.*)$`, "${1}")), "/a", "/a", "UPSTREAM"},
		{"host preserved", with(host(config.HostHeader{Preserve: true})), "/", "/", "app.test"},
		{"host literal", with(host(config.HostHeader{Literal: "inside.test"})), "/", "/", "inside.test"},
		{"host from a header", with(host(config.HostHeader{FromHeader: "X-Target"})), "/", "/", "tenant.test"},
		{"host from a header that is missing", with(host(config.HostHeader{FromHeader: "X-None"})), "/", "/", "UPSTREAM"},
		{"host from a header that is none", with(host(config.HostHeader{FromHeader: "X-Bad"})), "/", "", ""},
		{"host from the path", with(host(config.HostHeader{PathRegex: regexp.MustCompile(`^/([^/]+)/.*$`), PathSubstitution: "${1}.inside.test"})), "/t1/x", "/t1/x", "t1.inside.test"},
		{"host from a path that is none", with(host(config.HostHeader{PathRegex: regexp.MustCompile(`^/(.+)$`), PathSubstitution: "${1}"})), "/a@b", "", ""},
	} {
		w := newWorld(t, func(s *setup) { s.routes = nil })
		addr := w.up.URL().Host
		if tt.route.To == nil {
			tt.route.To = []config.Upstream{{URL: w.up.URL()}}
		}
		for i := range tt.route.To {
			tt.route.To[i].URL.Host = addr
		}
		w.o.Routes = []*config.Route{tt.route}
		h, err := New(w.o)
		if err != nil {
			t.Fatal(err)
		}
		w.plain = w.listen(NewServer(h, ServerOptions{Insecure: true}), nil)
		code, _ := w.raw("GET " + tt.target + " HTTP/1.1\nHost: app.test\nX-Target: Tenant.test\nX-Bad: a/b\n\n")
		got := w.up.Last()
		if want := strings.ReplaceAll(tt.header, "UPSTREAM", addr); got.Target != tt.want || got.Host != want || (tt.want == "") != (code == 400) {
			t.Errorf("%s: status %d, upstream read %q at %q, want %q at %q", tt.name, code, got.Target, got.Host, tt.want, want)
		}
	}
}

// What stays escaped in the path that is matched stays so behind a rewrite.
func TestRewritesKeepEscapedSlashes(t *testing.T) {
	g := gate{paths: pathRules(t, slashes("keep_unchanged"))}
	for _, tt := range []struct{ prefix, target, want string }{
		{"/old", "/old/y%2Fz", "/new/y%2Fz"},
		{"/old%2Fx", "/old%2Fx/y%2Fz", "/new/y%2Fz"},
		{"/old%2Fx", "/old%2fx", "/new"},
		{"/old%25x", "/old%25x/y", "/new/y"},
	} {
		r := route("x", "app.test", "prefix="+tt.prefix)
		r.Rewrite = config.Rewrite{HasPrefix: true, Prefix: "/new"}
		target, err := g.paths.read(tt.target)
		if err != nil || !strings.HasPrefix(target.match, tt.prefix) {
			t.Fatalf("%s reads as %+v, %v; want it below %s", tt.target, target, err, tt.prefix)
		}
		if got, err := g.upstreamPath(r, target, &upstream{}); err != nil || got != tt.want {
			t.Errorf("%s below %s becomes %q, %v; want %q", tt.target, tt.prefix, got, err, tt.want)
		}
	}
}

// Each of these is a way in which what stands behind a prefix could be cut off at
// the wrong place, or get a spelling that the application does not know.
func TestRewritesCutAtThePrefixThatMatched(t *testing.T) {
	for _, tt := range []struct {
		name           string
		change         func(*config.Hygiene)
		prefix         string
		rewrite        config.Rewrite
		target, result string
	}{
		{"two slashes that stay", func(h *config.Hygiene) { h.MergeSlashes = false }, "/old", config.Rewrite{HasPrefix: true, Prefix: "/new/"}, "/old/a", "/new/a"},
		{"a percent sign", func(*config.Hygiene) {}, "/a%b/", config.Rewrite{HasPrefix: true, Prefix: "/z/"}, "/a%25b/x", "/z/x"},
		{"escaped slashes of the rewrite", slashes("unescape_and_forward"), "/", config.Rewrite{Regex: regexp.MustCompile("^/(.*)$"), Substitution: "/x%2F$1"}, "/a", "/x%2Fa"},
	} {
		g := gate{paths: pathRules(t, tt.change)}
		r := route("x", "app.test", "prefix="+tt.prefix)
		r.Rewrite = tt.rewrite
		target, err := g.paths.read(tt.target)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := g.upstreamPath(r, target, &upstream{}); err != nil || got != tt.result {
			t.Errorf("%s: %q, %v; want %q", tt.name, got, err, tt.result)
		}
	}
}
