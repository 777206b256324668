package policy

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAdviceIsOfTheRulesThatKeepOut(t *testing.T) {
	admins, hours, remote := Advice{"Only admins.", "Ask IT."}, Advice{Explanation: "Not at night."}, Advice{Remediation: "Use the VPN."}
	all := Join(
		parsed(t, "allow: {or: [groups: admins]}").Advise(admins),
		parsed(t, "allow: {or: [groups: boss]}").Advise(admins),
		parsed(t, "allow: {or: [user: root]}").Advise(remote),
		parsed(t, "{allow: {or: [user: x]}, mode: shadow}").Advise(Advice{Explanation: "shadow"}),
		parsed(t, "allow: {or: [user: y]}"),
		parsed(t, "deny: {or: [http_method: POST]}").Advise(hours),
		parsed(t, "deny: {or: [http_method: PUT]}"),
	)
	program, err := Compile(all)
	if err != nil {
		t.Fatal(err)
	}
	for method, want := range map[string][]Advice{"GET": {admins, remote}, "POST": {hours}, "PUT": nil} {
		in := alice()
		in.Request.Method = method
		d := program.Eval(in)
		if d.Effect != Deny {
			t.Fatalf("%s: got %s", method, d.Effect)
		}
		if diff := cmp.Diff(want, all.AdviceOn(d)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", method, diff)
		}
	}
}

func TestAdviceIsForDenialsByRulesOnly(t *testing.T) {
	p := parsed(t, "allow: {or: [groups: admins]}").Advise(Advice{Explanation: "x"})
	for name, d := range map[string]Decision{
		"allowed":                       {Effect: Allow},
		"to sign in":                    {Effect: Unauthenticated},
		"to sign in again":              {Effect: StepUp},
		"an inactive person":            {DenyHolds: true, Anonymous: true},
		"a session that does not count": {Anonymous: true},
		"a stale directory":             {DenyHolds: true, DenyReasons: Reasons(ReasonDirectoryStale)},
	} {
		if got := p.AdviceOn(d); got != nil {
			t.Errorf("%s: got %v", name, got)
		}
	}
	var none *Policy
	if none.AdviceOn(Decision{}) != nil || none.Advise(Advice{Explanation: "x"}) != nil {
		t.Error("no policy has advice")
	}
	if got := p.AdviceOn(Decision{}); len(got) != 1 {
		t.Errorf("got %v", got)
	}
}

// A named policy stands in many routes: advice of one is not that of another.
func TestAdviseLeavesThePolicyAlone(t *testing.T) {
	p := parsed(t, "allow: {or: [groups: admins]}")
	if p.Advise(Advice{Explanation: "x"}); p.Rules()[0].Advice != (Advice{}) {
		t.Error("the policy has changed")
	}
	broken := &Policy{broken: true}
	if _, err := Compile(broken.Advise(Advice{Explanation: "x"})); err == nil {
		t.Error("a broken policy with advice compiles")
	}
}
