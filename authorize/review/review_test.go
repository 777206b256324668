package review

import (
	"encoding/csv"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"sallyport/config"
	"sallyport/identity"
	"sallyport/policy"
)

func routed(t testing.TB, name, text string) *config.Route {
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
	r := reviewed([]*config.Route{
		routed(t, "wiki", "allow: {or: [groups: wiki]}"), routed(t, "open", "allow: {or: [accept: true]}"),
		routed(t, "half", "allow: {or: [http_method: GET]}"), routed(t, "none", "[]"),
		routed(t, "soon", "[{allow: {or: [user: a]}}, {mode: shadow, deny: {or: [user: a]}}, {mode: shadow, allow: {and: [user: b, http_method: GET]}}]"),
	}, Options{})
	var b strings.Builder
	if err := r.CSV(&b); err != nil {
		t.Fatal(err)
	}
	want := `route,from,person,email,access,conditions,why,rule,shadow
wiki,https://wiki.example.com:8443/p,a,'=a@example.com,allow,,"groups has ""wiki""",c.yaml:1:14,
open,https://open.example.com:8443/p,*,,allow,,public: nobody need be signed in,c.yaml:1:1,
open,https://open.example.com:8443/p,a,'=a@example.com,allow,,accept,c.yaml:1:14,
open,https://open.example.com:8443/p,b,b@example.com,allow,,accept,c.yaml:1:14,
half,https://half.example.com:8443/p,*,,conditional,"http_method is ""GET""",public: nobody need be signed in,c.yaml:1:1,
half,https://half.example.com:8443/p,a,'=a@example.com,conditional,"http_method is ""GET""",anybody who is signed in,c.yaml:1:14,
half,https://half.example.com:8443/p,b,b@example.com,conditional,"http_method is ""GET""",anybody who is signed in,c.yaml:1:14,
soon,https://soon.example.com:8443/p,a,'=a@example.com,allow,,"user is ""a""",c.yaml:1:16,shadow-deny
soon,https://soon.example.com:8443/p,b,b@example.com,none,,"user is ""b""",c.yaml:1:96,"shadow-conditional: http_method is ""GET"""
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestOptionsChoose(t *testing.T) {
	routes := []*config.Route{routed(t, "x", "[]"), routed(t, "y", "[]")}
	for _, tt := range []struct {
		o              Options
		routes, people int
		fails          bool
	}{
		{Options{}, 2, 2, false},
		{Options{Route: "x"}, 1, 2, false},
		{Options{Route: "Y.example.com"}, 1, 2, false},
		{Options{Person: "A"}, 2, 0, true},
		{Options{Person: "a"}, 2, 1, false},
		{Options{Person: "ANN"}, 2, 1, false},
		{Options{Person: "B@example.com", Route: "z"}, 0, 1, true},
	} {
		r := reviewed(routes, tt.o)
		if r.Routes() != tt.routes || r.People() != tt.people || (r.Empty() != nil) != tt.fails {
			t.Errorf("%+v: %d routes, %d people, %v", tt.o, r.Routes(), r.People(), r.Empty())
		}
	}
}

func TestStatusesThatMayPassAreTheConfigurations(t *testing.T) {
	routes := []*config.Route{routed(t, "x", "allow: {or: [authenticated_user: true]}")}
	n := 0
	reviewed(routes, Options{MayPass: func(s identity.Status) bool { return s != identity.StatusActive }}).Each(func(Entry) bool { n++; return true })
	if n != 0 {
		t.Errorf("%d people pass whose status may not", n)
	}
}

// The directory denies whoever the name would let in, so the review does too.
func TestNameOfSeveralGroupsLetsNobodyPass(t *testing.T) {
	routes := []*config.Route{routed(t, "wiki", "allow: {or: [groups: wiki, user: b]}"), routed(t, "open", "allow: {or: [accept: true, groups: wiki]}")}
	r := reviewed(routes, Options{Pins: map[string]string{"wiki": "", "other": ""}})
	var got []string
	r.Each(func(e Entry) bool { got = append(got, e.Route+" "+e.Person); return true })
	if s := strings.Join(got, ", "); s != "open *" {
		t.Errorf("got %s", s)
	}
	if w := r.Warnings(); len(w) != 2 || !strings.Contains(w[0], `route wiki lets nobody pass: the group name "wiki" means several groups`) {
		t.Errorf("got %q", w)
	}
	if w := reviewed(routes, Options{Pins: map[string]string{"wiki": "g"}}).Warnings(); w != nil {
		t.Errorf("got %q", w)
	}
}

func reviewed(routes []*config.Route, o Options) *Review {
	r := New(routes, o)
	for _, p := range crowd {
		r.Add(p)
	}
	return r
}

func TestEntriesAndBothFormatsTellTheSame(t *testing.T) {
	r := reviewed([]*config.Route{routed(t, "wiki", "allow: {or: [groups: wiki, http_method: GET]}"), routed(t, "open", "allow: {or: [accept: true]}")}, Options{})
	var want []Entry
	r.Each(func(e Entry) bool { want = append(want, e); return true })
	var b strings.Builder
	if err := r.JSON(&b, Source{Name: "facts"}); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Source         Source
		Routes, People int
		Access         []Entry
	}
	if err := json.Unmarshal([]byte(b.String()), &got); err != nil {
		t.Fatalf("%v\n%s", err, b.String())
	}
	if diff := cmp.Diff(want, got.Access); diff != "" || got.Routes != 2 || got.People != 2 || got.Source.Name != "facts" {
		t.Errorf("%+v\n%s", got, diff)
	}
	b.Reset()
	if err := r.CSV(&b); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(b.String())).ReadAll()
	if err != nil || len(rows) != 1+len(want) {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	n := 0
	r.Each(func(Entry) bool { n++; return false })
	if n != 1 {
		t.Errorf("told %d entries after the first was enough", n)
	}
}

func TestDiffTellsWhoLosesAndGains(t *testing.T) {
	before := reviewed([]*config.Route{routed(t, "x", "allow: {or: [user: a]}"), routed(t, "gone", "allow: {or: [user: a]}"), routed(t, "half", "allow: {or: [user: a]}")}, Options{})
	after := reviewed([]*config.Route{
		routed(t, "x", "[{allow: {or: [user: b]}}, {mode: shadow, allow: {or: [user: a]}}]"), routed(t, "half", "allow: {and: [user: a, http_method: GET]}"),
		routed(t, "open", "allow: {or: [accept: true]}"),
	}, Options{})
	d := NewDiff(before, after)
	var got []string
	d.Each(func(c Change) bool { got = append(got, c.Change+" "+c.Entry.Route+" "+c.Entry.Person); return true })
	if s := strings.Join(got, ", "); s != "loses x a, gains x b, conditions half a, gains open *, gains open a, gains open b, loses gone a" {
		t.Errorf("got %s", s)
	}
	if s := strings.Join(d.Summary(), "; "); s != "x: 1 lose it, 1 gain it, 0 on other conditions; half: 0 lose it, 0 gain it, 1 on other conditions; "+
		"open: 0 lose it, 2 gain it, 0 on other conditions; it becomes public; gone: 1 lose it, 0 gain it, 0 on other conditions" {
		t.Errorf("got %s", s)
	}
	var b strings.Builder
	if err := d.CSV(&b); err != nil || !strings.Contains(b.String(), "\nconditions,half,https://half.example.com:8443/p,a,'=a@example.com,conditional,") {
		t.Errorf("%v, %s", err, b.String())
	}
	b.Reset()
	var told struct{ Changes []Change }
	if err := d.JSON(&b, Source{}); err != nil || json.Unmarshal([]byte(b.String()), &told) != nil || len(told.Changes) != len(got) {
		t.Errorf("%v, %s", err, b.String())
	}
	if s := strings.Join(NewDiff(after, before).Summary(), "; "); !strings.Contains(s, "open: 2 lose it, 0 gain it, 0 on other conditions; it is no longer public") {
		t.Errorf("got %s", s)
	}
	if s := strings.Join(NewDiff(after, after).Summary(), "; "); s != "nothing changes for anybody" {
		t.Errorf("got %s", s)
	}
	NewDiff(after, after).Each(func(c Change) bool { t.Errorf("nothing changed, got %+v", c); return true })
}

// Routes that share a public URL, as those told apart by a header do, are
// compared in their order.
func TestDiffPairsRoutesOfTheSameURL(t *testing.T) {
	a, b := routed(t, "x", "allow: {or: [user: a]}"), routed(t, "x", "allow: {or: [user: b]}")
	n := 0
	NewDiff(reviewed([]*config.Route{a, b}, Options{}), reviewed([]*config.Route{a, b}, Options{})).Each(func(Change) bool { n++; return true })
	if n != 0 {
		t.Errorf("%d changes between a configuration and itself", n)
	}
}

func TestCellsReadBackAsTheyWere(t *testing.T) {
	for _, cells := range [][]string{
		{"a", "b"}, {"a,b", `say "x"`, ""}, {" a", "b ", "two\nlines"}, {"\r", "\u00a0x"}, {`""`, `\.`},
	} {
		want := make([]string, len(cells))
		for i, c := range cells {
			want[i] = harmless(c)
		}
		got, err := csv.NewReader(strings.NewReader(csvCells(cells...) + "\n")).Read()
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%q: %v %s", cells, err, diff)
		}
	}
	for cell, want := range map[string]string{"=1+1": "'=1+1", "@x": "'@x", "*": "*", "-1": "'-1", "a=": "a=", " =1": "' =1", "a; =1": "a;' =1", "a;@b": "a;'@b", "\uff1d1": "'\uff1d1", "\t1": "'\t1", "**": "**", "a\n+1": "\"a\n'+1\"", "x -1": "x -1"} {
		if got := csvCells(cell); got != want {
			t.Errorf("%q is written %s, want %s", cell, got, want)
		}
	}
}

// Routes of one host that are told apart by expressions are compared each with
// itself, whatever their order, and named apart.
func TestDiffTellsExpressionsApart(t *testing.T) {
	with := func(r *config.Route, expression string) *config.Route {
		r.Match = config.Match{Regex: regexp.MustCompile("^(?:" + expression + ")$")}
		return r
	}
	first, second := func() *config.Route { return with(routed(t, "api", "allow: {or: [user: a]}"), "/v1/.*") }, with(routed(t, "api", "allow: {or: [user: b]}"), "/v2/.*")
	before := reviewed([]*config.Route{first(), second}, Options{})
	if s := strings.Join(NewDiff(before, reviewed([]*config.Route{second, first()}, Options{})).Summary(), "; "); s != "nothing changes for anybody" {
		t.Errorf("got %s", s)
	}
	third := with(routed(t, "api", "allow: {or: [user: a]}"), "/v3/.*")
	want := "api (https://api.example.com:8443 ~ /v3/.*): 0 lose it, 1 gain it, 0 on other conditions; api (https://api.example.com:8443 ~ /v1/.*): 1 lose it, 0 gain it, 0 on other conditions"
	if s := strings.Join(NewDiff(before, reviewed([]*config.Route{third, second}, Options{})).Summary(), "; "); s != want {
		t.Errorf("got %s", s)
	}
}

// What rules in shadow would make of somebody who is not signed in is told as well.
func TestShadowIsToldOfEverybody(t *testing.T) {
	r := New([]*config.Route{
		routed(t, "open", "[{allow: {or: [accept: true]}}, {mode: shadow, deny: {or: [http_path: /x]}}]"),
		routed(t, "soon", "[{mode: shadow, allow: {or: [accept: true]}}]"),
	}, Options{})
	var got []string
	r.Each(func(e Entry) bool { got = append(got, e.Route+" "+e.Person+" "+e.Access+" "+e.Shadow); return true })
	if s := strings.Join(got, "; "); s != `open * allow shadow-conditional: unless http_path is "/x"; soon * none shadow-allow` {
		t.Errorf("got %s", s)
	}
	var b strings.Builder
	if err := r.CSV(&b); err != nil || !strings.Contains(b.String(), "\nsoon,https://soon.example.com:8443/p,*,,none,,public: nobody need be signed in,c.yaml:1:17,shadow-allow\n") {
		t.Errorf("%v, %s", err, b.String())
	}
	if s := strings.Join(NewDiff(r, r).Summary(), ""); s != "nothing changes for anybody" {
		t.Errorf("got %s", s)
	}
}
