package policy

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sallyport/identity"
)

// What is told to be missing is made true, and the request passes; and no fewer
// changes let it pass.
func TestWaysInAreSufficientAndSmallest(t *testing.T) {
	told, hopeless, open := 0, 0, 0
	rapid.Check(t, func(t *rapid.T) {
		program := written(t, drawDocument(t))
		for range 4 {
			in := drawInput(t)
			if program.Eval(in).Effect == Allow {
				continue
			}
			ways, whole := program.WaysIn(in)
			least := maxChanges + 1
			for _, way := range ways {
				least = way.Changes
				checkWay(t, program, in, way, ways[0].Changes)
			}
			switch {
			case len(ways) > 0:
				told++
			case whole:
				hopeless++
			default:
				open++
				continue
			}
			for range 6 {
				other, changes := drawChanged(t, in)
				if program.Eval(other).Effect == Allow && changes < least && (len(ways) > 0 || whole) {
					t.Fatalf("%d changes are enough, told were %d: %+v\n%+v\n%s", changes, least, ways, other, program.policy)
				}
			}
		}
	})
	if told == 0 || hopeless == 0 {
		t.Errorf("%d told, %d hopeless, %d given up", told, hopeless, open)
	}
}

func checkWay(t *rapid.T, program *Program, in *Input, way Way, least int) {
	t.Helper()
	if d := program.Eval(way.With); d.Effect != Allow || way.Changes != least || len(way.Lacks) == 0 || len(way.Lacks) > least {
		t.Fatalf("%d of %d changes do not let it pass: %+v\n%+v\n%s", len(way.Lacks), least, d, way.Lacks, program.policy)
	}
	before, after := valuesOf(program, in), valuesOf(program, way.With)
	for _, lack := range way.Lacks {
		at := lack.Criterion.Position
		if before[at] == lack.Wanted || after[at] != lack.Wanted || lack.Criterion.Holds == lack.Wanted {
			t.Fatalf("%+v, but the criterion went from %v to %v", lack, before[at], after[at])
		}
	}
}

// valuesOf is what every criterion comes to.
func valuesOf(program *Program, in *Input) map[Position]bool {
	out := map[Position]bool{}
	for _, rule := range program.Trace(in).Rules {
		for _, l := range rule.Lists {
			for _, c := range l.Criteria {
				out[c.Position] = c.Holds
			}
		}
	}
	return out
}

// drawChanged takes some facts from another input and counts them. What a group
// is found by, id and name, are two.
func drawChanged(t *rapid.T, in *Input) (*Input, int) {
	other := drawInput(t)
	changes := 0
	take := func(name string, cost int, edit func(*Input)) {
		if cost > 0 && rapid.Bool().Draw(t, "take "+name) {
			changes += cost
			in = edited(in, edit)
		}
	}
	take("method", 1, func(in *Input) { in.Request.Method = other.Request.Method })
	take("path", 1, func(in *Input) { in.Request.Path = other.Request.Path })
	take("ip", 1, func(in *Input) {
		in.Request.IP = other.Request.IP
		if !in.Request.IP.IsValid() {
			in.Request.IP = netip.MustParseAddr("192.0.2.200")
		}
	})
	take("header", 1, func(in *Input) { in.Request.Header["X-Team"] = other.Request.Header["X-Team"] })
	if !other.Now.IsZero() && !in.Now.IsZero() {
		take("time", 1, func(in *Input) { postpone(in, other.Now.Sub(in.Now)) })
	}
	if in.Subject == nil || other.Subject == nil {
		return in, changes
	}
	take("user", 1, func(in *Input) {
		in.Subject.ID = other.Subject.ID
		withPerson(in, func(p *identity.Person) { p.ID = in.Subject.ID })
	})
	take("mail", 1, func(in *Input) {
		in.Subject.Email = other.Subject.Email
		withPerson(in, func(p *identity.Person) { p.Email = in.Subject.Email })
	})
	take("context", 1, func(in *Input) { in.Subject.Context = other.Subject.Context })
	take("sign-in", 1, func(in *Input) { in.Subject.AuthenticatedAt = in.Now })
	take("methods", differences(in.Subject.Methods, other.Subject.Methods), func(in *Input) { in.Subject.Methods = other.Subject.Methods })
	for _, name := range []string{"department", "flag", "n"} {
		if v, ok := other.Subject.Claims[name]; ok {
			take(name, 1, func(in *Input) {
				in.Subject.Claims = maps.Clone(in.Subject.Claims)
				in.Subject.Claims[name] = v
			})
		}
	}
	if in.Person == nil || other.Person == nil {
		return in, changes
	}
	take("groups", differences(slices.Collect(in.Person.GroupNames().All()), slices.Collect(other.Person.GroupNames().All())), func(in *Input) {
		p := *in.Person
		p.Groups = other.Person.Groups
		in.Person = identity.NewPerson(p)
	})
	take("apps", differences(in.Person.Apps, other.Person.Apps), func(in *Input) { withPerson(in, func(p *identity.Person) { p.Apps = other.Person.Apps }) })
	take("status", 1, func(in *Input) { withPerson(in, func(p *identity.Person) { p.Status = other.Person.Status }) })
	take("level", 2, func(in *Input) { withPerson(in, func(p *identity.Person) { p.Profile = other.Person.Profile }) })
	return in, changes
}

