package policy

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhoIsAskedToSignIn(t *testing.T) {
	for _, tt := range []struct {
		name, policy string
		want         Effect
	}{
		{"accept beside email", "allow: {or: [accept: true, email: {is: a@b.c}]}", Allow},
		{"own address beside email", "allow: {or: [source_ip: 10.0.0.0/8, email: {is: a@b.c}]}", Allow},
		{"another address beside email", "allow: {or: [source_ip: 192.0.2.0/24, email: {is: a@b.c}]}", Unauthenticated},
		{"another address and email", "allow: {and: [source_ip: 192.0.2.0/24, email: {is: a@b.c}]}", Unauthenticated},
		{"deny on email, public", "{deny: {or: [email: {is: bob@b.c}]}, allow: {or: [accept: true]}}", Unauthenticated},
		{"not email", "allow: {not: [email: {is: bob@b.c}]}", Unauthenticated},
		{"method only", "allow: {and: [http_method: GET]}", Allow},
		{"another method only", "allow: {and: [http_method: POST]}", Deny},
		{"not another method", "allow: {not: [http_method: POST]}", Allow},
		{"email that is not", "allow: {or: [email: {not: bob@b.c}]}", Unauthenticated},
		{"claim without", "allow: {or: [claim/x: {exclude: y}]}", Unauthenticated},
		{"nor, one fails", "allow: {nor: [email: {is: bob@b.c}, http_method: POST]}", Unauthenticated},
		{"deny holds without the person", "{deny: {or: [email: {is: bob@b.c}, http_method: GET]}, allow: {or: [accept: true]}}", Deny},
		{"deny and, the person fails", "{deny: {and: [email: {is: bob@b.c}, http_method: GET]}, allow: {or: [accept: true]}}", Unauthenticated},
		{"deny not, another member fails", "{deny: {not: [email: {is: bob@b.c}, http_method: GET]}, allow: {or: [accept: true]}}", Allow},
		{"deny beats nothing allowed", "deny: {or: [accept: true]}", Deny},
		{"nothing", "[]", Deny},
		{"no rules", "{}", Deny},
		{"empty lists", "allow: {or: [], and: [], not: [], nor: []}", Deny},
		{"reject", "allow: {or: [reject: true]}", Deny},
		{"not reject", "allow: {not: [reject: true]}", Allow},
		{"authenticated user", "allow: {or: [authenticated_user: true]}", Unauthenticated},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := compiled(t, tt.policy).Eval(stranger()).Effect; got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// An allow rule that holds because somebody is not somebody keeps its wish to
// know who is there, and wins over a public rule beside it.
func TestRuleThatHoldsMayStillAskForSignIn(t *testing.T) {
	const public, other = "- allow: {or: [accept: true]}\n", "- allow: {not: [email: {is: bob@b.c}]}\n"
	if got := compiled(t, public).Eval(stranger()).Effect; got != Allow {
		t.Errorf("public alone: got %s", got)
	}
	if got := compiled(t, public+other).Eval(stranger()).Effect; got != Unauthenticated {
		t.Errorf("both: got %s", got)
	}
}

func TestNobodySignedInIsNeverAskedAgain(t *testing.T) {
	for _, policy := range []string{
		"allow: {and: [email: bob@b.c]}", "allow: {not: [email: alice@example.com]}", "deny: {or: [accept: true]}", "allow: {and: [groups: x, claim/x: y, user: z]}",
	} {
		if got := compiled(t, policy).Eval(alice()).Effect; got != Deny {
			t.Errorf("%s: got %s, want deny", policy, got)
		}
	}
}

func TestReasonsAreMerged(t *testing.T) {
	const yes, no = "http_method: GET", "http_path: /other" // hold and fail for alice
	for _, tt := range []struct {
		policy string
		holds  bool
		why    []string
	}{
		{"allow: {or: [" + yes + ", " + no + "]}", true, []string{"http-method-ok"}},
		{"allow: {or: [" + yes + ", accept: true]}", true, []string{"accept", "http-method-ok"}},
		{"allow: {or: [" + no + ", reject: true]}", false, []string{"http-path-unauthorized", "reject"}},
		{"allow: {and: [" + yes + ", accept: true]}", true, []string{"accept", "http-method-ok"}},
		{"allow: {and: [" + yes + ", " + no + "]}", false, []string{"http-path-unauthorized"}},
		{"allow: {and: [reject: true, " + no + "]}", false, []string{"http-path-unauthorized", "reject"}},
		{"allow: {not: [" + yes + ", " + no + "]}", false, []string{"http-method-ok"}},
		{"allow: {not: [" + no + ", reject: true]}", true, []string{"http-path-unauthorized", "reject"}},
		{"allow: {not: [" + yes + ", accept: true]}", false, []string{"accept", "http-method-ok"}},
		{"allow: {nor: [" + yes + ", " + no + "]}", true, []string{"http-path-unauthorized"}},
		{"allow: {nor: [" + yes + ", accept: true]}", false, []string{"accept", "http-method-ok"}},
		{"allow: {nor: [" + no + ", reject: true]}", true, []string{"http-path-unauthorized", "reject"}},
		{"allow: {and: [" + no + "], or: [accept: true]}", true, []string{"accept"}},
		{"allow: {and: [" + yes + "], or: [accept: true]}", true, []string{"accept", "http-method-ok"}},
		{"allow: {and: [" + no + "], or: [reject: true]}", false, []string{"http-path-unauthorized", "reject"}},
		{"[allow: {and: [" + no + "]}, allow: {not: [reject: true]}]", true, []string{"reject"}},
		{"allow: {and: [], or: [" + yes + "]}", true, []string{"http-method-ok"}},
		{"allow: {or: []}", false, nil},
	} {
		d := compiled(t, tt.policy).Eval(alice())
		if d.AllowHolds != tt.holds {
			t.Errorf("%s: got %v, want %v", tt.policy, d.AllowHolds, tt.holds)
		}
		got := d.AllowReasons.Names()
		slices.Sort(got)
		if diff := cmp.Diff(tt.why, got); diff != "" {
			t.Errorf("%s: reasons (-want +got):\n%s", tt.policy, diff)
		}
	}
}

func TestOrderOfTheDecision(t *testing.T) {
	signIn, certificate := Reasons(ReasonUserUnauthenticated), Reasons(ReasonInvalidClientCertificate)
	rules := []*Rule{{Effect: Allow}, {Effect: Deny}}
	for _, tt := range []struct {
		name        string
		allow, deny verdict
		want        Effect
		rule        *Rule
	}{
		{"certificate before sign-in", verdict{why: signIn, rule: -1, asks: 0}, verdict{holds: true, why: certificate, rule: 1, asks: -1}, Deny, rules[1]},
		{"missing certificate", verdict{why: signIn, rule: -1, asks: 0}, verdict{holds: true, why: Reasons(ReasonClientCertificateRequired), rule: 1, asks: -1}, Deny, rules[1]},
		{"certificate among allow reasons is no matter", verdict{holds: true, why: certificate, rule: 0, asks: -1}, verdict{rule: -1, asks: -1}, Allow, rules[0]},
		{"sign-in of allow before deny", verdict{why: signIn, rule: -1, asks: 0}, verdict{holds: true, rule: 1, asks: -1}, Unauthenticated, rules[0]},
		{"sign-in of deny before deny", verdict{rule: -1, asks: -1}, verdict{holds: true, why: signIn, rule: 1, asks: 1}, Unauthenticated, rules[1]},
		{"deny before allow", verdict{holds: true, rule: 0, asks: -1}, verdict{holds: true, rule: 1, asks: -1}, Deny, rules[1]},
		{"allow", verdict{holds: true, rule: 0, asks: -1}, verdict{rule: -1, asks: -1}, Allow, rules[0]},
		{"nothing", verdict{rule: -1, asks: -1}, verdict{rule: -1, asks: -1}, Deny, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := conclude(tt.allow, tt.deny, rules)
			if got.Effect != tt.want || got.Rule != tt.rule {
				t.Errorf("got %s by %v, want %s by %v", got.Effect, got.Rule, tt.want, tt.rule)
			}
		})
	}
}

func TestDecidingRuleIsTheFirst(t *testing.T) {
	const policy = `
- allow: {or: [http_path: /other]}
- allow: {or: [http_method: GET]}
- allow: {or: [accept: true]}
- deny: {or: [http_method: PUT]}
- deny: {not: [http_method: GET]}
`
	program := compiled(t, policy)
	for _, tt := range []struct {
		in   *Input
		line int
	}{{alice(), 3}, {withMethod(alice(), "PUT"), 5}, {withMethod(alice(), "POST"), 6}} {
		d := program.Eval(tt.in)
		if d.Rule == nil || d.Rule.Position != (Position{"policy.yaml", tt.line, 3}) {
			t.Errorf("%s: decided by %+v, want the rule at line %d", tt.in.Request.Method, d.Rule, tt.line)
		}
	}
	asks := compiled(t, "- allow: {and: [http_method: PUT]}\n- allow: {and: [email: a@b.c]}\n")
	if d := asks.Eval(stranger()); d.Rule == nil || d.Rule.Position.Line != 2 {
		t.Errorf("the rule that asks for a sign-in is %+v, want that at line 2", d.Rule)
	}
	if d := asks.Eval(alice()); d.Rule != nil {
		t.Errorf("nothing allowed, but decided by %+v", d.Rule)
	}
}

func TestWhatIsNotThereDenies(t *testing.T) {
	for name, program := range map[string]*Program{"no program": nil, "zero program": {}} {
		if got := program.Eval(alice()); got != (Decision{}) {
			t.Errorf("%s: got %+v", name, got)
		}
		if got := program.Trace(alice()); got.Decision != (Decision{}) || got.Rules != nil {
			t.Errorf("%s: got trace %+v", name, got)
		}
	}
	program, err := Compile(nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := program.Eval(alice()); got != (Decision{}) {
		t.Errorf("no policy: got %+v", got)
	}
	if (Decision{}).Effect != Deny || Deny.String() != "deny" || Allow.String() != "allow" || Unauthenticated.String() != "unauthenticated" {
		t.Error("the zero effect is not deny, or names changed")
	}
}
