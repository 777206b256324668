package policy

import (
	"fmt"
	"testing"
)

// Sessions have an index of the long lists in their claims, facts on paper have
// none: both must decide alike, whatever a list holds beside texts.
func TestLongListsDecideAlikeIndexedAndNot(t *testing.T) {
	list := []any{"a", "b", "c", "d", 1.0, true, nil, []any{"x"}, "a"}
	withEmpty := append([]any{""}, list...)
	for _, tt := range []struct {
		criterion string
		list      []any
		want      bool
	}{
		{"{has: b}", list, true},
		{"{has: x}", list, false},
		{"{has: 1}", list, true},
		{"{has: 2}", list, false},
		{"{has: '1'}", list, false},
		{"{has: true}", list, true},
		{"{has: 'true'}", list, false},
		{"{has: ''}", list, false},
		{"{has: ''}", withEmpty, true},
		{"{has: x}", withEmpty, false},
		{"{exclude: x}", withEmpty, true},
		{"{exclude: b}", list, false},
		{"{exclude: x}", list, true},
		{"{exclude: 1}", list, false},
		{"{exclude: 2}", list, true},
		{"{exclude: ''}", list, true},
		{"{exclude: ''}", withEmpty, false},
		{"{has: d, exclude: x}", list, true},
		{"{has: d, exclude: true}", list, false},
		{"{is: a}", list, false},
	} {
		in := withClaim("long", tt.list)
		plain, _ := criterionHolds(t, "claim/long: "+tt.criterion, in)
		in.Subject.Index()
		indexed, _ := criterionHolds(t, "claim/long: "+tt.criterion, in)
		if plain != tt.want || indexed != tt.want {
			t.Errorf("%s of %v: got %v, indexed %v, want %v", tt.criterion, tt.list, plain, indexed, tt.want)
		}
	}
}

// Under "or", operands of several criteria become one set: of mixed sorts too.
func TestAlternativesOfMixedSortsAreOneSet(t *testing.T) {
	list := []any{"a", "b", "c", "d", 1.0}
	for criteria, want := range map[string]bool{
		"claim/long: x, claim/long: 1, claim/long: y":  true,
		"claim/long: x, claim/long: 2, claim/long: c":  true,
		"claim/long: x, claim/long: 2, claim/long: y":  false,
		"claim/long: x, claim/long: '', claim/long: y": false,
	} {
		for _, indexed := range []bool{false, true} {
			in := withClaim("long", list)
			if indexed {
				in.Subject.Index()
			}
			program := compiled(t, fmt.Sprintf("allow: {or: [%s]}", criteria))
			if got := program.Eval(in).Effect == Allow; got != want {
				t.Errorf("%s, indexed %v: got %v, want %v", criteria, indexed, got, want)
			}
		}
	}
	in := withClaim("long", append([]any{""}, list...))
	in.Subject.Index()
	if compiled(t, "allow: {or: [claim/long: '', claim/long: x, claim/long: y]}").Eval(in).Effect != Allow {
		t.Error("the empty text is lost among others")
	}
}

// The e-mail is read where only a rule in shadow asks for it.
func TestRulesInShadowSeeTheEMail(t *testing.T) {
	program := compiled(t, "[{allow: {or: [accept: true]}}, {mode: shadow, deny: {or: [email: alice@example.com]}}]")
	if d := program.Eval(alice()); d.Effect != Allow || d.Shadow != ShadowDeny {
		t.Errorf("got %+v, want the shadow of a denial", d)
	}
}
