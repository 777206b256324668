package policy

import (
	"crypto/x509"
	"fmt"
	"strings"
	"testing"
)

func TestFoldLeavesLessToAsk(t *testing.T) {
	for _, tt := range []struct {
		name, policy string
		lists        int
		leaves       int // of all lists together
	}{
		{"empty lists are left out", "allow: {or: [], and: [accept: true]}", 1, 1},
		{"repeated criteria", "allow: {and: [email: a, email: a, email: {is: a}]}", 1, 1},
		{"repeated lists", "[allow: {and: [email: a, user: b]}, allow: {and: [email: a, user: b]}]", 1, 2},
		{"other values are other criteria", "allow: {and: [email: a, email: b]}", 1, 2},
		{"other types are other values", "allow: {and: [claim/x: 1, claim/x: '1', claim/x: true, claim/x: 'true']}", 1, 4},
		{"quotes cannot forge a key", `allow: {and: [email: {in: [a, b]}, email: {in: ['a" "b']}]}`, 1, 2},
		{"other operators are other lists", "allow: {and: [email: a, user: b], or: [email: a, user: b]}", 2, 4},
		{"other effects are other lists", "{allow: {and: [email: a]}, deny: {and: [email: a]}}", 2, 2},
		{"or joins equal fields", "allow: {or: [email: a, email: {is: b}, email: {in: [c, d]}, email: {in: [e]}]}", 1, 1},
		{"not joins equal fields", "allow: {not: [user: a, user: b]}", 1, 1},
		{"and joins nothing", "allow: {and: [user: a, user: b]}", 1, 2},
		{"nor joins nothing", "allow: {nor: [user: a, user: b]}", 1, 2},
		{"or joins lists' members", "allow: {or: [groups: a, groups: {has: b}, claim/x: a, claim/x: b, claim/y: a]}", 1, 3},
		{"or joins networks", "allow: {or: [source_ip: 10.0.0.1, source_ip: [10.0.0.2, 10.0.0.3]]}", 1, 1},
		{"or joins no lists that are", "allow: {or: [claim/x: {is: a}, claim/x: {is: b}]}", 1, 2},
		{"or joins nothing negative", "allow: {or: [user: {not: a}, user: {not: b}, user: {not_in: [c]}]}", 1, 3},
		{"or joins no parts", "allow: {or: [user: {contains: a}, user: {starts_with: b}, user: {ends_with: c}, groups: {exclude: d}]}", 1, 4},
		{"or joins no several operators", "allow: {or: [user: {is: a, not: b}, user: {is: c, not: d}]}", 1, 2},
		{"flags stay", "allow: {or: [accept: true, reject: true, authenticated_user: true]}", 1, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			lists := fold(parsed(t, tt.policy), false)
			leaves := 0
			for _, l := range lists {
				leaves += len(l.criteria)
			}
			if len(lists) != tt.lists || leaves != tt.leaves {
				t.Errorf("got %d lists of %d criteria, want %d of %d", len(lists), leaves, tt.lists, tt.leaves)
			}
		})
	}
}

func TestFoldLeavesThePolicyAsItIs(t *testing.T) {
	p := parsed(t, "allow: {or: [email: a, email: b, source_ip: 10.0.0.1, source_ip: 10.0.0.2]}")
	before := p.key()
	fold(p, true)
	if p.key() != before {
		t.Errorf("got %s, want %s", p.key(), before)
	}
}

func TestLongListsOfAlternativesFindTheirMembers(t *testing.T) {
	var users, groups, networks, values []string
	for i := range 300 {
		users = append(users, fmt.Sprintf("email: U%d@example.com", i))
		groups = append(groups, fmt.Sprintf("groups: g%d", i))
		networks = append(networks, fmt.Sprintf("source_ip: 192.0.2.%d", i%256), fmt.Sprintf("source_ip: 10.%d.0.0/16", i%256))
		values = append(values, fmt.Sprintf("claim/groups: c%d", i))
	}
	in := withMail("u299@Example.com")
	in.Subject.Claims["groups"] = []any{"x", "c299"}
	in.Request.IP = withIP("10.255.1.1").Request.IP
	manyGroups := alice()
	manyGroups.Person = inGroups(200)
	for name, tt := range map[string]struct {
		criteria []string
		in       *Input
	}{
		"e-mails": {users, in}, "networks": {networks, in}, "claims": {values, in}, "groups": {groups, manyGroups},
		"group by id": {append(groups, "groups: 00gwiki"), alice()}, "group by name": {append(groups, "groups: wiki"), alice()},
	} {
		list := strings.Join(tt.criteria, ", ")
		if d := compiled(t, "allow: {or: ["+list+"]}").Eval(tt.in); d.Effect != Allow {
			t.Errorf("%s: or gives %s", name, d.Effect)
		}
		if d := compiled(t, "allow: {not: ["+list+"]}").Eval(tt.in); d.Effect != Deny {
			t.Errorf("%s: not gives %s", name, d.Effect)
		}
	}
	nobody := withMail("eve@example.com")
	nobody.Request.IP = withIP("198.51.100.1").Request.IP
	for name, criteria := range map[string][]string{"e-mails": users, "networks": networks, "claims": values, "groups": groups} {
		if d := compiled(t, "allow: {or: ["+strings.Join(criteria, ", ")+"]}").Eval(nobody); d.Effect != Deny {
			t.Errorf("%s: somebody else gets %s", name, d.Effect)
		}
	}
}