// differences is how many texts are in one list alone.
func differences(a, b []string) (n int) {
	for _, list := range [][2][]string{{a, b}, {b, a}} {
		for _, s := range list[0] {
			if !slices.Contains(list[1], s) {
				n++
			}
		}
	}
	return n
}

func TestWaysInSeeThatOneFactMendsSeveral(t *testing.T) {
	ann := identity.NewPerson(identity.Person{ID: "ann", Email: "ann@example.com", Status: identity.StatusActive, Groups: []identity.Group{{ID: "00gw", Name: "wiki"}}})
	for _, tt := range []struct{ policy, want string }{
		{"{allow: {or: [groups: staff]}, deny: {not: [groups: staff]}}", "groups"},
		{"{allow: {and: [groups: a, groups: b]}, deny: {or: [groups: a]}}", "never"},
		{"allow: {and: [http_method: GET, http_method: POST]}", "never"},
		{"allow: {and: [source_ip: 10.0.0.0/8, source_ip: 192.0.2.0/24]}", "never"},
		{"{allow: {and: [source_ip: 10.1.0.0/16]}, deny: {not: [source_ip: 10.0.0.0/8]}}", "source_ip"},
		{"{allow: {and: [source_ip: 10.0.0.0/8]}, deny: {or: [source_ip: 10.0.0.0/9]}}", "source_ip"},
		{"{allow: {and: [domain: other.example, email: {starts_with: bob@}]}}", "domain"},
		{"{allow: {and: [groups: {is: staff}]}, deny: {not: [groups: wiki]}}", "never"},
		{"allow: {and: [date: {after: 2030-01-01T00:00:00Z}, day_of_week: mon, time_of_day: {after: 9:00, before: 9:01}]}", "date"},
		{"{allow: {or: [accept: true]}, deny: {or: [authenticated_user: true]}}", "never"},
		{"{allow: {or: [groups: a]}, deny: {not: [groups: {has: b}], or: [email: {starts_with: ann}]}}", "groups,email,groups"},
		{"allow: {or: [device: {type: any}]}", "never"},
	} {
		program := compiled(t, tt.policy)
		in := &Input{
			Now: moments[2], Subject: &identity.Subject{ID: "ann", Email: "ann@example.com"}, Person: ann,
			Request: Request{Method: "PUT", Path: "/", IP: netip.MustParseAddr("203.0.113.7")},
		}
		ways, whole := program.WaysIn(in)
		got := "never"
		if len(ways) > 0 {
			var names []string
			for _, l := range ways[0].Lacks {
				names = append(names, l.Criterion.Name)
			}
			got = strings.Join(names, ",")
		} else if !whole {
			got = "given up"
		}
		if got != tt.want {
			t.Errorf("%s: %s, want %s", tt.policy, got, tt.want)
		}
	}
}
