package proxy

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"
	"pgregory.net/rapid"

	"sallyport/config"
	"sallyport/policy"
)

// aPolicy reads a policy as a configuration would hold it.
func aPolicy(t testing.TB, text string) *policy.Policy {
	t.Helper()
	var node yaml.Node
	if err := yaml.Unmarshal([]byte(text), &node); err != nil {
		t.Fatal(err)
	}
	p, problems := policy.Parse(&node, "test.yaml")
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return p
}

func pathRoute(id, path, prefix string) *config.Route {
	r := route(id, "app.test")
	r.Match.Path, r.Match.Prefix = path, prefix
	return r
}

// T03: servers that cut parameters off never read another route's path.
func TestPathParametersNeverLeadToAnotherRoute(t *testing.T) {
	w := newWorld(t, func(s *setup) {
		s.routes = []*config.Route{pathRoute("deny-admin", "", "/admin/"), pathRoute("deny-key", "/key", ""), pathRoute("all", "", "/")}
	})
	for target, want := range map[string]int{
		"/admin/y": 403, "/admin;x/y": 400, "/admin;/y": 400, "/admin%3bx/y": 400, "/admin%3Bx=/y;z": 400,
		"/key": 403, "/key;": 400, "/key;jsessionid=1": 400,
		"/app;v=1/y": 200, "/app/y;jsessionid=1": 200, "/administer;x/y": 200, "/admin;x": 200, "/;jsessionid=1": 200, "/app/keys;a;b=/c;d": 200,
		"/admin/y;x": 403,
	} {
		w.up.Reset()
		status, _ := w.raw("GET " + target + " HTTP/1.1\nHost: app.test\nConnection: close\n\n")
		if status != want || (want == 200) != (len(w.up.Requests()) == 1) {
			t.Errorf("%s: %d with %d requests forwarded, want %d", target, status, len(w.up.Requests()), want)
		}
	}
}

// Whoever decides is told what upstreams may read, and its word is kept.
func TestPathParametersNeverLeadToAnotherDecision(t *testing.T) {
	for _, tt := range []struct {
		target   string
		want     int
		recorded string
	}{
		{"/admin;x/y", 400, "deny /admin;x/y [path-ambiguous]"},
		{"/app;x/y", 200, "allow /app;x/y []"},
		{"/admin/y", 403, "deny /admin/y []"},
	} {
		w := newWorld(t, nil)
		w.people.denied = func(path string) bool { return strings.HasPrefix(path, "/admin/") }
		status, _ := w.raw("GET " + tt.target + " HTTP/1.1\nHost: app.test\nConnection: close\n\n")
		if status != tt.want || (tt.want == 200) != (len(w.up.Requests()) == 1) {
			t.Errorf("%s: %d with %d requests forwarded, want %d", tt.target, status, len(w.up.Requests()), tt.want)
		}
		if diff := cmp.Diff([]string{tt.recorded}, w.people.recorded); diff != "" {
			t.Errorf("%s: decision record (-want +got):\n%s", tt.target, diff)
		}
	}
}

func TestPathParametersActionIsHeeded(t *testing.T) {
	for action, want := range map[string]int{"reject_ambiguous": 200, "reject_request": 400, "keep_unchanged": 200} {
		w := newWorld(t, func(s *setup) { s.o.Hygiene.PathParameters = action })
		if status, _ := w.raw("GET /app;x/y HTTP/1.1\nHost: app.test\n\n"); status != want {
			t.Errorf("%s: harmless parameters: %d, want %d", action, status, want)
		}
	}
	kept := newWorld(t, func(s *setup) {
		s.o.Hygiene.EscapedSlashes = "keep_unchanged"
		s.routes = []*config.Route{pathRoute("deny-admin", "", "/admin/"), pathRoute("all", "", "/")}
	})
	for target, want := range map[string]int{"/admin%2Fy": 200, "/admin%2Fy;x": 400} {
		if status, _ := kept.raw("GET " + target + " HTTP/1.1\nHost: app.test\n\n"); status != want {
			t.Errorf("%s: %d, want %d: an escaped slash alone is no parameter", target, status, want)
		}
	}
	w := newWorld(t, func(s *setup) {
		s.o.Hygiene.PathParameters = "keep_unchanged"
		s.routes = []*config.Route{pathRoute("deny-admin", "", "/admin/"), pathRoute("all", "", "/")}
	})
	if status, _ := w.raw("GET /admin;x/y HTTP/1.1\nHost: app.test\n\n"); status != http.StatusOK {
		t.Errorf("keep_unchanged: %d, want 200 as the operator asked for", status)
	}
}

