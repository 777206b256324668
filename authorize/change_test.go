package authorize

import (
	"strings"
	"testing"

	"sallyport/config"
	"sallyport/identity"
	"sallyport/policy"
)

func TestAnotherReadingOfThePathIsToldAsIt(t *testing.T) {
	r := route(t, "r", "[{allow: {or: [accept: true]}}, {deny: {or: [http_path: {starts_with: /admin/}]}}]")
	a := newAuthorizer(t, Options{Routes: []*config.Route{r}, Directory: people{"ann": person("ann", identity.StatusActive)}})
	for path, want := range map[string]string{
		"/admin;x/y":  "leave out what follows the semicolon",
		"/admin%2Fy":  "write its slashes without escapes",
		"/public%2Fy": "",
	} {
		readings := map[string][]string{"/public%2Fy": {"/public/y"}}[path]
		if readings == nil {
			readings = []string{"/other", "/admin/y"}
		}
		e := a.Explain(r, signedIn("ann"), policy.Request{Method: "GET", Path: path, Readings: readings})
		if got := strings.Join(e.Change, "|"); (want == "") != (got == "") || !strings.HasSuffix(got, want) || (e.Decision == "deny") != (want != "") {
			t.Errorf("%s: %s, told %q, want %q", path, e.Decision, got, want)
		}
	}
}

// Ways of which not every choice goes with every other are told one by one.
func TestWaysThatDoNotGoTogetherAreToldOneByOne(t *testing.T) {
	lack := func(name string, effect policy.Effect) policy.Lack {
		return policy.Lack{Criterion: policy.CriterionTrace{Name: name, Wanted: "x"}, Wanted: true, Effect: effect, List: policy.Position{File: "c", Line: 1, Col: 2}}
	}
	ways := []policy.Way{
		{Lacks: []policy.Lack{lack("a", policy.Deny), lack("b", policy.Allow)}},
		{Lacks: []policy.Lack{lack("c", policy.Deny), lack("d", policy.Allow)}},
	}
	if got := parted(ways); got != nil {
		t.Errorf("told part by part: %q", got)
	}
	want := "a is nothing, the rule wants x (denied at c:1:2) and b is nothing, the rule wants x; " +
		"or c is nothing, the rule wants x (denied at c:1:2) and d is nothing, the rule wants x"
	if got := alternatives(ways); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
