package authorize

import (
	"strings"
	"testing"

	"sallyport/config"
	"sallyport/identity"
	"sallyport/policy"
)

// explained is what is told of somebody's GET of /.
func explained(t *testing.T, text string, directory people, id string) Explanation {
	t.Helper()
	r := route(t, "r", text)
	a := newAuthorizer(t, Options{Routes: []*config.Route{r}, Directory: directory})
	req := policy.Request{Method: "GET", Path: "/"}
	if id == "" {
		return a.Explain(r, nil, req)
	}
	s := signedIn(id)
	e := a.Explain(r, s, req)
	if d, _ := a.Check(r, s, req); d.Effect.String() != e.Decision {
		t.Errorf("%s: told %s, decided %s", text, e.Decision, d.Effect)
	}
	return e
}

func TestSmallestChangeIsTold(t *testing.T) {
	directory := people{"ann": person("ann", identity.StatusActive), "sue": person("sue", identity.StatusSuspended)}
	for _, tt := range []struct{ policy, who, want string }{
		{"allow: {or: [groups: admins]}", "ann", "is not in group admins"},
		{"allow: {or: [groups: wiki]}", "ann", ""},
		{"allow: {or: [groups: admins, groups: boss]}", "ann", "is not in group admins; or is not in group boss"},
		{"allow: {and: [groups: admins, http_method: POST]}", "ann", `is not in group admins and http_method is GET, the rule wants is "POST"`},
		{"[{allow: {and: [groups: admins, http_method: POST]}}, {allow: {or: [groups: boss]}}]", "ann", "is not in group boss"},
		{"allow: {not: [groups: wiki]}", "ann", "is in group wiki"},
		{"allow: {nor: [groups: wiki, http_method: GET]}", "ann", `is in group wiki; or http_method is GET, which the rule excludes (is "GET")`},
		{"allow: {and: [reject: true, groups: admins]}", "ann", "no allow rule can hold for anybody"},
		{"[]", "ann", "no allow rule can hold for anybody"},
		{"{allow: {or: [accept: true]}, deny: {or: [groups: wiki]}}", "ann", "is in group wiki (denied at config.yaml:1:38)"},
		{
			"{allow: {or: [groups: boss]}, deny: {and: [groups: wiki, http_method: GET]}}", "ann",
			`is in group wiki or http_method is GET, which the rule excludes (is "GET") (denied at config.yaml:1:38)` + "|is not in group boss",
		},
		{"allow: {or: [groups: a1, groups: a2, groups: a3, groups: a4, groups: a5]}", "ann", "is not in group a1; or is not in group a2; or is not in group a3; or is not in group a4; or 1 more"},
		{"allow: {or: [groups: wiki]}", "sue", "has the status SUSPENDED in the directory, and only active people may pass"},
		{"allow: {or: [groups: wiki]}", "bob", "is not known to the directory"},
		{"allow: {or: [groups: wiki]}", "", "is not signed in"},
		{"allow: {or: [cors_preflight: true]}", "", "is not cors_preflight"},
		{"allow: {or: [claim/none: x]}", "ann", `claim/none is nothing, the rule wants has "x"`},
	} {
		if got := strings.Join(explained(t, tt.policy, directory, tt.who).Change, "|"); got != tt.want {
			t.Errorf("%s as %q:\n got  %s\n want %s", tt.policy, tt.who, got, tt.want)
		}
	}
}

func TestTextBeginsWithTheDecision(t *testing.T) {
	e := explained(t, "allow: {and: [groups: wiki, http_method: POST]}", people{"ann": person("ann", identity.StatusActive)}, "ann")
	var b strings.Builder
	if err := e.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	want := `deny
  who      ann@example.com (ann) ACTIVE in wiki
  request  GET /
  route    r name
  reasons  http-method-unauthorized
  because  http_method is GET, the rule wants is "POST"

no  allow  config.yaml:1:1
└─ no  and  config.yaml:1:9
   ├─ yes groups has "wiki"; had wiki (00gwiki)  groups-ok  config.yaml:1:15
   └─ no  http_method is "POST"; had GET  http-method-unauthorized  config.yaml:1:29
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestStrangersSessionIsExplainedAsOfAStranger(t *testing.T) {
	e := explained(t, "allow: {or: [groups: wiki]}", people{"sue": person("sue", identity.StatusSuspended)}, "sue")
	if e.Decision != "deny" || e.Rules[0].Lists[0].Criteria[0].Reason != "user-unauthenticated" || e.Reasons[0] != "user-inactive" {
		t.Errorf("got %+v", e)
	}
}

func TestNoRouteIsExplained(t *testing.T) {
	e := newAuthorizer(t, Options{}).Explain(nil, nil, policy.Request{})
	if e.Decision != "deny" || e.Route != nil || len(e.Change) != 1 || e.Reasons[0] != "route-not-found" {
		t.Errorf("got %+v", e)
	}
}

func TestAdviceIsTold(t *testing.T) {
	r := route(t, "r", "allow: {or: [groups: admins]}")
	r.Policy = r.Policy.Advise(policy.Advice{Explanation: "Only admins.", Remediation: "Ask IT."})
	a := newAuthorizer(t, Options{Routes: []*config.Route{r}, Directory: people{"ann": person("ann", identity.StatusActive)}})
	e := a.Explain(r, signedIn("ann"), policy.Request{})
	var b strings.Builder
	if err := e.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	if len(e.Advice) != 1 || !strings.Contains(b.String(), "\n  advice   Only admins. Ask IT.\n") {
		t.Errorf("got %q in\n%s", e.Advice, b.String())
	}
	if e := a.Explain(r, signedIn("bob"), policy.Request{}); e.Advice != nil {
		t.Errorf("somebody unknown is told %q", e.Advice)
	}
}
