package authorize

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

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

// inGroups is somebody in so many groups.
func inGroups(id string, n int) *identity.Person {
	p := identity.Person{ID: id, Email: id + "@example.com", Status: identity.StatusActive}
	for i := range n {
		p.Groups = append(p.Groups, identity.Group{ID: fmt.Sprint("00g", i), Name: fmt.Sprint("g", i)})
	}
	return identity.NewPerson(p)
}

// manyGroups are so many criteria on one group each.
func manyGroups(n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprint("groups: n", i))
	}
	return strings.Join(all, ", ")
}

func TestSmallestChangeIsTold(t *testing.T) {
	directory := people{
		"ann": person("ann", identity.StatusActive), "sue": person("sue", identity.StatusSuspended),
		"five": inGroups("five", 5), "seven": inGroups("seven", 7),
	}
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
		{"allow: {and: []}", "ann", "no allow rule can hold for anybody"},
		{"allow: {or: [reject: true, groups: admins]}", "ann", "is not in group admins"},
		{"allow: {not: [accept: true, groups: wiki]}", "ann", "no allow rule can hold for anybody"},
		{"allow: {not: [groups: wiki, http_method: GET]}", "ann", `is in group wiki and http_method is GET, which the rule excludes (is "GET")`},
		{"allow: {or: [groups: a1, groups: a2, groups: a3, groups: a4]}", "ann", "is not in group a1; or is not in group a2; or is not in group a3; or is not in group a4"},
		{"[{allow: {or: [groups: a1]}}, {allow: {or: [groups: a1]}}]", "ann", "is not in group a1"},
		{"[{allow: {and: [groups: a, groups: b]}}, {allow: {and: [groups: c, groups: d]}}]", "ann", "is not in group a and is not in group b; or is not in group c and is not in group d"},
		{"[{allow: {or: [groups: a]}}, {allow: {mode: shadow, or: [groups: b]}}]", "ann", "is not in group a"},
		{"[{allow: {or: [groups: a]}}, {deny: {or: [groups: other]}}]", "ann", "is not in group a"},
		{"[{allow: {or: [groups: a]}}, {deny: {mode: shadow, or: [groups: wiki]}}]", "ann", "is not in group a"},
		{"[{allow: {or: [groups: a]}}, {deny: {not: [groups: other], or: [reject: true]}}]", "ann", "is not in group other (denied at config.yaml:1:38)|is not in group a"},
		{"{allow: {or: [accept: true]}, deny: {not: [groups: a, http_method: PUT]}}", "ann", `is not in group a or http_method is GET, the rule wants is "PUT" (denied at config.yaml:1:38)`},
		{"{allow: {or: [accept: true]}, deny: {nor: [groups: a, http_method: PUT, groups: wiki]}}", "ann", `is not in group a and http_method is GET, the rule wants is "PUT" (denied at config.yaml:1:38)`},
		{"{allow: {or: [accept: true]}, deny: {or: [groups: wiki, http_method: GET, groups: a]}}", "ann", `is in group wiki and http_method is GET, which the rule excludes (is "GET") (denied at config.yaml:1:38)`},
		{"{allow: {or: [accept: true]}, deny: {or: [authenticated_user: true]}}", "ann", "whoever an allow rule lets in, a deny rule keeps out"},
		{"allow: {or: [groups: {is: admins}]}", "ann", `groups is wiki (00gwiki), the rule wants is "admins"`},
		{"allow: {or: [groups: {has: admins, exclude: x}]}", "ann", `groups is wiki (00gwiki), the rule wants has "admins" and exclude "x"`},
		{"allow: {or: [groups: two words]}", "ann", `is not in group "two words"`},
		{"allow: {or: [groups: {is: admins}]}", "five", `groups is g0 (00g0), g1 (00g1), g2 (00g2), g3 (00g3), g4 (00g4), the rule wants is "admins"`},
		{"allow: {or: [groups: {is: admins}]}", "seven", `groups is g0 (00g0), g1 (00g1), g2 (00g2), g3 (00g3), g4 (00g4) and 2 more, the rule wants is "admins"`},
		{"allow: {or: [" + manyGroups(70) + "]}", "ann", "is not in group n0; or is not in group n1; or is not in group n2; or is not in group n3; or many more"},
		// One fact that mends both is told for the deny rule alone.
		{"{allow: {or: [groups: staff]}, deny: {not: [groups: staff]}}", "ann", "is not in group staff (denied at config.yaml:1:39)"},
		{"allow: {and: [http_method: POST, http_method: PUT]}", "ann", "no allow rule can hold for anybody"},
		{"{allow: {or: [groups: a, http_method: PUT]}, deny: {or: [groups: a]}}", "ann", `http_method is GET, the rule wants is "PUT"`},
		{"{allow: {or: [groups: a]}, deny: {and: [groups: wiki, groups: a]}}", "ann", "is in group wiki (denied at config.yaml:1:35)|is not in group a"},
		{"allow: {and: [" + manyGroups(9) + "]}", "ann", "more is missing than can be told in short: the rules below say what they want"},
		{"{allow: {or: [accept: true]}, deny: {not: [device: {type: any}]}}", "ann", "whoever an allow rule lets in, a deny rule keeps out"},
		{"{allow: {or: [groups: a]}, deny: {or: [authenticated_user: true]}}", "ann", "whoever an allow rule lets in, a deny rule keeps out"},
		{"{allow: {or: [accept: true]}, deny: {or: [cors_preflight: true]}}", "ann", ""},
		{"allow: {or: [auth_age: {max: 15m}]}", "ann", "must sign in again: the sign-in may be 15m old"},
		{"allow: {and: [auth_age: {max: 15m}, auth_method: mfa, auth_context: urn:x]}", "ann", "must sign in again: the sign-in may be 15m old, with mfa, as strong as urn:x"},
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
	if e.Decision != "deny" || e.Route != nil || len(e.Change) != 1 || e.Change[0] != "no route matches" || e.Reasons[0] != "route-not-found" {
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

func TestExplanationHoldsTheWholeDecision(t *testing.T) {
	r := route(t, "r", `[
  {allow: {or: [groups: wiki, claim/dept: y], and: [], not: [http_method: PUT]}},
  {deny: {or: [http_path: /secret]}},
  {deny: {mode: shadow, or: [source_ip: 192.0.2.0/24]}}]`)
	r.Position = policy.Position{File: "config.yaml", Line: 7, Col: 3}
	dan := identity.NewPerson(identity.Person{ID: "dan", Email: "dan@example.com", Status: identity.StatusActive, Groups: []identity.Group{{ID: "00gwiki", Name: "wiki"}, {ID: "00gnone"}}})
	a := newAuthorizer(t, Options{Routes: []*config.Route{r}, Directory: people{"dan": dan}})
	got := a.Explain(r, signedIn("dan"), policy.Request{Method: "GET", Host: "wiki.example.com", Path: "/x", IP: netip.MustParseAddr("192.0.2.1")})
	had := []string{"00gnone", "wiki (00gwiki)"}
	want := Explanation{
		Decision: "allow", Reasons: []string{"groups-ok", "http-method-unauthorized", "http-path-unauthorized"},
		Allow: Verdict{true, []string{"groups-ok", "http-method-unauthorized"}}, Deny: Verdict{false, []string{"http-path-unauthorized"}},
		Rule: "config.yaml:2:4", Shadow: &ToldShadow{Decision: "shadow-deny", Rule: "config.yaml:4:4"},
		Route:   &ToldRoute{ID: "r", Name: "r name", Position: "config.yaml:7:3"},
		Who:     ToldPerson{Subject: "dan", Email: "dan@example.com", Status: "ACTIVE", Groups: []string{"00gnone", "wiki"}},
		Request: ToldRequest{Method: "GET", Host: "wiki.example.com", Path: "/x", IP: "192.0.2.1"},
		Rules: []ToldRule{
			{Effect: "allow", Position: "config.yaml:2:4", Holds: true, Lists: []ToldList{
				{Operator: "or", Position: "config.yaml:2:12", Holds: true, Criteria: []ToldCriterion{
					{Name: "groups", Position: "config.yaml:2:17", Holds: true, Reason: "groups-ok", Wanted: `has "wiki"`, Had: had},
					{Name: "claim/dept", Position: "config.yaml:2:31", Reason: "claim-unauthorized", Wanted: `has "y"`, Had: []string{"x"}},
				}},
				{Operator: "not", Position: "config.yaml:2:56", Holds: true, Criteria: []ToldCriterion{
					{Name: "http_method", Position: "config.yaml:2:62", Reason: "http-method-unauthorized", Wanted: `is "PUT"`, Had: []string{"GET"}},
				}},
			}},
			{Effect: "deny", Position: "config.yaml:3:4", Lists: []ToldList{
				{Operator: "or", Position: "config.yaml:3:11", Criteria: []ToldCriterion{
					{Name: "http_path", Position: "config.yaml:3:16", Reason: "http-path-unauthorized", Wanted: `is "/secret"`, Had: []string{"/x"}},
				}},
			}},
			{Effect: "deny", Position: "config.yaml:4:4", Holds: true, Shadow: true, Lists: []ToldList{
				{Operator: "or", Position: "config.yaml:4:25", Holds: true, Criteria: []ToldCriterion{
					{Name: "source_ip", Position: "config.yaml:4:30", Holds: true, Reason: "source-ip-ok", Wanted: "in 192.0.2.0/24", Had: []string{"192.0.2.1"}},
				}},
			}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	empty := route(t, "e", "allow: {or: []}")
	a = newAuthorizer(t, Options{Routes: []*config.Route{empty}})
	if got := a.Explain(empty, signedIn("dan"), policy.Request{}); got.Who.Email != "dan@token.example" || got.Rules[0].Lists == nil || got.Rule != "" {
		t.Errorf("got %+v", got)
	}
	if got := place(policy.Position{Line: 3, Col: 1}); got != "3:1" {
		t.Errorf("a place in no file is told as %q", got)
	}
}

func TestTextTellsEverythingThatIsTold(t *testing.T) {
	everything := Explanation{
		Decision: "deny", Reasons: []string{"reject", "groups-unauthorized"}, Rule: "c:1:2",
		Shadow: &ToldShadow{Decision: "shadow-allow", Rule: "c:9:9"}, Route: &ToldRoute{Name: "wiki", Position: "c:1:1"},
		Who: ToldPerson{Subject: "00u1", Status: "ACTIVE", Age: "3s"}, Request: ToldRequest{Method: "GET", Host: "wiki.example.com", Path: "/x", IP: "192.0.2.1"},
		Notes: []string{"the directory is old"}, Change: []string{"one", "two"}, Advice: []string{"ask"},
		Rules: []ToldRule{{Effect: "deny", Holds: true, Shadow: true, Position: "c:2:2", Lists: []ToldList{
			{Operator: "or", Position: "c:3:3", Criteria: []ToldCriterion{{Name: "claim/x", Reason: "claim-unauthorized", Wanted: `has "y"`, Position: "c:4:4"}, {Name: "accept", Holds: true, Reason: "accept"}}},
			{Operator: "and", Holds: true, Criteria: []ToldCriterion{{Name: "email", Reason: "email-ok", Wanted: `is "y"`, Had: []string{"a", "b"}}}},
		}}},
	}
	for _, tt := range []struct {
		e    Explanation
		want string
	}{
		{everything, `deny
  who      00u1 ACTIVE
  request  GET wiki.example.com/x from 192.0.2.1
  known    by the directory, 3s old
  route    wiki at c:1:1
  rule     c:1:2
  reasons  reject, groups-unauthorized
  shadow   shadow-allow if rules in shadow counted at c:9:9
  note     the directory is old
  because  one
  and      two
  advice   ask

yes deny  c:2:2  in shadow
├─ no  or  c:3:3
│  ├─ no  claim/x has "y"; had nothing  claim-unauthorized  c:4:4
│  └─ yes accept  accept
└─ yes and
   └─ no  email is "y"; had a, b  email-ok
`},
		{Explanation{Decision: "deny"}, "deny\n  who      nobody signed in\n  request\n  route    none matches\n"},
	} {
		var b strings.Builder
		if err := tt.e.WriteText(&b); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, b.String()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	full := errors.New("disk full")
	if err := everything.WriteText(failing{full}); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }
