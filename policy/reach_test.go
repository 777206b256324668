package policy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"sallyport/identity"
)

// What the sets say of a person is what the evaluator says, whatever they ask
// for: surely is always, and not at all is never. Devices are left out: a review
// takes them for a condition, and no device meets it.
func TestReachIsWhatTheEvaluatorSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := written(t, drawDocument(t)).policy
		program := must(t, p)
		in := drawInput(t)
		if in.Person == nil || len(p.Uses("device")) > 0 {
			return
		}
		in.Subject.ID, in.Subject.Email = in.Person.ID, in.Person.Email
		others := []*identity.Person{identity.NewPerson(identity.Person{ID: "x", Status: identity.StatusSuspended}), in.Person}
		reach := crowdOf(p, others...).Reach(p)
		access := reach.Of(1)
		if access == nil {
			access = &Access{}
		}
		may := access.May
		switch d := program.Eval(in); {
		case d.Effect == Allow && !may:
			t.Fatalf("passes, but the review does not know\n%s", p)
		case may && access.Sure && d.Effect != Allow:
			t.Fatalf("%+v, but the review says surely: %+v\n%s", d, access, p)
		case may && !access.Sure && len(access.Conditions) == 0:
			t.Fatalf("depends on nothing: %+v\n%s", access, p)
		}
		if reach.Of(0) != nil {
			t.Fatal("somebody who is suspended passes")
		}
	})
}

func TestReachSaysWhyAndOnWhichConditions(t *testing.T) {
	ann := identity.NewPerson(identity.Person{ID: "ann", Email: "ann@example.com", Status: identity.StatusActive, Groups: []identity.Group{{ID: "00gw", Name: "wiki"}}})
	for _, tt := range []struct {
		policy, why, conditions string
		sure, ok                bool
	}{
		{"allow: {or: [groups: none, groups: wiki]}", `groups has "wiki"`, "", true, true},
		{"allow: {or: [groups: 00gw]}", `groups has "00gw"`, "", true, true},
		{"allow: {or: [groups: none]}", "", "", false, false},
		{"allow: {or: [accept: true]}", "accept", "", true, true},
		{"allow: {and: [groups: wiki, http_method: GET, email: {ends_with: '@example.com'}]}", `groups has "wiki" and email ends_with "@example.com"`, `http_method is "GET"`, false, true},
		{"allow: {or: [http_method: GET, claim/x: y]}", "anybody who is signed in", `http_method is "GET" or claim/x has "y"`, false, true},
		{"{allow: {or: [groups: wiki]}, deny: {not: [source_ip: 10.0.0.0/8]}}", `groups has "wiki"`, "source_ip 10.0.0.0/8", false, true},
		{"{allow: {or: [groups: wiki]}, deny: {or: [email: ann@example.com]}}", "", "", false, false},
		{"{allow: {or: [groups: wiki]}, deny: {or: [email: ann@example.com], mode: shadow}}", `groups has "wiki"`, "", true, true},
		{"[{allow: {and: [groups: wiki, auth_age: {max: 15m}]}}]", `groups has "wiki"`, `auth_age max "15m"`, false, true},
		{"allow: {not: [groups: none]}", `not groups has "none"`, "", true, true},
		{"allow: {nor: [groups: wiki, groups: none]}", `not groups has "none"`, "", true, true},
		{"[]", "", "", false, false},
		{"{allow: {or: [groups: wiki]}, deny: {not: [groups: wiki, invalid_client_certificate: true]}}", `groups has "wiki"`, "not invalid_client_certificate", false, true},
		{"{allow: {or: [groups: wiki]}, deny: {or: [invalid_client_certificate: true]}}", `groups has "wiki"`, "unless invalid_client_certificate", false, true},
		// Of a deny rule the part that is not known of the person is the condition.
		{"{allow: {or: [groups: wiki]}, deny: {and: [groups: wiki, http_method: PUT, http_path: /x]}}", `groups has "wiki"`, `unless http_method is "PUT" and http_path is "/x"`, false, true},
		{"{allow: {or: [groups: wiki]}, deny: {or: [groups: none, http_method: PUT, http_path: /x]}}", `groups has "wiki"`, `unless http_method is "PUT" or http_path is "/x"`, false, true},
		{"{allow: {or: [groups: wiki]}, deny: {not: [groups: none, http_method: GET, http_path: /x]}}", `groups has "wiki"`, `http_method is "GET" or http_path is "/x"`, false, true},
		{"{allow: {or: [groups: wiki]}, deny: {nor: [groups: wiki, http_method: GET, http_path: /x]}}", `groups has "wiki"`, `http_method is "GET"|http_path is "/x"`, false, true},
		{"{allow: {and: [groups: wiki, http_method: GET]}, deny: {not: [http_method: GET]}}", `groups has "wiki"`, `http_method is "GET"`, false, true},
	} {
		p := parsed(t, tt.policy)
		got := crowdOf(p, ann).Reach(p).Of(0)
		if got == nil {
			got = &Access{}
		}
		if ok := got.May; ok != tt.ok || got.Sure != tt.sure || got.Why != tt.why || strings.Join(got.Conditions, "|") != tt.conditions {
			t.Errorf("%s: got %+v", tt.policy, got)
		}
	}
}

