package proxy

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sallyport/config"
)

// route makes a route of "[scheme://]host[:port] [prefix=|path=|regex=]...".
func route(id, from string, match ...string) *config.Route {
	r := &config.Route{ID: id, Name: id}
	scheme, rest, found := strings.Cut(from, "://")
	if !found {
		scheme, rest = "https", from
	}
	r.From.Scheme = scheme
	r.From.Host = rest
	if i := strings.LastIndexByte(rest, ':'); i > strings.LastIndexByte(rest, ']') {
		r.From.Host, r.From.Port = rest[:i], rest[i+1:]
	}
	for _, m := range match {
		kind, value, _ := strings.Cut(m, "=")
		switch kind {
		case "prefix":
			r.Match.Prefix = value
		case "path":
			r.Match.Path = value
		case "regex":
			r.Match.Regex = regexp.MustCompile(`^(?:` + value + `)$`)
		}
	}
	return r
}

func router(t testing.TB, routes ...*config.Route) *Router {
	t.Helper()
	router, err := NewRouter(routes)
	if err != nil {
		t.Fatal(err)
	}
	return router
}

func found(r *config.Route, o Outcome) string {
	switch o {
	case BadHost:
		return "bad host"
	case NoHost:
		return "no host"
	case NoPath:
		return "no path"
	}
	return r.ID
}

func TestRouterMatches(t *testing.T) {
	rt := router(t,
		route("exact", "app.example.com", "path=/exact"),
		route("both", "app.example.com", "prefix=/admin", `regex=/admin/\d+`),
		route("admin", "app.example.com", "prefix=/admin"),
		route("regex", "app.example.com", `regex=/u/[a-z]+`),
		route("late", "app.example.com", "prefix=/admin/late"),
		route("insensitive", "app.example.com", `regex=(?i)/shout`),
		route("app", "app.example.com", "prefix=/app"),
		route("wide", "*.example.com"),
		route("wider", "*.com", "prefix=/"),
		route("infix", "a*z.example.com"),
		route("two", "*.dev.*.example.com"),
		route("all", "rest.test"),
		route("8443", "ports.test:8443", "prefix=/special"),
		route("any", "ports.test"),
		route("only", "only.test:8443"),
		route("onlywild", "*.test", "prefix=/w"),
		route("default", "default.test:443"),
		route("plain", "http://plain.test:80"),
		route("v6", "[2001:db8::1]"),
		route("idn", "bücher.example.net"),
	)
	for _, tt := range []struct{ host, path, want string }{
		{"app.example.com", "/exact", "exact"},
		{"app.example.com", "/exact/", "no path"},
		{"app.example.com", "/admin", "admin"},
		{"app.example.com", "/administrator", "admin"}, // a prefix is raw text
		{"app.example.com", "/admin/12", "both"},
		{"app.example.com", "/admin/late", "admin"}, // file order, not length
		{"app.example.com", "/u/alice", "regex"},
		{"app.example.com", "/u/alice/x", "no path"},
		{"app.example.com", "/x/u/alice", "no path"},
		{"app.example.com", "/SHOUT", "insensitive"},
		{"app.example.com", "/ADMIN", "no path"},
		{"app.example.com", "/", "no path"}, // no fall back to the wildcard
		{"APP.example.com.", "/exact", "exact"},
		{"app.example.com:9999", "/exact", "exact"},

		{"b.example.com", "/", "wide"},
		{"a.b.example.com", "/", "wide"}, // a star crosses dots
		{"example.com", "/", "wider"},
		{"abz.example.com", "/", "infix"},
		{"az.example.com", "/", "infix"}, // a star may take nothing
		{"x.dev.y.example.com", "/", "two"},
		{"elsewhere.org", "/", "no host"},
		{"com", "/", "no host"},

		{"ports.test:8443", "/special", "8443"},
		{"ports.test:8443", "/other", "any"},
		{"ports.test:8444", "/special", "any"},
		{"ports.test", "/special", "any"},
		{"only.test:8443", "/", "only"},
		{"only.test", "/w", "onlywild"}, // a host without a route on that port is none
		{"only.test", "/", "no path"},
		{"default.test", "/", "default"},
		{"default.test:443", "/", "default"},
		{"default.test:8443", "/w", "onlywild"},
		{"plain.test", "/", "plain"},
		{"plain.test:80", "/", "plain"},
		{"[2001:DB8:0::1]:443", "/", "v6"},
		{"xn--bcher-kva.example.net", "/", "idn"},

		{"a,b", "/", "bad host"},
		{"", "/", "bad host"},
		{"u@app.example.com", "/", "bad host"},
	} {
		if got := found(rt.Match(tt.host, tt.path)); got != tt.want {
			t.Errorf("Match(%q, %q) = %s, want %s", tt.host, tt.path, got, tt.want)
		}
	}
}

