package identity

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
// most; a claim whose name is the whole path is found first.
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
	if len(p.parts) < 2 || len(p.parts) > maxClaimDepth {
		return nil, false
	}
	node := map[string]any(c)
	for i, part := range p.parts {
		v, ok := node[part]
		if !ok {
			return nil, false
		}
		if i == len(p.parts)-1 {
			return v, true
		}
		if node, ok = v.(map[string]any); !ok {
			return nil, false
		}
	}
	return nil, false
}
