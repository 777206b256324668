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
