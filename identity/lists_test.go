package identity

import (
	"fmt"
	"slices"
	"testing"
)

func longList(n int) []any {
	list := make([]any, n)
	for i := range list {
		list[i] = fmt.Sprint("g", i)
	}
	return list
}

func TestLongListsOfClaimsAreIndexed(t *testing.T) {
	groups, deep, mixed := longList(100), longList(shortList), []any{"a", 1.0, "", nil, "b", "a"}
	s := &Subject{Claims: Claims{
		"groups": groups, "mixed": mixed, "name": "alice",
		"a": map[string]any{"b": map[string]any{"c": deep}},
	}}
	if s.NamesOf(groups) != nil {
		t.Error("a list is indexed before it was asked for")
	}
	s.Index()
	for _, tt := range []struct {
		name string
		list []any
		want int
	}{{"groups", groups, 100}, {"deep", deep, shortList}, {"mixed", mixed, 2}} {
		got := s.NamesOf(tt.list)
		if got == nil || got.Len() != tt.want {
			t.Errorf("%s: got %v, want %d names", tt.name, got, tt.want)
			continue
		}
		for _, element := range tt.list {
			if text, ok := element.(string); ok && text != "" && !got.Has(NewName(text)) {
				t.Errorf("%s: %q is not found", tt.name, text)
			}
		}
	}
	if n := testing.AllocsPerRun(10, func() { s.NamesOf(groups) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// A list is never taken for another, even one that says the same: what was
// indexed may no longer be what the claims hold.
func TestNoListIsTakenForAnother(t *testing.T) {
	groups := longList(10)
	s := &Subject{Claims: Claims{"groups": groups}}
	s.Index()
	for name, list := range map[string][]any{
		"alike": slices.Clone(groups), "part": groups[:9], "tail": groups[1:], "empty": {}, "none": nil,
	} {
		if s.NamesOf(list) != nil {
			t.Errorf("%s: an index is found", name)
		}
	}
	s.Claims = Claims{"groups": longList(7)}
	s.Index()
	if s.NamesOf(groups) != nil {
		t.Error("lists of claims that were replaced are still known")
	}
}

func TestIndexIsBounded(t *testing.T) {
	s := &Subject{Claims: Claims{}}
	var lists [][]any
	for i := range 3 * maxNamedLists {
		list := longList(shortList)
		s.Claims[fmt.Sprint(i)], lists = list, append(lists, list)
	}
	var deep any = longList(10)
	lists = append(lists, deep.([]any))
	for range maxClaimDepth {
		deep = map[string]any{"a": deep}
	}
	s.Claims = Claims{"deep": deep}
	s.Index()
	if s.NamesOf(lists[len(lists)-1]) != nil {
		t.Error("a list deeper than any path reaches is indexed")
	}
	s.Claims = Claims{"short": longList(shortList - 1)}
	for i, list := range lists {
		s.Claims[fmt.Sprint(i)] = list
	}
	s.Index()
	found := 0
	for _, list := range lists {
		if s.NamesOf(list) != nil {
			found++
		}
	}
	if found != maxNamedLists {
		t.Errorf("%d lists are indexed, want %d", found, maxNamedLists)
	}
}