func TestEqualPoliciesShareTheirCode(t *testing.T) {
	var c Compiler
	compile := func(text string) *Program {
		program, err := c.Compile(parsed(t, text))
		if err != nil {
			t.Fatal(err)
		}
		return program
	}
	const one = "allow: {or: [email: a, user: b]}"
	first, second := compile(one), compile("\n\n"+one)
	if first.code != second.code {
		t.Error("two equal policies do not share their code")
	}
	in := withUser("b")
	if a, b := first.Eval(in).Rule.Position.Line, second.Eval(in).Rule.Position.Line; a != 1 || b != 3 {
		t.Errorf("they decide by the rules at lines %d and %d, want 1 and 3", a, b)
	}
	for _, other := range []string{
		"allow: {and: [email: a, user: b]}", "deny: {or: [email: a, user: b]}", "allow: {or: [email: a, user: 'b ']}",
		"allow: {or: [email: a], and: [user: b]}", "[allow: {or: [email: a]}, allow: {or: [user: b]}]", "allow: {or: [email: a, claim/user: b]}",
		"allow: {or: [email: {is: a, not: b}]}", "allow: {or: [email: {is: a}, email: {not: b}]}", "allow: {or: []}", "[]",
		"allow: {or: [claim/a: {has: b}]}", "allow: {or: [claim/a: {is: b}]}", "allow: {or: [source_ip: 10.0.0.1]}", "allow: {or: [source_ip: 10.0.0.2]}",
		"[{}, allow: {or: []}]", "[allow: {or: []}, allow: {or: []}]", "deny: {or: []}", "allow: {or: [accept: true, reject: true]}",
		"[allow: {or: [accept: true]}, allow: {or: [reject: true]}]",
	} {
		if program := compile(other); program.code == first.code {
			t.Errorf("%s shares the code of %s", other, one)
		}
	}
}

// Two policies that decide otherwise must never share code, however their values
// run into each other.
func TestNoTwoPoliciesReadAlike(t *testing.T) {
	seen := map[string]string{}
	for _, text := range []string{
		"allow: {or: [user: {in: [1, 12]}]}", "allow: {or: [user: {in: [11, 2]}]}", "allow: {or: [user: {in: ['1', '12']}]}",
		"allow: {or: [source_ip: [0.0.0.0/3, 210.0.0.2]]}", "allow: {or: [source_ip: [0.0.0.0, 10.0.0.2]]}",
		"allow: {or: [email: {is: a}]}", "allow: {or: [email: {not: a}]}", "allow: {or: [email: {is: a, not: b}]}", "allow: {or: [email: a, email: {not: b}]}",
		"[{allow: {or: [email: a]}}, {deny: {or: [user: b]}}]", "[{allow: {or: [email: a]}}, {deny: {mode: shadow, or: [user: b]}}]",
		"[{allow: {mode: shadow, or: [email: a]}}, {deny: {or: [user: b]}}]", "[{allow: {mode: shadow, or: [email: a]}}]",
		"allow: {or: [claim/a: 1]}", "allow: {or: [claim/a: true]}", "allow: {or: [claim/a: 'true']}", "allow: {or: [claim/b: 1]}",
		"allow: {and: [email: a]}", "allow: {not: [email: a]}", "allow: {nor: [email: a]}", "deny: {or: [email: {is: a}]}",
		"allow: {or: [accept: true]}", "allow: {or: [reject: true]}", "[]",
	} {
		key := parsed(t, text).key()
		if before, ok := seen[key]; ok {
			t.Errorf("%s and %s have the key %q", before, text, key)
		}
		seen[key] = text
	}
}