func TestReachNamesWhatIsKnownFirst(t *testing.T) {
	ann := identity.NewPerson(identity.Person{ID: "ann", Email: "Ann@Example.com", Status: identity.StatusActive, Groups: []identity.Group{{ID: "00gw", Name: "wiki"}}})
	for _, tt := range []struct {
		policy, why, conditions string
		col                     int
	}{
		{"[{allow: {or: [http_method: GET]}}, {allow: {or: [groups: wiki]}}]", `groups has "wiki"`, "", 51},
		{"[{allow: {or: [http_method: GET]}}, {allow: {or: [http_method: PUT]}}]", "anybody who is signed in", `http_method is "GET"`, 16},
		{"[{allow: {or: [groups: no]}}, {allow: {or: [http_method: PUT]}}]", "anybody who is signed in", `http_method is "PUT"`, 45},
		{"allow: {or: [http_method: GET, groups: wiki]}", `groups has "wiki"`, "", 32},
		{"allow: {and: [http_method: GET, groups: wiki]}", `groups has "wiki"`, `http_method is "GET"`, 33},
		{"allow: {and: [http_method: GET, source_ip: 10.0.0.1]}", "anybody who is signed in", `http_method is "GET"|source_ip 10.0.0.1/32`, 15},
		{"allow: {and: [authenticated_user: true, user: ann]}", `authenticated_user and user is "ann"`, "", 15},
		{"allow: {or: [domain: example.com]}", `domain is "example.com"`, "", 14},
		{"allow: {or: [email: {in: [x, ANN@example.com]}]}", `email in "x", "ANN@example.com"`, "", 14},
		{"allow: {or: [user: {not: bob}]}", `user not "bob"`, "", 14},
		{"allow: {or: [groups: {is: wiki}]}", `groups is "wiki"`, "", 14},
		{"allow: {or: [groups: {exclude: none}]}", `groups exclude "none"`, "", 14},
		{"allow: {or: [groups: {has: wiki, exclude: none}]}", `groups has "wiki" and exclude "none"`, "", 14},
		{"allow: {nor: [device: {type: any}]}", "anybody who is signed in", `not device type "any"`, 15},
		{"[{allow: {or: [groups: wiki]}}, {deny: {or: [http_method: PUT]}}, {deny: {or: [http_path: /x]}}, {deny: {or: [groups: no]}}]", `groups has "wiki"`, `unless http_method is "PUT"|unless http_path is "/x"`, 16},
	} {
		p := parsed(t, tt.policy)
		r := crowdOf(p, ann).Reach(p)
		got := r.Of(0)
		if got == nil {
			t.Errorf("%s: nobody passes", tt.policy)
			continue
		}
		if got.Why != tt.why || strings.Join(got.Conditions, "|") != tt.conditions || got.Position.Col != tt.col || !got.May || got.Sure != (tt.conditions == "") {
			t.Errorf("%s: got %+v", tt.policy, got)
		}
		if r.Public != p.Public() {
			t.Errorf("%s: public is %v", tt.policy, r.Public)
		}
	}
}