func TestRouterRefusesWhatCouldNeverBeRight(t *testing.T) {
	unanchored := route("x", "a.test")
	unanchored.Match.Regex = regexp.MustCompile(`/a|/b`)
	half := route("x", "a.test")
	half.Match.Regex = regexp.MustCompile(`^/a`)
	bare := route("x", "a.test")
	bare.Match.Regex = regexp.MustCompile(`/a`)
	ended := route("x", "a.test")
	ended.Match.Regex = regexp.MustCompile(`/a$`)
	tunnel := route("tunnel", "tcp+https://ssh.test:22")
	if _, err := NewRouter([]*config.Route{tunnel, unanchored}); err == nil {
		t.Error("what follows a tunnel is not checked")
	}
	if r, o := buildRouter([]*config.Route{tunnel, route("x", "a.test")}).Match("a.test", "/"); o != Found {
		t.Errorf("what follows a tunnel is lost: %v", r)
	}
	for _, r := range []*config.Route{unanchored, half, bare, ended, route("x", "a b.test"), route("x", "a..test"), route("x", "")} {
		if _, err := NewRouter([]*config.Route{r}); err == nil {
			t.Errorf("route %q %v was accepted", r.From.Host, r.Match.Regex)
		}
	}
}

// slowMatch is the definition of path matching: every route in file order.
func slowMatch(routes []*config.Route, path string) *config.Route {
	for _, r := range routes {
		m := r.Match
		if strings.HasPrefix(path, m.Prefix) && (m.Path == "" || m.Path == path) && (m.Regex == nil || m.Regex.MatchString(path)) {
			return r
		}
	}
	return nil
}

func TestIndexFindsWhatWalkingAllRoutesFinds(t *testing.T) {
	text := rapid.StringMatching(`(/|/a|/b|/ab|b|a){0,5}`)
	regex := rapid.SampledFrom([]string{"", "/a.*", "/ab?/.*", "(/a|/b)+", ".*b", "/a/b", "(?i)/A", "/(a)(b)", "/a/[ab]", ""})
	rapid.Check(t, func(t *rapid.T) {
		var routes []*config.Route
		for i := range rapid.IntRange(1, 12).Draw(t, "routes") {
			r := route(fmt.Sprint(i), "h.test")
			if rapid.Bool().Draw(t, "prefixed") {
				r.Match.Prefix = text.Draw(t, "prefix")
			}
			if rapid.IntRange(0, 3).Draw(t, "exact") == 0 {
				r.Match.Path = text.Draw(t, "path")
			}
			if e := regex.Draw(t, "regex"); e != "" {
				r.Match.Regex = regexp.MustCompile(`^(?:` + e + `)$`)
			}
			routes = append(routes, r)
		}
		index := newPathIndex(routes)
		for range 10 {
			path := text.Draw(t, "request")
			if got, want := index.match(path), slowMatch(routes, path); got != want {
				t.Fatalf("match(%q) = %+v, want %+v", path, got, want)
			}
		}
	})
}

// slowHost is the definition of host matching.
func slowHost(patterns []string, host string) string {
	best := ""
	for _, p := range patterns {
		if p == host {
			return p
		}
		re := regexp.MustCompile(`^` + strings.ReplaceAll(regexp.QuoteMeta(p), `\*`, `.*`) + `$`)
		if !strings.Contains(p, "*") || !re.MatchString(host) {
			continue
		}
		literal := func(s string) int { return len(s) - strings.Count(s, "*") }
		if best == "" || literal(p) > literal(best) || literal(p) == literal(best) && strings.Count(p, "*") < strings.Count(best, "*") {
			best = p
		}
	}
	return best
}

func TestWildcardsFindTheMostSpecific(t *testing.T) {
	label := rapid.SampledFrom([]string{"a", "b", "ab", "*", "a*", "*b", "a*b"})
	name := rapid.SampledFrom([]string{"a", "b", "ab", "aab", "abb"})
	rapid.Check(t, func(t *rapid.T) {
		var routes []*config.Route
		var patterns []string
		for range rapid.IntRange(1, 8).Draw(t, "patterns") {
			p := strings.Join(rapid.SliceOfN(label, 1, 4).Draw(t, "pattern"), ".")
			patterns = append(patterns, p)
			routes = append(routes, route(p, p))
		}
		rt := buildRouter(routes)
		for range 8 {
			host := strings.Join(rapid.SliceOfN(name, 1, 4).Draw(t, "host"), ".")
			got := ""
			if r, o := rt.Match(host, "/"); o == Found {
				got = r.ID
			}
			if want := slowHost(patterns, host); got != want {
				t.Fatalf("patterns %q: host %q went to %q, want %q", patterns, host, got, want)
			}
			if rt.servesName(host) != (got != "") {
				t.Fatalf("patterns %q: servesName(%q) = %t", patterns, host, got == "")
			}
		}
	})
}