// Under keep_unchanged servers may decode what was kept: the policy must allow that
// path as well.
func TestKeptSlashesAreDecidedDecodedToo(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.o.Hygiene.EscapedSlashes = "keep_unchanged" })
	w.people.denied = func(path string) bool {
		return strings.HasPrefix(path, "/admin/") || strings.HasPrefix(path, `/win\`) || path == "/a%2Fb"
	}
	for target, want := range map[string]int{
		"/admin%2Fx": 400, "/admin%2fx": 400, "/%61dmin%2Fx": 400, "/admin%5Cx": 400, "/win%5Cx": 400, "/admin/x": 403, "/admin%2Fx;y": 400,
		"/a%252Fb": 400, "/admin%252Fx": 200, "/open%2Fx": 200, "/open%5Cx": 200, "/open%25": 200,
	} {
		if status, body := w.raw("GET " + target + " HTTP/1.1\nHost: app.test\n\n"); status != want {
			t.Errorf("%s: %d %.200s; want %d", target, status, body, want)
		}
	}
}

// genParameterPath makes paths of few names, so that they meet the routes of
// genPathRoutes often.
func genParameterPath() *rapid.Generator[string] {
	piece := rapid.SampledFrom([]string{"/", "/", "/", "a", "b", "ab", ";", ";", ";x", "%3b", "%2f", "%2F", ";a=b", "%20", "//", "~"})
	return rapid.Custom(func(t *rapid.T) string {
		return "/" + strings.Join(rapid.SliceOfN(piece, 0, 9).Draw(t, "pieces"), "")
	})
}

func genPathRoutes() *rapid.Generator[[]*config.Route] {
	path := rapid.SampledFrom([]string{"/a", "/a/", "/a/b", "/a/b/", "/b", "/b/a", "/ab", "/a;x/", "/;", "/"})
	return rapid.Custom(func(t *rapid.T) (routes []*config.Route) {
		for i := range rapid.IntRange(1, 5).Draw(t, "routes") {
			r := pathRoute(fmt.Sprint(i), "", path.Draw(t, "path"))
			if rapid.Bool().Draw(t, "exact") {
				r.Match.Path, r.Match.Prefix = r.Match.Prefix, ""
			}
			routes = append(routes, r)
		}
		return routes
	})
}

// What is accepted belongs to the route that was found, also to a server that
// cuts parameters off: before it decodes what is forwarded, or after.
func TestAcceptedPathsBelongToOneRouteInEveryReading(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		routes := genPathRoutes().Draw(rt, "routes")
		hygiene := config.Hygiene{
			MergeSlashes: rapid.Bool().Draw(rt, "merge"), NormalizePath: true,
			EscapedSlashes: rapid.SampledFrom([]string{"reject_request", "keep_unchanged", "unescape_and_forward"}).Draw(rt, "slashes"),
		}
		finder, err := NewFinder(routes, hygiene)
		if err != nil {
			rt.Fatal(err)
		}
		for _, raw := range rapid.SliceOfN(genParameterPath(), 10, 10).Draw(rt, "paths") {
			found, path, _, err := finder.Find("app.test", raw)
			if err != nil || found == nil {
				continue
			}
			for _, upstream := range []func(string) string{tomcat, decodingFirst} {
				reading := upstream(path)
				if other, _ := finder.gate.router.Match("app.test", reading); other != found {
					rt.Fatalf("%q is route %s, and an upstream reads %q of route %v", raw, found.ID, reading, other)
				}
			}
		}
	})
}

// tomcat cuts every segment off, then would decode; decodingFirst the other way
// round. Both are written in other words than the proxy's own.
func tomcat(path string) string {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		segments[i] = strings.SplitN(s, ";", 2)[0]
	}
	return strings.Join(segments, "/")
}

func decodingFirst(path string) string {
	if !strings.Contains(path, ";") {
		return path // what an escaped slash means without parameters is path_with_escaped_slashes_action's
	}
	return tomcat(strings.NewReplacer("%2F", "/", "%2f", "/", "%5C", "/", "%5c", "/").Replace(path))
}

// An application is not asked to take a request for one of another method where
// a policy says which methods may pass.
func TestMethodOverridesAreNotPassedWhereThePolicyNamesMethods(t *testing.T) {
	const request = "POST / HTTP/1.1\nHost: app.test\nTransfer-Encoding: chunked\nTrailer: X-Method-Override, X-Sum\n" +
		"X-HTTP-Method-Override: DELETE\nx-http-method: DELETE\nX-Method-Override: DELETE\nX_HTTP_Method_Override: DELETE\n" +
		"X-HTTP-MethodOverride: DELETE\nX-Method-Overwrite: DELETE\nX-Method: DELETE\nX-Request-Method: DELETE\n\n1\na\n0\nX-Method-Override: DELETE\nX-Sum: 1\n\n"
	for text, passed := range map[string]bool{
		"{allow: {and: [{http_method: {in: [GET, POST]}}]}}":                                            false,
		"{allow: {and: [{accept: true}]}, deny: {or: [{http_method: {is: DELETE}}]}}":                   false,
		"[{allow: {and: [{accept: true}]}}, {deny: {or: [{http_method: {is: DELETE}}]}}]":               false,
		"{allow: {and: [{http_path: {starts_with: /}}]}}":                                               true,
		"[{allow: {and: [{accept: true}]}}, {deny: {mode: shadow, or: [{http_method: {is: DELETE}}]}}]": true,
	} {
		w := newWorld(t, func(s *setup) {
			s.o.Hygiene.Underscores = "allow"
			s.routes[0].Policy = aPolicy(t, text)
		})
		status, _ := w.raw(request)
		if raw := w.up.Raw(); status != http.StatusOK || strings.Contains(raw, "DELETE") != passed {
			t.Errorf("%s: %d, the upstream read %q", text, status, raw)
		}
		if w.up.Last().Trailer.Get("X-Sum") != "1" {
			t.Errorf("%s: another trailer was lost", text)
		}
	}
}
