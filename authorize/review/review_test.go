package review

import (
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"sallyport/config"
	"sallyport/identity"
	"sallyport/policy"
)

func routed(t *testing.T, name, text string) *config.Route {
	t.Helper()
	var node yaml.Node
	if err := yaml.Unmarshal([]byte(text), &node); err != nil {
		t.Fatal(err)
	}
	p, problems := policy.Parse(&node, "c.yaml")
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return &config.Route{ID: name, Name: name, From: config.From{Scheme: "https", Host: name + ".example.com", Port: "8443"}, Match: config.Match{Prefix: "/p"}, Policy: p}
}

var crowd = []*identity.Person{
	identity.NewPerson(identity.Person{ID: "a", Email: "=a@example.com", Login: "ann", Status: identity.StatusActive, Groups: []identity.Group{{ID: "g", Name: "wiki"}}}),
	identity.NewPerson(identity.Person{ID: "b", Email: "b@example.com", Status: identity.StatusActive}),
}

func TestEachLineSaysWhoPassesWhatAndWhy(t *testing.T) {
	r := New([]*config.Route{
		routed(t, "wiki", "allow: {or: [groups: wiki]}"), routed(t, "open", "allow: {or: [accept: true]}"),
		routed(t, "half", "allow: {or: [http_method: GET]}"), routed(t, "none", "[]"),
	}, crowd, Options{})
	var b strings.Builder
	if err := r.CSV(&b); err != nil {
		t.Fatal(err)
	}
	want := `route,from,person,email,access,conditions,why,rule
wiki,https://wiki.example.com:8443/p,a,'=a@example.com,allow,,"groups has ""wiki""",c.yaml:1:14
open,https://open.example.com:8443/p,*,,allow,,public: nobody need be signed in,c.yaml:1:1
open,https://open.example.com:8443/p,a,'=a@example.com,allow,,accept,c.yaml:1:14
open,https://open.example.com:8443/p,b,b@example.com,allow,,accept,c.yaml:1:14
half,https://half.example.com:8443/p,*,,conditional,,public: nobody need be signed in,c.yaml:1:1
half,https://half.example.com:8443/p,a,'=a@example.com,conditional,"http_method is ""GET""",anybody who is signed in,c.yaml:1:14
half,https://half.example.com:8443/p,b,b@example.com,conditional,"http_method is ""GET""",anybody who is signed in,c.yaml:1:14
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestOptionsChoose(t *testing.T) {
	routes := []*config.Route{routed(t, "x", "[]"), routed(t, "y", "[]")}
	for o, want := range map[Options][2]int{
		{}: {2, 2}, {Route: "x"}: {1, 2}, {Route: "Y.example.com"}: {1, 2}, {Person: "A"}: {2, 0}, {Person: "a"}: {2, 1},
		{Person: "ANN"}: {2, 1}, {Person: "B@example.com", Route: "z"}: {0, 1},
	} {
		if r := New(routes, crowd, o); r.Routes() != want[0] || r.People() != want[1] {
			t.Errorf("%+v: %d routes, %d people", o, r.Routes(), r.People())
		}
	}
}

func TestDiffTellsWhoLosesAndGains(t *testing.T) {
	before := New([]*config.Route{routed(t, "x", "allow: {or: [user: a]}"), routed(t, "gone", "allow: {or: [user: a]}")}, crowd, Options{})
	after := New([]*config.Route{routed(t, "x", "allow: {or: [user: b]}")}, crowd, Options{})
	var got []string
	for _, c := range Diff(before, after) {
		got = append(got, c.Change+" "+c.Entry.Route+" "+c.Entry.Person)
	}
	if s := strings.Join(got, ", "); s != "gains x b, loses x a, loses gone a" {
		t.Errorf("got %s", s)
	}
	if s := strings.Join(Summary(Diff(before, after)), "; "); s != "x: 1 lose it, 1 gain it, 0 on other conditions; gone: 1 lose it, 0 gain it, 0 on other conditions" {
		t.Errorf("got %s", s)
	}
	if d := Diff(after, after); d != nil {
		t.Errorf("nothing changed, got %+v", d)
	}
}
