package policy

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func at(line int) Position { return Position{"config.yaml", line, 5} }

func on(line int) Flag { return Flag{On: true, Position: at(line)} }

func TestLegacyKeys(t *testing.T) {
	preflight := withHeader(withMethod(stranger(), "OPTIONS"), "Origin", "x", "Access-Control-Request-Method", "GET")
	for _, tt := range []struct {
		name   string
		legacy Legacy
		in     *Input
		want   Effect
		why    []string
	}{
		{"user by e-mail", Legacy{AllowedUsers: []Valued{{"x@y.z", at(1)}, {"ALICE@example.com", at(2)}}}, alice(), Allow, []string{"email-ok"}},
		{"user by id", Legacy{AllowedUsers: []Valued{{"00ualice", at(1)}}}, alice(), Allow, []string{"user-ok"}},
		{"another user", Legacy{AllowedUsers: []Valued{{"bob@example.com", at(1)}}}, alice(), Deny, []string{"email-unauthorized", "user-unauthorized"}},
		{"user without session", Legacy{AllowedUsers: []Valued{{"alice@example.com", at(1)}}}, stranger(), Unauthenticated, []string{"user-unauthenticated"}},
		{"empty user", Legacy{AllowedUsers: []Valued{{"", at(1)}}}, withMail(""), Deny, []string{"email-unauthorized", "user-unauthorized"}},
		{"domain", Legacy{AllowedDomains: []Valued{{"Example.com", at(1)}}}, alice(), Allow, []string{"domain-ok"}},
		{"another domain", Legacy{AllowedDomains: []Valued{{"example.org", at(1)}}}, alice(), Deny, []string{"domain-unauthorized"}},
		{"group", Legacy{AllowedGroups: []Valued{{"wiki", at(1)}}}, alice(), Allow, []string{"groups-ok"}},
		{"another group", Legacy{AllowedGroups: []Valued{{"admins", at(1)}}}, alice(), Deny, []string{"groups-unauthorized"}},
		{"claim", Legacy{AllowedClaims: []ClaimValue{{"groups", "x", at(1)}, {"groups", "engineering", at(2)}}}, alice(), Allow, []string{"claim-ok"}},
		{"claim of a number", Legacy{AllowedClaims: []ClaimValue{{"level", 3, at(1)}}}, alice(), Allow, []string{"claim-ok"}},
		{"claim of a fraction", Legacy{AllowedClaims: []ClaimValue{{"ratio", 0.5, at(1)}}}, alice(), Allow, []string{"claim-ok"}},
		{"claim of a boolean", Legacy{AllowedClaims: []ClaimValue{{"admin", true, at(1)}}}, alice(), Allow, []string{"claim-ok"}},
		{"claim of another type", Legacy{AllowedClaims: []ClaimValue{{"level", "3", at(1)}}}, alice(), Deny, []string{"claim-unauthorized"}},
		{"claim by path", Legacy{AllowedClaims: []ClaimValue{{"address/country", "CH", at(1)}}}, alice(), Allow, []string{"claim-ok"}},
		{"anybody signed in", Legacy{AllowAnyAuthenticated: on(1)}, alice(), Allow, []string{"user-ok"}},
		{"nobody signed in", Legacy{AllowAnyAuthenticated: on(1)}, stranger(), Unauthenticated, []string{"user-unauthenticated"}},
		{"public", Legacy{AllowPublic: on(1)}, stranger(), Allow, []string{"accept"}},
		{"preflight", Legacy{CORSPreflight: on(1), AllowAnyAuthenticated: on(2)}, preflight, Allow, []string{"cors-request"}},
		{"no preflight", Legacy{CORSPreflight: on(1)}, alice(), Deny, []string{"non-cors-request"}},
		{"nothing said", Legacy{AllowPublic: Flag{Position: at(1)}, AllowedUsers: []Valued{}}, alice(), Deny, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if problems := tt.legacy.Problems(); len(problems) > 0 {
				t.Errorf("problems: %v", problems)
			}
			d := must(t, (*Policy)(nil).WithLegacy(tt.legacy)).Eval(tt.in)
			if d.Effect != tt.want {
				t.Errorf("got %s, want %s", d.Effect, tt.want)
			}
			if diff := cmp.Diff(tt.why, d.AllowReasons.Names()); diff != "" {
				t.Errorf("reasons (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLegacyAndPolicyAreAlternatives(t *testing.T) {
	p := parsed(t, "[allow: {or: [email: bob@example.com]}, deny: {or: [http_method: DELETE]}]")
	both := p.WithLegacy(Legacy{AllowedUsers: []Valued{{"alice@example.com", at(7)}}})
	program := must(t, both)
	if d := program.Eval(alice()); d.Effect != Allow || d.Rule.Position != at(7) {
		t.Errorf("alice, by the legacy key: got %+v", d)
	}
	if d := program.Eval(withMail("bob@example.com")); d.Effect != Allow || d.Rule.Position.File != "policy.yaml" {
		t.Errorf("bob, by the policy: got %+v", d)
	}
	if d := program.Eval(withMethod(alice(), "DELETE")); d.Effect != Deny || !d.DenyHolds {
		t.Errorf("the policy's deny rule does not bind the legacy key: got %+v", d)
	}
	if len(p.Rules()) != 2 || len(both.Rules()) != 3 || (*Policy)(nil).Rules() != nil {
		t.Errorf("got %d and %d rules, want 2 and 3", len(p.Rules()), len(both.Rules()))
	}
}

func TestLegacyContradictions(t *testing.T) {
	users := []Valued{{"a", at(1)}}
	for _, tt := range []struct {
		name   string
		legacy Legacy
		want   []string
	}{
		{"public and any", Legacy{AllowPublic: on(2), AllowAnyAuthenticated: on(3)}, []string{"config.yaml:2:5: allow_public_unauthenticated_access and allow_any_authenticated_user contradict each other"}},
		{"public and users", Legacy{AllowPublic: on(2), AllowedUsers: users}, []string{"config.yaml:2:5: allow_public_unauthenticated_access and allowed_users contradict each other"}},
		{"public and domains", Legacy{AllowPublic: on(2), AllowedDomains: users}, []string{"config.yaml:2:5: allow_public_unauthenticated_access and allowed_domains contradict each other"}},
		{"public and groups", Legacy{AllowPublic: on(2), AllowedGroups: users}, []string{"config.yaml:2:5: allow_public_unauthenticated_access and allowed_groups contradict each other"}},
		{"public and claims", Legacy{AllowPublic: on(2), AllowedClaims: []ClaimValue{{"a", "b", at(1)}}}, []string{"config.yaml:2:5: allow_public_unauthenticated_access and allowed_idp_claims contradict each other"}},
		{"any and users", Legacy{AllowAnyAuthenticated: on(3), AllowedUsers: users}, []string{"config.yaml:3:5: allow_any_authenticated_user and allowed_users contradict each other"}},
		{"public and empty lists", Legacy{AllowPublic: on(2), AllowedUsers: []Valued{}, CORSPreflight: on(4)}, nil},
		{"lists together", Legacy{AllowedUsers: users, AllowedDomains: users, AllowedGroups: users}, nil},
		{"value of no type", Legacy{AllowedClaims: []ClaimValue{{"a", []any{"b"}, at(1)}, {"a", nil, at(2)}, {"a", 1 << 53, at(3)}}}, []string{
			`config.yaml:1:5: expected text, a number or true or false for claim "a", got [b]`,
			`config.yaml:2:5: expected text, a number or true or false for claim "a", got <nil>`,
			`config.yaml:3:5: expected text, a number or true or false for claim "a", got 9007199254740992`,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, p := range tt.legacy.Problems() {
				got = append(got, p.Error())
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	bad := Legacy{AllowedClaims: []ClaimValue{{"a", nil, at(1)}}}
	if d := must(t, (*Policy)(nil).WithLegacy(bad)).Eval(alice()); d.Effect != Deny {
		t.Errorf("a value of no type lets somebody in: %+v", d)
	}
}

func TestGroupsAreListedWithTheirPlaces(t *testing.T) {
	p := parsed(t, "- allow:\n    or:\n      - groups: a\n      - groups: {exclude: 7, is: b}\n      - claim/groups: c\n- deny:\n    not:\n      - groups: {has: d}\n").
		WithLegacy(Legacy{AllowedGroups: []Valued{{"e", at(9)}}})
	want := []GroupRef{
		{"e", at(9)},
		{"a", Position{"policy.yaml", 3, 17}},
		{"7", Position{"policy.yaml", 4, 27}},
		{"b", Position{"policy.yaml", 4, 34}},
		{"d", Position{"policy.yaml", 8, 23}},
	}
	if diff := cmp.Diff(want, p.UsesGroups()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if refs := (*Policy)(nil).UsesGroups(); refs != nil {
		t.Errorf("no policy uses %v", refs)
	}
}
