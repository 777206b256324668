package identity

import "strings"

// Claims maps a claim's name to its JSON value as encoding/json decodes it:
// string, float64, bool, nil, []any or map[string]any.
type Claims map[string]any

// maxClaimDepth bounds how far a claim path descends into nested objects.
const maxClaimDepth = 5

// ClaimPath is a claim's path in a policy ("groups", "a/b", "example.com/key"),
// split once so that a look-up allocates nothing.
type ClaimPath struct {
	whole string
	parts []string
}

// NewClaimPath splits path at "/" and "." for nested look-up, five levels at
// most; a claim whose name is the whole path is found first. Names that hold such
// characters themselves are found where they are joined by dots, whatever the
// depth: "https://example.com/app.roles" is also "roles" in the claim
// "https://example.com/app".
func NewClaimPath(path string) ClaimPath {
	p := ClaimPath{whole: path}
	start := 0
	for i := 0; i <= len(path); i++ {
		if i == len(path) || path[i] == '/' || path[i] == '.' {
			p.parts = append(p.parts, path[start:i])
			start = i + 1
		}
	}
	return p
}

// String returns the path as written.
func (p ClaimPath) String() string { return p.whole }

// Lookup returns the value at p, or nil and false.
func (c Claims) Lookup(p ClaimPath) (any, bool) {
	if v, ok := c[p.whole]; ok {
		return v, true
	}
	if len(p.parts) < 2 {
		return nil, false
	}
	if len(p.parts) <= maxClaimDepth {
		if v, ok := nested(c, p.parts); ok {
			return v, true
		}
	}
	return joined(c, p.whole)
}

// nested returns what is found level by level.
func nested(level map[string]any, parts []string) (any, bool) {
	for _, part := range parts[:len(parts)-1] {
		inner, ok := level[part].(map[string]any)
		if !ok {
			return nil, false
		}
		level = inner
	}
	v, ok := level[parts[len(parts)-1]]
	return v, ok
}

// joined returns what is found under names that make the path when joined by
// dots: Pomerium keeps nested claims so. Each object is looked into once at most,
// as its names make one beginning of the path.
func joined(level map[string]any, path string) (any, bool) {
	for i := strings.IndexByte(path, '.'); i >= 0 && i < len(path); {
		if inner, ok := level[path[:i]].(map[string]any); ok {
			if v, ok := inner[path[i+1:]]; ok {
				return v, true
			}
			if v, ok := joined(inner, path[i+1:]); ok {
				return v, true
			}
		}
		next := strings.IndexByte(path[i+1:], '.')
		if next < 0 {
			break
		}
		i += 1 + next
	}
	return nil, false
}