func TestHostsLookUp(t *testing.T) {
	h := NewHosts([]*config.Route{route("a", "a.test"), route("a2", "a.test", "prefix=/x"), route("b", "b.test:8443"), route("w", "*.w.test"), route("c", "c.test:443")}, []string{"8443"})
	for host, want := range map[string]string{
		"a.test": "a", "A.test:8443": "a", "b.test:8443": "b", "x.y.w.test": "w", "x.w.test:8443": "w", "c.test": "c", "c.test:443": "c",
		"b.test": "", "d.test": "", "a.test@evil": "", "a.test:99": "", "x.w.test:99": "", "c.test:8443": "",
	} {
		got := ""
		if r, ok := h.Lookup(host); ok {
			got = r.ID
		}
		if got != want {
			t.Errorf("Lookup(%q) = %q, want %q", host, got, want)
		}
	}
}

func TestMatchDoesNotAllocate(t *testing.T) {
	rt := router(t, manyRoutes("mixed", 200)...)
	if n := testing.AllocsPerRun(100, func() { rt.Match("App7.example.com:443", "/team3/app7/x") }); n != 0 {
		t.Errorf("Match allocates %v times", n)
	}
}

// manyRoutes are n routes in one of the shapes that configurations have.
func manyRoutes(shape string, n int) []*config.Route {
	routes := make([]*config.Route, 0, n)
	for i := range n {
		var r *config.Route
		switch shape {
		case "hosts":
			r = route(fmt.Sprint(i), fmt.Sprintf("app%d.example.com", i))
		case "paths":
			r = route(fmt.Sprint(i), "app.example.com", fmt.Sprintf("prefix=/team%d/app%d/", i%100, i))
		case "wildcards":
			r = route(fmt.Sprint(i), fmt.Sprintf("*.tenant%d.example.com", i))
		case "regexes":
			r = route(fmt.Sprint(i), "app.example.com", fmt.Sprintf(`regex=/team%d/app%d/[a-z]*`, i%100, i))
		default:
			r = route(fmt.Sprint(i), fmt.Sprintf("app%d.example.com", i%50), fmt.Sprintf("prefix=/team%d/app%d/", i%10, i))
		}
		routes = append(routes, r)
	}
	return routes
}

func BenchmarkRouter(b *testing.B) {
	for _, n := range []int{10, 10_000} {
		last := n - 1
		for _, bb := range []struct{ shape, host, path string }{
			{"hosts", fmt.Sprintf("app%d.example.com", last), "/some/path"},
			{"paths", "app.example.com", fmt.Sprintf("/team%d/app%d/some/path", last%100, last)},
			{"wildcards", fmt.Sprintf("x.tenant%d.example.com", last), "/some/path"},
			{"regexes", "app.example.com", fmt.Sprintf("/team%d/app%d/path", last%100, last)},
		} {
			b.Run(fmt.Sprintf("%s/%d", bb.shape, n), func(b *testing.B) {
				rt := router(b, manyRoutes(bb.shape, n)...)
				if got := found(rt.Match(bb.host, bb.path)); got != fmt.Sprint(last) {
					b.Fatalf("found %s, want %d", got, last)
				}
				b.ReportAllocs()
				for b.Loop() {
					rt.Match(bb.host, bb.path)
				}
			})
		}
	}
}

func TestRoutesOfTunnelsAreNoMatterOfPaths(t *testing.T) {
	rt := router(t,
		route("tunnel", "tcp+https://no host at all:5432"),
		&config.Route{ID: "plain", From: config.From{Host: "plain.test"}},
		route("all", "*"),
	)
	if got := found(rt.Match("plain.test", "/")); got != "plain" {
		t.Errorf("a route without a scheme: %s, want it matched", got)
	}
	six := router(t, &config.Route{ID: "six", From: config.From{Scheme: "https", Host: "[2001:DB8:0::1]"}})
	if got := found(six.Match("[2001:db8::1]:8443", "/")); got != "six" {
		t.Errorf("a route of an IPv6 address: %s, want it matched however it is written", got)
	}
	for host, want := range map[string]bool{"plain.test": true, "any.test": true, "no host": false, "": false} {
		if got := rt.Knows(host); got != want {
			t.Errorf("Knows(%q) = %t, want %t", host, got, want)
		}
	}
}

