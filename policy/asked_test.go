package policy

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhatAPolicyAsksTheDirectory(t *testing.T) {
	for text, want := range map[string]Asked{
		`[{allow: {or: [{email: {is: a@example.com}}]}}]`:                                            {},
		`[{allow: {or: [{groups: {has: admins}}, {groups: {has: 00g1}}, {groups: {has: admins}}]}}]`: {Groups: []string{"admins", "00g1"}},
		`[{deny: {not: [{app: {has: Wiki}}]}}, {allow: {nor: [{app: {exclude: 0oa1}}]}}]`:            {Apps: []string{"Wiki", "0oa1"}},
		`[{allow: {and: [{profile/department: {is: it}}, {profile/team: {exclude: x}}]}}]`:           {Attributes: []string{"department", "team"}},
		`[{allow: {and: [{user_status: ACTIVE}]}}]`:                                                  {Status: true},
	} {
		if (*Asked)(nil).Any() {
			t.Error("a policy that asks nothing asks something")
		}
		p, problems := parseText(t, text)
		if len(problems) > 0 {
			t.Fatalf("%s: %v", text, problems)
		}
		got := p.AsksDirectory()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
		if got.Any() != (len(p.NeedsDirectory()) > 0) {
			t.Errorf("%s: any is %v", text, got.Any())
		}
	}
}

func TestRulesInShadowDecideOnNothing(t *testing.T) {
	p, problems := parseText(t, `[{allow: {or: [{groups: {has: a}}]}}, {deny: {mode: shadow, or: [{groups: {has: b}}, {profile/x: y}, {app: z}, {user_status: ACTIVE}]}}]`)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if diff := cmp.Diff(Asked{Groups: []string{"a"}}, p.DecidesOn()); diff != "" {
		t.Error(diff)
	}
	want := Asked{Groups: []string{"a", "b"}, Apps: []string{"z"}, Attributes: []string{"x"}, Status: true}
	if diff := cmp.Diff(want, p.AsksDirectory()); diff != "" {
		t.Error(diff)
	}
}