// What is joined must be found, and nothing else, in each of the kinds that join.
func TestJoinedAlternativesHoldWhereOneOfThemDoes(t *testing.T) {
	for name, tt := range map[string]struct {
		criteria  string
		yes, none *Input
	}{
		"methods":  {"http_method: GET, http_method: {in: [PUT]}, http_method: POST", withMethod(alice(), "PUT"), withMethod(alice(), "HEAD")},
		"headers":  {"http_header/a: x, http_header/a: y, http_header/b: z", withHeader(alice(), "A", "y"), withHeader(alice(), "A", "z")},
		"statuses": {"user_status: SUSPENDED, user_status: active", alice(), altered(func(in *Input) { in.Person.Status = "STAGED" })},
		"claims":   {"claim/level: 1, claim/level: 3", alice(), withClaim("level", 2.0)},
	} {
		or, not := compiled(t, "allow: {or: ["+tt.criteria+"]}"), compiled(t, "allow: {not: ["+tt.criteria+"]}")
		if or.Eval(tt.yes).Effect != Allow || or.Eval(tt.none).Effect != Deny || not.Eval(tt.yes).Effect != Deny || not.Eval(tt.none).Effect != Allow {
			t.Errorf("%s: joined criteria decide otherwise than one by one", name)
		}
	}
}

// Policies and criteria that read alike and do not mean the same share nothing.
func TestCompilerKeepsApartWhatOnlyReadsAlike(t *testing.T) {
	var c Compiler
	eval := func(text string, in *Input) Effect {
		t.Helper()
		program, err := c.Compile(parsed(t, text))
		if err != nil {
			t.Fatal(err)
		}
		return program.Eval(in).Effect
	}
	if eval("allow: {or: [user: 00ualice]}", alice()) != Allow || eval("deny: {or: [user: 00ualice]}", alice()) != Deny {
		t.Error("a rule that denies is taken for one that allows")
	}
	if eval("[{allow: {or: [accept: true]}}, {mode: shadow, deny: {or: [user: 00ualice]}}]", alice()) != Allow ||
		eval("[{allow: {or: [accept: true]}}, {deny: {or: [user: 00ualice]}}]", alice()) != Deny {
		t.Error("a rule in shadow is taken for one that counts")
	}
	// A missing header counts against whoever leaves it out, and lets nobody in.
	const not = "{http_header/X-Role: {not: dev}}"
	if eval("allow: {or: ["+not+"]}", alice()) != Deny || eval("[{allow: {or: [accept: true]}}, {deny: {or: ["+not+"]}}]", alice()) != Deny {
		t.Error("a criterion under allow is taken for the same under deny")
	}
}

func TestARequiredCertificateDeniesWhoHasNone(t *testing.T) {
	at := Position{File: "config.yaml", Line: 7, Col: 3}
	program := must(t, Join(RequireCertificate(at), parsed(t, "allow: {or: [accept: true]}")))
	d := program.Eval(alice())
	if d.Effect != Deny || d.Rule.Position != at || !d.DenyReasons.Has(ReasonClientCertificateRequired) {
		t.Errorf("without one: got %+v", d)
	}
	in := alice()
	in.Request.ClientCertificate, in.Request.ClientCertificateTrusted = &x509.Certificate{}, true
	if d := program.Eval(in); d.Effect != Allow {
		t.Errorf("with one: got %+v", d)
	}
	if d := must(t, RequireCertificate(at)).Eval(in); d.Effect != Deny {
		t.Errorf("it lets somebody in by itself: %+v", d)
	}
}

func TestCompilerSharesEqualCriteria(t *testing.T) {
	var c Compiler
	a, err := c.Compile(parsed(t, "allow: {or: [email: a, user: b]}"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := c.Compile(parsed(t, "allow: {and: [user: b, groups: x]}"))
	if err != nil {
		t.Fatal(err)
	}
	if a.code.leaves[1] != b.code.leaves[0] {
		t.Error("equal criteria of two policies are compiled twice")
	}
	if wide := compiled(t, "allow: {or: [email: a, user: b, domain: c]}").code; cap(wide.leaves) != 3 {
		t.Errorf("room for %d leaves, want 3", cap(wide.leaves))
	}
	if cap(a.code.leaves) != 2 || cap(a.code.lists) != 1 {
		t.Errorf("room for %d leaves and %d lists, want what is there", cap(a.code.leaves), cap(a.code.lists))
	}
	only := compiled(t, "[{allow: {or: [auth_method: mfa, groups: x]}}, {deny: {or: [user: z]}}]")
	if !only.code.stepUp || compiled(t, "allow: {or: [user: x]}").code.stepUp {
		t.Error("it is not known which policies ask for a sign-in")
	}
}