// Many people, in more words than one, and a policy of more criteria than a byte
// has bits: everybody gets what they would alone.
func TestReachOfManyIsThatOfEach(t *testing.T) {
	var text strings.Builder
	text.WriteString("- allow: {or: [groups: all]}\n")
	for i := range 9 {
		fmt.Fprintf(&text, "- deny: {and: [groups: g%d, http_method: M%d]}\n", i, i)
	}
	text.WriteString("- {mode: shadow, allow: {or: [groups: new]}}\n- {mode: shadow, deny: {or: [groups: g8]}}\n")
	p := parsed(t, text.String())
	var crowd []*identity.Person
	for i := range 200 {
		groups := []identity.Group{{ID: "x", Name: "all"}}
		if i%5 == 0 {
			groups = nil
		}
		for g := range 9 {
			if i%(g+2) == 0 {
				groups = append(groups, identity.Group{ID: fmt.Sprint("id", g), Name: fmt.Sprint("g", g)})
			}
		}
		if i == 130 || i == 195 {
			groups = []identity.Group{{ID: "n", Name: "new"}}
		}
		crowd = append(crowd, identity.NewPerson(identity.Person{ID: fmt.Sprint(i), Status: identity.StatusActive, Groups: groups}))
	}
	c := crowdOf(p, crowd...)
	many := c.Reach(p)
	if c.Len() != 200 {
		t.Errorf("got %d people", c.Len())
	}
	told := map[int]*Access{}
	last := -1
	many.Each(func(i int, a *Access) bool {
		if i <= last {
			t.Errorf("%d comes after %d", i, last)
		}
		last, told[i] = i, a
		return true
	})
	may, surely := 0, 0
	for i, person := range crowd {
		alone := crowdOf(p, person).Reach(p).Of(0)
		if diff := cmp.Diff(alone, many.Of(i)); diff != "" {
			t.Errorf("%d (-alone +among many):\n%s", i, diff)
		}
		if diff := cmp.Diff(alone, told[i]); diff != "" {
			t.Errorf("%d is told as (-alone +told):\n%s", i, diff)
		}
		if alone != nil && alone.May {
			may++
			if alone.Sure {
				surely++
			}
		}
	}
	if m, s := many.Count(); m != may || s != surely || may == surely || surely == 0 {
		t.Errorf("counted %d and %d, want %d and %d", m, s, may, surely)
	}
	seen := 0
	many.Each(func(int, *Access) bool { seen++; return seen < 3 })
	if seen != 3 {
		t.Errorf("told of %d after no more was wanted", seen)
	}
	nobody := c.Reach(nil)
	if m, _ := nobody.Count(); m != 0 || nobody.Of(1) != nil || nobody.Public {
		t.Error("somebody passes no policy")
	}
	broken, _ := parseText(t, "{allow: {or: [accept: true]}, alow: x}")
	if m, _ := crowdOf(broken, crowd[1]).Reach(broken).Count(); m != 0 {
		t.Error("somebody passes a broken policy")
	}
}

func crowdOf(p *Policy, people ...*identity.Person) *Crowd {
	c := NewCrowd(p)
	for _, person := range people {
		c.Add(person)
	}
	return c
}

// Somebody in a group of another name, and a name pinned to a group of another
// name, count as they do for a request.
func TestReachFollowsPinnedNames(t *testing.T) {
	pins := map[string]string{"admins": "00gold"}
	p := parsed(t, "allow: {or: [groups: admins]}")
	renamed := identity.NewPersonPinned(identity.Person{ID: "a", Status: identity.StatusActive, Groups: []identity.Group{{ID: "00gold", Name: "renamed"}}}, pins)
	namesake := identity.NewPersonPinned(identity.Person{ID: "b", Status: identity.StatusActive, Groups: []identity.Group{{ID: "00gnew", Name: "admins"}}}, pins)
	reach := crowdOf(p, renamed, namesake).Reach(p)
	if reach.Of(0) == nil || reach.Of(1) != nil {
		t.Errorf("got %+v and %+v, want the member of the pinned group alone", reach.Of(0), reach.Of(1))
	}
}

func TestReachTellsWhatRulesInShadowWouldChange(t *testing.T) {
	p := parsed(t, `
- allow: {or: [groups: wiki]}
- {mode: shadow, deny: {or: [user: ann]}}
- {mode: shadow, deny: {and: [user: ben, http_method: POST]}}
- {mode: shadow, allow: {or: [user: cat]}}
`)
	wiki := []identity.Group{{ID: "00gw", Name: "wiki"}}
	var crowd []*identity.Person
	for id, groups := range map[string][]identity.Group{"ann": wiki, "ben": wiki, "cat": nil, "dan": wiki, "eve": nil} {
		crowd = append(crowd, identity.NewPerson(identity.Person{ID: id, Status: identity.StatusActive, Groups: groups}))
	}
	got := map[string]string{}
	crowdOf(p, crowd...).Reach(p).Each(func(i int, a *Access) bool {
		text := fmt.Sprint(a.May, a.Sure)
		if a.Shadow != nil {
			text += fmt.Sprint(" then ", a.Shadow.May, a.Shadow.Sure, a.Shadow.Conditions)
		}
		got[crowd[i].ID] = text
		return true
	})
	want := map[string]string{
		"ann": "true true then false false []",
		"ben": `true true then true false [unless http_method is "POST"]`,
		"cat": "false false then true true []",
		"dan": "true true",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