func TestAMatchIsAllOfItsConditions(t *testing.T) {
	for _, tt := range []struct {
		match string
		path  string
		want  bool
	}{
		{"prefix=/a", "/ab", true},
		{"prefix=/a", "/b", false},
		{"path=/a", "/a", true},
		{"path=/a", "/ab", false},
		{"regex=/a+", "/aa", true},
		{"regex=/a+", "/b", false},
		{"regex=/([a-z]+)/x", "/abc/x", true},
		{"regex=/(abc)/x", "/abc/x", true},
		{"regex=/(?i)abc/x", "/ABC/x", true},
	} {
		r := route("x", "a.test", tt.match)
		if got := fits(r.Match, tt.path); got != tt.want {
			t.Errorf("%s fits %s: %t, want %t", tt.match, tt.path, got, tt.want)
		}
		if got := found(router(t, r).Match("a.test", tt.path)) == "x"; got != tt.want {
			t.Errorf("%s matches %s: %t, want %t", tt.match, tt.path, got, tt.want)
		}
	}
	if anchored("(") || literalPrefix("(") != "" {
		t.Error("an expression that is none counts as anchored, or has a beginning")
	}
}

func TestFinderTellsOnPaperWhatRequestsMeet(t *testing.T) {
	routes := []*config.Route{route("app", "app.test", "prefix=/a")}
	f, err := NewFinder(routes, config.Hygiene{MergeSlashes: true, NormalizePath: true})
	if err != nil {
		t.Fatal(err)
	}
	r, path, query, err := f.Find("APP.test:443", "//a/%62?q=1")
	if err != nil || r != routes[0] || path != "/a/b" || query != "q=1" {
		t.Errorf("Find = %v, %q, %q, %v; want the route, the decoded path and the query", r, path, query, err)
	}
	if r, path, _, err := f.Find("app.test", "/b"); r != nil || path != "/b" || err != nil {
		t.Errorf("Find of another path = %v, %q, %v; want no route", r, path, err)
	}
	if r, _, _, err := f.Find("app.test", "/a%2Fb"); r != nil || err == nil {
		t.Errorf("Find of a refused target = %v, %v; want its error", r, err)
	}
	if r, _, _, err := f.Find("app.test", "/a;x/../b"); r != nil || err != nil {
		t.Errorf("Find beside the route = %v, %v; want no route", r, err)
	}
	both, err := NewFinder([]*config.Route{route("slash", "app.test", "prefix=/a/"), route("all", "app.test")}, config.Hygiene{})
	if err != nil {
		t.Fatal(err)
	}
	if r, _, _, err := both.Find("app.test", "/a;x/b"); r != nil || !errors.Is(err, errAmbiguous) {
		t.Errorf("Find of two routes' path = %v, %v; want it refused", r, err)
	}
	if _, err := NewFinder([]*config.Route{route("x", "no host")}, config.Hygiene{}); err == nil {
		t.Error("a route that cannot be is found")
	}
	if _, err := NewFinder(routes, config.Hygiene{EscapedSlashes: "guess"}); err == nil {
		t.Error("rules that cannot be are followed")
	}
}

// What is not literal in an expression may stand anywhere in it: a path is found
// by all of the expression, not by the text that it seems to begin with.
func TestExpressionsAreFoundWhateverTheyBeginWith(t *testing.T) {
	routes := []*config.Route{
		route("group", "app.test", "regex=/x(a[bc])d"), route("case", "app.test", "regex=(?i:/Y)z"),
		route("choice", "app.test", "regex=(?:/p|/q)/r"), route("both", "app.test", "prefix=/both", "regex=/(both|other)/x"),
		route("exact", "app.test", "prefix=/e", "path=/exact"), route("later", "app.test", "regex=/x.*"), route("never", "app.test", "prefix=/n", "path=/other-n"),
	}
	r := router(t, routes...)
	for path, want := range map[string]string{
		"/xabd": "group", "/xacd": "group", "/xad": "later", "/yz": "case", "/Yz": "case", "/yZ": "no path", "/z": "no path",
		"/p/r": "choice", "/q/r": "choice", "/r": "no path", "/both/x": "both", "/other/x": "no path", "/exact": "exact", "/exacter": "no path", "/other-n": "no path", "/n": "no path",
	} {
		if got := found(r.Match("app.test", path)); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}
