package policy

import (
	"strings"
	"testing"

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
		access, may := NewCrowd(others).Reach(p).Of(1)
		switch d := program.Eval(in); {
		case d.Effect == Allow && !may:
			t.Fatalf("passes, but the review does not know\n%s", p)
		case may && access.Sure && d.Effect != Allow && !refusedForLack(d):
			t.Fatalf("%+v, but the review says surely: %+v\n%s", d, access, p)
		case may && !access.Sure && len(access.Conditions) == 0:
			t.Fatalf("depends on nothing: %+v\n%s", access, p)
		}
		if _, ok := NewCrowd(others).Reach(p).Of(0); ok {
			t.Fatal("somebody who is suspended passes")
		}
	})
}

// refusedForLack: the deny rules refuse a certificate by its reason alone.
func refusedForLack(d Decision) bool { return d.DenyReasons&refusesCertificate != 0 }

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
		{"{allow: {or: [groups: wiki]}, deny: {not: [source_ip: 10.0.0.0/8]}}", `groups has "wiki"`, "unless not source_ip 10.0.0.0/8", false, true},
		{"{allow: {or: [groups: wiki]}, deny: {or: [email: ann@example.com]}}", "", "", false, false},
		{"{allow: {or: [groups: wiki]}, deny: {or: [email: ann@example.com], mode: shadow}}", `groups has "wiki"`, "", true, true},
		{"[{allow: {and: [groups: wiki, auth_age: {max: 15m}]}}]", `groups has "wiki"`, `auth_age max "15m"`, false, true},
		{"allow: {not: [groups: none]}", `not groups has "none"`, "", true, true},
		{"allow: {nor: [groups: wiki, groups: none]}", `not groups has "none"`, "", true, true},
		{"[]", "", "", false, false},
	} {
		got, ok := NewCrowd([]*identity.Person{ann}).Reach(parsed(t, tt.policy)).Of(0)
		if ok != tt.ok || got.Sure != tt.sure || got.Why != tt.why || strings.Join(got.Conditions, "|") != tt.conditions {
			t.Errorf("%s: got %+v, %v", tt.policy, got, ok)
		}
	}
}
