package identity

import "testing"

func TestClaimsAreFoundByTheirPath(t *testing.T) {
	claims := Claims{
		"groups": "whole", "null": nil, "a.b/c": "dotted whole", "": "nameless",
		"a": map[string]any{
			"b": map[string]any{"c": map[string]any{"d": map[string]any{"e": "five", "f": map[string]any{"g": "six"}}}},
			"":  "empty",
		},
	}
	for path, want := range map[string]any{
		"groups": "whole", "a.b/c": "dotted whole", "a/b/c/d/e": "five", "a.b.c.d.e": "five", "a/b.c/d.e": "five", "a/": "empty", "": "nameless",
	} {
		p := NewClaimPath(path)
		if got, ok := claims.Lookup(p); !ok || got != want {
			t.Errorf("%q: got %v, %v, want %v", path, got, ok, want)
		}
		if p.String() != path {
			t.Errorf("%q reads %q", path, p)
		}
	}
	if v, ok := claims.Lookup(NewClaimPath("null")); v != nil || !ok {
		t.Errorf("a claim that is null: got %v, %v", v, ok)
	}
	if v, ok := claims.Lookup(NewClaimPath("a/b")); v == nil || !ok {
		t.Errorf("an object: got %v, %v", v, ok)
	}
	for _, path := range []string{"b", "a/c", "a/b/x/d", "groups/x", "a/b/c/d/e/f", "a/b/c/d/f/g", "null/x", "/a", "a//b", "."} {
		if v, ok := claims.Lookup(NewClaimPath(path)); ok || v != nil {
			t.Errorf("%q: got %v, want nothing", path, v)
		}
	}
	if _, ok := Claims(nil).Lookup(NewClaimPath("a")); ok {
		t.Error("no claims: something is found")
	}
}

func TestClaimsAreFoundByWholeNameByLevelsAndByNamesJoined(t *testing.T) {
	claims := Claims{
		"plain":                   "p",
		"a/b":                     "slash",
		"a.b":                     "dot",
		"o":                       map[string]any{"k": "v", "x.y": "in", "deep": map[string]any{"er": "d"}},
		"https://example.com/app": map[string]any{"roles": "admin"},
		"access":                  map[string]any{"my.app": map[string]any{"roles": "r"}, "my": map[string]any{"other": "o"}},
		"1":                       map[string]any{"2": map[string]any{"3": map[string]any{"4": map[string]any{"5": map[string]any{"6": "six"}}}}},
		"null":                    nil,
		"o.null":                  map[string]any{"k": nil},
	}
	for path, want := range map[string]any{
		"plain": "p", "a/b": "slash", "a.b": "dot", "o/k": "v", "o.k": "v", "o/deep/er": "d", "o.deep.er": "d", "o/deep.er": "d",
		"o.x.y": "in", "https://example.com/app.roles": "admin", "access.my.app.roles": "r", "access.my.other": "o",
		"1.2.3.4.5.6": "six", "null": nil, "o.null.k": nil,
	} {
		if got, ok := claims.Lookup(NewClaimPath(path)); !ok || got != want {
			t.Errorf("%s: got %v, %v, want %v", path, got, ok, want)
		}
	}
	for _, path := range []string{
		"", ".", "..", "o.", ".o", "o..k", "plain.k", "o.k.v", "none", "none.k", "access.my.roles", "1/2/3/4/5/6",
		"https://example.com/app.none", "https://example.com.app.roles",
	} {
		if got, ok := claims.Lookup(NewClaimPath(path)); ok {
			t.Errorf("%q: got %v, want nothing", path, got)
		}
	}
}
